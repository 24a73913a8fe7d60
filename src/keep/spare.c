// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "keep/spare.h"
#include "sys/spawn.h"

/* Re-reading all unit files takes a loaded machine seconds. */
#define RELOAD_MS 90000

#define MARK "# Written by warmboot for the time of a jump.\n"
#define DROPINS "/run/systemd/system"

/*
 * Without its default dependencies a unit is in no conflict with shutdown.target
 * (systemd.service(5)). Should something else stop it, a unit that requires it or PartOf=, its
 * processes still stay: systemd-shutdown would end them, but the freeze comes first.
 */
static const char of_unit[] = MARK "[Unit]\n"
				   "DefaultDependencies=no\n"
				   "IgnoreOnIsolate=yes\n";
static const char of_service[] = "[Service]\n"
				 "KillMode=none\n"
				 "ExecStop=\n"
				 "ExecStopPost=\n";

static bool is_slice(const char *name, size_t n)
{
	static const char kind[] = ".slice";

	return n > strlen(kind) && !strncmp(name + n - strlen(kind), kind, strlen(kind));
}

int wb_spare_add(struct wb_strv *units, const struct wb_manifest_unit *u)
{
	const char *p = u->cgroup ? u->cgroup : "";
	int r = wb_strv_add(units, u->unit);

	for (p += strspn(p, "/"); r == 0 && *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");
		WB_CLEAN_STR name = strndup(p, n);

		if (!name)
			return -ENOMEM;
		/* system.slice is always there, and has no file to add to. */
		if (is_slice(p, n) && strcmp(name, "system.slice") != 0)
			r = wb_strv_add_once(units, name);
		p += n;
	}
	return r;
}

static void path_of(const char *unit, char *ret, size_t size)
{
	snprintf(ret, size, DROPINS "/%s.d/" WB_SPARE_NAME, unit);
}

static int reload(struct wb_error *err)
{
	static const char *const argv[] = {"systemctl", "daemon-reload", NULL};

	return wb_spawn_ok(&(struct wb_spawn){.argv = argv, .deadline_ms = RELOAD_MS}, err);
}

static void remove_all(const struct wb_sys *sys, const struct wb_strv *units)
{
	char path[512];

	for (size_t i = 0; i < units->n; i++) {
		path_of(units->items[i], path, sizeof(path));
		sys->remove_file(sys->ctx, path);
	}
}

int wb_spare_units(const struct wb_sys *sys, const struct wb_strv *units, struct wb_error *err)
{
	char path[512], text[256];
	int r = 0;

	for (size_t i = 0; i < units->n && r == 0; i++) {
		const char *unit = units->items[i];

		path_of(unit, path, sizeof(path));
		snprintf(text, sizeof(text), "%s%s", of_unit,
			is_slice(unit, strlen(unit)) ? "" : of_service);
		r = sys->write_file(sys->ctx, path,
			(struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0644);
		if (r < 0)
			wb_fail(err, r, "cannot write %s", path);
	}
	if (r == 0) {
		r = reload(err);
		/* It may have been read all the same. */
		if (r < 0)
			wb_spare_undo(sys, units);
		return r;
	}
	remove_all(sys, units);
	return r;
}

void wb_spare_undo(const struct wb_sys *sys, const struct wb_strv *units)
{
	remove_all(sys, units);
	reload(NULL);
}

bool wb_spare_sweep(const struct wb_sys *sys)
{
	const struct wb_files *files = sys->files;
	WB_CLEAN_STRV dirs = {};
	bool any = false;

	files->list(files->ctx, DROPINS, &dirs, NULL);
	for (size_t i = 0; i < dirs.n; i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_BLOB text = {};

		if (asprintf(&path, DROPINS "/%s/" WB_SPARE_NAME, dirs.items[i]) < 0) {
			path = NULL;
			continue;
		}
		/* The boot after a jump has others of this name. */
		if (files->read(files->ctx, path, 1 << 16, &text, NULL) < 0 ||
			strncmp((const char *)text.data, MARK, strlen(MARK)) != 0)
			continue;
		sys->remove_file(sys->ctx, path);
		any = true;
	}
	if (any)
		reload(NULL);
	return any;
}
