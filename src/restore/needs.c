// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which mounts and addresses a unit needs before it can be restored. */
#include <string.h>

#include "core/fstab.h"
#include "core/valid.h"
#include "restore/needs.h"
#include "systemd/definition.h"

/* ---- fstab ---- */

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

static bool line_needs_udev(const struct wb_fstab_line *l)
{
	static const char *const no_device[] = {"tmpfs", "proc", "sysfs", "devpts", "cgroup2",
		"debugfs", "tracefs", "mqueue", "hugetlbfs", "securityfs", "ramfs", "swap", NULL};
	/* Files of services do not lie there. */
	static const char *const beside[] = {
		"/", "none", "swap", "/boot", "/efi", "/boot/efi", "/boot/firmware", NULL};

	return !is_one_of(l->where, beside) && !is_one_of(l->type, no_device) &&
	       !wb_fstab_has_option(l, "noauto") && !wb_fstab_has_option(l, "x-systemd.automount");
}

bool wb_fstab_needs_udev(const char *fstab)
{
	WB_CLEAN_FSTAB all = {};

	/* Out of memory: the safe answer is to wait for udev. */
	if (wb_fstab_parse(fstab, &all) < 0)
		return true;
	for (size_t i = 0; i < all.n; i++)
		if (line_needs_udev(&all.items[i]))
			return true;
	return false;
}

/* ---- what a unit needs ---- */

/* Does the path lie in a file system that fstab mounts below /run? */
static bool is_of_fstab(const char *path, const char *fstab)
{
	WB_CLEAN_FSTAB all = {};

	if (wb_fstab_parse(fstab, &all) < 0)
		return true;
	for (size_t i = 0; i < all.n; i++)
		if (!strncmp(all.items[i].where, "/run/", strlen("/run/")) &&
			wb_path_is_in(path, all.items[i].where))
			return true;
	return false;
}

bool wb_lies_on_run(const char *path, const char *fstab)
{
	if (wb_path_is_in(path, "/var/run"))
		path += strlen("/var");
	return wb_path_is_in(path, "/run") && !wb_path_is_in(path, "/run/lock") &&
	       !wb_path_is_in(path, "/run/user") && !is_of_fstab(path, fstab);
}

/* The replacement mounts its own /tmp and /var/tmp inside the sandbox, whatever the machine has there. */
static bool lies_in_own_tmp(const char *path)
{
	return wb_path_is_in(path, "/tmp") || wb_path_is_in(path, "/var/tmp");
}

bool wb_needs_mounts(const struct wb_manifest_unit *u, const char *fstab)
{
	bool own_tmp = wb_definition_own_tmp(&u->definition);

	for (size_t i = 0; i < u->files.n; i++)
		if (!wb_lies_on_run(u->files.items[i].path, fstab) &&
			!wb_path_is_in(u->files.items[i].path, "/dev/shm") &&
			!(own_tmp && lies_in_own_tmp(u->files.items[i].path)))
			return true;
	return false;
}

bool wb_needs_network(const struct wb_manifest *m, const struct wb_manifest_unit *u)
{
	/* A program that is started with all others restores it. */
	if (u->late || wb_keep_way(u->how)->managed)
		return true;
	for (size_t i = 0; i < u->ends.connections.n; i++)
		if (!wb_net_brings_back(&m->net, u->ends.connections.items[i].local))
			return true;
	return false;
}
