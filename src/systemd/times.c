// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading timestamps of PID 1 and of its units. */
#include <stdlib.h>
#include <string.h>

#include "core/strv.h"
#include "systemd/bus.h"
#include "systemd/times.h"

int wb_manager_times(const struct wb_manager_time *times, size_t n)
{
	WB_CLEAN_BUS bus = NULL;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_bus_get_property_trivial(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH,
			WB_BUS_MANAGER, times[i].name, NULL, 't', times[i].ret);
	return r < 0 ? r : 0;
}

int wb_unit_active_since(const char *unit, uint64_t *ret_us)
{
	sd_bus_message *m = NULL;
	const char *path;
	WB_CLEAN_STR state = NULL;
	WB_CLEAN_BUS bus = NULL;
	uint64_t us = 0;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER,
			"GetUnit", NULL, &m, "s", unit);
	if (r >= 0)
		r = sd_bus_message_read(m, "o", &path);
	if (r >= 0)
		r = sd_bus_get_property_string(
			bus, WB_BUS_SYSTEMD, path, WB_BUS_UNIT, "SubState", NULL, &state);
	/*
	 * A running service or an active target. An "exited" service is active too, but has no
	 * process that could answer.
	 */
	if (r >= 0 && (!strcmp(state, "running") || !strcmp(state, "active")))
		r = sd_bus_get_property_trivial(bus, WB_BUS_SYSTEMD, path, WB_BUS_UNIT,
			"ActiveEnterTimestampMonotonic", NULL, 't', &us);
	sd_bus_message_unref(m);
	if (r < 0)
		return r;
	*ret_us = us;
	return 0;
}
