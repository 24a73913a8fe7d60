/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of the language itself; the caller has the others. */
#pragma once

#include "grubscript/state.h"

/* Ends in a row without a name. */
extern const struct wb_grub_command wb_grub_builtins[];
