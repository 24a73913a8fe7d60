/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs of stage-auto that only warmboot's units use (stage-auto-unit.c). */
#pragma once

#include "cmd/cmd.h"

/* EX_TEMPFAIL of sysexits.h: the unit shall try again. */
#define CMD_TRY_AGAIN 75

/* One run, for warmboot-stage-auto.service. CMD_TRY_AGAIN: files are being changed. */
int cmd_stage_auto_run(const struct cmd_args *args);
/* Wait for shutdowns, for warmboot-stage-auto-shutdown.service. It ends with a signal only. */
int cmd_stage_auto_watch(const struct cmd_args *args);
/* The last look, when that unit is stopped. */
int cmd_stage_auto_look(const struct cmd_args *args);
