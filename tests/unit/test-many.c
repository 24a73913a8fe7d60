// SPDX-License-Identifier: LGPL-2.1-or-later
/* Units with more processes, threads and values than any table of a fixed size. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keep/threads.h"
#include "proc/proc.h"
#include "unit.h"

#define MANY 10000

/* One cgroup with processes 1000 and up, or one process 7 with threads that each have another slack. */
static int many_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	const int *different = ctx;
	char text[32];
	int64_t thread;
	int r = 0;

	if (!strcmp(path, "/sys/fs/cgroup/a.slice/b.service/cgroup.procs"))
		for (int i = 0; r == 0 && i < MANY; i++) {
			snprintf(text, sizeof(text), "%d\n", i % 10 == 3 ? 0 : 1000 + i);
			r = wb_blob_append(ret, text, strlen(text));
		}
	else if (sscanf(path, "/proc/%" SCNd64 "/timerslack_ns", &thread) == 1) {
		snprintf(text, sizeof(text), "%" PRId64 "\n", 60000 + thread % *different);
		r = wb_blob_append(ret, text, strlen(text));
	} else
		return wb_fail(err, -ENOENT, "%s: none", path);
	assert_int_equal(r, 0);
	assert_int_equal(wb_blob_append(ret, "", 1), 0);
	ret->size--;
	assert_true(!limit || ret->size <= limit);
	return 0;
}

static int many_list(void *ctx, const char *dir, struct wb_strv *ret, struct wb_error *err)
{
	char text[32];

	if (strcmp(dir, "/proc/7/task"))
		return wb_fail(err, -ENOENT, "%s: none", dir);
	/* Numbers that no thread here has: the kernel is asked for their priority, too. */
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%d", (4 << 20) + i);
		assert_int_equal(wb_strv_add(ret, text), 0);
	}
	return 0;
}

static void all_processes_of_a_group_are_read(void **state)
{
	struct wb_files files = {.read = many_read, .list = many_list};
	WB_CLEAN_PIDS pids = {};
	struct wb_error err = {};

	assert_int_equal(wb_pids_read(&files, "/a.slice/b.service", &pids, &err), 0);
	assert_int_equal(pids.n, MANY / 10 * 9);
	assert_int_equal(pids.items[0], 1000);
	assert_int_equal(pids.items[pids.n - 1], 1000 + MANY - 1);
	assert_int_equal(wb_pids_read(&files, "/none", &pids, &err), -ENOENT);
	assert_int_equal(pids.n, MANY / 10 * 9);
}

static void threads_are_carried_over_or_refused(void **state)
{
	int different = 4000;
	struct wb_files files = {.ctx = &different, .read = many_read, .list = many_list};
	int64_t pid = 7;
	struct wb_manifest_unit u = {
		.unit = (char *)"b.service", .cgroup = (char *)"/a", .pids = {&pid, 1}};
	struct wb_error err = {};
	size_t threads = 0;

	if (wb_threads_note(&files, &u, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(u.timer_slacks.n, different);
	for (size_t i = 0; i < u.timer_slacks.n; i++)
		threads += u.timer_slacks.items[i].threads.n;
	assert_int_equal(threads, MANY);
	/* Never some of them without a word. */
	different = 5000;
	assert_int_equal(wb_threads_note(&files, &u, &err), -E2BIG);
	assert_non_null(strstr(err.text, "timer slack of their own than are carried over"));
	u.pids.n = 0;
	assert_int_equal(wb_threads_note(&files, &u, &err), 0);
	assert_int_equal(u.timer_slacks.n, 0);
}

#define SOCKETS 200000

static int sockets_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	char text[80];
	int r = wb_blob_append(ret, "Num RefCount\n", 13);

	if (strcmp(path, "/proc/7/net/unix") != 0)
		return -ENOENT;
	for (int i = SOCKETS; r == 0 && i > 0; i--) {
		snprintf(text, sizeof(text), "0000: 00000003 00000000 00000000 0001 03 %d /x/%d\n",
			i, i);
		r = wb_blob_append(ret, text, strlen(text));
	}
	return r < 0 ? r : wb_blob_append(ret, "", 1);
}

/* Anybody may have them: a look at each of them must not look at all of them. */
static void sockets_of_the_machine(void **state)
{
	const struct wb_files files = {.read = sockets_read};
	struct wb_proc p = {.pid = 7};
	const struct wb_procs procs = {&p, 1, NULL};
	WB_CLEAN_SOCKETS s = {};
	struct timespec from, to;
	struct wb_error err = {};

	assert_int_equal(wb_sockets_read(&files, 7, &s, &err), 0);
	assert_int_equal(s.n, SOCKETS);
	for (int i = 1; i <= SOCKETS; i++) {
		struct wb_proc_fd *fd = wb_list_add(&p.fds, sizeof(*fd));

		assert_true(asprintf(&fd->link, "socket:[%d]", i) > 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	wb_sockets_mark(&procs, &(struct wb_proc){}, &s);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 3);
	for (size_t i = 0; i < s.n; i++)
		assert_true(s.items[i].own);
	assert_null(wb_sockets_find(&s, SOCKETS + 1));
	assert_string_equal(wb_sockets_find(&s, 4711)->path, "/x/4711");
	wb_proc_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_of_the_machine),
		cmocka_unit_test(all_processes_of_a_group_are_read),
		cmocka_unit_test(threads_are_carried_over_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
