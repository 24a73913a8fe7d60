/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of a service to its manager, and file descriptors that the manager stores for it:
 * sd_notify(3).
 */
#pragma once

#include "core/error.h"
#include "core/strv.h"

/*
 * Report that this service is ready, with `status` as its status. Does nothing without a manager.
 * Removes the manager's socket from the environment, so programs started later do not have it.
 */
void wb_notify_ready(const char *status);

/*
 * Store a file descriptor in the manager under a name, so that it outlives the process
 * (FileDescriptorStoreMax=). -EOPNOTSUPP with a sentence: no manager started this process.
 */
int wb_fd_store_push(const char *name, int fd, struct wb_error *err);
/*
 * Wait until the manager has read everything that was pushed, at most 5 s. To be called before the
 * process ends.
 */
void wb_fd_store_wait(void);
/* Remove it from the manager's store. */
void wb_fd_store_forget(const char *name);
/*
 * Names of the stored descriptors that this process got at its start; the first is
 * WB_FD_STORE_FIRST, and so on. Clears the environment, so programs started later do not see them.
 * -ENOMEM, and errors of sd_listen_fds_with_names(3).
 */
int wb_fd_store_list(struct wb_strv *ret);
#define WB_FD_STORE_FIRST 3
