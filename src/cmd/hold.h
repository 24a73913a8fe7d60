/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cmd/cmd.h"
#include "sys/sys.h"

/*
 * End the silence for units that were started anew, each in its time (wb_unhold_run()). replayed: what the
 * replay starts is started. Where nothing is held, 0.
 */
int cmd_hold_end(const struct wb_sys *sys, bool replayed, struct wb_error *err);
