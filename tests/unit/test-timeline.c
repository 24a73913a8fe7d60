// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/phases.c: phases of warm and cold boots from made-up facts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "fake-files.h"
#include "core/strv.h"
#include "timeline/facts.h"
#include "timeline/gather.h"
#include "timeline/history.h"
#include "timeline/lines.h"

#define GHZ 1000000000ull

/*
 * An old kernel whose CLOCK_MONOTONIC is 100 s where the counter is 200e9 (1 GHz), and a new one
 * whose clock begins at 215e9: 15 s later.
 */
static struct wb_mark at(const char *name, const char *boot, double old_mono)
{
	struct wb_mark m = {.tsc = (uint64_t)((old_mono + 100) * 1e9),
		.mono_ns = (int64_t)(old_mono * 1e9),
		.wall_ns = (int64_t)((old_mono + 1700000000) * 1e9),
		.window = 1000};

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.boot, sizeof(m.boot), "%s", boot);
	return m;
}

static struct wb_mark at_new(const char *name, double new_mono)
{
	struct wb_mark m = at(name, "new", 115 + new_mono);

	m.mono_ns = (int64_t)(new_mono * 1e9);
	return m;
}

struct sample {
	struct wb_mark marks[16];
	struct wb_event events[16];
	struct wb_up up[4];
	struct wb_kept kept[4];
	struct wb_facts f;
};

static void event(struct sample *s, enum wb_event_kind kind, double mono, const char *unit)
{
	struct wb_event *e = &s->events[s->f.events.n++];

	*e = (struct wb_event){.kind = kind,
		.mono_us = (int64_t)(mono * 1e6),
		.wall_us = (int64_t)((mono + 1700000000) * 1e6)};
	snprintf(e->unit, sizeof(e->unit), "%s", unit);
}

/* Asked at 102, stopped at 106, last program at 108, purgatory 110 to 110.5. */
static void warm(struct sample *s)
{
	*s = (struct sample){.f = {.boot = "new",
				     .previous = "old",
				     .from = "6.12",
				     .to = "7.2",
				     .method = "fast",
				     .initramfs = "warm",
				     .outcome = "jumped",
				     .jumped = true,
				     .by_kexec = true,
				     .last_tsc = 208 * GHZ,
				     .last_source = "counter left in a place",
				     .tsc_enter = 210 * GHZ,
				     .tsc_leave = 210 * GHZ + GHZ / 2,
				     .handoff_hz = GHZ,
				     .copied_bytes = 100,
				     .copy_rate = 200,
				     .now = at_new("now", 60),
				     .log = {.whole = true,
					     .run_init_us = 3000000,
					     .tsc_khz = 1000000,
					     .tie_tsc = 275 * GHZ,
					     .tie_us = 60000000},
				     .user = {.userspace_us = 4000000, .finish_us = 40000000}}};
	for (size_t i = 0; i < WB_KLOG_PARTS; i++)
		s->f.log.parts[i].begin_us = WB_KLOG_NONE;
	s->marks[0] = at(WB_MARK_LOAD_BEGIN, "old", 50);
	s->marks[1] = at(WB_MARK_LOAD_END, "old", 57);
	s->marks[2] = at(WB_MARK_REQUEST, "old", 100);
	s->marks[3] = at(WB_MARK_STAGED, "old", 101.5);
	s->marks[4] = at(WB_MARK_ASKED, "old", 102);
	s->f.marks = (struct wb_marks){s->marks, 5};
	s->f.events.items = s->events;
	event(s, WB_EVENT_STOPPING, 102.5, "slow.service");
	event(s, WB_EVENT_STOPPING, 102.6, "quick.service");
	event(s, WB_EVENT_STOPPED, 102.7, "quick.service");
	event(s, WB_EVENT_STOPPED, 105, "slow.service");
	event(s, WB_EVENT_REACHED, 106, "final.target");
	s->f.up = s->up;
	s->f.kept = s->kept;
}

static void assert_near(double got, double want, double by)
{
	if (fabs(got - want) > by)
		fail_msg("%f is not %f", got, want);
}

static void assert_phase(const struct wb_timeline *t, const char *name, double start, double length)
{
	const struct wb_tl_phase *p = wb_timeline_phase(t, name);

	if (!p)
		fail_msg("no phase \"%s\"", name);
	assert_near(p->start_s, start, 1e-6);
	assert_near(p->duration_s, length, 1e-6);
	assert_true(*p->source);
}

/* The phases follow each other without a gap and make up the whole. */
static void assert_whole(const struct wb_timeline *t)
{
	double sum = 0;

	for (size_t i = 0; i < t->n_phases; i++) {
		assert_near(t->phases[i].start_s, sum, 1e-6);
		assert_true(t->phases[i].duration_s >= 0);
		sum += t->phases[i].duration_s;
	}
	assert_near(sum, t->total_s, 1e-6);
}

static void a_warm_boot_is_one_line(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_STAGING, 0, 2);
	assert_phase(&t, WB_PHASE_STOP, 2, 4);
	assert_phase(&t, WB_PHASE_UNMOUNT, 6, 2);
	assert_non_null(
		strstr(wb_timeline_phase(&t, WB_PHASE_UNMOUNT)->source, "counter left in a place"));
	assert_phase(&t, WB_PHASE_DEVICES, 8, 1.5);
	assert_phase(&t, WB_PHASE_COPY, 9.5, 0.5);
	assert_phase(&t, WB_PHASE_PURGATORY, 10, 0.5);
	assert_phase(&t, WB_PHASE_ENTRY, 10.5, 4.5);
	assert_phase(&t, WB_PHASE_KERNEL, 15, 3);
	assert_phase(&t, WB_PHASE_INITRAMFS, 18, 1);
	assert_phase(&t, WB_PHASE_USER, 19, 36);
	assert_int_equal(t.n_phases, 10);
	assert_near(t.total_s, 55, 1e-6);
	assert_near(t.gap_s, 53, 1e-6);
	assert_near(t.staged_s, 7, 1e-6);
	assert_whole(&t);
	assert_int_equal(t.n_stops, 2);
	assert_string_equal(t.stops[0].unit, "slow.service");
	assert_near(t.stops[0].start_s, 2.5, 1e-6);
	assert_near(t.stops[0].duration_s, 2.5, 1e-6);
	assert_int_equal(t.when, 1700000100);
}

/* The log's clock and CLOCK_MONOTONIC need not agree: each has its own tie to the counter. */
static void each_clock_has_its_own_tie(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.f.log.tie_us += 250000;
	s.f.log.run_init_us += 250000;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_ENTRY, 10.5, 4.25);
	assert_phase(&t, WB_PHASE_KERNEL, 14.75, 3.25);
	assert_phase(&t, WB_PHASE_INITRAMFS, 18, 1);
	assert_whole(&t);
}

/* Jobs may go on after the default target, and belong to the line. */
static void late_jobs_have_their_own_phase(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.f.user.target_us = 30000000;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_USER, 19, 26);
	assert_phase(&t, WB_PHASE_LATE, 45, 10);
	assert_whole(&t);
	s.f.user.target_us = 39999999;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_null(wb_timeline_phase(&t, WB_PHASE_LATE));
}

/* A phase without a trace is joined with the next one, and never invented. */
static void missing_marks_merge_phases(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.f.events.n = 0;
	s.f.last_tsc = 0;
	s.f.copied_bytes = 0;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, "stop units to segment copy", 2, 8);
	assert_whole(&t);
	warm(&s);
	s.f.tsc_enter = s.f.tsc_leave = 0;
	snprintf(s.f.method, sizeof(s.f.method), "file");
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, "device shutdown to decompression", 8, 7);
	assert_true(t.n_notes > 0);
	assert_whole(&t);
}

/* With --now nothing is stopped, and no unit can say when all was written out. */
static void a_jump_at_once_stops_no_unit(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.f.events.n = 0;
	s.f.last_tsc = 0;
	s.marks[5] = at(WB_MARK_NOW, "old", 102.001);
	s.f.marks.n = 6;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, "write out to device shutdown", 2, 7.5);
	assert_phase(&t, WB_PHASE_COPY, 9.5, 0.5);
	assert_whole(&t);
}

static void a_jump_that_another_program_asked_for(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.f.marks.n = 2;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_string_equal(t.phases[0].name, "device shutdown");
	assert_near(t.total_s, 47, 1e-6);
	assert_whole(&t);
}

static void kept_units_freeze_and_thaw(void **state)
{
	struct wb_timeline t;
	const struct wb_timeline *boot = &t;
	struct sample s;
	char *text;

	warm(&s);
	s.marks[5] = at("freeze-begin:a.service", "old", 106.5);
	s.marks[6] = at("freeze-end:a.service", "old", 107);
	s.marks[7] = at_new("thaw-begin:a.service", 5);
	s.marks[8] = at_new("thaw-end:a.service", 6);
	s.marks[9] = at_new("probe:a.service", 41);
	s.f.marks.n = 10;
	snprintf(s.kept[0].unit, sizeof(s.kept[0].unit), "a.service");
	snprintf(s.kept[0].name, sizeof(s.kept[0].name), "vm:a");
	snprintf(s.kept[0].how, sizeof(s.kept[0].how), "process");
	s.kept[0].frozen_s = 14.5;
	s.f.n_kept = 1;
	snprintf(s.up[0].unit, sizeof(s.up[0].unit), "slow.service");
	s.up[0].active_us = 30000000;
	s.f.n_up = 1;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_STOP, 2, 4.5);
	assert_phase(&t, WB_PHASE_FREEZE, 6.5, 0.5);
	assert_phase(&t, WB_PHASE_THAW, 19, 2);
	assert_phase(&t, WB_PHASE_USER, 21, 34);
	assert_phase(&t, WB_PHASE_PROBE, 55, 1);
	assert_whole(&t);
	assert_int_equal(t.n_units, 2);
	assert_string_equal(t.units[0].how, "process");
	/* A virtual machine is shown by its own name. */
	assert_string_equal(wb_tl_unit_name(&t.units[0]), "vm:a");
	assert_string_equal(wb_tl_unit_name(&t.units[1]), "slow.service");
	assert_int_equal(wb_timeline_text(&t, NULL, &text), 0);
	assert_non_null(strstr(text, "vm:a "));
	assert_null(strstr(text, "a.service"));
	free(text);
	assert_int_equal(wb_timeline_prometheus(&boot, 1, &text), 0);
	assert_non_null(strstr(text,
		"warmboot_unit_silent_seconds{unit=\"a.service\",name=\"vm:a\",how=\"process\"} "));
	assert_non_null(
		strstr(text, "{unit=\"slow.service\",name=\"slow.service\",how=\"restart\"} "));
	free(text);
	/* It answered when its probe was good, not when it was thawed. */
	assert_near(t.units[0].silent_s, 56 - 6.5, 1e-6);
	assert_near(t.units[0].silent_from_s, 6.5, 1e-6);
	assert_near(t.units[0].dump_s, 0.5, 1e-6);
	assert_near(t.units[0].restore_s, 1, 1e-6);
	assert_true(t.units[1].dump_s < 0);
	assert_string_equal(t.units[1].how, "restart");
	assert_near(t.units[1].silent_s, 45 - 2.5, 1e-6);
	assert_near(t.units[1].silent_from_s, 2.5, 1e-6);
	assert_true(t.units[1].frozen_s < 0);
}

/*
 * A counter that did not run on through the jump places nothing: neither the line, nor units and stops beside
 * it, may be measured by it.
 */
static void without_the_counter_nothing_is_placed_by_it(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.marks[5] = at("freeze-begin:slow.service", "old", 103);
	s.f.marks.n = 6;
	s.f.now.tsc = 5 * GHZ;
	snprintf(s.up[0].unit, sizeof(s.up[0].unit), "slow.service");
	s.up[0].active_us = 30000000;
	s.f.n_up = 1;
	snprintf(s.kept[0].unit, sizeof(s.kept[0].unit), "slow.service");
	snprintf(s.kept[0].how, sizeof(s.kept[0].how), "process");
	s.f.n_kept = 1;
	/* There is no sign of a reboot: the line begins with the kernel. */
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_non_null(strstr(t.notes[0], "did not run on through the jump"));
	assert_phase(&t, WB_PHASE_KERNEL, 0, 3);
	assert_int_equal(t.n_stops, 0);
	assert_int_equal(t.n_units, 1);
	assert_true(t.units[0].silent_s < 0);
	assert_true(t.staged_s < 0);
	assert_whole(&t);
	/* The journal does: the line begins with the first unit, and the wall clock bridges the jump. */
	event(&s, WB_EVENT_REACHED, 106.1, "kexec.target");
	s.f.now.wall_ns = (int64_t)((1700000000 + 102.5 + 10 + 60) * 1e9);
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_STOP, 0, 3.5);
	assert_phase(&t, "unmount and jump", 3.5, 6.5);
	assert_phase(&t, WB_PHASE_KERNEL, 10, 3);
	assert_int_equal(t.n_stops, 2);
	assert_near(t.stops[0].start_s, 0, 1e-6);
	assert_near(t.units[0].silent_s, 40, 1e-6);
	assert_whole(&t);
}

static void cold(struct sample *s)
{
	warm(s);
	s->f.jumped = s->f.by_kexec = false;
	s->f.tsc_enter = s->f.tsc_leave = s->f.last_tsc = 0;
	s->f.marks.n = 0;
	snprintf(s->f.method, sizeof(s->f.method), "firmware");
	s->f.user.firmware_us = 9000000;
	s->f.user.loader_us = 2000000;
	/* The kernel's clock began 30 s after the first unit was stopped. */
	s->f.now.wall_ns = (int64_t)((1700000000 + 102.5 + 30 + 60) * 1e9);
}

static void a_cold_boot_begins_where_units_stopped(void **state)
{
	struct wb_timeline t;
	struct sample s;

	cold(&s);
	event(&s, WB_EVENT_REACHED, 106.1, "reboot.target");
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_STOP, 0, 3.5);
	assert_phase(&t, "unmount and reset", 3.5, 17.5);
	assert_phase(&t, WB_PHASE_FIRMWARE, 21, 7);
	assert_phase(&t, WB_PHASE_LOADER, 28, 2);
	assert_phase(&t, WB_PHASE_KERNEL, 30, 3);
	assert_phase(&t, WB_PHASE_USER, 34, 36);
	assert_true(wb_timeline_phase(&t, "unmount and reset")->error_s >= 1);
	assert_false(t.warm);
	assert_whole(&t);
}

/* NTP sets the clock an hour ahead, or back, after the boot and before it is recorded. */
static void a_step_of_the_clock_changes_no_duration(void **state)
{
	struct wb_timeline t;
	struct sample s;

	for (int step = -3600; step <= 3600; step += 3600) {
		cold(&s);
		event(&s, WB_EVENT_REACHED, 106.1, "reboot.target");
		s.f.began_wall_us = (int64_t)((1700000000 + 102.5 + 30) * 1e6);
		s.f.now.wall_ns += step * INT64_C(1000000000);
		assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
		assert_phase(&t, WB_PHASE_STOP, 0, 3.5);
		assert_phase(&t, "unmount and reset", 3.5, 17.5);
		assert_phase(&t, WB_PHASE_KERNEL, 30, 3);
	}
}

static void a_machine_that_was_off_begins_with_its_firmware(void **state)
{
	struct wb_timeline t;
	struct sample s;

	cold(&s);
	event(&s, WB_EVENT_REACHED, 106.1, "poweroff.target");
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_phase(&t, WB_PHASE_FIRMWARE, 0, 7);
	assert_near(t.total_s, 49, 1e-6);
	assert_whole(&t);
}

/* After a kexec the EFI variables and the FPDT are still those of the boot before. */
static void stale_firmware_times_are_left_out(void **state)
{
	struct wb_timeline t;
	struct sample s;

	cold(&s);
	s.f.by_kexec = true;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_null(wb_timeline_phase(&t, WB_PHASE_FIRMWARE));
	assert_null(wb_timeline_phase(&t, WB_PHASE_LOADER));
	assert_non_null(strstr(t.notes[0], "earlier boot"));
	assert_whole(&t);
	warm(&s);
	s.f.user.firmware_us = 9000000;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_null(wb_timeline_phase(&t, WB_PHASE_FIRMWARE));
	assert_non_null(strstr(t.notes[0], "earlier boot"));
	assert_near(t.total_s, 55, 1e-6);
}

static void a_counter_that_began_anew_is_not_believed(void **state)
{
	struct wb_timeline t;
	struct sample s;

	warm(&s);
	s.f.now.tsc = 60 * GHZ;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_non_null(strstr(t.notes[0], "counter did not run on"));
	assert_null(wb_timeline_phase(&t, WB_PHASE_STAGING));
	assert_non_null(wb_timeline_phase(&t, WB_PHASE_KERNEL));
	assert_whole(&t);
}

static void nothing_known_is_an_error(void **state)
{
	struct wb_facts f = {.log = {.run_init_us = WB_KLOG_NONE}};
	struct wb_error err = {};
	struct wb_timeline t;

	assert_int_equal(wb_timeline_make(&f, &t, &err), -ENODATA);
	assert_true(*err.text);
}

static void json_goes_there_and_back(void **state)
{
	WB_CLEAN_STR once = NULL;
	WB_CLEAN_STR twice = NULL;
	struct wb_timeline t, back;
	struct sample s;

	warm(&s);
	s.f.log.n_top = 1;
	snprintf(s.f.log.top[0].name, sizeof(s.f.log.top[0].name), "f [m]");
	s.f.log.top[0].us = 1234567;
	s.f.log.parts[WB_KLOG_SMP] = (struct wb_klog_span){100, 2000, "lines"};
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_int_equal(wb_timeline_json(&t, 0, &once), 0);
	assert_null(strchr(once, '\n'));
	assert_int_equal(wb_timeline_parse(once, &back, NULL), 0);
	assert_int_equal(wb_timeline_json(&back, 0, &twice), 0);
	assert_string_equal(once, twice);
	assert_int_equal(back.when, t.when);
}

#define EMPTY_KERNEL                                                                      \
	"{\"parts\":[],\"initcalls\":[],\"cpus\":0,\"initrd_kib\":0,\"console_bytes\":0," \
	"\"quiet_bytes\":0,\"console_byte_ns\":0,\"pages_deferred\":false}"

static void a_timeline_is_whole_or_says_why(void **state)
{
	/* As earlier versions wrote it, of which some knew less. */
	static const char whole[] = "{\"boot\":\"b\",\"phases\":[]}";
	static const char want[] =
		"{\"boot\":\"b\",\"previous\":null,\"kind\":\"cold\",\"from\":null,\"to\":null,"
		"\"method\":\"\",\"initramfs\":null,\"outcome\":\"\",\"when\":\"1970-01-01T00:00:"
		"00Z\","
		"\"total_s\":0.0,\"gap_s\":0.0,\"staged_s\":null,\"phases\":[],\"units\":[],"
		"\"stops\":[],\"kernel\":" EMPTY_KERNEL
		",\"user_space\":{\"chain\":[],\"starts\":[],\"generators_s\":null,\"ours_s\":null}"
		",\"notes\":[]}";
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{"[]", "the timeline of a boot: an object was expected"},
		{"[", "the timeline of a boot, line 1, is no JSON"},
		{"{}", "the timeline of a boot: \"boot\" is missing"},
		{"{\"boot\":\"b\"}", "the timeline of a boot: \"phases\" is missing"},
		{"{\"boot\":\"b\",\"phases\":[],\"kernel\":{\"cpus\":65536}}",
			"the timeline of a boot: \"cpus\" is out of its limits"},
	};
	struct wb_error err = {};
	WB_CLEAN_STR text = NULL;
	char cut[sizeof(whole)];
	struct wb_timeline t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(wb_timeline_parse(bad[i].text, &t, &err), -EBADMSG);
		assert_string_equal(err.text, bad[i].sentence);
	}
	for (size_t n = 0; n < strlen(whole); n++) {
		snprintf(cut, n + 1, "%s", whole);
		assert_int_equal(wb_timeline_parse(cut, &t, &err), -EBADMSG);
	}
	assert_int_equal(wb_timeline_parse(whole, &t, NULL), 0);
	assert_true(t.staged_s < 0);
	assert_int_equal(wb_timeline_json(&t, 0, &text), 0);
	/* "kernel" was not there, so its text is that of an unknown interval. */
	assert_string_equal(text, want);
}

/* Columns on a terminal: every byte but the continuations of UTF-8. */
static void text_fits_a_terminal(void **state)
{
	WB_CLEAN_STR alone = NULL;
	WB_CLEAN_STR both = NULL;
	struct wb_timeline t;
	struct sample s;
	size_t columns = 0;
	struct wb_start started[] = {
		{"warmboot-a-unit-with-a-very-long-name-that-goes-on-and-on-and-on-and-on-and-on."
		 "service",
			{7000000, 7500000, 0}},
		{"multi-user.target", {9000000, 9000000, 0}},
	};

	warm(&s);
	s.f.starts = (struct wb_starts){started, 2};
	s.f.chain = (struct wb_starts){started + 1, 1};
	s.f.user.target_us = 9000000;
	s.f.user.generators_from_us = s.f.user.userspace_us;
	s.f.user.generators_to_us = s.f.user.userspace_us + 250000;
	snprintf(s.f.from, sizeof(s.f.from),
		"6.12.107+deb13-cloud-amd64-with-a-long-name-of-a-flavour");
	snprintf(s.f.to, sizeof(s.f.to),
		"7.2.12+deb13-cloud-amd64-with-a-long-name-of-a-flavour-too");
	s.f.last_tsc = 0;
	event(&s, WB_EVENT_STOPPING, 106,
		"a-unit-with-a-very-long-name-that-goes-on-and-on.service");
	event(&s, WB_EVENT_STOPPED, 107,
		"a-unit-with-a-very-long-name-that-goes-on-and-on.service");
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	assert_int_equal(wb_timeline_text(&t, NULL, &alone), 0);
	assert_int_equal(wb_timeline_text(&t, &t, &both), 0);
	for (const char *const *text = (const char *const[]){alone, both, NULL}; *text; text++)
		for (const char *p = *text; *p; p++) {
			if (*p == '\n')
				columns = 0;
			else if (((unsigned char)*p & 0xc0) != 0x80)
				columns++;
			if (columns > 80)
				fail_msg("a line is longer than 80 columns:\n%s", *text);
		}
	assert_non_null(strstr(alone, "purgatory"));
	assert_non_null(strstr(both, "difference"));
	assert_non_null(strstr(alone, "what multi-user.target waited for:"));
	assert_non_null(strstr(alone, "all generators"));
	assert_non_null(strstr(alone, "% of user space"));
}

static void a_boot_is_found_by_number_and_id(void **state)
{
	struct wb_timeline a = {.boot = "aaaa1111-x"}, b = {.boot = "aaaa2222-x"};
	struct wb_timeline *items[] = {&a, &b};
	const struct wb_history h = {items, 2, 0}, none = {};
	const struct wb_timeline *got = NULL;
	struct wb_error err = {};

	assert_int_equal(wb_history_find(&h, NULL, &got, &err), 0);
	assert_ptr_equal(got, &b);
	assert_int_equal(wb_history_find(&h, "1", &got, &err), 0);
	assert_ptr_equal(got, &a);
	assert_int_equal(wb_history_find(&h, "-1", &got, &err), 0);
	assert_ptr_equal(got, &a);
	assert_int_equal(wb_history_find(&h, "aaaa2", &got, &err), 0);
	assert_ptr_equal(got, &b);
	got = NULL;
	assert_int_equal(wb_history_find(&h, "2", &got, &err), -ENOENT);
	assert_int_equal(wb_history_find(&h, "aaaa", &got, &err), -ENOENT);
	assert_non_null(strstr(err.text, "several"));
	assert_int_equal(wb_history_find(&h, "b", &got, &err), -ENOENT);
	assert_int_equal(wb_history_find(&none, NULL, &got, &err), -ENOENT);
	assert_null(got);
}

static void only_the_shutdown_is_kept_of_the_journal(void **state)
{
	struct sample s = {.f = {.events = {.items = s.events}}};

	event(&s, WB_EVENT_STOPPED, 10, "something.service");
	event(&s, WB_EVENT_STOPPED, 99.8, "user.slice");
	event(&s, WB_EVENT_STOPPED, 100, "multi-user.target");
	event(&s, WB_EVENT_REACHED, 104, "final.target");
	wb_events_trim(&s.f.events);
	assert_int_equal(s.f.events.n, 3);
	assert_string_equal(s.events[0].unit, "user.slice");
}

static void put(const char *name, int made, char *text)
{
	const char *dir = getenv("WB_SAMPLES");
	char path[4096];
	FILE *f;

	assert_int_equal(made, 0);
	if (dir) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	free(text);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* Each silence that has a place is a bar of its own; an older record has no places. */
static void silences_are_drawn(void **state)
{
	struct wb_timeline t, again;
	struct sample s;
	char *text, *place;

	warm(&s);
	snprintf(s.up[0].unit, sizeof(s.up[0].unit), "slow.service");
	s.up[0].active_us = 30000000;
	s.f.n_up = 1;
	assert_int_equal(wb_timeline_make(&s.f, &t, NULL), 0);
	t.units[1] = t.units[0];
	t.n_units = 2;
	snprintf(t.units[1].unit, sizeof(t.units[1].unit),
		"a-name-of-thirty-bytes-and-\xc3\xbc\xc3\xbc\xc3\xbc");
	snprintf(t.units[1].how, sizeof(t.units[1].how), "process");
	/* It goes on after the end of the line. */
	t.units[1].silent_s = 2 * t.total_s;
	assert_int_equal(wb_timeline_svg(&t, NULL, &text), 0);
	assert_int_equal(count(text, "class=\"again\""), 1);
	assert_int_equal(count(text, "class=\"kept\""), 1);
	free(text);
	assert_int_equal(wb_timeline_text(&t, NULL, &text), 0);
	assert_non_null(strstr(text, "  silent    time  unit\n"));
	free(text);
	assert_int_equal(wb_timeline_json(&t, 0, &text), 0);
	while ((place = strstr(text, "\"silent_from_s\"")))
		place[1] = '-';
	assert_int_equal(wb_timeline_parse(text, &again, NULL), 0);
	free(text);
	assert_true(again.units[0].silent_s > 0 && again.units[0].silent_from_s < 0);
	assert_int_equal(wb_timeline_svg(&again, NULL, &text), 0);
	assert_int_equal(count(text, "class=\"again\"") + count(text, "class=\"kept\""), 0);
	free(text);
}

/* For check-timeline.py: everything that is printed, of a warm boot with odd names and a cold one. */
static void samples_are_written(void **state)
{
	struct wb_timeline w, c;
	const struct wb_timeline *const all[] = {&c, &w};
	struct sample s;
	char *text = NULL;
	int r;

	warm(&s);
	snprintf(s.f.to, sizeof(s.f.to), "7.2 <&\"> \\");
	s.f.log.parts[WB_KLOG_SMP] = (struct wb_klog_span){100, 2000, "lines"};
	snprintf(s.up[0].unit, sizeof(s.up[0].unit), "slow.service");
	s.up[0].active_us = 30000000;
	s.f.n_up = 1;
	assert_int_equal(wb_timeline_make(&s.f, &w, NULL), 0);
	cold(&s);
	event(&s, WB_EVENT_REACHED, 106.1, "reboot.target");
	assert_int_equal(wb_timeline_make(&s.f, &c, NULL), 0);
	r = wb_timeline_json(&w, 2, &text);
	put("warm.json", r, text);
	r = wb_timeline_json(&c, 0, &text);
	put("cold.json", r, text);
	r = wb_timeline_svg(&w, NULL, &text);
	put("warm.svg", r, text);
	r = wb_timeline_svg(&w, &c, &text);
	put("both.svg", r, text);
	r = wb_timeline_html(&w, &c, &text);
	put("both.html", r, text);
	r = wb_timeline_prometheus(all, 2, &text);
	put("metrics.prom", r, text);
	r = wb_timeline_prometheus(NULL, 0, &text);
	put("none.prom", r, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_warm_boot_is_one_line),
		cmocka_unit_test(each_clock_has_its_own_tie),
		cmocka_unit_test(late_jobs_have_their_own_phase),
		cmocka_unit_test(missing_marks_merge_phases),
		cmocka_unit_test(without_the_counter_nothing_is_placed_by_it),
		cmocka_unit_test(a_jump_at_once_stops_no_unit),
		cmocka_unit_test(a_jump_that_another_program_asked_for),
		cmocka_unit_test(kept_units_freeze_and_thaw),
		cmocka_unit_test(a_cold_boot_begins_where_units_stopped),
		cmocka_unit_test(a_step_of_the_clock_changes_no_duration),
		cmocka_unit_test(a_machine_that_was_off_begins_with_its_firmware),
		cmocka_unit_test(stale_firmware_times_are_left_out),
		cmocka_unit_test(a_counter_that_began_anew_is_not_believed),
		cmocka_unit_test(nothing_known_is_an_error),
		cmocka_unit_test(json_goes_there_and_back),
		cmocka_unit_test(a_timeline_is_whole_or_says_why),
		cmocka_unit_test(text_fits_a_terminal),
		cmocka_unit_test(a_boot_is_found_by_number_and_id),
		cmocka_unit_test(only_the_shutdown_is_kept_of_the_journal),
		cmocka_unit_test(silences_are_drawn),
		cmocka_unit_test(samples_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
