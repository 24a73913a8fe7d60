// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The command "search" (commands/search_wrap.c): it sets a variable to the device with a UUID, a
 * label or a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grub/search.h"
#include "grubscript/path.h"

struct search {
	char kind; /* 'u', 'l', 'f'; 0: none */
	const char *variable, *id;
};

/* Find the only mount with the file; *ret NULL: none, or several. */
static int find_file(struct wb_grub *g, const char *path, char **ret)
{
	size_t n = 0;

	for (size_t i = 0; i < g->mounts.n; i++) {
		const struct wb_mount *m = &g->mounts.items[i];
		WB_CLEAN_STR device = NULL;
		WB_CLEAN_STR name = NULL;
		WB_CLEAN_STR real = NULL;
		const char *why;
		int r;

		if (strncmp(m->source, "/dev/", 5) != 0 && strcmp(m->fstype, "zfs") != 0)
			continue;
		device = wb_grub_device('m', m->point);
		name = device ? malloc(strlen(device) + strlen(path) + 3) : NULL;
		if (!name)
			return -ENOMEM;
		strcpy(name, "(");
		strcat(name, device);
		strcat(name, ")");
		strcat(name, path);
		r = wb_grub_locate(g, name, &real, &why);
		if (r < 0)
			return r;
		if (r != WB_GRUB_FOUND)
			continue;
		/* The same file system may be mounted twice. */
		if (*ret && n) {
			const struct wb_mount *first = wb_mounts_at(&g->mounts, *ret);

			if (first && first->major == m->major && first->minor == m->minor)
				continue;
		}
		free(*ret);
		*ret = strdup(m->point);
		if (!*ret)
			return -ENOMEM;
		n++;
	}
	if (n != 1) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

/* Is a file system of this machine not mounted? GRUB may have found the file there. */
static bool has_hidden(struct wb_grub *g)
{
	WB_CLEAN_STRV names = {};
	struct wb_error ignored = {};
	WB_CLEAN_BLOB swaps = {};
	bool hidden = false;

	if (g->files->read(g->files->ctx, "/proc/swaps", WB_TEXT_LIMIT, &swaps, &ignored) < 0)
		swaps = (struct wb_blob){};
	if (g->files->list(g->files->ctx, "/dev/disk/by-uuid", &names, &ignored) < 0)
		return false;
	for (size_t i = 0; i < names.n && !hidden; i++) {
		WB_CLEAN_STR device = wb_grub_device('u', names.items[i]);
		WB_CLEAN_STR node = NULL;
		WB_CLEAN_STR path = device ? malloc(strlen(device) + 4) : NULL;
		const char *why;

		if (!path)
			return true;
		strcpy(path, "(");
		strcat(path, device);
		strcat(path, ")/");
		if (wb_grub_block_device(g, path, &node, &why) == WB_GRUB_FOUND)
			continue;
		hidden = !node || !swaps.data || !strstr((char *)swaps.data, node);
	}
	return hidden;
}

static int found(struct wb_grub *g, const struct search *s)
{
	WB_CLEAN_STR device = NULL;
	WB_CLEAN_STR point = NULL;
	const char *value = WB_GRUB_UNKNOWN_TEXT;
	int r = 0;

	/* Only GRUB knows whether it is found: a disk may have been present then and not now. */
	g->status = -1;
	if (s->kind == 'f' && wb_grub_is_known(s->id)) {
		if (!g->mounts.n) {
			point = strdup("");
			device = strdup(WB_GRUB_DEVICE_CONFIG);
			value = device;
			r = device && point ? 0 : -ENOMEM;
		} else {
			r = find_file(g, s->id, &point);
			if (r == 0 && point && !has_hidden(g)) {
				device = wb_grub_device('m', point);
				value = device;
				r = device ? 0 : -ENOMEM;
			}
		}
	} else if (s->kind != 'f' && wb_grub_is_known(s->id)) {
		device = wb_grub_device(s->kind, s->id);
		value = device;
		r = device ? 0 : -ENOMEM;
	}
	if (r == 0 && s->variable)
		r = wb_grub_set(g, s->variable, value);
	return r;
}

/* Is this an option with a value of its own? */
static bool is_hint(const char *word)
{
	return strcmp(word, "--hint") == 0 || strncmp(word, "--hint-", 7) == 0 ||
	       strcmp(word, "-h") == 0;
}

static void short_options(const char *word, struct search *s, bool *ret_set)
{
	for (word++; *word; word++) {
		if (*word == 'u' || *word == 'l' || *word == 'f')
			s->kind = *word;
		*ret_set |= *word == 's';
	}
}

int wb_grub_cmd_search(struct wb_grub *g, const struct wb_strv *args)
{
	struct search s = {};
	bool set = false;

	for (size_t i = 1; i < args->n; i++) {
		const char *a = args->items[i], *next = i + 1 < args->n ? args->items[i + 1] : "-";
		bool takes = false;

		if (!wb_grub_is_formed(a)) {
			g->status = -1;
			wb_grub_forget(g);
			return 0;
		}
		if (strcmp(a, "--fs-uuid") == 0) {
			s.kind = 'u';
		} else if (strcmp(a, "--label") == 0 || strcmp(a, "--fs-label") == 0) {
			s.kind = 'l';
		} else if (strcmp(a, "--file") == 0) {
			s.kind = 'f';
		} else if (strncmp(a, "--set=", 6) == 0) {
			set = true;
			s.variable = a + 6;
		} else if (strcmp(a, "--set") == 0) {
			set = true;
			takes = *next != '-';
		} else if (is_hint(a)) {
			i += !strchr(a, '=') && *next != '-';
		} else if (*a == '-' && a[1] && a[1] != '-') {
			bool short_set = false;

			short_options(a, &s, &short_set);
			set |= short_set;
			takes = short_set && a[strlen(a) - 1] == 's' && *next != '-';
		} else if (*a != '-' && !s.id) {
			s.id = a;
		}
		if (takes)
			s.variable = args->items[++i];
	}
	if (!s.id && s.variable) {
		s.id = s.variable;
		s.variable = "root";
	}
	if (set && !s.variable)
		s.variable = "root";
	if (!s.id || !s.kind) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	return found(g, &s);
}

/* "search.fs_uuid UUID VARIABLE HINT …" (commands/search.c) */
int wb_grub_cmd_search_dot(struct wb_grub *g, const struct wb_strv *args)
{
	static const struct {
		const char *name;
		char kind;
	} kinds[] = {{"search.fs_uuid", 'u'}, {"search.fs_label", 'l'}, {"search.file", 'f'}};
	struct search s = {};

	if (args->n < 2) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	for (size_t i = 0; i < 3; i++)
		if (strcmp(args->items[0], kinds[i].name) == 0)
			s.kind = kinds[i].kind;
	s.id = args->items[1];
	s.variable = args->n > 2 ? args->items[2] : NULL;
	return found(g, &s);
}
