// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is the running system's root, and does the target's command line mean the same? Nothing is
 * guessed: what is not understood is refused by its name, and the entry's own initramfs is used.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "warminit/parts.h"
#include "warminit/probe.h"

#define ELSE_OWN WB_WARM_ELSE_OWN

bool wb_warm_line(const char **text, char *line, size_t size)
{
	size_t n = strcspn(*text, "\n"), take = n < size - 1 ? n : size - 1;

	if (!**text)
		return false;
	memcpy(line, *text, take);
	line[take] = 0;
	*text += n + ((*text)[n] == '\n');
	return true;
}

/* One line of /proc/self/mountinfo (Documentation/filesystems/proc.rst, 3.5). */
struct mount {
	char dev[24], root[256], point[256], type[32], source[256], options[512];
};

static bool parse_mount(char *line, struct mount *ret)
{
	char *sep = strstr(line, " - ");

	return sep &&
	       sscanf(line, "%*s %*s %23s %255s %255s", ret->dev, ret->root, ret->point) == 3 &&
	       sscanf(sep + 3, "%31s %255s %511s", ret->type, ret->source, ret->options) == 3;
}

static int find_mounts(
	const struct wb_files *files, struct mount *ret, char pts_mode[8], struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct mount m;
	const char *p;
	char line[2048];
	int r = files->read(files->ctx, "/proc/self/mountinfo", 0, &text, err);

	if (r < 0)
		return r;
	ret->point[0] = 0;
	/* Debian 13's initramfs-tools; Debian 12's used 620. What is running now wins. */
	strcpy(pts_mode, "0600");
	for (p = (const char *)text.data; wb_warm_line(&p, line, sizeof(line));) {
		if (!parse_mount(line, &m))
			continue;
		if (strcmp(m.point, "/") == 0)
			*ret = m; /* later ones cover earlier ones */
		else if ((strcmp(m.point, "/usr") == 0 && strcmp(m.type, "overlay") != 0) ||
			 strcmp(m.point, "/etc") == 0)
			/* An overlay on /usr is systemd-sysext's, which comes after the initramfs. */
			return wb_fail(err, -EOPNOTSUPP,
				"%s is a file system of its own (%s)" ELSE_OWN, m.point, m.source);
		else if (strcmp(m.point, "/dev/pts") == 0 && strstr(m.options, "mode="))
			sscanf(strstr(m.options, "mode="), "mode=%6[0-7]", pts_mode);
	}
	if (!ret->point[0])
		return wb_fail(err, -EOPNOTSUPP,
			"/proc/self/mountinfo shows no root file system" ELSE_OWN);
	return 0;
}

static int check_fstab(const struct wb_files *files, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	const char *p;
	char line[1024], what[256], where[256], options[512];

	if (files->read(files->ctx, "/etc/fstab", 0, &text, NULL) < 0)
		return 0;
	for (p = (const char *)text.data; wb_warm_line(&p, line, sizeof(line));) {
		if (sscanf(line, "%255s %255s %*s %511s", what, where, options) != 3 ||
			what[0] == '#')
			continue;
		if (strcmp(where, "/usr") == 0 || strcmp(where, "/etc") == 0 ||
			(strcmp(where, "/") != 0 && strstr(options, "x-initrd.mount")))
			return wb_fail(err, -EOPNOTSUPP,
				"/etc/fstab has %s (%s) mounted before the system starts" ELSE_OWN,
				where, what);
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

/* Words that ask an initramfs for something this one does not do. */
static int check_word(const char *name, const char *value, void *arg)
{
	static const char *const refused[] = {"nfsroot", "netroot", "netconsole", "ubi.mtd",
		"break", "cryptdevice", "cryptopts", "overlayroot", "systemd.volatile",
		"root_overlay", "ostree", "composefs", "roothash", "usrhash", "mount.usr",
		"snapd_recovery_mode", "fips", "ip", "ifname"};
	/* Of the words for an initramfs, those that only say what it should show or leave out. */
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

static int check_type(const struct mount *m, struct wb_error *err)
{
	/* Those whose UUID the static init can read (probe.c). */
	static const char *const known[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"};
	bool found = false;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		found |= strcmp(m->type, known[i]) == 0;
	if (!found)
		return wb_fail(err, -EOPNOTSUPP,
			"the root file system is %s (on %s), which the warm initramfs does not "
			"know" ELSE_OWN,
			m->type, m->source);
	if (strstr(m->options, "logdev=") || strstr(m->options, "rtdev="))
		return wb_fail(err, -EOPNOTSUPP,
			"the root file system lies on more than one device (%s)" ELSE_OWN,
			m->options);
	if (strcmp(m->type, "btrfs") != 0 && strcmp(m->root, "/") != 0)
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
static int find_device(const struct wb_files *files, const struct mount *m,
	struct wb_warm_root *ret, struct wb_error *err)
{
	WB_CLEAN_STR target = NULL;
	const char *p;
	char path[600];
	int r;

	/* A btrfs has an anonymous device number: its source names the device. */
	if (strcmp(m->type, "btrfs") == 0 && strncmp(m->source, "/dev/", 5) == 0 &&
		!strchr(m->source + 5, '/'))
		snprintf(path, sizeof(path), "/sys/class/block/%s", m->source + 5);
	else
		snprintf(path, sizeof(path), "/sys/dev/block/%s", m->dev);
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

/* Only a plain disk or a partition of one. */
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

/* Compare a value with a udev link name, in which odd bytes stand as \xNN. */
static bool same_name(const char *link, const char *value)
{
	unsigned int byte;
	size_t step;

	for (; *link; link += step, value++) {
		step = 1;
		byte = (unsigned char)*link;
		if (link[0] == '\\' && link[1] == 'x' && isxdigit((unsigned char)link[2]) &&
			isxdigit((unsigned char)link[3])) {
			sscanf(link + 2, "%2x", &byte);
			step = 4;
		}
		if (!*value || tolower((int)byte) != tolower((unsigned char)*value))
			return false;
	}
	return !*value;
}

/*
 * The names that udev gave the root: for each "disk/by-KIND/NAME" call it is asked for. From its
 * database; /dev/disk is a directory of other devices' links as well.
 */
static int read_names(const struct wb_files *files, const struct wb_warm_root *root,
	struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB dev = {}, data = {};
	const char *p;
	char path[600], line[1024];
	int r;

	snprintf(path, sizeof(path), "%s/dev", root->syspath);
	r = files->read(files->ctx, path, 64, &dev, err);
	if (r < 0)
		return r;
	p = (const char *)dev.data;
	snprintf(path, sizeof(path), "/run/udev/data/b%.*s", (int)strcspn(p, "\n"), p);
	if (files->read(files->ctx, path, 0, &data, NULL) == 0)
		for (p = (const char *)data.data; wb_warm_line(&p, line, sizeof(line));)
			if (strncmp(line, "S:", 2) == 0 && wb_strv_add(ret, line + 2) < 0)
				return wb_oom(err);
	return 0;
}

/* The links of /dev/disk/by-KIND that lead to the root: where udev keeps no database. */
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

/* What the device itself says: where there is no udev, or it has not come to this device yet. */
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

/* Take the first of the root's names below `dir`. */
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

/* As disk_name() in init.c, which looks for the same. */
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
	struct mount m = {};
	int r = find_mounts(files, &m, root.devpts_mode, err);

	if (r == 0)
		r = check_type(&m, err);
	if (r == 0)
		r = check_fstab(files, err);
	if (r == 0)
		r = wb_cmdline_each(cmdline, check_word, err);
	if (r == 0)
		r = check_acpi(files, err);
	if (r == 0)
		r = find_device(files, &m, &root, err);
	if (r == 0)
		r = check_stack(files, &root, err);
	if (r == 0 && strcmp(m.type, "btrfs") == 0)
		r = check_btrfs(files, root.name, err);
	if (r == 0)
		r = identify(files, cmdline, &root, err);
	if (r < 0)
		return r;
	snprintf(root.type, sizeof(root.type), "%s", m.type);
	disk_name(files, &root, root.disk, sizeof(root.disk));
	*ret = root;
	return 0;
}
