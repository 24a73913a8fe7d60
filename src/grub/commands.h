/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB's commands. */
#pragma once

#include "grubscript/state.h"

/* Those of the language and GRUB's own, for struct wb_grub. */
extern const struct wb_grub_command *const wb_grub_commands[];
