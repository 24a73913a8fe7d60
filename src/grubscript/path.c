// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding GRUB's paths in the running system. GRUB names a file system by a device or by the result
 * of "search". Its path begins at the root of the file system: above the subvolume of btrfs or the
 * data set of ZFS that is mounted. /proc/self/mountinfo and /dev/disk say where that is, if it is
 * mounted here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "grubscript/device.h"
#include "grubscript/path.h"

/* Devices that never hold this system: GRUB makes or fetches their contents. */
static bool is_other_device(const char *name)
{
	static const char *const prefixes[] = {"loop", "memdisk", "cd", "fd", "proc", "tftp",
		"http", "pxe", "net", "host", "procfs", "cbfsdisk"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Does fstab name the root by its UUID? Then it names that of /boot, too. */
static bool knows_own(const struct wb_files *files)
{
	static const char *const begins[] = {"UUID=", "/dev/disk/by-uuid/"};
	WB_CLEAN_BLOB text = {};
	struct wb_error ignored = {};

	if (files->read(files->ctx, "/etc/fstab", WB_TEXT_LIMIT, &text, &ignored) < 0)
		return false;
	for (const char *p = (char *)text.data; *p; p += strcspn(p, "\n"), p += *p == '\n')
		for (size_t i = 0; i < 2; i++) {
			const char *point = p + strcspn(p, " \t\n");

			point += strspn(point, " \t");
			if (strncmp(p, begins[i], strlen(begins[i])) == 0 && *point == '/' &&
				strchr(" \t", point[1]))
				return true;
		}
	return false;
}

/*
 * The path in the running system for GRUB's `path` in the file system of `m`, to be freed; NULL if
 * `m` does not show it. *ret_nomem.
 */
static char *mapped(struct wb_grub *g, const struct wb_mount *m, const char *path, bool *ret_nomem)
{
	const char *point = strcmp(m->point, "/") == 0 ? "" : m->point, *rest = NULL;
	size_t n = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);
	char *s;

	if (strcmp(m->fstype, "zfs") == 0) {
		/* "/DATASET@/path"; a name behind the "@" is a snapshot. */
		const char *at = strstr(path, "@/"), *set = strchr(m->source, '/');
		size_t len = at ? (size_t)(at - path) : 0;

		set = set ? set : "/";
		if (at && ((len == strlen(set) && strncmp(path, set, len) == 0) ||
				  (!set[1] && len == 1)))
			rest = at + 1;
	} else if (!n || (strncmp(path, m->root, n) == 0 && (path[n] == '/' || !path[n]))) {
		rest = path + n;
	} else if (strcmp(m->fstype, "btrfs") == 0 && strcmp(m->point, "/") == 0 &&
		   *wb_grub_get(g, "btrfs_relative_path")) {
		/* openSUSE's paths begin at the default subvolume, which is the running one. */
		rest = path;
	}
	if (!rest)
		return NULL;
	if (asprintf(&s, "%s%s", point, *rest || *point ? rest : "/") < 0) {
		*ret_nomem = true;
		return NULL;
	}
	return s;
}

/*
 * openSUSE's GRUB mounts subvolumes below the default one as fstab does (its btrfs-mount-subvol),
 * so it finds /.snapshots/grub-snapshot.cfg.
 */
static bool is_in_subvolume(struct wb_grub *g, const struct wb_mount *m, const struct wb_mount *at)
{
	return *wb_grub_get(g, "btrfs_relative_path") && strcmp(m->fstype, "btrfs") == 0 &&
	       strcmp(m->point, "/") == 0 && wb_grub_same_device(m, at);
}

/* Search the mounts: those of the configuration's device if `own`, else the others. */
static int search_mounts(struct wb_grub *g, const struct wb_grub_device *d, const char *path,
	bool own, char **ret_path, const struct wb_mount **ret_mount, bool *ret_any, bool *ret_sure,
	bool *ret_several)
{
	const struct wb_mount *config = wb_mounts_at(&g->mounts, g->config);

	for (size_t i = 0; i < g->mounts.n; i++) {
		const struct wb_mount *m = &g->mounts.items[i], *at;
		WB_CLEAN_STR full = NULL;
		bool yes, nomem = false;

		if ((config && wb_grub_same_device(config, m)) != own)
			continue;
		if (wb_grub_device_fits(g, d, m, &yes, ret_sure) < 0)
			return -ENOMEM;
		if (!yes)
			continue;
		*ret_any = true;
		full = mapped(g, m, path, &nomem);
		if (nomem)
			return -ENOMEM;
		at = full ? wb_mounts_at(&g->mounts, full) : NULL;
		/* Another mount hides the path. */
		if (!at || !(at->id == m->id || is_in_subvolume(g, m, at)) ||
			!g->files->exists(g->files->ctx, full))
			continue;
		if (*ret_path) {
			*ret_several |= !wb_grub_same_device(*ret_mount, m);
			continue;
		}
		*ret_path = full;
		full = NULL;
		*ret_mount = m;
	}
	return 0;
}

static const char no_device[] = "it is not known which file system of this machine that is";
static const char not_here[] = "it is on a file system that this system has not mounted";
static const char no_subvolume[] =
	"it belongs to a subvolume, snapshot or data set that is not this system's";

/* Does any mount of that device show this path, whether or not the file exists? */
static int is_covered(
	struct wb_grub *g, const struct wb_grub_device *d, const char *path, bool *ret)
{
	*ret = false;
	for (size_t i = 0; i < g->mounts.n && !*ret; i++) {
		bool yes, sure = false, nomem = false;
		WB_CLEAN_STR full = NULL;

		if (wb_grub_device_fits(g, d, &g->mounts.items[i], &yes, &sure) < 0)
			return -ENOMEM;
		full = yes ? mapped(g, &g->mounts.items[i], path, &nomem) : NULL;
		if (nomem)
			return -ENOMEM;
		*ret = full != NULL;
	}
	return 0;
}

static int by_mounts(struct wb_grub *g, const struct wb_grub_device *d, const char *path,
	char **ret_path, const char **ret_why)
{
	const struct wb_mount *mount = NULL;
	bool any = false, sure = false, several = false, covered = false;
	int r = search_mounts(g, d, path, true, ret_path, &mount, &any, &sure, &several);

	if (r == 0 && !*ret_path)
		r = search_mounts(g, d, path, false, ret_path, &mount, &any, &sure, &several);
	if (r < 0)
		return r;
	if (*ret_path && several && !sure) {
		free(*ret_path);
		*ret_path = NULL;
		*ret_why = no_device;
		return WB_GRUB_UNSURE;
	}
	if (*ret_path)
		return WB_GRUB_FOUND;
	if (!any) {
		*ret_why = not_here;
		return WB_GRUB_FOREIGN;
	}
	r = is_covered(g, d, path, &covered);
	if (r < 0)
		return r;
	if (!covered) {
		*ret_why = no_subvolume;
		return WB_GRUB_FOREIGN;
	}
	/*
	 * Without a list of UUIDs, the file system that this system or the first entry names counts
	 * as its own.
	 */
	sure |= (d->kind == 'u' || d->kind == 'l') &&
		(!g->claimed_device || strcasecmp(g->claimed_device, d->id) == 0 ||
			wb_grub_device_is_own(g->files, d->id));
	*ret_why = sure ? "it does not exist" : no_device;
	return sure ? WB_GRUB_ABSENT : WB_GRUB_UNSURE;
}

/* `prefix` + `path` if that exists. */
static char *existing(
	const struct wb_files *files, const char *prefix, const char *path, bool *ret_nomem)
{
	char *full;

	if (*ret_nomem)
		return NULL;
	if (asprintf(&full, "%s%s", prefix, path) < 0) {
		*ret_nomem = true;
		return NULL;
	}
	if (files->exists(files->ctx, full))
		return full;
	free(full);
	return NULL;
}

/* Length of the part of GRUB's path above "/boot/…" of the running system, such as "/@". */
static size_t above(const char *path)
{
	const char *at = strstr(path, "@/");

	/* ZFS has /DATASET@/path. */
	if (at && at[2] && strncmp(path, "/@/", 3) != 0)
		return (size_t)(at + 1 - path);
	at = strstr(path, "/boot/");
	return at ? (size_t)(at - path) : 0;
}

/* Without a list of mounts, find the path by testing which files exist. */
static int by_names(struct wb_grub *g, const char *path, char **ret_path, const char **ret_why)
{
	const char *base = g->base;
	size_t n = strlen(base), n_above = above(path);
	bool nomem = false, in_base = strncmp(path, base, n) == 0 && path[n] == '/';
	const char *p = n_above && path[n_above - 1] == '@' ? path + n_above : path;
	char *s;

	/*
	 * Prefer "/vmlinuz" at the root of a /boot partition to the link of that name that Debian
	 * keeps at the root of the system; "/boot/vmlinuz" is the other way round.
	 */
	s = existing(g->files, in_base ? "" : base, p, &nomem);
	if (!s)
		s = existing(g->files, in_base ? base : "", p, &nomem);
	/* A FAT partition may hold the whole path. */
	if (!s)
		s = existing(g->files, "/boot/efi", p, &nomem);
	if (!s)
		s = existing(g->files, "/efi", p, &nomem);
	/* btrfs has /SUBVOLUME/boot/vmlinuz. */
	if (!s && n_above)
		s = existing(g->files, "", path + n_above, &nomem);
	if (nomem)
		return -ENOMEM;
	*ret_path = s;
	*ret_why = s ? NULL : "it does not exist";
	return s ? WB_GRUB_FOUND : WB_GRUB_ABSENT;
}

static bool is_absolute(const char *path)
{
	if (*path == '(')
		path += strcspn(path, ")") + (strchr(path, ')') != NULL);
	return *path == '/';
}

int wb_grub_locate(struct wb_grub *g, const char *path, char **ret_path, const char **ret_why)
{
	struct wb_grub_device d = {};
	WB_CLEAN_STR p = NULL;
	char *found = NULL;
	bool nomem = false;
	int r = wb_grub_device_split(g, path, &d, &p);

	*ret_why = "only GRUB can know which file that is";
	if (r == 0 && !is_absolute(path)) {
		/* A list of blocks is no file (grub_file_open()). */
		*ret_why = "it does not exist";
		r = WB_GRUB_ABSENT;
	} else if (r == 0 && d.kind == 's') {
		found = existing(g->files, "", p, &nomem);
		r = nomem ? -ENOMEM : found ? WB_GRUB_FOUND : WB_GRUB_ABSENT;
		*ret_why = "it does not exist";
	} else if (r == 0 && d.kind == 'n' && is_other_device(d.id)) {
		*ret_why = "it is in an image or on a medium that is not this system's";
		r = WB_GRUB_FOREIGN;
	} else if (r == 0 && d.is_none) {
		*ret_why = "no device of this machine has that name";
		r = WB_GRUB_ABSENT;
	} else if (r == 0 && d.is_absent) {
		*ret_why = "no file system of this machine has that id or label";
		r = WB_GRUB_FOREIGN;
	} else if (r == 0 && g->mounts.n) {
		r = by_mounts(g, &d, p, &found, ret_why);
	} else if (r == 0) {
		r = by_names(g, p, &found, ret_why);
		/* A name of GRUB's can mean any device. */
		if (d.kind == 'n' && (r == WB_GRUB_ABSENT || !p[1])) {
			*ret_why = no_device;
			r = WB_GRUB_UNSURE;
		}
	}
	wb_grub_device_deinit(&d);
	if (r == WB_GRUB_FOUND) {
		*ret_path = found;
		*ret_why = NULL;
	} else {
		free(found);
	}
	return r;
}

/* Remember the first value, and check that later ones equal it. */
static int claim_one(char **first, const char *now, size_t n, bool *ret_ok)
{
	if (!*first) {
		*first = strndup(now, n);
		return *first ? 0 : -ENOMEM;
	}
	*ret_ok &= strlen(*first) == n && strncasecmp(*first, now, n) == 0;
	return 0;
}

int wb_grub_claim(
	struct wb_grub *g, const char *path, int place, char **path_inout, const char **ret_why)
{
	struct wb_grub_device d = {};
	WB_CLEAN_STR p = NULL;
	bool ok = true, told;
	int r;

	if (place != WB_GRUB_FOUND)
		return place;
	r = wb_grub_device_split(g, path, &d, &p);
	told = g->mounts.n && (d.node || d.is_zfs);
	/*
	 * Compare the disk and not the partition: /boot may be on another partition than the root.
	 */
	if (r == 0 && d.kind == 'n' && strncmp(d.id, "hd", 2) == 0)
		r = claim_one(&g->claimed_device, d.id, strcspn(d.id, ","), &ok);
	else if (r == 0 && d.kind == 'u' && !told && knows_own(g->files))
		ok = wb_grub_device_is_own(g->files, d.id);
	else if (r == 0 && (d.kind == 'u' || d.kind == 'l') && !told &&
		 !(d.kind == 'u' && wb_grub_device_is_own(g->files, d.id)))
		r = claim_one(&g->claimed_device, d.id, strlen(d.id), &ok);
	/* Compare the part above /boot only if the file was found without it. */
	if (r == 0 && !g->mounts.n && above(p) && !wb_text_ends(*path_inout, p))
		r = claim_one(&g->claimed_above, p, above(p), &ok);
	wb_grub_device_deinit(&d);
	if (r < 0 || ok)
		return r;
	free(*path_inout);
	*path_inout = NULL;
	*ret_why = no_device;
	return WB_GRUB_FOREIGN;
}

int wb_grub_block_device(struct wb_grub *g, const char *path, char **ret_node, const char **ret_why)
{
	struct wb_grub_device d = {};
	WB_CLEAN_STR p = NULL;
	const struct wb_mount *found = NULL;
	bool yes = false, sure = false;
	int r = wb_grub_device_split(g, path, &d, &p);

	*ret_why = no_device;
	for (size_t i = 0; i < g->mounts.n && r == 0 && !found; i++) {
		r = wb_grub_device_fits(g, &d, &g->mounts.items[i], &yes, &sure);
		if (r == 0 && yes && sure)
			found = &g->mounts.items[i];
	}
	if (r == 0 && (found ? strncmp(found->source, "/dev/", 5) != 0 : !d.node))
		r = WB_GRUB_UNSURE;
	if (r == 0) {
		*ret_node = strdup(d.node ? d.node : found->source);
		r = !*ret_node ? -ENOMEM : found ? WB_GRUB_FOUND : WB_GRUB_FOREIGN;
	}
	wb_grub_device_deinit(&d);
	return r;
}
