// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot as-user: a part of the replay for one user, started with that user's rights and no others. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "replay/manager.h"

static int read_input(struct wb_blob *ret, struct wb_error *err)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (wb_blob_append(ret, buf, (size_t)n) < 0)
			return wb_oom(err);
	return n < 0 ? wb_fail(err, -errno, "cannot read the task: %s", strerror(errno)) : 0;
}

/* The first byte of the output says whether an answer or a sentence follows. */
static int run_as_user(const struct cmd_args *args)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real(), NULL);
	struct wb_user_task task = {
		.name = args->words[0], .end = strtoull(args->words[2], NULL, 10)};
	uint32_t uid = (uint32_t)strtoul(args->words[1], NULL, 10);
	WB_CLEAN_BLOB in = {}, out = {};
	struct wb_error err = {};
	int r = 0;

	if (getuid() != uid || geteuid() != uid)
		r = wb_fail(&err, -EPERM, "this is not user %u", uid);
	if (r == 0)
		r = read_input(&in, &err);
	task.input = wb_blob_view(&in);
	if (r == 0)
		r = wb_user_task_run(&host, uid, &task, &out, &err);
	putchar(r < 0 ? '-' : '+');
	if (r < 0)
		fputs(err.text, stdout);
	else
		fwrite(out.data, 1, out.size, stdout);
	return r < 0 ? CMD_FAILED : CMD_DONE;
}

const struct cmd_row cmd_as_user = {
	.name = "as-user",
	.args = "observe|glance|replay UID END",
	.min_args = 3,
	.max_args = 3,
	.help = "report a user's units, or start them again; replay runs this as that user",
	.run = run_as_user,
	/* The process that calls this program holds the lock. */
	.lock = cmd_lock_none,
};
