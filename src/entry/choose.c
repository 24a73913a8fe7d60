// SPDX-License-Identifier: LGPL-2.1-or-later
/* Choosing an entry by its id, title, release or kernel, or as the default or the newest. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/version.h"
#include "core/cmdline.h"
#include "entry/entry.h"

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

/* Recovery entries, and profiles other than the first. A release never means these. */
static bool is_recovery(const struct wb_entry *e)
{
	static const char *const words[] = {"single", "recovery", "rescue", "emergency", "1", "S"};
	WB_CLEAN_STR unit = NULL;

	if (e->profile)
		return true;
	if (!e->cmdline)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (wb_cmdline_has(e->cmdline, words[i]))
			return true;
	return wb_cmdline_get(e->cmdline, "systemd.unit", &unit) == 0 &&
	       (strncmp(unit, "rescue", 6) == 0 || strncmp(unit, "emergency", 9) == 0);
}

/* A recovery entry or one of another root: the last choice for a release. */
static bool is_unusual(const struct wb_entry *e)
{
	return is_recovery(e) || e->other_root;
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

/* Choose by one property. 0, -ENOENT, -ENOTUNIQ, -ENOMEM. */
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
		usual += !is_unusual(fit[i]);
	for (size_t i = 0; i < n && r != 0; i++) {
		if (!fit[i]->is_default)
			continue;
		*ret = fit[i];
		r = 0;
	}
	if (n && r != 0) {
		const struct wb_entry *first = NULL;

		for (size_t i = 0; i < n && r != -ENOTUNIQ; i++) {
			if (usual && is_unusual(fit[i]))
				continue;
			if (first && !wb_entry_boots_the_same(first, fit[i]))
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

		/*
		 * Bad entries (no tries left), recovery kernels and kernels of other systems are
		 * not the result of an update.
		 */
		if (!v || is_unusual(&all->items[i]) ||
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
	for (size_t i = 0; strcmp(what, "default") == 0 && i < all->warnings.n; i++)
		if (strstr(all->warnings.items[i], "no entry is the default"))
			return wb_fail(err, -ENOENT, "%.400s; name an entry or 'newest'",
				all->warnings.items[i]);
	if (strcmp(what, "default") == 0)
		return wb_fail(err, -ENOENT,
			"no boot loader configuration says what a plain reboot would boot; name an "
			"entry, a kernel release or 'newest'");
	if (newest)
		return wb_fail(err, -ENOENT,
			"none of the %zu boot entries has a known kernel release; name one by its "
			"id",
			all->n);
	return wb_fail(err, -ENOENT,
		"no boot entry has the id, title, kernel release or kernel path '%.128s'; "
		"'warmboot list' shows the %zu that were found",
		what, all->n);
}
