// SPDX-License-Identifier: LGPL-2.1-or-later
/* criu/timers.h: a timer that was set to a time is set to the same time again. */
#define _GNU_SOURCE
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criu/timers.h"
#include "sys/sys.h"

#define INFO(clock, ticks, flags, value, every)                                           \
	"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1057\nclockid: " clock "\nticks: " ticks \
	"\nsettime flags: 0" flags "\nit_value: (" value ")\nit_interval: (" every ")\n"

static const struct timespec now[WB_CLOCKS] = {[WB_CLOCK_DAY] = {1000, 600000000},
	[WB_CLOCK_MONOTONIC] = {70, 1},
	[WB_CLOCK_BOOT] = {90, 2}};

static void times_on_each_clock(void **state)
{
	static const struct {
		const char *text;
		int result;
		struct wb_criu_timer want;
	} cases[] = {
		{INFO("0", "0", "1", "5, 500000000", "7, 8"), 1,
			{.flags = 1,
				.at_s = 1006,
				.at_ns = 100000000,
				.every_s = 7,
				.every_ns = 8,
				.set = true}},
		{INFO("8", "3", "3", "5, 0", "0, 0"), 1,
			{.clock = 8,
				.flags = 3,
				.ticks = 3,
				.at_s = 1005,
				.at_ns = 600000000,
				.set = true}},
		{INFO("1", "0", "1", "1, 0", "0, 0"), 1,
			{.clock = 1, .flags = 1, .at_s = 71, .at_ns = 1, .set = true}},
		{INFO("9", "0", "1", "1, 0", "0, 0"), 1,
			{.clock = 9, .flags = 1, .at_s = 91, .at_ns = 2, .set = true}},
		/* Over, or not set: CRIU would let it go off. */
		{INFO("7", "1", "1", "0, 0", "0, 0"), 1,
			{.clock = 7, .flags = 1, .ticks = 1, .at_s = 90, .at_ns = 2}},
		/* After a while: CRIU knows how long. */
		{INFO("0", "0", "0", "5, 0", "0, 0"), 0, {}},
		{INFO("5", "0", "1", "5, 0", "0, 0"), -EBADMSG, {}},
		{INFO("1", "0", "1", "5, 1000000000", "0, 0"), -EBADMSG, {}},
		{"pos:\t0\n", -EBADMSG, {}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_criu_timer t = {};

		assert_int_equal(wb_timer_parse(cases[i].text, now, &t), cases[i].result);
		assert_memory_equal(&t, &cases[i].want, sizeof(t));
	}
}

static void offsets_of_a_time_namespace(void **state)
{
	struct timespec more[WB_CLOCKS];

	wb_clock_offsets("monotonic           123    4000\nboottime             -5 -6\n", more);
	assert_int_equal(more[WB_CLOCK_DAY].tv_sec, 0);
	assert_int_equal(more[WB_CLOCK_MONOTONIC].tv_sec, 123);
	assert_int_equal(more[WB_CLOCK_MONOTONIC].tv_nsec, 4000);
	assert_int_equal(more[WB_CLOCK_BOOT].tv_sec, -5);
	assert_int_equal(more[WB_CLOCK_BOOT].tv_nsec, -6);
	wb_clock_offsets("", more);
	assert_int_equal(more[WB_CLOCK_BOOT].tv_sec, 0);
}

/* A child has its timers; here they are spoilt, as CRIU's restore does it, and set again. */
static void timers_of_a_process(void **state)
{
	const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
	struct wb_criu_image image = {};
	struct itimerspec left, far = {.it_value = {.tv_sec = 1}};
	struct wb_error err = {};
	int fds[3], r;
	pid_t pid;

	for (size_t i = 0; i < 3; i++) {
		struct itimerspec at = {};

		clock_gettime(clocks[i], &at.it_value);
		at.it_value.tv_sec += 1000;
		fds[i] = timerfd_create(clocks[i], TFD_CLOEXEC | TFD_NONBLOCK);
		assert_true(fds[i] >= 0);
		assert_int_equal(timerfd_settime(fds[i], TFD_TIMER_ABSTIME, &at, NULL), 0);
	}
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(wb_timers_note(&wb_files_host, pid, &image), 0);
	assert_int_equal(image.timers.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(timerfd_settime(fds[i], 0, &far, NULL), 0);
	r = wb_timers_give(&wb_files_host, &image, &err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (r == -EPERM || r == -ENOSYS)
		skip();
	assert_int_equal(r, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(timerfd_gettime(fds[i], &left), 0);
		assert_in_range(left.it_value.tv_sec, 900, 1000);
		close(fds[i]);
	}
	wb_criu_image_deinit(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_on_each_clock),
		cmocka_unit_test(offsets_of_a_time_namespace),
		cmocka_unit_test(timers_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
