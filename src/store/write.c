// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writing objects into a store: room is allocated in extents of whole blocks, and hashed as it is filled. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

struct wb_store_writer {
	struct wb_store *store;
	struct wb_store_writer *next;
	struct wb_store_entry entry;
	size_t capacity;             /* number of extents for which entry.extents has room */
	struct wb_store_extent open; /* being filled: size bytes of `room` */
	uint64_t room;               /* blocks set aside for it, in bytes; 0: none is open */
	XXH64_state_t *hash;         /* of the contents of the open extent */
};

/* ---- room ---- */

static int give_back(struct wb_store *s, uint64_t off, uint64_t size)
{
	struct wb_store_extent *gap;

	if (!size)
		return 0;
	if (off + size == s->next) {
		s->next = off;
		return 0;
	}
	gap = realloc(s->gap, (s->n_gap + 1) * sizeof(*gap));
	if (!gap)
		return -ENOMEM; /* these blocks stay unused; callers may ignore it */
	s->gap = gap;
	gap[s->n_gap++] = (struct wb_store_extent){off, size, 0};
	return 0;
}

static void take_gap(struct wb_store *s, size_t i, uint64_t size)
{
	s->gap[i].off += size;
	s->gap[i].size -= size;
	if (!s->gap[i].size)
		s->gap[i] = s->gap[--s->n_gap];
}

/*
 * Up to `want` bytes in one place, at least `least`: from a gap that is large enough, else
 * from the part that was never used, else from the largest gap. False: there is no such place.
 */
static bool get_room(
	struct wb_store *s, uint64_t want, uint64_t least, uint64_t *ret_off, uint64_t *ret_size)
{
	uint64_t left = s->state.bytes - s->next;
	size_t best = s->n_gap;

	for (size_t i = 0; i < s->n_gap; i++) {
		if (s->gap[i].size >= want) {
			best = i;
			break;
		}
		if (left < want && s->gap[i].size >= least && s->gap[i].size > left &&
			(best == s->n_gap || s->gap[i].size > s->gap[best].size))
			best = i;
	}
	if (best < s->n_gap) {
		*ret_off = s->gap[best].off;
		*ret_size = s->gap[best].size < want ? s->gap[best].size : want;
		take_gap(s, best, *ret_size);
		return true;
	}
	if (left < least)
		return false;
	*ret_off = s->next;
	*ret_size = left < want ? left : want;
	s->next += *ret_size;
	if (s->next > s->high)
		s->high = s->next;
	return true;
}

/* ---- writers ---- */

static int begin(
	struct wb_store *s, const char *name, struct wb_store_writer **ret, struct wb_error *err)
{
	struct wb_store_writer *w;
	size_t at;
	int r;

	if (s->attached || s->sealed)
		return wb_fail(
			err, -EROFS, "the store is sealed: \"%s\" cannot be put into it", name);
	for (w = s->writers; w && strcmp(w->entry.name, name); w = w->next)
		;
	if (w || wb_store_table_find(&s->table, name, &at))
		return wb_fail(err, -EEXIST, "\"%s\" is in the store already", name);
	w = calloc(1, sizeof(*w));
	r = w ? 0 : -ENOMEM;
	if (r == 0) {
		w->entry.name = strdup(name);
		w->hash = XXH64_createState();
		if (!w->entry.name || !w->hash)
			r = -ENOMEM;
	}
	if (r < 0) {
		if (w) {
			wb_store_entry_deinit(&w->entry);
			XXH64_freeState(w->hash);
		}
		free(w);
		return wb_fail(err, r, "out of memory");
	}
	w->store = s;
	w->next = s->writers;
	s->writers = w;
	*ret = w;
	return 0;
}

int wb_store_begin(
	struct wb_store *s, const char *name, struct wb_store_writer **ret, struct wb_error *err)
{
	int r;

	if (!wb_store_name_ok(name))
		return wb_fail(err, -EINVAL,
			"an object of the store must have a name of 1 to %d printable characters",
			WB_STORE_NAME_MAX);
	pthread_mutex_lock(&s->lock);
	r = begin(s, name, ret, err);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void unlink_writer(struct wb_store_writer *w)
{
	struct wb_store_writer **p = &w->store->writers;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	wb_store_entry_deinit(&w->entry);
	XXH64_freeState(w->hash);
	free(w);
}

/* Add the open extent to the list, and free its unused blocks. */
static int close_extent(struct wb_store_writer *w)
{
	uint64_t used = wb_align_up(w->open.size, WB_STORE_BLOCK);

	if (!w->room)
		return 0;
	give_back(w->store, w->open.off + used, w->room - used);
	wb_store_share_use(w->store, w->entry.name, 0, w->room - used);
	w->room = 0;
	if (!w->open.size)
		return 0;
	if (w->entry.n == w->capacity) {
		size_t capacity = w->capacity ? 2 * w->capacity : 4;
		struct wb_store_extent *extents =
			realloc(w->entry.extents, capacity * sizeof(*extents));

		if (!extents)
			return -ENOMEM;
		w->entry.extents = extents;
		w->capacity = capacity;
	}
	w->open.hash = XXH64_digest(w->hash);
	w->entry.extents[w->entry.n++] = w->open;
	return 0;
}

static int full(const struct wb_store_writer *w, struct wb_error *err)
{
	return wb_fail(err, -ENOSPC,
		"the store of %llu MiB is full: there is no room for the rest of \"%s\"",
		(unsigned long long)(w->store->state.bytes >> 20), w->entry.name);
}

/* Small objects take one block, large ones extents that grow with them. */
static uint64_t next_size(const struct wb_store_writer *w)
{
	uint64_t want = wb_align_up(w->entry.size, WB_STORE_BLOCK);

	if (want < WB_STORE_BLOCK)
		want = WB_STORE_BLOCK;
	return want < WB_STORE_EXTENT_MAX ? want : WB_STORE_EXTENT_MAX;
}

static int open_extent(struct wb_store_writer *w, struct wb_error *err)
{
	struct wb_store *s = w->store;
	uint64_t most, want = next_size(w);
	int r = close_extent(w);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	most = wb_store_free_for(s, wb_store_share_of(s, w->entry.name)) / WB_STORE_BLOCK *
	       WB_STORE_BLOCK;
	if (most < WB_STORE_BLOCK ||
		!get_room(s, want < most ? want : most, WB_STORE_BLOCK, &w->open.off, &w->room))
		return full(w, err);
	wb_store_share_use(s, w->entry.name, w->room, 0);
	w->open.size = 0;
	XXH64_reset(w->hash, 0);
	return 0;
}

int wb_store_space(struct wb_store_writer *w, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	int r = 0;

	if (!w->room || w->open.size == w->room) {
		pthread_mutex_lock(&w->store->lock);
		r = open_extent(w, err);
		pthread_mutex_unlock(&w->store->lock);
	}
	if (r < 0)
		return r;
	*ret = w->store->at + w->open.off + w->open.size;
	*ret_n = w->room - w->open.size;
	return 0;
}

void wb_store_commit(struct wb_store_writer *w, size_t n)
{
	/* Hash now, while the data is still in the CPU's cache. */
	XXH64_update(w->hash, w->store->at + w->open.off + w->open.size, n);
	w->open.size += n;
	w->entry.size += n;
}

int wb_store_write(struct wb_store_writer *w, const void *buf, size_t n, struct wb_error *err)
{
	const uint8_t *from = buf;

	while (n) {
		size_t room;
		uint8_t *to;
		int r = wb_store_space(w, &to, &room, err);

		if (r < 0)
			return r;
		/* Write in parts that stay in the cache until they are hashed. */
		if (room > (256 << 10))
			room = 256 << 10;
		if (room > n)
			room = n;
		memcpy(to, from, room);
		wb_store_commit(w, room);
		from += room;
		n -= room;
	}
	return 0;
}

static void free_extents(struct wb_store *s, const struct wb_store_entry *e)
{
	for (size_t i = 0; i < e->n; i++) {
		uint64_t size = wb_align_up(e->extents[i].size, WB_STORE_BLOCK);

		give_back(s, e->extents[i].off, size);
		wb_store_share_use(s, e->name, 0, size);
	}
}

int wb_store_end(struct wb_store_writer *w, struct wb_error *err)
{
	struct wb_store *s = w->store;
	int r;

	pthread_mutex_lock(&s->lock);
	r = close_extent(w);
	if (r == 0)
		r = wb_store_table_add(&s->table, &w->entry);
	if (r < 0)
		free_extents(s, &w->entry);
	unlink_writer(w);
	pthread_mutex_unlock(&s->lock);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

void wb_store_abort(struct wb_store_writer *w)
{
	struct wb_store *s = w ? w->store : NULL;

	if (!w)
		return;
	pthread_mutex_lock(&s->lock);
	if (w->room) {
		give_back(s, w->open.off, w->room);
		wb_store_share_use(s, w->entry.name, 0, w->room);
	}
	free_extents(s, &w->entry);
	unlink_writer(w);
	pthread_mutex_unlock(&s->lock);
}

int wb_store_put(
	struct wb_store *s, const char *name, struct wb_bytes contents, struct wb_error *err)
{
	struct wb_store_writer *w;
	int r = wb_store_begin(s, name, &w, err);

	if (r < 0)
		return r;
	r = wb_store_write(w, contents.data, contents.size, err);
	if (r == 0)
		return wb_store_end(w, err);
	wb_store_abort(w);
	return r;
}

bool wb_store_has(struct wb_store *s, const char *prefix)
{
	bool has = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->table.n && !has; i++)
		has = !strncmp(s->table.items[i].name, prefix, strlen(prefix));
	pthread_mutex_unlock(&s->lock);
	return has;
}

int wb_store_forget(struct wb_store *s, const char *prefix, struct wb_error *err)
{
	size_t kept = 0;

	if (s->attached || s->sealed)
		return wb_fail(err, -EROFS, "the store is sealed: nothing can be taken out of it");
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->table.n; i++) {
		struct wb_store_entry *e = &s->table.items[i];

		if (strncmp(e->name, prefix, strlen(prefix))) {
			s->table.items[kept++] = *e;
			continue;
		}
		free_extents(s, e);
		wb_store_entry_deinit(e);
	}
	s->table.n = kept;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int wb_store_seal(struct wb_store *s, struct wb_error *err)
{
	struct wb_store_header h = {
		.size = s->state.bytes, .flags = s->flags, .state = WB_STORE_OPEN};
	struct wb_store_header *there = (struct wb_store_header *)s->at;
	const struct wb_store_io *io = s->env->io;
	WB_CLEAN_BLOB table = {};
	uint64_t room;
	int r;

	if (s->attached || s->sealed)
		return wb_fail(err, -EROFS, "the store is sealed already");
	if (s->writers)
		return wb_fail(err, -EBUSY, "\"%s\" in the store is not whole yet",
			s->writers->entry.name);
	r = wb_store_table_encode(&s->table, &table, &h);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	room = wb_align_up(h.table_size, WB_STORE_BLOCK);
	if (!get_room(s, room, room, &h.table_off, &room))
		return wb_fail(err, -ENOSPC,
			"the store of %llu MiB is full: there is no room for its table",
			(unsigned long long)(s->state.bytes >> 20));
	if (table.size)
		memcpy(s->at + h.table_off, table.data, table.size);
	if (s->backend->still_there)
		r = s->backend->still_there(s->env, &s->state, s->at, err);
	if (r < 0)
		return r;
	memcpy(h.nonce, s->state.nonce, sizeof(h.nonce));
	h.high = s->high;
	wb_store_header_finish(&h);
	/*
	 * The header comes after all else, still as that of an open store. Its state changes last, by one atomic
	 * store, so the store looks whole only when it is.
	 */
	memcpy(s->at, &h, sizeof(h));
	r = io->sync(io->ctx, s->at, s->state.bytes);
	if (r == 0) {
		__atomic_store_n(&there->state, WB_STORE_SEALED, __ATOMIC_SEQ_CST);
		r = io->sync(io->ctx, s->at, WB_STORE_BLOCK);
	}
	if (r < 0)
		return wb_fail(err, -EIO, "the store could not be written out: %s", strerror(-r));
	s->sealed = true;
	return 0;
}
