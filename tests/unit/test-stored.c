// SPDX-License-Identifier: LGPL-2.1-or-later
/* systemd/stored.h: descriptors that systemd stores. This process is systemd, and a child of it is the service. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "systemd/stored.h"

static struct wb_service_stored_fd entry(const char *name, int fd)
{
	char path[64], link[256] = "";
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	assert_int_equal(fstat(fd, &st), 0);
	return (struct wb_service_stored_fd){strdup(name), strdup(link), (int64_t)st.st_ino};
}

static char pushed[64];

static int push(const char *name, int fd, struct wb_error *err)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	snprintf(pushed + strlen(pushed), sizeof(pushed) - strlen(pushed), "%s%c ", name,
		S_ISSOCK(st.st_mode) ? 's' : 'm');
	return *name == '!' ? wb_fail(err, -EIO, "no room") : 0;
}

static int find(struct wb_service_stored_fd *all, size_t n, pid_t pid, wb_stored_list *ret,
	struct wb_error *err)
{
	const struct wb_service service = {.stored_fds = (uint32_t)n, .stored = {all, n}};
	int64_t pids[] = {getpid() + 4000000, pid};

	return wb_stored_find(&service, pids, 2, getpid(), ret, err);
}

static void what_the_service_has_open_is_found(void **state)
{
	int sockets[2], memo = memfd_create("memo", 0), again, null = open("/dev/null", O_RDONLY);
	char path[64];
	struct wb_service_stored_fd all[2], odd;
	wb_stored_list found = {}, none = {}, copy = {};
	struct wb_error err = {};
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	all[0] = entry("door", sockets[0]);
	all[1] = entry("memo", memo);
	odd = entry("null", null);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	/* kcmp(2) is not in every kernel and sandbox. */
	if (syscall(SYS_kcmp, getpid(), pid, 0, memo, memo) != 0 ||
		find(all, 2, pid, &found, &err) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		skip();
	}
	assert_int_equal(found.n, 2);
	assert_string_equal(found.items[0].name, "door");
	assert_int_equal(found.items[0].fd, sockets[0]);
	assert_int_equal(found.items[1].fd, memo);
	assert_int_equal(found.items[1].pid, pid);
	assert_true(wb_stored_has(&found, all[0].inode));
	assert_false(wb_stored_has(&found, all[1].inode));
	assert_false(wb_stored_has(NULL, all[0].inode));
	assert_int_equal(wb_stored_check(found.items, 2, &err), 0);
	/* It goes on with a file of that kind that was opened by itself. */
	assert_int_equal(wb_stored_copy(&found, &copy), 0);
	assert_int_equal(wb_stored_give(copy.items, 2, push, &err), 0);
	/* In the order in which the service had given them. */
	assert_string_equal(pushed, "memom doors ");
	copy.items[1].name[0] = '!';
	assert_int_equal(wb_stored_give(copy.items, 2, push, &err), -EIO);
	/* A device has no name that leads to it again for sure. */
	assert_int_equal(find(&odd, 1, pid, &none, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "null does not travel (/dev/null)");
	/* Another open file of the same memory, with a position of its own. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memo);
	again = open(path, O_RDWR);
	assert_true(again >= 0);
	close(memo);
	assert_int_equal(find(&all[1], 1, pid, &none, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "it has not open memo itself"));
	close(again);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(wb_stored_check(found.items, 2, &err), -EOPNOTSUPP);
	assert_int_equal(wb_stored_give(found.items, 2, push, &err), -ESRCH);
	wb_stored_deinit(&found);
	wb_stored_deinit(&copy);
	for (int i = 0; i < 2; i++) {
		free(all[i].name);
		free(all[i].link);
		close(sockets[i]);
	}
	free(odd.name);
	free(odd.link);
	close(null);
}

static void all_of_them_must_be_told(void **state)
{
	const struct wb_service service = {.stored_fds = 2};
	wb_stored_list found = {};
	struct wb_error err = {};

	assert_int_equal(wb_stored_find(&service, NULL, 0, 1, &found, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "it does not tell which");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_service_has_open_is_found),
		cmocka_unit_test(all_of_them_must_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
