// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The modules of all devices that the running system has bound to a driver, network cards first.
 * The root's modules are in modules.c, and the boot fails without them. Of these, each may be left
 * to udev, and is when it is not clear that udev would load the same module in the same way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "warminit/index.h"

/* Devices that are looked at, of each bus. */
#define DEVICES_MOST 2048

/* ---- what the administrator says about a module ---- */

/* A list of modules on the command line. */
struct listed {
	const char *name;
	bool found;
};

static int look_in_list(const char *name, const char *value, void *arg)
{
	struct listed *l = arg;
	char have[64];

	/* The kernel's own list, and that of modprobe(8). */
	if (!value || (strcmp(name, "module_blacklist") && strcmp(name, "modprobe.blacklist")))
		return 0;
	while (*value) {
		size_t n = strcspn(value, ",");

		wb_index_name((struct wb_span){value, n}, have);
		l->found |= !strcmp(have, l->name);
		value += n + (value[n] == ',');
	}
	return 0;
}

bool wb_index_is_special(const struct index *ix, const char *name)
{
	static const char *const words[] = {"blacklist", "install", "softdep", "weakdep"};
	struct listed listed = {.name = name};
	struct wb_span line, word[2];
	char have[64];

	for (const char *p = (const char *)ix->options.data; p && wb_take_line(&p, &line);) {
		if (!wb_take_words(&line, word, 2))
			continue;
		wb_index_name(word[1], have);
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (wb_span_is(word[0], words[i]) && !strcmp(have, name))
				return true;
	}
	wb_cmdline_each(ix->cmdline, look_in_list, &listed);
	return listed.found;
}

/* Does modprobe.d name other modules for this alias? kmod looks there first. -ENOMEM. */
static int is_renamed(const struct index *ix, const char *alias)
{
	struct wb_span line, word[2];

	for (const char *p = (const char *)ix->options.data; p && wb_take_line(&p, &line);) {
		WB_CLEAN_STR pattern = NULL;

		if (!wb_take_words(&line, word, 2) || !wb_span_is(word[0], "alias"))
			continue;
		pattern = wb_span_copy(word[1]);
		if (!pattern)
			return wb_oom(ix->err);
		if (fnmatch(pattern, alias, 0) == 0)
			return 1;
	}
	return 0;
}

/* ---- one device ---- */

/* Add the module with all that it depends on, or nothing. */
static int need_all_or_none(struct index *ix, const char *name)
{
	struct wb_error *err = ix->err, ignored;
	size_t n = ix->out->n, n_seen = ix->seen.n;
	bool special = wb_index_is_special(ix, name);
	int r = 0;

	ix->err = &ignored;
	if (!special)
		r = wb_index_need(ix, name, 0);
	ix->err = err;
	if (r == -ENOMEM)
		return wb_oom(err);
	for (size_t i = n; i < ix->out->n; i++)
		special |= wb_index_is_special(ix, ix->out->items[i].name);
	if (r == 0 && !special)
		return 0;
	wb_warm_modules_shorten(ix->out, n);
	while (ix->seen.n > n_seen)
		free(ix->seen.items[--ix->seen.n]);
	return 0;
}

/*
 * The module among those of the target's aliases: the one that drives the device now. A device that
 * another driver was given by hand has none. A driver that is built in now may tell no module; then the
 * only one is meant.
 */
static const char *choose(const struct wb_strv *names, const char *now)
{
	if (!*now)
		return names->n == 1 ? names->items[0] : NULL;
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->items[i], now))
			return names->items[i];
	return NULL;
}

static int need_device(struct index *ix, const char *dir)
{
	WB_CLEAN_BLOB modalias = {};
	WB_CLEAN_STRV names = {};
	char path[700], alias[1024], now[64];
	const char *name;
	int r;

	wb_index_link(ix, dir, "driver", now);
	snprintf(path, sizeof(path), "%s/modalias", dir);
	if (!*now || ix->files->read(ix->files->ctx, path, sizeof(alias), &modalias, NULL) < 0)
		return 0;
	snprintf(alias, sizeof(alias), "%.*s", (int)strcspn((const char *)modalias.data, "\n"),
		(const char *)modalias.data);
	/* Bridges work without a driver, and one that is late takes no time from others. */
	if (!*alias || (!strncmp(alias, "pci:", 4) && strstr(alias, "bc06")) ||
		wb_strv_has(&ix->asked, alias))
		return 0;
	if (wb_strv_add(&ix->asked, alias) < 0)
		return wb_oom(ix->err);
	r = is_renamed(ix, alias);
	if (r == 0)
		r = wb_index_match(ix, alias, &names);
	if (r != 0)
		return r < 0 ? r : 0;
	snprintf(path, sizeof(path), "%s/driver", dir);
	wb_index_link(ix, path, "module", now);
	/* The target has a driver built in, which may be the one that drives it now. */
	if (!*now && wb_index_is_builtin(ix, alias))
		return 0;
	name = choose(&names, now);
	return name ? need_all_or_none(ix, name) : 0;
}

/* ---- all of them ---- */

/* The directory that a link of /sys/class or /sys/bus leads to. false: it is no device. */
static bool find_device(const struct index *ix, const char *link, char *ret, size_t size)
{
	WB_CLEAN_STR target = NULL;
	const char *rest;

	if (ix->files->readlink(ix->files->ctx, link, &target, NULL) < 0)
		return false;
	rest = strstr(target, "../devices/");
	return rest && snprintf(ret, size, "/sys/%s", rest + 3) < (int)size;
}

int wb_index_need_network(struct index *ix)
{
	static const char top[] = "/sys/devices";
	WB_CLEAN_STRV names = {};
	int r = 0;

	if (ix->files->list(ix->files->ctx, "/sys/class/net", &names, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < names.n && i < DEVICES_MOST; i++) {
		char path[512], dir[600];
		size_t end = strlen(top);

		snprintf(path, sizeof(path), "/sys/class/net/%s", names.items[i]);
		if (!find_device(ix, path, dir, sizeof(dir)))
			continue;
		/* The device that is closest to the CPU comes first. */
		while (r == 0 && dir[end]) {
			char upper[600];

			end += 1 + strcspn(dir + end + 1, "/");
			snprintf(upper, sizeof(upper), "%.*s", (int)end, dir);
			r = need_device(ix, upper);
		}
	}
	return r;
}

int wb_index_need_devices(struct index *ix)
{
	WB_CLEAN_STRV buses = {};
	int r = 0;

	if (ix->files->list(ix->files->ctx, "/sys/bus", &buses, NULL) < 0)
		return 0;
	for (size_t b = 0; r == 0 && b < buses.n; b++) {
		WB_CLEAN_STRV names = {};
		char all[300], path[600], dir[600];

		snprintf(all, sizeof(all), "/sys/bus/%s/devices", buses.items[b]);
		if (ix->files->list(ix->files->ctx, all, &names, NULL) < 0)
			continue;
		for (size_t i = 0; r == 0 && i < names.n && i < DEVICES_MOST; i++) {
			snprintf(path, sizeof(path), "%s/%s", all, names.items[i]);
			if (find_device(ix, path, dir, sizeof(dir)))
				r = need_device(ix, dir);
		}
	}
	return r;
}
