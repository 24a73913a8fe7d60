// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding hardware watchdogs in sysfs, the register steps of each, and what a session makes of one. The
 * sequences are those that were seen to bite.
 */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "fake-sys.h"
#include "guard/watchdog.h"
#include "purgatory/steps.h"
#include "session/watchdog.h"

#define PCI "/sys/bus/pci/devices/"
#define IOMEM                                                                                  \
	"00001000-0009fbff : System RAM\n00100000-3fffffff : System RAM\nfebd1000-febd100f : " \
	"0000:00:04.0\n"

static const struct wb_watchdog_ways by_registers = {.registers = true};

/* A PCI function with 256 bytes of configuration. */
struct function {
	uint8_t config[256];
	char resource[256];
};

static void put32(struct function *f, size_t at, uint32_t v)
{
	memcpy(f->config + at, &v, 4);
}

static struct function esb(void)
{
	struct function f = {.resource =
				     "0x00000000febd1000 0x00000000febd100f 0x0000000000040200\n"
				     "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"};

	put32(&f, 0, 0x25ab8086);
	put32(&f, 4, 0x00000103);
	put32(&f, 0x10, 0xfebd1000);
	return f;
}

static struct function lpc(void)
{
	struct function f = {
		.resource = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"};

	put32(&f, 0, 0x29188086);
	put32(&f, 0x40, 0x00000601);
	put32(&f, 0x44, 0x00000080);
	put32(&f, 0xf0, 0xfed1c001);
	return f;
}

#define FUNCTION(name, id, f)                                            \
	{PCI name "/vendor", "0x8086\n"}, {PCI name "/device", id "\n"}, \
		{PCI name "/config", (char *)(f)->config, 256},          \
	{                                                                \
		PCI name "/resource", (f)->resource                      \
	}

/* Find on a machine with one function; the sentence is in *err. */
static int find_esb(const struct function *f, struct wb_watchdog *ret, struct wb_error *err)
{
	const struct fake_file disk[] = {
		FUNCTION("0000:00:04.0", "0x25ab", f), {"/proc/iomem", IOMEM}, {}};
	struct wb_files files = fake_files(disk);

	return wb_watchdog_find(&files, &by_registers, ret, err);
}

static int find_lpc(const struct function *f, struct wb_watchdog *ret, struct wb_error *err)
{
	const struct fake_file disk[] = {
		FUNCTION("0000:00:1f.0", "0x2918", f), {"/proc/iomem", IOMEM}, {}};
	struct wb_files files = fake_files(disk);

	return wb_watchdog_find(&files, &by_registers, ret, err);
}

/* A list in the notation "space width address value", with "keep" where the register is read. */
static void expect_steps(const struct wb_steps *s, const char *want)
{
	static const char *const spaces[] = {"?", "port", "cfg", "mem"};
	char text[1024] = "";

	assert_true(wb_steps_valid(s->items, s->n));
	for (uint32_t i = 0; i < s->n; i++) {
		const struct wb_reg_step *step = &s->items[i];
		size_t n = strlen(text);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%d[%llx]", spaces[step->space],
			8 * step->width, (unsigned long long)step->address);
		if (step->keep)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " keep %x", step->keep);
		snprintf(text + n, sizeof(text) - n, " = %x\n", step->set);
	}
	assert_string_equal(text, want);
}

/* ---- i6300esb ---- */

#define UNLOCK "mem16[febd100c] = 80\nmem16[febd100c] = 86\n"

static void i6300esb_is_armed_as_it_was_seen_to_bite(void **state)
{
	struct function f = esb();
	struct wb_watchdog w = {};
	struct wb_error err = {};
	struct wb_steps arm = {}, feed = {}, stop = {}, longest = {};

	if (find_esb(&f, &w, &err) < 0)
		fail_msg("%s", err.text);
	assert_ptr_equal(w.kind, &wb_watchdog_6300esb);
	assert_string_equal(w.device, "0000:00:04.0");
	/* 20 s are 10173 ticks of 0.98304 ms, twice. */
	assert_int_equal(w.kind->arm(&w, 20, &arm), 20000 + 0);
	expect_steps(&arm,
		"cfg8[2068] = 0\ncfg16[2060] = 3\n" UNLOCK "mem32[febd1000] = 27bd\n" UNLOCK
		"mem32[febd1004] = 27bd\n" UNLOCK "mem16[febd100c] = 100\ncfg8[2068] = 2\n");
	w.kind->feed(&w, 20, &feed);
	expect_steps(&feed, UNLOCK "mem16[febd100c] = 100\n");
	w.kind->stop(&w, &stop);
	expect_steps(&stop, UNLOCK "mem16[febd100c] = 100\ncfg8[2068] = 0\n");
	/* The counters have 20 bits. */
	assert_in_range(w.kind->arm(&w, w.kind->most_s, &longest), 2046000, 2046010);
	assert_true(longest.items[4].set < 1 << 20);
}

static void no_time_is_shorter_than_it_was_asked_for(void **state)
{
	struct function f = esb(), g = lpc();
	struct wb_watchdog w = {}, v = {};

	assert_int_equal(find_esb(&f, &w, NULL), 0);
	assert_int_equal(find_lpc(&g, &v, NULL), 0);
	for (unsigned s = 5; s <= 613; s++) {
		struct wb_steps a = {}, b = {};

		/* Rounding of the last digit is less than a tick. */
		assert_in_range(w.kind->arm(&w, s, &a), s * 1000, s * 1000 + 2);
		assert_in_range(v.kind->arm(&v, s, &b), s * 1000, s * 1000 + 1200);
		assert_in_range(b.items[5].set, 4, 0x3ff);
	}
}

static void i6300esb_that_cannot_be_used_says_why(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		int r;
		const char *says;
	} cases[] = {
		{0x04, 0x100, -EOPNOTSUPP, "does not decode its memory"},
		{0x10, 0xfebd1001, -EOPNOTSUPP, "are no memory"},
		{0x10, 0xfebd2000, -EOPNOTSUPP, "do not lie in the memory that 0000:00:04.0 has"},
		{0x68, 0x03, -EBUSY, "locked"},
		{0x00, 0xffffffff, -EIO, "does not answer"},
	};
	struct wb_watchdog w = {};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct function f = esb();
		struct wb_error err = {};

		put32(&f, cases[i].at, cases[i].value);
		assert_int_equal(find_esb(&f, &w, &err), cases[i].r);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s", err.text);
	}
	assert_null(w.kind);
}

static void addresses_above_4_gib_are_found(void **state)
{
	struct function f = esb();
	struct wb_watchdog w = {};
	struct wb_error err = {};

	put32(&f, 0x10, 0x00001004);
	put32(&f, 0x14, 0x38);
	strcpy(f.resource, "0x0000003800001000 0x000000380000100f 0x0000000000140204\n");
	if (find_esb(&f, &w, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(w.base == 0x3800001000ull);
}

static void memory_of_others_is_not_written_to(void **state)
{
	struct function f = esb(), other = {.resource = "0x00000000febd1000 0x00000000febd1fff "
							"0x0000000000040200\n"};
	const struct fake_file shared[] = {FUNCTION("0000:00:04.0", "0x25ab", &f),
		FUNCTION("0000:00:05.0", "0x1000", &other), {"/proc/iomem", IOMEM}, {}};
	const struct fake_file ram[] = {FUNCTION("0000:00:04.0", "0x25ab", &f),
		{"/proc/iomem", "f0000000-febd1000 : System RAM\n"}, {}};
	const struct fake_file hidden[] = {FUNCTION("0000:00:04.0", "0x25ab", &f),
		{"/proc/iomem", "00000000-00000000 : System RAM\n"}, {}};
	struct wb_files files = fake_files(shared);
	struct wb_watchdog w = {};
	struct wb_error err = {};

	assert_int_equal(wb_watchdog_find(&files, &by_registers, &w, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "shared with 0000:00:05.0"));
	files = fake_files(ram);
	assert_int_equal(wb_watchdog_find(&files, &by_registers, &w, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "memory lies where"));
	files = fake_files(hidden);
	assert_int_equal(wb_watchdog_find(&files, &by_registers, &w, &err), -EACCES);
	assert_non_null(strstr(err.text, "only root"));
}

static void what_only_root_can_read_is_told(void **state)
{
	struct function f = esb();
	const struct fake_file disk[] = {{PCI "0000:00:04.0/vendor", "0x8086\n"},
		{PCI "0000:00:04.0/device", "0x25ab\n"},
		{PCI "0000:00:04.0/config", (char *)f.config, 64}, {}};
	struct wb_files files = fake_files(disk);
	struct wb_watchdog w = {};
	struct wb_error err = {};

	assert_int_equal(wb_watchdog_find(&files, &by_registers, &w, &err), -EACCES);
	assert_non_null(strstr(err.text, "i6300esb: only root"));
}

/* ---- iTCO ---- */

static void tco_is_armed_as_it_was_seen_to_bite(void **state)
{
	struct function f = lpc();
	struct wb_watchdog w = {};
	struct wb_error err = {};
	struct wb_steps arm = {}, feed = {}, stop = {};

	if (find_lpc(&f, &w, &err) < 0)
		fail_msg("%s", err.text);
	assert_ptr_equal(w.kind, &wb_watchdog_tco);
	assert_int_equal(w.kind->arm(&w, 24, &arm), 24000);
	expect_steps(&arm, "mem32[fed1f410] keep ffffffdf = 0\nport16[668] keep ffff = 800\n"
			   "port16[664] = 8\nport16[666] = 2\nport16[666] = 4\nport16[672] = 14\n"
			   "port16[660] = 1\nport16[668] keep f7ff = 0\n");
	w.kind->feed(&w, 24, &feed);
	expect_steps(&feed, "port16[660] = 1\n");
	w.kind->stop(&w, &stop);
	expect_steps(&stop, "port16[660] = 1\nport16[668] keep ffff = 800\n");
}

static void tco_that_the_firmware_switched_off_says_so(void **state)
{
	static const size_t off[] = {0x40, 0x44, 0xf0};
	struct wb_watchdog w = {};

	for (size_t i = 0; i < 3; i++) {
		struct function f = lpc();
		struct wb_error err = {};

		put32(&f, off[i], 0);
		assert_int_equal(find_lpc(&f, &w, &err), -EOPNOTSUPP);
		assert_non_null(strstr(err.text, "the firmware has switched the "));
	}
}

/* ---- ib700 ---- */

static void ib700_is_known_by_its_driver(void **state)
{
	static const struct fake_file bound[] = {
		{"/proc/ioports", "0000-0cf7 : PCI Bus 0000:00\n  0441-0441 : IB700 WDT\n"
				  "  0443-0443 : IB700 WDT\n"},
		{}};
	static const struct fake_file half[] = {
		{"/proc/ioports", "  0441-0441 : IB700 WDT\n  0443-0443 : x\n"}, {}};
	struct wb_files files = fake_files(bound);
	struct wb_steps arm = {}, feed = {}, stop = {};
	struct wb_watchdog w = {};
	struct wb_error err = {};

	assert_int_equal(wb_watchdog_find(&files, &by_registers, &w, &err), 0);
	assert_string_equal(w.device, "port-0x443");
	assert_int_equal(w.kind->arm(&w, 13, &arm), 14000);
	expect_steps(&arm, "port8[443] = 8\n");
	w.kind->feed(&w, 30, &feed);
	expect_steps(&feed, "port8[443] = 0\n");
	w.kind->stop(&w, &stop);
	expect_steps(&stop, "port8[441] = 0\n");
	files = fake_files(half);
	assert_int_equal(wb_watchdog_find(&files, &by_registers, &w, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no watchdog that warmboot knows"));
}

/* ---- every row ---- */

static void every_row_keeps_its_limits(void **state)
{
	static const struct wb_watchdog some = {
		.config = 0x2000, .base = 0x10000660, .extra = 0xfed1f410};

	for (size_t i = 0; wb_watchdogs_all[i]; i++) {
		const struct wb_watchdog_kind *k = wb_watchdogs_all[i];
		struct wb_watchdog w = some;
		struct wb_error err = {};

		if (k->runs_on)
			continue;
		w.kind = k;
		w.least_s = k->least_s;
		w.most_s = k->most_s;
		if (k != &wb_watchdog_6300esb)
			w.base = 0x660;
		assert_true(k->modules[0] && k->least_s && k->least_s < k->most_s);
		for (unsigned s = k->least_s; s <= k->most_s; s++) {
			struct wb_steps arm = {}, feed = {}, stop = {};

			assert_true(k->arm(&w, s, &arm) >= s * 1000);
			k->feed(&w, s, &feed);
			k->stop(&w, &stop);
			assert_true(wb_steps_valid(arm.items, arm.n) && arm.n);
			assert_true(wb_steps_valid(feed.items, feed.n) && feed.n);
			assert_true(wb_steps_valid(stop.items, stop.n) && stop.n);
		}
		assert_int_equal(wb_watchdog_check_time(&w, k->least_s - 1, &err), -ERANGE);
		assert_int_equal(wb_watchdog_check_time(&w, k->most_s + 1, &err), -ERANGE);
		assert_int_equal(wb_watchdog_check_time(&w, k->most_s, &err), 0);
	}
}

/* ---- a session's choice ---- */

#define UNIT "/usr/lib/systemd/system/" WB_TRIAL_UNIT

static bool uses_one(void)
{
	return true;
}

static uint64_t armed_us;

static int arm_at_shutdown(uint64_t us, uint64_t *ret_before, struct wb_error *err)
{
	*ret_before = armed_us;
	armed_us = us;
	return 0;
}

/* The choice on a machine with an i6300esb and these files. */
static int decide_by(const struct wb_watch_wish *o, enum wb_method method,
	const struct fake_file *more, bool pid1, struct wb_watch *ret, struct wb_error *err)
{
	struct function f = esb();
	struct fake_file disk[20] = {
		FUNCTION("0000:00:04.0", "0x25ab", &f), {"/proc/iomem", IOMEM}};
	struct fake_sys fake;
	struct wb_session_host h = {
		.init_watchdog = pid1 ? uses_one : NULL, .arm_at_shutdown = arm_at_shutdown};
	int r;

	for (size_t i = 0; more && more[i].path; i++)
		disk[5 + i] = more[i];
	fake_sys_init(&fake, disk);
	h.sys = &fake.sys;
	r = wb_watch_decide(&h, o, method, ret, err);
	fake_sys_deinit(&fake);
	return r;
}

static int decide(const struct wb_watch_wish *o, const struct fake_file *more, bool pid1,
	struct wb_watch *ret, struct wb_error *err)
{
	return decide_by(o, WB_METHOD_AUTO, more, pid1, ret, err);
}

static void expect_sentence(
	const struct wb_watch *w, const struct wb_stage_info *info, const char *want)
{
	struct wb_session_watchdog report;
	char *text;

	assert_true(wb_watch_report(w, info, &report));
	text = wb_watch_sentence(&report);
	assert_string_equal(text, want);
	free(text);
}

static void what_guards_from_where_to_where_is_told(void **state)
{
	static const struct fake_file systemd[] = {
		{"/run/systemd/system", ""}, {UNIT, "[Service]\n"}, {}};
	struct wb_watch_wish o = {.guard = WB_GUARD_AUTO, .watchdog = 60};
	struct wb_stage_info late = {.guarded = true, .guarded_late = true},
			     early = {.guarded = true},
			     none = {.unguarded_why = "the moon is full"};
	struct wb_watch w;
	struct wb_error err = {};

	assert_int_equal(decide(&o, systemd, false, &w, &err), 0);
	assert_true(w.is);
	assert_int_equal(w.load.trial, WB_TRIAL_SECONDS);
	expect_sentence(&w, &late,
		"the watchdog i6300esb (0000:00:04.0) resets the machine 60 s after a hang, from "
		"purgatory until user space is up, which may take 600 s; then it is stopped");
	expect_sentence(&w, &early,
		"the watchdog i6300esb (0000:00:04.0) resets the machine 60 s after a hang, from "
		"purgatory until the init of the root starts");
	expect_sentence(&w, &none, "no watchdog guards this jump: the moon is full");
	o.trial = 100;
	assert_int_equal(decide(&o, systemd, true, &w, &err), 0);
	expect_sentence(&w, &late,
		"the watchdog i6300esb (0000:00:04.0) resets the machine 60 s after a hang, from "
		"purgatory until user space is up, which may take 100 s; then PID 1 gets it");
}

static void user_space_is_guarded_only_where_something_ends_the_trial(void **state)
{
	static const struct fake_file masked[] = {{"/run/systemd/system", ""},
		{"/etc/systemd/system/" WB_TRIAL_UNIT, .link = "/dev/null"}, {UNIT, "[Service]\n"},
		{}};
	static const struct fake_file absent[] = {{"/run/systemd/system", ""}, {}};
	static const struct fake_file other[] = {{UNIT, "[Service]\n"}, {}};
	static const struct fake_file *const none[] = {masked, absent, other};
	struct wb_watch_wish o = {.guard = WB_GUARD_REQUIRE, .watchdog = 60};
	struct wb_watch w;
	struct wb_error err = {};

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(decide(&o, none[i], false, &w, &err), 0);
		assert_true(w.is);
		assert_int_equal(w.load.trial, 0);
	}
}

#define DEVICE "/sys/class/watchdog/watchdog0"
#define RUNS_ON                                                                              \
	{"/run/systemd/system", ""}, {UNIT, "[Service]\n"},                                  \
		{DEVICE "/identity", "i6300ESB timer\n"}, {DEVICE "/max_timeout", "2046\n"}, \
	{                                                                                    \
		DEVICE "/min_timeout", "1\n"                                                 \
	}
#define STOPS "/sys/module/watchdog/parameters/stop_on_reboot"

static void a_device_that_runs_on_guards_loads_by_the_running_kernel(void **state)
{
	static const struct fake_file good[] = {RUNS_ON, {STOPS, "0\n"}, {}};
	struct wb_watch_wish o = {.guard = WB_GUARD_AUTO, .watchdog = 60};
	struct wb_stage_info late = {.guarded = true, .guarded_late = true}, none = {};
	struct wb_session_host h = {.arm_at_shutdown = arm_at_shutdown};
	struct wb_watch w;
	struct wb_error err = {};

	assert_int_equal(decide_by(&o, WB_METHOD_FILE, good, false, &w, &err), 0);
	assert_true(w.is && w.load.runs_on);
	assert_int_equal(w.load.n_arm + w.load.n_feed + w.load.n_stop, 0);
	assert_string_equal(w.load.modules[0], "i6300esb");
	assert_string_equal(w.load.identity, "i6300ESB timer");
	expect_sentence(&w, &late,
		"the watchdog i6300ESB timer (watchdog0) resets the machine 60 s after a hang, "
		"from "
		"the end of the shutdown until user space is up, which may take 600 s; then it is "
		"stopped");
	/* PID 1 arms it only for a load that is guarded, and forgets it when the jump is off. */
	armed_us = 7;
	assert_int_equal(wb_watch_arm(&h, &w, &none, &err), 1);
	assert_int_equal(armed_us, 7);
	assert_int_equal(wb_watch_arm(&h, &w, &late, &err), 0);
	assert_int_equal(armed_us, 60000000);
	wb_watch_disarm(&h, &w);
	assert_int_equal(armed_us, 7);
	/* Registers are better: they leave the shutdown all its time. */
	assert_int_equal(decide_by(&o, WB_METHOD_FAST, good, false, &w, &err), 0);
	assert_false(w.load.runs_on);
	assert_int_equal(wb_watch_arm(&h, &w, &late, &err), 1);
}

static void a_device_that_the_kernel_stops_guards_nothing(void **state)
{
	static const struct fake_file stopped[] = {RUNS_ON, {STOPS, "-1\n"}, {}};
	static const struct fake_file taken[] = {
		RUNS_ON, {STOPS, "0\n"}, {DEVICE "/state", "active\n"}, {}};
	static const struct fake_file strange[] = {{"/run/systemd/system", ""},
		{DEVICE "/identity", "Some dog\n"}, {STOPS, "0\n"}, {}};
	static const struct fake_file none[] = {{"/run/systemd/system", ""}, {}};
	static const struct {
		const struct fake_file *disk;
		const char *says;
	} cases[] = {
		{stopped, "because it was not started with watchdog.stop_on_reboot=0"},
		{taken, "another program than PID 1 has the device watchdog0 open"},
		{strange, "the module of the device \"Some dog\" is not known"},
		{none, "this machine has no watchdog that warmboot knows"},
	};
	struct wb_watch_wish o = {.guard = WB_GUARD_AUTO};
	struct wb_watch w;
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(decide_by(&o, WB_METHOD_FILE, cases[i].disk, false, &w, &err), 0);
		assert_false(w.is);
		if (!strstr(w.why, cases[i].says))
			fail_msg("%s", w.why);
	}
	/* PID 1's own device is not taken. */
	assert_int_equal(decide_by(&o, WB_METHOD_FILE, taken, true, &w, &err), 0);
	assert_true(w.is && w.load.give);
	/* There is no shutdown that could arm it. */
	o.now = true;
	assert_int_equal(decide_by(&o, WB_METHOD_FILE, taken, true, &w, &err), 0);
	assert_non_null(strstr(w.why, "in an orderly shutdown of systemd only"));
}

static void without_a_wish_nothing_is_looked_at(void **state)
{
	struct wb_watch_wish o = {};
	struct wb_session_watchdog report;
	struct wb_watch w;

	assert_int_equal(decide(&o, NULL, false, &w, NULL), 0);
	assert_false(w.asked);
	assert_false(w.is);
	assert_false(wb_watch_report(&w, NULL, &report));
	assert_null(wb_watch_sentence_of(NULL, NULL, NULL));
}

static void times_that_make_no_sense_are_refused(void **state)
{
	static const struct wb_watch_wish wrong[] = {
		{.guard = WB_GUARD_AUTO, .watchdog = 9},
		{.guard = WB_GUARD_AUTO, .trial = 29},
		{.guard = WB_GUARD_AUTO, .trial = 86401},
	};
	struct wb_watch_wish o = {.guard = WB_GUARD_AUTO, .watchdog = 2047};
	struct wb_watch w;
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(decide(&wrong[i], NULL, false, &w, &err), -EINVAL);
	/* A time that the device cannot do is a reason to go without, or not to go. */
	assert_int_equal(decide(&o, NULL, false, &w, &err), 0);
	assert_false(w.is);
	expect_sentence(&w, NULL,
		"no watchdog guards this jump: the watchdog i6300esb takes 1 to 2046 s, not 2047");
	o.guard = WB_GUARD_REQUIRE;
	assert_true(decide(&o, NULL, false, &w, &err) < 0);
	assert_non_null(strstr(err.text, "no watchdog can guard this jump: the watchdog i6300esb"));
}

static void a_state_of_another_kind_is_no_state(void **state)
{
	static const struct fake_file left[] = {{"/run/warmboot/watchdog", "left\n"}, {}};
	static const struct fake_file odd[] = {{"/run/warmboot/watchdog", "\033[2J\n"}, {}};
	struct wb_files files = fake_files(left);

	assert_string_equal(wb_watch_state(&files),
		"nothing feeds it, because user space did not come up in time");
	files = fake_files(odd);
	assert_null(wb_watch_state(&files));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i6300esb_is_armed_as_it_was_seen_to_bite),
		cmocka_unit_test(no_time_is_shorter_than_it_was_asked_for),
		cmocka_unit_test(i6300esb_that_cannot_be_used_says_why),
		cmocka_unit_test(addresses_above_4_gib_are_found),
		cmocka_unit_test(memory_of_others_is_not_written_to),
		cmocka_unit_test(what_only_root_can_read_is_told),
		cmocka_unit_test(tco_is_armed_as_it_was_seen_to_bite),
		cmocka_unit_test(tco_that_the_firmware_switched_off_says_so),
		cmocka_unit_test(ib700_is_known_by_its_driver),
		cmocka_unit_test(every_row_keeps_its_limits),
		cmocka_unit_test(what_guards_from_where_to_where_is_told),
		cmocka_unit_test(user_space_is_guarded_only_where_something_ends_the_trial),
		cmocka_unit_test(a_device_that_runs_on_guards_loads_by_the_running_kernel),
		cmocka_unit_test(a_device_that_the_kernel_stops_guards_nothing),
		cmocka_unit_test(without_a_wish_nothing_is_looked_at),
		cmocka_unit_test(times_that_make_no_sense_are_refused),
		cmocka_unit_test(a_state_of_another_kind_is_no_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
