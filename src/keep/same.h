/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process must find two things again in the next kernel: the features of the CPU that its code was chosen for, and
 * the label by which a security module (AppArmor, SELinux) restricts it. CRIU checks the first only in
 * part, and the second not at all if it did not see the module when it looked at this kernel first.
 */
#pragma once

#include "core/files.h"
#include "criu/criu.h"

/* Note both of processes that stand still; what the image had is replaced. -E2BIG, -ENOMEM; no sentence. */
int wb_same_note(
	const struct wb_files *files, const int64_t *pids, size_t n, struct wb_criu_image *image);
/* Before the restore: -EOPNOTSUPP if the CPU offers less to programs than it did. */
int wb_same_check_cpu(const struct wb_criu_image *image, struct wb_error *err);
/* When all tasks are restored, and none has run: -EPERM if a thread has not its label. */
int wb_same_check_labels(
	const struct wb_files *files, const struct wb_criu_image *image, struct wb_error *err);
