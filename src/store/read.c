// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding a store again, and taking out of it only what is as it was put in. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "store/impl.h"
#include "sys/handoff.h"

/* Below this, starting a thread takes longer than hashing. */
#define WORTH_A_THREAD (8 << 20)
#define MAX_THREADS 16

#define NONE "no store was handed on to this boot"

static bool hex_nonce(const char *hex, uint8_t ret[16])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(hex) != 32 || strspn(hex, digits) != 32)
		return false;
	for (size_t i = 0; i < 16; i++)
		ret[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
				   (strchr(digits, hex[2 * i + 1]) - digits));
	return true;
}

bool wb_store_jump_nonce(const struct wb_files *files, uint8_t ret[16])
{
	WB_CLEAN_BLOB cmdline = {};
	WB_CLEAN_STR word = NULL;
	struct wb_handoff h;

	if (wb_handoff_read(files, &h)) {
		memcpy(ret, h.nonce, 16);
		return true;
	}
	/* The mark that a load by kexec_file_load leaves (jump/record.h). */
	return files->read(files->ctx, "/proc/cmdline", 1 << 20, &cmdline, NULL) == 0 &&
	       wb_cmdline_get((const char *)cmdline.data, "warmboot.jump", &word) == 0 &&
	       hex_nonce(word, ret);
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
			"the store is of another jump than the one that made this boot: nothing is "
			"taken from it");
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
	return 0;
}

/*
 * Does it lie, or a part of it, in what `next` holds for the next jump? Memory, a region and a file are
 * all used again.
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

/* What is in this backend of the kernel before's, mapped but not looked at. */
static int find_in(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store **ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE state = {}, next = {};
	bool held = wb_store_state_read(env->sys->files, &next, NULL) == 0;
	int r;

	/* There is one file, which may not be written to its end yet. */
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

int wb_store_attach(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err)
{
	struct wb_error first = {};
	uint8_t nonce[16];
	bool jumped = wb_store_jump_nonce(env->sys->files, nonce);

	wb_store_guard(env);
	for (size_t i = 0; wb_store_backends[i]; i++) {
		WB_CLEAN_STORE s = NULL;
		struct wb_error local = {};
		int r = find_in(env, wb_store_backends[i], &s, &local);

		if (r == 0 && jumped)
			memcpy(s->state.nonce, nonce, sizeof(nonce));
		if (r == 0)
			r = wb_store_load_table(s, &local);
		/* A nonce of zeroes would otherwise be as good as none. */
		if (r == 0 && !jumped)
			r = wb_fail(&local, -ESTALE,
				"the store is of a jump, and this boot was made by none of ours: "
				"nothing is taken from it");
		if (r == 0) {
			s->sealed = true;
			*ret = s;
			s = NULL;
			return 0;
		}
		/* The most telling of all answers. */
		if (!first.code || (first.code == -ENOENT && r != -ENOENT))
			first = local;
	}
	if (err)
		*err = first;
	return first.code;
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
	atomic_size_t next; /* extent to take */
	atomic_size_t bad;  /* one that is damaged; entry->n: none */
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
	/* What is mapped of it grows; what it holds does not change. */
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

/* ---- the end ---- */

static int wipe(struct wb_store *s, uint64_t high, struct wb_error *err)
{
	const struct wb_store_io *io = s->env->io;
	int r = wb_store_reach_all(s, err);

	if (r < 0)
		return r;
	wb_store_table_deinit(&s->table);
	memset(s->at, 0, high);
	r = io->sync(io->ctx, s->at, s->state.bytes);
	if (r < 0)
		return wb_fail(err, -EIO, "the store could not be wiped: %s", strerror(-r));
	wb_store_unguard(s->env);
	return s->backend->wiped ? s->backend->wiped(s->env, err) : 0;
}

int wb_store_wipe(struct wb_store *s, struct wb_error *err)
{
	return wipe(s, s->high, err);
}

int wb_store_wipe_any(const struct wb_store_env *env, struct wb_error *err)
{
	int r = -ENOENT;

	wb_store_guard(env);
	for (size_t i = 0; wb_store_backends[i]; i++) {
		const struct wb_store_backend *backend = wb_store_backends[i];
		WB_CLEAN_STORE s = NULL;
		struct wb_error local = {};
		int got = find_in(env, backend, &s, &local);

		/* Its header may be damaged: all of it, then. */
		if (got == 0)
			got = wipe(s, s->state.bytes, &local);
		else if (got == -EBADMSG && backend->wiped)
			got = backend->wiped(env, &local);
		if (got < 0 && got != -ENOENT && err)
			*err = local;
		if (got == 0)
			r = r == -ENOENT ? 0 : r;
		else if (got != -ENOENT)
			r = got;
	}
	return r == -ENOENT ? wb_fail(err, r, NONE) : r;
}
