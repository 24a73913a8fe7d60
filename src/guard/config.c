// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reads WB_GUARD_CONFIG. */
#include <errno.h>
#include <string.h>

#include "core/text.h"
#include "guard/config.h"

#define DEADLINE_S 600
#define CONFIRM_S 3600
#define LONGEST_S (24 * 3600)

const struct wb_name wb_guard_words[] = {
	{"off", WB_GUARD_OFF},
	{"auto", WB_GUARD_AUTO},
	{"require", WB_GUARD_REQUIRE},
	{},
};

const struct wb_name wb_fallback_words[] = {{"auto", true}, {"off", false}, {}};
const struct wb_name wb_confirm_words[] = {{"auto", false}, {"manual", true}, {}};

struct place {
	const char *where;
	size_t line;
};

static int set_word(const struct place *at, const char *key, const struct wb_name *words,
	const char *value, int *ret, struct wb_error *err)
{
	char all[96] = "";

	if (wb_name_read(words, value, ret))
		return 0;
	for (const struct wb_name *w = words; w->name; w++) {
		strncat(all, w->name, sizeof(all) - strlen(all) - 1);
		if (w[1].name)
			strncat(all, w[2].name ? ", " : " or ", sizeof(all) - strlen(all) - 1);
	}
	return wb_fail(err, -EBADMSG, "%s, line %zu: %s= is %s, not \"%s\"", at->where, at->line,
		key, all, value);
}

static int set_seconds(const struct place *at, const char *key, const char *value, int64_t *ret,
	struct wb_error *err)
{
	uint64_t n;

	if (!wb_span_number((struct wb_span){value, strlen(value)}, 10, &n) || !n || n > LONGEST_S)
		return wb_fail(err, -EBADMSG,
			"%s, line %zu: %s= takes seconds from 1 to %d, not \"%s\"", at->where,
			at->line, key, LONGEST_S, value);
	*ret = (int64_t)n;
	return 0;
}

static int set_value(const struct place *at, const char *key, const char *value,
	struct wb_guard_config *c, struct wb_error *err)
{
	int word = 0, r;

	if (!strcmp(key, "Guard")) {
		r = set_word(at, key, wb_guard_words, value, &word, err);
		c->guard = (enum wb_guarding)word;
	} else if (!strcmp(key, "Fallback")) {
		r = set_word(at, key, wb_fallback_words, value, &word, err);
		c->fallback = word;
	} else if (!strcmp(key, "Confirm")) {
		r = set_word(at, key, wb_confirm_words, value, &word, err);
		c->manual = word;
	} else if (!strcmp(key, "OnBad")) {
		r = set_word(at, key, wb_trial_actions, value, &word, err);
		c->action = (enum wb_trial_action)word;
	} else if (!strcmp(key, "Deadline")) {
		r = set_seconds(at, key, value, &c->deadline_s, err);
	} else if (!strcmp(key, "Watchdog")) {
		r = set_seconds(at, key, value, &c->watchdog_s, err);
	} else if (!strcmp(key, "ConfirmDeadline")) {
		r = set_seconds(at, key, value, &c->confirm_s, err);
	} else {
		r = wb_fail(err, -EBADMSG, "%s, line %zu: there is no setting \"%s\"", at->where,
			at->line, key);
	}
	return r;
}

static struct wb_span stripped(struct wb_span s)
{
	while (s.n && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t' || s.s[s.n - 1] == '\r'))
		s.n--;
	while (s.n && (*s.s == ' ' || *s.s == '\t')) {
		s.s++;
		s.n--;
	}
	return s;
}

static int read_line(const struct place *at, struct wb_span line, struct wb_guard_config *c,
	struct wb_error *err)
{
	WB_CLEAN_STR key = NULL;
	WB_CLEAN_STR value = NULL;
	struct wb_span before, after;

	line = stripped(line);
	if (!line.n || *line.s == '#' || *line.s == ';')
		return 0;
	if (memchr(line.s, '\0', line.n) || !wb_span_split(line, '=', &before, &after))
		return wb_fail(
			err, -EBADMSG, "%s, line %zu: it has no KEY=VALUE", at->where, at->line);
	key = wb_span_copy(stripped(before));
	value = wb_span_copy(stripped(after));
	if (!key || !value)
		return wb_oom(err);
	wb_make_plain(key);
	wb_make_plain(value);
	return set_value(at, key, value, c, err);
}

int wb_guard_config_parse(
	struct wb_bytes text, const char *where, struct wb_guard_config *ret, struct wb_error *err)
{
	struct wb_guard_config c = {
		.fallback = true, .deadline_s = DEADLINE_S, .confirm_s = CONFIRM_S};
	WB_CLEAN_STR copy = text.size ? strndup((const char *)text.data, text.size) : strdup("");
	struct place at = {.where = where};
	const char *rest = copy;
	struct wb_span line;
	int r = copy ? 0 : wb_oom(err);

	if (copy && strlen(copy) != text.size)
		return wb_fail(err, -EBADMSG, "%s: it is no text", where);
	while (r == 0 && wb_take_line(&rest, &line)) {
		at.line++;
		r = read_line(&at, line, &c, err);
	}
	if (r == 0)
		*ret = c;
	return r;
}

int wb_guard_config_read(
	const struct wb_files *files, struct wb_guard_config *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct wb_error local = {};
	int r = files->read(files->ctx, WB_GUARD_CONFIG, WB_TEXT_LIMIT, &text, &local);

	if (r < 0 && r != -ENOENT)
		return wb_fail(err, r, "%s", local.text);
	return wb_guard_config_parse(wb_blob_view(&text), WB_GUARD_CONFIG, ret, err);
}
