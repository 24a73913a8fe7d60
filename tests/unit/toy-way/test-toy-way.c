// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A way of keeping that does not exist goes through a whole session and the boot after it: one file, one row
 * of the table that the conductor is given.
 */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

#include "fake-machine.h"
#include "keep/judge.h"
#include "restore/revive.h"
#include "keep/thaw.h"
#include "manifest/result.h"
#include "session/keeping.h"
#include "toy.h"

static const struct wb_keep_means *const toy_ways[] = {&toy_way, &wb_way_restart, NULL};

struct fixture {
	struct fake_machine m;
	struct wb_session_host host;
	struct wb_keep_wish wish;
	struct wb_keeping k;
	struct wb_error err;
};

/* The facts are few, and the decision is the conductor's own. */
static int look(const struct wb_session_host *h, const char *unit,
	const struct wb_keep_config *config, const char *criu, const char *release,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	const struct wb_service service = {
		.active = (char *)"active",
		.type = (char *)(strcmp(unit, "one.service") ? "simple" : "toy"),
	};
	const struct wb_keep_facts facts = {.unit = unit, .systemd = &service};

	return wb_keep_judge(h->ways, &facts, config, ret, err);
}

static const char *memory(struct fixture *f)
{
	return fake_store_text(&f->m.store, TOY_MEMORY);
}

#define GOOD(call)                                              \
	do {                                                    \
		if ((call) < 0)                                 \
			fail_msg("%s: %s", #call, f->err.text); \
	} while (0)

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_machine_init(&f->m);
	fake_store_file(&f->m.store, TOY_MEMORY, "awake mama", 10);
	f->host = f->m.host;
	f->host.ways = toy_ways;
	f->host.look = look;
	wb_strv_add(&f->wish.units, "one.service");
	wb_strv_add(&f->wish.units, "two.service");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_keeping_deinit(&f->k);
	wb_keep_wish_deinit(&f->wish);
	fake_machine_deinit(&f->m);
	test_free(f);
	return 0;
}

/* All until the shutdown stops the other units. */
static void prepare(struct fixture *f)
{
	GOOD(wb_keeping_decide(&f->host, &f->wish, NULL, &f->k, &f->err));
	GOOD(wb_keeping_reserve(&f->host, wb_store_backends[0], &f->k, &f->err));
	/* It is too small for a pre-copy, and gets one. */
	f->k.draft.units.items[0].ahead_bytes = TOY_BYTES;
	GOOD(wb_keeping_rehearse(&f->host, &f->k, &f->err));
	GOOD(wb_keeping_arm(&f->host, &f->k, false, &f->err));
}

static void the_ladder_asks_each_way(void **state)
{
	struct fixture *f = *state;
	const struct wb_manifest_unit *u;

	GOOD(wb_keeping_decide(&f->host, &f->wish, NULL, &f->k, &f->err));
	assert_int_equal(f->k.draft.units.n, 2);
	u = f->k.draft.units.items;
	assert_int_equal(u[0].how, toy_way.how);
	assert_null(u[0].why);
	assert_int_equal(u[0].main_pid, TOY_PID);
	assert_int_equal(json_integer_value(json_object_get(u[0].image, "eyes")), 2);
	assert_int_equal(u[1].how, WB_KEEP_RESTART);
	assert_string_equal(u[1].why, "it is no toy");
	assert_null(u[1].image);
}

static void a_rung_above_the_configured_one_gives_no_reason(void **state)
{
	const struct wb_keep_config restart = {.how = WB_KEEP_RESTART};
	const struct wb_service toy = {.type = (char *)"toy"};
	const struct wb_keep_facts facts = {.unit = "one.service", .systemd = &toy};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_judge(toy_ways, &facts, &restart, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(v.reasons.n, 1);
	assert_string_equal(v.reasons.items[0], "it is configured to be restarted");
	/* It was judged all the same: there is something to show. */
	assert_int_equal(v.processes, 1);
}

static int no_judge(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	return 0;
}

static void a_way_for_other_units_takes_nothing_away(void **state)
{
	static const struct wb_keep_means other = {.how = WB_KEEP_RESTART, .judge = no_judge};
	static const struct wb_keep_means *const ways[] = {&toy_way, &other, NULL};
	const struct wb_keep_config restart = {.how = WB_KEEP_RESTART};
	const struct wb_service toy = {.type = (char *)"toy"};
	const struct wb_keep_facts facts = {.unit = "one.service", .systemd = &toy};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_judge(ways, &facts, &restart, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(v.reasons.n, 1);
	assert_int_equal(v.processes, 1);
}

/* The rehearsal is a freeze that is cancelled; afterwards the memory goes ahead. */
static void it_is_rehearsed_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct wb_store_object o;
	bool early = false;

	prepare(f);
	assert_string_equal(memory(f), "awake mama");
	assert_int_equal(f->k.draft.units.items[0].how, toy_way.how);
	assert_int_equal(f->k.draft.units.items[0].ahead_pid, TOY_PID);
	for (size_t i = 0; wb_store_object(f->k.store, i, &o); i++) {
		early |= !strcmp(o.name, "u0/early-word");
		assert_string_not_equal(o.name, "u0/word");
	}
	assert_true(early);
}

static void it_crosses_the_jump(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_MANIFEST frozen = {}, m = {};
	WB_CLEAN_RESULT result = {};
	WB_CLEAN_STORE store = NULL;
	struct wb_unit_result *part;
	struct wb_error warning = {};
	struct wb_thaw t = {.sys = &f->m.store.sys, .ways = toy_ways, .runner = &f->m.runner};

	prepare(f);
	GOOD(wb_keeping_freeze(&f->host, false, &frozen, &f->err));
	assert_string_equal(memory(f), "gone ");
	assert_int_equal(frozen.units.items[0].ahead_pid, TOY_PID);

	GOOD(wb_store_open(f->host.store, &store, &f->err));
	GOOD(wb_revive_open(t.sys, store, &m, &f->err));
	assert_int_equal(m.highest_pid, TOY_PID + 1);
	t.manifest = &m;
	t.unit = wb_manifest_find(&m, "one.service");
	t.store = store;
	GOOD(wb_thaw(&t, &warning, &f->err));
	assert_int_equal(warning.code, 0);
	assert_string_equal(memory(f), "awake mama");
	part = wb_list_add(&result.units, sizeof(*part));
	GOOD(wb_result_part_read(t.sys->files, "one.service", part, &f->err));
	assert_int_equal(part->how, toy_way.how);
	assert_true(wb_has_come_back(part));
}

static void it_goes_on_where_the_jump_is_called_off(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_MANIFEST frozen = {};

	prepare(f);
	/* The store cannot be sealed. */
	f->m.store.moved = 1;
	assert_true(wb_keeping_freeze(&f->host, true, &frozen, &f->err) < 0);
	assert_string_equal(memory(f), "awake mama");
}

static void a_failed_freeze_is_a_fall_to_the_fallback(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_MANIFEST frozen = {};

	prepare(f);
	fake_store_file(&f->m.store, TOY_MEMORY, "broken mama", 11);
	GOOD(wb_keeping_freeze(&f->host, false, &frozen, &f->err));
	assert_int_equal(frozen.units.items[0].how, WB_KEEP_RESTART);
	assert_string_equal(frozen.units.items[0].why, "the toy is not awake");
}

/* The conductor relies on this for each row that there is. */
static void every_row_has_what_its_way_promises(void **state)
{
	size_t n = 0;

	for (size_t i = 0; wb_ways_all[i]; i++) {
		const struct wb_keep_means *way = wb_ways_all[i];
		bool whole = way->freeze && way->commit && way->cancel && way->thaw;

		assert_ptr_equal(wb_way_find(NULL, way->how), way);
		assert_int_equal(whole, wb_keep_way(way->how)->checkpointed);
		/* A guest of another program is recognised by its name, and its way stands beside the ladder. */
		n += !wb_keep_way(way->how)->managed;
	}
	/* Each rung of the ladder has a row, and no row is beside it. */
	for (enum wb_keep_how how = wb_keep_way(WB_KEEP_AUTO)->lower;;
		how = wb_keep_way(how)->lower) {
		assert_int_equal(wb_way_find(NULL, how)->how, how);
		n--;
		if (wb_keep_way(how)->lower == how)
			break;
	}
	assert_int_equal(n, 0);
	assert_int_equal(wb_way_find(NULL, WB_KEEP_OTHER)->how, WB_KEEP_NONE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_ladder_asks_each_way),
		cmocka_unit_test(a_rung_above_the_configured_one_gives_no_reason),
		cmocka_unit_test(a_way_for_other_units_takes_nothing_away),
		TEST(it_is_rehearsed_and_goes_on),
		TEST(it_crosses_the_jump),
		TEST(it_goes_on_where_the_jump_is_called_off),
		TEST(a_failed_freeze_is_a_fall_to_the_fallback),
		cmocka_unit_test(every_row_has_what_its_way_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
