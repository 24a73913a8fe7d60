/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The finder of virtual machines, a row of keep/named.h. */
#pragma once

#include "keep/named.h"

extern const struct wb_keep_finder wb_find_vm;
