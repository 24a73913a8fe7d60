/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clearing the boot loader's one-shot setting for a jump. */
#pragma once

#include "jump/once.h"
#include "session/host.h"

/*
 * Before a jump: clear the one-shot setting if it selects the boot entry that is staged. A failure
 * is a warning, and the jump goes on.
 */
void wb_once_clear(const struct wb_session_host *h, struct wb_once *ret);
/* The jump was refused: restore the setting. */
void wb_once_undo(const struct wb_session_host *h, const struct wb_once *once);
