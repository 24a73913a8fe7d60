// SPDX-License-Identifier: LGPL-2.1-or-later
/* keep/strays.h: which processes of a unit are ended before its freeze. */
#include "unit.h"

#include <stdio.h>

#include "fake-files.h"
#include "keep/strays.h"

#define CGROUP "/sys/fs/cgroup/system.slice/rabbit.service/cgroup.procs"
#define STAT(pid, name, parent, ticks)                                                           \
	{                                                                                        \
		"/proc/" pid "/stat", pid " (" name ") S " parent " 9 9 0 -1 4194560 1 2 3 4 5 " \
					  "6 7 8 20 0 1 0 " ticks " 99 100"                      \
	}

struct world {
	struct fake_file disk[16];
	struct wb_files files;
	char alive[128];
	int64_t killed[8];
	int n, pauses;
	int lingers; /* so many pauses until a killed process is gone */
	int error;   /* of kill */
};

static void take_out(struct world *w, int64_t pid)
{
	char line[32], *at;
	int n = snprintf(line, sizeof(line), "%lld\n", (long long)pid);

	at = strstr(w->alive, line);
	assert_non_null(at);
	memmove(at, at + n, strlen(at + n) + 1);
}

static int fake_kill(void *ctx, int64_t pid, bool (*is_it)(void *arg, int64_t pid), void *arg)
{
	struct world *w = ctx;

	if (w->error)
		return w->error;
	if (!is_it(arg, pid))
		return -ESRCH;
	w->killed[w->n++] = pid;
	return 0;
}

static void fake_pause(void *ctx, unsigned ms)
{
	struct world *w = ctx;

	if (++w->pauses == w->lingers)
		for (int i = 0; i < w->n; i++)
			take_out(w, w->killed[i]);
}

static struct wb_strays_ops world_of(struct world *w)
{
	static const struct fake_file disk[] = {{CGROUP},
		/* The main process, its child of long ago, and one of now. */
		STAT("10", "beam.smp", "1", "500"), STAT("11", "sh", "10", "600"),
		STAT("12", "inet (gethost) 4", "11", "90000"),
		/* Beside it: one from before the shutdown, one in its very tick, and those since. */
		STAT("20", "old", "1", "4000"), STAT("21", "edge", "1", "5000"),
		STAT("22", "epmd", "1", "5001"), STAT("23", "a) S 10 (b", "22", "6000"), {}};

	*w = (struct world){.alive = "10\n11\n12\n20\n21\n22\n23\n24\n", .lingers = 3};
	memcpy(w->disk, disk, sizeof(disk));
	w->disk[0].text = w->alive;
	w->files = fake_files(w->disk);
	return (struct wb_strays_ops){
		.ctx = w, .files = &w->files, .kill = fake_kill, .pause = fake_pause};
}

static struct wb_manifest_unit unit = {.unit = (char *)"rabbit.service",
	.cgroup = (char *)"/system.slice/rabbit.service",
	.main_pid = 10};
/* The shutdown began 50 s after the boot. */
#define SINCE (50 * 1000000000ull)

static void who_came_beside_it_since_then_is_ended(void **state)
{
	WB_CLEAN_STRV told = {};
	struct world w;
	const struct wb_strays_ops ops = world_of(&w);

	assert_int_equal(wb_strays_end(&ops, &unit, SINCE, &told), 0);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.killed[0], 22);
	assert_int_equal(w.killed[1], 23);
	assert_int_equal(w.pauses, 3);
	assert_int_equal(told.n, 2);
	assert_string_equal(told.items[0],
		"rabbit.service: its process 22 (epmd) has begun beside the main one since the "
		"shutdown began, and was ended");
	/* There is nobody left to end. */
	assert_int_equal(wb_strays_end(&ops, &unit, SINCE, &told), 0);
	assert_int_equal(told.n, 2);
}

static void who_cannot_be_ended_is_not_told_of(void **state)
{
	WB_CLEAN_STRV told = {};
	struct world w;
	const struct wb_strays_ops ops = world_of(&w);

	w.error = -EPERM;
	assert_int_equal(wb_strays_end(&ops, &unit, SINCE, &told), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(w.pauses, 0);
}

static void the_wait_is_bounded(void **state)
{
	WB_CLEAN_STRV told = {};
	struct world w;
	const struct wb_strays_ops ops = world_of(&w);

	w.lingers = -1;
	assert_int_equal(wb_strays_end(&ops, &unit, SINCE, &told), 0);
	assert_int_equal(told.n, 2);
	assert_int_equal(w.pauses, 50);
}

static void without_a_main_process_nobody_is_ended(void **state)
{
	struct wb_manifest_unit none = unit;
	WB_CLEAN_STRV told = {};
	struct world w;
	const struct wb_strays_ops ops = world_of(&w);

	none.main_pid = 0;
	assert_int_equal(wb_strays_end(&ops, &none, SINCE, &told), 0);
	none.main_pid = 10;
	none.cgroup = NULL;
	assert_int_equal(wb_strays_end(&ops, &none, SINCE, &told), 0);
	assert_int_equal(w.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_beside_it_since_then_is_ended),
		cmocka_unit_test(who_cannot_be_ended_is_not_told_of),
		cmocka_unit_test(the_wait_is_bounded),
		cmocka_unit_test(without_a_main_process_nobody_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
