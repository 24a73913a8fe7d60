// SPDX-License-Identifier: LGPL-2.1-or-later
/* sys/swap.c: replacing a descriptor of a running process. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
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

/* The child: writes "1", waits in `wait`, writes the result. */
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

static void swap(void (*wait)(int, int), const char *input, char want, bool counted)
{
	struct wb_error err = {};
	int pair[2], in[2], out[2], status;
	char got[8] = {};
	pid_t pid;
	int n;

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
	/* It runs, and its output comes here. */
	assert_int_equal(read(pair[1], got, 1), 1);
	assert_int_equal(got[0], '1');
	usleep(20000);
	n = wb_swap_fds(pid, inode_of(pair[0]), pair[1], out[1], &err);
	if (n < 2 || (counted && n != 2))
		fail_msg("%d: %s", n, err.text);
	assert_int_equal(wb_swap_fds(pid, inode_of(pair[0]), pair[1], out[1], &err), 0);
	close(out[1]);
	close(pair[0]);
	if (*input)
		assert_int_equal(write(in[1], input, 1), 1);
	assert_int_equal(read(out[0], got, sizeof(got)), 1);
	assert_int_equal(got[0], want);
	/* Nothing went through the old socket, and no process has its end open. */
	assert_int_equal(read(pair[1], got, sizeof(got)), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pair[1]);
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

static void swap_under(void (*wait)(int, int), const char *input, char want)
{
	swap(wait, input, want, true);
}

static void swap_anyhow(void (*wait)(int, int), const char *input, char want)
{
	swap(wait, input, want, false);
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

/* A number of the socket may be a file's a moment later, and that file must stay open. */
static void *turn_over(void *arg)
{
	for (;;) {
		struct stat st;
		int fd = dup(1);

		for (int i = 0; i < 20; i++)
			if (fstat(fd, &st) < 0 || S_ISCHR(st.st_mode))
				_exit(4);
		close(fd);
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (int i = 0; i < 20; i++)
			if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
				_exit(4);
		close(fd);
	}
	return arg;
}

static void wait_beside(int in, int out)
{
	pthread_t t;

	pthread_create(&t, NULL, turn_over, NULL);
	wait_read(in, out);
}

static void test_threads(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		swap_anyhow(wait_beside, "t", 't');
}

/* Its first thread has ended, and the other one has a table of descriptors of its own. */
static void *stay(void *arg)
{
	const int *fds = arg;

	usleep(1000);
	wait_read(fds[0], fds[1]);
	_exit(0);
}

static void wait_alone(int in, int out)
{
	static int fds[2];
	pthread_t t;

	fds[0] = in;
	fds[1] = out;
	pthread_create(&t, NULL, stay, fds);
	pthread_exit(NULL);
}

static void test_first_gone(void **state)
{
	(void)state;
	swap_under(wait_alone, "a", 'a');
}

static void *stay_apart(void *arg)
{
	if (unshare(CLONE_FILES) < 0)
		_exit(5);
	return stay(arg);
}

static void wait_apart(int in, int out)
{
	static int fds[2];
	pthread_t t;

	fds[0] = in;
	fds[1] = out;
	pthread_create(&t, NULL, stay_apart, fds);
	pthread_join(t, NULL);
}

static void test_own_table(void **state)
{
	(void)state;
	swap_anyhow(wait_apart, "b", 'b');
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
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_first_gone),
		cmocka_unit_test(test_own_table),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
