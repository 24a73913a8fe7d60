// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding the processes and kept units that may write to the directories of a path. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "files/writers.h"

#define LARGEST (1u << 20)

void wb_writers_deinit(struct wb_writers *w)
{
	free(w->uids.items);
	free(w->gids.items);
	*w = (struct wb_writers){};
}

static bool has(const int64_t *items, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (items[i] == id)
			return true;
	return false;
}

static int add_id(void *list, const int64_t *items, size_t n, int64_t id)
{
	int64_t *new;

	if (has(items, n, id))
		return 0;
	new = wb_list_add(list, sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = id;
	return 0;
}

/*
 * In a sticky directory only the owner of an entry can move it (inode(7)). The group root counts as
 * root.
 */
static int add_directory(struct wb_writers *w, const struct stat *st)
{
	bool sticky = st->st_mode & S_ISVTX;
	int r = 0;

	if (st->st_uid)
		r = add_id(&w->uids, w->uids.items, w->uids.n, st->st_uid);
	if (r == 0 && !sticky && st->st_mode & S_IWGRP && st->st_gid)
		r = add_id(&w->gids, w->gids.items, w->gids.n, st->st_gid);
	w->all |= !sticky && st->st_mode & S_IWOTH;
	return r;
}

/*
 * Add all directories above a path, by its real location. A path that does not exist, or is no
 * directory, adds none.
 */
static int add_above(struct wb_writers *w, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct stat st, last = {};

	while (fd >= 0) {
		int above = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fstat(fd, &st) < 0)
			r = -errno;
		if (r == 0)
			r = add_directory(w, &st);
		close(fd);
		fd = above;
		/* The root directory is its own parent. */
		if (fd >= 0 && (r < 0 || (st.st_dev == last.st_dev && st.st_ino == last.st_ino))) {
			close(fd);
			break;
		}
		last = st;
	}
	return r == -ENOMEM ? r : 0;
}

int wb_writers_add(struct wb_writers *w, const char *path)
{
	char part[PATH_MAX];
	int r = 0;

	/* A link of the path is in a directory of its own. */
	for (const char *p = path; r == 0 && *p;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		if (snprintf(part, sizeof(part), "%.*s", (int)(p - path), path) >=
			(int)sizeof(part))
			break;
		r = add_above(w, part);
	}
	return r;
}

/* ---- processes that run ---- */

/* "Uid:" and "Gid:" have four numbers each, "Groups:" any number of them. */
static bool has_any(struct wb_span line, const int64_t *items, size_t n)
{
	struct wb_span word;
	uint64_t id;

	while (wb_take_word(&line, &word))
		if (wb_span_number(word, 10, &id) && id <= UINT32_MAX && has(items, n, (int64_t)id))
			return true;
	return false;
}

static bool is_any_but_root(struct wb_span line)
{
	struct wb_span word;
	uint64_t id;

	while (wb_take_word(&line, &word))
		if (!wb_span_number(word, 10, &id) || id)
			return true;
	return false;
}

/*
 * The only text that a process can choose is its name, and the kernel prints no line break in that
 * (proc_task_name() in fs/proc/array.c).
 */
static bool is_theirs(const struct wb_writers *w, const char *status)
{
	struct wb_span line, key;
	bool dead = false, roots = false, theirs = false;

	while (wb_take_line(&status, &line)) {
		struct wb_span rest = line;

		if (!wb_take_word(&rest, &key))
			continue;
		if (wb_span_is(key, "State:")) {
			dead = rest.n > 1 && strchr("ZX", rest.s[1]);
		} else if (wb_span_is(key, "Uid:")) {
			roots = !is_any_but_root(rest);
			theirs |= w->all || has_any(rest, w->uids.items, w->uids.n);
		} else if (wb_span_is(key, "Gid:") || wb_span_is(key, "Groups:")) {
			theirs |= has_any(rest, w->gids.items, w->gids.n);
		}
	}
	return theirs && !roots && !dead;
}

int64_t wb_writers_running(const struct wb_writers *w, const struct wb_files *files)
{
	WB_CLEAN_STRV names = {};
	int r;

	if (!w->uids.n && !w->gids.n && !w->all)
		return 0;
	r = files->list(files->ctx, "/proc", &names, NULL);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_BLOB status = {};
		char path[64], *end;
		long long pid = strtoll(names.items[i], &end, 10);

		if (*end || pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%lld/status", pid);
		r = files->read(files->ctx, path, LARGEST, &status, NULL);
		if (r == 0 && is_theirs(w, (const char *)status.data))
			return pid;
		if (r == -ENOENT || r == -ESRCH)
			r = 0;
	}
	return r;
}

const struct wb_manifest_unit *wb_writers_kept(
	const struct wb_writers *w, const struct wb_manifest *m, const struct wb_manifest_unit *but)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		for (size_t k = 0; u != but && wb_unit_is_checkpointed(u) && k < u->uids.n; k++)
			if (u->uids.items[k] &&
				(w->all || has(w->uids.items, w->uids.n, u->uids.items[k])))
				return u;
	}
	return NULL;
}
