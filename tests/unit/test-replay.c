// SPDX-License-Identifier: LGPL-2.1-or-later
/* replay/: recording units, planning and starting them again. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "fake-files.h"
#include "replay/manager.h"

static char *copy(const char *s)
{
	char *p = strdup(s);

	assert_non_null(p);
	return p;
}

/* after: names with blanks between, or NULL. */
static struct wb_unit *unit(struct wb_world *w, const char *name, const char *active,
	const char *sub, const char *state, const char *after)
{
	struct wb_unit *u;

	assert_int_equal(wb_world_add_unit(w, name, &u), 0);
	u->active = copy(active);
	u->sub = copy(sub);
	u->state = copy(state);
	while (after && *after) {
		char word[64];
		size_t n = strcspn(after, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, after);
		assert_int_equal(wb_strv_add(&u->after, word), 0);
		after += n + strspn(after + n, " ");
	}
	return u;
}

static struct wb_unit *runs(struct wb_world *w, const char *name, const char *after)
{
	return unit(w, name, "active", "running", "disabled", after);
}

/* Names with blanks between. */
static const char *names(const struct wb_step *steps, size_t n, char ret[512])
{
	ret[0] = 0;
	for (size_t i = 0; i < n; i++)
		snprintf(ret + strlen(ret), 512 - strlen(ret), "%s%s", i ? " " : "",
			steps[i].unit->name);
	return ret;
}

#define assert_starts(plan, want)                                                     \
	do {                                                                          \
		char text[512];                                                       \
		assert_string_equal(names((plan).start, (plan).n_start, text), want); \
	} while (0)
#define assert_leaves(plan, want)                                                     \
	do {                                                                          \
		char text[512];                                                       \
		assert_string_equal(names((plan).leave, (plan).n_leave, text), want); \
	} while (0)
#define assert_adds(plan, want)                                                       \
	do {                                                                          \
		char text[512];                                                       \
		assert_string_equal(names((plan).added, (plan).n_added, text), want); \
	} while (0)

static void what_runs_again_is_left_alone(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {.uid = -1}, now = {.uid = -1};

	runs(&before, "a.service", NULL);
	runs(&before, "b.service", NULL);
	runs(&before, "c.service", NULL);
	runs(&now, "a.service", NULL);
	unit(&now, "b.service", "reloading", "reload", "enabled", NULL);
	unit(&now, "c.service", "inactive", "dead", "disabled", NULL);
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "c.service");
	assert_leaves(plan, "");
	assert_adds(plan, "");
	assert_string_equal(plan.start[0].now->active, "inactive");
}

static void the_order_is_that_of_the_dependencies(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	runs(&before, "a.service", "z.service m.service unknown.service");
	runs(&before, "m.service", "z.service");
	runs(&before, "z.socket", NULL);
	runs(&before, "z.service", "z.socket");
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "z.socket z.service m.service a.service");
}

static void the_order_goes_through_units_that_run(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	runs(&before, "a.service", "between.target");
	unit(&before, "between.target", "active", "active", "static", "z.service");
	runs(&before, "z.service", NULL);
	unit(&now, "between.target", "active", "active", "static", NULL);
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "z.service a.service");
}

static void circles_are_broken(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	runs(&before, "a.service", "b.service");
	runs(&before, "b.service", "c.service");
	runs(&before, "c.service", "a.service");
	runs(&before, "d.service", "d.service a.service");
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "c.service b.service a.service d.service");
}

static void a_long_chain_needs_no_stack(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};
	char name[64], after[64];

	for (int i = 0; i < WB_UNITS_MOST; i++) {
		snprintf(name, sizeof(name), "u%05d.service", i);
		snprintf(after, sizeof(after), "u%05d.service", i + 1);
		runs(&before, name, after);
	}
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_int_equal(plan.n_start, WB_UNITS_MOST);
	assert_string_equal(plan.start[0].unit->name, name);
	assert_string_equal(plan.start[WB_UNITS_MOST - 1].unit->name, "u00000.service");
}

static void what_was_over_is_done_again_only_if_done_by_hand(void **state)
{
	static const char *const by_hand[] = {
		"disabled", "transient", "linked-runtime", "enabled-runtime", "indirect"};
	static const char link[] = "/run/systemd/system/multi-user.target.wants/x.service";
	WB_CLEAN_WORLD now = {};

	for (size_t i = 0; i < sizeof(by_hand) / sizeof(*by_hand); i++) {
		WB_CLEAN_REPLAY_PLAN plan = {};
		WB_CLEAN_WORLD before = {};

		unit(&before, "x.service", "active", "exited", by_hand[i], NULL);
		assert_int_equal(wb_world_add_file(&before, link, "/etc/systemd/system/x.service",
					 (struct wb_bytes){}),
			0);
		unit(&before, "boot.service", "active", "exited", "enabled", NULL);
		unit(&before, "fsck.service", "active", "exited", "enabled-runtime", NULL);
		unit(&before, "sysv.service", "active", "exited", "generated", NULL);
		unit(&before, "part.service", "active", "exited", "static", NULL);
		unit(&before, "y.service", "active", "exited", "static", NULL)->unasked = true;
		assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
		assert_starts(plan, "x.service y.service");
		assert_leaves(plan, "");
	}
}

static void only_what_was_up_counts(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	unit(&before, "failed.service", "failed", "failed", "enabled", NULL);
	unit(&before, "system.slice", "active", "active", "", NULL);
	unit(&before, "sda.device", "active", "plugged", "", NULL);
	unit(&before, "init.scope", "active", "running", "", NULL);
	unit(&before, "warmboot-store.service", "active", "running", "static", NULL);
	runs(&before, "bus.service", NULL)->by_bus = true;
	unit(&before, "no-kind", "active", "running", "disabled", NULL);
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "");
	assert_leaves(plan, "");
}

static void what_was_starting_counts_as_running(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	unit(&before, "a.service", "activating", "start-pre", "disabled", NULL);
	unit(&before, "b.service", "activating", "queued", "disabled", "a.service");
	unit(&before, "c.service", "reloading", "reload", "disabled", NULL);
	unit(&before, "d.service", "refreshing", "refresh", "disabled", NULL);
	unit(&before, "up.service", "activating", "auto-restart", "disabled", NULL);
	unit(&before, "bus.service", "activating", "start", "static", NULL)->by_bus = true;
	runs(&now, "up.service", NULL);
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "a.service b.service c.service d.service");
	assert_leaves(plan, "");
	assert_adds(plan, "");
}

static void what_cannot_be_started_is_named(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	runs(&before, "a.scope", NULL)->cannot = copy("because");
	runs(&before, "b.service", NULL)->no_start = true;
	unit(&before, "c.service", "active", "running", "masked-runtime", NULL);
	runs(&before, "d.service", NULL);
	unit(&now, "d.service", "activating", "start", "disabled", NULL);
	runs(&before, "e.service", NULL);
	unit(&now, "e.service", "failed", "failed", "disabled", NULL);
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_starts(plan, "e.service");
	assert_leaves(plan, "a.scope b.service c.service d.service");
	assert_string_equal(plan.leave[0].why, "because");
	assert_non_null(strstr(plan.leave[1].why, "RefuseManualStart="));
	assert_non_null(strstr(plan.leave[2].why, "masked"));
	assert_non_null(strstr(plan.leave[3].why, "starting"));
}

static void what_is_new_is_told(void **state)
{
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD before = {}, now = {};

	runs(&before, "old.service", NULL);
	unit(&before, "was-dead.service", "failed", "failed", "enabled", NULL);
	runs(&now, "old.service", NULL);
	runs(&now, "was-dead.service", NULL);
	runs(&now, "fresh.service", NULL);
	unit(&now, "over.service", "active", "exited", "enabled", NULL);
	unit(&now, "x.target", "active", "active", "static", NULL);
	unit(&now, "s.scope", "active", "running", "transient", NULL);
	unit(&now, "run-user-0.mount", "active", "mounted", "", NULL);
	unit(&now, "srv.mount", "active", "mounted", "generated", NULL)->fragment =
		copy("/run/systemd/generator/srv.mount");
	unit(&now, "warmboot-replay.service", "active", "running", "static", NULL);
	assert_int_equal(wb_replay_plan(&before, &now, &plan), 0);
	assert_adds(plan, "fresh.service srv.mount was-dead.service");
}

static void a_record_survives_its_file(void **state)
{
	static const uint8_t raw[] = {'[', 0, 0xff, ']'};
	WB_CLEAN_UNITS units = {.boot_id = copy("A"), .nonce = copy("00ff"), .time = 77},
		       again = {};
	WB_CLEAN_WORLD world = {.uid = -1}, user = {.uid = 1000};
	WB_CLEAN_STR text = NULL;
	const struct wb_world *w;
	struct wb_unit *u;

	u = runs(&world, "a.service", "b.service c.target");
	u->fragment = copy("/run/systemd/transient/a.service");
	u->cannot = copy("why");
	u->no_start = u->unasked = u->by_bus = true;
	assert_int_equal(wb_strv_add(&u->triggered_by, "a.socket"), 0);
	assert_int_equal(wb_world_add_file(&world, "/run/systemd/transient/a.service", NULL,
				 (struct wb_bytes){(const uint8_t *)"[Service]\n", 10}),
		0);
	assert_int_equal(wb_world_add_file(&world, "/run/systemd/system/m.service", "/dev/null",
				 (struct wb_bytes){}),
		0);
	assert_int_equal(wb_world_add_file(&world, "/run/systemd/system/raw.service", NULL,
				 (struct wb_bytes){raw, sizeof(raw)}),
		0);
	assert_int_equal(wb_units_add_world(&units, &world), 0);
	assert_int_equal(wb_units_add_world(&units, &user), 0);
	assert_int_equal(wb_units_print(&units, &text), 0);
	assert_int_equal(
		wb_units_parse((struct wb_bytes){(uint8_t *)text, strlen(text)}, "x", &again, NULL),
		0);
	assert_string_equal(again.boot_id, "A");
	assert_string_equal(again.nonce, "00ff");
	assert_null(again.replayed_boot);
	assert_int_equal(again.time, 77);
	assert_int_equal(again.n_worlds, 2);
	assert_non_null(wb_units_world(&again, 1000));
	assert_null(wb_units_world(&again, 1001));
	w = wb_units_world(&again, -1);
	assert_int_equal(w->n_units, 1);
	assert_string_equal(w->units[0].name, "a.service");
	assert_string_equal(w->units[0].state, "disabled");
	assert_string_equal(w->units[0].cannot, "why");
	assert_true(w->units[0].no_start);
	assert_true(w->units[0].unasked);
	assert_true(w->units[0].by_bus);
	assert_string_equal(w->units[0].after.items[1], "c.target");
	assert_string_equal(w->units[0].triggered_by.items[0], "a.socket");
	assert_int_equal(w->n_files, 3);
	assert_string_equal((char *)w->files[0].text, "[Service]\n");
	assert_string_equal(w->files[1].link, "/dev/null");
	assert_int_equal(w->files[2].size, sizeof(raw));
	assert_memory_equal(w->files[2].text, raw, sizeof(raw));
}

/* Units with room are complete, and the rest are counted. */
static void a_world_fits_into_its_room(void **state)
{
	WB_CLEAN_WORLD world = {.uid = 1000}, again = {};
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR cut = NULL;
	char name[300];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%0200d.service", i);
		runs(&world, name, "b.service");
	}
	assert_int_equal(wb_world_add_file(&world, "/run/user/1000/systemd/user/m.service", "x",
				 (struct wb_bytes){}),
		0);
	assert_int_equal(wb_world_print(&world, &text), 0);
	assert_int_equal(wb_world_fit(&world, strlen(text) + 128), 0);
	assert_int_equal(world.n_units, 100);
	assert_int_equal(world.n_files, 1);
	assert_int_equal(world.cut, 0);
	assert_int_equal(wb_world_fit(&world, strlen(text) / 2), 0);
	assert_in_range(world.n_units, 48, 50);
	assert_int_equal(world.n_units + world.n_files + world.cut, 101);
	assert_int_equal(wb_world_print(&world, &cut), 0);
	assert_true(strlen(cut) <= strlen(text) / 2);
	assert_int_equal(
		wb_world_parse((struct wb_bytes){(uint8_t *)cut, strlen(cut)}, "x", &again, NULL),
		0);
	assert_int_equal(again.cut, world.cut);
	assert_int_equal(wb_world_fit(&world, 0), 0);
	assert_int_equal(world.n_units, 0);
	assert_int_equal(world.cut, 101);
	/* The share of each is the same, and all of them are within bounds. */
	assert_int_equal(wb_user_share(1), WB_USER_LARGEST);
	assert_true(wb_user_share(1000) * 1000 <= WB_USERS_LARGEST);
}

static void what_is_no_record_is_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{", "{\"worlds\":[{}]}",
		"{\"worlds\":[{\"uid\":-2}]}", "{\"worlds\":[{\"uid\":4294967296}]}",
		"{\"worlds\":[{\"uid\":0,\"units\":[{}]}]}",
		"{\"worlds\":[{\"uid\":0,\"files\":[{\"path\":\"/x\"}]}]}",
		"{\"worlds\":[{\"uid\":0,\"files\":[{\"path\":\"/x\",\"hex\":\"0\"}]}]}",
		"{\"worlds\":[{\"uid\":0,\"files\":[{\"path\":\"/x\",\"hex\":\"0g\"}]}]}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct fake_file disk[] = {{WB_UNITS_PATH, bad[i]}, {}};
		struct wb_files files = fake_files(disk);
		struct wb_error err = {};
		WB_CLEAN_UNITS units = {};

		assert_int_equal(wb_units_read(&files, &units, &err), -EBADMSG);
		assert_non_null(strstr(err.text, WB_UNITS_PATH));
		assert_null(units.worlds);
	}
}

static void a_record_is_whole_or_says_why(void **state)
{
	static const char whole[] =
		"{\"uid\":0,\"units\":[{\"name\":\"a.b\",\"active\":\"active\",\"after\":[\"c.d\"],"
		"\"by_bus\":true}],\"files\":[{\"path\":\"/l\",\"link\":\"/m\"},{\"path\":\"/t\","
		"\"text\":\"\"},{\"path\":\"/h\",\"hex\":\"00ff\"}],\"cut\":3}";
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{"{}", "x: \"uid\" is missing"},
		{"{\"uid\":0,\"cut\":-1}", "x: \"cut\" is out of its limits"},
		{"{\"uid\":0,\"units\":[{\"name\":\"\"}]}",
			"x: \"name\" has a value that is not allowed"},
		{"{\"uid\":0,\"units\":[{\"name\":\"a\",\"after\":[5]}]}",
			"x: \"after\" is no string"},
		{"{\"uid\":0,\"files\":[{\"path\":\"/a\"}]}", "x: /a is neither a link nor a text"},
		{"{\"uid\":0,\"files\":[{\"path\":\"/a\",\"link\":\"b\",\"text\":\"c\"}]}",
			"x: /a is both a link and a text"},
	};
	WB_CLEAN_WORLD world = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		WB_CLEAN_STR want =
			wb_strf("%s; it is no record of units: remove it", bad[i].sentence);
		struct wb_bytes in = {(const uint8_t *)bad[i].text, strlen(bad[i].text)};

		assert_int_equal(wb_world_parse(in, "x", &world, &err), -EBADMSG);
		assert_string_equal(err.text, want);
	}
	for (size_t n = 0; n < strlen(whole); n++)
		assert_int_equal(wb_world_parse((struct wb_bytes){(const uint8_t *)whole, n}, "x",
					 &world, &err),
			-EBADMSG);
	assert_null(world.units);
	assert_int_equal(wb_world_parse((struct wb_bytes){(const uint8_t *)whole, strlen(whole)},
				 "x", &world, &err),
		0);
	assert_int_equal(world.files[2].size, 2);
	assert_int_equal(wb_world_print(&world, &text), 0);
	assert_string_equal(text, whole);
}

static void results_are_there_and_back(void **state)
{
	static const char whole[] =
		"{\n \"boot_id\": \"A\",\n \"pid\": 7,\n \"results\": [\n  {\n   \"uid\": -1,\n"
		"   \"unit\": \"a\",\n   \"result\": \"late\",\n   \"why\": \"w\"\n  }\n ],\n"
		" \"warnings\": [\n  \"v\"\n ]\n}";
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{"[]", "x: an object was expected; it is no record of a replay: remove it"},
		{"{\"results\":[{\"unit\":\"a\"}]}",
			"x: \"result\" is missing; it is no record of a replay: remove it"},
		{"{\"results\":[5]}",
			"x: an object was expected; it is no record of a replay: remove it"},
		{"{\"warnings\":[5]}",
			"x: \"warnings\" is no string; it is no record of a replay: remove it"},
	};
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_bytes in = {(const uint8_t *)bad[i].text, strlen(bad[i].text)};

		assert_int_equal(wb_results_parse(in, "x", &results, &err), -EBADMSG);
		assert_string_equal(err.text, bad[i].sentence);
	}
	for (size_t n = 0; n < strlen(whole); n++)
		assert_int_equal(wb_results_parse((struct wb_bytes){(const uint8_t *)whole, n}, "x",
					 &results, &err),
			-EBADMSG);
	assert_null(results.boot_id);
	assert_int_equal(wb_results_parse((struct wb_bytes){(const uint8_t *)whole, strlen(whole)},
				 "x", &results, &err),
		0);
	assert_non_null(wb_results_find(&results, -1, "a"));
	assert_int_equal(wb_results_print(&results, &text), 0);
	assert_string_equal(text, whole);
}

struct due {
	struct wb_units units;
	struct wb_record rec;
	struct wb_traces traces;
};

/* Boot A was left by a jump with a mark, and this is boot B, which bears it. */
static struct due jumped(void)
{
	return (struct due){
		.units = {.boot_id = "A", .nonce = "77", .time = 100},
		.rec = {.boot_id = "A", .nonce = "77", .time = 100},
		.traces = {.boot_id = "B", .handoff_nonce = "77", .by_kexec = true},
	};
}

static bool is_due(const struct due *d, const char **ret_why)
{
	return wb_replay_due(&d->units, &d->rec, &d->traces, ret_why);
}

static void it_is_due_in_the_boot_that_the_jump_led_to(void **state)
{
	struct due d = jumped();
	const char *why;

	assert_true(is_due(&d, &why));
	d.rec.judged_boot = "B";
	d.rec.outcome = WB_OUTCOME_JUMPED;
	assert_true(is_due(&d, &why));
}

static void it_is_due_only_once_and_only_there(void **state)
{
	struct due d = jumped();
	const char *why = NULL;

	d.units.replayed_boot = "B";
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "already"));

	d = jumped();
	d.traces.boot_id = "A";
	d.traces.handoff_nonce = NULL;
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "still running"));

	d = jumped();
	d.units.nonce = "78";
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "does not belong"));

	d = jumped();
	d.units.boot_id = "Z";
	assert_false(is_due(&d, &why));

	/* An earlier one that came to nothing, by the same load. */
	d = jumped();
	d.units.time = 99;
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "does not belong"));

	assert_false(wb_replay_due(&d.units, NULL, &d.traces, &why));

	/* Through the firmware, judged or not. */
	d = jumped();
	d.traces = (struct wb_traces){.boot_id = "B"};
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "did not come from"));

	/* The boot after the boot that the jump led to. */
	d = jumped();
	d.traces = (struct wb_traces){.boot_id = "C"};
	d.rec.judged_boot = "B";
	d.rec.outcome = WB_OUTCOME_JUMPED;
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "has ended"));
}

static void it_is_not_due_after_a_jump_that_left_no_record(void **state)
{
	struct due d = jumped();
	const char *why = NULL;

	d.traces.handoff_nonce = "78";
	assert_false(is_due(&d, &why));
	assert_non_null(strstr(why, "did not come from"));
	assert_true(wb_is_after_jump(&d.rec, &d.traces));

	/* Nor is one by a load without a mark due where there is one. */
	d.units.nonce = d.rec.nonce = NULL;
	assert_false(is_due(&d, &why));
	d.traces.handoff_nonce = NULL;
	assert_true(is_due(&d, &why));
}

static void a_boot_through_the_firmware_is_after_no_jump(void **state)
{
	struct due d = jumped();

	assert_true(wb_is_after_jump(&d.rec, &d.traces));
	d.traces = (struct wb_traces){.boot_id = "C"};
	assert_false(wb_is_after_jump(&d.rec, &d.traces));
	/* The verdict on an earlier boot is known still. */
	d.rec.judged_boot = "B";
	d.rec.outcome = WB_OUTCOME_JUMPED;
	assert_false(wb_is_after_jump(&d.rec, &d.traces));
	assert_false(wb_is_after_jump(NULL, &d.traces));
	d.traces.boot_id = "B";
	assert_true(wb_is_after_jump(&d.rec, &d.traces));
}

static void swap_by_hand_is_written_down(void **state)
{
	WB_CLEAN_STRV by_uuid = {};
	const char *why = NULL;
	char *text = NULL;

	wb_strv_add(&by_uuid, "u1");
	wb_strv_add(&by_uuid, "../../vda1");
	assert_int_equal(wb_swap_define("/swap file", 7, &by_uuid, &text, &why), 1);
	assert_non_null(strstr(text, "What=/swap file\nPriority=7\n"));
	free(text);
	assert_int_equal(wb_swap_define("/dev/vda1", -2, &by_uuid, &text, &why), 1);
	assert_non_null(strstr(text, "What=/dev/disk/by-uuid/u1\n"));
	assert_null(strstr(text, "Priority"));
	free(text);
	assert_int_equal(wb_swap_define("/dev/vdq", -2, &by_uuid, &text, &why), 0);
	assert_int_equal(wb_swap_define("/dev/zram0", 100, &by_uuid, &text, &why), 0);
	assert_non_null(strstr(why, "zram"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_runs_again_is_left_alone),
		cmocka_unit_test(the_order_is_that_of_the_dependencies),
		cmocka_unit_test(the_order_goes_through_units_that_run),
		cmocka_unit_test(circles_are_broken),
		cmocka_unit_test(a_long_chain_needs_no_stack),
		cmocka_unit_test(what_was_over_is_done_again_only_if_done_by_hand),
		cmocka_unit_test(only_what_was_up_counts),
		cmocka_unit_test(what_was_starting_counts_as_running),
		cmocka_unit_test(what_cannot_be_started_is_named),
		cmocka_unit_test(what_is_new_is_told),
		cmocka_unit_test(a_record_survives_its_file),
		cmocka_unit_test(a_world_fits_into_its_room),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(a_record_is_whole_or_says_why),
		cmocka_unit_test(results_are_there_and_back),
		cmocka_unit_test(it_is_due_in_the_boot_that_the_jump_led_to),
		cmocka_unit_test(it_is_due_only_once_and_only_there),
		cmocka_unit_test(it_is_not_due_after_a_jump_that_left_no_record),
		cmocka_unit_test(a_boot_through_the_firmware_is_after_no_jump),
		cmocka_unit_test(swap_by_hand_is_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
