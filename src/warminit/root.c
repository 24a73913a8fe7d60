// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding the root of the running system, and comparing it with the root of the target's command
 * line. Nothing is guessed: an unsupported root is refused with its name, and the entry's own
 * initramfs is used.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/fstab.h"
#include "core/mountinfo.h"
#include "core/text.h"
#include "warminit/parts.h"
#include "warminit/probe.h"

#define ELSE_OWN WB_WARM_ELSE_OWN

/* The options of the running /dev/pts replace the defaults of initramfs-tools. */
static int find_pts_mode(const struct wb_mounts *mounts, char ret[8], struct wb_error *err)
{
	const struct wb_mount *pts = wb_mounts_at(mounts, "/dev/pts");
	WB_CLEAN_STR mode = NULL;
	int r;

	/* Debian 13 uses 600; Debian 12 used 620. */
	strcpy(ret, "0600");
	if (!pts || strcmp(pts->point, "/dev/pts"))
		return 0;
	r = wb_mount_option(pts, "mode", &mode);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r == 0 && *mode && strlen(mode) < 8 && strspn(mode, "01234567") == strlen(mode))
		strcpy(ret, mode);
	return 0;
}

static int find_root(
	const struct wb_mounts *mounts, const struct wb_mount **ret, struct wb_error *err)
{
	const struct wb_mount *root = wb_mounts_at(mounts, "/");

	for (size_t i = 0; i < mounts->n; i++) {
		const struct wb_mount *m = &mounts->items[i];

		/* An overlay on /usr comes from systemd-sysext, after the initramfs. */
		if ((strcmp(m->point, "/usr") == 0 && strcmp(m->fstype, "overlay") != 0) ||
			strcmp(m->point, "/etc") == 0)
			return wb_fail(err, -EOPNOTSUPP,
				"%s is a file system of its own (%s)" ELSE_OWN, m->point,
				m->source);
	}
	if (!root || strcmp(root->point, "/"))
		return wb_fail(err, -EOPNOTSUPP,
			"/proc/self/mountinfo shows no root file system" ELSE_OWN);
	*ret = root;
	return 0;
}

static int check_fstab(const struct wb_files *files, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_FSTAB fstab = {};

	if (files->read(files->ctx, "/etc/fstab", 0, &text, NULL) < 0)
		return 0;
	if (wb_fstab_parse((const char *)text.data, &fstab) < 0)
		return wb_oom(err);
	for (size_t i = 0; i < fstab.n; i++) {
		const struct wb_fstab_line *l = &fstab.items[i];

		if (strcmp(l->where, "/usr") == 0 || strcmp(l->where, "/etc") == 0 ||
			(strcmp(l->where, "/") != 0 && wb_fstab_has_option(l, "x-initrd.mount")))
			return wb_fail(err, -EOPNOTSUPP,
				"/etc/fstab has %s (%s) mounted before the system starts" ELSE_OWN,
				l->where, l->what);
	}
	return 0;
}

/*
 * An initrd can replace tables of the ACPI firmware, and the kernel says so only by a taint
 * (TAINT_OVERRIDDEN_ACPI_TABLE, Documentation/admin-guide/tainted-kernels.rst).
 */
static int check_acpi(const struct wb_files *files, struct wb_error *err)
{
	if (!(wb_read_number(files, "/proc/sys/kernel/tainted") & 1 << 8))
		return 0;
	return wb_fail(err, -EOPNOTSUPP,
		"the running initramfs brought ACPI tables for this machine" ELSE_OWN);
}

/* Refuse parameters that ask an initramfs for work that this one does not do. */
static int check_word(const char *name, const char *value, void *arg)
{
	static const char *const refused[] = {"nfsroot", "netroot", "netconsole", "ubi.mtd",
		"break", "cryptdevice", "cryptopts", "overlayroot", "systemd.volatile",
		"root_overlay", "ostree", "composefs", "roothash", "usrhash", "mount.usr",
		"snapd_recovery_mode", "fips", "ip", "ifname"};
	/* These parameters for an initramfs only choose what it shows or leaves out. */
	static const char *const harmless[] = {"rd.udev.log_level", "rd.udev.log_priority",
		"rd.systemd.show_status", "rd.plymouth", "rd.driver.blacklist"};
	bool known = strncmp(name, "rd.", 3) != 0;

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		known |= strcmp(name, harmless[i]) == 0;
	if (!known)
		return wb_fail(arg, -EOPNOTSUPP,
			"the command line has %s, which is meant for the entry's own "
			"initramfs" ELSE_OWN,
			name);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(name, refused[i]) == 0)
			return wb_fail(arg, -EOPNOTSUPP,
				"the command line has %s, which the warm initramfs does not "
				"know" ELSE_OWN,
				name);
	if (strcmp(name, "boot") == 0 && value && strcmp(value, "local") != 0)
		return wb_fail(arg, -EOPNOTSUPP, "the command line has boot=%s" ELSE_OWN, value);
	return 0;
}

static int check_type(const struct wb_mount *m, struct wb_error *err)
{
	/* The static init can read the UUID of these (probe.c). */
	static const char *const known[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"};
	bool found = false;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		found |= strcmp(m->fstype, known[i]) == 0;
	if (!found)
		return wb_fail(err, -EOPNOTSUPP,
			"the root file system is %s (on %s), which the warm initramfs does not "
			"know" ELSE_OWN,
			m->fstype, m->source);
	if (strstr(m->super_options, "logdev=") || strstr(m->super_options, "rtdev="))
		return wb_fail(err, -EOPNOTSUPP,
			"the root file system lies on more than one device (%s)" ELSE_OWN,
			m->super_options);
	if (strcmp(m->fstype, "btrfs") != 0 && strcmp(m->root, "/") != 0)
		return wb_fail(err, -EOPNOTSUPP,
			"the running root is the directory %s of %s: a bind mount or a "
			"chroot" ELSE_OWN,
			m->root, m->source);
	return 0;
}

/* btrfs spreads over devices; sysfs lists them under /sys/fs/btrfs/UUID/devices. */
static int check_btrfs(const struct wb_files *files, const char *name, struct wb_error *err)
{
	WB_CLEAN_STRV all = {};
	char path[512];

	if (files->list(files->ctx, "/sys/fs/btrfs", &all, NULL) < 0)
		return wb_fail(err, -EOPNOTSUPP,
			"/sys/fs/btrfs does not tell the devices of the root's btrfs" ELSE_OWN);
	for (size_t i = 0; i < all.n; i++) {
		WB_CLEAN_STRV devices = {};

		snprintf(path, sizeof(path), "/sys/fs/btrfs/%s/devices", all.items[i]);
		if (files->list(files->ctx, path, &devices, NULL) < 0)
			continue;
		for (size_t k = 0; k < devices.n; k++)
			if (strcmp(devices.items[k], name) == 0 && devices.n > 1)
				return wb_fail(err, -EOPNOTSUPP,
					"the root is a btrfs over %zu devices" ELSE_OWN, devices.n);
	}
	return 0;
}

/* Resolve the device's directory in /sys, its name, and whether it is a partition. */
static int find_device(const struct wb_files *files, const struct wb_mount *m,
	struct wb_warm_root *ret, struct wb_error *err)
{
	WB_CLEAN_STR target = NULL;
	const char *p;
	char path[600];
	int r;

	/* btrfs has an anonymous device number, so its source has to name the device. */
	if (strcmp(m->fstype, "btrfs") == 0 && strncmp(m->source, "/dev/", 5) == 0 &&
		!strchr(m->source + 5, '/'))
		snprintf(path, sizeof(path), "/sys/class/block/%s", m->source + 5);
	else
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", m->major, m->minor);
	r = files->readlink(files->ctx, path, &target, NULL);
	if (r == -ENOMEM)
		return wb_fail(err, r, "out of memory");
	p = r < 0 ? NULL : strstr(target, "devices/");
	if (!p || strlen(p) + 6 > sizeof(ret->syspath))
		return wb_fail(err, -EOPNOTSUPP,
			"%s does not lead to the block device of the root (%s)" ELSE_OWN, path,
			m->source);
	snprintf(ret->syspath, sizeof(ret->syspath), "/sys/%s", p);
	snprintf(ret->name, sizeof(ret->name), "%s", strrchr(ret->syspath, '/') + 1);
	snprintf(path, sizeof(path), "%s/partition", ret->syspath);
	ret->partition = files->exists(files->ctx, path);
	return 0;
}

static int check_dm(const struct wb_files *files, const char *disk, struct wb_error *err)
{
	static const struct {
		const char *prefix, *what;
	} kinds[] = {
		{"CRYPT-", "dm-crypt"},
		{"LVM-", "LVM"},
		{"mpath-", "dm-multipath"},
		{"DMRAID-", "dmraid"},
	};
	WB_CLEAN_BLOB uuid = {};
	const char *what = "another device-mapper target";
	char path[600];

	snprintf(path, sizeof(path), "%s/dm/uuid", disk);
	if (files->read(files->ctx, path, 4096, &uuid, NULL) == 0)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (strncmp((const char *)uuid.data, kinds[i].prefix,
				    strlen(kinds[i].prefix)) == 0)
				what = kinds[i].what;
	return wb_fail(err, -EOPNOTSUPP, "the root lies on %s (%s)" ELSE_OWN, what,
		strrchr(disk, '/') + 1);
}

/* Accept only a disk or a partition of a disk. */
static int check_stack(
	const struct wb_files *files, const struct wb_warm_root *root, struct wb_error *err)
{
	static const struct {
		const char *below, *what;
	} kinds[] = {
		{"/md", "md RAID"},
		{"/loop", "a loop device"},
		{"/bcache", "bcache"},
	};
	char disk[512], path[600];

	strcpy(disk, root->syspath);
	if (root->partition)
		*strrchr(disk, '/') = 0;
	snprintf(path, sizeof(path), "%s/dm", disk);
	if (files->exists(files->ctx, path))
		return check_dm(files, disk, err);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", disk, kinds[i].below);
		if (files->exists(files->ctx, path))
			return wb_fail(err, -EOPNOTSUPP, "the root lies on %s (%s)" ELSE_OWN,
				kinds[i].what, strrchr(disk, '/') + 1);
	}
	if (strstr(disk, "/session"))
		return wb_fail(err, -EOPNOTSUPP, "the root lies on iSCSI (%s)" ELSE_OWN,
			strrchr(disk, '/') + 1);
	if (strncmp(disk, "/sys/devices/virtual/", 21) == 0 &&
		strncmp(disk + 21, "nvme-subsystem/", 15) != 0)
		return wb_fail(err, -EOPNOTSUPP,
			"the root lies on %s, a device without hardware of its own (network, "
			"memory or "
			"stacked)" ELSE_OWN,
			strrchr(disk, '/') + 1);
	return 0;
}

/* Compare a value with the name of a udev link, in which special bytes are written \xNN. */
static bool same_name(const char *link, const char *value)
{
	size_t step;

	for (; *link; link += step, value++) {
		uint8_t byte = (uint8_t)*link;

		step = 1;
		if (link[0] == '\\' && link[1] == 'x' && wb_hex_begins(link + 2, 1, &byte))
			step = 4;
		if (!*value || tolower(byte) != tolower((unsigned char)*value))
			return false;
	}
	return !*value;
}

/*
 * The names that udev gave the root, "disk/by-KIND/NAME", from udev's database. /dev/disk also has
 * links to other devices.
 */
static int read_names(const struct wb_files *files, const struct wb_warm_root *root,
	struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB dev = {}, data = {};
	const char *p;
	struct wb_span line;
	char path[600];
	int r;

	snprintf(path, sizeof(path), "%s/dev", root->syspath);
	r = files->read(files->ctx, path, 64, &dev, err);
	if (r < 0)
		return r;
	p = (const char *)dev.data;
	snprintf(path, sizeof(path), "/run/udev/data/b%.*s", (int)strcspn(p, "\n"), p);
	if (files->read(files->ctx, path, 0, &data, NULL) == 0)
		for (p = (const char *)data.data; wb_take_line(&p, &line);)
			if (wb_span_begins(line, "S:") &&
				wb_strv_addf(ret, "%.*s", (int)line.n - 2, line.s + 2) < 0)
				return wb_oom(err);
	return 0;
}

/* The links of /dev/disk/by-KIND to the root, for a system without udev database. */
static int read_links(const struct wb_files *files, const struct wb_warm_root *root,
	const char *kind, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_STRV all = {};
	char path[600], name[400];

	snprintf(path, sizeof(path), "/dev/disk/by-%s", kind);
	if (files->list(files->ctx, path, &all, NULL) < 0)
		return 0;
	for (size_t i = 0; i < all.n; i++) {
		WB_CLEAN_STR target = NULL;
		const char *base;

		snprintf(path, sizeof(path), "/dev/disk/by-%s/%s", kind, all.items[i]);
		if (files->readlink(files->ctx, path, &target, NULL) < 0)
			continue;
		base = strrchr(target, '/');
		if (strcmp(base ? base + 1 : target, root->name) != 0)
			continue;
		snprintf(name, sizeof(name), "disk/by-%s/%s", kind, all.items[i]);
		if (wb_strv_add(ret, name) < 0)
			return wb_oom(err);
	}
	return 0;
}

static unsigned int number_in(const struct wb_files *files, const char *dir, const char *name)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return (unsigned int)wb_read_number(files, path);
}

static bool read_head(const struct wb_files *files, const char *name, struct wb_blob *ret)
{
	char path[600];

	snprintf(path, sizeof(path), "/dev/%s", name);
	return files->read_at(files->ctx, path, 0, WB_PROBE_BYTES, ret, NULL) == 0;
}

static int add_name(
	struct wb_strv *names, const char *kind, const char *value, struct wb_error *err)
{
	char name[64];

	snprintf(name, sizeof(name), "disk/by-%s/%s", kind, value);
	return wb_strv_add(names, name) < 0 ? wb_oom(err) : 0;
}

/*
 * The names in the device itself, for a system without udev, or before udev has handled this
 * device.
 */
static int read_device(const struct wb_files *files, const struct wb_warm_root *root,
	struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB head = {}, table = {};
	const char *type;
	char disk[512], uuid[37];
	int r = 0;

	if (read_head(files, root->name, &head) && wb_probe_uuid(wb_blob_view(&head), uuid, &type))
		r = add_name(ret, "uuid", uuid, err);
	if (r < 0 || !root->partition)
		return r;
	strcpy(disk, root->syspath);
	*strrchr(disk, '/') = 0;
	if (read_head(files, strrchr(disk, '/') + 1, &table) &&
		wb_probe_partuuid(wb_blob_view(&table),
			number_in(files, disk, "queue/logical_block_size"),
			number_in(files, root->syspath, "partition"), uuid))
		r = add_name(ret, "partuuid", uuid, err);
	return r;
}

/* Does `root=` of the target name the running root, whose names are `names`? */
static bool same_root(const struct wb_files *files, const struct wb_warm_root *root,
	const struct wb_strv *names, const char *spec)
{
	static const struct {
		const char *prefix, *dir;
	} kinds[] = {
		{"UUID=", "disk/by-uuid/"},
		{"LABEL=", "disk/by-label/"},
		{"PARTUUID=", "disk/by-partuuid/"},
		{"PARTLABEL=", "disk/by-partlabel/"},
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		if (strncmp(spec, kinds[k].prefix, strlen(kinds[k].prefix)) != 0)
			continue;
		for (size_t i = 0; i < names->n; i++)
			if (strncmp(names->items[i], kinds[k].dir, strlen(kinds[k].dir)) == 0 &&
				same_name(names->items[i] + strlen(kinds[k].dir),
					spec + strlen(kinds[k].prefix)))
				return true;
		return false;
	}
	if (strncmp(spec, "/dev/", 5) != 0)
		return false;
	if (strcmp(spec + 5, root->name) == 0)
		return true;
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i], spec + 5) == 0)
			return true;
	return false;
}

/* The first of the root's names below `dir`. */
static void take_name(const struct wb_strv *names, const char *dir, char *ret, size_t size)
{
	for (size_t i = 0; !*ret && i < names->n; i++)
		if (strncmp(names->items[i], dir, strlen(dir)) == 0)
			snprintf(ret, size, "%s", names->items[i] + strlen(dir));
}

static int identify(const struct wb_files *files, const char *cmdline, struct wb_warm_root *root,
	struct wb_error *err)
{
	static const char *const kinds[] = {"uuid", "partuuid", "label", "partlabel", "id", "path"};
	WB_CLEAN_STRV names = {};
	WB_CLEAN_STR spec = NULL;
	int r = read_names(files, root, &names, err);

	for (size_t i = 0; r == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		r = read_links(files, root, kinds[i], &names, err);
	take_name(&names, "disk/by-uuid/", root->uuid, sizeof(root->uuid));
	if (r == 0 && !root->uuid[0])
		r = read_device(files, root, &names, err);
	if (r < 0)
		return r;
	r = wb_cmdline_get(cmdline, "root", &spec);
	if (r == -ENOMEM)
		return wb_fail(err, r, "out of memory");
	if (r < 0)
		return wb_fail(err, -EOPNOTSUPP, "the target's command line has no root=" ELSE_OWN);
	if (!same_root(files, root, &names, spec))
		return wb_fail(err, -EOPNOTSUPP,
			"root=%s names another device than the running root (%s)" ELSE_OWN, spec,
			root->name);
	take_name(&names, "disk/by-uuid/", root->uuid, sizeof(root->uuid));
	take_name(&names, "disk/by-partuuid/", root->partuuid, sizeof(root->partuuid));
	if (!root->uuid[0])
		return wb_fail(err, -EOPNOTSUPP,
			"neither udev nor the device itself tells the UUID of %s" ELSE_OWN,
			root->name);
	return 0;
}

/* The identity of the disk. disk_name() in init.c writes the same. */
static void disk_name(
	const struct wb_files *files, const struct wb_warm_root *root, char *ret, size_t size)
{
	char disk[512], path[600], place[256];

	strcpy(disk, root->syspath);
	if (root->partition)
		*strrchr(disk, '/') = 0;
	for (const char *const *f = wb_probe_disk_names; *f; f++) {
		WB_CLEAN_BLOB text = {};
		size_t n;

		snprintf(path, sizeof(path), "%s/%s", disk, *f);
		if (files->read(files->ctx, path, 255, &text, NULL) < 0)
			continue;
		for (n = strcspn((char *)text.data, "\n"); n && text.data[n - 1] == ' ';)
			n--;
		if (n) {
			snprintf(ret, size, "%s %.*s", *f, (int)n, (char *)text.data);
			return;
		}
	}
	wb_probe_place(disk, place, sizeof(place));
	if (*place)
		snprintf(ret, size, "at %s", place);
}

int wb_warm_root_find(const struct wb_files *files, const char *cmdline, struct wb_warm_root *ret,
	struct wb_error *err)
{
	struct wb_warm_root root = {};
	WB_CLEAN_MOUNTS mounts = {};
	const struct wb_mount *m = NULL;
	int r = wb_mounts_read(files, "/proc/self/mountinfo", &mounts, err);

	if (r == 0)
		r = find_root(&mounts, &m, err);
	if (r == 0)
		r = find_pts_mode(&mounts, root.devpts_mode, err);
	if (r == 0)
		r = check_type(m, err);
	if (r == 0)
		r = check_fstab(files, err);
	if (r == 0)
		r = wb_cmdline_each(cmdline, check_word, err);
	if (r == 0)
		r = check_acpi(files, err);
	if (r == 0)
		r = find_device(files, m, &root, err);
	if (r == 0)
		r = check_stack(files, &root, err);
	if (r == 0 && strcmp(m->fstype, "btrfs") == 0)
		r = check_btrfs(files, root.name, err);
	if (r == 0)
		r = identify(files, cmdline, &root, err);
	if (r < 0)
		return r;
	snprintf(root.type, sizeof(root.type), "%s", m->fstype);
	disk_name(files, &root, root.disk, sizeof(root.disk));
	*ret = root;
	return 0;
}
