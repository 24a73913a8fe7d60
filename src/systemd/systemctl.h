/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to PID 1, and queries about one unit, through systemctl(1). */
#pragma once

#include <stdbool.h>

#include "core/files.h"
#include "sys/runner.h"

/* Does systemd run the machine? */
bool wb_systemd_here(const struct wb_files *files);

/* "systemctl [OPTION] VERB [UNIT]". */
struct wb_systemctl {
	const char *verb;
	const char *unit;   /* NULL: the verb takes none */
	const char *option; /* such as "--no-block"; NULL: none */
	long ms;            /* timeout in milliseconds; 0: half a minute */
};

/* Run the command. -EIO with the last line that systemctl printed, or the errors of wb_spawn(). */
int wb_systemctl(
	const struct wb_runner *runner, const struct wb_systemctl *order, struct wb_error *err);

/* The state of a unit at the moment. */
struct wb_unit_moment {
	char active[32]; /* ActiveState=: "active", "inactive", "activating", … */
	bool job;        /* a job for it is queued or running */
};

/* Parse the output of "systemctl show". Pure. */
void wb_unit_moment_parse(const char *text, struct wb_unit_moment *ret);
/* Read the state. ms: as above. Negative errno without a sentence: systemd does not say. */
int wb_unit_moment_read(
	const struct wb_runner *runner, const char *unit, long ms, struct wb_unit_moment *ret);

/* The number in "systemd 257 (257.13-1)", as "systemctl --version" begins. 0: it is something else. Pure. */
unsigned wb_systemd_version_of(const char *text);
/* The version of systemd. 0: it does not say. */
unsigned wb_systemd_version(const struct wb_runner *runner);
