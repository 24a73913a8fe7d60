// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding a store in the next boot, and reading only objects whose checksums are right. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "jump/record.h"
#include "store/impl.h"

/* For less than this, starting a thread takes longer than hashing. */
#define WORTH_A_THREAD (8 << 20)
#define MAX_THREADS 16

#define NONE "no store was handed on to this boot"

bool wb_store_jump_nonce(const struct wb_files *files, uint8_t ret[16])
{
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_RECORD rec = {};
	bool known = wb_record_read(files, WB_RECORD_JUMP, &rec, NULL) == 0;
	const char *number;

	if (wb_traces_read(files, &traces) < 0)
		return false;
	number = wb_jump_number(known ? &rec : NULL, &traces);
	return number && wb_hex_read(number, 16, ret);
}

int wb_store_load_table(struct wb_store *s, struct wb_error *err)
{
	WB_CLEAN_STORE_TABLE table = {};
	struct wb_store_header h;
	struct wb_bytes bytes;
	int r = wb_store_reach(s, 0, WB_STORE_BLOCK, err);

	if (r == 0)
		r = wb_store_header_parse(
			(struct wb_bytes){s->at, WB_STORE_BLOCK}, s->state.bytes, &h, err);
	if (r < 0)
		return r;
	if (memcmp(h.nonce, s->state.nonce, sizeof(h.nonce)))
		return wb_fail(err, -ESTALE,
			"the store belongs to another jump than the one that led to this boot: "
			"nothing is taken from it");
	r = wb_store_reach(s, h.table_off, h.table_size, err);
	if (r < 0)
		return r;
	bytes = (struct wb_bytes){s->at + h.table_off, h.table_size};
	if (wb_store_hash(bytes.data, bytes.size) != h.table_hash)
		return wb_fail(err, -EBADMSG,
			"the store's table at %#llx is damaged: its checksum differs from what was "
			"written",
			(unsigned long long)wb_store_physical(s, h.table_off));
	r = wb_store_table_parse(bytes, &h, &table, err);
	if (r < 0)
		return r;
	s->table = table;
	table = (struct wb_store_table){};
	s->high = h.high;
	s->flags = h.flags;
	s->taken = h.taken;
	return 0;
}

/*
 * Does the found store overlap the one that `next` holds for the next jump? Memory, a region and a
 * file are all reused.
 */
static bool is_of_next(const struct wb_store_state *next, const struct wb_store_pieces *found)
{
	const struct wb_store_pieces *held = &next->pieces;

	if (!held->path || strcmp(held->path, found->path))
		return false;
	for (size_t i = 0; i < found->n; i++)
		for (size_t k = 0; k < held->n; k++) {
			const struct wb_store_piece *a = &found->items[i], *b = &held->items[k];

			if (a->off < b->off + b->size && b->off < a->off + a->size)
				return true;
		}
	return false;
}

int wb_store_find(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store **ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE state = {}, next = {};
	bool held = wb_store_state_read(env->sys->files, &next, NULL) == 0;
	int r;

	/* There is only one file, and the next store may still be being written to it. */
	if (held && backend->wiped && !strcmp(next.backend, backend->name))
		return wb_fail(err, -ENOENT, NONE);
	r = backend->find(env, &state, err);
	if (r < 0)
		return r;
	if (held && is_of_next(&next, &state.pieces))
		return wb_fail(err, -ENOENT, NONE);
	r = wb_store_new(env, backend, &state, ret, err);
	if (r == 0)
		(*ret)->attached = true;
	return r;
}

/* A number for this boot, never 0. False: the kernel does not tell the id of this boot. */
static bool boot_mark(const struct wb_files *files, uint64_t *ret)
{
	WB_CLEAN_BLOB id = {};

	if (files->read(files->ctx, "/proc/sys/kernel/random/boot_id", 64, &id, NULL) < 0)
		return false;
	*ret = wb_store_hash(id.data, id.size) | 1;
	return true;
}

int wb_store_find_whole(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store **ret, struct wb_error *err)
{
	WB_CLEAN_STORE s = NULL;
	uint8_t nonce[16];
	bool jumped = wb_store_jump_nonce(env->sys->files, nonce);
	uint64_t mark;
	int r = wb_store_find(env, backend, &s, err);

	if (r < 0)
		return r;
	if (jumped)
		memcpy(s->state.nonce, nonce, sizeof(nonce));
	r = wb_store_load_table(s, err);
	if (r < 0)
		return r;
	/* Without a jump the nonce above is zero, and a store with a nonce of zeroes would count as this boot's. */
	if (!jumped)
		return wb_fail(err, -ESTALE,
			"the store belongs to a jump, but no jump of warmboot led to this boot: "
			"nothing is taken from it");
	if (s->taken && (!boot_mark(env->sys->files, &mark) || mark != s->taken))
		return wb_fail(err, -ESTALE,
			"another boot has begun to bring back what is in the store: nothing is "
			"taken from it again");
	s->sealed = true;
	*ret = s;
	s = NULL;
	return 0;
}

int wb_store_attach(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err)
{
	struct wb_error first = {};

	wb_store_guard(env);
	for (size_t i = 0; wb_store_backends[i]; i++) {
		struct wb_error local = {};
		int r = wb_store_find_whole(env, wb_store_backends[i], ret, &local);

		if (r == 0)
			return 0;
		/* Keep the first answer that says more than -ENOENT. */
		if (!first.code || (first.code == -ENOENT && r != -ENOENT))
			first = local;
	}
	if (err)
		*err = first;
	return first.code;
}

/* Write the mark into the header in one step; another process may have been faster. */
static int mark_taken(struct wb_store_header *h, uint64_t mark, struct wb_error *err)
{
	uint64_t found = 0;

	if (h->state == WB_STORE_SEALED && (__atomic_compare_exchange_n(&h->taken, &found, mark,
						    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
						   found == mark))
		return 0;
	return wb_fail(err, -ESTALE, "the store was used already: nothing is taken from it again");
}

int wb_store_claim(struct wb_store *s, struct wb_error *err)
{
	const struct wb_store_io *io = s->env->io;
	struct wb_store_piece part = s->state.pieces.items[0];
	uint64_t mark;
	uint8_t *at;
	int r;

	if (!s->attached)
		return wb_fail(err, -EINVAL, "the store is one for the next jump");
	if (!boot_mark(s->env->sys->files, &mark))
		return wb_fail(err, -EIO, "the kernel does not tell the id of this boot");
	if (io->area(io->ctx, WB_STORE_PAGE, &at) < 0)
		return wb_oom(err);
	part.size = WB_STORE_BLOCK;
	r = wb_store_map(s->env, s->state.pieces.path, &part, true, at, err);
	if (r == 0)
		r = mark_taken((struct wb_store_header *)at, mark, err);
	if (r == 0) {
		r = io->sync(io->ctx, at, WB_STORE_BLOCK);
		if (r < 0)
			wb_fail(err, -EIO, "the store's header cannot be written: %s",
				strerror(-r));
	}
	io->unmap(io->ctx, at, WB_STORE_PAGE);
	return r;
}

bool wb_store_object(const struct wb_store *s, size_t i, struct wb_store_object *ret)
{
	if (i >= s->table.n)
		return false;
	*ret = (struct wb_store_object){s->table.items[i].name, s->table.items[i].size, i};
	return true;
}

/* ---- checking ---- */

struct check {
	const struct wb_store *store;
	const struct wb_store_entry *entry;
	atomic_size_t next; /* index of the extent that the next free thread checks */
	atomic_size_t bad;  /* index of a damaged extent; entry->n: none was found */
};

static void *check_extents(void *arg)
{
	struct check *c = arg;
	size_t i;

	while ((i = atomic_fetch_add(&c->next, 1)) < c->entry->n) {
		const struct wb_store_extent *x = &c->entry->extents[i];

		if (wb_store_hash(c->store->at + x->off, x->size) == x->hash)
			continue;
		atomic_store(&c->bad, i);
		break;
	}
	return NULL;
}

static int check_entry(struct wb_store *s, const struct wb_store_entry *e, struct wb_error *err)
{
	struct check c = {s, e, 0, e->n};
	const struct wb_store_extent *x;
	pthread_t threads[MAX_THREADS];
	size_t n = 0, most = e->size / WORTH_A_THREAD;
	int r = 0;

	for (size_t i = 0; i < e->n && r == 0; i++)
		r = wb_store_reach(s, e->extents[i].off, e->extents[i].size, err);
	if (r < 0)
		return r;
	if (most > s->env->io->cpus(s->env->io->ctx) - 1)
		most = s->env->io->cpus(s->env->io->ctx) - 1;
	if (most > MAX_THREADS)
		most = MAX_THREADS;
	while (n < most && pthread_create(&threads[n], NULL, check_extents, &c) == 0)
		n++;
	check_extents(&c);
	while (n)
		pthread_join(threads[--n], NULL);
	if (c.bad == e->n)
		return 0;
	x = &e->extents[c.bad];
	return wb_fail(err, -EBADMSG,
		"\"%s\" in the store is damaged: extent %zu of %zu, %llu bytes at %#llx, is not "
		"what "
		"was written there (checksum differs)",
		e->name, (size_t)c.bad + 1, e->n, (unsigned long long)x->size,
		(unsigned long long)wb_store_physical(s, x->off));
}

int wb_store_get(const struct wb_store *s, const char *name, struct wb_store_reader *ret,
	struct wb_error *err)
{
	size_t i;
	int r;

	if (!wb_store_table_find(&s->table, name, &i))
		return wb_fail(err, -ENOENT, "the store holds no \"%s\"", name);
	/* The cast is allowed, because a check maps more of the store and never changes its contents. */
	r = check_entry((struct wb_store *)s, &s->table.items[i], err);
	if (r < 0)
		return r;
	*ret = (struct wb_store_reader){s, i, 0};
	return 0;
}

bool wb_store_next(struct wb_store_reader *r, struct wb_bytes *ret)
{
	const struct wb_store_entry *e = &r->store->table.items[r->index];

	if (r->next == e->n)
		return false;
	*ret = (struct wb_bytes){r->store->at + e->extents[r->next].off, e->extents[r->next].size};
	r->next++;
	return true;
}

int wb_store_read(const struct wb_store *s, const char *name, size_t limit, struct wb_blob *ret,
	struct wb_error *err)
{
	struct wb_store_reader reader;
	WB_CLEAN_BLOB out = {};
	struct wb_bytes piece;
	int r = wb_store_get(s, name, &reader, err);

	if (r < 0)
		return r;
	if (s->table.items[reader.index].size > limit)
		return wb_fail(err, -EFBIG, "\"%s\" in the store has %llu bytes, more than %zu",
			name, (unsigned long long)s->table.items[reader.index].size, limit);
	r = wb_blob_reserve(&out, s->table.items[reader.index].size + 1);
	while (r == 0 && wb_store_next(&reader, &piece))
		r = wb_blob_append(&out, piece.data, piece.size);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	out.data[out.size] = 0;
	*ret = wb_blob_take(&out);
	return 0;
}

int wb_store_check(const struct wb_store *s, struct wb_error *err)
{
	for (size_t i = 0; i < s->table.n; i++) {
		int r = check_entry((struct wb_store *)s, &s->table.items[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}
