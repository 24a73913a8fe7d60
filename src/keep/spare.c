// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mounts.h"
#include "jump/record.h"
#include "keep/proc.h"
#include "keep/spare.h"
#include "sys/spawn.h"

/* Re-reading all unit files takes a loaded machine seconds. */
#define RELOAD_MS 90000

#define DROPINS "/run/systemd/system"
/* Before every other directory (systemd.unit(5)), but for its like in /etc. */
#define IN_PLACE "/run/systemd/system.control"

/*
 * Without its default dependencies a unit is in no conflict with shutdown.target
 * (systemd.service(5)). Should something else stop it, a unit that requires it or PartOf=, its
 * processes still stay: systemd-shutdown would end them, but the freeze comes first.
 */
static const char of_unit[] = WB_JUMP_MARK "[Unit]\n"
					   "DefaultDependencies=no\n"
					   "IgnoreOnIsolate=yes\n";
/*
 * To systemd its processes are killed in the freeze: it must neither start it again, for which it tests no
 * condition (unit_start() in src/core/unit.c), nor act on a failure.
 */
static const char of_service[] = "ConditionPathExists=!" WB_SPARE_FROZEN "\n"
				 "FailureAction=none\n"
				 "SuccessAction=none\n"
				 "[Service]\n"
				 "Restart=no\n"
				 "RestartForceExitStatus=\n"
				 "RuntimeMaxSec=infinity\n"
				 "ExecStop=\n"
				 "ExecStopPost=\n";
static const char of_shutdown[] = "KillMode=none\n";

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

/* Of what systemd mounts before all else it unmounts nothing; of a unit or a session it is theirs. */
static bool is_in_the_way(const char *type, const char *point)
{
	static const char *const others[] = {
		"/dev", "/sys", "/proc", "/run/credentials", "/run/systemd", "/run/user"};

	if (!wb_volatile_fs(type) || !strcmp(point, "/run"))
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		size_t n = strlen(others[i]);

		if (!strncmp(point, others[i], n) && (!point[n] || point[n] == '/'))
			return false;
	}
	return true;
}

int wb_spare_add_mounts(const struct wb_files *files, struct wb_strv *units)
{
	WB_CLEAN_STRV mounts = {};
	WB_CLEAN_BLOB text = {};
	int r = 0;

	/* As systemd sees them. */
	if (files->read(files->ctx, "/proc/1/mountinfo", 0, &text, NULL) < 0)
		return 0;
	r = wb_mount_units((const char *)text.data, is_in_the_way, &mounts);
	for (size_t i = 0; r == 0 && i < mounts.n; i++)
		r = wb_strv_add_once(units, mounts.items[i]);
	return r;
}

static bool is_mount(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot, ".mount");
}

static void path_of(const char *unit, char *ret, size_t size)
{
	snprintf(ret, size, DROPINS "/%s.d/" WB_SPARE_NAME, unit);
}

static void in_place_of(const char *unit, char *ret, size_t size)
{
	snprintf(ret, size, IN_PLACE "/%s", unit);
}

static int reload(struct wb_error *err)
{
	static const char *const argv[] = {"systemctl", "daemon-reload", NULL};

	return wb_spawn_ok(&(struct wb_spawn){.argv = argv, .deadline_ms = RELOAD_MS}, err);
}

/* What somebody else wrote under that name stays. */
static bool remove_own(const struct wb_sys *sys, const char *path)
{
	WB_CLEAN_BLOB text = {};
	const char *name = strrchr(path, '/');

	if (sys->files->read(sys->files->ctx, path, 1 << 20, &text, NULL) < 0 ||
		!wb_has_jump_mark((const char *)text.data))
		return false;
	sys->remove_file(sys->ctx, path);
	/* And its directory, where nobody else has a drop-in. */
	if (name && !strcmp(name, "/" WB_SPARE_NAME)) {
		WB_CLEAN_STR dir = strndup(path, (size_t)(name - path));

		if (dir)
			sys->remove_file(sys->ctx, dir);
	}
	return true;
}

static void remove_all(const struct wb_sys *sys, const struct wb_strv *units)
{
	char path[1280];

	for (size_t i = 0; i < units->n; i++) {
		path_of(units->items[i], path, sizeof(path));
		remove_own(sys, path);
		in_place_of(units->items[i], path, sizeof(path));
		if (is_mount(units->items[i]))
			remove_own(sys, path);
	}
}

static int write_text(
	const struct wb_sys *sys, const char *path, const char *text, struct wb_error *err)
{
	int r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0644);

	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

/* Its unit file, as systemd finds it; -ENOENT: nothing but the mount itself made the unit. */
static int read_fragment(const struct wb_files *files, const char *unit, struct wb_blob *ret)
{
	static const char *const dirs[] = {"/run/systemd/transient", "/run/systemd/generator.early",
		"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
		"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
	char path[1280];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], unit);
		if (files->read(files->ctx, path, 1 << 20, ret, NULL) == 0)
			return 0;
	}
	return -ENOENT;
}

char *wb_spare_mount_text(const char *fragment)
{
	static const char key[] = "Conflicts";
	char *text = malloc(sizeof(WB_JUMP_MARK) + strlen(fragment));
	bool drop = false, goes_on = false, dropped = false;
	char *to;

	if (!text)
		return NULL;
	to = stpcpy(text, WB_JUMP_MARK);
	while (*fragment) {
		const char *end = strchrnul(fragment, '\n');
		size_t n = (size_t)(end - fragment);

		const char *word = fragment + strspn(fragment, " \t");
		bool comment = !goes_on && (*word == '#' || *word == ';');

		if (!goes_on)
			drop = !strncmp(word, key, strlen(key)) &&
			       word[strlen(key) + strspn(word + strlen(key), " \t")] == '=';
		goes_on = !comment && n && end[-1] == '\\';
		n += *end != 0;
		if (!drop)
			to = mempcpy(to, fragment, n);
		dropped |= drop;
		fragment += n;
	}
	*to = 0;
	if (!dropped)
		*text = 0;
	return text;
}

/* Whoever has a unit file there already wants that one. */
static int write_in_place(const struct wb_sys *sys, const char *unit, struct wb_error *err)
{
	WB_CLEAN_BLOB fragment = {};
	WB_CLEAN_STR text = NULL;
	char path[1280];

	in_place_of(unit, path, sizeof(path));
	if (sys->files->exists(sys->files->ctx, path) ||
		read_fragment(sys->files, unit, &fragment) < 0)
		return 0;
	text = wb_spare_mount_text((const char *)fragment.data);
	if (!text)
		return wb_oom(err);
	return *text ? write_text(sys, path, text, err) : 0;
}

static int spare(const struct wb_sys *sys, const char *unit, bool shutdown, struct wb_error *err)
{
	bool mount = is_mount(unit), service = !mount && !is_slice(unit, strlen(unit));
	char path[1280], text[512];
	int r;

	path_of(unit, path, sizeof(path));
	snprintf(text, sizeof(text), "%s%s%s", of_unit, service ? of_service : "",
		service && shutdown ? of_shutdown : "");
	r = write_text(sys, path, text, err);
	if (r == 0 && mount)
		r = write_in_place(sys, unit, err);
	/* A mount's name may be too long for a file's; what is lost with it then is a file at most. */
	return mount && r == -ENAMETOOLONG ? 0 : r;
}

int wb_spare_units(
	const struct wb_sys *sys, const struct wb_strv *units, bool shutdown, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < units->n && r == 0; i++)
		r = spare(sys, units->items[i], shutdown, err);
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
	sys->remove_file(sys->ctx, WB_SPARE_FROZEN);
	remove_all(sys, units);
	reload(NULL);
}

/* Each "DIR/NAME" + `rest` that is ours. */
static bool sweep(const struct wb_sys *sys, const char *dir, const char *rest)
{
	const struct wb_files *files = sys->files;
	WB_CLEAN_STRV names = {};
	bool any = false;

	files->list(files->ctx, dir, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR path = NULL;

		if (asprintf(&path, "%s/%s%s", dir, names.items[i], rest) < 0)
			path = NULL;
		else if (remove_own(sys, path))
			any = true;
	}
	return any;
}

bool wb_spare_sweep(const struct wb_sys *sys)
{
	bool dropins = sweep(sys, DROPINS, "/" WB_SPARE_NAME);
	bool any = sweep(sys, IN_PLACE, "") || dropins;

	sys->remove_file(sys->ctx, WB_SPARE_FROZEN);
	if (any)
		reload(NULL);
	return any;
}
