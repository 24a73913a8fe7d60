// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Directories on a tmpfs that a unit has for itself. A service that makes /run/foo for its sockets may expect everything
 * in it later on, so all of it travels. With a directory that others use as well, only what is known to be needed does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/judging.h"
#include "survey/looking.h"

/* Many services and the machine itself have files here. */
static const char *const common[] = {"/run/systemd", "/run/udev", "/run/warmboot", "/run/lock",
	"/run/user", "/run/log", "/run/credentials", "/run/dbus"};

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return path && starts(path, dir) && path[n] == '/';
}

/* Each is compared with all that other processes have open. */
#define MOST_TOPS 64

char *wb_top_of(const struct wb_mounts *mounts, const char *dir)
{
	const struct wb_mount *m = *dir == '/' ? wb_mounts_at(mounts, dir) : NULL;
	size_t n;

	if (!m || !wb_travel_must(m->fstype, dir) || starts(dir, "/dev/"))
		return NULL;
	/* A part of a tmpfs that is mounted by itself, as ReadWritePaths= does it, is such a directory. */
	n = strlen(m->point);
	if (is(m->root, "/")) {
		/* Every user makes directories in /tmp. */
		if (!is_below(dir, m->point) || !is(m->point, "/run"))
			return NULL;
		n += 1 + strcspn(dir + n + 1, "/");
	}
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		if (n == strlen(common[i]) && !strncmp(dir, common[i], n))
			return NULL;
	return strndup(dir, n);
}

/* The tops of all sockets that the unit has bound. */
static int add_tops(
	const struct wb_proc *main, const struct wb_sockets *sockets, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sockets->n; i++) {
		const struct wb_socket *s = &sockets->items[i];
		WB_CLEAN_STR top = NULL;
		WB_CLEAN_STR dir = NULL;

		if (!s->own || !s->bound || !s->file || *s->file != '/')
			continue;
		dir = strndup(s->file, (size_t)(strrchr(s->file, '/') - s->file));
		if (!dir)
			return -ENOMEM;
		top = wb_top_of(&main->mounts, dir);
		r = top ? wb_strv_add_once(ret, top) : 0;
		if (r == 0 && ret->n > MOST_TOPS)
			r = -E2BIG;
	}
	return r;
}

/* Move to `used` those of the directories that `path` is in. */
static int note_use(const char *path, const struct wb_strv *tops, struct wb_strv *used)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < tops->n; i++)
		if (is_below(path, tops->items[i]))
			r = wb_strv_add_once(used, tops->items[i]);
	return r;
}

static int note_process(const struct wb_files *files, long long pid, const struct wb_strv *tops,
	struct wb_strv *used)
{
	WB_CLEAN_STRV fds = {};
	WB_CLEAN_BLOB maps = {};
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%lld/fd", pid);
	files->list(files->ctx, path, &fds, NULL);
	for (size_t i = 0; r == 0 && i < fds.n; i++) {
		WB_CLEAN_STR link = NULL;

		snprintf(path, sizeof(path), "/proc/%lld/fd/%.20s", pid, fds.items[i]);
		if (files->readlink(files->ctx, path, &link, NULL) == 0)
			r = note_use(link, tops, used);
	}
	snprintf(path, sizeof(path), "/proc/%lld/maps", pid);
	if (r < 0 || files->read(files->ctx, path, 64u << 20, &maps, NULL) < 0)
		return r;
	for (char *rest = (char *)maps.data, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (strchr(line, '/'))
			r = note_use(strchr(line, '/'), tops, used);
	return r;
}

int wb_looking_common(const struct wb_files *files, const struct wb_procs *procs, int64_t main_pid,
	const struct wb_sockets *sockets, struct wb_strv *ret)
{
	const struct wb_proc *main = wb_procs_find(procs, main_pid);
	WB_CLEAN_STRV tops = {}, pids = {};
	int r = main ? add_tops(main, sockets, &tops) : 0;

	if (r < 0 || !tops.n)
		return r;
	for (size_t i = 0; r == 0 && i < sockets->n; i++)
		if (!sockets->items[i].own && sockets->items[i].path)
			r = note_use(sockets->items[i].path, &tops, ret);
	files->list(files->ctx, "/proc", &pids, NULL);
	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		long long pid = atoll(pids.items[i]);

		if (pid > 0 && !wb_procs_find(procs, pid))
			r = note_process(files, pid, &tops, ret);
	}
	return r;
}
