// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/gather.c: gathering the facts of a boot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "arch/arch.h"
#include "fake-files.h"
#include "core/strv.h"
#include "jump/record.h"
#include "purgatory/handoff.h"
#include "timeline/gather.h"
#include "timeline/lines.h"
#include "timeline/starts.h"

#define NODE "/sys/kernel/boot_params/setup_data/0/data"

/* A machine after a jump. Files that are not set here do not exist. */
struct world {
	struct fake_file disk[16];
	size_t n;
	struct wb_files files;
	struct wb_sys sys;
	struct wb_handoff handoff;
	char page0[4096];
	char kmsg[256]; /* the text written to it */
	const char *journal_previous;
	const char *asked_boot;
	int64_t asked_since;
};

static void put(struct world *w, const char *path, const char *text, size_t size)
{
	w->disk[w->n++] = (struct fake_file){.path = path, .text = text, .size = size};
}

static uint64_t tsc(void *ctx)
{
	return 300000000000ull;
}

static uint64_t clock_now(void *ctx)
{
	return 60000000000ull;
}

static double copy_rate(void *ctx)
{
	return 1e9;
}

static int append_file(
	void *ctx, const char *path, struct wb_bytes contents, unsigned mode, uint64_t limit)
{
	struct world *w = ctx;

	assert_string_equal(path, "/dev/kmsg");
	snprintf(w->kmsg, sizeof(w->kmsg), "%.*s", (int)contents.size, (const char *)contents.data);
	return 0;
}

static int user_times(void *ctx, struct wb_user_times *ret)
{
	*ret = (struct wb_user_times){.userspace_us = 4000000, .finish_us = 9000000};
	return 0;
}

static int active_since(void *ctx, const char *unit, uint64_t *ret_us)
{
	if (strcmp(unit, "a.service") && strcmp(unit, "default.target"))
		return -ENOENT;
	*ret_us = 5000000;
	return 0;
}

static int previous_boot(void *ctx, const char *boot, char ret[40])
{
	struct world *w = ctx;

	if (!w->journal_previous)
		return -ENOENT;
	snprintf(ret, 40, "%s", w->journal_previous);
	return 0;
}

static int began(void *ctx, const char *boot, int64_t *ret_us)
{
	assert_string_equal(boot, "new");
	*ret_us = 1700000000000000;
	return 0;
}

static int events(void *ctx, const char *boot, int64_t since_us, struct wb_events *ret)
{
	struct world *w = ctx;

	w->asked_boot = strcmp(boot, "old") ? "other" : "old";
	w->asked_since = since_us;
	ret->items = calloc(2, sizeof(*ret->items));
	ret->n = 2;
	ret->items[0] = (struct wb_event){WB_EVENT_STOPPED, 7000000, 0, "a.service"};
	ret->items[1] = (struct wb_event){WB_EVENT_STOPPED, 8000000, 0, "b.service"};
	return 0;
}

/* d.target came up last, and is named by the target's time; e.service came up after it; f.service never did. */
static const struct wb_start started[] = {
	{"a.service", {1000000, 3000000, 0}},
	{"warmboot-b.service", {1000000, 0, 2500000}},
	{"c.service", {3000000, 4000000, 0}},
	{"d.target", {5000000, 5000000, 0}},
	{"e.service", {5500000, 6000000, 0}},
	{"f.service", {5500000, 0, 0}},
};

static int starts(void *ctx, struct wb_starts *ret)
{
	ret->items = malloc(sizeof(started));
	assert_non_null(ret->items);
	memcpy(ret->items, started, sizeof(started));
	ret->n = sizeof(started) / sizeof(*started);
	return 0;
}

static int after(void *ctx, const char *unit, struct wb_strv *ret)
{
	static const char *const order[][2] = {{"d.target", "a.service"}, {"d.target", "c.service"},
		{"d.target", "e.service"}, {"d.target", "f.service"}, {"d.target", "gone.service"},
		{"c.service", "a.service"}, {"c.service", "warmboot-b.service"},
		{"a.service", "a.service"}};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		if (!strcmp(order[i][0], unit))
			assert_int_equal(wb_strv_add(ret, order[i][1]), 0);
	return 0;
}

static void begin(struct world *w)
{
	*w = (struct world){.handoff = {.magic = WB_HANDOFF_MAGIC,
				    .version = WB_HANDOFF_VERSION,
				    .size = sizeof(struct wb_handoff),
				    .tsc_hz = 1000000000,
				    .tsc_enter = 240000000000,
				    .tsc_leave = 241000000000,
				    .verified_bytes = 12345,
				    .method = "segments",
				    .from_release = "6.12"}};
	put(w, "/proc/sys/kernel/random/boot_id", "new\n", 0);
	put(w, "/proc/sys/kernel/osrelease", "7.2\n", 0);
	put(w, "/dev/mem", w->page0, sizeof(w->page0));
}

static void read_facts(struct world *w, struct wb_facts *ret)
{
	const struct wb_sources sources = {.ctx = w,
		.user_times = user_times,
		.active_since = active_since,
		.previous_boot = previous_boot,
		.began = began,
		.events = events,
		.starts = starts,
		.after = after};
	struct wb_error err = {};

	w->files = fake_files(w->disk);
	w->sys = (struct wb_sys){.ctx = w,
		.files = &w->files,
		.tsc = tsc,
		.wall_ns = clock_now,
		.mono_ns = clock_now,
		.boot_ns = clock_now,
		.copy_rate = copy_rate,
		.append_file = append_file};
	if (wb_facts_read(&w->sys, &sources, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void put_handoff(struct world *w)
{
	put(w, NODE, (const char *)&w->handoff, sizeof(w->handoff));
}

static void put_last(struct world *w, const char *boot)
{
	struct wb_last last = wb_last_make(230000000000, boot);

	memcpy(w->page0 + wb_arch_native()->stamp->offset, &last, sizeof(last));
}

static char *one_mark(const char *boot)
{
	struct wb_mark m = {.name = WB_MARK_ASKED, .tsc = 1, .mono_ns = 6000000000};
	WB_CLEAN_STR json = NULL;
	char *line = NULL;

	snprintf(m.boot, sizeof(m.boot), "%s", boot);
	json = wb_mark_format(&m);
	assert_int_equal(wb_line_format(json, &line), 0);
	return line;
}

static void a_jump_is_gathered(void **state)
{
	WB_CLEAN_STR mark = one_mark("old");
	struct wb_facts f;
	struct world w;

	begin(&w);
	put_handoff(&w);
	put_last(&w, "old");
	put(&w, WB_MARKS, mark, 0);
	put(&w, WB_RECORD_JUMP,
		"{\"boot_id\":\"old\",\"from\":\"6.12\",\"to\":\"7.2\",\"method\":\"fast\","
		"\"initramfs\":\"warm\",\"nonce\":\"00000000000000000000000000000000\","
		"\"time\":5}",
		0);
	put(&w, "/dev/kmsg", "5,0,0,-;Linux version 7.2\n6,1,5000,-;Run /init as init process\n",
		0);
	put(&w, "/run/warmboot/keep-result.json",
		"{\"version\":1,\"units\":[{\"unit\":\"k.service\",\"how\":\"process\",\"frozen_"
		"s\":"
		"2.5},{\"unit\":\"r.service\",\"name\":\"vm:r\",\"how\":\"restart\",\"frozen_s\":0}"
		",{}]}",
		0);
	read_facts(&w, &f);
	assert_true(f.began_wall_us == 1700000000000000);
	assert_true(f.jumped && f.by_kexec);
	assert_string_equal(f.boot, "new");
	assert_string_equal(f.previous, "old");
	assert_string_equal(f.from, "6.12");
	/* The handoff block has the result. */
	assert_string_equal(f.method, "segments");
	assert_string_equal(f.initramfs, "warm");
	assert_string_equal(f.outcome, "jumped");
	assert_true(f.last_tsc == 230000000000ull && f.tsc_leave == 241000000000ull);
	assert_string_equal(f.last_source, "counter left in the BIOS data area");
	assert_int_equal(f.copied_bytes, 12345);
	assert_int_equal(f.log.run_init_us, 5000);
	assert_int_equal(f.user.target_us, 5000000);
	/* Only since the jump was asked for. */
	assert_string_equal(w.asked_boot, "old");
	assert_int_equal(w.asked_since, 6000000);
	assert_int_equal(f.n_up, 1);
	assert_string_equal(f.up[0].unit, "a.service");
	assert_int_equal(f.n_kept, 2);
	assert_string_equal(f.kept[0].name, "");
	assert_string_equal(f.kept[1].name, "vm:r");
	assert_true(f.kept[0].frozen_s == 2.5 && f.kept[1].frozen_s < 0);
	assert_string_equal(w.kmsg, "<15>warmboot: tsc 300000000000\n");
	wb_facts_deinit(&f);
}

/* Without record and journal, the marks are those of the boot before. */
static void marks_tell_the_boot_before(void **state)
{
	WB_CLEAN_STR mark = one_mark("old");
	struct wb_facts f;
	struct world w;

	begin(&w);
	put_handoff(&w);
	put_last(&w, "old");
	put(&w, WB_MARKS, mark, 0);
	read_facts(&w, &f);
	assert_true(f.jumped);
	assert_string_equal(f.previous, "old");
	assert_true(f.last_tsc != 0);
	wb_facts_deinit(&f);
}

static void another_programs_jump_is_one(void **state)
{
	struct wb_facts f;
	struct world w;

	begin(&w);
	put(&w, "/proc/sys/kernel/bootloader_type", "208\n", 0);
	put_last(&w, "old");
	w.journal_previous = "old";
	read_facts(&w, &f);
	assert_true(f.jumped);
	assert_string_equal(f.method, "kexec");
	assert_true(f.last_tsc != 0);
	wb_facts_deinit(&f);
}

/* The page keeps its contents over some firmware resets, so it alone does not prove a jump. */
static void a_cold_boot_is_no_jump(void **state)
{
	struct wb_facts f;
	struct world w;

	begin(&w);
	put_last(&w, "old");
	w.journal_previous = "old";
	read_facts(&w, &f);
	assert_false(f.jumped || f.by_kexec);
	assert_string_equal(f.method, "firmware");
	assert_string_equal(f.previous, "old");
	assert_int_equal(w.asked_since, 0);
	wb_facts_deinit(&f);
}

/* The record of a jump that this very boot has asked for is about the next one. */
static void the_next_jump_is_not_the_last(void **state)
{
	struct wb_facts f;
	struct world w;

	begin(&w);
	put(&w, WB_RECORD_JUMP,
		"{\"boot_id\":\"new\",\"from\":\"7.2\",\"to\":\"8\",\"method\":\"fast\",\"time\":"
		"5}",
		0);
	read_facts(&w, &f);
	assert_false(f.jumped);
	assert_string_equal(f.previous, "");
	assert_string_equal(f.outcome, "none");
	wb_facts_deinit(&f);
}

static void chain_is_what_came_up_last_before(void **state)
{
	struct wb_timeline t = {};
	struct wb_facts f = {};
	struct world w;

	begin(&w);
	read_facts(&w, &f);
	assert_int_equal(f.starts.n, 6);
	assert_int_equal(f.chain.n, 3);
	assert_string_equal(f.chain.items[0].unit, "d.target");
	assert_string_equal(f.chain.items[1].unit, "c.service");
	assert_string_equal(f.chain.items[2].unit, "a.service");
	f.user.userspace_us = 2000000;
	f.user.finish_us = 5500000;
	f.user.generators_from_us = 500000;
	f.user.generators_to_us = 700000;
	assert_int_equal(wb_starts_place(&f, 10, &t), 0);
	assert_int_equal(t.n_chain, 3);
	assert_float_equal(t.chain[1].start_s, 13, 1e-9);
	assert_float_equal(t.chain[1].duration_s, 1, 1e-9);
	/* The longest is first, and a start after the boot is no part of it. */
	assert_string_equal(t.starts[0].unit, "a.service");
	assert_string_equal(t.starts[1].unit, "warmboot-b.service");
	assert_true(t.starts[1].ours && !t.starts[0].ours);
	assert_float_equal(t.generators_s, 0.2, 1e-9);
	/* Only the part after systemd's start in the root counts. */
	assert_float_equal(t.ours_s, 0.5, 1e-9);
	wb_facts_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jump_is_gathered),
		cmocka_unit_test(marks_tell_the_boot_before),
		cmocka_unit_test(another_programs_jump_is_one),
		cmocka_unit_test(a_cold_boot_is_no_jump),
		cmocka_unit_test(the_next_jump_is_not_the_last),
		cmocka_unit_test(chain_is_what_came_up_last_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
