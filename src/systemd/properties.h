/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The properties of a unit, for service.c. */
#pragma once

#include "systemd/bus.h"
#include "systemd/service.h"

/*
 * Fill in all fields of a unit but `stored`, by the object path that LoadUnit() has given; or `again` those that may
 * change without a new definition. Negative errno, and what systemd says in `e`, which is to be freed. The fields that
 * were read by then are to be freed in any case.
 */
int wb_properties_read(
	sd_bus *bus, const char *path, bool again, struct wb_service *u, sd_bus_error *e);

/* All but `stored`. *ret is to be freed. -ENOMEM. */
int wb_properties_copy(const struct wb_service *from, struct wb_service *ret);
