// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * GRUB's menu as boot entries, and which of them GRUB would boot (GRUB manual, "default": a
 * number, a title or an id, and ">" between the levels of submenus).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/grub-script.h"

char *wb_grub_config(const struct wb_files *files)
{
	/* Debian and Ubuntu, Arch, NixOS; Fedora, RHEL, openSUSE. */
	static const char *const usual[] = {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"};
	WB_CLEAN_STRV vendors = {};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (files->exists(files->ctx, usual[i]))
			return strdup(usual[i]);
	/* Before Fedora 34 and RHEL 9 the whole configuration lay on the ESP of EFI machines. */
	if (files->list(files->ctx, "/boot/efi/EFI", &vendors, &err) < 0)
		return NULL;
	for (size_t i = 0; i < vendors.n; i++) {
		char *path;

		if (asprintf(&path, "/boot/efi/EFI/%s/grub.cfg", vendors.items[i]) < 0)
			return NULL;
		if (files->exists(files->ctx, path))
			return path;
		free(path);
	}
	return NULL;
}

/* Is `name` what `spec` says up to its end or the first single ">"? ">>" stands for ">". */
static bool is_spec(const char *name, const char *spec)
{
	for (; name && *name; name++, spec++) {
		if (*spec == '>' && *++spec != '>')
			return false;
		if (*name != *spec)
			return false;
	}
	return name && (!*spec || (spec[0] == '>' && spec[1] != '>'));
}

/* What `spec` chooses; the first entry where it names none, as GRUB does. NULL: empty menu. */
static const struct wb_grub_item *choose(const struct wb_grub_menu *menu, const char *spec)
{
	const struct wb_grub_item *item = NULL;
	const char *rest = spec;
	size_t digits = strspn(spec, "0123456789");

	if (!menu->n)
		return NULL;
	if (digits && digits < 9 && (!spec[digits] || spec[digits] == '>')) {
		unsigned long k = strtoul(spec, NULL, 10);

		item = k < menu->n ? &menu->items[k] : NULL;
	} else {
		for (size_t i = 0; i < menu->n && !item; i++)
			if (is_spec(menu->items[i].title, spec) || is_spec(menu->items[i].id, spec))
				item = &menu->items[i];
	}
	if (!item)
		item = &menu->items[0];
	if (!item->is_submenu)
		return item;
	while (*rest && (rest[0] != '>' || rest[1] == '>'))
		rest += *rest == '>' ? 2 : 1;
	return choose(&item->sub, *rest ? rest + 1 : "");
}

struct flatten {
	const struct wb_files *files;
	const char *config;
	const struct wb_grub_item *chosen;
	struct wb_entries *ret;
};

/* Kernel and initrds as the running system sees them. -ENOENT: the kernel is not there. */
static int resolve(const struct flatten *f, const struct wb_grub_item *item, struct wb_entry *e)
{
	bool nomem;

	e->kernel = wb_grub_path(f->files, item->linux_path, &nomem);
	if (!e->kernel)
		return nomem ? -ENOMEM : -ENOENT;
	for (size_t i = 0; i < item->initrds.n; i++) {
		const char *path = item->initrds.items[i];
		WB_CLEAN_STR real = wb_grub_path(f->files, path, &nomem);

		/* Loading will say by this name that it is missing. */
		if (nomem || wb_strv_add(&e->initrds, real ? real : path) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int fill(const struct flatten *f, const struct wb_grub_item *item, const char *id,
	struct wb_entry *e)
{
	/* A BLS file has the same id whichever boot loader reads it. */
	if (asprintf(&e->id, "%s%s", item->file ? "" : "grub:", id) < 0)
		e->id = NULL;
	e->title = strdup(item->title);
	e->cmdline = strdup(item->cmdline);
	if (asprintf(&e->source, "grub %s", item->file ? item->file : f->config) < 0)
		e->source = NULL;
	if (!e->id || !e->title || !e->cmdline || !e->source)
		return -ENOMEM;
	e->release = wb_entry_release(f->files, e->kernel);
	e->is_default = item == f->chosen;
	return 0;
}

/* Warnings for what is skipped; entries that boot no Linux at all are left out silently. */
static int add(const struct flatten *f, const struct wb_grub_item *item, const char *id)
{
	const char *base = item->linux_path ? strrchr(item->linux_path, '/') : NULL;
	struct wb_entry e = {}, *slot;
	int r;

	if (!item->linux_path || (base && strncmp(base, "/memtest", 8) == 0))
		return item != f->chosen ? 0
					 : wb_entries_warn(f->ret,
						   "%s: the default entry '%s' boots no Linux "
						   "kernel: no entry is the default",
						   f->config, item->title);
	/* Paths of an entry that os-prober made are those of another system's disk. */
	if (item->id && strncmp(item->id, "osprober-", 9) == 0)
		return wb_entries_warn(f->ret, "%s: '%s' was skipped: it belongs to another system",
			f->config, item->title);
	r = resolve(f, item, &e);
	if (r == -ENOENT)
		r = wb_entries_warn(f->ret, "%s: '%s' was skipped: its kernel %s does not exist",
			item->file ? item->file : f->config, item->title, item->linux_path);
	else if (r == 0) {
		r = fill(f, item, id, &e);
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

static int flatten(const struct flatten *f, const struct wb_grub_menu *menu, const char *above)
{
	int r = 0;

	for (size_t i = 0; i < menu->n && r == 0; i++) {
		const struct wb_grub_item *item = &menu->items[i];
		WB_CLEAN_STR id = NULL;

		if (asprintf(&id, "%s%s%s", above, *above ? ">" : "",
			    item->id ? item->id : item->title) < 0) {
			id = NULL;
			return -ENOMEM;
		}
		r = item->is_submenu ? flatten(f, &item->sub, id) : add(f, item, id);
	}
	return r;
}

/* What GRUB's core sets before the script runs; the features are those of 2.12. */
static int preset(struct wb_grub *g, const char *config)
{
	static const char *const features[] = {"chainloader_bpb", "ntldr", "platform_search_hint",
		"default_font_path", "all_video_module", "menuentry_id", "menuentry_options",
		"200_final", "nativedisk_cmd", "timeout_style"};
	bool efi = g->files->exists(g->files->ctx, "/sys/firmware/efi");
	WB_CLEAN_STR dir = strndup(config, (size_t)(strrchr(config, '/') - config));

	if (!dir || wb_grub_set(&g->env, "prefix", dir) < 0 ||
		wb_grub_set(&g->env, "config_directory", dir) < 0 ||
		wb_grub_set(&g->env, "config_file", config) < 0 ||
		wb_grub_set(&g->env, "root", "root") < 0 ||
		wb_grub_set(&g->env, "grub_platform", efi ? "efi" : "pc") < 0)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		char name[64];

		snprintf(name, sizeof(name), "feature_%s", features[i]);
		if (wb_grub_set(&g->env, name, "y") < 0)
			return -ENOMEM;
	}
	return 0;
}

int wb_grub_find(const struct wb_files *files, const char *config, struct wb_entries *ret,
	struct wb_error *err)
{
	struct wb_grub_menu menu = {};
	struct wb_grub g = {.files = files, .warn = ret, .menu = &menu};
	struct flatten f = {.files = files, .config = config, .ret = ret};
	int r = preset(&g, config);

	if (r == 0)
		r = wb_grub_run_file(&g, config);
	if (r == 0) {
		f.chosen = choose(&menu, wb_grub_get(&g.env, "default"));
		r = flatten(&f, &menu, "");
	}
	wb_grub_menu_deinit(&menu);
	wb_grub_deinit(&g);
	return r < 0 ? wb_fail(err, r, "out of memory while reading %s", config) : 0;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	WB_CLEAN_STR config = wb_grub_config(files);

	return config ? wb_grub_find(files, config, ret, err) : 0;
}

const struct wb_entry_source wb_source_grub = {"grub", find};
