// SPDX-License-Identifier: LGPL-2.1-or-later
/* Connecting to the private socket of a systemd manager, and its error messages. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/strv.h"
#include "systemd/bus.h"

int wb_bus_open_manager(const char *dir, sd_bus **ret)
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

void wb_bus_close(sd_bus **bus)
{
	*bus = sd_bus_flush_close_unref(*bus);
}

int wb_bus_fail(struct wb_error *err, int r, const sd_bus_error *e, const char *what)
{
	return wb_fail(err, r, "%s: %s", what, e->message ? e->message : strerror(-r));
}
