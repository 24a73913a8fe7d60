/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A unit and its state. */
#pragma once

#include <stdbool.h>

#include "core/strv.h"

/* Owned strings, NULL where not known. */
struct wb_unit {
	char *name;
	char *active;   /* "active", "activating", "failed", … */
	char *sub;      /* "running", "exited", "mounted", … */
	char *state;    /* UnitFileState: "enabled", "disabled", "static", "transient", "", … */
	char *fragment; /* path of its unit file; "" none */
	char *cannot;   /* sentence: why it cannot be started again; NULL: it can */
	struct wb_strv after;
	struct wb_strv triggered_by;
	bool no_start; /* systemd refuses to start it by request */
	bool by_bus;   /* started by a request on the bus, and ends when idle */
	bool unasked;  /* it has ended ("active", "exited"), and no unit had wanted it */
};

/* The part of a unit's name after the last dot; "" none. */
const char *wb_unit_kind(const char *name);
/* Is the unit up ("active", or a variant such as "reloading")? */
bool wb_unit_is_up(const struct wb_unit *unit);
/* Is the unit starting, or is its start queued? */
bool wb_unit_is_starting(const struct wb_unit *unit);
