/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptors that a service has given to systemd (FDSTORE=1 of sd_notify(3)). One that a process of the service has open,
 * too, is given to systemd again after a restore. The others are systemd's alone, and no process would bring them back.
 */
#pragma once

#include "systemd/service.h"

/* A descriptor of a process that systemd stores a copy of. */
struct wb_stored {
	char *name; /* FDNAME= */
	char *link; /* as in /proc/PID/fd, before a jump */
	int64_t pid, fd;
};
typedef WB_LIST(struct wb_stored) wb_stored_list;
void wb_stored_deinit(wb_stored_list *list);
/* Has it a socket of that inode? list NULL: no. */
bool wb_stored_has(const wb_stored_list *list, int64_t inode);
/* Add copies of all to *ret. -ENOMEM. */
int wb_stored_copy(const wb_stored_list *list, wb_stored_list *ret);

/*
 * Find for each of a service's descriptors the one of these processes that is the same open file as what process
 * `systemd`, 1, has. -EOPNOTSUPP with a sentence: there is none, or its kind is not known again. -ENOMEM.
 */
int wb_stored_find(const struct wb_service *service, const int64_t *pids, size_t n, int64_t systemd,
	wb_stored_list *ret, struct wb_error *err);
/* The processes stand still: are these what they were? -EOPNOTSUPP with a sentence: no. */
int wb_stored_check(const struct wb_stored *all, size_t n, struct wb_error *err);
/*
 * The processes are restored: call push() for each, wb_fd_store_push() as a rule, in the order in which the service did.
 * Errors of pidfd_getfd(2), with a sentence, and of push().
 */
int wb_stored_give(const struct wb_stored *all, size_t n,
	int (*push)(const char *name, int fd, struct wb_error *err), struct wb_error *err);
