// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>

#include "core/strv.h"
#include "sys/connect.h"

int wb_manager_connect(const char *dir, sd_bus **ret)
{
	WB_CLEAN_STR address = NULL;
	sd_bus *bus = NULL;
	int r;

	if (asprintf(&address, "unix:path=%s/private", dir) < 0) {
		address = NULL;
		return -ENOMEM;
	}
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}
