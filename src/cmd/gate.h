/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that the commands about a trial share. */
#pragma once

#include "cmd/load.h"
#include "session/gate.h"

/* The real machine. */
struct wb_gate_host cmd_gate_host(void);
/* The exit code that tells of a verdict: 0 good, 3 degraded, 1 anything else. */
int cmd_verdict_code(enum wb_trial_verdict verdict);
