// SPDX-License-Identifier: LGPL-2.1-or-later
/* keep/threads.c: CPUs, I/O priority and timer slack of threads. */
#define _GNU_SOURCE
#include "unit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake-files.h"
#include "keep/threads.h"
#include "sys/sys.h"

#define STATUS(mask) "Name:\tx\nCpus_allowed:\t" mask "\nCpus_allowed_list:\t0\n"
/* Of 40 CPUs that there may be, four are there. */
#define EVERY "ff,ffffffff"

static struct wb_manifest_unit unit_of(int64_t *pids, size_t n)
{
	return (struct wb_manifest_unit){.unit = (char *)"nginx.service",
		.cgroup = (char *)"/system.slice/nginx.service",
		.pids = {pids, n}};
}

static void clear(struct wb_manifest_unit *u)
{
	static const struct fake_file nothing[] = {{}};
	struct wb_files files = fake_files(nothing);

	/* There is no process to note, and the old note is dropped. */
	assert_int_equal(wb_threads_note(&files, u, NULL), 0);
	assert_int_equal(u->affinity.n + u->io_priorities.n + u->timer_slacks.n, 0);
}

static void notes_who_has_not_all(void **state)
{
	static const struct fake_file disk[] = {{"/sys/devices/system/cpu/online", "0-3\n"},
		{"/proc/300/task/300/status", STATUS(EVERY)},
		{"/proc/300/task/301/status", STATUS("00,0000000f")},
		{"/proc/310/task/310/status", STATUS("00,00000001")},
		{"/proc/320/task/320/status", STATUS("00,00000002")},
		{"/proc/320/task/321/status", STATUS("00,00000001")},
		{"/proc/320/task/322/status", "Name:\tx\n"},
		{"/proc/320/task/323/status", STATUS("00,00000000")},
		{"/proc/320/task/324/status", STATUS("80,00000000")}, {}};
	struct wb_files files = fake_files(disk);
	int64_t pids[] = {300, 310, 320, 330};
	struct wb_manifest_unit u = unit_of(pids, 4);

	/* Again, as at a second look, adds nothing. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_threads_note(&files, &u, NULL), 0);
	assert_int_equal(u.affinity.n, 3);
	assert_string_equal(u.affinity.items[0].cpus, "1");
	assert_int_equal(u.affinity.items[0].threads.n, 2);
	assert_int_equal(u.affinity.items[0].threads.items[0], 310);
	assert_int_equal(u.affinity.items[0].threads.items[1], 321);
	assert_string_equal(u.affinity.items[1].cpus, "2");
	assert_int_equal(u.affinity.items[1].threads.items[0], 320);
	assert_string_equal(u.affinity.items[2].cpus, "8000000000");
	assert_int_equal(u.affinity.items[2].threads.items[0], 324);
	clear(&u);
}

/* AllowedCPUs= of the unit, or of a slice above it, are in force again by themselves. */
static void the_cgroup_says_what_is_usual(void **state)
{
	static const char *const groups[] = {
		"/sys/fs/cgroup/system.slice/nginx.service/cpuset.cpus.effective",
		"/sys/fs/cgroup/system.slice/cpuset.cpus.effective",
		"/sys/fs/cgroup/cpuset.cpus.effective"};

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		const struct fake_file disk[] = {{"/sys/devices/system/cpu/online", "0-7\n"},
			{groups[i], "0,2-3\n"}, {"/proc/300/task/300/status", STATUS("0000000d")},
			{"/proc/300/task/301/status", STATUS("0000000c")}, {}};
		struct wb_files files = fake_files(disk);
		int64_t pid = 300;
		struct wb_manifest_unit u = unit_of(&pid, 1);

		assert_int_equal(wb_threads_note(&files, &u, NULL), 0);
		assert_int_equal(u.affinity.n, 1);
		assert_string_equal(u.affinity.items[0].cpus, "c");
		assert_int_equal(u.affinity.items[0].threads.n, 1);
		assert_int_equal(u.affinity.items[0].threads.items[0], 301);
		clear(&u);
	}
}

static void without_an_answer_all_are_noted(void **state)
{
	static const char *const lists[] = {"", "\n", "3-1\n", "0-8192\n", "0-\n", "x\n"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const struct fake_file disk[] = {{"/sys/devices/system/cpu/online", lists[i]},
			{"/proc/300/task/300/status", STATUS("0000000f")}, {}};
		struct wb_files files = fake_files(disk);
		int64_t pid = 300;
		struct wb_manifest_unit u = unit_of(&pid, 1);

		assert_int_equal(wb_threads_note(&files, &u, NULL), 0);
		assert_int_equal(u.affinity.n, 1);
		assert_string_equal(u.affinity.items[0].cpus, "f");
		clear(&u);
	}
}

/* ---- this process's own ---- */

static cpu_set_t mine(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return set;
}

static int first_of(const cpu_set_t *set)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

/* "1" and as many zeros as it takes; `high` before it. */
static char *mask_of(int cpu, const char *high, char ret[2200])
{
	int n = snprintf(ret, 2200, "%s%x", high, 1 << cpu % 4);

	for (int i = 0; i < cpu / 4; i++)
		ret[n++] = '0';
	ret[n] = 0;
	return ret;
}

static void restores_what_is_there(void **state)
{
	int64_t threads[] = {getpid(), 4 << 20};
	struct wb_manifest_affinity a = {.threads = {threads, 2}};
	const struct wb_manifest_unit u = {.affinity = {&a, 1}};
	const cpu_set_t before = mine();
	char text[2200];
	cpu_set_t now;

	/* Itself, and the last one that the kernel could ever have. */
	for (int i = 0; i < 2; i++) {
		char high[2100] = "";

		if (i) {
			memset(high, '0', 2047 - (size_t)first_of(&before) / 4);
			high[0] = '8';
		}
		a.cpus = mask_of(first_of(&before), high, text);
		assert_true(wb_valid_cpus(a.cpus));
		wb_threads_restore(&u);
		now = mine();
		assert_int_equal(CPU_COUNT(&now), 1);
		assert_int_equal(first_of(&now), first_of(&before));
		wb_threads_reset();
		now = mine();
		assert_true(CPU_COUNT(&now) >= CPU_COUNT(&before));
	}
	sched_setaffinity(0, sizeof(before), &before);
}

static void one_without_any_left_stays(void **state)
{
	int64_t thread = getpid();
	struct wb_manifest_affinity a = {.threads = {&thread, 1}};
	const struct wb_manifest_unit u = {.affinity = {&a, 1}};
	const cpu_set_t before = mine();
	char text[2200];
	cpu_set_t now;

	a.cpus = mask_of(8191, "", text);
	wb_threads_restore(&u);
	now = mine();
	assert_true(CPU_EQUAL(&now, &before));
}

/* This process's: of another class of priority, and with timers of its own. */
static void priorities_and_slacks_come_back(void **state)
{
	const int idle = 3 << 13;
	int64_t self = getpid();
	struct wb_manifest_unit u = unit_of(&self, 1);

	assert_int_equal(syscall(SYS_ioprio_set, 1, 0, idle), 0);
	assert_int_equal(prctl(PR_SET_TIMERSLACK, 77777), 0);
	assert_int_equal(wb_threads_note(&wb_files_host, &u, NULL), 0);
	assert_int_equal(syscall(SYS_ioprio_set, 1, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_TIMERSLACK, 50000), 0);
	assert_int_equal(u.io_priorities.n, 1);
	assert_int_equal(u.io_priorities.items[0].value, idle);
	assert_int_equal(u.io_priorities.items[0].threads.n, 1);
	assert_int_equal(u.io_priorities.items[0].threads.items[0], self);
	assert_int_equal(u.timer_slacks.n, 1);
	assert_int_equal(u.timer_slacks.items[0].value, 77777);
	assert_int_equal(u.timer_slacks.items[0].threads.items[0], self);

	wb_threads_restore(&u);
	assert_int_equal(syscall(SYS_ioprio_get, 1, 0), idle);
	assert_int_equal(prctl(PR_GET_TIMERSLACK), 77777);
	assert_int_equal(wb_threads_note(&wb_files_host, &u, NULL), 0);
	assert_int_equal(u.io_priorities.n, 1);
	clear(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_who_has_not_all),
		cmocka_unit_test(the_cgroup_says_what_is_usual),
		cmocka_unit_test(without_an_answer_all_are_noted),
		cmocka_unit_test(restores_what_is_there),
		cmocka_unit_test(one_without_any_left_stays),
		cmocka_unit_test(priorities_and_slacks_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
