// SPDX-License-Identifier: LGPL-2.1-or-later
/* Changes of the ledger of kernel pairs, and how it is shown and shared. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard/pairs-change.h"
#include "guard/pairs-text.h"
#include "sample-pairs.h"

/* ---- changes ---- */

/* A machine whose own ledger is in memory. */
struct ledger {
	struct fake_file disk[4];
	struct wb_files files;
	struct wb_sys sys;
	struct wb_blob own;
	uint64_t now; /* seconds */
	unsigned writes, mode;
	int write_result;
};

static int write_own(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct ledger *l = ctx;

	assert_string_equal(path, WB_PAIRS_OWN);
	l->writes++;
	l->mode = mode;
	if (l->write_result < 0)
		return l->write_result;
	l->own.size = 0;
	assert_int_equal(wb_blob_append(&l->own, contents.data, contents.size), 0);
	assert_int_equal(wb_blob_append(&l->own, "", 1), 0);
	l->own.size--;
	l->disk[0] = (struct fake_file){WB_PAIRS_OWN, (char *)l->own.data, l->own.size};
	return 0;
}

static uint64_t wall_ns(void *ctx)
{
	return ((const struct ledger *)ctx)->now * 1000000000;
}

static int chance(void *ctx, void *ret, size_t n)
{
	memset(ret, 0x5a, n);
	return 0;
}

#define CHANCE "5a5a5a5a5a5a5a5a"

static void begin(struct ledger *l, const char *own)
{
	*l = (struct ledger){.now = 1800000000};
	l->files = fake_files(l->disk);
	l->sys = (struct wb_sys){.size = sizeof(struct wb_sys),
		.ctx = l,
		.files = &l->files,
		.write_file = write_own,
		.wall_ns = wall_ns,
		.random = chance};
	l->disk[0] = own ? (struct fake_file){WB_PAIRS_OWN, own} : (struct fake_file){};
}

static void end(struct ledger *l)
{
	wb_blob_deinit(&l->own);
}

static const char *own_text(const struct ledger *l)
{
	return l->own.size ? (const char *)l->own.data : l->disk[0].text ? l->disk[0].text : "";
}

static struct wb_pairs own_pairs(const struct ledger *l)
{
	struct wb_pairs p = {};
	struct wb_error err = {};

	if (wb_pairs_read_own(&l->files, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

/* The pair number i among those of the own ledger. */
static const struct wb_pairs_line *pair_at(const struct wb_pairs *p, size_t i)
{
	for (size_t k = 0; k < p->n; k++)
		if (p->items[k].kind == WB_PAIRS_PAIR && i-- == 0)
			return &p->items[k];
	fail_msg("no such pair");
	return NULL;
}

static size_t count_pairs(const struct wb_pairs *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->items[i].kind == WB_PAIRS_PAIR;
	return n;
}

static const struct wb_pair_duration durations[] = {{"purgatory", 0.25}, {"kernel", 2}};
static const struct wb_pair_outcome good = {.from = BUILD_A,
	.to = BUILD_B,
	.from_name = NAME_A,
	.method = "fast",
	.class = CLASS_X,
	.verdict = WB_PAIR_GOOD,
	.phase = WB_PAIR_PHASE_GATE,
	.warmboot = "0.1.0",
	.durations = durations,
	.n_durations = 2};

static void note(struct ledger *l, const struct wb_pair_outcome *o)
{
	struct wb_error err = {};

	if (wb_pairs_note(&l->sys, o, &err) < 0)
		fail_msg("%s", err.text);
}

static void jumps_are_counted(void **state)
{
	struct wb_pair_outcome bad = good, later = good;
	struct ledger l;

	begin(&l, NULL);
	note(&l, &good);
	assert_int_equal(l.mode, 0600);
	l.now += 100;
	note(&l, &good);
	/* The clock is set back. */
	l.now -= 5000;
	later.warmboot = "0.2.0";
	note(&l, &later);
	bad.verdict = WB_PAIR_BAD;
	bad.phase = WB_PAIR_PHASE_ROOT;
	bad.cause = "panic: \033[31mno init";
	bad.durations = NULL;
	bad.n_durations = 0;
	note(&l, &bad);
	{
		WB_CLEAN_PAIRS p = own_pairs(&l);
		const struct wb_pairs_line *g = pair_at(&p, 0), *b = pair_at(&p, 1);

		assert_int_equal(count_pairs(&p), 2);
		assert_int_equal(g->pair.count, 3);
		assert_int_equal(g->pair.first, 1800000000 - 4900);
		assert_int_equal(g->pair.last, 1800000100);
		assert_string_equal(g->pair.origin, CHANCE);
		assert_string_equal(g->pair.from_name, NAME_A);
		assert_string_equal(g->pair.warmboot, "0.2.0");
		assert_int_equal(g->pair.durations.n, 2);
		assert_int_equal(b->pair.count, 1);
		assert_string_equal(b->pair.cause, "panic: ?[31mno init");
		assert_int_equal(b->pair.phase, WB_PAIR_PHASE_ROOT);
	}
	end(&l);
}

static void the_plain_class_is_written_once(void **state)
{
	WB_CLEAN_CLASS c = class_of(sample_machine);
	struct wb_pair_outcome o = good;
	struct wb_error err = {};
	struct ledger l;

	begin(&l, NULL);
	o.machine = &c;
	assert_int_equal(wb_pairs_note(&l.sys, &o, &err), -EINVAL);
	assert_non_null(strstr(err.text, "plain machine class"));
	o.class = c.hash;
	note(&l, &o);
	note(&l, &o);
	{
		WB_CLEAN_PAIRS p = own_pairs(&l);
		size_t n = 0;

		for (size_t i = 0; i < p.n; i++)
			n += p.items[i].kind == WB_PAIRS_MACHINE;
		assert_int_equal(n, 1);
		assert_non_null(strstr(own_text(&l), "8086:25ab i6300esb"));
	}
	end(&l);
}

static void a_wrong_outcome_changes_nothing(void **state)
{
	const struct wb_pair_duration many[17] = {};
	struct wb_pair_outcome wrong[10];
	struct wb_error err = {};
	struct ledger l;

	for (size_t i = 0; i < 10; i++)
		wrong[i] = good;
	wrong[0].from = NULL;
	wrong[1].to = "6.12";
	wrong[2].method = "FAST";
	wrong[3].class = "any";
	wrong[4].verdict = 0;
	wrong[5].from_name = "x";
	wrong[6].warmboot = "1 2";
	wrong[7].durations = many;
	wrong[7].n_durations = 17;
	wrong[8].class = NULL;
	wrong[9].from = "any";
	begin(&l, NULL);
	for (size_t i = 0; i < 10; i++) {
		err = (struct wb_error){};
		if (wb_pairs_note(&l.sys, &wrong[i], &err) != -EINVAL || !*err.text)
			fail_msg("outcome %zu: %s", i, err.text);
	}
	assert_int_equal(l.writes, 0);
	l.write_result = -EROFS;
	assert_int_equal(wb_pairs_note(&l.sys, &good, &err), -EROFS);
	assert_non_null(strstr(err.text, "cannot write " WB_PAIRS_OWN));
	end(&l);
	begin(&l, BAD_LINE);
	l.disk[0].foreign = true;
	assert_int_equal(wb_pairs_note(&l.sys, &good, &err), -EPERM);
	assert_int_equal(l.writes, 0);
	end(&l);
}

/* Comments, damaged lines and those of later versions stay where they are, byte for byte. */
static void a_change_loses_nothing(void **state)
{
	static const char before[] =
		"# mine\n\n{\"pair\": 7}\n{\"later\":{}}\n" BAD_LINE "no newline, \xff\xfe";
	struct ledger l;

	begin(&l, before);
	note(&l, &good);
	assert_memory_equal(own_text(&l), before, sizeof(before) - 1);
	assert_int_equal(own_text(&l)[sizeof(before) - 1], '\n');
	end(&l);
}

static void a_person_forgets_and_annotates(void **state)
{
	static const char before[] = "{\"later\":{}}\n" BAD_LINE OLDER_LINE;
	char id[WB_PAIR_ID], *long_note = calloc(1, 1000);
	struct wb_error err = {};
	struct ledger l;

	begin(&l, before);
	{
		WB_CLEAN_PAIRS p = own_pairs(&l);

		strcpy(id, pair_at(&p, 0)->id);
	}
	assert_int_equal(wb_pairs_annotate(&l.sys, id, "fan was dead", &err), 0);
	assert_non_null(strstr(own_text(&l), "\"note\":\"fan was dead\""));
	note(&l, &(struct wb_pair_outcome){.from = BUILD_A,
			 .to = BUILD_B,
			 .method = "fast",
			 .class = CLASS_X,
			 .verdict = WB_PAIR_BAD,
			 .phase = WB_PAIR_PHASE_FIRST_LINE});
	assert_non_null(strstr(own_text(&l), "fan was dead"));
	assert_int_equal(wb_pairs_annotate(&l.sys, id, "a\033b", &err), -EINVAL);
	memset(long_note, 'x', 999);
	assert_int_equal(wb_pairs_annotate(&l.sys, id, long_note, &err), -EINVAL);
	assert_int_equal(wb_pairs_annotate(&l.sys, id, "", &err), 0);
	assert_null(strstr(own_text(&l), "note"));
	assert_int_equal(wb_pairs_annotate(&l.sys, "000000000000", "x", &err), -ENOENT);
	assert_non_null(strstr(err.text, "no pair has the id \"000000000000\""));
	assert_int_equal(wb_pairs_forget(&l.sys, id, &err), 0);
	assert_null(strstr(own_text(&l), id));
	assert_null(strstr(own_text(&l), ORIGIN_1));
	assert_non_null(strstr(own_text(&l), "{\"later\":{}}\n"));
	assert_int_equal(wb_pairs_forget(&l.sys, id, &err), -ENOENT);
	free(long_note);
	end(&l);
}

static void a_pair_of_another_file_is_not_changed(void **state)
{
	struct wb_error err = {};
	struct ledger l;
	char id[WB_PAIR_ID];

	begin(&l, LEDGER_LINE);
	l.disk[1] = (struct fake_file){
		WB_PAIRS_ADMIN "/a.conf", "\n" PAIR_LINE("any", BUILD_B, "any", "any", "bad", "")};
	{
		WB_CLEAN_PAIRS p = {};

		assert_int_equal(wb_pairs_read(&l.files, &p, NULL), 0);
		strcpy(id, pair_at(&p, 0)->id);
	}
	assert_int_equal(wb_pairs_forget(&l.sys, id, &err), -ENOENT);
	assert_non_null(
		strstr(err.text, "is in " WB_PAIRS_ADMIN "/a.conf, line 2: change it there"));
	assert_int_equal(l.writes, 0);
	end(&l);
}

/* ---- room ---- */

/* Many good pairs of other machines, one a day, and as many bytes as asked for. */
static char *many(const char *verdict, size_t size)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	for (unsigned i = 0; (size_t)ftell(out) < size; i++)
		fprintf(out,
			"{\"pair\":{\"from\":\"%040x\",\"to\":\"%040x\",\"method\":\"fast\","
			"\"class\":"
			"\"" CLASS_X
			"\",\"verdict\":\"%s\",\"phase\":\"gate\",\"count\":2,\"first\":"
			"\"2026-01-01T00:00:00Z\",\"last\":\"2026-%02u-%02uT00:%02u:00Z\","
			"\"origin\":"
			"\"" ORIGIN_1 "\"}}\n",
			i, i + 1, verdict, i / 28 % 12 + 1, i % 28 + 1, i / 336);
	fclose(out);
	return text;
}

static void the_oldest_good_pairs_make_room(void **state)
{
	char *text = many("good", WB_PAIRS_ROOM - 300), *full = NULL;
	struct wb_pair_outcome bad = good;
	size_t before;
	struct ledger l;

	full = wb_strf("{\"later\":{}}\n%s", text);
	begin(&l, full);
	{
		WB_CLEAN_PAIRS p = own_pairs(&l);

		before = count_pairs(&p);
	}
	bad.verdict = WB_PAIR_BAD;
	note(&l, &bad);
	for (int i = 0; i < 3; i++) {
		struct wb_pair_outcome more = good;

		more.method = i == 0 ? "a" : i == 1 ? "b" : "c";
		note(&l, &more);
	}
	assert_true(l.own.size <= WB_PAIRS_ROOM);
	{
		WB_CLEAN_PAIRS p = own_pairs(&l);
		const struct wb_pairs_line *older = NULL;

		for (size_t i = 0; i < p.n; i++)
			older = p.items[i].kind == WB_PAIRS_OLDER ? &p.items[i] : older;
		assert_non_null(older);
		assert_true(older->older.pairs >= 3 && older->older.pairs < 20);
		assert_int_equal(older->older.jumps, 2 * older->older.pairs);
		assert_int_equal(count_pairs(&p), before + 4 - (size_t)older->older.pairs);
		/* The first day is gone, the last one and all that was new is there. */
		assert_null(strstr(own_text(&l), "\"last\":\"2026-01-01T00:00:00Z\""));
		assert_non_null(strstr(own_text(&l), "\"verdict\":\"bad\""));
		assert_non_null(strstr(own_text(&l), "\"method\":\"c\""));
		assert_non_null(strstr(own_text(&l), "{\"later\":{}}\n"));
	}
	free(text);
	free(full);
	end(&l);
}

static void bad_pairs_and_strange_lines_are_never_given_up(void **state)
{
	char *bads = many("bad", WB_PAIRS_ROOM - 300), *strange = calloc(1, WB_PAIRS_ROOM + 1);
	struct wb_error err = {};
	struct ledger l;

	assert_non_null(strange);
	memset(strange, 'x', WB_PAIRS_ROOM);
	for (size_t i = 0; i < WB_PAIRS_ROOM; i += 100)
		strange[i] = '\n';
	for (int i = 0; i < 2; i++) {
		begin(&l, i ? strange : bads);
		for (int k = 0; k < 2 && err.code == 0; k++)
			wb_pairs_note(&l.sys,
				&(struct wb_pair_outcome){.from = BUILD_A,
					.to = BUILD_B,
					.method = k ? "a" : "b",
					.class = CLASS_X,
					.verdict = WB_PAIR_GOOD},
				&err);
		assert_int_equal(err.code, -ENOSPC);
		assert_non_null(strstr(err.text, "forget some"));
		assert_true(l.writes <= 1);
		err = (struct wb_error){};
		end(&l);
	}
	free(bads);
	free(strange);
}

/* ---- export and import ---- */

static struct wb_blob exported(const struct ledger *l, bool plain)
{
	struct wb_blob out = {};
	struct wb_error err = {};

	if (wb_pairs_export(&l->files, plain, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(wb_blob_append(&out, "", 1), 0);
	out.size--;
	return out;
}

static struct wb_pairs_taken import(struct ledger *l, struct wb_bytes text)
{
	struct wb_pairs_taken t = {};
	struct wb_error err = {};

	if (wb_pairs_import(&l->sys, text, "a file", &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static void an_export_names_no_machine(void **state)
{
	WB_CLEAN_CLASS c = class_of(sample_machine);
	WB_CLEAN_BLOB bare = {}, plain = {};
	struct wb_pair_outcome o = good;
	struct ledger l;

	begin(&l, BAD_LINE OLDER_LINE "{\"later\":{}}\n" SIMPLE(BUILD_B, BUILD_A, "fast", CLASS_X,
			  "bad", ",\"note\":\"rack 7\",\"x\":1"));
	o.machine = &c;
	o.class = c.hash;
	note(&l, &o);
	bare = exported(&l, false);
	plain = exported(&l, true);
	assert_non_null(strstr((char *)bare.data, c.hash));
	assert_non_null(strstr((char *)bare.data, "it hangs"));
	assert_null(strstr((char *)bare.data, "Box 1"));
	assert_null(strstr((char *)bare.data, "rack 7"));
	assert_null(strstr((char *)bare.data, "\"x\""));
	assert_null(strstr((char *)bare.data, "later"));
	assert_null(strstr((char *)bare.data, "older"));
	assert_non_null(strstr((char *)plain.data, "Box 1"));
	assert_non_null(strstr((char *)plain.data, "rack 7"));
	end(&l);
}

static void an_import_is_merged_once(void **state)
{
	struct wb_pair_outcome bad = good;
	WB_CLEAN_CLASS c = class_of(sample_machine);
	WB_CLEAN_BLOB first = {}, later = {};
	struct wb_pairs_taken t;
	struct ledger theirs, mine;
	char *once;

	begin(&theirs, LEDGER_LINE);
	bad.verdict = WB_PAIR_BAD;
	bad.class = c.hash;
	bad.machine = &c;
	note(&theirs, &good);
	note(&theirs, &good);
	note(&theirs, &bad);
	first = exported(&theirs, true);
	begin(&mine, NULL);
	note(&mine, &good);
	t = import(&mine, wb_blob_view(&first));
	assert_int_equal(t.added, 2);
	assert_int_equal(t.raised + t.known + t.left, 0);
	assert_int_equal(t.machines, 1);
	once = strdup(own_text(&mine));
	mine.writes = 0;
	t = import(&mine, wb_blob_view(&first));
	assert_int_equal(t.added + t.raised + t.left + t.machines, 0);
	assert_int_equal(t.known, 2);
	assert_int_equal(mine.writes, 0);
	assert_string_equal(own_text(&mine), once);
	/* The other machine goes on. */
	theirs.now += 1000;
	note(&theirs, &good);
	later = exported(&theirs, false);
	t = import(&mine, wb_blob_view(&later));
	assert_int_equal(t.added, 0);
	assert_int_equal(t.raised, 1);
	assert_int_equal(t.known, 1);
	/* An old export lowers nothing. */
	free(once);
	once = strdup(own_text(&mine));
	t = import(&mine, wb_blob_view(&first));
	assert_int_equal(t.known, 2);
	assert_string_equal(own_text(&mine), once);
	{
		WB_CLEAN_PAIRS p = own_pairs(&mine);
		const struct wb_pairs_query q = QUERY(BUILD_A, BUILD_B, "fast", CLASS_X);
		WB_CLEAN_ANSWER a = {};

		assert_int_equal(wb_pairs_judge(&p, &q, &a), 0);
		assert_int_equal(a.good, 4); /* one of its own, three of the other */
	}
	free(once);
	end(&theirs);
	end(&mine);
}

/* A note that is there already stays. */
static void an_import_brings_notes(void **state)
{
	static const char noted[] =
		SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"note\":\"one\""),
			  other[] = SIMPLE(
				  BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"note\":\"two\"");
	struct wb_pairs_taken t;
	struct ledger l;

	begin(&l, SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ""));
	t = import(&l, bytes(noted, sizeof(noted) - 1));
	assert_int_equal(t.raised, 1);
	assert_non_null(strstr(own_text(&l), "\"note\":\"one\""));
	t = import(&l, bytes(other, sizeof(other) - 1));
	assert_int_equal(t.known, 1);
	assert_non_null(strstr(own_text(&l), "\"note\":\"one\""));
	end(&l);
}

/* Good news of another machine do not make a bad pair a good one. */
static void an_import_makes_no_pair_better(void **state)
{
	static const char news[] = PAIR_LINE(BUILD_A, BUILD_B, "fast", CLASS_X, "good",
		",\"count\":1000,\"origin\":\"1111111111111111\"") SIMPLE(BUILD_A, BUILD_B, "fast",
		CLASS_X, "good", ",\"count\":1000,\"phase\":\"first-line\"")
		SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "bad", ",\"phase\":\"first-line\"");
	const struct wb_pairs_query q = QUERY(BUILD_A, BUILD_B, "fast", CLASS_X);
	struct wb_pairs_taken t;
	struct ledger l;

	begin(&l, BAD_LINE);
	t = import(&l, bytes(news, sizeof(news) - 1));
	assert_int_equal(t.added, 2);
	{
		WB_CLEAN_PAIRS p = own_pairs(&l);
		WB_CLEAN_ANSWER a = {};

		assert_int_equal(wb_pairs_judge(&p, &q, &a), 0);
		assert_int_equal(a.advice, WB_PAIRS_REFUSE);
		assert_int_equal(a.bad, 2);
		assert_non_null(strstr(a.evidence, "it hangs"));
	}
	end(&l);
}

static void a_damaged_import_takes_nothing(void **state)
{
	static const char any[] = SIMPLE(BUILD_A, "any", "fast", CLASS_X, "bad", "");
	struct wb_pairs_taken t = {};
	struct wb_error err = {};
	struct ledger l;

	begin(&l, LEDGER_LINE);
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		WB_CLEAN_STR text = wb_strf("%s%s", BAD_LINE, damages[i].line);

		assert_int_equal(wb_pairs_import(&l.sys, bytes(text, strlen(text)), "f", &t, &err),
			-EBADMSG);
		assert_non_null(strstr(err.text, "f, line 2: "));
		assert_non_null(strstr(err.text, "nothing was taken"));
	}
	assert_int_equal(
		wb_pairs_import(&l.sys, bytes(any, sizeof(any) - 1), "f", &t, &err), -EBADMSG);
	assert_int_equal(l.writes, 0);
	assert_string_equal(own_text(&l), LEDGER_LINE);
	/* An empty one is no damage. */
	assert_int_equal(wb_pairs_import(&l.sys, bytes("", 0), "f", &t, &err), 0);
	assert_int_equal(l.writes, 0);
	end(&l);
}

static void a_full_ledger_takes_bad_news_only(void **state)
{
	char *text = many("good", WB_PAIRS_ROOM - 300);
	static const char news[] = SIMPLE(BUILD_A, BUILD_B, "fast", CLASS_X, "good", ",\"count\":5")
		SIMPLE(BUILD_B, BUILD_A, "fast", CLASS_X, "bad", ",\"phase\":\"init\"")
			SIMPLE(BUILD_B, BUILD_C, "fast", CLASS_X, "bad", ",\"phase\":\"init\"");
	struct wb_pairs_taken t;
	struct ledger l;

	begin(&l, text);
	t = import(&l, bytes(news, sizeof(news) - 1));
	assert_int_equal(t.added, 2);
	assert_int_equal(t.left, 1);
	assert_true(l.own.size <= WB_PAIRS_ROOM);
	assert_non_null(strstr(own_text(&l), "{\"older\":{\"pairs\":"));
	l.writes = 0;
	t = import(&l, bytes(news, sizeof(news) - 1));
	assert_int_equal(t.added + t.raised, 0);
	assert_int_equal(t.known, 2);
	assert_int_equal(l.writes, 0);
	free(text);
	end(&l);
}

/* ---- what is shown ---- */

static void write_sample(const char *name, const char *json)
{
	const char *dir = getenv("WB_SAMPLES");
	char path[256];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	f = fopen(path, "w");
	assert_true(f && fputs(json, f) >= 0 && fclose(f) == 0);
}

static void the_ledger_is_shown(void **state)
{
	WB_CLEAN_CLASS c = class_of(sample_machine);
	struct wb_pair_outcome o = good;
	struct ledger l;

	begin(&l, BAD_LINE OLDER_LINE "{\"later\":{}}\n");
	l.disk[1] = (struct fake_file){WB_PAIRS_SHIPPED "/a.conf",
		PAIR_LINE("any", BUILD_B, "any", "any", "bad", ",\"phase\":\"new\"")};
	l.disk[2] = (struct fake_file){WB_PAIRS_ADMIN "/b.conf", "x", .foreign = true};
	o.class = c.hash;
	o.machine = &c;
	note(&l, &o);
	{
		const struct wb_pairs_view view = {&c, BUILD_A, NAME_A},
					   other = {&c, NAME_A, NAME_A};
		WB_CLEAN_PAIRS p = {};
		WB_CLEAN_STR text = NULL;
		WB_CLEAN_STR json = NULL;
		WB_CLEAN_STR by_name = NULL;
		WB_CLEAN_STR class = NULL;

		assert_int_equal(wb_pairs_read(&l.files, &p, NULL), 0);
		assert_int_equal(wb_pairs_text(&p, &view, &text), 0);
		assert_non_null(strstr(text, c.hash));
		assert_non_null(strstr(text, "\n* "));
		assert_non_null(strstr(
			text, "6.12.1-amd64 -> ffeeddccbbaa  by fast, 1 time, last on 2027-"));
		assert_non_null(strstr(text, "  any -> ffeeddccbbaa  by any"));
		assert_non_null(strstr(text, "seen in  " WB_PAIRS_SHIPPED "/a.conf, line 1"));
		assert_non_null(strstr(text, "1 pairs of other machine classes"));
		assert_non_null(strstr(text, "3 older good pairs (7 jumps)"));
		assert_non_null(
			strstr(text, "not understood, and left alone: " WB_PAIRS_OWN ", line 3"));
		assert_non_null(strstr(text, "not used: " WB_PAIRS_ADMIN "/b.conf"));
		assert_int_equal(wb_pairs_json(&p, &view, &json), 0);
		write_sample("whole", json);
		assert_non_null(strstr(json, "\"build_id\": true"));
		assert_non_null(strstr(json, "\"product\": \"Box 1\""));
		assert_int_equal(wb_pairs_json(&p, &other, &by_name), 0);
		write_sample("by-name", by_name);
		assert_non_null(strstr(by_name, "\"build_id\": false"));
		assert_int_equal(wb_pairs_class_json(&c, &class), 0);
		assert_non_null(strstr(class, "\"firmware\": \"1.0\""));
	}
	end(&l);
}

static void an_empty_ledger_says_so(void **state)
{
	WB_CLEAN_CLASS c = class_of(sample_machine);
	const struct wb_pairs_view view = {&c, BUILD_A, NAME_A};
	const struct wb_pairs none = {};
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR json = NULL;

	assert_int_equal(wb_pairs_text(&none, &view, &text), 0);
	assert_non_null(strstr(text, "Nothing is known"));
	assert_int_equal(wb_pairs_json(&none, &view, &json), 0);
	write_sample("empty", json);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(jumps_are_counted),
		T(the_plain_class_is_written_once),
		T(a_wrong_outcome_changes_nothing),
		T(a_change_loses_nothing),
		T(a_person_forgets_and_annotates),
		T(a_pair_of_another_file_is_not_changed),
		T(the_oldest_good_pairs_make_room),
		T(bad_pairs_and_strange_lines_are_never_given_up),
		T(an_export_names_no_machine),
		T(an_import_is_merged_once),
		T(an_import_brings_notes),
		T(an_import_makes_no_pair_better),
		T(a_damaged_import_takes_nothing),
		T(a_full_ledger_takes_bad_news_only),
		T(the_ledger_is_shown),
		T(an_empty_ledger_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
