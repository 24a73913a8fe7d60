// SPDX-License-Identifier: LGPL-2.1-or-later
/* Two checkpoints of one unit as one: one list of pages, and pages from both. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json-table.h"
#include "images/merge.h"
#include "images/protobuf.h"

/* criu/include/magic.h, images/pagemap.proto, criu/include/pagemap.h */
#define IMG_COMMON_MAGIC 0x54564319
#define PAGEMAP_MAGIC 0x56084025
#define HEAD_PAGES_ID 1
#define ENTRY_VADDR 1
#define ENTRY_NR_PAGES 2
#define ENTRY_IN_PARENT 3
#define ENTRY_FLAGS 4
#define PE_PARENT (1 << 0)
#define PE_PRESENT (1 << 2)

struct entry {
	uint64_t vaddr, n;
	uint64_t flags;
	uint64_t page; /* place of its first page in the file, if the pages are present */
};

struct pagemap {
	uint32_t pages_id;
	WB_LIST(struct entry) entries;
};

/* ---- pagemaps ---- */

static int next_message(struct wb_bytes file, uint64_t *off, struct wb_bytes *ret)
{
	uint32_t n;

	if (*off == file.size)
		return 0;
	if (!wb_get_le32(file, *off, &n) || !wb_bytes_sub(file, *off + 4, n, ret))
		return -EBADMSG;
	*off += 4 + (uint64_t)n;
	return 1;
}

static int parse_entry(struct wb_bytes message, struct entry *ret)
{
	struct wb_pb_field f;
	struct entry e = {};

	if (wb_pb_find(message, ENTRY_VADDR, WB_PB_VARINT, &f) < 0)
		return -EBADMSG;
	e.vaddr = f.value;
	if (wb_pb_find(message, ENTRY_NR_PAGES, WB_PB_VARINT, &f) < 0 || f.value > UINT32_MAX)
		return -EBADMSG;
	e.n = f.value;
	/* An image from before there were flags says only whether the pages are in the parent. */
	if (wb_pb_find(message, ENTRY_FLAGS, WB_PB_VARINT, &f) == 0)
		e.flags = f.value;
	else if (wb_pb_find(message, ENTRY_IN_PARENT, WB_PB_VARINT, &f) == 0 && f.value)
		e.flags = PE_PARENT;
	else
		e.flags = PE_PRESENT;
	*ret = e;
	return 0;
}

static int parse_pagemap(struct wb_bytes file, struct pagemap *p)
{
	struct wb_pb_field id;
	struct wb_bytes message;
	uint32_t first, second;
	uint64_t off = 8, page = 0;
	int r;

	if (!wb_get_le32(file, 0, &first) || !wb_get_le32(file, 4, &second) ||
		first != IMG_COMMON_MAGIC || second != PAGEMAP_MAGIC ||
		next_message(file, &off, &message) != 1 ||
		wb_pb_find(message, HEAD_PAGES_ID, WB_PB_VARINT, &id) < 0 || id.value > UINT32_MAX)
		return -EBADMSG;
	p->pages_id = (uint32_t)id.value;
	while ((r = next_message(file, &off, &message)) > 0) {
		struct entry *e = wb_list_add(&p->entries, sizeof(*e));

		if (!e)
			return -ENOMEM;
		r = parse_entry(message, e);
		if (r < 0)
			return r;
		e->page = page;
		if (e->flags & PE_PRESENT)
			page += e->n;
	}
	return r;
}

static int put_message(struct wb_blob *out, const struct wb_pb_field *fields, size_t n)
{
	WB_CLEAN_BLOB message = {};
	uint8_t length[4];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = wb_pb_put(&message, &fields[i]);
	for (int i = 0; i < 4; i++)
		length[i] = (uint8_t)(message.size >> (8 * i));
	if (r == 0)
		r = wb_blob_append(out, length, sizeof(length));
	if (r == 0)
		r = wb_blob_append(out, message.data, message.size);
	return r;
}

static int put_entry(struct wb_blob *out, uint64_t vaddr, uint64_t n, uint64_t flags)
{
	const struct wb_pb_field fields[] = {
		{.number = ENTRY_VADDR, .wire = WB_PB_VARINT, .value = vaddr},
		{.number = ENTRY_NR_PAGES, .wire = WB_PB_VARINT, .value = n},
		{.number = ENTRY_FLAGS, .wire = WB_PB_VARINT, .value = flags},
	};

	return put_message(out, fields, 3);
}

/* ---- the plan ---- */

struct merging {
	const struct pagemap *before;
	size_t at;      /* entry of `before` that comes next; it only grows */
	uint64_t taken; /* pages of `before` up to here are done */
	struct wb_blob out;
	WB_LIST(struct wb_merge_run) runs;
};

static int add_run(struct merging *m, bool before, uint64_t page, uint64_t n)
{
	struct wb_merge_run *r = m->runs.n ? &m->runs.items[m->runs.n - 1] : NULL;

	if (r && r->before == before && r->page + r->n == page) {
		r->n += n;
		return 0;
	}
	r = wb_list_add(&m->runs, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct wb_merge_run){before, page, n};
	return 0;
}

/*
 * Take pages that the last checkpoint has from the first one, possibly from several entries there.
 */
static int take_before(struct merging *m, uint64_t vaddr, uint64_t n, uint64_t page_size)
{
	int r = 0;

	while (r == 0 && n) {
		const struct entry *e;
		uint64_t skip, take;

		if (m->at == m->before->entries.n)
			return -EBADMSG;
		e = &m->before->entries.items[m->at];
		if (vaddr < e->vaddr)
			return -EBADMSG;
		skip = (vaddr - e->vaddr) / page_size;
		if (skip >= e->n) {
			m->at++;
			continue;
		}
		/* The first checkpoint has no parent in which the pages could be. */
		if (!(e->flags & PE_PRESENT) || e->page + skip < m->taken)
			return -EBADMSG;
		take = e->n - skip < n ? e->n - skip : n;
		m->taken = e->page + skip + take;
		r = add_run(m, true, e->page + skip, take);
		vaddr += take * page_size;
		n -= take;
	}
	return r;
}

static int merge_entries(struct merging *m, const struct pagemap *last, uint64_t page_size)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < last->entries.n; i++) {
		const struct entry *e = &last->entries.items[i];
		uint64_t flags = e->flags;

		/* No task can have a range that wraps around. */
		if (e->n > (UINT64_MAX - e->vaddr) / page_size)
			return -EBADMSG;
		if (flags & PE_PARENT) {
			r = take_before(m, e->vaddr, e->n, page_size);
			flags = (flags & ~(uint64_t)PE_PARENT) | PE_PRESENT;
		} else if (flags & PE_PRESENT) {
			r = add_run(m, false, e->page, e->n);
		}
		if (r == 0)
			r = put_entry(&m->out, e->vaddr, e->n, flags);
	}
	return r;
}

static int put_head(struct wb_blob *out, uint32_t pages_id)
{
	static const uint8_t magic[] = {0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56};
	const struct wb_pb_field id = {
		.number = HEAD_PAGES_ID, .wire = WB_PB_VARINT, .value = pages_id};
	int r = wb_blob_append(out, magic, sizeof(magic));

	return r < 0 ? r : put_message(out, &id, 1);
}

void wb_merge_plan_deinit(struct wb_merge_plan *plan)
{
	free(plan->runs);
	*plan = (struct wb_merge_plan){};
}

int wb_merge_pagemaps(struct wb_bytes last_file, struct wb_bytes before_file,
	struct wb_blob *ret_pagemap, struct wb_merge_plan *ret_plan)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct pagemap last = {}, before = {};
	struct merging m = {.before = &before};
	int r = parse_pagemap(last_file, &last);

	if (r == 0 && before_file.size)
		r = parse_pagemap(before_file, &before);
	if (r == 0)
		r = put_head(&m.out, last.pages_id);
	if (r == 0)
		r = merge_entries(&m, &last, page_size);
	if (r == 0) {
		*ret_pagemap = wb_blob_take(&m.out);
		*ret_plan = (struct wb_merge_plan){
			last.pages_id, before.pages_id, m.runs.items, m.runs.n};
		m.runs.items = NULL;
	}
	free(last.entries.items);
	free(before.entries.items);
	free(m.runs.items);
	wb_blob_deinit(&m.out);
	return r;
}

/* ---- the source ---- */

struct wb_merge {
	const struct wb_stream_source *source;
	/* CRIU asks for the pages after it has read their list. */
	WB_LIST(struct wb_merge_plan) plans;
};

/* One of the two files of pages, which is read in order. */
struct reader {
	void *image;           /* NULL: not opened */
	struct wb_bytes piece; /* bytes that are not taken yet */
	uint64_t at;           /* offset of `piece` in the file */
};

enum kind { PLAIN, BLOB, PAGES };

struct merged {
	enum kind kind;
	void *image;         /* PLAIN */
	struct wb_blob blob; /* BLOB */
	bool given;
	struct wb_merge_plan
		plan; /* PAGES: a copy, as the list of plans may move; `runs` is the list's */
	struct reader readers[2]; /* last, before */
	size_t run;
	uint64_t
		done; /* bytes of the current run that are done: a piece need not end with a page */
};

int wb_merge_new(const struct wb_stream_source *source, struct wb_merge **ret)
{
	struct wb_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->source = source;
	*ret = m;
	return 0;
}

void wb_merge_free(struct wb_merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->plans.n; i++)
		wb_merge_plan_deinit(&m->plans.items[i]);
	free(m->plans.items);
	free(m);
}

static int open_pagemap(
	struct wb_merge *m, const char *name, struct merged *image, struct wb_error *err)
{
	WB_CLEAN_BLOB last = {}, before = {};
	struct wb_merge_plan *plan;
	char other[300];
	int r = wb_stream_read(m->source, name, &last, err);

	if (r < 0)
		return r;
	snprintf(other, sizeof(other), WB_MERGE_BEFORE "%s", name);
	r = wb_stream_read(m->source, other, &before, err);
	if (r < 0 && r != -ENOENT)
		return r;
	plan = wb_list_add(&m->plans, sizeof(*plan));
	if (!plan)
		return wb_oom(err);
	r = wb_merge_pagemaps(wb_blob_view(&last), wb_blob_view(&before), &image->blob, plan);
	if (r < 0) {
		m->plans.n--;
		return wb_fail(
			err, r, "the image %s and that of the checkpoint before do not fit", name);
	}
	image->kind = BLOB;
	return 0;
}

static const struct wb_merge_plan *find_plan(const struct wb_merge *m, const char *name)
{
	for (size_t i = 0; i < m->plans.n; i++) {
		char pages[64];

		snprintf(pages, sizeof(pages), "pages-%u.img", m->plans.items[i].pages);
		if (!strcmp(name, pages))
			return &m->plans.items[i];
	}
	return NULL;
}

static void close_pages(struct wb_merge *m, struct merged *image)
{
	for (int i = 0; i < 2; i++)
		if (image->readers[i].image)
			m->source->close(m->source->ctx, image->readers[i].image);
}

static int open_pages(struct wb_merge *m, const char *name, struct merged *image,
	const struct wb_merge_plan *plan, struct wb_error *err)
{
	bool needed[2] = {};
	int r = 0;

	for (size_t i = 0; i < plan->n; i++)
		needed[plan->runs[i].before] = true;
	if (needed[0])
		r = m->source->open(m->source->ctx, name, &image->readers[0].image, err);
	if (r == 0 && needed[1]) {
		char other[64];

		snprintf(other, sizeof(other), WB_MERGE_BEFORE "pages-%u.img", plan->pages_before);
		r = m->source->open(m->source->ctx, other, &image->readers[1].image, err);
	}
	/* The image was promised, so its absence is an error and not an answer for CRIU. */
	if (r == -ENOENT)
		r = wb_fail(err, -EBADMSG, "the pages of %s are missing", name);
	if (r < 0) {
		close_pages(m, image);
		return r;
	}
	image->kind = PAGES;
	image->plan = *plan;
	return 0;
}

static int merge_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct wb_merge *m = ctx;
	struct merged *image = calloc(1, sizeof(*image));
	const struct wb_merge_plan *plan = find_plan(m, name);
	int r;

	if (!image)
		return wb_oom(err);
	if (plan)
		r = open_pages(m, name, image, plan, err);
	else if (!strncmp(name, "pagemap-", 8))
		r = open_pagemap(m, name, image, err);
	else
		r = m->source->open(m->source->ctx, name, &image->image, err);
	if (r < 0) {
		free(image);
		return r;
	}
	*ret = image;
	return 0;
}

/* Read up to `n` bytes at offset `off`, which is not before the last read. */
static bool read_at(
	struct wb_merge *m, struct reader *r, uint64_t off, uint64_t n, struct wb_bytes *ret)
{
	while (r->at + r->piece.size <= off) {
		r->at += r->piece.size;
		r->piece = (struct wb_bytes){};
		if (!m->source->next(m->source->ctx, r->image, &r->piece))
			return false;
	}
	ret->data = r->piece.data + (off - r->at);
	ret->size = r->piece.size - (off - r->at);
	if (ret->size > n)
		ret->size = n;
	return true;
}

static bool next_pages(struct wb_merge *m, struct merged *image, struct wb_bytes *ret)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);

	while (image->run < image->plan.n) {
		const struct wb_merge_run *run = &image->plan.runs[image->run];
		struct reader *r = &image->readers[run->before];

		if (image->done < run->n * page_size) {
			if (!read_at(m, r, run->page * page_size + image->done,
				    run->n * page_size - image->done, ret))
				return false;
			image->done += ret->size;
			return true;
		}
		image->run++;
		image->done = 0;
	}
	return false;
}

static bool merge_next(void *ctx, void *from, struct wb_bytes *ret)
{
	struct wb_merge *m = ctx;
	struct merged *image = from;

	switch (image->kind) {
	case PLAIN:
		return m->source->next(m->source->ctx, image->image, ret);
	case PAGES:
		return next_pages(m, image, ret);
	case BLOB:
		break;
	}
	if (image->given)
		return false;
	image->given = true;
	*ret = wb_blob_view(&image->blob);
	return true;
}

static void merge_close(void *ctx, void *from)
{
	struct wb_merge *m = ctx;
	struct merged *image = from;

	if (image->kind == PLAIN)
		m->source->close(m->source->ctx, image->image);
	close_pages(m, image);
	wb_blob_deinit(&image->blob);
	free(image);
}

struct wb_stream_source wb_merge_source(struct wb_merge *merge)
{
	return (struct wb_stream_source){merge, merge_open, merge_next, merge_close};
}
