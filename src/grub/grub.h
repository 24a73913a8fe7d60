/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB as a source of boot entries. */
#pragma once

#include "bls/entry.h"

extern const struct wb_entry_source wb_source_grub;
