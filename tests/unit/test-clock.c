// SPDX-License-Identifier: LGPL-2.1-or-later
/* A machine whose clock on the wall is set while something is measured. */
#include "fake-sys.h"
#include "fake-write.h"
#include "jump/record.h"
#include "sys/clock.h"
#include "unit.h"

#define MS UINT64_C(1000000)

struct machine {
	uint64_t ns;   /* since it began */
	int64_t step;  /* by which the wall's clock was set */
	double slewed; /* how fast NTP has CLOCK_MONOTONIC go */
};

static uint64_t raw(void *ctx)
{
	return ((struct machine *)ctx)->ns;
}

static uint64_t mono(void *ctx)
{
	struct machine *m = ctx;

	return (uint64_t)((double)m->ns * m->slewed);
}

static uint64_t wall(void *ctx)
{
	struct machine *m = ctx;

	return UINT64_C(1700000000000000000) + m->ns + (uint64_t)m->step;
}

/* 2.5 GHz; each reading takes a tick. */
static uint64_t tsc(void *ctx)
{
	struct machine *m = ctx;

	return m->ns / 2 * 5;
}

static const struct wb_sys *machine(struct wb_sys *ret, struct machine *m)
{
	*ret = (struct wb_sys){.ctx = m,
		.tsc = tsc,
		.raw_ns = raw,
		.mono_ns = mono,
		.boot_ns = mono,
		.wall_ns = wall};
	return ret;
}

static void a_rate_is_that_of_the_counter(void **state)
{
	static const int64_t steps[] = {0, 3600 * INT64_C(1000000000), -3600 * INT64_C(1000000000)};

	for (size_t i = 0; i < 3; i++) {
		struct machine m = {.ns = 1000 * MS, .slewed = 1.0005};
		struct wb_rate begin;
		struct wb_sys sys;

		wb_rate_begin(machine(&sys, &m), &begin);
		m.ns += 500 * MS;
		m.step = steps[i];
		assert_int_equal(wb_rate_hz(&sys, &begin), UINT64_C(2500000000));
	}
}

static void what_is_too_short_tells_no_rate(void **state)
{
	struct machine m = {.ns = 1000 * MS, .slewed = 1};
	struct wb_rate begin;
	struct wb_sys sys;

	wb_rate_begin(machine(&sys, &m), &begin);
	m.ns += 19 * MS;
	assert_int_equal(wb_rate_hz(&sys, &begin), 0);
	m.ns += 1000000 * MS;
	assert_int_equal(wb_rate_hz(&sys, &begin), 0);
	m.ns = 0;
	assert_int_equal(wb_rate_hz(&sys, &begin), 0);
}

/* Is it this shutdown that is on record, or one that did not come about hours ago? */
static void a_record_is_as_old_as_it_is(void **state)
{
	const struct wb_record rec = {.time = 1700000000, .since_ns = 1000 * 1000 * (int64_t)MS};
	const struct wb_record old = {.time = 1700000000};

	assert_true(wb_record_is_recent(&rec, 1000 * 1000 * MS));
	assert_true(wb_record_is_recent(&rec, (1000 + 1799) * 1000 * MS));
	assert_false(wb_record_is_recent(&rec, (1000 + 1801) * 1000 * MS));
	/* Of another boot, or of a version that did not note it. */
	assert_false(wb_record_is_recent(&rec, 5 * MS));
	assert_false(wb_record_is_recent(&old, 1000 * MS));
}

static void a_record_keeps_its_moment(void **state)
{
	static struct fake_write writes;
	static const struct fake_file none[] = {{}};
	const struct wb_record rec = {.time = 5, .since_ns = 123456789};
	WB_CLEAN_RECORD got = {};

	fake_write_init(&writes, none);
	assert_int_equal(wb_record_write(&writes.sys, "/x", &rec, NULL), 0);
	const struct fake_file disk[] = {{"/x", fake_written(&writes, "/x")}, {}};
	struct wb_files files = fake_files(disk);
	assert_int_equal(wb_record_read(&files, "/x", &got, NULL), 0);
	assert_int_equal(got.since_ns, 123456789);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_that_of_the_counter),
		cmocka_unit_test(what_is_too_short_tells_no_rate),
		cmocka_unit_test(a_record_is_as_old_as_it_is),
		cmocka_unit_test(a_record_keeps_its_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
