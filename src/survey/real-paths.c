// SPDX-License-Identifier: LGPL-2.1-or-later
/* The configured files by names without links, as the processes of the unit see them. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/looking.h"

/* The unit's path seen from here: below /proc/PID/root. To be freed; NULL: out of memory. */
static char *seen_by(int64_t main_pid, const char *path)
{
	char *s;

	return asprintf(&s, "/proc/%lld/root%s", (long long)main_pid, path) < 0 ? NULL : s;
}

/*
 * Append one name to `done`, a path without symbolic links. If the new path is a link, the name is taken off again,
 * and *ret is the link's target; an absolute target empties `done`. Otherwise *ret is NULL.
 */
static int step(
	const struct wb_files *files, int64_t main_pid, char *done, const char *name, char **ret)
{
	WB_CLEAN_STR at = NULL;
	size_t n = strlen(done);

	*ret = NULL;
	if (!*name || !strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		if (strrchr(done, '/'))
			*strrchr(done, '/') = '\0';
		return 0;
	}
	if (snprintf(done + n, PATH_MAX - n, "/%s", name) >= (int)(PATH_MAX - n))
		return -ENAMETOOLONG;
	at = seen_by(main_pid, done);
	if (!at)
		return -ENOMEM;
	if (files->readlink(files->ctx, at, ret, NULL) < 0)
		*ret = NULL;
	else
		done[**ret == '/' ? 0 : n] = '\0';
	return 0;
}

/*
 * Resolve symbolic links in a path as the processes see it, except for its last part. The restore follows no
 * links, and the mount that the file is on is found by this path. Nothing is opened by it here: the later
 * open checks for links again (wb_open_below()).
 */
static int real_path(
	const struct wb_files *files, int64_t main_pid, const char *path, char ret[PATH_MAX])
{
	WB_CLEAN_STR rest = strdup(path);
	char done[PATH_MAX] = "";
	int r = 0;

	for (unsigned links = 0; r == 0 && rest;) {
		const char *from = rest + strspn(rest, "/");
		size_t n = strcspn(from, "/"), end = strspn(from + n, "/");
		bool last = !from[n + end];
		char name[NAME_MAX + 1], *target = NULL, *more = NULL;

		if (!*from)
			break;
		if (snprintf(name, sizeof(name), "%.*s", (int)n, from) >= (int)sizeof(name))
			return -ENAMETOOLONG;
		if (last) {
			size_t have = strlen(done), room = sizeof(done) - have;

			if (snprintf(done + have, room, "/%s", name) >= (int)room)
				r = -ENAMETOOLONG;
			break;
		}
		r = step(files, main_pid, done, name, &target);
		if (r == 0 && target && ++links > 40)
			r = -ELOOP;
		if (r == 0 && asprintf(&more, "%s/%s", target ? target : "", from + n) < 0) {
			more = NULL;
			r = -ENOMEM;
		}
		free(target);
		free(rest);
		rest = more;
	}
	if (!rest && r == 0)
		r = -ENOMEM;
	if (r == 0)
		snprintf(ret, PATH_MAX, "%s", *done ? done : "/");
	return r;
}

/* A link without a target exists, too, and travels as a link. */
int wb_looking_files(const struct wb_files *files, int64_t main_pid,
	const struct wb_keep_config *config, struct wb_strv *ret_real, struct wb_strv *ret_absent)
{
	int r = 0;

	for (size_t i = 0; r == 0 && config && i < config->files.n; i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR target = NULL;
		char real[PATH_MAX];

		/* A path that cannot be resolved, for example a circle of links, does not exist. */
		r = real_path(files, main_pid, config->files.items[i], real);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			snprintf(real, sizeof(real), "%s", config->files.items[i]);
		for (size_t n = strlen(real); n > 1 && real[n - 1] == '/'; n--)
			real[n - 1] = '\0';
		path = seen_by(main_pid, real);
		if (!path)
			return -ENOMEM;
		r = wb_strv_add(ret_real, real);
		if (r == 0 && !files->exists(files->ctx, path) &&
			files->readlink(files->ctx, path, &target, NULL) < 0)
			r = wb_strv_add(ret_absent, real);
	}
	return r;
}
