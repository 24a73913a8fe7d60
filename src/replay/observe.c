// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording the units of a manager, and what is needed to start each again. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/manager.h"

static const char is_scope[] =
	"another program started its processes (a scope), and has to start them again";
static const char was_connection[] = "it served one connection, which has ended";
static const char in_session[] = "it belongs to a graphical session, which begins with a login";
static const char on_terminal[] = "it was bound to a terminal, which has ended";
static const char broken_off[] = "it does its work once, and the jump interrupted it; start it if "
				 "the work is to be done again";
static const char rescue[] = "a boot does not stop at this target by itself";

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static void facts_deinit(struct wb_unit_facts *facts)
{
	free(facts->bus_name);
	free(facts->where);
	free(facts->what);
}

#define CLEAN_FACTS __attribute__((cleanup(facts_deinit))) struct wb_unit_facts

/* The facts about the machine that mounts need. */
struct machine {
	struct wb_mounts mounts;
	struct wb_strv by_uuid;
};

static bool is_kind(const struct wb_unit *u, const char *kind)
{
	return !strcmp(wb_unit_kind(u->name), kind);
}

/* The uid of "user@UID.service"; -1: another unit. */
static int64_t user_of(const char *unit)
{
	char *end;
	long long uid;

	if (!starts_with(unit, "user@") || unit[5] < '0' || unit[5] > '9')
		return -1;
	uid = strtoll(unit + 5, &end, 10);
	return strcmp(end, ".service") || uid > UINT32_MAX ? -1 : uid;
}

/* Can the unit be left out by its name? */
static bool is_dull(const struct wb_replay_host *host, int64_t uid, const struct wb_unit *u)
{
	int64_t user = user_of(u->name);

	if (!wb_unit_is_up(u) && !wb_unit_is_starting(u))
		return true;
	if (is_kind(u, "device") || is_kind(u, "slice"))
		return true;
	if (u->state && !strcmp(u->state, "not-found"))
		return true;
	/* A login ends with the boot, and so does its manager, unless the user lingers. */
	if (starts_with(u->name, "session-") && is_kind(u, "scope"))
		return true;
	return uid < 0 && user >= 0 && !host->lingers(host->ctx, (uint32_t)user);
}

/* Is it "x@7-….service", made by x.socket for one connection? */
static bool is_connection(const struct wb_unit *u)
{
	const char *at = strchr(u->name, '@');
	size_t n = at ? at - u->name : 0;

	for (size_t i = 0; n && i < u->triggered_by.n; i++) {
		const char *by = u->triggered_by.items[i];

		if (!strncmp(by, u->name, n) && !strcmp(by + n, ".socket"))
			return true;
	}
	return false;
}

static bool in_graphical_session(const struct wb_unit *u)
{
	for (size_t i = 0; i < u->after.n; i++)
		if (starts_with(u->after.items[i], "graphical-session"))
			return true;
	return false;
}

static bool has_terminal(const struct wb_world *world, const struct wb_unit *u)
{
	if (!u->fragment || !u->state || strcmp(u->state, "transient"))
		return false;
	for (size_t i = 0; i < world->n_files; i++) {
		const struct wb_unit_file *f = &world->files[i];

		if (!f->link && !strcmp(f->path, u->fragment))
			return strstr((const char *)f->text, "TTYPath=/dev/pts/");
	}
	return false;
}

static int set(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : -ENOMEM;
}

/* Decide on one unit. 1: it stays in the record; 0: it does not. */
static int judge(const struct wb_world *world, struct wb_unit *u, const struct wb_unit_facts *facts)
{
	const char *why = NULL;

	u->by_bus = facts->bus_name && *facts->bus_name && u->state && !strcmp(u->state, "static");
	u->unasked = u->sub && !strcmp(u->sub, "exited") && !facts->asked;
	/*
	 * A oneshot that the jump interrupts is not repeated; if the boot starts it, the next boot
	 * does.
	 */
	if (facts->oneshot && wb_unit_is_starting(u)) {
		if (facts->asked && !wb_unit_is_by_hand(world, u))
			return 0;
		why = broken_off;
	}
	if (is_kind(u, "target")) {
		if (!facts->can_isolate && !wb_unit_is_by_hand(world, u))
			return 0;
		if (!strcmp(u->name, "rescue.target") || !strcmp(u->name, "emergency.target"))
			why = rescue;
	}
	if (is_kind(u, "scope"))
		why = is_scope;
	else if (is_connection(u))
		why = was_connection;
	else if (world->uid >= 0 && in_graphical_session(u))
		why = in_session;
	else if (has_terminal(world, u))
		why = on_terminal;
	return why ? set(&u->cannot, why) < 0 ? -ENOMEM : 1 : 1;
}

/* Write a unit file for a mount or swap without one. Returns as judge(). */
static int judge_made(const struct machine *machine, struct wb_world *world, struct wb_unit *u,
	const struct wb_unit_facts *facts)
{
	WB_CLEAN_STR dir = wb_runtime_dir(world->uid);
	WB_CLEAN_STR text = NULL;
	char path[4096];
	const char *why = NULL;
	int r = -ENOENT;

	if (is_kind(u, "mount") && facts->where)
		r = wb_mount_define(&machine->mounts, &machine->by_uuid, facts->where, &text, &why);
	else if (is_kind(u, "swap") && facts->what)
		r = wb_swap_define(facts->what, facts->priority, &machine->by_uuid, &text, &why);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		return set(&u->cannot, why) < 0 ? -ENOMEM : 1;
	if (r < 0 || !dir)
		return -ENOMEM;
	if (snprintf(path, sizeof(path), "%s/transient/%s", dir, u->name) >= sizeof(path))
		return 0;
	r = wb_world_add_file(
		world, path, NULL, (struct wb_bytes){(const uint8_t *)text, strlen(text)});
	if (r == 0)
		r = set(&u->state, "transient");
	return r < 0 ? r : 1;
}

static int move_unit(struct wb_world *to, struct wb_unit *from)
{
	struct wb_unit *u;
	int r = wb_world_add_unit(to, from->name, &u);

	if (r < 0)
		return r;
	free(u->name);
	*u = *from;
	*from = (struct wb_unit){};
	return 0;
}

static int observe_one(const struct machine *machine, struct wb_manager *m, struct wb_unit *u,
	struct wb_world *world, struct wb_error *err)
{
	bool made = world->uid < 0 && (is_kind(u, "mount") || is_kind(u, "swap"));
	CLEAN_FACTS facts = {};
	struct wb_error ignored;
	int r = m->facts(m->ctx, u, &facts, &ignored);

	/* The unit has ended since it was listed. */
	if (r < 0)
		return r == -ENOMEM ? wb_fail(err, r, "out of memory") : 0;
	/* A user's manager lists the system's mounts and swap, and cannot make them. */
	if ((is_kind(u, "mount") || is_kind(u, "swap")) && world->uid >= 0)
		return 0;
	r = made && !(u->fragment && *u->fragment) ? judge_made(machine, world, u, &facts)
						   : judge(world, u, &facts);
	if (r > 0)
		r = move_unit(world, u);
	return r < 0 ? wb_fail(err, r, "more units run than can be recorded") : 0;
}

static bool has_unit(const struct wb_world *world, const char *name, size_t n)
{
	for (size_t i = 0; i < world->n_units; i++)
		if (!strncmp(world->units[i].name, name, n) && !world->units[i].name[n])
			return true;
	return false;
}

/*
 * Is a transient unit's file needed? It is for units that are up, for those that a running unit
 * starts (systemd-run gives a timer the name of its service), and for slices, which contain others.
 * The other units have ended.
 */
static bool is_needed(const struct wb_world *world, const struct wb_unit_file *f)
{
	static const char *const triggers[] = {"timer", "path", "socket", "automount", NULL};
	char dir[32], name[512];
	const char *rest;
	size_t n;

	if (!wb_runtime_file_split(f->path, world->uid, dir, &rest) || strcmp(dir, "transient"))
		return true;
	n = strcspn(rest, "/");
	if (rest[n] == '/' && n > 2 && !strncmp(rest + n - 2, ".d", 2))
		n -= 2;
	if (has_unit(world, rest, n) || (n > 6 && !strncmp(rest + n - 6, ".slice", 6)))
		return true;
	while (n && rest[n - 1] != '.')
		n--;
	for (const char *const *kind = triggers; n && *kind; kind++) {
		snprintf(name, sizeof(name), "%.*s%s", (int)n, rest, *kind);
		if (has_unit(world, name, strlen(name)))
			return true;
	}
	return false;
}

/*
 * Record files of transient units that were kept over a jump as transient again. systemd cannot
 * adopt a running unit as transient, so their files are in the directory of ordinary units in this
 * boot.
 */
static int name_as_transient(struct wb_world *world)
{
	/* unit_make_transient() in src/core/unit.c */
	static const char mark[] = "# This is a transient unit file";
	WB_CLEAN_STR base = wb_runtime_dir(world->uid);

	for (size_t i = 0; i < world->n_files; i++) {
		struct wb_unit_file *f = &world->files[i];
		const char *rest;
		char dir[32], *path;

		if (f->size < strlen(mark) || memcmp(f->text, mark, strlen(mark)) ||
			!wb_runtime_file_split(f->path, world->uid, dir, &rest) ||
			strcmp(dir, "system"))
			continue;
		if (!base || asprintf(&path, "%s/transient/%s", base, rest) < 0)
			return -ENOMEM;
		free(f->path);
		f->path = path;
	}
	return 0;
}

/* Is the file there already? A replay after the restore may have written it, too. */
static bool has_path(const struct wb_unit_file *files, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(files[i].path, path))
			return true;
	return false;
}

static void drop_ended(struct wb_world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->n_files; i++) {
		struct wb_unit_file f = world->files[i];

		if (is_needed(world, &f) && !has_path(world->files, kept, f.path)) {
			world->files[kept++] = f;
			continue;
		}
		free(f.path);
		free(f.link);
		free(f.text);
	}
	world->n_files = kept;
}

static int add_unit(void *world, const char *name, struct wb_unit **ret)
{
	return wb_world_add_unit(world, name, ret);
}

static int list_units(struct wb_manager *m, struct wb_world *ret, struct wb_error *err)
{
	return m->list(m->ctx, add_unit, ret, err);
}

int wb_world_observe(const struct wb_replay_host *host, struct wb_manager *m, int64_t uid,
	struct wb_world *ret, struct wb_error *err)
{
	const struct wb_files *files = host->sys->files;
	WB_CLEAN_WORLD all = {.uid = uid}, world = {.uid = uid};
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV by_uuid = {};
	int r = list_units(m, &all, err);

	if (r < 0)
		return r;
	r = wb_runtime_files_read(files, &world);
	if (r == 0 && uid < 0)
		r = wb_by_uuid_read(files, &by_uuid);
	if (r < 0)
		return wb_fail(err, r, "there are more unit files below /run than can be recorded");
	if (uid < 0) {
		r = wb_mounts_read(files, "/proc/self/mountinfo", &mounts, err);
		if (r < 0 && r != -ENOENT)
			return r;
		r = 0;
	}
	for (size_t i = 0; r == 0 && i < all.n_units; i++) {
		struct machine machine = {mounts, by_uuid};

		if (!is_dull(host, uid, &all.units[i]))
			r = observe_one(&machine, m, &all.units[i], &world, err);
	}
	if (r < 0)
		return r;
	if (name_as_transient(&world) < 0)
		return wb_oom(err);
	drop_ended(&world);
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

int wb_world_glance(struct wb_manager *m, int64_t uid, struct wb_world *ret, struct wb_error *err)
{
	WB_CLEAN_WORLD all = {.uid = uid};
	int r = list_units(m, &all, err);

	for (size_t i = 0; r == 0 && i < all.n_units; i++) {
		struct wb_unit *u = &all.units[i];
		CLEAN_FACTS facts = {};

		/* Only mounts and swap need their unit file to be judged. */
		if (wb_unit_is_up(u) && (is_kind(u, "mount") || is_kind(u, "swap")))
			m->facts(m->ctx, u, &facts, NULL);
	}
	if (r < 0)
		return r;
	*ret = all;
	all = (struct wb_world){};
	return 0;
}
