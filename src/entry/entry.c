// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "entry/internal.h"

const struct wb_entry_source *const wb_entry_sources[] = {
	&wb_source_bls,
	&wb_source_uki,
	&wb_source_grub,
	&wb_source_boot,
	&wb_source_modules,
	NULL,
};

struct wb_entry *wb_entries_add(struct wb_entries *all)
{
	struct wb_entry *items = realloc(all->items, (all->n + 1) * sizeof(*items));

	if (!items)
		return NULL;
	all->items = items;
	items[all->n] = (struct wb_entry){};
	return &items[all->n++];
}

bool wb_entries_has(const struct wb_entries *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].id, id) == 0)
			return true;
	return false;
}

int wb_entries_warn(struct wb_entries *all, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = wb_strv_vaddf(&all->warnings, fmt, ap);
	va_end(ap);
	return r;
}

void wb_entry_deinit(struct wb_entry *e)
{
	if (!e)
		return;
	free(e->id);
	free(e->title);
	free(e->source);
	free(e->kernel);
	wb_strv_deinit(&e->initrds);
	free(e->cmdline);
	free(e->release);
	free(e->version);
	free(e->sort_key);
	free(e->machine_id);
	*e = (struct wb_entry){};
}

void wb_entries_deinit(struct wb_entries *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->n; i++)
		wb_entry_deinit(&all->items[i]);
	free(all->items);
	wb_strv_deinit(&all->warnings);
	*all = (struct wb_entries){};
}

int wb_entry_read(const struct wb_files *files, const char *path, struct wb_entries *warn,
	struct wb_blob *ret)
{
	struct wb_error err = {};
	int r = files->read(files->ctx, path, WB_ENTRY_TEXT_LIMIT, ret, &err);

	if (r == -ENOMEM || r == -ENOENT || r >= 0)
		return r;
	if (wb_entries_warn(warn, "%s was skipped: %s", path, err.text) < 0)
		return -ENOMEM;
	return r;
}

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool boots_the_same(const struct wb_entry *a, const struct wb_entry *b)
{
	if (strcmp(a->kernel, b->kernel) != 0 || !same_string(a->cmdline, b->cmdline) ||
		a->initrds.n != b->initrds.n)
		return false;
	for (size_t i = 0; i < a->initrds.n; i++)
		if (strcmp(a->initrds.items[i], b->initrds.items[i]) != 0)
			return false;
	return true;
}

/* Sources are called "NAME FILE". */
static const char *file_of(const struct wb_entry *e)
{
	return e->source + strcspn(e->source, " ");
}

/* "$tuned_params", but not the "$" of "memmap=64M$0x10000000". */
static bool has_variable(const char *cmdline)
{
	for (const char *p = strchr(cmdline, '$'); p; p = strchr(p + 1, '$'))
		if (isalpha((unsigned char)p[1]) || p[1] == '_' || p[1] == '{')
			return true;
	return false;
}

/*
 * Did the sources before `n_before` give this one already? A file is the same entry however two
 * boot loaders read it, and what only GRUB can expand is known by its kernel. Bare kernels (no
 * command line known) are also the same when they are the same release: /usr/lib/modules holds
 * copies of /boot.
 */
static bool is_known(const struct wb_entries *all, size_t n_before, const struct wb_entry *e)
{
	bool bare = strncmp(e->source, "boot", 4) == 0 || strncmp(e->source, "modules", 7) == 0;
	bool vague = bare || (e->cmdline && has_variable(e->cmdline));

	for (size_t i = 0; i < n_before; i++) {
		const struct wb_entry *o = &all->items[i];

		if (boots_the_same(o, e) || strcmp(file_of(o), file_of(e)) == 0)
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
	char *base = e->id;
	unsigned int k = 1;

	for (size_t i = 0; i < all->n; i++) {
		char *id;

		if (&all->items[i] == e || strcmp(all->items[i].id, e->id) != 0)
			continue;
		if (asprintf(&id, "%s#%u", base, ++k) < 0) {
			if (e->id != base)
				free(base);
			return -ENOMEM;
		}
		if (e->id != base)
			free(e->id);
		e->id = id;
		i = (size_t)-1;
	}
	if (e->id != base)
		free(base);
	return 0;
}

/* Move what is new in `from` to `all`. */
static int merge(struct wb_entries *all, struct wb_entries *from, bool keep_default)
{
	size_t n_before = all->n;
	int r;

	for (size_t i = 0; i < from->n; i++) {
		struct wb_entry *e;

		if (is_known(all, n_before, &from->items[i]))
			continue;
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

/* The menus of boot loaders, and the bare kernels that belong to none. */
struct loader {
	const char *info; /* how its LoaderInfo begins; NULL: no boot loader */
	const struct wb_entry_source *sources[2];
	/* Order what the sources found together and mark the default; NULL: the source did. */
	int (*settle)(const struct wb_files *files, struct wb_entries *all, struct wb_error *err);
};

static const struct loader systemd_boot = {
	"systemd-boot", {&wb_source_bls, &wb_source_uki}, wb_sdboot_settle};
static const struct loader grub = {"GRUB", {&wb_source_grub}, NULL};
static const struct loader no_loader = {NULL, {&wb_source_boot, &wb_source_modules}, NULL};

static int run(const struct loader *l, const struct wb_files *files, bool in_charge,
	struct wb_entries *all, struct wb_error *err)
{
	WB_CLEAN_ENTRIES found = {};
	int r;

	for (size_t i = 0; i < 2 && l->sources[i]; i++) {
		WB_CLEAN_ENTRIES one = {};

		r = l->sources[i]->find(files, &one, err);
		if (r >= 0)
			r = merge(&found, &one, true);
		if (r < 0)
			return r;
	}
	if (l->settle) {
		r = l->settle(files, &found, err);
		if (r < 0)
			return r;
	}
	return merge(all, &found, in_charge);
}

int wb_entries_find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	const struct loader *order[] = {&systemd_boot, &grub, &no_loader};
	WB_CLEAN_ENTRIES all = {};
	WB_CLEAN_STR info = NULL;
	WB_CLEAN_STR config = NULL;
	bool grub_first;
	int r;

	r = wb_loader_variable(files, "LoaderInfo", &info);
	config = r == -ENOMEM ? NULL : wb_grub_config(files);
	if (info && strncasecmp(info, systemd_boot.info, strlen(systemd_boot.info)) == 0)
		grub_first = false;
	else
		grub_first =
			config || (info && strncasecmp(info, grub.info, strlen(grub.info)) == 0);
	if (grub_first) {
		order[0] = &grub;
		order[1] = &systemd_boot;
	}
	for (size_t i = 0; i < 3 && r != -ENOMEM; i++)
		r = run(order[i], files, i == 0, &all, err);
	if (r == -ENOMEM)
		return wb_fail(err, -ENOMEM, "out of memory while looking for boot entries");
	*ret = all;
	all = (struct wb_entries){};
	return 0;
}

static bool is_id(const struct wb_entry *e, const char *what)
{
	size_t n = strlen(e->id);

	if (strcmp(e->id, what) == 0)
		return true;
	if (strncmp(e->id, "grub:", 5) == 0 && strcmp(e->id + 5, what) == 0)
		return true;
	return strncmp(what, e->id, n) == 0 && strcmp(what + n, ".conf") == 0;
}

static bool is_title(const struct wb_entry *e, const char *what)
{
	return strcmp(e->title, what) == 0;
}

static bool is_release(const struct wb_entry *e, const char *what)
{
	return e->release && strcmp(e->release, what) == 0;
}

static bool is_kernel(const struct wb_entry *e, const char *what)
{
	return strcmp(e->kernel, what) == 0;
}

static bool is_default(const struct wb_entry *e, const char *what)
{
	return strcmp(what, "default") == 0 && e->is_default;
}

/* Entries that people keep for repairs: never what "this kernel" means. */
static bool is_recovery(const struct wb_entry *e)
{
	static const char *const words[] = {"single", "recovery", "rescue", "emergency", "1", "S"};
	WB_CLEAN_STR unit = NULL;

	if (!e->cmdline)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (wb_cmdline_has(e->cmdline, words[i]))
			return true;
	return wb_cmdline_get(e->cmdline, "systemd.unit", &unit) == 0 &&
	       (strncmp(unit, "rescue", 6) == 0 || strncmp(unit, "emergency", 9) == 0);
}

static int doubtful(const char *what, const struct wb_entry **fit, size_t n, struct wb_error *err)
{
	char list[400] = "";
	size_t at = 0;

	for (size_t i = 0; i < n && at < sizeof(list) - 1; i++)
		at += (size_t)snprintf(
			list + at, sizeof(list) - at, "%s%s", i ? ", " : "", fit[i]->id);
	if (at >= sizeof(list))
		memcpy(list + sizeof(list) - 4, "...", 4);
	return wb_fail(
		err, -ENOTUNIQ, "'%s' fits %zu entries; name one by its id: %s", what, n, list);
}

/* 0, -ENOENT, -ENOTUNIQ, -ENOMEM. */
static int choose_by(const struct wb_entries *all, const char *what,
	bool (*fits)(const struct wb_entry *e, const char *what), const struct wb_entry **ret,
	struct wb_error *err)
{
	const struct wb_entry **fit = calloc(all->n + 1, sizeof(*fit));
	size_t n = 0, usual = 0;
	int r = -ENOENT;

	if (!fit)
		return wb_fail(err, -ENOMEM, "out of memory while choosing a boot entry");
	for (size_t i = 0; i < all->n; i++)
		if (fits(&all->items[i], what))
			fit[n++] = &all->items[i];
	for (size_t i = 0; i < n; i++)
		usual += !is_recovery(fit[i]);
	for (size_t i = 0; i < n && r != 0; i++) {
		if (!fit[i]->is_default)
			continue;
		*ret = fit[i];
		r = 0;
	}
	if (n && r != 0) {
		const struct wb_entry *first = NULL;

		for (size_t i = 0; i < n && r != -ENOTUNIQ; i++) {
			if (usual && is_recovery(fit[i]))
				continue;
			if (first && !boots_the_same(first, fit[i]))
				r = doubtful(what, fit, n, err);
			else if (!first)
				first = fit[i];
		}
		if (r != -ENOTUNIQ) {
			*ret = first;
			r = 0;
		}
	}
	free(fit);
	return r;
}

static const char *newest_release(const struct wb_entries *all)
{
	const char *best = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const char *v = all->items[i].release;

		/* Bad entries (no tries left) and repair kernels are not what an update brought. */
		if (!v || is_recovery(&all->items[i]) ||
			(all->items[i].counted && !all->items[i].tries_left))
			continue;
		if (!best || wb_version_compare(v, best) > 0)
			best = v;
	}
	return best;
}

int wb_entries_choose(const struct wb_entries *all, const char *what, const struct wb_entry **ret,
	struct wb_error *err)
{
	static bool (*const ways[])(const struct wb_entry *e, const char *what) = {
		is_default,
		is_id,
		is_title,
		is_release,
		is_kernel,
	};
	bool newest = strcmp(what, "newest") == 0;
	const char *release = newest ? newest_release(all) : NULL;
	int r = -ENOENT;

	if (newest && release)
		return choose_by(all, release, is_release, ret, err);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways) && r == -ENOENT; i++)
		r = choose_by(all, what, ways[i], ret, err);
	if (r != -ENOENT)
		return r;
	if (!all->n)
		return wb_fail(err, -ENOENT,
			"there is no boot entry '%.128s', and no other in /boot, /efi or "
			"/usr/lib/modules; name files with --kernel",
			what);
	if (strcmp(what, "default") == 0)
		return wb_fail(err, -ENOENT,
			"no boot loader configuration tells what a plain reboot would boot; name "
			"an entry, "
			"a kernel release or 'newest'");
	if (newest)
		return wb_fail(err, -ENOENT,
			"none of the %zu boot entries tells its kernel release; name one by its id",
			all->n);
	return wb_fail(err, -ENOENT,
		"no boot entry has the id, title, kernel release or kernel path '%.128s'; "
		"'warmboot list' shows the %zu that were found",
		what, all->n);
}
