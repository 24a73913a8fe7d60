// SPDX-License-Identifier: LGPL-2.1-or-later
/* Structs to JSON and back: each kind of row, and the values that it refuses. */
#include "unit.h"

#include <stdlib.h>

#include "fake-files.h"
#include "sample-tables.h"

static struct wb_bytes bytes(const char *s)
{
	return (struct wb_bytes){(const uint8_t *)s, strlen(s)};
}

static void what_is_written_is_read_again(void **state)
{
	struct tree t = {};
	WB_CLEAN_STR text = NULL;
	json_t *json;

	assert_int_equal(wb_json_parse(bytes(whole_tree), tree_fields, "it", &t, NULL), 0);
	assert_string_equal(t.name, "oak");
	assert_int_equal(t.height, 7);
	assert_true(t.weight > 1.4 && t.weight < 1.6 && t.old);
	assert_int_equal(t.colour, GREEN);
	assert_int_equal(t.leaves.n, 2);
	assert_int_equal(t.leaves.items[0].colour, RED);
	assert_int_equal(t.leaves.items[1].colour, NO_COLOUR);
	assert_int_equal(t.rings.n, 2);
	assert_string_equal(t.first.name, "c");
	json = wb_json_write(tree_fields, &t);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	assert_string_equal(text, whole_tree);
	wb_json_free(tree_fields, &t);
	assert_null(t.name);
	assert_int_equal(t.leaves.n, 0);
}

static void assert_refused(const char *text, const char *sentence)
{
	struct wb_error err = {};
	struct tree t = {};

	assert_int_equal(wb_json_parse(bytes(text), tree_fields, "it", &t, &err), -EBADMSG);
	assert_string_equal(err.text, sentence);
	assert_null(t.name);
	assert_null(t.leaves.items);
	assert_null(t.first.name);
}

static void what_is_malformed_is_refused_by_its_key(void **state)
{
	assert_refused("[]", "it: an object was expected");
	assert_refused("{\"name\":1}", "it: \"name\" is no string");
	assert_refused("{\"name\":\"a\\u0000b\"}", "it, line 1, is no JSON");
	assert_refused("{\"name\":\"x\",\"tall\":\"7\"}", "it: \"tall\" is no integer");
	assert_refused("{\"tall\":0}", "it: \"tall\" is out of its limits");
	assert_refused("{\"tall\":101}", "it: \"tall\" is out of its limits");
	assert_refused("{\"weight\":\"1\"}", "it: \"weight\" is no number");
	assert_refused("{\"old\":1}", "it: \"old\" is neither true nor false");
	assert_refused("{\"colour\":2}", "it: \"colour\" is no string");
	assert_refused("{\"colour\":\"blue\"}", "it: \"colour\" has a value that is not allowed");
	assert_refused("{\"leaves\":{}}", "it: \"leaves\" is no list");
	assert_refused("{\"leaves\":[{\"name\":\"a\"},7]}", "it: an object was expected");
	assert_refused("{\"leaves\":[{\"name\":\"a\"},{}]}", "it: \"name\" is missing");
	assert_refused("{\"leaves\":[{},{},{}]}", "it: \"leaves\" has too many elements");
	assert_refused("{\"rings\":[10]}", "it: \"rings\" is out of its limits");
	assert_refused(
		"{\"first\":{\"name\":\"/\"}}", "it: \"name\" has a value that is not allowed");
}

static void assert_none(const char *text, size_t size, const struct wb_json_field *fields)
{
	union {
		struct tree tree;
		struct log log;
	} ret = {}, untouched = {};
	struct wb_error err = {};

	for (size_t n = 0; n < size; n++) {
		const struct wb_bytes cut = {(const uint8_t *)text, n};

		assert_int_equal(wb_json_parse(cut, fields, "it", &ret, &err), -EBADMSG);
		assert_string_equal(err.text, "it, line 1, is no JSON");
		assert_memory_equal(&ret, &untouched, sizeof(ret));
	}
}

static void what_is_truncated_is_refused(void **state)
{
	assert_none(whole_tree, sizeof(whole_tree) - 1, tree_fields);
	assert_none(whole_log, sizeof(whole_log) - 1, log_fields);
}

static void what_is_absent_stays_as_it_was(void **state)
{
	struct tree t = {.colour = RED, .height = 3};

	assert_int_equal(
		wb_json_parse(bytes("{\"new\":1,\"name\":null,\"first\":{\"name\":\"a\"}}"),
			tree_fields, "it", &t, NULL),
		0);
	assert_null(t.name);
	assert_int_equal(t.colour, RED);
	assert_int_equal(t.height, 3);
	wb_json_free(tree_fields, &t);
}

static void earlier_names_of_a_value_are_read(void **state)
{
	struct leaf leaf = {};
	WB_CLEAN_STR text = NULL;
	int value = 7;

	assert_int_equal(wb_json_parse(bytes("{\"name\":\"a\",\"colour\":\"scarlet\"}"),
				 leaf_fields, "it", &leaf, NULL),
		0);
	text = wb_json_text(leaf_fields, &leaf, JSON_INDENT(1));
	assert_non_null(strstr(text, "\"red\""));
	wb_json_free(leaf_fields, &leaf);
	assert_null(wb_name_of(colours, NO_COLOUR));
	assert_false(wb_name_read(colours, "", &value));
	assert_int_equal(value, 7);
}

/* Parse the text, write it again, and compare. */
static void assert_log(const char *text, const char *want)
{
	struct log l = {};
	WB_CLEAN_STR got = NULL;

	assert_int_equal(wb_json_parse(bytes(text), log_fields, "it", &l, NULL), 0);
	got = wb_json_text(log_fields, &l, JSON_COMPACT);
	assert_string_equal(got, want);
	wb_json_free(log_fields, &l);
	assert_null(l.text);
	assert_null(l.points);
	assert_null(l.words.items);
	assert_int_equal(l.n_visits, 0);
}

static void members_of_fixed_size_are_there_and_back(void **state)
{
	struct log l = {};

	assert_log(whole_log, whole_log);
	assert_int_equal(wb_json_parse(bytes(whole_log), log_fields, "it", &l, NULL), 0);
	assert_string_equal(l.title, "t");
	assert_int_equal(l.pid, -5);
	assert_int_equal(l.when, 1795247952);
	assert_true(l.good && l.warm);
	assert_int_equal(l.sum[1], 0xff);
	assert_int_equal(l.text_size, 1);
	assert_string_equal(l.words.items[1], "w");
	assert_int_equal(l.n_points, 2);
	assert_int_equal(l.points[1].y, 4);
	assert_int_equal(l.n_visits, 1);
	assert_true(l.visits[0].stayed_s < 0);
	assert_int_equal(l.n_notes, 2);
	assert_string_equal(l.notes[1], "");
	assert_int_equal(l.depth, 3);
	wb_json_free(log_fields, &l);
}

#define LOG(title, place, took, rest, texts, visits, notes)                                      \
	"{\"title\":" title ",\"place\":" place ",\"size\":0,\"when\":\"1970-01-01T00:00:00Z\"," \
	"\"took_s\":" took ",\"rest_s\":" rest ",\"kind\":\"cold\",\"sum\":\"0000\"" texts       \
	",\"visits\":" visits ",\"notes\":" notes ",\"inner\":{}}"

static void what_is_empty_is_left_out_or_null(void **state)
{
	assert_log("{\"title\":\"\"}", LOG("\"\"", "null", "0.0", "null", "", "[]", "[]"));
	assert_log("{\"title\":\"\",\"pid\":0,\"good\":false,\"words\":[],\"points\":[],"
		   "\"when\":\"yesterday\",\"rest_s\":-3,\"place\":\"\"}",
		LOG("\"\"", "null", "0.0", "null", "", "[]", "[]"));
}

static void what_does_not_fit_is_cut_off(void **state)
{
	assert_log(
		"{\"title\":\"123456789\",\"place\":\"a\\nb\\u00e4\",\"visits\":[{\"who\":\"a\"},"
		"{\"who\":\"b\"},{\"who\":\"c\"}],\"notes\":[\"1\",\"2\",3]}",
		LOG("\"1234567\"", "\"a?b\303\244\"", "0.0", "null", "",
			"[{\"who\":\"a\",\"stayed_s\":null},{\"who\":\"b\",\"stayed_s\":null}]",
			"[\"1\",\"2\"]"));
	/* Cut in the middle of a character, which is left out then. */
	assert_log("{\"title\":\"123456\\u00e4\"}",
		LOG("\"123456?\"", "null", "0.0", "null", "", "[]", "[]"));
}

static void seconds_are_those_of_a_clock(void **state)
{
	assert_log("{\"title\":\"\",\"took_s\":1e9,\"rest_s\":-1e300}",
		LOG("\"\"", "null", "0.0", "null", "", "[]", "[]"));
	assert_log("{\"title\":\"\",\"took_s\":-0.1234567,\"rest_s\":2}",
		LOG("\"\"", "null", "-0.123457", "2.0", "", "[]", "[]"));
}

static void bytes_are_a_string_where_they_are_one(void **state)
{
	assert_log("{\"title\":\"\",\"text\":\"\"}",
		LOG("\"\"", "null", "0.0", "null", ",\"text\":\"\"", "[]", "[]"));
	assert_log("{\"title\":\"\",\"hex\":\"61\"}",
		LOG("\"\"", "null", "0.0", "null", ",\"text\":\"a\"", "[]", "[]"));
	assert_log("{\"title\":\"\",\"hex\":\"6100\"}",
		LOG("\"\"", "null", "0.0", "null", ",\"hex\":\"6100\"", "[]", "[]"));
	assert_log("{\"title\":\"\",\"hex\":\"ff\"}",
		LOG("\"\"", "null", "0.0", "null", ",\"hex\":\"ff\"", "[]", "[]"));
}

static void assert_no_log(const char *members, const char *sentence)
{
	static const struct log untouched;
	WB_CLEAN_STR text = wb_strf("{\"title\":\"\",%s}", members);
	struct wb_error err = {};
	struct log l = {};

	assert_int_equal(wb_json_parse(bytes(text), log_fields, "it", &l, &err), -EBADMSG);
	assert_string_equal(err.text, sentence);
	assert_ptr_equal(l.text, untouched.text);
	assert_ptr_equal(l.points, untouched.points);
	assert_ptr_equal(l.words.items, untouched.words.items);
}

static void members_of_fixed_size_refuse_by_their_key(void **state)
{
	assert_no_log("\"place\":5", "it: \"place\" is no string");
	assert_no_log("\"pid\":4294967296", "it: \"pid\" is out of its limits");
	assert_no_log("\"when\":5", "it: \"when\" is no string");
	assert_no_log("\"took_s\":\"5\"", "it: \"took_s\" is no number");
	assert_no_log("\"kind\":\"hot\"", "it: \"kind\" has a value that is not allowed");
	assert_no_log(
		"\"sum\":\"00f\"", "it: \"sum\" is not the hexadecimal digits that it has to be");
	assert_no_log("\"sum\":\"00ff00\"",
		"it: \"sum\" is not the hexadecimal digits that it has to be");
	assert_no_log("\"text\":[]", "it: \"text\" is no string");
	assert_no_log(
		"\"hex\":\"0\"", "it: \"hex\" is not the hexadecimal digits that it has to be");
	assert_no_log(
		"\"hex\":\"0g\"", "it: \"hex\" is not the hexadecimal digits that it has to be");
	assert_no_log("\"text\":\"a\",\"hex\":\"61\"", "it: \"hex\" is there in two ways");
	assert_no_log("\"words\":[\"a\",5]", "it: \"words\" is no string");
	assert_no_log("\"words\":[\"a\",\"/\"]", "it: \"words\" has a value that is not allowed");
	assert_no_log("\"words\":[\"a\",\"b\",\"c\"]", "it: \"words\" has too many elements");
	assert_no_log("\"points\":[[1,2],[3]]", "it: \"y\" is missing");
	assert_no_log("\"points\":[[1,2,3]]", "it: \"points\" has an element of another length");
	assert_no_log("\"points\":[{\"x\":1,\"y\":2}]", "it: \"x\" is missing");
	assert_no_log("\"points\":[[1,-2]]", "it: \"y\" is out of its limits");
	assert_no_log("\"points\":[[1,2],[3,4],[5,6]]", "it: \"points\" has too many elements");
	assert_no_log("\"text\":\"a\",\"visits\":[{\"who\":\"a\"},{}]", "it: \"who\" is missing");
	assert_no_log("\"notes\":[5]", "it: \"notes\" is no string");
	assert_no_log("\"notes\":{}", "it: \"notes\" is no list");
	assert_no_log("\"inner\":{\"depth\":\"\"}", "it: \"depth\" is no integer");
}

static void a_row_narrows_an_enum(void **state)
{
	static const struct wb_json_field some[] = {
		WB_JSON_ROW(struct leaf, colour, WB_JSON_ENUM, .names = colours, .min = GREEN,
			.max = GREEN),
		{},
	};
	static const struct wb_json_field others[] = {
		WB_JSON_ROW(struct leaf, colour, WB_JSON_ENUM, .names = colours, .other = RED),
		{},
	};
	struct leaf leaf = {};

	assert_int_equal(
		wb_json_parse(bytes("{\"colour\":\"red\"}"), some, "it", &leaf, NULL), -EBADMSG);
	assert_int_equal(
		wb_json_parse(bytes("{\"colour\":\"green\"}"), some, "it", &leaf, NULL), 0);
	assert_int_equal(
		wb_json_parse(bytes("{\"colour\":\"blue\"}"), others, "it", &leaf, NULL), 0);
	assert_int_equal(leaf.colour, RED);
}

static void a_file_is_named_by_its_path(void **state)
{
	static const struct fake_file disk[] = {
		{"/good", "{\"name\":\"a\"}"}, {"/bad", "{\n\"name\""}, {}};
	struct wb_files files = fake_files(disk);
	struct wb_error err = {};
	struct leaf leaf = {};

	assert_int_equal(wb_json_read_file(&files, "/none", 99, leaf_fields, &leaf, &err), -ENOENT);
	assert_int_equal(wb_json_read_file(&files, "/bad", 99, leaf_fields, &leaf, &err), -EBADMSG);
	assert_string_equal(err.text, "/bad, line 2, is no JSON");
	assert_int_equal(wb_json_read_file(&files, "/good", 99, leaf_fields, &leaf, &err), 0);
	assert_string_equal(leaf.name, "a");
	wb_json_free(leaf_fields, &leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(what_is_malformed_is_refused_by_its_key),
		cmocka_unit_test(what_is_truncated_is_refused),
		cmocka_unit_test(what_is_absent_stays_as_it_was),
		cmocka_unit_test(earlier_names_of_a_value_are_read),
		cmocka_unit_test(members_of_fixed_size_are_there_and_back),
		cmocka_unit_test(what_is_empty_is_left_out_or_null),
		cmocka_unit_test(what_does_not_fit_is_cut_off),
		cmocka_unit_test(seconds_are_those_of_a_clock),
		cmocka_unit_test(bytes_are_a_string_where_they_are_one),
		cmocka_unit_test(members_of_fixed_size_refuse_by_their_key),
		cmocka_unit_test(a_row_narrows_an_enum),
		cmocka_unit_test(a_file_is_named_by_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
