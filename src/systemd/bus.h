/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client of the D-Bus interfaces of systemd and logind, for the files of this directory. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/error.h"

/* org.freedesktop.systemd1(5) */
#define WB_BUS_SYSTEMD "org.freedesktop.systemd1"
#define WB_BUS_MANAGER_PATH "/org/freedesktop/systemd1"
#define WB_BUS_MANAGER WB_BUS_SYSTEMD ".Manager"
#define WB_BUS_UNIT WB_BUS_SYSTEMD ".Unit"
#define WB_BUS_SERVICE WB_BUS_SYSTEMD ".Service"
#define WB_BUS_SOCKET WB_BUS_SYSTEMD ".Socket"

/*
 * Connect to a manager over its private socket. It works without a bus daemon and until the end of
 * a shutdown, for root or the user of the manager. dir: WB_MANAGER_SYSTEM for PID 1,
 * "/run/user/UID/systemd" for a user's. Negative errno.
 */
int wb_bus_open_manager(const char *dir, sd_bus **ret);
#define WB_MANAGER_SYSTEM "/run/systemd"

/* Close the connection; NULL-safe. */
void wb_bus_close(sd_bus **bus);
#define WB_CLEAN_BUS __attribute__((cleanup(wb_bus_close))) sd_bus *
#define WB_CLEAN_BUS_ERROR __attribute__((cleanup(sd_bus_error_free))) sd_bus_error

/* Set the message to "WHAT: " and the text of `e`, or of errno without one. Returns `r`. */
int wb_bus_fail(struct wb_error *err, int r, const sd_bus_error *e, const char *what);
