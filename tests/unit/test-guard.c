// SPDX-License-Identifier: LGPL-2.1-or-later
/* The guard process that undoes the work of a killed command. */
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/guard.h"
#include "unit.h"

static void say(void *arg)
{
	const int *fd = arg;

	if (write(*fd, "u", 1) != 1)
		_exit(1);
}

/* The bytes in the pipe from a process that ended, by an orderly exit or not. */
static ssize_t undone(int how, bool ends_guard)
{
	int fds[2];
	char byte;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct wb_guard g = wb_guard_begin(say, &fds[1]);

		if (ends_guard)
			wb_guard_end(&g);
		kill(getpid(), how);
		_exit(0);
	}
	close(fds[1]);
	waitpid(pid, NULL, 0);
	/* Ends when the last process has closed its end. */
	n = read(fds[0], &byte, 1);
	close(fds[0]);
	return n;
}

static void undoes_for_the_killed(void **state)
{
	assert_int_equal(undone(SIGKILL, false), 1);
	assert_int_equal(undone(SIGTERM, false), 1);
}

static void leaves_alone_who_ended_it(void **state)
{
	assert_int_equal(undone(SIGKILL, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undoes_for_the_killed),
		cmocka_unit_test(leaves_alone_who_ended_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
