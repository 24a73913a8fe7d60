// SPDX-License-Identifier: LGPL-2.1-or-later
/* sys/spawn.c: programs with output, deadlines and grandchildren. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/spawn.h"
#include "unit.h"

static int sh(const char *script, struct wb_spawn how, struct wb_blob *out, struct wb_error *err)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	how.argv = argv;
	return wb_spawn(&how, out, err);
}

static void output_and_status_come_back(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};

	assert_int_equal(sh("echo one; echo two >&2; exit 3", (struct wb_spawn){}, &out, &err), 3);
	assert_string_equal((char *)out.data, "one\ntwo\n");
	assert_int_equal(out.size, 8);
}

static void input_of_any_size_goes_in(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB in = {}, out = {};

	assert_int_equal(wb_blob_append(&in, NULL, 1 << 20), 0);
	assert_int_equal(sh("wc -c", (struct wb_spawn){.input = wb_blob_view(&in)}, &out, &err), 0);
	assert_string_equal((char *)out.data, "1048576\n");
}

static void the_end_of_long_output_is_kept(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};

	assert_int_equal(sh("head -c 3000000 /dev/zero | tr '\\0' x; echo END", (struct wb_spawn){},
				 &out, &err),
		0);
	assert_true(out.size <= WB_SPAWN_OUTPUT);
	assert_string_equal((char *)out.data + out.size - 5, "xEND\n");
}

static void data_is_whole_or_refused(void **state)
{
	const struct wb_spawn how = {.data_limit = 1 << 20};
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};

	/* Four times the length that is kept of messages, exactly up to the limit. */
	assert_int_equal(
		sh("printf BEGIN; head -c 1048571 /dev/zero | tr '\\0' x", how, &out, &err), 0);
	assert_int_equal(out.size, 1 << 20);
	assert_memory_equal(out.data, "BEGINx", 6);

	wb_blob_deinit(&out);
	assert_int_equal(
		sh("printf BEGIN; head -c 1048572 /dev/zero | tr '\\0' x", how, &out, &err),
		-EFBIG);
	assert_string_equal(
		err.text, "sh printed more than the 1048576 bytes that are taken from it");
	assert_null(out.data);
}

static void messages_are_no_data(void **state)
{
	const struct wb_spawn how = {.data_limit = 100};
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {}, why = {};

	assert_int_equal(sh("echo beware >&2; echo data", how, &out, &err), 0);
	assert_string_equal((char *)out.data, "data\n");
	assert_int_equal(sh("echo da; echo it went wrong >&2; exit 2", how, &why, &err), 2);
	assert_string_equal((char *)why.data, "it went wrong\n");
}

static void a_deadline_kills(void **state)
{
	struct wb_error err = {};

	assert_int_equal(
		sh("exec sleep 60", (struct wb_spawn){.deadline_ms = 50}, NULL, &err), -ETIME);
	assert_non_null(strstr(err.text, "did not end within"));
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void a_deadline_holds_while_output_flows(void **state)
{
	struct wb_error err = {};
	long before = now_ms();

	/* It would end after five seconds. */
	assert_int_equal(
		sh("timeout 5 yes", (struct wb_spawn){.deadline_ms = 200}, NULL, &err), -ETIME);
	assert_true(now_ms() - before < 4000);
	assert_int_equal(sh("timeout 5 yes",
				 (struct wb_spawn){.deadline_ms = 200, .data_limit = SIZE_MAX / 2},
				 NULL, &err),
		-ETIME);
}

/* A child that a shell has started and waits for must not go on after the deadline. */
static void a_deadline_kills_the_whole_group(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};
	char byte;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(
		sh("sleep 5 & sleep 5; wait",
			(struct wb_spawn){
				.deadline_ms = 200, .fds = (const int[][2]){{p[1], 9}}, .n_fds = 1},
			&out, &err),
		-ETIME);
	close(p[1]);
	/* The end of file comes when the last of them has ended. */
	long before = now_ms();
	assert_int_equal(read(p[0], &byte, 1), 0);
	assert_true(now_ms() - before < 2000);
	close(p[0]);
}

/* It has ended, but its child prints for ever. */
static void who_prints_on_holds_nobody_up(void **state)
{
	struct wb_error err = {};
	long before = now_ms();

	assert_int_equal(
		sh("timeout 5 yes & exit 4", (struct wb_spawn){.deadline_ms = 60000}, NULL, &err),
		4);
	assert_true(now_ms() - before < 4000);
}

static void a_child_is_waited_for_within_bounds(void **state)
{
	int status = 0;
	pid_t pid = fork();
	long before = now_ms();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(wb_reap(pid, 100, &status), -ETIME);
	assert_true(now_ms() - before >= 100 && now_ms() - before < 4000);
	assert_int_equal(wb_kill_and_reap(pid, &status), 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(wb_reap(pid, 100, &status), -ECHILD);
}

static void what_is_not_there_is_named(void **state)
{
	const char *argv[] = {"no-such-program-here", NULL};
	struct wb_error err = {};

	assert_int_equal(wb_spawn(&(struct wb_spawn){.argv = argv}, NULL, &err), -ENOENT);
	assert_string_equal(err.text, "cannot run no-such-program-here: No such file or directory");
}

static void a_signal_is_told(void **state)
{
	struct wb_error err = {};

	assert_int_equal(sh("kill -TERM $$", (struct wb_spawn){}, NULL, &err), -EINTR);
	assert_non_null(strstr(err.text, "signal 15"));
}

static void a_background_child_is_not_waited_for(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};

	assert_int_equal(
		sh("sleep 3 & echo done", (struct wb_spawn){.deadline_ms = 2000}, &out, &err), 0);
	assert_string_equal((char *)out.data, "done\n");
}

static void fds_arrive_under_their_numbers(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB out = {};
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "through\n", 8), 8);
	close(p[1]);
	assert_int_equal(
		sh("cat <&9", (struct wb_spawn){.fds = (const int[][2]){{p[0], 9}}, .n_fds = 1},
			&out, &err),
		0);
	assert_string_equal((char *)out.data, "through\n");
	close(p[0]);
}

static void failure_is_told_in_its_own_last_words(void **state)
{
	const char *argv[] = {"sh", "-c", "echo first; echo it went wrong; exit 2", NULL};
	struct wb_error err = {};

	assert_int_equal(wb_spawn_ok(&(struct wb_spawn){.argv = argv}, &err), -EIO);
	assert_string_equal(err.text, "sh failed (exit status 2): it went wrong");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_come_back),
		cmocka_unit_test(input_of_any_size_goes_in),
		cmocka_unit_test(the_end_of_long_output_is_kept),
		cmocka_unit_test(data_is_whole_or_refused),
		cmocka_unit_test(messages_are_no_data),
		cmocka_unit_test(a_deadline_kills),
		cmocka_unit_test(a_deadline_holds_while_output_flows),
		cmocka_unit_test(a_deadline_kills_the_whole_group),
		cmocka_unit_test(who_prints_on_holds_nobody_up),
		cmocka_unit_test(a_child_is_waited_for_within_bounds),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(a_signal_is_told),
		cmocka_unit_test(a_background_child_is_not_waited_for),
		cmocka_unit_test(fds_arrive_under_their_numbers),
		cmocka_unit_test(failure_is_told_in_its_own_last_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
