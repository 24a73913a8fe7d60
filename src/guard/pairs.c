// SPDX-License-Identifier: LGPL-2.1-or-later
/* The grammar of the ledger: lines to structs and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kernel-id.h"
#include "core/sha256.h"
#include "core/text.h"
#include "guard/pairs.h"

#define LONGEST_WORD 32
#define ORIGIN 8 /* bytes */
/* Nobody jumps so often; sums of counts stay far from the limit of their type. */
#define MOST_COUNT 1000000000

const struct wb_name wb_pair_verdicts[] = {
	{"good", WB_PAIR_GOOD}, {"degraded", WB_PAIR_DEGRADED}, {"bad", WB_PAIR_BAD}, {}};

const struct wb_name wb_pair_phases[] = {{"unknown", WB_PAIR_PHASE_UNKNOWN},
	{"stopped", WB_PAIR_PHASE_STOPPED}, {"device-shutdown", WB_PAIR_PHASE_DEVICES},
	{"purgatory", WB_PAIR_PHASE_PURGATORY}, {"first-line", WB_PAIR_PHASE_FIRST_LINE},
	{"init", WB_PAIR_PHASE_INIT}, {"root", WB_PAIR_PHASE_ROOT}, {"gate", WB_PAIR_PHASE_GATE},
	{}};

/* ---- what may be read ---- */

static bool is_any(const char *s)
{
	return !strcmp(s, WB_PAIR_ANY);
}

static bool is_kernel(const char *s)
{
	return is_any(s) || wb_valid_kernel_id(s);
}

static bool is_class(const char *s)
{
	return is_any(s) || wb_valid_class_hash(s);
}

/* A method of a load, or the name of another program that made the jump. */
static bool is_word(const char *s)
{
	return *s && strlen(s) <= LONGEST_WORD &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

static bool is_version(const char *s)
{
	return *s && strlen(s) <= LONGEST_WORD && wb_is_plain(s) && !strchr(s, ' ');
}

static bool is_origin(const char *s)
{
	uint8_t number[ORIGIN];

	return wb_hex_read(s, ORIGIN, number);
}

static bool is_sentence(const char *s)
{
	return *s && strlen(s) <= WB_PAIRS_SENTENCE && wb_is_plain(s);
}

/* ---- the tables ---- */

static const struct wb_json_field duration_fields[] = {
	WB_JSON_ROW(struct wb_pair_duration, phase, WB_JSON_CHARS, .needed = true),
	WB_JSON_ROW(struct wb_pair_duration, seconds, WB_JSON_SECONDS, .needed = true),
	{},
};

#define TEXT(member, check) WB_JSON_ROW(struct wb_pair, member, WB_JSON_STRING, .valid = (check))
#define NEEDED(member, check) \
	WB_JSON_ROW(struct wb_pair, member, WB_JSON_STRING, .needed = true, .valid = (check))

static const struct wb_json_field pair_fields[] = {
	NEEDED(from, is_kernel),
	NEEDED(to, is_kernel),
	TEXT(from_name, wb_valid_kernel_name),
	TEXT(to_name, wb_valid_kernel_name),
	NEEDED(method, is_word),
	NEEDED(class, is_class),
	WB_JSON_ROW(
		struct wb_pair, verdict, WB_JSON_ENUM, .needed = true, .names = wb_pair_verdicts),
	WB_JSON_ROW(struct wb_pair, phase, WB_JSON_ENUM, .names = wb_pair_phases,
		.other = WB_PAIR_PHASE_OTHER),
	TEXT(cause, is_sentence),
	WB_JSON_ROW(struct wb_pair, count, WB_JSON_INT, .min = 1, .max = MOST_COUNT),
	WB_JSON_ROW(struct wb_pair, first, WB_JSON_TIME),
	WB_JSON_ROW(struct wb_pair, last, WB_JSON_TIME),
	WB_JSON_ROWS(struct wb_pair, durations, duration_fields, WB_PAIRS_DURATIONS,
		.positional = true, .sparse = true),
	TEXT(warmboot, is_version),
	TEXT(note, is_sentence),
	TEXT(origin, is_origin),
	{},
};

static const struct wb_json_field machine_fields[] = {
	WB_JSON_ROW(struct wb_pair_machine, class, WB_JSON_STRING, .needed = true,
		.valid = wb_valid_class_hash),
	WB_JSON_ROW(struct wb_pair_machine, plain, WB_JSON_STRUCT, .needed = true,
		.fields = wb_machine_class_fields),
	{},
};

static const struct wb_json_field ledger_fields[] = {
	WB_JSON_ROW(
		struct wb_pairs_ledger, origin, WB_JSON_STRING, .needed = true, .valid = is_origin),
	{},
};

static const struct wb_json_field older_fields[] = {
	WB_JSON_ROW(struct wb_pairs_older, pairs, WB_JSON_INT, .min = 0, .max = INT64_MAX / 2),
	WB_JSON_ROW(struct wb_pairs_older, jumps, WB_JSON_INT, .min = 0, .max = INT64_MAX / 2),
	{},
};

/* The forms of a line: the one key of its object, and the table of its value. */
static const struct form {
	const char *key;
	enum wb_pairs_kind kind;
	const struct wb_json_field *fields;
	size_t offset; /* of its struct in a line */
} forms[] = {
	{"pair", WB_PAIRS_PAIR, pair_fields, offsetof(struct wb_pairs_line, pair)},
	{"machine", WB_PAIRS_MACHINE, machine_fields, offsetof(struct wb_pairs_line, machine)},
	{"ledger", WB_PAIRS_LEDGER, ledger_fields, offsetof(struct wb_pairs_line, ledger)},
	{"older", WB_PAIRS_OLDER, older_fields, offsetof(struct wb_pairs_line, older)},
};
#define N_FORMS (sizeof(forms) / sizeof(*forms))

void wb_pairs_line_deinit(struct wb_pairs_line *line)
{
	for (size_t i = 0; i < N_FORMS; i++)
		wb_json_free(forms[i].fields, (char *)line + forms[i].offset);
	free(line->path);
	free(line->text);
	free(line->why);
	*line = (struct wb_pairs_line){};
}

void wb_pairs_deinit(struct wb_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		wb_pairs_line_deinit(&pairs->items[i]);
	free(pairs->items);
	wb_strv_deinit(&pairs->refused);
	*pairs = (struct wb_pairs){};
}

/* ---- reading ---- */

static int number_pair(struct wb_pairs_line *l)
{
	const struct wb_pair *p = &l->pair;
	const char *phase = wb_name_of(wb_pair_phases, p->phase);
	WB_CLEAN_STR all = wb_strf("%s\n%s\n%s\n%s\n%s\n%d\n%s", p->from, p->to, p->method,
		p->class, p->origin ? p->origin : "", p->verdict, phase ? phase : "");
	uint8_t hash[32];

	if (!all)
		return -ENOMEM;
	wb_sha256(all, strlen(all), hash);
	wb_hex_write(hash, (WB_PAIR_ID - 1) / 2, l->id);
	return 0;
}

/* The checks that a table cannot make. */
static int check_pair(struct wb_pairs_line *l, const char *where, struct wb_error *err)
{
	struct wb_pair *p = &l->pair;
	bool any = is_any(p->from) || is_any(p->to) || is_any(p->method) || is_any(p->class);
	bool by_person = l->source == WB_PAIRS_FROM_SHIPPED || l->source == WB_PAIRS_FROM_ADMIN;

	if (any && !by_person)
		return wb_fail(err, -EBADMSG,
			"%s: \"any\" is no kernel, method or class that a machine has seen; only "
			"files in " WB_PAIRS_ADMIN " may have it",
			where);
	if (is_any(p->from) && is_any(p->to) && is_any(p->class))
		return wb_fail(err, -EBADMSG, "%s: it names no kernel and no class", where);
	if (!p->origin && !by_person)
		return wb_fail(err, -EBADMSG, "%s: \"origin\" is missing", where);
	p->count = p->count ? p->count : 1;
	return number_pair(l) < 0 ? wb_oom(err) : 0;
}

static int check_machine(struct wb_pairs_line *l, const char *where, struct wb_error *err)
{
	struct wb_pair_machine *m = &l->machine;

	if (wb_machine_class_seal(&m->plain) < 0)
		return wb_oom(err);
	return strcmp(m->plain.hash, m->class)
		       ? wb_fail(err, -EBADMSG, "%s: its class has another hash", where)
		       : 0;
}

static int read_form(
	const json_t *json, const char *where, struct wb_pairs_line *l, struct wb_error *err)
{
	for (size_t i = 0; i < N_FORMS && json_object_size(json) == 1; i++) {
		const json_t *value = json_object_get(json, forms[i].key);
		int r;

		if (!value)
			continue;
		r = wb_json_read(value, forms[i].fields, where, (char *)l + forms[i].offset, err);
		if (r < 0)
			return r;
		l->kind = forms[i].kind;
		if (l->kind == WB_PAIRS_PAIR)
			return check_pair(l, where, err);
		return l->kind == WB_PAIRS_MACHINE ? check_machine(l, where, err) : 0;
	}
	return wb_fail(err, -EBADMSG,
		"%s: it is none of {\"pair\": …}, {\"machine\": …}, {\"ledger\": …} and "
		"{\"older\": …}",
		where);
}

static bool is_comment(struct wb_bytes line)
{
	size_t i = 0;

	while (i < line.size && strchr(" \t\r", line.data[i]) && line.data[i])
		i++;
	return i == line.size || line.data[i] == '#';
}

/* -EBADMSG with a sentence: the line is damaged. */
static int understand(struct wb_pairs_line *l, struct wb_error *err)
{
	const struct wb_bytes text = {(const uint8_t *)l->text, l->size};
	WB_CLEAN_STR where = wb_strf("%s, line %zu", l->path, l->number);
	json_t *json = NULL;
	int r;

	if (!where)
		return wb_oom(err);
	if (is_comment(text))
		return 0;
	if (text.size > WB_PAIRS_LINE)
		return wb_fail(err, -EBADMSG, "%s: it has %zu bytes, more than any line", where,
			text.size);
	r = wb_json_load(text, &json, NULL);
	if (r < 0)
		return r == -ENOMEM ? wb_oom(err) : wb_fail(err, r, "%s: it is no JSON", where);
	r = read_form(json, where, l, err);
	json_decref(json);
	return r;
}

static int take_line(struct wb_pairs *all, struct wb_bytes text, const char *path, size_t number,
	enum wb_pair_source source, struct wb_error *err)
{
	struct wb_pairs_line *l = wb_list_add(all, sizeof(*l));
	struct wb_error why = {};
	int r;

	if (!l)
		return wb_oom(err);
	l->source = source;
	l->number = number;
	l->path = wb_plain_copy(path);
	/* Any bytes may stand there; one more makes room for none. */
	l->text = malloc(text.size + 1);
	if (!l->path || !l->text)
		return wb_oom(err);
	memcpy(l->text, text.data, text.size);
	l->text[text.size] = '\0';
	l->size = text.size;
	r = understand(l, &why);
	if (r != -EBADMSG)
		return r < 0 ? wb_oom(err) : 0;
	l->kind = WB_PAIRS_DAMAGED;
	l->why = strdup(why.text);
	return l->why ? 0 : wb_oom(err);
}

int wb_pairs_parse(struct wb_bytes text, const char *path, enum wb_pair_source source,
	struct wb_pairs *ret, struct wb_error *err)
{
	WB_CLEAN_PAIRS all = {};
	size_t number = 0;
	int r = 0;

	if (text.size > WB_PAIRS_LIMIT)
		return wb_fail(err, -E2BIG, "%s has %zu bytes; a ledger has %u at most", path,
			text.size, WB_PAIRS_LIMIT);
	for (size_t at = 0; r == 0 && at < text.size;) {
		const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
		struct wb_bytes line = {
			text.data + at, end ? (size_t)(end - text.data) - at : text.size - at};

		r = take_line(&all, line, path, ++number, source, err);
		at += line.size + 1;
	}
	if (r < 0)
		return r;
	*ret = all;
	all = (struct wb_pairs){};
	return 0;
}

int wb_pairs_add(struct wb_pairs *pairs, const struct wb_pair *pair, struct wb_error *err)
{
	static const char what[] = "this pair";
	struct wb_pairs_line l = {.kind = WB_PAIRS_PAIR, .source = WB_PAIRS_FROM_OWN}, *to;
	json_t *json = wb_json_write(pair_fields, pair);
	int r = json ? wb_json_read(json, pair_fields, what, &l.pair, err) : wb_oom(err);

	json_decref(json);
	if (r == 0)
		r = check_pair(&l, what, err);
	if (r == 0) {
		l.path = strdup(WB_PAIRS_OWN);
		to = l.path ? wb_list_add(pairs, sizeof(*to)) : NULL;
		r = to ? 0 : wb_oom(err);
	}
	if (r < 0) {
		wb_pairs_line_deinit(&l);
		return r == -EBADMSG ? -EINVAL : r;
	}
	*to = l;
	return 0;
}

/* ---- writing ---- */

/* Put the new values into what stood there, and take those away that there are no longer. */
static int renew(json_t *old, json_t *now, const struct wb_json_field *fields)
{
	for (const struct wb_json_field *f = fields; f->key; f++)
		if (!json_object_get(now, f->key))
			json_object_del(old, f->key);
	return json_object_update(old, now);
}

/* {KEY: value}, which takes the value over. */
static json_t *wrap(const char *key, json_t *value)
{
	json_t *json = json_object();

	if (json_object_set_new(json, key, value) == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* The object of a line, from what stood there and what it says now. */
static json_t *make(const struct wb_pairs_line *l, const struct form *form, bool bare)
{
	json_t *value = wb_json_write(form->fields, (const char *)l + form->offset), *old = NULL;
	json_t *json = NULL;
	int r = value ? 0 : -ENOMEM;

	if (r == 0 && l->text)
		r = wb_json_load((struct wb_bytes){(const uint8_t *)l->text, l->size}, &json, NULL);
	old = json_object_get(json, form->key);
	/* A phase of a later version has no name here. */
	if (r == 0 && old && l->kind == WB_PAIRS_PAIR && l->pair.phase == WB_PAIR_PHASE_OTHER)
		r = json_object_set(value, "phase", json_object_get(old, "phase"));
	if (r == 0 && old && !bare)
		r = renew(old, value, form->fields);
	if (r < 0 || !old || bare) {
		json_decref(json);
		json = NULL;
		if (r == 0 && bare)
			json_object_del(value, "note");
		if (r == 0)
			return wrap(form->key, value);
	}
	json_decref(value);
	return json;
}

int wb_pairs_append(const struct wb_pairs_line *line, bool bare, struct wb_blob *to)
{
	WB_CLEAN_STR text = NULL;
	json_t *json = NULL;
	int r;

	if (line->text && !line->changed && !bare) {
		r = wb_blob_append(to, line->text, line->size);
		return r < 0 ? r : wb_blob_append(to, "\n", 1);
	}
	for (size_t i = 0; i < N_FORMS && !json; i++)
		if (forms[i].kind == line->kind)
			json = make(line, &forms[i], bare);
	text = json ? wb_json_dump(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	r = wb_blob_append(to, text, strlen(text));
	return r < 0 ? r : wb_blob_append(to, "\n", 1);
}
