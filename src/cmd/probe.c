// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "keep/config.h"
#include "sys/sys.h"
#include "timeline/marks.h"
#include "timeline/probe.h"

/* How long a service may take to answer for the first time, and how often it is asked. */
#define PATIENCE_S 300
#define PAUSE_MS 50
#define ONE_MS 500
/* A command is a process each time. */
#define COMMAND_MS 5000

struct wanted {
	const char *unit;
	struct wb_probe probe;
	bool answered;
};

/*
 * The early thaw asks, and then a unit of systemd's: one after the other. Not by WB_PROBING itself,
 * which comes and goes under whoever waits for it.
 */
static int take_turn(void)
{
	int fd = open("/run/warmboot", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

/*
 * The units that are to be asked: who has answered in this boot need not again. A probe that is no
 * good is told and left out.
 */
static size_t choose(const struct cmd_args *args, const struct wb_sys *sys,
	const struct wb_keep_configs *all, struct wanted *ret)
{
	WB_CLEAN_MARKS marks = {};
	size_t n = 0;

	wb_marks_read(sys->files, &marks, NULL);
	for (size_t i = 0; i < all->n; i++) {
		struct wb_error err = {};

		if (!all->items[i].probe ||
			wb_marks_have_unit(sys->files, &marks, WB_MARK_PROBE, all->items[i].unit))
			continue;
		if (wb_probe_parse(all->items[i].probe, &ret[n].probe, &err) < 0)
			cmd_fail(args, &err);
		else
			ret[n++].unit = all->items[i].unit;
	}
	return n;
}

static size_t ask_all(const struct wb_sys *sys, struct wanted *w, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		int ms = w[i].probe.kind == WB_PROBE_EXEC ? COMMAND_MS : ONE_MS;

		if (w[i].answered)
			continue;
		if (wb_probe_ask(&wb_probe_io_host, &w[i].probe, ms) == 0) {
			wb_mark_unit(sys, WB_MARK_PROBE, w[i].unit);
			w[i].answered = true;
		} else {
			left++;
		}
	}
	return left;
}

/* After a jump: ask the services that have a probe until each has answered once. */
static int run_probe(const struct cmd_args *args)
{
	const struct timespec pause = {0, PAUSE_MS * 1000000l};
	const struct wb_sys *sys = wb_sys_real();
	uint64_t end = sys->mono_ns(sys->ctx) + PATIENCE_S * 1000000000ull;
	WB_CLEAN_KEEP_CONFIGS all = {};
	struct wb_error err = {};
	struct wanted *w;
	size_t n, left;
	int turn;

	if (wb_keep_configs_read(sys->files, &all, &err) < 0)
		return cmd_fail(args, &err);
	w = calloc(all.n + 1, sizeof(*w));
	if (!w) {
		wb_oom(&err);
		return cmd_fail(args, &err);
	}
	turn = take_turn();
	n = choose(args, sys, &all, w);
	sys->write_file(sys->ctx, WB_PROBING, (struct wb_bytes){}, 0600);
	while ((left = ask_all(sys, w, n)) && sys->mono_ns(sys->ctx) < end)
		nanosleep(&pause, NULL);
	sys->remove_file(sys->ctx, WB_PROBING);
	if (turn >= 0)
		close(turn);
	for (size_t i = 0; i < n; i++)
		if (!w[i].answered) {
			wb_fail(&err, -ETIMEDOUT, "%s did not answer its probe within %d s",
				w[i].unit, PATIENCE_S);
			cmd_fail(args, &err);
		}
	free(w);
	return left ? CMD_FAILED : CMD_DONE;
}

const struct cmd_row cmd_probe = {
	.name = "probe",
	.args = "",
	.help = "ask services until they answer, and note when they do",
	.run = run_probe,
};
