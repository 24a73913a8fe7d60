// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Entries that GRUB makes from files: "blscfg" for Boot Loader Specification type 1 (Red Hat's
 * commands/blscfg.c and GRUB 2.14's commands/blsuki.c, which differ), and "uki" for unified kernel
 * images. A file becomes an entry whose body is the script that GRUB would make of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/sources.h"
#include "core/sort.h"
#include "grub/blscfg.h"
#include "grub/blsfile.h"
#include "grub/order.h"
#include "grubscript/item.h"
#include "grubscript/path.h"

#define ENTRIES "/loader/entries"

/* The options and arguments of the command. */
struct request {
	bool upstream; /* read and sort files as GRUB 2.14 does */
	bool show_default, show_other, fallback, is_strange;
	const char *path, *entry;
};

/* Fill in an item. `name` is the name of the file, `item->file` its path. */
static int fill(struct wb_grub *g, const char *name, struct wb_grub_bls *v, bool upstream,
	struct wb_grub_item *item)
{
	char *script = NULL;
	int r;

	item->id = strndup(name, strlen(name) - 5);
	item->title = strdup(v->title ? v->title : v->linux_path);
	if (!item->id || !item->title)
		return -ENOMEM;
	r = wb_strv_add(&item->args, item->title);
	if (r == 0)
		r = wb_strv_copy(&v->args, &item->args);
	if (r == 0)
		r = wb_grub_bls_script(g, v, upstream, &script);
	if (r < 0) {
		free(script);
		return r;
	}
	return wb_grub_keep_text(g, script, &item->body);
}

/* Does $default name `item`? (is_default_entry()) */
static bool is_default(struct wb_grub *g, const struct wb_grub_item *item, size_t index)
{
	const char *want = wb_grub_get(g, "default"), *end;
	unsigned long number;

	if (!*want)
		return false;
	if (strcmp(want, item->id) == 0 || strcmp(want, item->title) == 0)
		return true;
	return wb_grub_number(want, &number, &end) && number == index;
}

/* Has the menu the entry of this file already? */
static bool is_shown(const struct wb_grub *g, const char *file)
{
	for (size_t i = 0; g->menu && i < g->menu->n; i++)
		if (g->menu->items[i].file && strcmp(g->menu->items[i].file, file) == 0)
			return true;
	return false;
}

static int add_file(struct wb_grub *g, const struct request *q, const char *dir, const char *name,
	size_t index, bool is_movable)
{
	struct wb_grub_item item = {.is_movable = is_movable};
	struct wb_grub_bls v = {};
	WB_CLEAN_BLOB text = {};
	bool show = false;
	int r;

	if (asprintf(&item.file, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	r = wb_read_text(g->files, item.file, g->warnings, &text);
	if (r == 0) {
		wb_grub_clean((char *)text.data);
		r = wb_grub_bls_parse((char *)text.data, q->upstream, &v);
	}
	if (r == 0 && v.linux_path && (q->upstream || !is_shown(g, item.file))) {
		r = fill(g, name, &v, q->upstream, &item);
		if (r == 0)
			show = is_default(g, &item, index) ? q->show_default : q->show_other;
		if (r == 0 && (show || (q->entry && strcmp(q->entry, item.id) == 0)))
			r = wb_grub_add(g, &item);
	} else if (r < 0 && r != -ENOMEM && r != -ENOENT) {
		r = wb_grub_unsure(g, "an entry cannot be read");
	}
	wb_grub_bls_deinit(&v);
	wb_grub_item_deinit(&item);
	return r == -ENOMEM ? r : 0;
}

/* Red Hat's compares names without ".conf"; a '+' or '~' at the end is special there. */
static int compare_rpm(const void *a, const void *b)
{
	char x[512], y[512];

	snprintf(x, sizeof(x), "%s", *(char *const *)a);
	snprintf(y, sizeof(y), "%s", *(char *const *)b);
	x[strlen(x) - 5] = 0;
	y[strlen(y) - 5] = 0;
	return -wb_grub_compare_rpm(x, y);
}

static int compare_filever(const void *a, const void *b)
{
	return -wb_grub_compare_filever(*(char *const *)a, *(char *const *)b);
}

static int sort(struct wb_strv *names, int (*by)(const void *a, const void *b),
	int (*other)(const void *a, const void *b), bool *ret_movable)
{
	if (names->n < 2)
		return 0;
	wb_sort(names->items, names->n, sizeof(*names->items), by);
	for (size_t i = 0; i + 1 < names->n; i++) {
		const void *a = &names->items[i], *b = &names->items[i + 1];

		/* GRUB drops one of two entries that compare equal; which one is not known. */
		*ret_movable |= by(a, b) == 0 || (other && other(a, b) >= 0);
	}
	return 0;
}

static int add_dir(struct wb_grub *g, const struct request *q, const char *dir, bool *ret_any)
{
	WB_CLEAN_STRV all = {}, names = {};
	struct wb_error err = {};
	bool movable = false;
	int r = g->files->list(g->files->ctx, dir, &all, &err);

	if (r == -ENOMEM || r == -ENOENT)
		return r == -ENOMEM ? r : 0;
	if (r < 0) {
		r = wb_grub_unsure(g, "%s cannot be read", dir);
		return r < 0 ? r : wb_strv_addf(g->warnings, "%s", err.text);
	}
	for (size_t i = 0; i < all.n; i++) {
		size_t n = strlen(all.items[i]);

		if (n <= 5 || n > 500 || all.items[i][0] == '.' ||
			strcmp(all.items[i] + n - 5, ".conf") != 0)
			continue;
		if (wb_strv_add(&names, all.items[i]) < 0)
			return -ENOMEM;
	}
	sort(&names, q->upstream ? compare_filever : compare_rpm,
		g->flavour != WB_GRUB_ANY ? NULL
		: q->upstream             ? compare_rpm
					  : compare_filever,
		&movable);
	*ret_any |= names.n > 0;
	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = add_file(g, q, dir, names.items[i], i, movable);
	return r < 0 ? r : 0;
}

/* Add the entries of a directory that GRUB names. WB_GRUB_ABSENT: it does not exist. */
static int add_path(struct wb_grub *g, const struct request *q, const char *path, bool *ret_any)
{
	WB_CLEAN_STR dir = NULL;
	const char *why;
	int r = wb_grub_locate(g, path, &dir, &why);

	if (r == WB_GRUB_FOUND) {
		size_t n = strlen(dir);

		while (n > 1 && dir[n - 1] == '/')
			dir[--n] = 0;
		return add_dir(g, q, dir, ret_any);
	}
	if (r == WB_GRUB_FOREIGN || r == WB_GRUB_UNSURE) {
		int r2 = wb_grub_unsure(g, "it lists entries elsewhere, and %s", why);

		return r2 < 0 ? r2 : r;
	}
	return r;
}

/* Read the options of GRUB 2.14, or the one argument of Red Hat's. */
static void ask(const struct wb_grub *g, const struct wb_strv *args, struct request *q)
{
	const char *only = args->n == 2 ? args->items[1] : "";
	bool filtered = false;

	*q = (struct request){.show_default = true, .show_other = true};
	q->upstream = g->flavour == WB_GRUB_UPSTREAM;
	for (size_t i = 1; i < args->n; i++) {
		const char *a = args->items[i];
		bool is_default = strcmp(a, "--show-default") == 0 || strcmp(a, "-d") == 0;
		bool is_other = strcmp(a, "--show-non-default") == 0 || strcmp(a, "-n") == 0;
		bool takes = strcmp(a, "--path") == 0 || strcmp(a, "-p") == 0;
		bool takes_entry = strcmp(a, "--entry") == 0 || strcmp(a, "-e") == 0;

		q->is_strange |= !wb_grub_is_formed(a);
		q->upstream |= *a == '-';
		if (strcmp(a, "--enable-fallback") == 0 || strcmp(a, "-f") == 0)
			q->fallback = true;
		else if (strncmp(a, "--path=", 7) == 0)
			q->path = a + 7;
		else if (takes && i + 1 < args->n)
			q->path = args->items[++i];
		if (strncmp(a, "--entry=", 8) == 0)
			q->entry = a + 8;
		else if (takes_entry && i + 1 < args->n)
			q->entry = args->items[++i];
		if (is_default || is_other || q->entry) {
			q->show_default = is_default || (filtered && q->show_default);
			q->show_other = is_other || (filtered && q->show_other);
			filtered = true;
		}
	}
	if (!*only || *only == '-')
		return;
	q->upstream = false;
	q->show_default = strcmp(only, "non-default") != 0;
	q->show_other = strcmp(only, "default") != 0;
	if (*only == '(') {
		q->path = only;
	} else if (q->show_default && q->show_other) {
		q->entry = only;
		q->show_default = q->show_other = false;
	}
}

static int one_file(struct wb_grub *g, const struct request *q)
{
	WB_CLEAN_STR file = NULL;
	const char *why;
	char *slash;
	int r = wb_grub_locate(g, q->path, &file, &why);

	if (r < 0 || r == WB_GRUB_ABSENT)
		return r < 0 ? r : 0;
	if (r != WB_GRUB_FOUND)
		return wb_grub_unsure(g, "it makes an entry of another file, and %s", why);
	slash = strrchr(file, '/');
	*slash = 0;
	return add_file(g, q, file, slash + 1, 0, false);
}

int wb_grub_cmd_blscfg(struct wb_grub *g, const struct wb_strv *args)
{
	const char *want = wb_grub_get(g, "default"), *dir;
	struct request q;
	bool any = false;
	size_t n;
	int r;

	ask(g, args, &q);
	if (q.is_strange || (q.show_default != q.show_other && !wb_grub_is_known(want)))
		return wb_grub_unsure(g, "only GRUB can know which entries 'blscfg' shows");
	n = q.path ? strlen(q.path) : 0;
	if (n > 5 && strcmp(q.path + n - 5, ".conf") == 0)
		return one_file(g, &q);
	dir = q.path;
	if (!dir && !q.upstream && *wb_grub_get(g, "blsdir"))
		dir = wb_grub_get(g, "blsdir");
	r = add_path(g, &q, dir ? dir : ENTRIES, &any);
	if (r == WB_GRUB_ABSENT && !q.path && !q.upstream)
		r = add_path(g, &q, "/boot" ENTRIES, &any);
	else if (r >= 0 && !any && q.fallback)
		r = add_path(g, &q, ENTRIES, &any);
	return r < 0 ? r : 0;
}

int wb_grub_bls_dir(struct wb_grub *g, const char *dir, bool upstream)
{
	struct request q = {.upstream = upstream, .show_default = true, .show_other = true};
	bool any = false;

	return add_dir(g, &q, dir, &any);
}

/* Add one image: GRUB chainloads it with its own command line (uki_create_entry()). */
static int add_uki(struct wb_grub *g, const struct wb_entry *e)
{
	const char *name = strrchr(e->kernel, '/') + 1;
	struct wb_grub_item item = {};
	char *script;
	int r;

	item.file = strdup(e->kernel);
	item.id = strdup(name);
	item.title = strdup(e->title);
	if (asprintf(&script, "chainloader '(" WB_GRUB_DEVICE_SYSTEM ")%s'\n", e->kernel) < 0)
		script = NULL;
	r = wb_grub_keep_text(g, script, &item.body);
	if (r == 0 && (!item.file || !item.id || !item.title))
		r = -ENOMEM;
	if (r == 0)
		r = wb_grub_add(g, &item);
	wb_grub_item_deinit(&item);
	return r;
}

/* Sort by file name, newest first. */
static int compare_ukis(const void *a, const void *b)
{
	const struct wb_entry *x = a, *y = b;

	return -wb_grub_compare_filever(strrchr(x->kernel, '/') + 1, strrchr(y->kernel, '/') + 1);
}

static bool is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

int wb_grub_cmd_uki(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_ENTRIES all = {};
	WB_CLEAN_STR dir = NULL;
	struct wb_error ignored = {};
	struct request q;
	const char *why;
	int r = wb_source_uki.find(g->files, &all, &ignored);

	if (r < 0)
		return r;
	ask(g, args, &q);
	if (q.is_strange || q.entry || q.show_default != q.show_other)
		return wb_grub_unsure(g, "only some images are asked for, which is not supported");
	if (q.path) {
		r = wb_grub_locate(g, q.path, &dir, &why);
		if (r < 0)
			return r;
		if (r != WB_GRUB_FOUND && r != WB_GRUB_ABSENT)
			return wb_grub_unsure(g, "it lists images elsewhere, and %s", why);
		while (dir && strlen(dir) > 1 && dir[strlen(dir) - 1] == '/')
			dir[strlen(dir) - 1] = 0;
		if (!q.fallback && !dir)
			return 0;
	}
	if (all.n)
		wb_sort(all.items, all.n, sizeof(*all.items), compare_ukis);
	for (size_t i = 0; i < all.n && r >= 0; i++) {
		size_t n = strlen(all.items[i].kernel);

		/*
		 * GRUB makes one entry for a file, whatever profiles it has, and compares the
		 * extension's case.
		 */
		if (all.items[i].profile || n < 4 ||
			strcmp(all.items[i].kernel + n - 4, ".efi") != 0 ||
			(dir && !is_in(all.items[i].kernel, dir)))
			continue;
		r = add_uki(g, &all.items[i]);
	}
	return r < 0 ? r : 0;
}
