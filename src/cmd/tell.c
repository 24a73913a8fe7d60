// SPDX-License-Identifier: LGPL-2.1-or-later
/* The callbacks by which the library reports progress and warnings, and asks for interruptions. */
#include <errno.h>
#include <signal.h>

#include "cmd/load.h"

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
#define N_ENDINGS (sizeof(endings) / sizeof(*endings))

void cmd_put_off_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_ENDINGS; i++)
		sigaddset(&set, endings[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int interrupted(void *arg, struct wb_error *err)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < N_ENDINGS; i++)
		if (sigismember(&pending, endings[i]))
			return wb_fail(err, -EINTR, "interrupted by a signal; nothing was stopped");
	return 0;
}

static void progress(void *arg, const char *what)
{
	if (what)
		cmd_progress(arg, what);
	else
		cmd_progress_end();
}

static void warn(void *arg, const char *sentence)
{
	fputs("warmboot: ", stderr);
	cmd_print_clean(stderr, sentence);
	fputc('\n', stderr);
}

const struct wb_teller cmd_teller = {
	.progress = progress, .warn = warn, .interrupted = interrupted};

struct wb_session_host cmd_host(void)
{
	static struct wb_replay_host replay;

	replay = wb_replay_host_real(wb_sys_real(), NULL);
	return wb_session_host_real(&replay, &cmd_teller);
}
