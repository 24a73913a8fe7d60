// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages to the manager that started this process, by libsystemd. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "systemd/notify.h"

_Static_assert(WB_FD_STORE_FIRST == SD_LISTEN_FDS_START, "sd_listen_fds(3)");

#define WAIT_USEC (5 * 1000 * 1000)

void wb_notify_ready(const char *status)
{
	sd_notifyf(1, "READY=1\nSTATUS=%s", status);
}

int wb_fd_store_push(const char *name, int fd, struct wb_error *err)
{
	char state[320]; /* systemd allows a name 255 characters */
	int r;

	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", name);
	r = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
	if (r == 0)
		return wb_fail(err, -EOPNOTSUPP,
			"systemd did not start this command, and only systemd may");
	return r < 0 ? wb_fail(err, r, "cannot hand %s to systemd: %s", name, strerror(-r)) : 0;
}

void wb_fd_store_wait(void)
{
	sd_notify_barrier(0, WAIT_USEC);
}

void wb_fd_store_forget(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

int wb_fd_store_list(struct wb_strv *ret)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), r = n < 0 ? n : 0;

	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = wb_strv_add(ret, names[i]);
		free(names[i]);
	}
	free(names);
	return r;
}
