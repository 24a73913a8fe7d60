// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writing the own ledger within its room. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "guard/pairs-save.h"

struct wb_pairs_line *wb_pairs_find(const struct wb_pairs *pairs, const char *id)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->items[i].kind == WB_PAIRS_PAIR && !strcmp(pairs->items[i].id, id))
			return &pairs->items[i];
	return NULL;
}

struct wb_pairs_line *wb_pairs_new_line(struct wb_pairs *pairs, enum wb_pairs_kind kind)
{
	struct wb_pairs_line *l = wb_list_add(pairs, sizeof(*l));

	if (!l)
		return NULL;
	l->source = WB_PAIRS_FROM_OWN;
	l->path = strdup(WB_PAIRS_OWN);
	/* Without a path it stays an empty comment. */
	l->kind = l->path ? kind : WB_PAIRS_COMMENT;
	return l->path ? l : NULL;
}

void wb_pairs_remove(struct wb_pairs *pairs, size_t at)
{
	wb_pairs_line_deinit(&pairs->items[at]);
	memmove(&pairs->items[at], &pairs->items[at + 1],
		(pairs->n - at - 1) * sizeof(*pairs->items));
	pairs->n--;
}

/* Move a string that is known to where it is wanted. */
static void take_string(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = *from;
	*from = NULL;
}

bool wb_pairs_merge(struct wb_pairs_line *to, struct wb_pairs_line *from)
{
	struct wb_pair *a = &to->pair, *b = &from->pair;
	bool news = b->count > a->count || b->last > a->last;
	bool earlier = b->first && (!a->first || b->first < a->first);
	bool note = b->note && !a->note;

	if (news && b->last >= a->last) {
		take_string(&a->cause, &b->cause);
		take_string(&a->warmboot, &b->warmboot);
		take_string(&a->from_name, &b->from_name);
		take_string(&a->to_name, &b->to_name);
		if (b->durations.n) {
			free(a->durations.items);
			memcpy(&a->durations, &b->durations, sizeof(a->durations));
			memset(&b->durations, 0, sizeof(b->durations));
		}
	}
	if (note)
		take_string(&a->note, &b->note);
	a->count = b->count > a->count ? b->count : a->count;
	a->first = earlier ? b->first : a->first;
	a->last = b->last > a->last ? b->last : a->last;
	to->changed |= news || earlier || note;
	return news || earlier || note;
}

static int copy_class(const struct wb_machine_class *from, struct wb_machine_class *to)
{
	json_t *json = wb_json_write(wb_machine_class_fields, from);
	int r = json ? wb_json_read(json, wb_machine_class_fields, "class", to, NULL) : -ENOMEM;

	json_decref(json);
	return r == 0 ? wb_machine_class_seal(to) : r;
}

int wb_pairs_add_machine(struct wb_pairs *pairs, const struct wb_machine_class *plain)
{
	struct wb_pairs_line *l;
	int r;

	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->items[i].kind == WB_PAIRS_MACHINE &&
			!strcmp(pairs->items[i].machine.class, plain->hash))
			return 0;
	l = wb_pairs_new_line(pairs, WB_PAIRS_MACHINE);
	if (!l)
		return -ENOMEM;
	r = copy_class(plain, &l->machine.plain);
	l->machine.class = r == 0 ? strdup(l->machine.plain.hash) : NULL;
	if (l->machine.class)
		return 1;
	wb_pairs_line_deinit(l);
	pairs->n--;
	/* A machine with a longer description goes without one. */
	return r == -EBADMSG ? 0 : -ENOMEM;
}

int64_t wb_pairs_line_size(const struct wb_pairs_line *line)
{
	WB_CLEAN_BLOB text = {};
	int r = wb_pairs_append(line, false, &text);

	return r < 0 ? r : (int64_t)text.size;
}

int64_t wb_pairs_size(const struct wb_pairs *pairs)
{
	int64_t all = 0;

	for (size_t i = 0; i < pairs->n; i++) {
		int64_t one = wb_pairs_line_size(&pairs->items[i]);

		if (one < 0)
			return one;
		all += one;
	}
	return all;
}

/* ---- room ---- */

bool wb_pairs_has_class(const struct wb_pairs *pairs, const char *class)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->items[i].kind == WB_PAIRS_PAIR &&
			!strcmp(pairs->items[i].pair.class, class))
			return true;
	return false;
}

/* The oldest pair with this verdict. false: there is none. */
static bool find_oldest(const struct wb_pairs *pairs, int verdict, size_t kept, size_t *ret)
{
	bool any = false;

	for (size_t i = 0; i < pairs->n; i++) {
		const struct wb_pairs_line *l = &pairs->items[i];

		if (l->kind != WB_PAIRS_PAIR || l->pair.verdict != verdict || i == kept ||
			(any && l->pair.last >= pairs->items[*ret].pair.last))
			continue;
		*ret = i;
		any = true;
	}
	return any;
}

/* The line that counts merged pairs. NULL: out of memory. */
static struct wb_pairs_line *older_line(struct wb_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->items[i].kind == WB_PAIRS_OLDER)
			return &pairs->items[i];
	return wb_pairs_new_line(pairs, WB_PAIRS_OLDER);
}

/* Forget the classes that no pair is of. */
static void remove_unused_classes(struct wb_pairs *pairs, size_t *kept)
{
	for (size_t i = pairs->n; i > 0; i--) {
		const struct wb_pairs_line *l = &pairs->items[i - 1];

		if (l->kind != WB_PAIRS_MACHINE || wb_pairs_has_class(pairs, l->machine.class))
			continue;
		wb_pairs_remove(pairs, i - 1);
		*kept -= *kept != SIZE_MAX && *kept > i - 1;
	}
}

/* Merge one pair. The bytes that it had; -ENOENT: there is none; -ENOMEM. */
static int64_t merge_one(struct wb_pairs *pairs, size_t *kept)
{
	struct wb_pairs_line *older;
	int64_t size;
	size_t at;

	if (!find_oldest(pairs, WB_PAIR_GOOD, *kept, &at) &&
		!find_oldest(pairs, WB_PAIR_DEGRADED, *kept, &at))
		return -ENOENT;
	older = older_line(pairs);
	size = older ? wb_pairs_line_size(&pairs->items[at]) : -ENOMEM;
	if (size < 0)
		return size;
	older->changed = true;
	older->older.pairs++;
	older->older.jumps += pairs->items[at].pair.count;
	wb_pairs_remove(pairs, at);
	*kept -= *kept != SIZE_MAX && *kept > at;
	return size;
}

/* Sizes of lines are added up again only when as many are merged as seem to be needed. */
static int make_room(struct wb_pairs *pairs, size_t kept, struct wb_error *err)
{
	for (;;) {
		int64_t size = wb_pairs_size(pairs), one = size;

		if (size >= 0 && size <= WB_PAIRS_ROOM)
			return 0;
		for (int64_t left = size; one >= 0 && left > WB_PAIRS_ROOM; left -= one)
			one = merge_one(pairs, &kept);
		if (one == -ENOENT)
			return wb_fail(err, -ENOSPC,
				WB_PAIRS_OWN " would have %" PRId64
					     " bytes, and %u is its limit: it has bad pairs and "
					     "lines that are not understood; forget some "
					     "(\"warmboot pairs\")",
				size, WB_PAIRS_ROOM);
		if (one < 0)
			return wb_oom(err);
		remove_unused_classes(pairs, &kept);
	}
}

int wb_pairs_save(
	const struct wb_sys *sys, struct wb_pairs *pairs, size_t kept, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	int r = make_room(pairs, kept, err);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < pairs->n; i++)
		r = wb_pairs_append(&pairs->items[i], false, &text);
	if (r < 0)
		return wb_oom(err);
	r = sys->write_file(sys->ctx, WB_PAIRS_OWN, wb_blob_view(&text), 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write " WB_PAIRS_OWN ": %s", strerror(-r));
	return 0;
}
