// SPDX-License-Identifier: LGPL-2.1-or-later
/* Questions about the name and the state of a unit. */
#include <string.h>

#include "systemd/unit.h"

const char *wb_unit_kind(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : "";
}

bool wb_unit_is_up(const struct wb_unit *unit)
{
	return unit->active &&
	       (!strcmp(unit->active, "active") || !strcmp(unit->active, "reloading") ||
		       !strcmp(unit->active, "refreshing"));
}

bool wb_unit_is_starting(const struct wb_unit *unit)
{
	return unit->active && !strcmp(unit->active, "activating");
}
