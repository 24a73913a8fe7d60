// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording and restoring the unit files, drop-ins and links below /run, which a reboot loses. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/manager.h"
#include "systemd/spare.h"

/* Larger than any unit file. */
#define LARGEST_UNIT_FILE (256u << 10)

static bool has_ending(const char *name, const char *const *endings)
{
	size_t n = strlen(name);

	for (; *endings; endings++) {
		size_t k = strlen(*endings);

		if (n > k && !strcmp(name + n - k, *endings))
			return true;
	}
	return false;
}

/* Endings of directories with drop-ins or links. */
static const char *const dir_endings[] = {".d", ".wants", ".requires", ".upholds", NULL};
/*
 * Scopes hold processes that other programs started; without the processes, their settings are
 * useless.
 */
static const char *const scope_endings[] = {".scope", ".scope.d", NULL};
static const char *const unit_endings[] = {".service", ".socket", ".timer", ".path", ".target",
	".mount", ".automount", ".swap", ".slice", NULL};
static const char *const conf_endings[] = {".conf", NULL};

/* warmboot's own files are for one jump only. */
static bool is_own(const char *name)
{
	return !strncmp(name, "warmboot-", strlen("warmboot-")) || strstr(name, "-warmboot.conf");
}

static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Add a file. One that has gone or cannot be read is left out, since units can end meanwhile. */
static int take_file(const struct wb_files *files, const char *path, struct wb_world *world)
{
	WB_CLEAN_STR target = NULL;
	WB_CLEAN_BLOB text = {};

	if (files->readlink(files->ctx, path, &target, NULL) == 0)
		return wb_world_add_file(world, path, target, (struct wb_bytes){});
	if (files->read(files->ctx, path, LARGEST_UNIT_FILE, &text, NULL) < 0 ||
		wb_has_jump_mark((const char *)text.data))
		return 0;
	return wb_world_add_file(world, path, NULL, wb_blob_view(&text));
}

static int take_dir(const struct wb_files *files, const char *dir, bool inner,
	const char *const *endings, struct wb_world *world)
{
	WB_CLEAN_STRV names = {};
	int r = 0;

	if (files->list(files->ctx, dir, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		const char *name = names.items[i];
		WB_CLEAN_STR path = NULL;

		if (is_own(name) || has_ending(name, scope_endings))
			continue;
		path = join(dir, name);
		if (!path)
			return -ENOMEM;
		if (!inner && has_ending(name, dir_endings))
			r = take_dir(files, path, true,
				has_ending(name, (const char *const[]){".d", NULL}) ? conf_endings
										    : unit_endings,
				world);
		else if (has_ending(name, endings))
			r = take_file(files, path, world);
	}
	return r;
}

int wb_runtime_files_read(const struct wb_files *files, struct wb_world *world)
{
	WB_CLEAN_STR base = wb_runtime_dir(world->uid);
	int r = base ? 0 : -ENOMEM;

	for (const char *const *dir = wb_runtime_dirs(world->uid); r == 0 && *dir; dir++) {
		WB_CLEAN_STR path = join(base, *dir);

		r = path ? take_dir(files, path, false, unit_endings, world) : -ENOMEM;
	}
	return r;
}

static int write_one(const struct wb_replay_host *host, const struct wb_unit_file *f,
	const char *path, bool over)
{
	const struct wb_sys *sys = host->sys;

	/* A file that this boot has made is newer. */
	if (!over && sys->files->exists(sys->files->ctx, path))
		return -EEXIST;
	if (f->link)
		return host->make_link(host->ctx, f->link, path);
	return sys->write_file(sys->ctx, path, (struct wb_bytes){f->text, f->size}, 0644);
}

static int warn(struct wb_strv *warnings, const char *path, int why)
{
	WB_CLEAN_STR text = NULL;

	if (asprintf(&text, "cannot write %s: %s", path, strerror(-why)) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return wb_strv_add(warnings, text);
}

/* The name of the transient unit whose unit file this is; NULL: it is another file. */
static const char *transient_unit(const struct wb_unit_file *f, int64_t uid)
{
	const char *rest;
	char dir[32];

	if (f->link || !wb_runtime_file_split(f->path, uid, dir, &rest))
		return NULL;
	return strcmp(dir, "transient") || strchr(rest, '/') ? NULL : rest;
}

int wb_runtime_files_transient(
	const struct wb_files *files, const struct wb_world *world, struct wb_strv *ret)
{
	/* Slices exist as soon as their units do; swap and targets cannot be transient. */
	static const char *const kinds[] = {
		".service", ".socket", ".timer", ".path", ".mount", ".automount", NULL};
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->n_files; i++) {
		const struct wb_unit_file *f = &world->files[i];
		const char *unit = transient_unit(f, world->uid);

		if (unit && has_ending(unit, kinds) && !files->exists(files->ctx, f->path))
			r = wb_strv_add(ret, unit);
	}
	return r;
}

int wb_runtime_files_write(const struct wb_replay_host *host, const struct wb_world *world,
	const struct wb_strv *made, size_t *ret_written, struct wb_strv *warnings)
{
	size_t written = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->n_files; i++) {
		const struct wb_unit_file *f = &world->files[i];
		const char *rest, *unit = transient_unit(f, world->uid);
		bool over = unit && wb_strv_has(made, unit);
		char dir[32];
		int w = wb_runtime_file_split(f->path, world->uid, dir, &rest)
				? write_one(host, f, f->path, over)
				: -EPERM;

		if (w == 0)
			written++;
		else if (w != -EEXIST)
			r = warn(warnings, f->path, w);
	}
	if (r == 0)
		*ret_written = written;
	return r;
}

int wb_runtime_files_generate(const struct wb_replay_host *host, const struct wb_world *world,
	const char *normal, const char *early)
{
	for (size_t i = 0; i < world->n_files; i++) {
		const struct wb_unit_file *f = &world->files[i];
		WB_CLEAN_STR path = NULL;
		const char *rest;
		char dir[32];

		if (!wb_runtime_file_split(f->path, world->uid, dir, &rest))
			continue;
		/* Nothing in a boot starts a transient unit, and it must stay transient. */
		if (!strcmp(dir, "transient"))
			continue;
		/*
		 * The settings of "systemctl set-property" precede /etc; the others come after it.
		 */
		path = join(!strcmp(dir, "system.control") ? early : normal, rest);
		if (!path)
			return -ENOMEM;
		write_one(host, f, path, false);
	}
	return 0;
}
