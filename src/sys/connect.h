/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to a systemd manager that needs no bus daemon. */
#pragma once

#include <systemd/sd-bus.h>

/*
 * The manager's own socket: there with or without a bus daemon, until the end of a shutdown, and open
 * to root or its user. dir: "/run/systemd" of PID 1, "/run/user/UID/systemd" of a user's. *ret to be
 * freed with sd_bus_flush_close_unref(). Negative errno.
 */
int wb_manager_connect(const char *dir, sd_bus **ret);
#define WB_MANAGER_SYSTEM "/run/systemd"
