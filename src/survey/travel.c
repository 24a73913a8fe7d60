// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which files travel with a unit, because they lie on a tmpfs and the next boot would not have them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "survey/judging.h"

#define MOST_FILES 4096

/*
 * Deleted files are in CRIU's images. In /dev, which may be a sandbox's own tmpfs, only the shared memory of
 * shm_open(3) and sem_open(3) is files; the rest is devices.
 */
bool wb_travel_must(const char *fstype, const char *path)
{
	if (!wb_volatile_fs(fstype) || *path != '/' || wb_text_ends(path, " (deleted)"))
		return false;
	return !starts(path, "/dev/") || starts(path, "/dev/shm/");
}

/* Does `path` travel with the directory `dir`? It does not if something is mounted in between: wb_take_files(). */
static bool covers(const struct wb_judging *j, const char *dir, const char *path)
{
	const struct wb_proc *p = wb_judging_main(j);
	size_t n = strlen(dir);
	const struct wb_mount *on;

	if (!n || dir[n - 1] == '/' || !starts(path, dir) || path[n] != '/')
		return false;
	on = p ? wb_mounts_at(&p->mounts, dir) : NULL;
	for (size_t i = 0; on && i < p->mounts.n; i++) {
		const struct wb_mount *m = &p->mounts.items[i];
		size_t k = strlen(m->point);

		if (k > n && starts(path, m->point) && (!path[k] || path[k] == '/') &&
			(m->major != on->major || m->minor != on->minor))
			return false;
	}
	return true;
}

/* All paths that travel are added here, and none of them is in a directory that travels, too. */
void wb_travel_add_file(struct wb_judging *j, const char *path)
{
	struct wb_strv *files = &j->v.files;
	size_t n = 0;

	if (files->n >= MOST_FILES) {
		wb_refuse(j, "more than %d files that it has open or mapped would have to travel",
			MOST_FILES);
		return;
	}
	if (!wb_valid_path(path)) {
		wb_refuse(j, "its file %.100s has a path that cannot be passed to the next kernel",
			path);
		return;
	}
	for (size_t i = 0; i < files->n; i++)
		if (covers(j, files->items[i], path))
			return;
	for (size_t i = 0; i < files->n; i++) {
		if (covers(j, path, files->items[i]))
			free(files->items[i]);
		else
			files->items[n++] = files->items[i];
	}
	files->n = n;
	if (files->items)
		files->items[n] = NULL;
	if (wb_strv_add_once(files, path) < 0)
		j->error = -ENOMEM;
}

void wb_travel_add_directory(struct wb_judging *j, const char *path)
{
	WB_CLEAN_STR alone = NULL;

	if (asprintf(&alone, "%s/", path) < 0) {
		alone = NULL;
		j->error = -ENOMEM;
		return;
	}
	wb_travel_add_file(j, alone);
}

bool wb_travel_add_needed(struct wb_judging *j, const struct wb_proc *p, const char *path)
{
	const struct wb_mount *m = *path == '/' ? wb_mounts_at(&p->mounts, path) : NULL;

	if (!m || !wb_travel_must(m->fstype, path))
		return m && !wb_volatile_fs(m->fstype);
	if (!is(path, m->point) || !is(m->root, "/"))
		wb_travel_add_directory(j, path);
	return true;
}

/*
 * For example a semaphore: sem_open(3) creates it under another name, links it to its own name and removes the
 * first name, which the mapping of the process that created it still shows.
 */
void wb_travel_add_nameless(struct wb_judging *j, const char *path, int64_t device, int64_t inode)
{
	static const char gone[] = " (deleted)";
	struct wb_keep_nameless *n;

	if (!wb_text_ends(path, gone))
		return;
	for (size_t i = 0; i < j->v.nameless.n; i++)
		if (j->v.nameless.items[i].device == device &&
			j->v.nameless.items[i].inode == inode)
			return;
	if (j->v.nameless.n >= MOST_FILES) {
		wb_refuse(
			j, "it has more than %d files on a tmpfs whose names are gone", MOST_FILES);
		return;
	}
	n = wb_list_add(&j->v.nameless, sizeof(*n));
	if (n)
		n->path = strndup(path, strlen(path) - strlen(gone));
	if (!n || !n->path) {
		j->error = -ENOMEM;
		return;
	}
	n->device = device;
	n->inode = inode;
}

/* Is a file there in the next boot, too? Not one of PrivateTmp=, which makes a new directory at each start. */
static bool is_lasting(const struct wb_mount *m)
{
	return !wb_volatile_fs(m->fstype) && !strstr(m->root, "/systemd-private-");
}

static void add_named(struct wb_judging *j, const char *path)
{
	wb_travel_add_file(j, path);
	if (wb_valid_path(path) && wb_strv_add_once(&j->v.named, path) < 0)
		j->error = -ENOMEM;
}

void wb_travel_add_whole(struct wb_judging *j, const char *path)
{
	add_named(j, path);
}

/* A file on a disk must not travel: the next boot has it, and an old copy would overwrite it. */
static void add_named_file(struct wb_judging *j, const char *path)
{
	const struct wb_mount *m = wb_mounts_at(&wb_judging_main(j)->mounts, path);

	if (m && !is_lasting(m))
		add_named(j, path);
}

static void add_configured_file(struct wb_judging *j, const char *typed, const char *path)
{
	const struct wb_mount *m = wb_mounts_at(&wb_judging_main(j)->mounts, path);

	bool lasting = m && is_lasting(m);

	if (j->f->absent_files && wb_strv_has(j->f->absent_files, path)) {
		wb_warn(j, "%s, which is to travel, does not exist", typed);
		if (!lasting && wb_strv_add_once(&j->v.later, path) < 0)
			j->error = -ENOMEM;
	} else if (lasting) {
		wb_warn(j,
			"%s, which is to travel, lies on no tmpfs (but %s) and stays where it is",
			typed, m->fstype);
	} else {
		add_named(j, path);
	}
}

void wb_travel_add_named(struct wb_judging *j, const struct wb_keep_config *config)
{
	const struct wb_service *s = j->f->systemd;

	if (s->pid_file && *s->pid_file == '/' && wb_valid_path(s->pid_file))
		add_named_file(j, s->pid_file);
	/* The two directories of PrivateTmp= travel, even from a disk, because the restore creates new ones. */
	if (s->private_tmp && !j->v.plain) {
		add_named(j, "/tmp");
		add_named(j, "/var/tmp");
	}
	for (size_t i = 0; i < s->runtime_directories.n; i++) {
		WB_CLEAN_STR path = NULL;

		if (asprintf(&path, "/run/%s", s->runtime_directories.items[i]) < 0) {
			path = NULL;
			j->error = -ENOMEM;
		} else if (wb_valid_path(path)) {
			add_named_file(j, path);
		}
	}
	for (size_t i = 0; config && i < config->files.n; i++) {
		const char *typed = config->files.items[i];

		add_configured_file(
			j, typed, j->f->real_files ? j->f->real_files->items[i] : typed);
	}
}

/* Is it one of the files that travel already, or in one of the directories? */
static bool is_covered(const struct wb_judging *j, const char *path)
{
	for (size_t i = 0; i < j->v.files.n; i++)
		if (is(path, j->v.files.items[i]) || covers(j, j->v.files.items[i], path))
			return true;
	return false;
}

/*
 * The restore watches it by name again, so that name must exist. The root of a file system exists once it is
 * mounted. Any other directory travels without its content, which may belong to others.
 */
void wb_travel_add_watched(
	struct wb_judging *j, const struct wb_proc *p, const struct wb_proc_watch *w)
{
	const struct wb_mount *on = NULL;
	WB_CLEAN_STR path = NULL;

	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct wb_mount *m = &p->mounts.items[i];

		if (m->device != w->device || !wb_volatile_fs(m->fstype))
			continue;
		if (is(w->path, m->point) && is(m->root, "/"))
			return;
		on = m;
	}
	if (!on)
		return;
	if (!w->path) {
		wb_refuse(
			j, "it watches something on a tmpfs by inotify(7) whose name is not found");
		return;
	}
	if (!wb_travel_must(on->fstype, w->path) || is_covered(j, w->path))
		return;
	if (asprintf(&path, "%s%s", w->path, w->directory ? "/" : "") < 0) {
		path = NULL;
		j->error = -ENOMEM;
		return;
	}
	add_named(j, path);
}
