// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "keep/needs.h"

/* ---- fstab ---- */

static bool has_option(const char *options, size_t n, const char *want)
{
	size_t len = strlen(want);

	for (size_t i = 0; i + len <= n; i++)
		if ((i == 0 || options[i - 1] == ',') && !strncmp(options + i, want, len) &&
			(i + len == n || options[i + len] == ',' || options[i + len] == '='))
			return true;
	return false;
}

/* The next blank-separated field of a line; its length in *ret_n, 0 none. */
static const char *field(const char *p, size_t *ret_n)
{
	p += strspn(p, " \t");
	*ret_n = strcspn(p, " \t\n");
	return p;
}

static bool is_one_of(const char *s, size_t n, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == n && !strncmp(s, *list, n))
			return true;
	return false;
}

/* No service's files lie there. */
static bool is_beside(const char *where, size_t n)
{
	static const char *const places[] = {
		"/", "none", "swap", "/boot", "/efi", "/boot/efi", "/boot/firmware", NULL};

	return is_one_of(where, n, places);
}

static bool line_needs_udev(const char *line)
{
	static const char *const no_device[] = {"tmpfs", "proc", "sysfs", "devpts", "cgroup2",
		"debugfs", "tracefs", "mqueue", "hugetlbfs", "securityfs", "ramfs", "swap", NULL};
	size_t n_what, n_where, n_type, n_options;
	const char *what = field(line, &n_what), *where = field(what + n_what, &n_where);
	const char *type = field(where + n_where, &n_type);
	const char *options = field(type + n_type, &n_options);

	if (!n_what || *what == '#' || !n_where || is_beside(where, n_where))
		return false;
	return !is_one_of(type, n_type, no_device) && !has_option(options, n_options, "noauto") &&
	       !has_option(options, n_options, "x-systemd.automount");
}

bool wb_fstab_needs_udev(const char *fstab)
{
	while (*fstab) {
		if (line_needs_udev(fstab))
			return true;
		fstab += strcspn(fstab, "\n");
		fstab += !!*fstab;
	}
	return false;
}

/* ---- what a unit needs ---- */

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

/* Does fstab mount something upon /run that the path lies in? */
static bool is_of_fstab(const char *path, const char *fstab)
{
	while (*fstab) {
		size_t n_what, n;
		const char *what = field(fstab, &n_what), *where = field(what + n_what, &n);

		if (n_what && *what != '#' && n > strlen("/run/") &&
			!strncmp(where, "/run/", strlen("/run/")) && !strncmp(path, where, n) &&
			(path[n] == '/' || !path[n]))
			return true;
		fstab += strcspn(fstab, "\n");
		fstab += !!*fstab;
	}
	return false;
}

bool wb_lies_on_run(const char *path, const char *fstab)
{
	if (below(path, "/var/run"))
		path += strlen("/var");
	return below(path, "/run") && !below(path, "/run/lock") && !below(path, "/run/user") &&
	       !is_of_fstab(path, fstab);
}

bool wb_needs_mounts(const struct wb_manifest_unit *u, const char *fstab)
{
	for (size_t i = 0; i < u->files.n; i++)
		if (!wb_lies_on_run(u->files.items[i].path, fstab) &&
			!below(u->files.items[i].path, "/dev/shm"))
			return true;
	return false;
}

bool wb_needs_network(const struct wb_manifest *m, const struct wb_manifest_unit *u)
{
	if (u->late)
		return true;
	for (size_t i = 0; i < u->connections.n; i++)
		if (!wb_net_brings_back(&m->net, u->connections.items[i].local))
			return true;
	for (size_t i = 0; i < u->ports.n; i++)
		if (u->ports.items[i].address &&
			!wb_net_brings_back(&m->net, u->ports.items[i].address))
			return true;
	return false;
}
