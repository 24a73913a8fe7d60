/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Socket activation (systemd.socket(5)): systemd has sockets open and hands copies of them to a service. Of a kept
 * service, the socket units stay up during the shutdown. The next boot makes the sockets anew, and the restored
 * processes get copies of them.
 */
#pragma once

#include "systemd/service.h"

/* Is it the name of a socket unit? */
bool wb_is_socket_unit(const char *unit);
/*
 * Can a service be kept that this socket unit activates? 1: yes, and its sockets are handed over again. 0: it has no
 * sockets, and the next boot does not start it. -EOPNOTSUPP with a sentence: no. Pure.
 */
int wb_activation_judge(const struct wb_service *socket, struct wb_error *err);

struct wb_activation {
	struct wb_strv sockets; /* socket units that hand it their sockets again */
	struct wb_strv why;     /* sentences: why it cannot be kept */
};

void wb_activation_deinit(struct wb_activation *activation);
/* Judge all socket units of a service. *ret begins as zeroes and is to be freed, also on failure. -ENOMEM. */
int wb_activation_find(
	const struct wb_services *services, const struct wb_service *of, struct wb_activation *ret);
