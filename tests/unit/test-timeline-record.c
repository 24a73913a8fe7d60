// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/record.c: when a boot is recorded, and how the history and the marks change. */
#include <errno.h>
#include <stdio.h>

#include "fake-store.h"
#include "timeline/gather.h"
#include "timeline/history.h"
#include "unit.h"

#define RECORDED "/run/warmboot/timeline-recorded"

/* The pauses have no context, so the clock is the test's own. */
static unsigned ms;
static struct fake_store *machine;

struct manager {
	unsigned up_ms, probed_ms; /* when the boot is up, and its last service has answered */
	int result;
};

static void pause_ms(unsigned n)
{
	ms += n;
}

static uint64_t mono_ns(void *ctx)
{
	return (60000 + ms) * UINT64_C(1000000);
}

static uint64_t tsc(void *ctx)
{
	return 300000000000ull;
}

static double copy_rate(void *ctx)
{
	return 1e9;
}

static int append(
	void *ctx, const char *path, struct wb_bytes contents, unsigned mode, uint64_t limit)
{
	return 0;
}

static int user_times(void *ctx, struct wb_user_times *ret)
{
	const struct manager *m = ctx;

	*ret = (struct wb_user_times){.userspace_us = 4000000, .initrd_us = 1000000};
	if (ms >= m->up_ms)
		ret->finish_us = 9000000;
	if (ms >= m->probed_ms)
		machine->sys.remove_file(machine, WB_PROBING);
	return m->result;
}

static int active_since(void *ctx, const char *unit, uint64_t *ret_us)
{
	return -ENOENT;
}

static int previous_boot(void *ctx, const char *boot, char ret[40])
{
	snprintf(ret, 40, "old");
	return 0;
}

static int began(void *ctx, const char *boot, int64_t *ret_us)
{
	return -ENOENT;
}

static int events(void *ctx, const char *boot, int64_t since_us, struct wb_events *ret)
{
	return -ENOENT;
}

static void put(struct fake_store *f, const char *path, const char *text)
{
	fake_store_file(f, path, text, strlen(text));
}

static int starts(void *ctx, struct wb_starts *ret)
{
	return -ENOTCONN;
}

static int after(void *ctx, const char *unit, struct wb_strv *ret)
{
	return -ENOTCONN;
}

static void machine_init(struct fake_store *f)
{
	fake_store_init(f);
	f->sys.tsc = tsc;
	f->sys.mono_ns = f->sys.boot_ns = f->sys.wall_ns = f->sys.raw_ns = mono_ns;
	f->sys.copy_rate = copy_rate;
	f->sys.append_file = append;
	put(f, "/proc/sys/kernel/random/boot_id", "new\n");
	put(f, "/proc/sys/kernel/osrelease", "7.2\n");
	machine = f;
	ms = 0;
}

static void record(struct fake_store *f, struct manager *m)
{
	const struct wb_sources sources = {.ctx = m,
		.user_times = user_times,
		.active_since = active_since,
		.previous_boot = previous_boot,
		.began = began,
		.events = events,
		.starts = starts,
		.after = after};
	struct wb_error err = {};

	if (wb_timeline_record(&f->sys, &sources, pause_ms, &err) < 0)
		fail_msg("%s", err.text);
}

static void boot_is_recorded_once_it_is_up(void **state)
{
	struct manager m = {.up_ms = 2000, .probed_ms = 5000};
	WB_CLEAN_HISTORY h = {};
	struct fake_store f;

	machine_init(&f);
	put(&f, WB_PROBING, "");
	record(&f, &m);
	assert_int_equal(ms, 5500);
	assert_int_equal(wb_history_read(&f.files, &h, NULL), 0);
	assert_int_equal(h.n, 1);
	assert_string_equal(h.items[0]->boot, "new");
	assert_string_equal(h.items[0]->to, "7.2");
	assert_true(wb_timeline_is_of_this_boot(&f.files, h.items[0]));
	assert_true(f.files.exists(f.files.ctx, RECORDED));
	fake_store_deinit(&f);
}

static void boot_is_recorded_once(void **state)
{
	struct manager m = {};
	WB_CLEAN_HISTORY h = {};
	struct fake_store f;

	machine_init(&f);
	record(&f, &m);
	record(&f, &m);
	put(&f, "/proc/sys/kernel/random/boot_id", "other\n");
	assert_int_equal(wb_history_read(&f.files, &h, NULL), 0);
	assert_int_equal(h.n, 1);
	assert_false(wb_timeline_is_of_this_boot(&f.files, h.items[0]));
	fake_store_deinit(&f);
}

static void kernel_before_is_known_from_its_record(void **state)
{
	struct manager m = {};
	WB_CLEAN_HISTORY h = {};
	struct fake_store f;

	machine_init(&f);
	put(&f, "/proc/sys/kernel/random/boot_id", "old\n");
	put(&f, "/proc/sys/kernel/osrelease", "6.1\n");
	record(&f, &m);
	put(&f, "/proc/sys/kernel/random/boot_id", "new\n");
	put(&f, "/proc/sys/kernel/osrelease", "7.2\n");
	record(&f, &m);
	assert_int_equal(wb_history_read(&f.files, &h, NULL), 0);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.items[1]->from, "6.1");
	fake_store_deinit(&f);
}

static void boot_that_never_ends_is_recorded_as_it_is(void **state)
{
	struct manager m = {.up_ms = UINT32_MAX}, mute = {.up_ms = UINT32_MAX, .result = -EIO};
	struct fake_store f;

	machine_init(&f);
	record(&f, &m);
	assert_int_equal(ms, 300000);
	fake_store_deinit(&f);
	machine_init(&f);
	record(&f, &mute);
	assert_int_equal(ms, 0);
	fake_store_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_is_recorded_once_it_is_up),
		cmocka_unit_test(boot_is_recorded_once),
		cmocka_unit_test(kernel_before_is_known_from_its_record),
		cmocka_unit_test(boot_that_never_ends_is_recorded_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
