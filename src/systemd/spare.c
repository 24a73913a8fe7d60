// SPDX-License-Identifier: LGPL-2.1-or-later
/* Drop-ins that keep units out of the way of a shutdown. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mounts.h"
#include "systemd/spare.h"
#include "systemd/systemctl.h"

/* A reload takes seconds on a loaded machine. */
#define RELOAD_MS 90000

#define DROPINS "/run/systemd/system"
/* It precedes every other directory (systemd.unit(5)), except its counterpart in /etc. */
#define IN_PLACE "/run/systemd/system.control"

/*
 * Without default dependencies a unit does not conflict with shutdown.target (systemd.service(5)).
 * If another unit stops it (by Requires= or PartOf=), its processes stay, because only
 * systemd-shutdown would kill them, and the freeze comes first.
 */
static const char of_unit[] = WB_JUMP_MARK "[Unit]\n"
					   "DefaultDependencies=no\n"
					   "IgnoreOnIsolate=yes\n";
/*
 * To systemd, the freeze looks as if the processes were killed. It must neither restart the
 * service, for which it checks no condition (unit_start() in src/core/unit.c), nor act on a
 * failure.
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

/* kind: ".slice" */
static bool is_kind(const char *name, size_t n, const char *kind)
{
	return n > strlen(kind) && !strncmp(name + n - strlen(kind), kind, strlen(kind));
}

static bool is_slice(const char *name, size_t n)
{
	return is_kind(name, n, ".slice");
}

bool wb_has_jump_mark(const char *text)
{
	return !strncmp(text, WB_JUMP_MARK, strlen(WB_JUMP_MARK));
}

int wb_spare_add(struct wb_strv *units, const char *unit, const char *cgroup)
{
	const char *p = cgroup ? cgroup : "";
	int r = wb_strv_add(units, unit);

	for (p += strspn(p, "/"); r == 0 && *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");
		WB_CLEAN_STR name = strndup(p, n);

		if (!name)
			return -ENOMEM;
		/* system.slice always exists, and needs no drop-in. */
		if (is_slice(p, n) && strcmp(name, "system.slice") != 0)
			r = wb_strv_add_once(units, name);
		p += n;
	}
	return r;
}

/* podman finds a container's network namespace and its root by these mounts when it saves it. */
static bool is_of_container(const struct wb_mount *m)
{
	static const char networks[] = "/run/netns/", root[] = "/merged";
	size_t n = strlen(m->point);

	if (!strcmp(m->fstype, "nsfs"))
		return !strncmp(m->point, networks, strlen(networks));
	return !strcmp(m->fstype, "overlay") && n > strlen(root) &&
	       !strcmp(m->point + n - strlen(root), root);
}

/*
 * Does a shutdown unmount it before the freeze, which needs it? systemd does not unmount its own early mounts;
 * those of units and sessions are not mount units to exempt.
 */
static bool is_in_the_way(const struct wb_mount *m)
{
	static const char *const others[] = {
		"/dev", "/sys", "/proc", "/run/credentials", "/run/systemd", "/run/user"};

	const char *point = m->point;

	if (is_of_container(m))
		return true;
	if (!wb_volatile_fs(m->fstype) || !strcmp(point, "/run"))
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
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV names = {};
	int r;

	/* Use the mounts that PID 1 sees. Without that list, no mount is exempt. */
	r = wb_mounts_read(files, "/proc/1/mountinfo", &mounts, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = wb_mount_units(&mounts, is_in_the_way, &names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = wb_strv_add_once(units, names.items[i]);
	return r;
}

static bool is_mount(const char *name)
{
	return is_kind(name, strlen(name), ".mount");
}

static void path_of(const char *unit, char *ret, size_t size)
{
	snprintf(ret, size, DROPINS "/%s.d/" WB_SPARE_NAME, unit);
}

static void in_place_of(const char *unit, char *ret, size_t size)
{
	snprintf(ret, size, IN_PLACE "/%s", unit);
}

static int reload(const struct wb_runner *runner, struct wb_error *err)
{
	return wb_systemctl(runner, &(struct wb_systemctl){"daemon-reload", .ms = RELOAD_MS}, err);
}

/* Remove a file unless another program wrote it. */
static bool remove_own(const struct wb_sys *sys, const char *path)
{
	WB_CLEAN_BLOB text = {};
	const char *name = strrchr(path, '/');

	if (sys->files->read(sys->files->ctx, path, 1 << 20, &text, NULL) < 0 ||
		!wb_has_jump_mark((const char *)text.data))
		return false;
	sys->remove_file(sys->ctx, path);
	/* Remove its directory too, if it is empty. */
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

/* A file of this name, from the directory that systemd uses. -ENOENT: there is none. */
static int read_named(const struct wb_files *files, const char *name, struct wb_blob *ret)
{
	static const char *const dirs[] = {"/run/systemd/transient", "/run/systemd/generator.early",
		"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
		"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
	char path[1280];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (files->read(files->ctx, path, 1 << 20, ret, NULL) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Read its unit file, or that of its template. -ENOENT: the unit has no file, only a mount. */
static int read_fragment(const struct wb_files *files, const char *unit, struct wb_blob *ret)
{
	const char *at = strchr(unit, '@'), *kind = strrchr(unit, '.');
	WB_CLEAN_STR name = NULL;
	int r = read_named(files, unit, ret);

	if (r != -ENOENT || !at || !kind || kind < at)
		return r;
	name = wb_strf("%.*s%s", (int)(at + 1 - unit), unit, kind);
	return name ? read_named(files, name, ret) : -ENOMEM;
}

char *wb_spare_text(const char *fragment)
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

/* A unit file that is already there has priority. */
static int write_in_place(const struct wb_sys *sys, const char *unit, struct wb_error *err)
{
	WB_CLEAN_BLOB fragment = {};
	WB_CLEAN_STR text = NULL;
	char path[1280];

	in_place_of(unit, path, sizeof(path));
	if (sys->files->exists(sys->files->ctx, path) ||
		read_fragment(sys->files, unit, &fragment) < 0)
		return 0;
	text = wb_spare_text((const char *)fragment.data);
	if (!text)
		return wb_oom(err);
	return *text ? write_text(sys, path, text, err) : 0;
}

static int spare(
	const struct wb_sys *sys, const char *unit, bool idle, bool shutdown, struct wb_error *err)
{
	bool mount = is_mount(unit), service = !idle && is_kind(unit, strlen(unit), ".service");
	char path[1280], text[512];
	int r;

	path_of(unit, path, sizeof(path));
	snprintf(text, sizeof(text), "%s%s%s", of_unit, service ? of_service : "",
		service && shutdown ? of_shutdown : "");
	r = write_text(sys, path, text, err);
	if (r == 0 && !is_slice(unit, strlen(unit)))
		r = write_in_place(sys, unit, err);
	/*
	 * The name of a mount unit may be too long for a file name. The mount is not exempt then,
	 * which costs its files at most.
	 */
	return mount && r == -ENAMETOOLONG ? 0 : r;
}

int wb_spare_units(const struct wb_sys *sys, const struct wb_runner *runner,
	const struct wb_strv *units, const struct wb_strv *idle, bool shutdown,
	struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < units->n && r == 0; i++)
		r = spare(sys, units->items[i], wb_strv_has(idle, units->items[i]), shutdown, err);
	if (r == 0) {
		r = reload(runner, err);
		/* systemd may have read the drop-ins although the reload failed. */
		if (r < 0)
			wb_spare_undo(sys, runner, units);
		return r;
	}
	remove_all(sys, units);
	return r;
}

void wb_spare_undo(
	const struct wb_sys *sys, const struct wb_runner *runner, const struct wb_strv *units)
{
	sys->remove_file(sys->ctx, WB_SPARE_FROZEN);
	remove_all(sys, units);
	reload(runner, NULL);
}

/* Remove each file "DIR/NAME" + `rest` that warmboot wrote. */
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

bool wb_spare_sweep(const struct wb_sys *sys, const struct wb_runner *runner)
{
	bool dropins = sweep(sys, DROPINS, "/" WB_SPARE_NAME);
	bool any = sweep(sys, IN_PLACE, "") || dropins;

	sys->remove_file(sys->ctx, WB_SPARE_FROZEN);
	if (any)
		reload(runner, NULL);
	return any;
}
