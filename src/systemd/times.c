// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading timestamps of PID 1 and of its units. */
#include <stdlib.h>
#include <string.h>

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

/* The unit's object; *ret_path is borrowed from *ret_m, to be released. */
static int find_unit(sd_bus *bus, const char *unit, sd_bus_message **ret_m, const char **ret_path)
{
	int r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER,
		"GetUnit", NULL, ret_m, "s", unit);

	return r < 0 ? r : sd_bus_message_read(*ret_m, "o", ret_path);
}

static int read_time(sd_bus *bus, const char *path, const char *name, uint64_t *ret_us)
{
	return sd_bus_get_property_trivial(
		bus, WB_BUS_SYSTEMD, path, WB_BUS_UNIT, name, NULL, 't', ret_us);
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
		r = find_unit(bus, unit, &m, &path);
	if (r >= 0)
		r = sd_bus_get_property_string(
			bus, WB_BUS_SYSTEMD, path, WB_BUS_UNIT, "SubState", NULL, &state);
	/*
	 * A running service or an active target. An "exited" service is active too, but has no
	 * process that could answer.
	 */
	if (r >= 0 && (!strcmp(state, "running") || !strcmp(state, "active")))
		r = read_time(bus, path, "ActiveEnterTimestampMonotonic", &us);
	sd_bus_message_unref(m);
	if (r < 0)
		return r;
	*ret_us = us;
	return 0;
}

int wb_unit_start_took(const char *unit, uint64_t *ret_us)
{
	sd_bus_message *m = NULL;
	const char *path;
	WB_CLEAN_BUS bus = NULL;
	uint64_t from = 0, to = 0;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = find_unit(bus, unit, &m, &path);
	if (r >= 0)
		r = read_time(bus, path, "InactiveExitTimestampMonotonic", &from);
	if (r >= 0)
		r = read_time(bus, path, "ActiveEnterTimestampMonotonic", &to);
	sd_bus_message_unref(m);
	if (r < 0)
		return r;
	*ret_us = to > from ? to - from : 0;
	return 0;
}

static int read_start(sd_bus *bus, const char *path, struct wb_unit_start *ret)
{
	struct wb_unit_start s = {};
	int r = read_time(bus, path, "InactiveExitTimestampMonotonic", &s.from_us);

	if (r >= 0 && s.from_us)
		r = read_time(bus, path, "ActiveEnterTimestampMonotonic", &s.up_us);
	if (r >= 0 && s.from_us)
		r = read_time(bus, path, "InactiveEnterTimestampMonotonic", &s.end_us);
	if (r >= 0)
		*ret = s;
	return r;
}

static int read_starts(sd_bus *bus, sd_bus_message *m, wb_unit_start_add *add, void *arg)
{
	int r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");

	while (r >= 0) {
		const char *unit, *following, *path;
		struct wb_unit_start start = {};

		r = sd_bus_message_read(m, "(ssssssouso)", &unit, NULL, NULL, NULL, NULL,
			&following, &path, NULL, NULL, NULL);
		if (r <= 0)
			break;
		/* Another name of a device; and a unit may be unloaded by now. */
		if (*following || read_start(bus, path, &start) < 0 || !start.from_us)
			continue;
		r = add(arg, unit, &start);
	}
	return r < 0 ? r : 0;
}

int wb_unit_starts(wb_unit_start_add *add, void *arg)
{
	sd_bus_message *m = NULL;
	WB_CLEAN_BUS bus = NULL;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER,
			"ListUnits", NULL, &m, NULL);
	if (r >= 0)
		r = read_starts(bus, m, add, arg);
	sd_bus_message_unref(m);
	return r;
}

int wb_unit_after(const char *unit, struct wb_strv *ret)
{
	sd_bus_message *m = NULL, *value = NULL;
	WB_CLEAN_STRV list = {};
	WB_CLEAN_BUS bus = NULL;
	const char *path, *name;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = find_unit(bus, unit, &m, &path);
	if (r >= 0)
		r = sd_bus_get_property(
			bus, WB_BUS_SYSTEMD, path, WB_BUS_UNIT, "After", NULL, &value, "as");
	if (r >= 0)
		r = sd_bus_message_enter_container(value, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(value, "s", &name)) > 0)
		r = wb_strv_add(&list, name);
	sd_bus_message_unref(value);
	sd_bus_message_unref(m);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct wb_strv){};
	return 0;
}
