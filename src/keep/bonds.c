// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finds the units with which a shutdown would stop a kept unit. */
#include <errno.h>
#include <string.h>

#include "core/mounts.h"
#include "core/valid.h"
#include "keep/bonds.h"
#include "proc/proc.h"
#include "systemd/activation.h"
#include "systemd/unit.h"

void wb_bonds_deinit(struct wb_bonds *b)
{
	wb_strv_deinit(&b->bound);
	wb_strv_deinit(&b->why);
	wb_strv_deinit(&b->beside);
}

/* A search from unit to unit. */
struct search {
	const struct wb_files *files;
	const struct wb_services *services;
	struct wb_strv seen; /* in the order in which they are looked at */
	struct wb_strv
		sockets; /* socket units of the kept service itself: what they would start is there */
	struct wb_bonds found;
};

static bool is(const char *s, const char *want)
{
	return s && !strcmp(s, want);
}

static bool is_kind(const char *unit, const char *kind)
{
	return !strcmp(wb_unit_kind(unit), kind);
}

/*
 * Units that stop `of` when they stop. system.slice and the root's mount are never stopped. A unit other than a target
 * requires sysinit.target by default only, and no longer when it is exempt.
 */
static int follow(struct search *s, const struct wb_service *of)
{
	const struct wb_strv *const lists[] = {
		&of->required, &of->requisite, &of->bound, &of->part_of, &of->stop_propagated_from};
	int r = 0;

	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++)
		for (size_t i = 0; r == 0 && i < lists[k]->n; i++) {
			const char *unit = lists[k]->items[i];

			if (is(unit, "system.slice") || is(unit, "-.slice") ||
				is(unit, "-.mount") ||
				(is(unit, "sysinit.target") && of->id &&
					!is_kind(of->id, "target")))
				continue;
			r = wb_strv_add_once(&s->seen, unit);
		}
	return r;
}

/*
 * A socket unit that is stopped stops no service, but closes its own copies of the sockets, and may remove their files
 * (RemoveOnStop=). The freeze looks for the sockets that systemd shares with the service.
 */
static int follow_sockets(struct search *s, const struct wb_service *of)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < of->triggered_by.n; i++) {
		const char *unit = of->triggered_by.items[i];

		if (!wb_is_socket_unit(unit))
			continue;
		r = wb_strv_add(&s->sockets, unit);
		if (r == 0)
			r = wb_strv_add_once(&s->seen, unit);
	}
	return r;
}

/* Does the shutdown itself stop it? */
static bool is_stopped(const struct wb_service *u)
{
	static const char *const of_shutdown[] = {
		"shutdown.target", "umount.target", "final.target", "kexec.target"};

	for (size_t i = 0; i < sizeof(of_shutdown) / sizeof(*of_shutdown); i++)
		if (wb_strv_has(&u->conflicts, of_shutdown[i]))
			return true;
	return false;
}

/* 1: processes run in it, or that cannot be found out. */
static int has_processes(const struct wb_files *files, const struct wb_service *u)
{
	WB_CLEAN_PROCS procs = {};
	int r;

	if (u->main_pid)
		return 1;
	if (!u->cgroup || !*u->cgroup)
		return 0;
	r = wb_procs_read(files, u->cgroup, &procs, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r == -ENOMEM ? r : 1;
	return procs.n || procs.excess;
}

/* Its ExecStop= only closes what systemd-shutdown closes after the last unmount, too. */
static bool is_closed_later(const char *unit)
{
	static const char *const stacks[] = {
		"systemd-cryptsetup@", "systemd-veritysetup@", "systemd-integritysetup@"};

	for (size_t i = 0; i < sizeof(stacks) / sizeof(*stacks); i++)
		if (!strncmp(unit, stacks[i], strlen(stacks[i])))
			return true;
	return false;
}

/* Why it cannot simply be exempt; NULL: it can. */
static int obstacle(
	const struct search *s, const char *name, const struct wb_service *u, const char **ret)
{
	bool mount = is_kind(name, "mount"), service = is_kind(name, "service");
	bool own_socket = wb_strv_has(&s->sockets, name);
	int r = 0;

	/* The processes of a slice belong to other units. */
	if (is_kind(name, "slice"))
		*ret = NULL;
	else if (mount && wb_strv_has(&u->after, "remote-fs-pre.target"))
		*ret = "the network has to be there for it";
	else if (!mount && !service && !is_kind(name, "target") && !is_kind(name, "path") &&
		 !is_kind(name, "timer") && !own_socket)
		*ret = "it is of a kind that has to be stopped";
	else if (!is(u->active, "active"))
		*ret = "it is not at rest";
	else if ((r = has_processes(s->files, u)) > 0)
		*ret = "processes run in it";
	else if ((service || own_socket) && u->stops && !is_closed_later(name))
		*ret = "its ExecStop= or ExecStopPost= has to run";
	else
		*ret = NULL;
	return r < 0 ? r : 0;
}

static int add_bound(struct search *s, const char *unit, const char *why)
{
	int r = wb_strv_add(&s->found.bound, unit);

	return r == 0 ? wb_strv_addf(&s->found.why,
				"a shutdown stops %s (%s), and this unit with it, unless that is "
				"kept, too",
				unit, why)
		      : r;
}

static int look_at(struct search *s, const char *name)
{
	WB_CLEAN_SERVICE u = {};
	const char *why;
	int r = s->services->read(s->services->ctx, name, &u, NULL);

	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOENT ? 0 : r;
	if (r < 0)
		return add_bound(s, name, "perhaps; systemd does not tell of it");
	/* The stop of a unit that does not run takes no other unit along. */
	if (is(u.active, "inactive") || is(u.active, "failed"))
		return 0;
	if (is_stopped(&u)) {
		r = obstacle(s, name, &u, &why);
		if (r < 0 || why)
			return r < 0 ? r : add_bound(s, name, why);
		r = wb_strv_add_once(&s->found.beside, name);
	}
	return r == 0 ? follow(s, &u) : r;
}

static int search(struct search *s, size_t begin)
{
	int r = 0;

	for (size_t i = begin; r == 0 && i < s->seen.n; i++) {
		/* The list moves when it grows; its strings do not. */
		const char *name = s->seen.items[i];

		r = look_at(s, name);
	}
	return r;
}

static int finish(struct search *s, int r, struct wb_bonds *ret)
{
	wb_strv_deinit(&s->seen);
	wb_strv_deinit(&s->sockets);
	if (r < 0) {
		wb_bonds_deinit(&s->found);
		return r;
	}
	*ret = s->found;
	return 0;
}

int wb_bonds_find(const struct wb_files *files, const struct wb_services *services,
	const struct wb_service *of, struct wb_bonds *ret)
{
	struct search s = {.files = files, .services = services};
	int r = of->id ? wb_strv_add(&s.seen, of->id) : 0;
	size_t begin = s.seen.n;

	if (r == 0)
		r = follow(&s, of);
	if (r == 0)
		r = follow_sockets(&s, of);
	if (r == 0)
		r = search(&s, begin);
	return finish(&s, r, ret);
}

/* ---- disks ---- */

/* May a service have files there? */
static bool is_disk(const struct wb_mount *m)
{
	return !strncmp(m->source, "/dev/", strlen("/dev/")) && strcmp(m->point, "/") != 0 &&
	       strcmp(m->fstype, "devtmpfs") != 0 && strncmp(m->fstype, "fuse", 4) != 0 &&
	       !wb_path_is_in(m->point, "/boot") && !wb_path_is_in(m->point, "/efi") &&
	       !wb_path_is_in(m->point, "/run");
}

static int add_disk(const struct wb_files *files, const struct wb_services *services,
	const char *unit, struct wb_strv *units)
{
	struct search s = {.files = files, .services = services};
	WB_CLEAN_BONDS found = {};
	int r = wb_strv_add(&s.seen, unit);

	if (r == 0)
		r = search(&s, 0);
	r = finish(&s, r, &found);
	for (size_t i = 0; r == 0 && !found.bound.n && i < found.beside.n; i++)
		r = wb_strv_add_once(units, found.beside.items[i]);
	return r;
}

int wb_bonds_add_disks(
	const struct wb_files *files, const struct wb_services *services, struct wb_strv *units)
{
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV names = {};
	int r = wb_mounts_read(files, "/proc/1/mountinfo", &mounts, NULL);

	/* Without that list, no mount is exempt. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = wb_mount_units(&mounts, is_disk, &names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add_disk(files, services, names.items[i], units);
	return r;
}
