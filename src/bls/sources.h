/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources of entries that follow the Boot Loader Specification. */
#pragma once

#include "bls/entry.h"

/* Types 1 and 2 of the specification. */
extern const struct wb_entry_source wb_source_bls, wb_source_uki;
