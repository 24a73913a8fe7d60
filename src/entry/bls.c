// SPDX-License-Identifier: LGPL-2.1-or-later
/* Boot Loader Specification (UAPI.1) type 1: text files in loader/entries. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "entry/internal.h"

static int replace(char **at, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int take(struct wb_bls_file *f, const char *key, const char *value)
{
	const struct {
		const char *key;
		char **at;
	} single[] = {
		{"title", &f->title},
		{"version", &f->version},
		{"machine-id", &f->machine_id},
		{"sort-key", &f->sort_key},
		{"linux", &f->linux_path},
		{"uki", &f->linux_path},
	};

	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		if (strcmp(key, single[i].key) == 0)
			return replace(single[i].at, value);
	if (strcmp(key, "initrd") == 0)
		return wb_strv_add(&f->initrds, value);
	if (strcmp(key, "options") == 0) {
		char *joined;
		int r = wb_cmdline_append(f->options ? f->options : "", value, &joined);

		if (r < 0)
			return r;
		free(f->options);
		f->options = joined;
	}
	f->efi |= strcmp(key, "efi") == 0;
	return 0;
}

int wb_bls_parse(char *text, struct wb_bls_file *ret)
{
	struct wb_bls_file f = {};
	char *save = NULL;

	for (char *line = strtok_r(text, "\r\n", &save); line;
		line = strtok_r(NULL, "\r\n", &save)) {
		char *value, *end;
		int r;

		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		end = line + strlen(line);
		while (end > line && strchr(" \t", end[-1]))
			*--end = 0;
		value = line + strcspn(line, " \t");
		if (!*value)
			continue;
		*value++ = 0;
		value += strspn(value, " \t");
		r = take(&f, line, value);
		if (r < 0) {
			wb_bls_file_deinit(&f);
			return r;
		}
	}
	*ret = f;
	return 0;
}

void wb_bls_file_deinit(struct wb_bls_file *f)
{
	if (!f)
		return;
	free(f->title);
	free(f->version);
	free(f->machine_id);
	free(f->sort_key);
	free(f->linux_path);
	free(f->options);
	wb_strv_deinit(&f->initrds);
	*f = (struct wb_bls_file){};
}

/* At most six digits, so that no count overflows. */
static bool get_count(const char **p, unsigned int *ret)
{
	size_t n = strspn(*p, "0123456789");

	if (!n || n > 6)
		return false;
	*ret = (unsigned int)strtoul(*p, NULL, 10);
	*p += n;
	return true;
}

bool wb_bls_name(const char *file, const char *suffix, bool keep_suffix, char **ret_id,
	struct wb_entry *counters)
{
	size_t n = strlen(file), n_suffix = strlen(suffix), n_name;
	const char *plus;

	if (n <= n_suffix || strcasecmp(file + n - n_suffix, suffix) != 0 || *file == '.')
		return false;
	n_name = n - n_suffix;
	plus = memrchr(file, '+', n_name);
	if (plus && plus > file) {
		const char *p = plus + 1;
		unsigned int left, done = 0;
		bool ok = get_count(&p, &left);

		if (ok && *p == '-') {
			p++;
			ok = get_count(&p, &done);
		}
		/* Anything else after the plus belongs to the name: "6.12+deb13.conf". */
		if (ok && p == file + n_name) {
			counters->counted = true;
			counters->tries_left = left;
			counters->tries_done = done;
			n_name = (size_t)(plus - file);
		}
	}
	if (asprintf(ret_id, "%.*s%s", (int)n_name, file, keep_suffix ? suffix : "") < 0)
		*ret_id = NULL;
	return true;
}

/*
 * Paths in an entry start at the root of the partition that holds it. Where that partition is not
 * a mount of its own (a /boot on the root file system), they start at the root of the system.
 */
static char *resolve(const struct wb_files *files, const char *mount, const char *path)
{
	const char *slash = *path == '/' ? "" : "/";
	char *full, *plain;

	if (asprintf(&full, "%s%s%s", mount, slash, path) < 0)
		return NULL;
	if (files->exists(files->ctx, full))
		return full;
	if (asprintf(&plain, "%s%s", slash, path) < 0) {
		free(full);
		return NULL;
	}
	if (files->exists(files->ctx, plain)) {
		free(full);
		return plain;
	}
	free(plain);
	return full;
}

static char *steal(char **p)
{
	char *s = *p;

	*p = NULL;
	return s;
}

/* `e` already has its id and counters. */
static int fill(const struct wb_files *files, const char *mount, const char *path,
	struct wb_bls_file *f, struct wb_entry *e)
{
	e->kernel = resolve(files, mount, f->linux_path);
	e->version = steal(&f->version);
	e->sort_key = steal(&f->sort_key);
	e->machine_id = steal(&f->machine_id);
	e->title = f->title ? steal(&f->title) : strdup(e->id);
	e->cmdline = f->options ? steal(&f->options) : strdup("");
	if (asprintf(&e->source, "bls %s", path) < 0)
		e->source = NULL;
	if (!e->kernel || !e->title || !e->cmdline || !e->source)
		return -ENOMEM;
	for (size_t i = 0; i < f->initrds.n; i++) {
		WB_CLEAN_STR initrd = resolve(files, mount, f->initrds.items[i]);

		if (!initrd || wb_strv_add(&e->initrds, initrd) < 0)
			return -ENOMEM;
	}
	e->release = wb_entry_release(files, e->kernel);
	return 0;
}

/* Move `e` into the list, or say why not. */
static int add(const struct wb_files *files, const char *path, const struct wb_bls_file *f,
	struct wb_entry *e, struct wb_entries *ret)
{
	struct wb_entry *slot;

	if (!files->exists(files->ctx, e->kernel))
		return wb_entries_warn(
			ret, "%s was skipped: its kernel %s does not exist", path, e->kernel);
	slot = wb_entries_add(ret);
	if (!slot)
		return -ENOMEM;
	*slot = *e;
	*e = (struct wb_entry){};
	return 0;
}

static int find_one(
	const struct wb_files *files, const char *mount, const char *name, struct wb_entries *ret)
{
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_STR path = NULL;
	struct wb_bls_file f = {};
	struct wb_entry e = {};
	int r = 0;

	if (!wb_bls_name(name, ".conf", false, &e.id, &e))
		return 0;
	if (e.id && asprintf(&path, "%s/loader/entries/%s", mount, name) < 0)
		path = NULL;
	if (!e.id || !path)
		r = -ENOMEM;
	/* The same partition seen through a second mount. */
	if (r == 0 && !wb_entries_has(ret, e.id))
		r = wb_entry_read(files, path, ret, &text);
	if (r == 0 && text.data)
		r = wb_bls_parse((char *)text.data, &f);
	if (r == 0 && text.data) {
		if (f.linux_path) {
			r = fill(files, mount, path, &f, &e);
			if (r == 0)
				r = add(files, path, &f, &e, ret);
		} else {
			r = wb_entries_warn(ret, "%s was skipped: %s", path,
				f.efi ? "it starts an EFI program, not a kernel"
				      : "it names no kernel (no 'linux' line)");
		}
	}
	wb_bls_file_deinit(&f);
	wb_entry_deinit(&e);
	return r == -ENOMEM ? r : 0;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	static const char *const mounts[] = {"/efi", "/boot", "/boot/efi"};

	for (size_t m = 0; m < sizeof(mounts) / sizeof(*mounts); m++) {
		WB_CLEAN_STR dir = NULL;
		WB_CLEAN_STRV names = {};
		int r;

		if (asprintf(&dir, "%s/loader/entries", mounts[m]) < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		r = files->list(files->ctx, dir, &names, err);
		if (r < 0 && r != -ENOMEM && r != -ENOENT && r != -ENOTDIR)
			r = wb_entries_warn(ret, "%s was not searched: %s", dir, strerror(-r));
		for (size_t i = 0; i < names.n && r != -ENOMEM; i++)
			r = find_one(files, mounts[m], names.items[i], ret);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

const struct wb_entry_source wb_source_bls = {"bls", find};
