// SPDX-License-Identifier: LGPL-2.1-or-later
/* Counting a jump in the own ledger, removing a pair from it, and a person's note to one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "guard/pairs-save.h"

/* The number of this machine's ledger, which it gets when it is first written. */
static int find_origin(
	const struct wb_sys *sys, struct wb_pairs *own, char **ret, struct wb_error *err)
{
	struct wb_pairs_line *l = NULL;
	uint8_t number[8];
	char hex[17];
	int r;

	for (size_t i = 0; i < own->n && !l; i++)
		if (own->items[i].kind == WB_PAIRS_LEDGER)
			l = &own->items[i];
	if (!l) {
		r = sys->random(sys->ctx, number, sizeof(number));
		if (r < 0)
			return wb_fail(err, r, "there are no random numbers: %s", strerror(-r));
		wb_hex_write(number, sizeof(number), hex);
		l = wb_pairs_new_line(own, WB_PAIRS_LEDGER);
		if (!l)
			return wb_oom(err);
		l->ledger.origin = strdup(hex);
	}
	*ret = l->ledger.origin ? strdup(l->ledger.origin) : NULL;
	return *ret ? 0 : wb_oom(err);
}

/* A sentence that is allowed in the ledger; "" for none. */
static void make_sentence(const char *text, char ret[WB_PAIRS_SENTENCE + 1])
{
	snprintf(ret, WB_PAIRS_SENTENCE + 1, "%s", text ? text : "");
	wb_make_plain(ret);
}

static int add_outcome(struct wb_pairs *own, const struct wb_pair_outcome *o, char *origin,
	int64_t now, struct wb_error *err)
{
	char cause[WB_PAIRS_SENTENCE + 1];
	struct wb_pair p = {.from = (char *)o->from,
		.to = (char *)o->to,
		.from_name = (char *)o->from_name,
		.to_name = (char *)o->to_name,
		.method = (char *)o->method,
		.class = (char *)o->class,
		.origin = origin,
		.verdict = (int)o->verdict,
		.phase = (int)o->phase,
		.cause = cause,
		.warmboot = (char *)o->warmboot,
		.count = 1,
		.first = now,
		.last = now,
		.durations = {(struct wb_pair_duration *)o->durations, o->n_durations}};

	make_sentence(o->cause, cause);
	p.cause = *cause ? cause : NULL;
	return wb_pairs_add(own, &p, err);
}

/* The index of the line that counts this pair now. */
static size_t merge_last(struct wb_pairs *own)
{
	struct wb_pairs_line *new = &own->items[own->n - 1], *old = wb_pairs_find(own, new->id);

	if (old == new)
		return own->n - 1;
	new->pair.count = old->pair.count + 1;
	/* This jump is the last one, whatever the clock says. */
	if (new->pair.last < old->pair.last)
		new->pair.last = old->pair.last;
	wb_pairs_merge(old, new);
	wb_pairs_remove(own, own->n - 1);
	return (size_t)(old - own->items);
}

int wb_pairs_note(const struct wb_sys *sys, const struct wb_pair_outcome *o, struct wb_error *err)
{
	WB_CLEAN_PAIRS own = {};
	WB_CLEAN_STR origin = NULL;
	size_t at;
	int r;

	if (!o->from || !o->to || !o->method || !o->class)
		return wb_fail(err, -EINVAL,
			"a jump whose kernels, method or machine class are not known cannot be "
			"counted");
	if (o->machine && strcmp(o->machine->hash, o->class))
		return wb_fail(err, -EINVAL, "the plain machine class is not that of the jump");
	r = wb_pairs_read_own(sys->files, &own, err);
	if (r == 0)
		r = find_origin(sys, &own, &origin, err);
	if (r == 0)
		r = add_outcome(
			&own, o, origin, (int64_t)(sys->wall_ns(sys->ctx) / 1000000000), err);
	if (r < 0)
		return r;
	at = merge_last(&own);
	if (o->machine && wb_pairs_add_machine(&own, o->machine) < 0)
		return wb_oom(err);
	return wb_pairs_save(sys, &own, at, err);
}

/* ---- by a person ---- */

/* Say where a pair is that the own ledger does not have. */
static int tell_where(const struct wb_sys *sys, const char *id, struct wb_error *err)
{
	WB_CLEAN_PAIRS all = {};
	const struct wb_pairs_line *l;
	int r = wb_pairs_read(sys->files, &all, err);

	if (r < 0)
		return r;
	l = wb_pairs_find(&all, id);
	if (l)
		return wb_fail(err, -ENOENT, "the pair %s is in %s, line %zu: change it there", id,
			l->path, l->number);
	return wb_fail(
		err, -ENOENT, "no pair has the id \"%s\"; \"warmboot pairs\" lists them", id);
}

int wb_pairs_forget(const struct wb_sys *sys, const char *id, struct wb_error *err)
{
	WB_CLEAN_PAIRS own = {};
	const struct wb_pairs_line *l;
	bool any = false;
	int r = wb_pairs_read_own(sys->files, &own, err);

	if (r < 0)
		return r;
	for (; (l = wb_pairs_find(&own, id)); any = true)
		wb_pairs_remove(&own, (size_t)(l - own.items));
	return any ? wb_pairs_save(sys, &own, SIZE_MAX, err) : tell_where(sys, id, err);
}

int wb_pairs_annotate(
	const struct wb_sys *sys, const char *id, const char *note, struct wb_error *err)
{
	WB_CLEAN_PAIRS own = {};
	struct wb_pairs_line *l;
	int r;

	if (strlen(note) > WB_PAIRS_SENTENCE || !wb_is_plain(note))
		return wb_fail(err, -EINVAL,
			"a note is text without control characters, of %d bytes at most",
			WB_PAIRS_SENTENCE);
	r = wb_pairs_read_own(sys->files, &own, err);
	if (r < 0)
		return r;
	l = wb_pairs_find(&own, id);
	if (!l)
		return tell_where(sys, id, err);
	wb_text_replace(&l->pair.note, *note ? note : NULL);
	if (*note && !l->pair.note)
		return wb_oom(err);
	l->changed = true;
	return wb_pairs_save(sys, &own, (size_t)(l - own.items), err);
}
