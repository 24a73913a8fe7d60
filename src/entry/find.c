// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of boot entries: running the sources, removing doubles and marking the default. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "bls/pe.h"
#include "bls/sdboot.h"
#include "bls/sources.h"
#include "entry/entry.h"
#include "entry/sources.h"
#include "grub/config.h"
#include "grub/grub.h"

/* The file of an entry; `source` is "NAME FILE". */
static const char *file_of(const struct wb_entry *e)
{
	return e->source + strcspn(e->source, " ");
}

/*
 * Has the command line a variable such as "$tuned_params"? The "$" of "memmap=64M$0x10000000" is
 * none.
 */
static bool has_variable(const char *cmdline)
{
	for (const char *p = strchr(cmdline, '$'); p; p = strchr(p + 1, '$'))
		if (isalpha((unsigned char)p[1]) || p[1] == '_' || p[1] == '{')
			return true;
	return false;
}

/*
 * Have the first `n_before` entries this one already? A file is one entry, whichever boot loader
 * reads it. An entry with variables is compared by its kernel, since only GRUB can expand them.
 * Bare kernels (without command line) are also compared by release: /usr/lib/modules has copies of
 * /boot.
 */
static bool is_known(const struct wb_entries *all, size_t n_before, const struct wb_entry *e)
{
	bool bare = strncmp(e->source, "boot", 4) == 0 || strncmp(e->source, "modules", 7) == 0;
	bool vague = bare || (e->cmdline && has_variable(e->cmdline));

	for (size_t i = 0; i < n_before; i++) {
		const struct wb_entry *o = &all->items[i];

		if (wb_entry_boots_the_same(o, e) || strcmp(file_of(o), file_of(e)) == 0)
			return true;
		if (vague && strcmp(o->kernel, e->kernel) == 0)
			return true;
		if (bare && e->release && o->release && strcmp(o->release, e->release) == 0)
			return true;
	}
	return false;
}

/* Ids are unique in the list: a second "x" becomes "x#2". */
static int make_unique(const struct wb_entries *all, struct wb_entry *e)
{
	size_t n = strlen(e->id);
	unsigned int alike = 0;
	bool taken = false;

	for (size_t i = 0; i < all->n; i++) {
		const char *id = all->items[i].id;

		if (&all->items[i] == e || strncmp(id, e->id, n) != 0 || (id[n] && id[n] != '#'))
			continue;
		taken |= !id[n];
		alike++;
	}
	while (taken) {
		char *id = wb_strf("%.*s#%u", (int)n, e->id, ++alike);

		if (!id)
			return -ENOMEM;
		free(e->id);
		e->id = id;
		taken = false;
		for (size_t i = 0; i < all->n && !taken; i++)
			taken = &all->items[i] != e && strcmp(all->items[i].id, id) == 0;
	}
	return 0;
}

/*
 * Move the entries of `from` that the first `n_before` of `all` lack to `all`. If GRUB is in
 * charge, variables in a command line are GRUB's. An entry that still has some is skipped, since
 * nothing else can expand them.
 */
static int merge(struct wb_entries *all, size_t n_before, struct wb_entries *from,
	bool keep_default, bool is_grubs)
{
	int r;

	for (size_t i = 0; i < from->n; i++) {
		struct wb_entry *e;

		if (is_known(all, n_before, &from->items[i]))
			continue;
		if (is_grubs && from->items[i].cmdline && has_variable(from->items[i].cmdline)) {
			r = wb_entries_warn(all,
				"%s was skipped: only GRUB can expand the variables in its options",
				file_of(&from->items[i]) + 1);
			if (r < 0)
				return r;
			continue;
		}
		e = wb_entries_add(all);
		if (!e)
			return -ENOMEM;
		*e = from->items[i];
		from->items[i] = (struct wb_entry){};
		e->is_default = e->is_default && keep_default;
		r = make_unique(all, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < from->warnings.n; i++) {
		r = wb_strv_add(&all->warnings, from->warnings.items[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A boot loader and its menu, or the bare kernels without boot loader. */
struct loader {
	const char *info; /* beginning of its LoaderInfo; NULL: no boot loader */
	const struct wb_entry_source *sources[2];
	/*
	 * Sort the entries of its sources and, if it is in charge, mark the default. NULL: the
	 * source did that.
	 */
	int (*settle)(const struct wb_files *files, bool in_charge, struct wb_entries *all);
};

enum { SYSTEMD_BOOT, GRUB, NO_LOADER, N_LOADERS };

/* The usual order; the boot loader in charge comes first. */
static const struct loader loaders[] = {
	[SYSTEMD_BOOT] = {"systemd-boot", {&wb_source_bls, &wb_source_uki}, wb_sdboot_settle},
	[GRUB] = {"GRUB", {&wb_source_grub}, NULL},
	[NO_LOADER] = {NULL, {&wb_source_boot, &wb_source_modules}, NULL},
};

/* Drop the entries that only served to sort the menu. */
static void drop_unbootable(struct wb_entries *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].cannot)
			wb_entry_deinit(&all->items[i]);
		else
			all->items[n++] = all->items[i];
	}
	all->n = n;
}

static int run(const struct loader *l, const struct wb_files *files, bool in_charge, bool is_grubs,
	struct wb_entries *all, struct wb_error *err)
{
	WB_CLEAN_ENTRIES found = {};
	int r;

	for (size_t i = 0; i < 2 && l->sources[i]; i++) {
		WB_CLEAN_ENTRIES one = {};

		r = l->sources[i]->find(files, &one, err);
		if (r >= 0)
			/* systemd-boot shows doubles in its menu, so they stay for sorting. */
			r = merge(&found, l->settle ? 0 : found.n, &one, true, false);
		if (r < 0)
			return r;
	}
	if (l->settle) {
		r = l->settle(files, in_charge, &found);
		if (r < 0)
			return r;
	}
	drop_unbootable(&found);
	return merge(all, all->n, &found, in_charge, is_grubs);
}

static bool is_loader(const struct loader *l, const char *info)
{
	return info && strncasecmp(info, l->info, strlen(l->info)) == 0;
}

static struct wb_entry *default_of(const struct wb_entries *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->items[i].is_default)
			return &all->items[i];
	return NULL;
}

static void unmark(struct wb_entry *e)
{
	e->is_default = false;
	free(e->once);
	e->once = NULL;
}

/* Unmark the default if BootNext makes the firmware start another program. */
static int doubt_firmware(const struct wb_files *files, struct wb_entries *all)
{
	struct wb_entry *e = default_of(all);

	if (!e || !wb_boots_other_next(files))
		return 0;
	unmark(e);
	return wb_entries_warn(all,
		"the firmware is told to start something else next (BootNext): no "
		"entry is the default");
}

/*
 * Unmark GRUB's default if systemd-stub started the running kernel and no boot loader has given its
 * name. The firmware or an old GRUB has started the stub then. A default that is a unified kernel
 * image stays.
 */
static int doubt_stub(const struct wb_files *files, struct wb_entries *all)
{
	WB_CLEAN_STR stub = NULL;
	WB_CLEAN_PE pe = {};
	struct wb_entry *e = default_of(all);
	struct wb_error ignored = {};
	int r = e ? wb_loader_variable(files, "StubInfo", &stub) : -ENOENT;

	if (r == 0)
		r = wb_pe_read(files, e->kernel, &pe, &ignored);
	if (!stub || r == -ENOMEM || pe.kind == WB_PE_UKI)
		return r == -ENOMEM ? r : 0;
	unmark(e);
	return wb_entries_warn(all,
		"the running kernel is from a unified kernel image, and GRUB would start '%s', "
		"which is "
		"none: no entry is the default",
		e->title);
}

int wb_entries_find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	const struct loader *order[N_LOADERS] = {
		&loaders[SYSTEMD_BOOT], &loaders[GRUB], &loaders[NO_LOADER]};
	WB_CLEAN_ENTRIES all = {};
	WB_CLEAN_STR info = NULL;
	WB_CLEAN_STR config = NULL;
	bool grub_first, known;
	int r;

	r = wb_loader_variable(files, "LoaderInfo", &info);
	config = r == -ENOMEM ? NULL : wb_grub_config(files);
	known = !info || is_loader(&loaders[SYSTEMD_BOOT], info) || is_loader(&loaders[GRUB], info);
	grub_first = !is_loader(&loaders[SYSTEMD_BOOT], info) &&
		     (config || is_loader(&loaders[GRUB], info));
	if (grub_first) {
		order[0] = &loaders[GRUB];
		order[1] = &loaders[SYSTEMD_BOOT];
	}
	for (size_t i = 0; i < N_LOADERS && r != -ENOMEM; i++)
		r = run(order[i], files, i == 0 && known,
			grub_first && order[i] == &loaders[SYSTEMD_BOOT], &all, err);
	if (r != -ENOMEM && !known && all.n)
		r = wb_entries_warn(&all,
			"the boot loader '%s' is unknown, and so is the entry that it would start: "
			"no entry is the default",
			info);
	if (r != -ENOMEM && grub_first && !info)
		r = doubt_stub(files, &all);
	if (r != -ENOMEM)
		r = doubt_firmware(files, &all);
	if (r != -ENOMEM)
		r = wb_entries_note_roots(files, &all);
	if (r == -ENOMEM)
		return wb_fail(err, -ENOMEM, "out of memory while looking for boot entries");
	*ret = all;
	all = (struct wb_entries){};
	return 0;
}
