// SPDX-License-Identifier: LGPL-2.1-or-later
/* net/silence.c: the time that is left of a packet hold. */
#include "fake-sys.h"
#include "net/silence.h"
#include "unit.h"

#define S UINT64_C(1000000000)
/* Of the counter. */
#define HZ UINT64_C(2000000000)

static void it_begins_once(void **state)
{
	assert_int_equal(wb_silence_left_since(1000 * S, 1000 * S), 120);
	assert_int_equal(wb_silence_left_since(1000 * S, 1030 * S), 90);
	/* Never a second too many. */
	assert_int_equal(wb_silence_left_since(1000 * S, 1030 * S + 1), 89);
	assert_int_equal(wb_silence_left_since(1000 * S, 1119 * S + 1), 0);
	assert_int_equal(wb_silence_left_since(1000 * S, 5000 * S), 0);
}

/* The kept ones have been silent for 20 s, the others for 35 s, at 3 s of the counter. */
static struct wb_silence note(void)
{
	return wb_silence_note(980 * S, 965 * S, 1000 * S, 3 * HZ);
}

static void left(const struct wb_silence *s, uint64_t mono, uint64_t tsc, uint64_t hz,
	unsigned kept, unsigned restart)
{
	struct wb_hold_left l = wb_silence_left_after(s, mono, tsc, hz);

	assert_int_equal(l.kept, kept);
	assert_int_equal(l.restart, restart);
}

static void the_next_kernel_goes_on_with_it(void **state)
{
	struct wb_silence s = note();

	/* 30 s later, in a kernel of 10 s. */
	left(&s, 10 * S, 33 * HZ, HZ, 70, 55);
	/* Each step that asks again finds the same end. */
	left(&s, 40 * S, 63 * HZ, HZ, 40, 25);
	left(&s, 70 * S, 93 * HZ, HZ, 10, 0);
	left(&s, 90 * S, 113 * HZ, HZ, 0, 0);
}

/* Then the next kernel's own life counts, and the longest gap that there may have been. */
static void a_counter_that_does_not_tell_costs_time(void **state)
{
	struct wb_silence s = note();

	/* Its rate is unknown; it began again; it shows less than the kernel's own clock. */
	left(&s, 10 * S, 33 * HZ, 0, 70, 55);
	left(&s, 10 * S, 1 * HZ, HZ, 70, 55);
	left(&s, 10 * S, 4 * HZ, HZ, 70, 55);
	s.tsc = 0;
	left(&s, 10 * S, 33 * HZ, HZ, 70, 55);
	left(&s, 500 * S, 33 * HZ, HZ, 0, 0);
}

static void nothing_that_is_told_makes_it_longer(void **state)
{
	struct wb_silence s = {.kept_ns = INT64_MIN, .restart_ns = INT64_MAX, .tsc = 1};

	left(&s, 1 * S, 1 + HZ, HZ, 119, 0);
	s.tsc = INT64_MAX;
	left(&s, 1 * S, UINT64_MAX, HZ, 0, 0);
	s.tsc = INT64_MIN;
	left(&s, 1 * S, UINT64_MAX, 1, 99, 0);
}

/* An administrator, or NTP, sets the clock on the wall by years between two looks. */
static uint64_t wall_now;

static uint64_t wall(void *ctx)
{
	return wall_now;
}

static uint64_t mono(void *ctx)
{
	return 10 * S;
}

static uint64_t tsc(void *ctx)
{
	return 33 * HZ;
}

static void the_clock_on_the_wall_has_no_say(void **state)
{
	static const struct fake_file none[] = {{}};
	const struct wb_silence s = note();
	struct fake_sys fake;

	fake_sys_init(&fake, none);
	fake.sys.mono_ns = mono;
	fake.sys.tsc = tsc;
	fake.sys.wall_ns = wall;
	for (int i = 0; i < 3; i++) {
		struct wb_hold_left l = wb_silence_left(&fake.sys, &s, HZ);

		assert_int_equal(l.kept, 70);
		assert_int_equal(l.restart, 55);
		wall_now += 1000000 * S;
	}
	fake_sys_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_once),
		cmocka_unit_test(the_next_kernel_goes_on_with_it),
		cmocka_unit_test(a_counter_that_does_not_tell_costs_time),
		cmocka_unit_test(nothing_that_is_told_makes_it_longer),
		cmocka_unit_test(the_clock_on_the_wall_has_no_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
