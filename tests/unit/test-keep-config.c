// SPDX-License-Identifier: LGPL-2.1-or-later
/* survey/config.c: files of /etc/warmboot/keep.d. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "choice/config.h"
#include "choice/kind.h"

static struct wb_bytes bytes_of(const char *s)
{
	return (struct wb_bytes){(const uint8_t *)s, strlen(s)};
}

static void reads_what_it_writes(void **state)
{
	static const char text[] = "# memcached.service is kept over a change of kernel; see "
				   "warmboot(8), keep.\n"
				   "How=process\nFiles=/run/memcached\nFiles=/tmp/a b\n"
				   "Peers=reset\nProbe=tcp:11211\nPriority=-20\n";
	WB_CLEAN_KEEP_CONFIG c = {};
	WB_CLEAN_STR back = NULL;
	struct wb_error err = {};

	assert_int_equal(
		wb_keep_config_parse(bytes_of(text), "x", "memcached.service", &c, &err), 0);
	assert_int_equal(c.how, WB_KEEP_PROCESS);
	assert_int_equal(c.files.n, 2);
	assert_string_equal(c.files.items[1], "/tmp/a b");
	assert_true(c.reset_peers);
	assert_string_equal(c.probe, "tcp:11211");
	assert_int_equal(c.priority, -20);
	assert_int_equal(wb_keep_config_text(&c, &back), 0);
	assert_string_equal(back, text);
}

static void takes_hand_written_files(void **state)
{
	static const char text[] = "\n[Keep]\n; nothing\n  How=restart  \r\nProbe=http://[::1]/x";
	WB_CLEAN_KEEP_CONFIG c = {}, empty = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_config_parse(bytes_of(text), "x", "a.service", &c, &err), 0);
	assert_int_equal(c.how, WB_KEEP_RESTART);
	assert_string_equal(c.probe, "http://[::1]/x");
	assert_int_equal(wb_keep_config_parse(bytes_of(""), "x", "a.service", &empty, &err), 0);
	assert_int_equal(empty.how, WB_KEEP_AUTO);
	assert_false(empty.reset_peers);
}

static void tells_line_and_fault(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{"\nhow=auto", "/k, line 2: there is no setting \"how\""},
		{"Peers=keep", "/k, line 1: Peers= is restart or reset, not \"keep\""},
		{"How", "/k, line 1: is not of the form KEY=VALUE"},
		{"Files=run/x", "/k, line 1: Files= takes an absolute path without \"..\""},
		{"Files=/a/../b", "/k, line 1: Files= takes an absolute path without \"..\""},
		{"Probe=udp:1", "/k, line 1: \"udp:1\" is no probe: tcp:PORT, tcp:HOST:PORT, "
				"http://HOST[:PORT]/PATH or exec:COMMAND"},
		{"Probe=tcp:99999", "/k, line 1: \"tcp:99999\" is no probe: tcp:PORT, "
				    "tcp:HOST:PORT, http://HOST[:PORT]/PATH or exec:COMMAND"},
		{"Priority=1001",
			"/k, line 1: \"1001\" is no priority: a whole number from -1000 to 1000"},
		{"Priority=high",
			"/k, line 1: \"high\" is no priority: a whole number from -1000 to 1000"},
		{"Files=/a\033[2J", "/k, line 1: is no text"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_keep_config c = {};
		struct wb_error err = {};

		assert_int_equal(
			wb_keep_config_parse(bytes_of(bad[i].text), "/k", "a.service", &c, &err),
			-EBADMSG);
		assert_string_equal(err.text, bad[i].want);
	}
}

static void a_wrong_how_names_the_words(void **state)
{
	static const char *const wrong[] = {"fast", "ended", "unknown", ""};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct wb_keep_config c = {};
		char text[32], ends[64];
		struct wb_error err = {};

		snprintf(text, sizeof(text), "How=%s\n", wrong[i]);
		snprintf(ends, sizeof(ends), " or restart, not \"%s\"", wrong[i]);
		assert_int_equal(wb_keep_config_parse(bytes_of(text), "/k", "a.service", &c, &err),
			-EBADMSG);
		for (size_t k = 0; wb_keep_asked_word(k); k++)
			assert_non_null(strstr(err.text, wb_keep_asked_word(k)));
		assert_ptr_equal(strstr(err.text, "/k, line 1: How= is auto, "), err.text);
		assert_string_equal(err.text + strlen(err.text) - strlen(ends), ends);
	}
}

static void names_units(void **state)
{
	static const struct {
		const char *typed, *want;
	} names[] = {
		{"memcached", "memcached.service"},
		{"memcached.service", "memcached.service"},
		{"foo@bar.baz", "foo@bar.baz.service"},
		{"ssh.socket", NULL},
		{"../x", NULL},
		{"", NULL},
		{"@x", NULL},
		{"a b", NULL},
		{"vm:web-1.old", "vm:web-1.old"},
		{"container:db", "container:db"},
		{"vm:x.service", "vm:x.service"},
		{"box:x", "box:x.service"},
		{"vm:", NULL},
		{"vm:-x", NULL},
		{"vm:a b", NULL},
		{"vm:../x", NULL},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		WB_CLEAN_STR unit = NULL;
		struct wb_error err = {};
		int r = wb_keep_name(names[i].typed, &unit, &err);

		if (names[i].want) {
			assert_int_equal(r, 0);
			assert_string_equal(unit, names[i].want);
		} else {
			assert_int_equal(r, -EINVAL);
			assert_true(strlen(err.text) > 0);
		}
	}
}

static void lists_the_directory(void **state)
{
	static const struct fake_file disk[] = {
		{WB_KEEP_DIR "/redis-server.service.conf", "How=auto\n"},
		{WB_KEEP_DIR "/a.service.conf", "How=restart\n"},
		{WB_KEEP_DIR "/vm:v1.conf", "How=auto\n"},
		{WB_KEEP_DIR "/a.service.conf.dpkg-old", "junk"},
		{WB_KEEP_DIR "/README", "junk"},
		{WB_KEEP_DIR "/.a.conf", "an editor's"},
		{},
	};
	static const struct fake_file misnamed[] = {
		{WB_KEEP_DIR "/redis-server.conf", "How=auto\n"},
		{},
	};
	static const struct fake_file bad[] = {
		{WB_KEEP_DIR "/a.service.conf", "How=never\n"},
		{},
	};
	static const struct fake_file none[] = {{}};
	struct wb_files files = fake_files(disk), files_bad = fake_files(bad),
			files_misnamed = fake_files(misnamed), files_none = fake_files(none);
	WB_CLEAN_KEEP_CONFIGS all = {}, nothing = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_configs_read(&files, &all, &err), 0);
	assert_int_equal(all.n, 3);
	assert_string_equal(all.items[0].unit, "a.service");
	assert_int_equal(all.items[0].how, WB_KEEP_RESTART);
	assert_string_equal(all.items[1].unit, "redis-server.service");
	assert_string_equal(all.items[2].name, "vm:v1");
	assert_null(all.items[2].unit);
	assert_int_equal(wb_keep_configs_read(&files_none, &nothing, &err), 0);
	assert_int_equal(nothing.n, 0);
	assert_int_equal(wb_keep_configs_read(&files_bad, &nothing, &err), -EBADMSG);
	assert_non_null(strstr(err.text, WB_KEEP_DIR "/a.service.conf, line 1"));
	assert_int_equal(wb_keep_configs_read(&files_misnamed, &nothing, &err), -EINVAL);
	assert_non_null(
		strstr(err.text, WB_KEEP_DIR "/redis-server.conf is named after no service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(takes_hand_written_files),
		cmocka_unit_test(tells_line_and_fault),
		cmocka_unit_test(a_wrong_how_names_the_words),
		cmocka_unit_test(names_units),
		cmocka_unit_test(lists_the_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
