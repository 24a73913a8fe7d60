// SPDX-License-Identifier: LGPL-2.1-or-later
/* sys/outside.c: opening a file in another control group. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep/window.h"
#include "sys/outside.h"
#include "unit.h"

static void test_groups(void **state)
{
	char got[4][WB_GROUP_PATH];

	(void)state;
	assert_int_equal(wb_groups_of("0::/init.scope\n", got, 4), 1);
	assert_string_equal(got[0], "/sys/fs/cgroup/init.scope/cgroup.procs");
	assert_int_equal(
		wb_groups_of("12:devices:/\n3:cpu,cpuacct:/a\n1:name=systemd:/init.scope\n0::/b",
			got, 4),
		2);
	assert_string_equal(got[0], "/sys/fs/cgroup/devices//cgroup.procs");
	assert_string_equal(got[1], "/sys/fs/cgroup/b/cgroup.procs");
	assert_int_equal(wb_groups_of("0::/a\n0::/b\n", got, 1), 1);
	assert_int_equal(wb_groups_of("", got, 4), 0);
	assert_int_equal(wb_groups_of("0::\n0::relative\nnonsense\n::", got, 4), 0);
}

static void make_file(char path[64], const char *text)
{
	int fd;

	snprintf(path, 64, "/tmp/warmboot-outside-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* It is a child that goes into the group, and it does so before it opens the file. */
static void test_child_enters(void **state)
{
	char groups[2][WB_GROUP_PATH] = {"", "/nowhere/cgroup.procs"};
	char procs[64], text[32] = "";
	int fd, pid;
	FILE *f;

	(void)state;
	make_file(procs, "");
	snprintf(groups[0], sizeof(groups[0]), "%s", procs);
	/* The file is the list of processes of the group itself, so the child's number is in it. */
	fd = wb_open_in_groups((const char(*)[WB_GROUP_PATH])groups, 2, procs, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	pid = atoi(text);
	assert_true(pid > 1);
	assert_int_not_equal(pid, getpid());
	close(fd);
	/* And it is gone. */
	snprintf(text, sizeof(text), "/proc/%d/stat", pid);
	f = fopen(text, "re");
	assert_null(f);
	assert_int_equal(wb_open_in_groups((const char(*)[WB_GROUP_PATH])groups, 2, "/nowhere/file",
				 O_RDONLY),
		-ENOENT);
	unlink(procs);
}

static char opened[8][64];
static int n_opened;

static int open_noted(const char *path, int flags)
{
	snprintf(opened[n_opened++], sizeof(opened[0]), "%d %s", flags & O_ACCMODE, path);
	return wb_open_in_groups(NULL, 0, path, flags);
}

/* All that the store maps comes through the window, each file opened once. */
static void test_window(void **state)
{
	struct wb_window w;
	char path[64];
	uint8_t *at;

	(void)state;
	make_file(path, "one page");
	assert_int_equal(truncate(path, 8192), 0);
	wb_window_init(&w, open_noted);
	assert_int_equal(w.env.io->area(w.env.io->ctx, WB_STORE_PAGE, &at), 0);
	assert_int_equal(w.env.io->map(w.env.io->ctx, path, 0, 4096, false, at), 0);
	assert_int_equal(w.env.io->map(w.env.io->ctx, path, 4096, 4096, false, at + 4096), 0);
	assert_string_equal((char *)at, "one page");
	assert_int_equal(w.env.io->map(w.env.io->ctx, "/nowhere", 0, 4096, false, at), -ENOENT);
	assert_int_equal(w.env.io->map(w.env.io->ctx, path, 0, 4096, true, at), 0);
	at[0] = 'O';
	wb_window_deinit(&w);
	assert_string_equal((char *)at, "One page");
	w.env.io->unmap(w.env.io->ctx, at, WB_STORE_PAGE);
	assert_int_equal(n_opened, 3);
	assert_string_equal(opened[0] + 2, path);
	assert_string_equal(opened[1], "0 /nowhere");
	assert_int_equal(opened[2][0], '0' + O_RDWR);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_child_enters),
		cmocka_unit_test(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
