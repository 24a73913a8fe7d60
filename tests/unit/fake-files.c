// SPDX-License-Identifier: LGPL-2.1-or-later
/* struct wb_files over a list of files in memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-files.h"

static const struct fake_file *lookup(const struct fake_file *list, const char *path)
{
	for (; list->path; list++)
		if (strcmp(list->path, path) == 0)
			return list;
	return NULL;
}

/* Walk `path` component by component into `out`; links in the middle and, on demand, at the end. */
static int resolve(const struct fake_file *list, const char *path, bool follow_last, int depth,
	char out[PATH_MAX])
{
	char done[PATH_MAX] = "", rest[PATH_MAX], again[PATH_MAX];
	char *p = rest;

	if (depth > 8)
		return -ELOOP;
	snprintf(rest, sizeof(rest), "%s", path);
	while (*(p += strspn(p, "/"))) {
		size_t n = strcspn(p, "/"), have = strlen(done);
		const struct fake_file *f;
		bool last = !p[n + strspn(p + n, "/")];

		if (n == 2 && strncmp(p, "..", 2) == 0) {
			if (strrchr(done, '/'))
				*strrchr(done, '/') = 0;
		} else if (n != 1 || *p != '.') {
			snprintf(done + have, sizeof(done) - have, "/%.*s", (int)n, p);
		}
		p += n;
		f = lookup(list, done);
		if (!f || !f->link || (last && !follow_last))
			continue;
		done[have] = 0;
		snprintf(
			again, sizeof(again), "%s/%s%s", f->link[0] == '/' ? "" : done, f->link, p);
		return resolve(list, again, follow_last, depth + 1, out);
	}
	snprintf(out, PATH_MAX, "%s", *done ? done : "/");
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' && path[n + 1];
}

static bool is_dir(const struct fake_file *list, const char *dir)
{
	for (; list->path; list++)
		if (is_below(list->path, dir))
			return true;
	return false;
}

static int find(const struct fake_file *list, const char *path, const struct fake_file **ret,
	struct wb_error *err)
{
	char real[PATH_MAX];
	int r = resolve(list, path, true, 0, real);
	const struct fake_file *f = r < 0 ? NULL : lookup(list, real);

	if (r < 0)
		return wb_fail(err, r, "%s: %s", path, strerror(-r));
	if (!f)
		r = is_dir(list, real) ? -EISDIR : -ENOENT;
	else
		r = f->error;
	if (r < 0)
		return wb_fail(err, r, "%s: %s", path, strerror(-r));
	*ret = f;
	return 0;
}

static struct wb_bytes contents(const struct fake_file *f)
{
	const char *text = f->text ? f->text : "";

	return (struct wb_bytes){(const uint8_t *)text, f->size ? f->size : strlen(text)};
}

static int fake_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	const struct fake_file *f;
	struct wb_bytes all;
	int r = find(ctx, path, &f, err);

	if (r < 0)
		return r;
	all = contents(f);
	if (limit && all.size > limit)
		return wb_fail(err, -EFBIG, "%s: more than %zu bytes", path, limit);
	r = wb_blob_append(&blob, all.data, all.size);
	if (r >= 0)
		r = wb_blob_append(&blob, "", 1);
	if (r < 0)
		return wb_fail(err, r, "%s: out of memory", path);
	blob.size--;
	*ret = wb_blob_take(&blob);
	return 0;
}

static int fake_read_owned(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	const struct fake_file *f;
	int r = find(ctx, path, &f, err);

	if (r == 0 && f->foreign)
		return wb_fail(err, -EPERM, "%s is not believed", path);
	return r < 0 ? r : fake_read(ctx, path, limit, ret, err);
}

static int fake_read_at(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	const struct fake_file *f;
	struct wb_bytes all;
	int r = find(ctx, path, &f, err);

	if (r < 0)
		return r;
	all = contents(f);
	if (off > all.size)
		off = all.size;
	if (n > all.size - off)
		n = all.size - off;
	r = wb_blob_append(&blob, all.data + off, n);
	if (r >= 0)
		r = wb_blob_append(&blob, "", 1);
	if (r < 0)
		return wb_fail(err, r, "%s: out of memory", path);
	blob.size--;
	*ret = wb_blob_take(&blob);
	return 0;
}

static int fake_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	const struct fake_file *list = ctx, *dir;
	char real[PATH_MAX];
	int r = resolve(list, path, true, 0, real);
	size_t skip = strcmp(real, "/") == 0 ? 1 : strlen(real) + 1;

	dir = r < 0 ? NULL : lookup(list, real);
	if (r >= 0 && dir && dir->error)
		r = dir->error;
	else if (r >= 0 && !is_dir(list, real))
		r = dir ? -ENOTDIR : -ENOENT;
	if (r < 0)
		return wb_fail(err, r, "%s: %s", path, strerror(-r));
	for (const struct fake_file *f = list; f->path; f++) {
		char name[NAME_MAX + 1];
		bool seen = false;

		if (!is_below(f->path, real))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(f->path + skip, "/"),
			f->path + skip);
		for (size_t i = 0; i < names.n; i++)
			seen |= strcmp(names.items[i], name) == 0;
		if (!seen && wb_strv_add(&names, name) < 0)
			return wb_fail(err, -ENOMEM, "%s: out of memory", path);
	}
	wb_strv_sort(&names);
	*ret = names;
	names = (struct wb_strv){};
	return 0;
}

static bool fake_exists(void *ctx, const char *path)
{
	char real[PATH_MAX];

	return resolve(ctx, path, true, 0, real) == 0 && (lookup(ctx, real) || is_dir(ctx, real));
}

static int fake_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	const struct fake_file *f;
	char real[PATH_MAX];
	int r = resolve(ctx, path, false, 0, real);

	if (r < 0)
		return wb_fail(err, r, "%s: %s", path, strerror(-r));
	f = lookup(ctx, real);
	if (!f && !is_dir(ctx, real))
		return wb_fail(err, -ENOENT, "%s: %s", path, strerror(ENOENT));
	if (!f || !f->link)
		return wb_fail(err, -EINVAL, "%s: not a symbolic link", path);
	*ret = strdup(f->link);
	return *ret ? 0 : wb_fail(err, -ENOMEM, "%s: out of memory", path);
}

struct wb_files fake_files(const struct fake_file *list)
{
	return (struct wb_files){
		.ctx = (void *)list,
		.read = fake_read,
		.read_at = fake_read_at,
		.list = fake_list,
		.exists = fake_exists,
		.readlink = fake_readlink,
		.read_owned = fake_read_owned,
	};
}
