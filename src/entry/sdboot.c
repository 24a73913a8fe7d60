// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What systemd-boot makes of the entries: their order (UAPI.1, "Sorting") and its choice
 * (systemd-boot(7), loader.conf(5), systemd.io/BOOT_LOADER_INTERFACE).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/internal.h"

#define EFIVARS "/sys/firmware/efi/efivars"
#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/* UTF-16LE up to a NUL; what is no character of the basic plane becomes '?'. */
static char *utf8(struct wb_bytes in)
{
	char *s = malloc(in.size / 2 * 3 + 1), *p = s;
	uint16_t c;

	if (!s)
		return NULL;
	for (size_t at = 0; wb_get_le16(in, at, &c) && c; at += 2) {
		if (c >= 0xd800 && c < 0xe000) {
			*p++ = '?';
		} else if (c < 0x80) {
			*p++ = (char)c;
		} else if (c < 0x800) {
			*p++ = (char)(0xc0 | c >> 6);
			*p++ = (char)(0x80 | (c & 0x3f));
		} else {
			*p++ = (char)(0xe0 | c >> 12);
			*p++ = (char)(0x80 | (c >> 6 & 0x3f));
			*p++ = (char)(0x80 | (c & 0x3f));
		}
	}
	*p = 0;
	return s;
}

int wb_loader_variable(const struct wb_files *files, const char *name, char **ret)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_BLOB blob = {};
	struct wb_error err = {};
	struct wb_bytes value;
	char *s;
	int r;

	if (asprintf(&path, EFIVARS "/%s-" LOADER_GUID, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = files->read(files->ctx, path, 65536, &blob, &err);
	if (r < 0)
		return r;
	/* efivarfs puts the 32-bit attributes in front (Documentation/filesystems/efivarfs.rst). */
	if (!wb_bytes_sub(wb_blob_view(&blob), 4, blob.size - 4, &value))
		return -EBADMSG;
	s = utf8(value);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *pa, const void *pb)
{
	const struct wb_entry *a = pa, *b = pb;
	bool bad_a = a->counted && !a->tries_left, bad_b = b->counted && !b->tries_left;
	int r;

	if (bad_a != bad_b)
		return bad_a ? 1 : -1;
	if (!a->sort_key != !b->sort_key)
		return a->sort_key ? -1 : 1;
	if (a->sort_key) {
		r = strcmp(a->sort_key, b->sort_key);
		if (!r)
			r = compare_text(a->machine_id, b->machine_id);
		if (!r)
			r = -wb_version_compare(
				a->version ? a->version : "", b->version ? b->version : "");
		if (r)
			return r;
	}
	r = -wb_version_compare(a->id, b->id);
	if (r || !a->counted || !b->counted)
		return r;
	if (a->tries_left != b->tries_left)
		return a->tries_left > b->tries_left ? -1 : 1;
	return (a->tries_done > b->tries_done) - (a->tries_done < b->tries_done);
}

/* Values of loader.conf, last one wins. */
struct config {
	char *fallback, *preferred; /* "default", "preferred" */
};

static int read_config(const struct wb_files *files, struct wb_entries *all, struct config *ret)
{
	static const char *const paths[] = {"/efi/loader/loader.conf", "/boot/loader/loader.conf",
		"/boot/efi/loader/loader.conf"};
	WB_CLEAN_BLOB text = {};
	char *save = NULL;

	for (size_t i = 0; i < 3 && !text.data; i++)
		if (wb_entry_read(files, paths[i], all, &text) == -ENOMEM)
			return -ENOMEM;
	if (!text.data)
		return 0;
	for (char *line = strtok_r((char *)text.data, "\r\n", &save); line;
		line = strtok_r(NULL, "\r\n", &save)) {
		char *rest = NULL, *key = strtok_r(line, " \t", &rest);
		char *value = key ? strtok_r(NULL, " \t", &rest) : NULL, **at = NULL;

		if (value && strcmp(key, "default") == 0)
			at = &ret->fallback;
		else if (value && strcmp(key, "preferred") == 0)
			at = &ret->preferred;
		if (!at)
			continue;
		free(*at);
		*at = strdup(value);
		if (!*at)
			return -ENOMEM;
	}
	return 0;
}

static struct wb_entry *match(struct wb_entries *all, const char *pattern, bool skip_bad)
{
	for (size_t i = 0; i < all->n; i++) {
		struct wb_entry *e = &all->items[i];
		char name[512];

		if (skip_bad && e->counted && !e->tries_left)
			continue;
		/* Names have their suffix in settings; gummiboot and old files leave it out. */
		snprintf(name, sizeof(name), "%s.conf", e->id);
		if (fnmatch(pattern, e->id, FNM_CASEFOLD) == 0 ||
			fnmatch(pattern, name, FNM_CASEFOLD) == 0)
			return e;
	}
	return NULL;
}

/* One wish after the other; the first that names an entry wins. */
static int choose(const struct wb_files *files, const struct config *conf, struct wb_entries *all,
	struct wb_entry **ret)
{
	const struct {
		const char *variable, *setting;
		bool skip_bad;
	} wishes[] = {
		{"LoaderEntryOneShot", NULL, false},
		{"LoaderEntryDefault", conf->fallback, false},
		{"LoaderEntryPreferred", conf->preferred, true},
	};

	for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) {
		WB_CLEAN_STR value = NULL;
		WB_CLEAN_STR saved = NULL;
		const char *want;
		int r = wb_loader_variable(files, wishes[i].variable, &value);

		if (r == -ENOMEM)
			return r;
		want = value ? value : wishes[i].setting;
		if (want && strcmp(want, "@saved") == 0) {
			r = wb_loader_variable(files, "LoaderEntryLastBooted", &saved);
			if (r == -ENOMEM)
				return r;
			want = saved;
		}
		if (!want)
			continue;
		*ret = match(all, want, wishes[i].skip_bad);
		if (*ret)
			return 0;
		if (strncmp(want, "auto-", 5) == 0)
			return wb_entries_warn(all,
				"the boot loader is set to start '%s', which is no kernel: no "
				"entry is the "
				"default",
				want);
	}
	for (size_t i = 0; i < all->n && !*ret; i++)
		if (!all->items[i].counted || all->items[i].tries_left)
			*ret = &all->items[i];
	if (!*ret && all->n)
		*ret = &all->items[0];
	return 0;
}

int wb_sdboot_settle(const struct wb_files *files, struct wb_entries *all, struct wb_error *err)
{
	struct wb_entry *chosen = NULL;
	struct config conf = {};
	int r = 0;

	if (!all->n)
		return 0;
	qsort(all->items, all->n, sizeof(*all->items), compare);
	r = read_config(files, all, &conf);
	if (r >= 0)
		r = choose(files, &conf, all, &chosen);
	if (r >= 0 && chosen)
		chosen->is_default = true;
	free(conf.fallback);
	free(conf.preferred);
	return r;
}
