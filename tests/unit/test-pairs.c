// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ledger of kernel pairs: its grammar, its judgement, and whose files it believes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "guard/pairs.h"
#include "sample-pairs.h"
#include "sys/sys.h"

/* ---- the grammar ---- */

static struct wb_pairs parse(const char *text, enum wb_pair_source source)
{
	struct wb_pairs pairs = {};
	struct wb_error err = {};

	if (wb_pairs_parse(bytes(text, strlen(text)), "/x", source, &pairs, &err) < 0)
		fail_msg("%s", err.text);
	return pairs;
}

static void lines_are_understood(void **state)
{
	WB_CLEAN_PAIRS p =
		parse("# a comment\n\n" BAD_LINE LEDGER_LINE OLDER_LINE, WB_PAIRS_FROM_OWN);
	const struct wb_pair *pair = &p.items[2].pair;

	assert_int_equal(p.n, 5);
	assert_int_equal(p.items[0].kind, WB_PAIRS_COMMENT);
	assert_int_equal(p.items[1].kind, WB_PAIRS_COMMENT);
	assert_int_equal(p.items[2].kind, WB_PAIRS_PAIR);
	assert_int_equal(p.items[2].number, 3);
	assert_string_equal(p.items[2].path, "/x");
	assert_int_equal(strlen(p.items[2].id), 12);
	assert_string_equal(pair->from, BUILD_A);
	assert_int_equal(pair->verdict, WB_PAIR_BAD);
	assert_int_equal(pair->phase, WB_PAIR_PHASE_FIRST_LINE);
	assert_int_equal(pair->count, 2);
	assert_int_equal(pair->last, 1793613600);
	assert_int_equal(pair->durations.n, 1);
	assert_string_equal(pair->durations.items[0].phase, "purgatory");
	assert_int_equal(p.items[3].kind, WB_PAIRS_LEDGER);
	assert_string_equal(p.items[3].ledger.origin, ORIGIN_1);
	assert_int_equal(p.items[4].older.jumps, 7);
}

static void damaged_lines_are_told_and_kept(void **state)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		WB_CLEAN_PAIRS p = parse(damages[i].line, WB_PAIRS_FROM_IMPORT);
		WB_CLEAN_BLOB again = {};

		assert_int_equal(p.n, 1);
		if (p.items[0].kind != WB_PAIRS_DAMAGED ||
			!strstr(p.items[0].why, damages[i].why) ||
			!strstr(p.items[0].why, "/x, line 1"))
			fail_msg("%s: %s", damages[i].line, p.items[0].why ? p.items[0].why : "?");
		assert_int_equal(wb_pairs_append(&p.items[0], false, &again), 0);
		assert_memory_equal(again.data, damages[i].line, strcspn(damages[i].line, "\n"));
	}
}

static void any_is_for_persons_only(void **state)
{
	WB_CLEAN_PAIRS good =
		parse(PAIR_LINE("any", BUILD_B, "any", "any", "bad", ""), WB_PAIRS_FROM_ADMIN);
	WB_CLEAN_PAIRS all =
		parse(PAIR_LINE("any", "any", "any", "any", "bad", ""), WB_PAIRS_FROM_ADMIN);

	assert_int_equal(good.items[0].kind, WB_PAIRS_PAIR);
	assert_int_equal(good.items[0].pair.count, 1);
	assert_int_equal(all.items[0].kind, WB_PAIRS_DAMAGED);
	assert_non_null(strstr(all.items[0].why, "names no kernel and no class"));
}

static void what_is_not_understood_survives_a_change(void **state)
{
	static const char line[] = SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad",
		",\"phase\":\"after-lunch\",\"colour\":\"red\",\"note\":\"old\"");
	WB_CLEAN_PAIRS p = parse(line, WB_PAIRS_FROM_OWN);
	WB_CLEAN_BLOB whole = {}, bare = {}, same = {};

	assert_int_equal(p.items[0].pair.phase, WB_PAIR_PHASE_OTHER);
	assert_int_equal(wb_pairs_append(&p.items[0], false, &same), 0);
	assert_memory_equal(same.data, line, sizeof(line) - 1);
	p.items[0].pair.count = 5;
	wb_text_replace(&p.items[0].pair.note, NULL);
	p.items[0].changed = true;
	assert_int_equal(wb_pairs_append(&p.items[0], false, &whole), 0);
	assert_int_equal(wb_blob_append(&whole, "", 1), 0);
	assert_non_null(strstr((char *)whole.data, "\"colour\":\"red\""));
	assert_non_null(strstr((char *)whole.data, "\"phase\":\"after-lunch\""));
	assert_non_null(strstr((char *)whole.data, "\"count\":5"));
	assert_null(strstr((char *)whole.data, "\"note\""));
	assert_int_equal(wb_pairs_append(&p.items[0], true, &bare), 0);
	assert_int_equal(wb_blob_append(&bare, "", 1), 0);
	assert_null(strstr((char *)bare.data, "colour"));
	assert_non_null(strstr((char *)bare.data, "\"phase\":\"after-lunch\""));
}

static void too_large_a_file_is_refused(void **state)
{
	char *text = calloc(1, WB_PAIRS_LIMIT + 1);
	struct wb_pairs p = {};
	struct wb_error err = {};

	assert_non_null(text);
	assert_int_equal(wb_pairs_parse(bytes(text, WB_PAIRS_LIMIT + 1), "/x", WB_PAIRS_FROM_IMPORT,
				 &p, &err),
		-E2BIG);
	assert_int_equal(p.n, 0);
	/* One line that is too long is only that. */
	memset(text, ' ', WB_PAIRS_LIMIT);
	text[0] = '{';
	assert_int_equal(
		wb_pairs_parse(bytes(text, WB_PAIRS_LIMIT), "/x", WB_PAIRS_FROM_OWN, &p, &err), 0);
	assert_int_equal(p.items[0].kind, WB_PAIRS_DAMAGED);
	wb_pairs_deinit(&p);
	free(text);
}

/* ---- the judgement ---- */

static const struct {
	const char *lines;
	struct wb_pairs_query query;
	enum wb_pairs_advice advice;
	uint64_t good, degraded, bad;
	const char *what, *evidence, *remedy;
} cases[] = {
	{"", QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_UNSEEN, 0, 0, 0, "nothing is known",
		"", ""},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "good", ",\"count\":3"),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_SEEN, 3, 0, 0, "went well",
		"/x, line 1", ""},
	/* Another ledger's count is added. */
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "good", ",\"count\":3") PAIR_LINE(BUILD_A,
		 BUILD_B, "fast", CLASS_X, "good", ",\"origin\":\"1111111111111111\",\"count\":4"),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_SEEN, 7, 0, 0, "7 times", "/x",
		""},
	/* A proven bad one, whatever else is known. */
	{BAD_LINE SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "good", ",\"count\":9"),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_REFUSE, 9, 0, 2,
		"known to fail on machines of this class: 2 times", "reached first-line; it hangs",
		"warmboot pairs forget "},
	{BAD_LINE, QUERY(BUILD_A, BUILD_B, NULL, CLASS_X), WB_PAIRS_REFUSE, 0, 0, 2,
		"known to fail", "by the method fast", "forget"},
	/* A cause that is not known. */
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ""),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_WARN, 0, 0, 1,
		"failed 1 time on machines of this class, and it is not known why",
		"reached unknown", "forget"},
	/* A phase of a later version is a phase. */
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"phase\":\"new\""),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_REFUSE, 0, 0, 1, "known to fail",
		"a later phase", "forget"},
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "degraded", ""),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_NOTED, 0, 1, 0, "not all worked",
		"degraded", "warmboot pairs"},
	/* Another kernel, class or method, in each direction. */
	{BAD_LINE, QUERY(BUILD_B, BUILD_A, "fast", CLASS_X), WB_PAIRS_UNSEEN, 0, 0, 0, "nothing",
		"", ""},
	{BAD_LINE, QUERY(BUILD_A, BUILD_C, "fast", CLASS_X), WB_PAIRS_UNSEEN, 0, 0, 0, "nothing",
		"", ""},
	{BAD_LINE, QUERY(BUILD_A, BUILD_B, "fast", CLASS_Y), WB_PAIRS_NOTED, 0, 0, 0,
		"another class: 2 times", "/x", "warmboot pairs"},
	{BAD_LINE, QUERY(BUILD_A, BUILD_B, "file", CLASS_X), WB_PAIRS_WARN, 0, 0, 0,
		"by another method (fast)", "/x", "forget"},
	/* A suspicion elsewhere is nothing. */
	{SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ""),
		QUERY(BUILD_A, BUILD_B, "fast", CLASS_Y), WB_PAIRS_UNSEEN, 0, 0, 0, "nothing", "",
		""},
	/* Something of the jump is not known. */
	{BAD_LINE, QUERY(BUILD_A, NULL, "fast", CLASS_X), WB_PAIRS_WARN, 0, 0, 0,
		"not known which kernel the next one is", "/x", "forget"},
	{BAD_LINE, QUERY(NULL, BUILD_B, "fast", CLASS_X), WB_PAIRS_UNSEEN, 0, 0, 0, "nothing", "",
		""},
	/* A kernel whose build id is not known is compared by name, on either side. */
	{SIMPLE(BUILD_A, NAME_A, "fast", CLASS_X, "bad", ",\"phase\":\"init\""),
		{.from = BUILD_A, .to = BUILD_B, .to_name = NAME_A, .class = CLASS_X},
		WB_PAIRS_REFUSE, 0, 0, 1, "known to fail", "/x", "forget"},
	{SIMPLE(NAME_A, BUILD_B, "fast", CLASS_X, "bad", ",\"phase\":\"init\""),
		{.from = BUILD_A, .to = BUILD_B, .from_name = NAME_A, .class = CLASS_X},
		WB_PAIRS_REFUSE, 0, 0, 1, "known to fail", "/x", "forget"},
	/* Where both build ids are known, equal names are nothing. */
	{BAD_LINE, {.from = BUILD_C, .to = BUILD_B, .from_name = NAME_A, .class = CLASS_X},
		WB_PAIRS_UNSEEN, 0, 0, 0, "nothing", "", ""},
	{BAD_LINE, QUERY(NAME_A, BUILD_B, "fast", CLASS_X), WB_PAIRS_REFUSE, 0, 0, 2,
		"known to fail", "/x", "forget"},
};

static void the_ledger_is_judged(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_PAIRS p = parse(cases[i].lines, WB_PAIRS_FROM_OWN);
		WB_CLEAN_ANSWER a = {};

		assert_int_equal(wb_pairs_judge(&p, &cases[i].query, &a), 0);
		if (a.advice != cases[i].advice || a.good != cases[i].good ||
			a.degraded != cases[i].degraded || a.bad != cases[i].bad ||
			!strstr(a.what, cases[i].what) || !strstr(a.evidence, cases[i].evidence) ||
			!strstr(a.remedy, cases[i].remedy) || (!*cases[i].evidence && *a.evidence))
			fail_msg("case %zu: %d, %s; %s; %s", i, a.advice, a.what, a.evidence,
				a.remedy);
	}
}

static bool ask(const struct wb_pairs *pairs, const char *from, const char *to_name)
{
	const struct wb_pairs_query query = {.from = from, .to_name = to_name};

	return wb_pairs_ask_for_next(pairs, &query);
}

static void files_of_persons_may_say_any(void **state)
{
	WB_CLEAN_PAIRS p =
		parse(PAIR_LINE("any", BUILD_B, "any", "any", "bad", ",\"phase\":\"init\""),
			WB_PAIRS_FROM_SHIPPED);
	WB_CLEAN_PAIRS next =
		parse(PAIR_LINE(BUILD_A, "any", "any", "any", "bad", ",\"phase\":\"init\""),
			WB_PAIRS_FROM_ADMIN);
	const struct wb_pairs_query q = QUERY(BUILD_A, BUILD_B, "fast", CLASS_X),
				    unknown = QUERY(BUILD_A, NULL, NULL, CLASS_X);
	WB_CLEAN_ANSWER a = {};
	WB_CLEAN_ANSWER b = {};

	assert_int_equal(wb_pairs_judge(&p, &q, &a), 0);
	assert_int_equal(a.advice, WB_PAIRS_REFUSE);
	assert_non_null(strstr(a.remedy, "of the same name in " WB_PAIRS_ADMIN));
	assert_int_equal(wb_pairs_judge(&next, &unknown, &b), 0);
	assert_int_equal(b.advice, WB_PAIRS_REFUSE);
	assert_non_null(strstr(b.remedy, "mend /x"));
	/* The next kernel has to be known only where the answer depends on it. */
	assert_true(ask(&p, BUILD_A, NULL));
	assert_false(ask(&next, BUILD_A, NULL));
}

static void good_news_need_no_look_at_the_next_kernel(void **state)
{
	WB_CLEAN_PAIRS good =
		parse(SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "good", ""), WB_PAIRS_FROM_OWN);
	WB_CLEAN_PAIRS bad = parse(BAD_LINE, WB_PAIRS_FROM_OWN);
	WB_CLEAN_PAIRS named = parse(
		SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"to_name\":\"" NAME_A "\""),
		WB_PAIRS_FROM_OWN);

	assert_false(ask(&good, BUILD_A, NULL));
	assert_true(ask(&bad, BUILD_A, NULL));
	assert_true(ask(&bad, BUILD_A, NAME_A));
	assert_false(ask(&bad, BUILD_C, NULL));
	assert_true(ask(&named, BUILD_A, NULL));
	assert_true(ask(&named, BUILD_A, NAME_A));
	assert_true(ask(&named, BUILD_A, "6.12.1-amd64 #2"));
	assert_false(ask(&named, BUILD_A, "6.12.1-amd6 #1"));
	assert_false(ask(&named, BUILD_A, "6.12.10-amd64 #1"));
}

/* ---- the files ---- */

static void the_sources_are_read_in_order(void **state)
{
	static const struct fake_file disk[] = {
		{WB_PAIRS_SHIPPED "/a.conf", PAIR_LINE("any", BUILD_A, "any", "any", "bad", "")},
		{WB_PAIRS_SHIPPED "/b.conf", PAIR_LINE("any", BUILD_B, "any", "any", "bad", "")},
		{WB_PAIRS_SHIPPED "/README", "not a list"},
		{WB_PAIRS_ADMIN "/.swap.conf", "an editor's"},
		{WB_PAIRS_ADMIN "/a.conf", "# hidden\n"},
		{WB_PAIRS_ADMIN "/evil.conf", PAIR_LINE("any", BUILD_C, "any", "any", "good", ""),
			.foreign = true},
		{WB_PAIRS_ADMIN "/lost.conf", .error = -EIO},
		{WB_PAIRS_ADMIN "/z.conf", PAIR_LINE(BUILD_A, "any", "any", "any", "bad", "")},
		{WB_PAIRS_OWN, BAD_LINE}, {}};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_PAIRS p = {};
	struct wb_error err = {};

	assert_int_equal(wb_pairs_read(&files, &p, &err), 0);
	assert_int_equal(p.n, 4);
	assert_string_equal(p.items[0].path, WB_PAIRS_SHIPPED "/b.conf");
	assert_string_equal(p.items[1].path, WB_PAIRS_ADMIN "/a.conf");
	assert_string_equal(p.items[2].path, WB_PAIRS_ADMIN "/z.conf");
	assert_int_equal(p.items[2].source, WB_PAIRS_FROM_ADMIN);
	assert_string_equal(p.items[3].path, WB_PAIRS_OWN);
	assert_int_equal(p.refused.n, 2);
	assert_non_null(strstr(p.refused.items[0], "evil.conf is not believed"));
	assert_non_null(strstr(p.refused.items[1], "lost.conf"));
}

static void an_own_ledger_of_others_is_an_error(void **state)
{
	static const struct fake_file disk[] = {{WB_PAIRS_OWN, BAD_LINE, .foreign = true}, {}};
	static const struct fake_file none[] = {{}};
	struct wb_files files = fake_files(disk), empty = fake_files(none), blind = files;
	WB_CLEAN_PAIRS p = {};
	struct wb_error err = {};

	blind.read_owned = NULL;
	assert_int_equal(wb_pairs_read(&files, &p, &err), -EPERM);
	assert_non_null(strstr(err.text, "not believed"));
	assert_int_equal(wb_pairs_read(&blind, &p, &err), -EOPNOTSUPP);
	assert_int_equal(wb_pairs_read(&empty, &p, &err), 0);
	assert_int_equal(p.n, 0);
	/* A missing file leaves no error. */
	assert_int_equal(err.code, 0);
}

/* The real machine looks at the opened file. */
static void a_file_that_others_can_write_is_not_believed(void **state)
{
	char dir[] = "/tmp/wb-pairs-XXXXXX", path[64], other[64];
	struct wb_error err = {};
	WB_CLEAN_BLOB text = {};
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(other, sizeof(other), "%s/b", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0 && write(fd, "x\n", 2) == 2);
	close(fd);
	assert_int_equal(wb_files_host.read_owned(NULL, path, 100, &text, &err), 0);
	assert_int_equal(text.size, 2);
	wb_blob_deinit(&text);
	assert_int_equal(wb_files_host.read_owned(NULL, path, 1, &text, &err), -EFBIG);
	for (mode_t mode = 0020; mode; mode = mode == 0020 ? 0002 : 0) {
		assert_int_equal(chmod(path, 0644 | mode), 0);
		assert_int_equal(wb_files_host.read_owned(NULL, path, 100, &text, &err), -EPERM);
		assert_non_null(strstr(err.text, "is not believed"));
		assert_int_equal(wb_files_host.read(NULL, path, 100, &text, &err), 0);
		wb_blob_deinit(&text);
	}
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(wb_files_host.read_owned(NULL, other, 100, &text, &err), -EPERM);
	assert_int_equal(wb_files_host.read_owned(NULL, dir, 100, &text, &err), -EISDIR);
	unlink(other);
	/* A link leads to the file that counts. */
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(wb_files_host.read_owned(NULL, other, 100, &text, &err), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(wb_files_host.read_owned(NULL, other, 100, &text, &err), 0);
	unlink(other);
	assert_int_equal(wb_files_host.read_owned(NULL, other, 100, &text, &err), -ENOENT);
	unlink(path);
	rmdir(dir);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lines_are_understood),
		T(damaged_lines_are_told_and_kept),
		T(any_is_for_persons_only),
		T(what_is_not_understood_survives_a_change),
		T(too_large_a_file_is_refused),
		T(the_ledger_is_judged),
		T(files_of_persons_may_say_any),
		T(good_news_need_no_look_at_the_next_kernel),
		T(the_sources_are_read_in_order),
		T(an_own_ledger_of_others_is_an_error),
		T(a_file_that_others_can_write_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
