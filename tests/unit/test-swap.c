// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/swap.h"
#include "unit.h"

static int64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (int64_t)st.st_ino;
}

/* The child: says "1", waits in `wait`, says what that gave. */
static void live(int in, int out, void (*wait)(int in, int out))
{
	if (write(out, "1", 1) != 1)
		_exit(1);
	wait(in, out);
	_exit(0);
}

static void wait_read(int in, int out)
{
	char c;

	if (read(in, &c, 1) == 1 && write(out, &c, 1) == 1)
		return;
	_exit(2);
}

static void wait_sleep(int in, int out)
{
	const struct timespec t = {.tv_nsec = 300 * 1000 * 1000};
	struct timespec rest = {};

	(void)in;
	/* Interrupted is wrong, and so is returning at once. */
	if (nanosleep(&t, &rest) == 0 && write(out, "s", 1) == 1)
		return;
	_exit(3);
}

static void wait_busy(int in, int out)
{
	for (volatile int i = 0; fcntl(in, F_GETFL) >= 0; i++) {
		struct pollfd p = {in, POLLIN, 0};

		if (i % 64 == 0 && poll(&p, 1, 0) == 1)
			break;
	}
	wait_read(in, out);
}

static void swap_under(void (*wait)(int, int), const char *input, char want)
{
	struct wb_error err = {};
	int pair[2], in[2], out[2], status;
	char got[8] = {};
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(pair[0], 1);
		dup2(pair[0], 2);
		close(pair[0]);
		close(pair[1]);
		close(out[1]);
		live(in[0], 1, wait);
	}
	/* It runs, and what it says comes here. */
	assert_int_equal(read(pair[1], got, 1), 1);
	assert_int_equal(got[0], '1');
	usleep(20000);
	if (wb_swap_fds(pid, inode_of(pair[0]), pair[1], out[1], &err) != 2)
		fail_msg("%s", err.text);
	assert_int_equal(wb_swap_fds(pid, inode_of(pair[0]), pair[1], out[1], &err), 0);
	close(out[1]);
	close(pair[0]);
	if (*input)
		assert_int_equal(write(in[1], input, 1), 1);
	assert_int_equal(read(out[0], got, sizeof(got)), 1);
	assert_int_equal(got[0], want);
	/* Nothing went the old way, and nobody has its end any more. */
	assert_int_equal(read(pair[1], got, sizeof(got)), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pair[1]);
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

static void test_blocked(void **state)
{
	(void)state;
	swap_under(wait_read, "r", 'r');
}

static void test_sleeping(void **state)
{
	(void)state;
	swap_under(wait_sleep, "", 's');
}

static void test_running(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		swap_under(wait_busy, "b", 'b');
}

static void test_gone(void **state)
{
	struct wb_error err = {};
	int pair[2];
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(wb_swap_fds(pid, inode_of(pair[0]), pair[1], 1, &err), 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_sleeping),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
