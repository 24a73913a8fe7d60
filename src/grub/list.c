// SPDX-License-Identifier: LGPL-2.1-or-later
/* Turning the items of GRUB's menu into boot entries, or into warnings. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/kernel.h"
#include "grub/list.h"
#include "grub/uki.h"

struct listing {
	const struct wb_files *files;
	const char *once;   /* of struct wb_grub */
	const char *config; /* the configuration that shows the menu */
	const struct wb_grub_item *chosen;
	struct wb_entries *ret;
};

/* A title or id for messages: an unknown part becomes "?". */
static char *shown(const char *s)
{
	char *copy = strdup(s), *out = copy;

	for (char *p = copy; p && *p; p++) {
		if (*p == WB_GRUB_UNKNOWN) {
			size_t n = strcspn(p + 1, "\x01\x02");

			*out++ = '?';
			if (n && p[1 + n] == WB_GRUB_DEVICE_END)
				p += n + 1;
			continue;
		}
		*out++ = *p;
	}
	if (out)
		*out = 0;
	return copy;
}

static int skip(
	const struct listing *f, const struct wb_grub_item *item, const char *why, const char *path)
{
	WB_CLEAN_STR title = shown(item->title);
	WB_CLEAN_STR name = shown(path ? path : "");

	if (!title || !name)
		return -ENOMEM;
	return wb_entries_warn(f->ret, "%s: '%s' was skipped: %s%s%s%s%s",
		item->file ? item->file : f->config, title, path ? "its kernel " : "", name,
		path ? (strncmp(why, "it ", 3) == 0 ? " " : ": ") : "",
		path && strncmp(why, "it ", 3) == 0 ? why + 3 : why,
		item == f->chosen ? "; GRUB would start it, so no entry is the default" : "");
}

/* Reason why an entry is not listed; NULL: it is. */
static const char *why_not(const struct wb_grub_item *item, const char **ret_path)
{
	const struct wb_grub_load *l = &item->load;

	*ret_path = NULL;
	if (item->is_maybe)
		return "only GRUB can know whether its menu has it";
	/* Entries of os-prober have paths on another system's disk. */
	if (item->id && strncmp(item->id, "osprober-", 9) == 0)
		return "it belongs to another system";
	if (l->is_unsure)
		return "only GRUB can know what it boots";
	if (!l->kernel) {
		*ret_path = l->linux_path;
		return l->why ? l->why : "it does not exist";
	}
	if (l->why)
		return l->why;
	if (l->cmdline && !wb_grub_is_known(l->cmdline))
		return "its command line depends on a value that only GRUB can know";
	return NULL;
}

static int fill(
	const struct listing *f, struct wb_grub_item *item, const char *id, struct wb_entry *e)
{
	struct wb_grub_load *l = &item->load;
	WB_CLEAN_STR name = shown(id);
	bool is_uki;
	int r;

	/* A unified kernel image has more facts about itself than GRUB's menu. */
	if (l->is_uki) {
		r = wb_grub_uki(f->files, l->kernel, &is_uki, e);
		if (r < 0)
			return r;
		free(e->id);
		free(e->title);
		free(e->source);
		free(e->kernel);
		e->id = e->title = e->source = e->kernel = NULL;
	}
	/* A BLS file has the same id whichever boot loader reads it. */
	if (!name || asprintf(&e->id, "%s%s", item->file ? "" : "grub:", name) < 0)
		e->id = NULL;
	if (asprintf(&e->source, "grub %s", item->file ? item->file : f->config) < 0)
		e->source = NULL;
	e->title = shown(item->title);
	e->kernel = l->kernel;
	l->kernel = NULL;
	if (!l->is_uki) {
		e->cmdline = l->cmdline;
		l->cmdline = NULL;
		e->initrds = l->initrds;
		l->initrds = (struct wb_strv){};
	}
	e->is_default = item == f->chosen;
	if (!e->id || !e->source || !e->title)
		return -ENOMEM;
	/* An entry that is no default clears no setting. */
	if (e->is_default && f->once && !e->lacks) {
		e->once = strdup(f->once);
		if (!e->once)
			return -ENOMEM;
	}
	if (!e->release)
		e->release = wb_entry_release(f->files, e->kernel);
	return 0;
}

/* Add an entry, or a warning for a skipped one. Entries that boot no Linux are dropped silently. */
static int add(const struct listing *f, struct wb_grub_item *item, const char *id)
{
	const char *linux_path = item->load.linux_path, *why, *path;
	const char *base = linux_path ? strrchr(linux_path, '/') : NULL;
	struct wb_entry e = {}, *slot;
	int r;

	if ((!linux_path && !item->load.is_unsure) || (base && strncmp(base, "/memtest", 8) == 0)) {
		WB_CLEAN_STR title = shown(item->title);

		if (item != f->chosen)
			return 0;
		return !title ? -ENOMEM
			      : wb_entries_warn(f->ret,
					"%s: the default entry '%s' %s: no entry is the default",
					f->config, title,
					item->load.opens_menu ? "opens another menu"
							      : "boots no Linux kernel");
	}
	why = why_not(item, &path);
	if (why)
		return skip(f, item, why, path);
	r = fill(f, item, id, &e);
	if (r == 0 && e.cannot) {
		r = skip(f, item, e.cannot, NULL);
	} else if (r == 0) {
		if (e.lacks && e.is_default)
			r = wb_entries_warn(f->ret,
				"%s: GRUB would start '%s', but %s: no entry is the default",
				f->config, e.title, e.lacks);
		e.is_default = e.is_default && !e.lacks;
		slot = r == 0 ? wb_entries_add(f->ret) : NULL;
		if (slot) {
			*slot = e;
			e = (struct wb_entry){};
		} else {
			r = -ENOMEM;
		}
	}
	wb_entry_deinit(&e);
	return r;
}

static int flatten(const struct listing *f, struct wb_grub_menu *menu, const char *above)
{
	int r = 0;

	for (size_t i = 0; i < menu->n && r == 0; i++) {
		struct wb_grub_item *item = &menu->items[i];
		WB_CLEAN_STR id = NULL;

		if (asprintf(&id, "%s%s%s", above, *above ? ">" : "",
			    item->id && wb_grub_is_known(item->id) ? item->id : item->title) < 0) {
			id = NULL;
			return -ENOMEM;
		}
		r = item->is_submenu ? flatten(f, &item->sub, id) : add(f, item, id);
	}
	return r;
}

int wb_grub_list_menu(const struct wb_grub *g, struct wb_grub_menu *menu,
	const struct wb_grub_item *chosen, struct wb_entries *ret)
{
	const struct listing f = {
		g->files, g->once, g->opened ? g->opened : g->config, chosen, ret};

	return flatten(&f, menu, "");
}
