// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ledger among machines: export, and the merge of another one's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard/pairs-save.h"

int wb_pairs_export(
	const struct wb_files *files, bool plain, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_PAIRS own = {};
	int r = wb_pairs_read_own(files, &own, err);

	for (size_t i = 0; r == 0 && i < own.n; i++) {
		const struct wb_pairs_line *l = &own.items[i];

		if (l->kind == WB_PAIRS_PAIR || (plain && l->kind == WB_PAIRS_MACHINE))
			r = wb_pairs_append(l, !plain, ret) < 0 ? wb_oom(err) : 0;
	}
	return r;
}

/* ---- import ---- */

/* The own ledger while it grows, its size, and what was done. */
struct merging {
	struct wb_pairs own;
	int64_t size;
	struct wb_pairs_taken taken;
};

static int refuse_damaged(const struct wb_pairs *in, struct wb_error *err)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->items[i].kind == WB_PAIRS_DAMAGED)
			return wb_fail(err, -EBADMSG, "%s; nothing was taken", in->items[i].why);
	return 0;
}

/* Move a line to the end of the own ledger, with all that stands in it. */
static int move_line(struct merging *m, struct wb_pairs_line *from)
{
	struct wb_pairs_line *to = wb_pairs_new_line(&m->own, from->kind);
	char *path;

	if (!to)
		return -ENOMEM;
	path = to->path;
	*to = *from;
	*from = (struct wb_pairs_line){.path = to->path};
	to->path = path;
	to->source = WB_PAIRS_FROM_OWN;
	to->number = 0;
	return 0;
}

static int take_pair(struct merging *m, struct wb_pairs_line *l)
{
	struct wb_pairs_line *old = wb_pairs_find(&m->own, l->id);
	int64_t size;
	int r;

	if (old) {
		*(wb_pairs_merge(old, l) ? &m->taken.raised : &m->taken.known) += 1;
		return 0;
	}
	size = wb_pairs_line_size(l);
	if (size < 0)
		return (int)size;
	/* Nothing that is known is given up for news that all is well. */
	if (l->pair.verdict == WB_PAIR_GOOD && m->size + size > WB_PAIRS_ROOM) {
		m->taken.left++;
		return 0;
	}
	r = move_line(m, l);
	m->size += r == 0 ? size : 0;
	m->taken.added += r == 0;
	return r;
}

static int take_machine(struct merging *m, const struct wb_pairs_line *l)
{
	int64_t size = wb_pairs_line_size(l);
	int r;

	if (size < 0)
		return (int)size;
	if (m->size + size > WB_PAIRS_ROOM || !wb_pairs_has_class(&m->own, l->machine.class))
		return 0;
	r = wb_pairs_add_machine(&m->own, &l->machine.plain);
	m->size += r > 0 ? size : 0;
	m->taken.machines += r > 0;
	return r < 0 ? r : 0;
}

/* Bad pairs have the first choice of the room. */
static int take_all(struct merging *m, struct wb_pairs *in)
{
	int r = 0;

	for (int verdict = WB_PAIR_BAD; r == 0 && verdict >= WB_PAIR_GOOD; verdict--)
		for (size_t i = 0; r == 0 && i < in->n; i++)
			if (in->items[i].kind == WB_PAIRS_PAIR &&
				in->items[i].pair.verdict == verdict)
				r = take_pair(m, &in->items[i]);
	for (size_t i = 0; r == 0 && i < in->n; i++)
		if (in->items[i].kind == WB_PAIRS_MACHINE)
			r = take_machine(m, &in->items[i]);
	return r;
}

static int merge(
	const struct wb_sys *sys, struct merging *m, struct wb_pairs *in, struct wb_error *err)
{
	int r = wb_pairs_read_own(sys->files, &m->own, err);

	if (r < 0)
		return r;
	m->size = wb_pairs_size(&m->own);
	if (m->size < 0 || take_all(m, in) < 0)
		return wb_oom(err);
	if (!m->taken.added && !m->taken.raised && !m->taken.machines)
		return 0;
	return wb_pairs_save(sys, &m->own, SIZE_MAX, err);
}

int wb_pairs_import(const struct wb_sys *sys, struct wb_bytes text, const char *path,
	struct wb_pairs_taken *ret, struct wb_error *err)
{
	WB_CLEAN_PAIRS in = {};
	struct merging m = {};
	int r = wb_pairs_parse(text, path, WB_PAIRS_FROM_IMPORT, &in, err);

	if (r == 0)
		r = refuse_damaged(&in, err);
	if (r == 0)
		r = merge(sys, &m, &in, err);
	wb_pairs_deinit(&m.own);
	if (r == 0)
		*ret = m.taken;
	return r;
}
