// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files that are read once. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/recall.h"

#define BUCKETS 4096
/* So much is remembered. A service can make a long list of mappings. */
#define MOST (64u << 20)

enum kind { CONTENTS, NAMES, TARGET };

/* An answer. It does not change, and stays until the end. */
struct answer {
	struct answer *next; /* in its bucket */
	enum kind kind;
	char *path;
	struct wb_blob contents;
	struct wb_strv names;
	char *target;
};

struct wb_recall {
	struct wb_files files;
	const struct wb_files *under;
	pthread_mutex_t lock; /* for what follows */
	struct answer *buckets[BUCKETS];
	size_t left; /* bytes that may still be remembered */
};

static void forget(struct answer *a)
{
	free(a->path);
	wb_blob_deinit(&a->contents);
	wb_strv_deinit(&a->names);
	free(a->target);
	free(a);
}

static struct answer **bucket_of(struct wb_recall *r, enum kind kind, const char *path)
{
	unsigned h = 5381 + kind;

	for (const char *p = path; *p; p++)
		h = h * 33 + (unsigned char)*p;
	return &r->buckets[h % BUCKETS];
}

static const struct answer *find(struct wb_recall *r, enum kind kind, const char *path)
{
	const struct answer *a;

	pthread_mutex_lock(&r->lock);
	a = *bucket_of(r, kind, path);
	while (a && (a->kind != kind || strcmp(a->path, path) != 0))
		a = a->next;
	pthread_mutex_unlock(&r->lock);
	return a;
}

static size_t size_of(const struct answer *a)
{
	size_t n = sizeof(*a) + strlen(a->path) + a->contents.capacity;

	for (size_t i = 0; i < a->names.n; i++)
		n += sizeof(char *) + strlen(a->names.items[i]) + 1;
	return n + (a->target ? strlen(a->target) : 0);
}

static int copy_names(const struct wb_strv *from, struct wb_strv *ret)
{
	WB_CLEAN_STRV v = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = wb_strv_add(&v, from->items[i]);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct wb_strv){};
	return 0;
}

static int copy_contents(const struct wb_blob *from, struct wb_blob *ret)
{
	WB_CLEAN_BLOB b = {};
	int r = wb_blob_reserve(&b, from->size + 1);

	if (r == 0)
		r = wb_blob_append(&b, from->data, from->size);
	if (r < 0)
		return r;
	/* As struct wb_files promises. */
	b.data[b.size] = 0;
	*ret = wb_blob_take(&b);
	return 0;
}

/* Remember a copy of the answer in *a, if there is room; else nothing has happened. */
static void note(struct wb_recall *r, enum kind kind, const char *path, const struct answer *a)
{
	struct answer *kept = calloc(1, sizeof(*kept)), **bucket;
	bool fits = false;

	if (!kept)
		return;
	kept->kind = kind;
	kept->path = strdup(path);
	kept->target = a->target ? strdup(a->target) : NULL;
	if (kept->path && !kept->target == !a->target && copy_names(&a->names, &kept->names) == 0 &&
		copy_contents(&a->contents, &kept->contents) == 0) {
		pthread_mutex_lock(&r->lock);
		fits = size_of(kept) <= r->left;
		if (fits) {
			r->left -= size_of(kept);
			bucket = bucket_of(r, kind, path);
			kept->next = *bucket;
			*bucket = kept;
		}
		pthread_mutex_unlock(&r->lock);
	}
	if (!fits)
		forget(kept);
}

static int recall_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct wb_recall *r = ctx;
	const struct answer *a = find(r, CONTENTS, path);
	struct answer now = {};
	int e;

	/* With a smaller limit than before, the file says by itself that it is too large. */
	if (a && (!limit || a->contents.size <= limit))
		return copy_contents(&a->contents, ret) < 0 ? wb_oom(err) : 0;
	e = r->under->read(r->under->ctx, path, limit, &now.contents, err);
	if (e < 0)
		return e;
	note(r, CONTENTS, path, &now);
	*ret = now.contents;
	return 0;
}

static int recall_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	struct wb_recall *r = ctx;
	const struct answer *a = find(r, NAMES, path);
	struct answer now = {};
	int e;

	if (a)
		return copy_names(&a->names, ret) < 0 ? wb_oom(err) : 0;
	e = r->under->list(r->under->ctx, path, &now.names, err);
	if (e < 0)
		return e;
	note(r, NAMES, path, &now);
	*ret = now.names;
	return 0;
}

static int recall_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	struct wb_recall *r = ctx;
	const struct answer *a = find(r, TARGET, path);
	struct answer now = {};
	int e;

	if (a) {
		*ret = strdup(a->target);
		return *ret ? 0 : wb_oom(err);
	}
	e = r->under->readlink(r->under->ctx, path, &now.target, err);
	if (e < 0)
		return e;
	note(r, TARGET, path, &now);
	*ret = now.target;
	return 0;
}

static int recall_read_at(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
	struct wb_error *err)
{
	const struct wb_recall *r = ctx;

	return r->under->read_at(r->under->ctx, path, off, n, ret, err);
}

static int recall_read_owned(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	const struct wb_recall *r = ctx;

	return r->under->read_owned(r->under->ctx, path, limit, ret, err);
}

static bool recall_exists(void *ctx, const char *path)
{
	const struct wb_recall *r = ctx;

	return r->under->exists(r->under->ctx, path);
}

struct wb_recall *wb_recall_new(const struct wb_files *under)
{
	struct wb_recall *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->under = under;
	r->left = MOST;
	pthread_mutex_init(&r->lock, NULL);
	r->files = (struct wb_files){.ctx = r,
		.read = recall_read,
		.read_at = recall_read_at,
		.list = recall_list,
		.exists = recall_exists,
		.readlink = recall_readlink,
		.read_owned = under->read_owned ? recall_read_owned : NULL,
		.arch = under->arch};
	return r;
}

void wb_recall_free(struct wb_recall *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct answer *a = r->buckets[i], *next; a; a = next) {
			next = a->next;
			forget(a);
		}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

const struct wb_files *wb_recall_files(const struct wb_recall *r)
{
	return &r->files;
}
