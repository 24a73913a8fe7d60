/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shutting down through logind and PID 1: inhibitors, the request, and its progress. */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/strv.h"

/* Does an inhibitor lock with these values from ListInhibitors() forbid a shutdown? Pure. */
bool wb_inhibitor_blocks(const char *what, const char *mode);

/*
 * List the programs that ask for no shutdown now, one sentence for each. Negative errno: logind
 * cannot be asked.
 */
int wb_systemd_inhibitors(struct wb_strv *ret, struct wb_error *err);
/*
 * Ask systemd to stop everything and jump into the loaded kernel. 0 as soon as it has accepted the
 * request; negative errno: it refused, and nothing was stopped.
 */
int wb_systemd_kexec(bool ignore_inhibitors, struct wb_error *err);
/* Is systemd stopping the machine, or about to? 1 yes, 0 no, negative errno with a sentence. */
int wb_systemd_stopping(struct wb_error *err);
