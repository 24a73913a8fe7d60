// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The file system that a device of GRUB's means: GRUB names it by a disk and a partition, a UUID, a
 * label or an id. /proc/self/mountinfo and /dev/disk say which one of this machine that is.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/device.h"

void wb_grub_device_deinit(struct wb_grub_device *d)
{
	free(d->id);
	free(d->node);
}

char *wb_grub_device(char kind, const char *id)
{
	char *s;

	return asprintf(&s, "%c%c%s%c", WB_GRUB_UNKNOWN, kind, id, WB_GRUB_DEVICE_END) < 0 ? NULL
											   : s;
}

/*
 * The node of a link such as /dev/disk/by-uuid/… or /dev/mapper/…: "/dev/sda2". NULL: out of
 * memory.
 */
static char *node_of(const struct wb_files *files, const char *path)
{
	WB_CLEAN_STR target = NULL;
	struct wb_error ignored = {};
	const char *base;
	char *node;

	if (files->readlink(files->ctx, path, &target, &ignored) < 0)
		return strdup(path);
	base = strrchr(target, '/');
	return asprintf(&node, "/dev/%s", base ? base + 1 : target) < 0 ? NULL : node;
}

/*
 * The node under a mount. It is found by its number, since the source of a root that the kernel
 * mounted is "/dev/root".
 */
static char *node_under(const struct wb_files *files, const struct wb_mount *m)
{
	WB_CLEAN_STR target = NULL;
	struct wb_error ignored = {};
	char path[64], *node;
	const char *base;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", m->major, m->minor);
	if (files->readlink(files->ctx, path, &target, &ignored) < 0)
		return node_of(files, m->source);
	base = strrchr(target, '/');
	return asprintf(&node, "/dev/%s", base ? base + 1 : target) < 0 ? NULL : node;
}

/*
 * Is `id` the GUID of a ZFS pool, and `name`, unless it is NULL, its link? GRUB writes a GUID as 16
 * hexadecimal digits (fs/zfs/zfs.c), /dev/disk as a decimal number. A pool on whole disks may be
 * missing there; its paths can be distinguished from others.
 */
static bool is_pool(const char *id, const char *name)
{
	char decimal[32];

	if (strlen(id) != 16 || id[strspn(id, "0123456789abcdefABCDEF")])
		return false;
	snprintf(decimal, sizeof(decimal), "%llu", strtoull(id, NULL, 16));
	return !name || strcmp(name, decimal) == 0;
}

/* Find a UUID or label in /dev/disk. udev writes special characters of a label as "\x20". */
static int find_node(struct wb_grub *g, struct wb_grub_device *d)
{
	const char *dir = d->kind == 'u' ? "/dev/disk/by-uuid" : "/dev/disk/by-label";
	WB_CLEAN_STRV names = {};
	struct wb_error ignored = {};
	int r = g->files->list(g->files->ctx, dir, &names, &ignored);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	d->is_absent = true;
	for (size_t i = 0; i < names.n && !d->node; i++) {
		WB_CLEAN_STR path = NULL;

		if (d->kind == 'u' && is_pool(d->id, names.items[i])) {
			d->is_absent = false;
			break;
		}
		if ((d->kind == 'u' ? strcasecmp : strcmp)(names.items[i], d->id) != 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, names.items[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		d->node = node_of(g->files, path);
		if (!d->node)
			return -ENOMEM;
		d->is_absent = false;
	}
	d->is_zfs = d->kind == 'u' && !d->node && is_pool(d->id, NULL);
	d->is_absent &= !d->is_zfs;
	return 0;
}

/* The letters and digits of `s`; ids are compared by these only. */
static char *plain_id(const char *prefix, const char *s)
{
	char *id = malloc(strlen(prefix) + strlen(s) + 1), *out = id;

	if (!id)
		return NULL;
	out = stpcpy(out, prefix);
	for (; *s; s++)
		if (isalnum((unsigned char)*s))
			*out++ = *s;
	*out = 0;
	return id;
}

/* Prefixes of GRUB's names by id, and of udev's in /dev/disk/by-id. */
static const struct id_kind {
	const char *grub, *udev;
} id_kinds[] = {
	{"lvmid/", "dmuuidLVM"},
	{"mduuid/", "mduuid"},
	{"cryptouuid/", "dmuuidCRYPTLUKS1"},
	{"cryptouuid/", "dmuuidCRYPTLUKS2"},
};

/*
 * Find a volume, array or opened disk that GRUB names by its id. Without /dev/disk/by-id it may be
 * any.
 */
static int find_by_id(struct wb_grub *g, const struct id_kind *kind, struct wb_grub_device *d)
{
	WB_CLEAN_STR want = plain_id(kind->udev, d->id + strlen(kind->grub));
	WB_CLEAN_STRV names = {};
	struct wb_error ignored = {};
	int r = g->files->list(g->files->ctx, "/dev/disk/by-id", &names, &ignored);

	if (!want || r == -ENOMEM)
		return -ENOMEM;
	d->is_absent |= r == 0;
	for (size_t i = 0; i < names.n && !d->node; i++) {
		WB_CLEAN_STR has = plain_id("", names.items[i]);
		WB_CLEAN_STR path = wb_strf("/dev/disk/by-id/%s", names.items[i]);

		if (!has || !path)
			return -ENOMEM;
		if (strncasecmp(has, want, strlen(want)) != 0)
			continue;
		d->node = node_of(g->files, path);
		if (!d->node)
			return -ENOMEM;
	}
	d->is_absent &= !d->node;
	return 0;
}

static int find_named(struct wb_grub *g, struct wb_grub_device *d)
{
	WB_CLEAN_STR path = NULL;
	int r = 0;

	for (size_t i = 0; i < sizeof(id_kinds) / sizeof(*id_kinds) && r == 0 && !d->node; i++)
		if (strncmp(d->id, id_kinds[i].grub, strlen(id_kinds[i].grub)) == 0)
			r = find_by_id(g, &id_kinds[i], d);
	/* "md/NAME" is /dev/md/NAME, since this machine's arrays are assembled. */
	if (r < 0 || strncmp(d->id, "md/", 3) != 0)
		return r;
	path = wb_strf("/dev/%s", d->id);
	if (!path)
		return -ENOMEM;
	d->is_none = !g->files->exists(g->files->ctx, path);
	d->node = d->is_none ? NULL : node_of(g->files, path);
	return d->is_none || d->node ? 0 : -ENOMEM;
}

int wb_grub_device_split(
	struct wb_grub *g, const char *path, struct wb_grub_device *ret, char **ret_path)
{
	const char *name = wb_grub_get(g, "root"), *p = path;
	size_t n = strlen(name), at = 0;

	if (*p == '(') {
		name = p + 1;
		n = strcspn(name, ")");
		p = name + n;
		p += *p == ')';
	}
	if (n > 2 && name[0] == WB_GRUB_UNKNOWN && name[n - 1] == WB_GRUB_DEVICE_END) {
		ret->kind = name[1];
		ret->id = strndup(name + 2, n - 3);
	} else {
		ret->kind = 'n';
		ret->id = strndup(name, n);
	}
	if (!ret->id || !(*ret_path = malloc(strlen(p) + 2)))
		return -ENOMEM;
	if (*p != '/')
		(*ret_path)[at++] = '/';
	for (; *p; p++)
		if (*p != '/' || !at || (*ret_path)[at - 1] != '/')
			(*ret_path)[at++] = *p;
	(*ret_path)[at] = 0;
	if (!wb_grub_is_known(ret->id) || !wb_grub_is_known(*ret_path) || strchr(ret->id, 2))
		return WB_GRUB_UNSURE;
	if (ret->kind == 'u' || ret->kind == 'l')
		return find_node(g, ret);
	return ret->kind == 'n' ? find_named(g, ret) : 0;
}

/*
 * The number of the partition at the end of a name: "hd0,gpt2", "/dev/sda2", "/dev/nvme0n1p2"; 0:
 * none.
 */
static unsigned long partition_of(const char *name, bool is_grub)
{
	size_t n = strlen(name), digits = n;

	while (digits && isdigit((unsigned char)name[digits - 1]))
		digits--;
	if (digits == n || !digits || (is_grub && !strchr(name, ',')))
		return 0;
	if (!is_grub && strncmp(name, "/dev/sd", 7) != 0 && strncmp(name, "/dev/vd", 7) != 0 &&
		strncmp(name, "/dev/hd", 7) != 0 && strncmp(name, "/dev/xvd", 8) != 0 &&
		!(name[digits - 1] == 'p' && digits > 1 &&
			isdigit((unsigned char)name[digits - 2])))
		return 0;
	return strtoul(name + digits, NULL, 10);
}

/* A volume of LVM as GRUB names it ("lvm/vg-root") is /dev/mapper/vg-root. */
static bool is_volume(const char *name, const char *source)
{
	return strncmp(name, "lvm/", 4) == 0 && strncmp(source, "/dev/mapper/", 12) == 0 &&
	       strcmp(name + 4, source + 12) == 0;
}

bool wb_grub_same_device(const struct wb_mount *a, const struct wb_mount *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* Is the mount's source one of the disks of the btrfs `d`? */
static bool is_member(
	const struct wb_files *files, const struct wb_grub_device *d, const char *source)
{
	char path[400];
	const char *base = strrchr(source, '/');

	if (d->kind != 'u' || !base)
		return false;
	snprintf(path, sizeof(path), "/sys/fs/btrfs/%.100s/devices/%.200s", d->id, base + 1);
	return files->exists(files->ctx, path);
}

bool wb_grub_device_is_own(const struct wb_files *files, const char *uuid)
{
	static const char *const places[] = {"/proc/cmdline", "/etc/fstab"};
	WB_CLEAN_STR by_name = wb_strf("UUID=%s", uuid);
	WB_CLEAN_STR by_path = wb_strf("/by-uuid/%s", uuid);
	bool own = false;

	for (size_t i = 0; i < 2 && by_name && by_path; i++) {
		WB_CLEAN_BLOB text = {};
		struct wb_error ignored = {};

		if (files->read(files->ctx, places[i], WB_TEXT_LIMIT, &text, &ignored) == 0)
			own |= strcasestr((char *)text.data, by_name) ||
			       strcasestr((char *)text.data, by_path);
	}
	return own;
}

/* Is this the root that the kernel mounted, whose number /sys does not explain? */
static bool is_plain_root(
	const struct wb_files *files, const struct wb_grub_device *d, const char *node)
{
	return d->kind == 'u' && strcmp(node, "/dev/root") == 0 &&
	       wb_grub_device_is_own(files, d->id);
}

int wb_grub_device_fits(struct wb_grub *g, const struct wb_grub_device *d, const struct wb_mount *m,
	bool *ret, bool *ret_sure)
{
	const struct wb_mount *config = wb_mounts_at(&g->mounts, g->config);
	bool is_zfs = strcmp(m->fstype, "zfs") == 0;
	bool is_disk = strncmp(m->source, "/dev/", 5) == 0 || is_zfs;
	WB_CLEAN_STR source = NULL;
	unsigned long wanted, has;

	*ret = false;
	if (d->kind == 'c') {
		*ret = config && wb_grub_same_device(config, m);
		*ret_sure |= *ret;
	} else if (d->kind == 'm') {
		const struct wb_mount *at = wb_mounts_at(&g->mounts, d->id);

		*ret = at && wb_grub_same_device(at, m);
		*ret_sure |= *ret;
	} else if (!is_disk && !(config && wb_grub_same_device(config, m))) {
		return 0;
	} else if (d->kind == 'l' && is_zfs) {
		/* The label of a pool is its name. */
		*ret = strncmp(m->source, d->id, strlen(d->id)) == 0 &&
		       strchr("/", m->source[strlen(d->id)]);
		*ret_sure |= *ret;
	} else if (d->is_zfs) {
		*ret = is_zfs;
	} else if (d->node) {
		source = node_under(g->files, m);
		if (!source)
			return -ENOMEM;
		*ret = strcmp(source, d->node) == 0 || is_member(g->files, d, m->source) ||
		       is_plain_root(g->files, d, source);
		*ret_sure |= *ret;
	} else if (d->kind == 'n') {
		if (strncmp(d->id, "lvm/", 4) == 0) {
			*ret = is_volume(d->id, m->source);
			return 0;
		}
		source = node_under(g->files, m);
		if (!source)
			return -ENOMEM;
		wanted = partition_of(d->id, true);
		has = partition_of(source, false);
		*ret = !wanted || !has || wanted == has;
	} else {
		*ret = true;
	}
	return 0;
}
