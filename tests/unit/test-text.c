// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/text.c and core/error.c: words, numbers, escapes, plain sentences. */
#include "unit.h"

#include <stdio.h>

#include "core/strv.h"
#include "core/error.h"
#include "core/text.h"
#include "core/valid.h"

static void assert_plain(const char *escaped, const char *want)
{
	WB_CLEAN_STR got = wb_unescape_octal(escaped, strlen(escaped));

	assert_string_equal(got, want);
}

static void octal_escapes_have_three_digits(void **state)
{
	assert_plain("", "");
	assert_plain("/a\\040b\\011c\\012d\\134040", "/a b\tc\nd\\040");
	assert_plain("\\043\\377", "#\377");
	/* A service can name a file so. The kernel writes the backslash as \134, others do not. */
	assert_plain("\\", "\\");
	assert_plain("\\1", "\\1");
	assert_plain("\\04", "\\04");
	assert_plain("\\0 0", "\\0 0");
	assert_plain("\\ 40", "\\ 40");
	assert_plain("\\048\\400\\x20", "\\048\\400\\x20");
	assert_plain("a\\000b", "a\\000b");
	assert_plain("\\\\040", "\\ ");
}

static void assert_size(const char *text, uint64_t want, const char *rest)
{
	const char *end = "";
	uint64_t got = 1;

	assert_int_equal(wb_memparse(text, &got, &end), 0);
	assert_int_equal(got, want);
	assert_string_equal(end, rest);
}

static void sizes_are_read_as_memparse_reads_them(void **state)
{
	static const char *const none[] = {"", "x", "-1", "+1", " 1", "K", "!1"};
	static const char *const many[] = {"18446744073709551616", "0x10000000000000000", "16E",
		"0xffffffffffffffffK", "99999999999999999999999999999999999E"};
	uint64_t v = 5;

	assert_size("0", 0, "");
	assert_size("512M!4G", 512ull << 20, "!4G");
	assert_size("0x20000000$0x10", 0x20000000, "$0x10");
	assert_size("010k", 8192, "");
	/* An octal number ends at the first other digit, and "0x" needs a digit after it. */
	assert_size("08", 0, "8");
	assert_size("0xg", 0, "xg");
	assert_size("0b1", 0, "b1");
	assert_size("1t2", 1ull << 40, "2");
	assert_size("2P", 2ull << 50, "");
	assert_size("15e", 15ull << 60, "");
	assert_size("1KB", 1024, "B");
	assert_size("18446744073709551615", UINT64_MAX, "");
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(wb_memparse(none[i], &v, NULL), -EINVAL);
	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++)
		assert_int_equal(wb_memparse(many[i], &v, NULL), -ERANGE);
	assert_int_equal(v, 5);
}

static void hex_is_read_as_it_is_written(void **state)
{
	static const char *const bad[] = {"", "0a", "0a1bf", "0a1bff0", "0A1BFF", "0x1bff",
		"0a1bf ", " a1bff", "-a1bff", "0a1bffff"};
	static const uint8_t data[] = {0x0a, 0x1b, 0xff};
	uint8_t got[3] = {9, 9, 9};
	char text[7];

	wb_hex_write(data, 3, text);
	assert_string_equal(text, "0a1bff");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(wb_hex_read(bad[i], 3, got));
	assert_false(wb_hex_read(NULL, 3, got));
	assert_int_equal(got[0], 9);
	assert_true(wb_hex_read(text, 3, got));
	assert_memory_equal(got, data, 3);
	assert_true(wb_hex_begins("0a1bff and more", 3, got));
	assert_false(wb_hex_begins("0a1bf and more", 3, got));
}

static void lines_and_words_are_taken_one_by_one(void **state)
{
	const char *text = "one\ttwo  three\n\nlast";
	struct wb_span line, words[3] = {};
	uint64_t v;

	assert_true(wb_take_line(&text, &line));
	assert_false(wb_take_words(&line, words, 4));
	assert_null(words[0].s);
	assert_true(wb_take_words(&line, words, 3));
	assert_true(wb_span_is(words[0], "one"));
	assert_true(wb_span_is(words[2], "three"));
	assert_false(wb_span_is(words[2], "thre"));
	assert_true(wb_span_begins(words[2], "thr"));
	assert_false(wb_take_word(&line, words));
	assert_true(wb_take_line(&text, &line));
	assert_int_equal(line.n, 0);
	assert_true(wb_take_line(&text, &line));
	assert_true(wb_span_is(line, "last"));
	assert_false(wb_take_line(&text, &line));
	assert_true(wb_span_number((struct wb_span){"12x", 2}, 10, &v));
	assert_int_equal(v, 12);
	assert_false(wb_span_number((struct wb_span){"12x", 3}, 10, &v));
	assert_false(wb_span_number((struct wb_span){"", 0}, 10, &v));
	assert_false(wb_span_number((struct wb_span){"18446744073709551616", 20}, 10, &v));
	assert_true(wb_span_number((struct wb_span){"fF", 2}, 16, &v));
	assert_int_equal(v, 255);
}

static void what_a_terminal_would_obey(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
			"plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\033]0;x\007\r\n\tz\177", "?]0;x????z?"},
		/* CSI in one character. */
		{"a\xc2\x9b"
		 "31m",
			"a??31m"},
		{"a\x9b"
		 "31m",
			"a?31m"},
		/* Too long a form of "/"; a surrogate; too large; cut off. */
		{"\xc0\xaf", "??"},
		{"\xe0\x80\xaf", "???"},
		{"\xed\xa0\x80", "???"},
		{"\xf4\x90\x80\x80", "????"},
		{"x\xe2\x82", "x??"},
		{"\xff", "?"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_error err = {};
		char text[64];

		snprintf(text, sizeof(text), "%s", cases[i].text);
		wb_make_plain(text);
		assert_string_equal(text, cases[i].want);
		wb_fail(&err, -1, "%s", cases[i].text);
		assert_string_equal(err.text, cases[i].want);
		wb_fail_in(&err, -1, "%s", cases[i].text);
		assert_memory_equal(err.text, cases[i].want, strlen(cases[i].want));
	}
}

static void splits_at_the_first(void **state)
{
	struct wb_span a = {"8:1:2", 5}, before, after;

	assert_true(wb_span_split(a, ':', &before, &after));
	assert_true(wb_span_is(before, "8") && wb_span_is(after, "1:2"));
	/* A part may take the place of the whole. */
	assert_true(wb_span_split(a, ':', &before, &a));
	assert_true(wb_span_is(a, "1:2"));
	assert_false(wb_span_split(a, '-', &before, &after));
	assert_false(wb_span_split((struct wb_span){}, ':', &before, &after));
}

static void uuids_are_written_as_they_are_valid(void **state)
{
	static const uint8_t id[16] = {0x4d, 0xea, 0x22, 0xb3, 0x1d, 0x52, 0xd8, 0xf3, 0x25, 0x16,
		0x78, 0x2e, 0x98, 0xab, 0x3f, 0xa0};
	static const char *const bad[] = {"", "4dea22b3-1d52-d8f3-2516-782e98ab3fa",
		"4dea22b3-1d52-d8f3-2516-782e98ab3fa00", "4dea22b3-1d52-d8f3-2516-782e98ab3faG",
		"4DEA22B3-1d52-d8f3-2516-782e98ab3fa0", "4dea22b31d52-d8f3--2516-782e98ab3fa0"};
	char text[WB_UUID_TEXT];

	wb_uuid_write(id, text);
	assert_string_equal(text, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
	assert_true(wb_valid_uuid(text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(wb_valid_uuid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_at_the_first),
		cmocka_unit_test(what_a_terminal_would_obey),
		cmocka_unit_test(octal_escapes_have_three_digits),
		cmocka_unit_test(sizes_are_read_as_memparse_reads_them),
		cmocka_unit_test(hex_is_read_as_it_is_written),
		cmocka_unit_test(uuids_are_written_as_they_are_valid),
		cmocka_unit_test(lines_and_words_are_taken_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
