// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ways of keeping: their words, and how unknown words are handled. */
#include "unit.h"

#include "fake-write.h"
#include "manifest/result.h"

/* These stand in files that other versions wrote. */
static void words_stay_as_they_are(void **state)
{
	static const struct wb_name words[] = {{"auto", WB_KEEP_AUTO}, {"process", WB_KEEP_PROCESS},
		{"vm", WB_KEEP_VM}, {"restart", WB_KEEP_RESTART}, {"ended", WB_KEEP_ENDED}};
	enum wb_keep_how how;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_string_equal(wb_keep_how_name(words[i].value), words[i].name);
		assert_int_equal(wb_keep_how_parse(words[i].name, &how), 0);
		assert_int_equal(how, words[i].value);
	}
	assert_null(wb_keep_how_name(WB_KEEP_NONE));
	assert_string_equal(wb_keep_how_name(WB_KEEP_OTHER), "unknown");
}

static void other_words_are_not_guessed(void **state)
{
	static const char *const words[] = {"", "Process", "process ", "proc", "unknown", "sail"};
	enum wb_keep_how how = WB_KEEP_ENDED;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		assert_int_equal(wb_keep_how_parse(words[i], &how), -EINVAL);
	assert_int_equal(how, WB_KEEP_ENDED);
}

static void only_rungs_of_the_ladder_can_be_asked_for(void **state)
{
	bool rung[WB_KEEP_OTHER + 1] = {};
	size_t n = 0;

	for (enum wb_keep_how how = WB_KEEP_AUTO; !rung[how]; how = wb_keep_way(how)->lower) {
		rung[how] = true;
		assert_string_equal(wb_keep_asked_word(n++), wb_keep_how_name(how));
	}
	assert_null(wb_keep_asked_word(n));
	for (unsigned how = WB_KEEP_NONE; how <= WB_KEEP_OTHER; how++)
		assert_int_equal(wb_keep_way(how)->asked, rung[how]);
	assert_true(rung[WB_KEEP_PROCESS] && rung[WB_KEEP_RESTART]);
}

/* A failed checkpoint or restore leaves a unit without one, and each sentence has its words. */
static void no_way_falls_back_to_a_checkpoint(void **state)
{
	for (unsigned how = WB_KEEP_NONE; how <= WB_KEEP_OTHER; how++) {
		const struct wb_keep_way *way = wb_keep_way(how);

		assert_false(wb_keep_way(way->fallback)->checkpointed);
		assert_int_equal(wb_keep_way(way->fallback)->started, way->started);
		assert_int_equal(!!way->as, way->insists);
	}
}

/* From every rung one comes down to one that cannot fail, and nothing that is frozen stays so. */
static void every_rung_has_one_below(void **state)
{
	for (unsigned first = WB_KEEP_NONE; first <= WB_KEEP_OTHER; first++) {
		enum wb_keep_how how = first;

		for (int steps = 0; wb_keep_way(how)->lower != how; steps++) {
			assert_true(steps < WB_KEEP_OTHER);
			how = wb_keep_way(how)->lower;
		}
		assert_false(wb_keep_way(how)->checkpointed);
		assert_int_equal(wb_keep_way(how)->hold, WB_HOLD_RESTART);
		assert_int_equal(wb_keep_way(how)->started, wb_keep_way(first)->started);
	}
}

static void rows_say_what_a_way_is(void **state)
{
	const struct wb_keep_way *process = wb_keep_way(WB_KEEP_PROCESS);
	const struct wb_keep_way *restart = wb_keep_way(WB_KEEP_RESTART);
	const struct wb_keep_way *ended = wb_keep_way(WB_KEEP_ENDED);

	assert_true(process->checkpointed && process->insists && process->started);
	assert_int_equal(process->hold, WB_HOLD_KEPT);
	assert_int_equal(process->lower, WB_KEEP_RESTART);
	assert_string_equal(process->outcome, "kept");
	assert_true(restart->started && !restart->checkpointed && !restart->insists);
	assert_null(restart->outcome);
	assert_true(!ended->started && !ended->checkpointed && !ended->asked);
	assert_string_equal(ended->outcome, "ended");
}

/* A unit with an unknown way is treated like one that is restarted. */
static void what_is_no_way_has_a_row(void **state)
{
	const struct wb_keep_way *other = wb_keep_way(WB_KEEP_OTHER);

	assert_ptr_equal(wb_keep_way(1000), other);
	assert_true(other->started && !other->checkpointed && !other->asked);
	assert_null(other->outcome);
}

static int read_result(const char *text, struct wb_result *ret, struct wb_error *err)
{
	const struct fake_file disk[] = {{WB_RESULT, text}, {}};
	struct wb_files files = fake_files(disk);

	return wb_result_read(&files, WB_RESULT, ret, err);
}

#define UNIT(rest) "{\"version\": 1, \"units\": [{\"unit\": \"a.service\"" rest "}]}"

/* Status shows results of other versions. */
static void a_result_with_another_word_is_shown(void **state)
{
	static const char text[] = UNIT(", \"asked\": \"sail\", \"how\": \"sail\", \"why\": \"y\"");
	WB_CLEAN_RESULT first = {}, second = {};
	struct fake_write writes;
	struct wb_error err = {};

	assert_int_equal(read_result(text, &first, &err), 0);
	assert_int_equal(first.units.items[0].asked, WB_KEEP_OTHER);
	assert_int_equal(first.units.items[0].how, WB_KEEP_OTHER);
	assert_false(wb_has_come_back(&first.units.items[0]));
	/* It can be written, and read again. */
	fake_write_init(&writes, (const struct fake_file[]){{}});
	assert_int_equal(wb_result_write(&writes.sys, WB_RESULT, &first, &err), 0);
	assert_int_equal(read_result(fake_written(&writes, WB_RESULT), &second, &err), 0);
	assert_int_equal(second.units.items[0].how, WB_KEEP_OTHER);
	assert_string_equal(second.units.items[0].why, "y");
}

static void a_result_says_how(void **state)
{
	WB_CLEAN_RESULT result = {};
	struct wb_error err = {};

	assert_int_equal(read_result(UNIT(", \"how\": \"ended\""), &result, &err), 0);
	assert_int_equal(result.units.items[0].asked, WB_KEEP_NONE);
	assert_int_equal(result.units.items[0].how, WB_KEEP_ENDED);
	wb_result_deinit(&result);
	assert_int_equal(read_result(UNIT(""), &result, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "\"how\" is missing"));
	assert_int_equal(read_result(UNIT(", \"how\": 1"), &result, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "\"how\" is no string"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_stay_as_they_are),
		cmocka_unit_test(other_words_are_not_guessed),
		cmocka_unit_test(only_rungs_of_the_ladder_can_be_asked_for),
		cmocka_unit_test(no_way_falls_back_to_a_checkpoint),
		cmocka_unit_test(every_rung_has_one_below),
		cmocka_unit_test(rows_say_what_a_way_is),
		cmocka_unit_test(what_is_no_way_has_a_row),
		cmocka_unit_test(a_result_with_another_word_is_shown),
		cmocka_unit_test(a_result_says_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
