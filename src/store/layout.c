// SPDX-License-Identifier: LGPL-2.1-or-later
/* Encoding and parsing the header and table of a store. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "store/layout.h"
#include "core/sort.h"
#include "store/store.h"

/* The table's records; the names follow the extents. */
struct raw_object {
	uint64_t size;
	uint32_t first, n; /* extents */
	uint32_t name, name_size;
};
_Static_assert(sizeof(struct raw_object) == 24, "store object layout");
_Static_assert(sizeof(struct wb_store_extent) == 24, "store extent layout");

uint64_t wb_store_hash(const void *data, size_t n)
{
	return XXH64(data, n, 0);
}

bool wb_store_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (!n || n > WB_STORE_NAME_MAX)
		return false;
	/* Characters that people and JSON can show; bytes of UTF-8 are allowed. */
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

bool wb_store_table_find(const struct wb_store_table *t, const char *name, size_t *ret_index)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(t->items[mid].name, name);

		if (c == 0) {
			*ret_index = mid;
			return true;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_index = lo;
	return false;
}

int wb_store_table_add(struct wb_store_table *t, struct wb_store_entry *entry)
{
	struct wb_store_entry *items;
	size_t at;

	if (wb_store_table_find(t, entry->name, &at))
		return -EEXIST;
	items = realloc(t->items, (t->n + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	memmove(items + at + 1, items + at, (t->n - at) * sizeof(*items));
	items[at] = *entry;
	t->items = items;
	t->n++;
	*entry = (struct wb_store_entry){};
	return 0;
}

void wb_store_entry_deinit(struct wb_store_entry *e)
{
	free(e->name);
	free(e->extents);
	*e = (struct wb_store_entry){};
}

void wb_store_table_deinit(struct wb_store_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		wb_store_entry_deinit(&t->items[i]);
	free(t->items);
	*t = (struct wb_store_table){};
}

int wb_store_table_encode(
	const struct wb_store_table *t, struct wb_blob *ret, struct wb_store_header *h)
{
	uint32_t first = 0, name = 0;
	WB_CLEAN_BLOB out = {};
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++) {
		const struct wb_store_entry *e = &t->items[i];
		struct raw_object raw = {
			e->size, first, (uint32_t)e->n, name, (uint32_t)strlen(e->name)};

		first += raw.n;
		name += raw.name_size;
		r = wb_blob_append(&out, &raw, sizeof(raw));
	}
	for (size_t i = 0; i < t->n && r == 0; i++)
		if (t->items[i].n)
			r = wb_blob_append(&out, t->items[i].extents,
				t->items[i].n * sizeof(*t->items[i].extents));
	for (size_t i = 0; i < t->n && r == 0; i++)
		r = wb_blob_append(&out, t->items[i].name, strlen(t->items[i].name));
	if (r < 0)
		return r;
	h->n_objects = (uint32_t)t->n;
	h->n_extents = first;
	h->table_size = out.size;
	h->table_hash = wb_store_hash(out.data, out.size);
	*ret = wb_blob_take(&out);
	return 0;
}

void wb_store_header_finish(struct wb_store_header *h)
{
	h->magic = WB_STORE_MAGIC;
	h->version = WB_STORE_VERSION;
	h->hash = wb_store_hash(h, offsetof(struct wb_store_header, hash));
}

static bool all_zero(struct wb_bytes in)
{
	for (size_t i = 0; i < in.size; i++)
		if (in.data[i])
			return false;
	return true;
}

static bool hash_fits(const struct wb_store_header *h)
{
	return h->hash == wb_store_hash(h, offsetof(struct wb_store_header, hash));
}

static bool state_ok(uint64_t state)
{
	return state == WB_STORE_OPEN || state == WB_STORE_SEALED || state == WB_STORE_USED;
}

bool wb_store_header_check(struct wb_bytes block, uint64_t most, struct wb_store_header *ret)
{
	struct wb_store_header h;

	if (!wb_get_struct(block, 0, &h, sizeof(h)) || h.magic != WB_STORE_MAGIC ||
		h.version != WB_STORE_VERSION || !hash_fits(&h) || !state_ok(h.state) || !h.size ||
		h.size % WB_STORE_PAGE || h.size > most || h.high > h.size)
		return false;
	*ret = h;
	return true;
}

bool wb_store_has_magic(struct wb_bytes block)
{
	uint64_t magic;

	return wb_get_le64(block, 0, &magic) && magic == WB_STORE_MAGIC;
}

/* Check that the table named in the header of a sealed store fits the store. */
static int check_bounds(const struct wb_store_header *h, uint64_t size, struct wb_error *err)
{
	if (h->size != size || h->high > size || h->table_off < WB_STORE_BLOCK ||
		h->table_off % WB_STORE_BLOCK || h->table_off > size ||
		h->table_size > size - h->table_off)
		return wb_fail(err, -EBADMSG,
			"the store's header does not fit the store: it says %llu bytes, and there "
			"are %llu",
			(unsigned long long)h->size, (unsigned long long)size);
	return 0;
}

int wb_store_header_parse(
	struct wb_bytes block, uint64_t size, struct wb_store_header *ret, struct wb_error *err)
{
	struct wb_store_header h;
	int r;

	if (!wb_get_struct(block, 0, &h, sizeof(h)))
		return wb_fail(err, -EBADMSG, "the store is too small to hold a header");
	if (all_zero((struct wb_bytes){block.data, sizeof(h)}))
		return wb_fail(err, -ENOENT,
			"the store that was handed on is empty: it was wiped, or nothing was put "
			"into it");
	if (h.magic != WB_STORE_MAGIC)
		return wb_fail(err, -EBADMSG,
			"the store has no header at its beginning: its memory has been "
			"overwritten");
	if (h.version != WB_STORE_VERSION)
		return wb_fail(err, -EBADMSG,
			"the store has the layout of another version of warmboot (version %u)",
			h.version);
	if (!hash_fits(&h) || !state_ok(h.state))
		return wb_fail(err, -EBADMSG,
			"the store's header is damaged: its checksum differs from what was "
			"written");
	if (h.state == WB_STORE_OPEN)
		return wb_fail(err, -EBADMSG,
			"the store was never sealed: the process that filled it did not finish");
	if (h.state == WB_STORE_USED)
		return wb_fail(
			err, -ESTALE, "the store was used already: nothing is taken from it again");
	r = check_bounds(&h, size, err);
	if (r == 0)
		*ret = h;
	return r;
}

/* Does the extent lie on block borders between the header and the end? */
static bool extent_ok(const struct wb_store_extent *x, const struct wb_store_header *h)
{
	return x->size && x->off >= WB_STORE_BLOCK && x->off % WB_STORE_BLOCK == 0 &&
	       x->off < h->size && x->size <= h->size - x->off;
}

/* The part of the table's extents and names that earlier entries have used. */
struct used {
	uint64_t extents, names;
};

/*
 * Parse one entry. As wb_store_table_encode() writes them, the extents and name of each entry
 * follow those of the entry before. So no extent is claimed twice, and all entries together need no
 * more memory than the table has.
 */
static int parse_entry(struct wb_bytes in, const struct wb_store_header *h, size_t i,
	struct used *used, struct wb_store_entry *ret)
{
	uint64_t extents = h->n_objects * sizeof(struct raw_object), names, sum = 0;
	struct raw_object raw;
	struct wb_bytes name;

	names = extents + (uint64_t)h->n_extents * sizeof(struct wb_store_extent);
	if (!wb_get_struct(in, i * sizeof(raw), &raw, sizeof(raw)) || raw.first != used->extents ||
		raw.n > h->n_extents - raw.first || raw.name != used->names ||
		!wb_bytes_sub(in, names + raw.name, raw.name_size, &name))
		return -EBADMSG;
	ret->name = strndup((const char *)name.data, name.size);
	ret->extents = calloc((size_t)raw.n + 1, sizeof(*ret->extents));
	if (!ret->name || !ret->extents)
		return -ENOMEM;
	if (strlen(ret->name) != raw.name_size || !wb_store_name_ok(ret->name))
		return -EBADMSG;
	for (; ret->n < raw.n; ret->n++) {
		struct wb_store_extent *x = &ret->extents[ret->n];

		if (!wb_get_struct(
			    in, extents + (used->extents + ret->n) * sizeof(*x), x, sizeof(*x)) ||
			!extent_ok(x, h) || sum + x->size < sum)
			return -EBADMSG;
		sum += x->size;
	}
	ret->size = raw.size;
	used->extents += raw.n;
	used->names += raw.name_size;
	return sum == raw.size ? 0 : -EBADMSG;
}

static int by_offset(const void *a, const void *b)
{
	const struct wb_store_extent *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

int wb_store_table_extents(
	const struct wb_store_table *t, struct wb_store_extent **ret, size_t *ret_n)
{
	struct wb_store_extent *list;
	uint64_t next = WB_STORE_BLOCK;
	size_t n = 0, k = 0;
	int r = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->items[i].n;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		for (size_t e = 0; e < t->items[i].n; e++)
			list[k++] = t->items[i].extents[e];
	wb_sort(list, n, sizeof(*list), by_offset);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (list[i].off < next)
			r = -EBADMSG;
		next = wb_align_up(list[i].off + list[i].size, WB_STORE_BLOCK);
	}
	if (r < 0) {
		free(list);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

/* Check that no two objects claim the same room. */
static int check_extents(const struct wb_store_table *t, struct wb_error *err)
{
	struct wb_store_extent *list;
	size_t n;
	int r = wb_store_table_extents(t, &list, &n);

	if (r == 0)
		free(list);
	else if (r == -EBADMSG)
		wb_fail(err, r, "the store's table makes no sense: two objects lie in one place");
	else
		wb_fail(err, r, "out of memory for the store's table");
	return r;
}

int wb_store_table_parse(struct wb_bytes in, const struct wb_store_header *h,
	struct wb_store_table *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_TABLE t = {};
	struct used used = {};
	int r = 0;

	/* The header's counts are checked before memory is allocated for so many objects. */
	if (h->n_objects > in.size / sizeof(struct raw_object) ||
		h->n_extents > in.size / sizeof(struct wb_store_extent))
		return wb_fail(err, -EBADMSG, "the store's table is shorter than its header says");
	t.items = calloc((size_t)h->n_objects + 1, sizeof(*t.items));
	if (!t.items)
		return wb_fail(err, -ENOMEM, "out of memory for the store's table");
	while (t.n < h->n_objects && r == 0) {
		size_t i = t.n++;

		r = parse_entry(in, h, i, &used, &t.items[i]);
		if (r == 0 && i && strcmp(t.items[i - 1].name, t.items[i].name) >= 0)
			r = -EBADMSG;
		if (r == -EBADMSG)
			return wb_fail(err, r,
				"the store's table makes no sense at object %zu of %u", i + 1,
				h->n_objects);
	}
	if (r < 0)
		return wb_fail(err, r, "out of memory for the store's table");
	r = check_extents(&t, err);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct wb_store_table){};
	return 0;
}

int wb_store_parked_parse(struct wb_bytes file, uint64_t size, struct wb_store_header *ret_h,
	struct wb_store_table *ret_table)
{
	struct wb_store_header h;
	struct wb_bytes table;
	int r = wb_store_header_parse(file, size, &h, NULL);

	if (r < 0)
		return r;
	if (h.taken || !wb_bytes_sub(file, sizeof(h), h.table_size, &table) ||
		wb_store_hash(table.data, table.size) != h.table_hash)
		return -EBADMSG;
	r = wb_store_table_parse(table, &h, ret_table, NULL);
	if (r == 0)
		*ret_h = h;
	return r;
}
