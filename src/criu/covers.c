// SPDX-License-Identifier: LGPL-2.1-or-later
/* Compares those of a unit's mounts from which CRIU could be loaded with the machine's. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/strv.h"
#include "criu/covers.h"

/* The places from which ld.so(8) loads a program. The first two are files that tell it which libraries to load. */
static const char *const loaded[] = {
	"/etc/ld.so.preload", "/etc/ld.so.cache", "/usr", "/lib", "/lib32", "/lib64", "/libx32"};

/* Is `path` the directory or file `top`, or below it? */
static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (!strcmp(top, "/"))
		return true;
	return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

static bool matters(const char *point)
{
	for (size_t i = 0; i < sizeof(loaded) / sizeof(*loaded); i++)
		if (is_below(point, loaded[i]) || is_below(loaded[i], point))
			return true;
	return false;
}

/* Does the mount show the same directory that the machine has at this place? 1, 0, -ENOMEM. */
static int shows_the_same(const struct wb_mount *m, const struct wb_mounts *machine)
{
	const struct wb_mount *on = wb_mounts_at(machine, m->point);
	WB_CLEAN_STR root = NULL;
	const char *rest;

	if (!on || on->major != m->major || on->minor != m->minor)
		return 0;
	rest = m->point + (strcmp(on->point, "/") ? strlen(on->point) : 0);
	if (!strcmp(rest, "/"))
		rest = "";
	if (asprintf(&root, "%s%s", strcmp(on->root, "/") ? on->root : "", rest) < 0) {
		root = NULL;
		return -ENOMEM;
	}
	return !strcmp(*root ? root : "/", m->root);
}

/* InaccessiblePaths= mounts an empty file or directory of /run/systemd/inaccessible, which only root can write to. */
static bool is_inaccessible(const struct wb_mount *m, const struct wb_mounts *machine)
{
	const struct wb_mount *run = wb_mounts_at(machine, "/run");

	return run && !strcmp(run->point, "/run") && run->major == m->major &&
	       run->minor == m->minor && !strncmp(m->root, "/systemd/inaccessible/", 22);
}

int wb_covers_find(const struct wb_mounts *unit, const struct wb_mounts *machine, const char **ret)
{
	for (size_t i = 0; i < unit->n; i++) {
		const struct wb_mount *m = &unit->items[i];
		int r;

		if (!matters(m->point) || is_inaccessible(m, machine))
			continue;
		r = shows_the_same(m, machine);
		if (r < 0)
			return r;
		if (!r) {
			*ret = m->point;
			return 0;
		}
	}
	*ret = NULL;
	return 0;
}
