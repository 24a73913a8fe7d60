// SPDX-License-Identifier: LGPL-2.1-or-later
/* Properties of PID 1 about its watchdog (org.freedesktop.systemd1(5)). */
#include "systemd/bus.h"
#include "systemd/times.h"
#include "systemd/watchdog.h"

#define KEXEC_TIME "KExecWatchdogUSec"

bool wb_systemd_feeds_watchdog(void)
{
	uint64_t us = 0;
	struct wb_manager_time time = {"RuntimeWatchdogUSec", &us};

	return wb_manager_times(&time, 1) == 0 && us;
}

int wb_systemd_set_kexec_watchdog(uint64_t us, uint64_t *ret_before, struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	WB_CLEAN_BUS bus = NULL;
	uint64_t before = 0;
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = sd_bus_get_property_trivial(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH,
			WB_BUS_MANAGER, KEXEC_TIME, &e, 't', &before);
	if (r >= 0)
		r = sd_bus_set_property(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER,
			KEXEC_TIME, &e, "t", us);
	if (r < 0)
		return wb_bus_fail(err, r, &e, "systemd does not arm a watchdog for the jump");
	*ret_before = before;
	return 0;
}
