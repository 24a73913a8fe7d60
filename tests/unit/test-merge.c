// SPDX-License-Identifier: LGPL-2.1-or-later
/* images/merge.c: two checkpoints read as one. */
#define _GNU_SOURCE
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "images/merge.h"
#include "images/protobuf.h"

#define PARENT 1
#define PRESENT 4
#define PAGE 4096

struct range {
	uint64_t vaddr;
	uint32_t n;
	int flags; /* -1: as old images have it, without flags and present */
};

static void put(struct wb_blob *out, const struct wb_pb_field *f, size_t n)
{
	WB_CLEAN_BLOB m = {};
	uint8_t len[4];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(wb_pb_put(&m, &f[i]), 0);
	for (int i = 0; i < 4; i++)
		len[i] = (uint8_t)(m.size >> (8 * i));
	assert_int_equal(wb_blob_append(out, len, 4), 0);
	assert_int_equal(wb_blob_append(out, m.data, m.size), 0);
}

static struct wb_blob pagemap(uint32_t id, const struct range *r, size_t n)
{
	struct wb_pb_field head = {.number = 1, .value = id};
	struct wb_blob out = {};

	assert_int_equal(wb_blob_append(&out, "\x19\x43\x56\x54\x25\x40\x08\x56", 8), 0);
	put(&out, &head, 1);
	for (size_t i = 0; i < n; i++) {
		struct wb_pb_field f[] = {{.number = 1, .value = r[i].vaddr},
			{.number = 2, .value = r[i].n},
			{.number = 4, .value = (uint64_t)r[i].flags}};

		put(&out, f, r[i].flags < 0 ? 2 : 3);
	}
	return out;
}

/* A list of ranges after merging. */
static void assert_pagemap(const struct wb_blob *got, uint32_t id, const struct range *r, size_t n)
{
	struct wb_blob want = pagemap(id, r, n);

	assert_int_equal(got->size, want.size);
	assert_memory_equal(got->data, want.data, want.size);
	wb_blob_deinit(&want);
}

static void takes_pages_from_both(void **state)
{
	static const struct range before[] = {
		{0x10000, 4, PRESENT}, {0x20000, 2, PRESENT}, {0x22000, 8, -1}};
	/* The middle of the first changed; of the second two entries are one now. */
	static const struct range last[] = {{0x10000, 1, PARENT}, {0x11000, 2, PRESENT},
		{0x13000, 1, PARENT}, {0x21000, 5, PARENT}, {0x50000, 3, PRESENT}};
	static const struct range merged[] = {{0x10000, 1, PRESENT}, {0x11000, 2, PRESENT},
		{0x13000, 1, PRESENT}, {0x21000, 5, PRESENT}, {0x50000, 3, PRESENT}};
	static const struct wb_merge_run runs[] = {
		{true, 0, 1}, {false, 0, 2}, {true, 3, 1}, {true, 5, 5}, {false, 2, 3}};
	struct wb_blob a = pagemap(9, last, 5), b = pagemap(3, before, 3), out = {};
	struct wb_merge_plan plan = {};

	assert_int_equal(wb_merge_pagemaps(wb_blob_view(&a), wb_blob_view(&b), &out, &plan), 0);
	assert_pagemap(&out, 9, merged, 5);
	assert_int_equal(plan.pages, 9);
	assert_int_equal(plan.pages_before, 3);
	assert_int_equal(plan.n, 5);
	for (size_t i = 0; i < plan.n; i++) {
		assert_int_equal(plan.runs[i].before, runs[i].before);
		assert_int_equal(plan.runs[i].page, runs[i].page);
		assert_int_equal(plan.runs[i].n, runs[i].n);
	}
	wb_merge_plan_deinit(&plan);
	wb_blob_deinit(&a);
	wb_blob_deinit(&b);
	wb_blob_deinit(&out);
}

static void refuses_what_does_not_fit(void **state)
{
	static const struct range before[] = {{0x10000, 4, PRESENT}, {0x30000, 1, PARENT}};
	static const struct {
		struct range last[2];
		size_t n;
	} bad[] = {
		{{{0x8000, 1, PARENT}}, 1},                        /* below all */
		{{{0x13000, 2, PARENT}}, 1},                       /* runs out of it */
		{{{0x40000, 1, PARENT}}, 1},                       /* above all */
		{{{0x30000, 1, PARENT}}, 1},                       /* in a third one */
		{{{0x12000, 1, PARENT}, {0x10000, 1, PARENT}}, 2}, /* backwards */
		{{{0xfffffffffffff000, 4, PRESENT}}, 1},           /* wraps around */
	};
	struct wb_blob b = pagemap(3, before, 2), out = {};
	struct wb_merge_plan plan = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_blob a = pagemap(9, bad[i].last, bad[i].n);

		assert_int_equal(wb_merge_pagemaps(wb_blob_view(&a), wb_blob_view(&b), &out, &plan),
			-EBADMSG);
		wb_blob_deinit(&a);
	}
	assert_int_equal(
		wb_merge_pagemaps((struct wb_bytes){}, wb_blob_view(&b), &out, &plan), -EBADMSG);
	for (size_t n = 1; n < b.size; n++) {
		/* A cut anywhere but between two messages is an error. */
		int r = wb_merge_pagemaps(
			(struct wb_bytes){b.data, n}, (struct wb_bytes){}, &out, &plan);

		assert_true(r == -EBADMSG || r == 0);
		if (r == 0) {
			wb_merge_plan_deinit(&plan);
			wb_blob_deinit(&out);
		}
	}
	wb_blob_deinit(&b);
}

/* ---- as a source ---- */

struct shelf {
	struct {
		char name[64];
		struct wb_blob data;
		size_t at;
	} images[8];
	size_t n, piece;
};

static int shelf_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct shelf *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->images[i].name, name))
			continue;
		s->images[i].at = 0;
		*ret = &s->images[i];
		return 0;
	}
	return -ENOENT;
}

static bool shelf_next(void *ctx, void *from, struct wb_bytes *ret)
{
	struct shelf *s = ctx;
	typeof(&s->images[0]) i = from;
	size_t n = i->data.size - i->at;

	if (!n)
		return false;
	ret->data = i->data.data + i->at;
	ret->size = n < s->piece ? n : s->piece;
	i->at += ret->size;
	return true;
}

static void shelf_close(void *ctx, void *image)
{
}

static void add(struct shelf *s, const char *name, struct wb_blob data)
{
	snprintf(s->images[s->n].name, sizeof(s->images[0].name), "%s", name);
	s->images[s->n++].data = data;
}

/* Pages that say where they come from: file, and number in each byte. */
static struct wb_blob pages(uint8_t file, size_t n)
{
	struct wb_blob b = {};

	for (size_t i = 0; i < n; i++) {
		uint8_t page[PAGE];

		memset(page, (int)(file + i), sizeof(page));
		assert_int_equal(wb_blob_append(&b, page, sizeof(page)), 0);
	}
	return b;
}

static struct wb_blob take(const struct wb_stream_source *s, const char *name)
{
	struct wb_blob out = {};
	struct wb_bytes piece;
	struct wb_error err = {};
	void *image;

	assert_int_equal(s->open(s->ctx, name, &image, &err), 0);
	while (s->next(s->ctx, image, &piece))
		assert_int_equal(wb_blob_append(&out, piece.data, piece.size), 0);
	s->close(s->ctx, image);
	return out;
}

static void serves_one_whole_checkpoint(void **state)
{
	static const struct range before[] = {{0x10000, 8, PRESENT}};
	static const struct range last[] = {
		{0x10000, 2, PARENT}, {0x12000, 1, PRESENT}, {0x15000, 3, PARENT}};
	static const uint8_t want[] = {100, 101, 10, 105, 106, 107};
	/* Pieces that are no pages, as a store's extents may be cut. */
	static const size_t piece_sizes[] = {PAGE, 1000, 3 * PAGE + 7, 1 << 20};

	for (size_t k = 0; k < sizeof(piece_sizes) / sizeof(*piece_sizes); k++) {
		struct shelf s = {.piece = piece_sizes[k]};
		struct wb_stream_source plain = {&s, shelf_open, shelf_next, shelf_close}, merged;
		struct wb_error err = {};
		struct wb_merge *m;
		struct wb_blob map, got, core;
		void *image;

		add(&s, "pagemap-7.img", pagemap(2, last, 3));
		add(&s, "before.pagemap-7.img", pagemap(1, before, 1));
		add(&s, "pages-2.img", pages(10, 1));
		add(&s, "before.pages-1.img", pages(100, 8));
		add(&s, "core-7.img", pages(1, 1));
		assert_int_equal(wb_merge_new(&plain, &m), 0);
		merged = wb_merge_source(m);
		assert_int_equal(merged.open(merged.ctx, "no.img", &image, &err), -ENOENT);
		core = take(&merged, "core-7.img");
		assert_int_equal(core.size, PAGE);
		map = take(&merged, "pagemap-7.img");
		got = take(&merged, "pages-2.img");
		assert_int_equal(got.size, sizeof(want) * PAGE);
		for (size_t i = 0; i < got.size; i++)
			if (got.data[i] != want[i / PAGE])
				fail_msg("byte %zu is %u with pieces of %zu", i, got.data[i],
					s.piece);
		wb_blob_deinit(&core);
		wb_blob_deinit(&map);
		wb_blob_deinit(&got);
		wb_merge_free(m);
		for (size_t i = 0; i < s.n; i++)
			wb_blob_deinit(&s.images[i].data);
	}
}

/* CRIU's tasks ask beside each other: the pages of one are read while the lists of others are opened. */
static void many_tasks_are_served_at_once(void **state)
{
	static const struct range one[] = {{0x1000, 1, PRESENT}};
	struct shelf s = {.piece = 100};
	const struct wb_stream_source plain = {&s, shelf_open, shelf_next, shelf_close};
	struct wb_stream_source merged;
	struct wb_merge *m;
	struct wb_error err = {};
	struct wb_bytes piece;
	size_t got = 0;
	void *image;

	for (uint32_t i = 1; i <= 4; i++) {
		char name[32];

		snprintf(name, sizeof(name), "pagemap-%u.img", i);
		add(&s, name, pagemap(i, one, 1));
		snprintf(name, sizeof(name), "pages-%u.img", i);
		add(&s, name, pages((uint8_t)i, 1));
	}
	assert_int_equal(wb_merge_new(&plain, &m), 0);
	merged = wb_merge_source(m);
	for (uint32_t i = 1; i <= 4; i++) {
		char name[32];
		struct wb_blob map;

		snprintf(name, sizeof(name), "pagemap-%u.img", i);
		map = take(&merged, name);
		wb_blob_deinit(&map);
		if (i == 1)
			assert_int_equal(merged.open(merged.ctx, "pages-1.img", &image, &err), 0);
	}
	while (merged.next(merged.ctx, image, &piece))
		for (size_t k = 0; k < piece.size; k++, got++)
			assert_int_equal(piece.data[k], 1);
	assert_int_equal(got, PAGE);
	merged.close(merged.ctx, image);
	wb_merge_free(m);
	for (size_t i = 0; i < s.n; i++)
		wb_blob_deinit(&s.images[i].data);
}

static void missing_pages_are_told(void **state)
{
	static const struct range before[] = {{0x10000, 8, PRESENT}};
	static const struct range last[] = {{0x10000, 2, PARENT}};
	struct shelf s = {.piece = PAGE};
	struct wb_stream_source plain = {&s, shelf_open, shelf_next, shelf_close}, merged;
	struct wb_error err = {};
	struct wb_merge *m;
	struct wb_blob map;
	void *image;

	add(&s, "pagemap-7.img", pagemap(2, last, 1));
	add(&s, "before.pagemap-7.img", pagemap(1, before, 1));
	assert_int_equal(wb_merge_new(&plain, &m), 0);
	merged = wb_merge_source(m);
	map = take(&merged, "pagemap-7.img");
	/* Not -ENOENT: CRIU would take that for an answer. */
	assert_int_equal(merged.open(merged.ctx, "pages-2.img", &image, &err), -EBADMSG);
	wb_blob_deinit(&map);
	wb_merge_free(m);
	wb_blob_deinit(&s.images[0].data);
	wb_blob_deinit(&s.images[1].data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_pages_from_both),
		cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(serves_one_whole_checkpoint),
		cmocka_unit_test(many_tasks_are_served_at_once),
		cmocka_unit_test(missing_pages_are_told),
	};

	/* CRIU's pages are the machine's. */
	if (sysconf(_SC_PAGESIZE) != PAGE)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
