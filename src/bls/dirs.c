// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding the mount points of the boot loader's partitions: the EFI system partition (ESP), the
 * extended boot loader partition (XBOOTLDR, UAPI.1), and entries that another boot loader left in
 * /run (systemd's src/shared/bootspec.c, boot_config_load_auto()).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/dirs.h"
#include "bls/loader.h"
#include "bls/text.h"
#include "core/mountinfo.h"

#define RUN "/run/boot-loader-entries"
#define ESP_TYPE "ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b" /* UAPI.2 */

/* The order is that of systemd's bootctl; other mount points of distributions follow. */
static const char *const places[] = {
	"/efi", "/boot", "/boot/efi", "/esp", "/boot/esp", "/boot/EFI"};

struct look {
	const struct wb_files *files;
	struct wb_entries *warn;
	bool strict; /* systemd-boot is in charge: it reads its own partitions and no other place */
	/* of the partition that systemd-boot was started from; device: "sda1" */
	char *uuid, *device;
	struct wb_mounts mounts;
	bool have_mounts;
};

static bool holds_entries(const struct wb_files *files, const char *dir)
{
	static const char *const below[] = {"loader/entries", "EFI/Linux"};
	char path[512];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, below[i]);
		if (files->exists(files->ctx, path))
			return true;
	}
	return false;
}

/* "sda1" for "/dev/sda1" and for a link to it. NULL: out of memory. */
static char *device_name(const struct wb_files *files, const char *path)
{
	WB_CLEAN_STR target = NULL;
	struct wb_error err = {};
	const char *slash;

	if (files->readlink(files->ctx, path, &target, &err) == 0)
		path = target;
	slash = strrchr(path, '/');
	return strdup(slash ? slash + 1 : path);
}

static int begin(struct look *l)
{
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_STR link = NULL;
	struct wb_error err = {};
	int r;

	/* This access makes an automounter mount them. */
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		holds_entries(l->files, places[i]);
	r = wb_loader_variable(l->files, "LoaderDevicePartUUID", &l->uuid);
	if (r == -ENOMEM)
		return r;
	if (l->files->read(l->files->ctx, "/proc/self/mountinfo", 0, &text, &err) >= 0) {
		r = wb_mounts_parse((const char *)text.data, &l->mounts);
		l->have_mounts = r == 0;
		if (r == -ENOMEM)
			return r;
	}
	if (!l->uuid)
		return 0;
	wb_small_letters(l->uuid);
	if (asprintf(&link, "/dev/disk/by-partuuid/%s", l->uuid) < 0) {
		link = NULL;
		return -ENOMEM;
	}
	if (!strchr(l->uuid, '/') && l->files->exists(l->files->ctx, link)) {
		l->device = device_name(l->files, link);
		return l->device ? 0 : -ENOMEM;
	}
	return 0;
}

/* 1: `m` is a mount of the partition that the boot loader was started from. */
static int is_loaders(const struct look *l, const struct wb_mount *m)
{
	WB_CLEAN_STR name = NULL;

	if (!l->device || strcmp(m->root, "/") != 0 || strncmp(m->source, "/dev/", 5) != 0 ||
		wb_mounts_at(&l->mounts, m->point) != m)
		return 0;
	name = device_name(l->files, m->source);
	return name ? strcmp(name, l->device) == 0 : -ENOMEM;
}

static bool is_esp(const struct look *l, const struct wb_mount *m)
{
	WB_CLEAN_BLOB text = {};
	struct wb_error err = {};
	char path[64];

	/* udev's blkid builtin has stored the type there. */
	snprintf(path, sizeof(path), "/run/udev/data/b%u:%u", m->major, m->minor);
	return l->files->read(l->files->ctx, path, 1 << 20, &text, &err) >= 0 &&
	       strcasestr((char *)text.data, ESP_TYPE);
}

/* 1: skip this place, 0: search it. */
static int leave_out(const struct look *l, const char *place, const struct wb_boot_dirs *so_far)
{
	const struct wb_mount *m = l->have_mounts ? wb_mounts_at(&l->mounts, place) : NULL;
	bool own;

	if (!m)
		return 0;
	own = strcmp(m->point, place) == 0;
	for (size_t i = 0; i < so_far->paths.n; i++) {
		const struct wb_mount *o = wb_mounts_at(&l->mounts, so_far->paths.items[i]);

		/* The place shows the same file system through a second mount. */
		if (own && o && o->major == m->major && o->minor == m->minor &&
			strcmp(o->root, m->root) == 0 &&
			strcmp(o->point, so_far->paths.items[i]) == 0)
			return 1;
	}
	if (!l->strict || !so_far->know_esp || !holds_entries(l->files, place))
		return 0;
	if (own && !is_esp(l, m))
		return 0;
	if (!l->warn)
		return 1;
	return wb_entries_warn(l->warn, "%s was not searched: it is %s", place,
		       own ? "another EFI system partition than the one that the boot loader was "
			     "started from"
			   : "not on a partition that the boot loader reads") < 0
		       ? -ENOMEM
		       : 1;
}

static int look(struct look *l, struct wb_boot_dirs *ret)
{
	int r = begin(l);

	for (size_t i = 0; i < l->mounts.n && r == 0; i++) {
		r = is_loaders(l, &l->mounts.items[i]);
		if (r == 1) {
			r = wb_strv_add(&ret->paths, l->mounts.items[i].point);
			ret->know_esp = true;
			break;
		}
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && r == 0; i++) {
		if (wb_strv_has(&ret->paths, places[i]))
			continue;
		r = leave_out(l, places[i], ret);
		r = r == 0 ? wb_strv_add(&ret->paths, places[i]) : r == 1 ? 0 : r;
	}
	for (size_t i = 0; i < ret->paths.n && r == 0 && l->have_mounts; i++) {
		const struct wb_mount *m = wb_mounts_at(&l->mounts, ret->paths.items[i]);

		if (m && strcmp(m->point, ret->paths.items[i]) == 0 && strcmp(m->root, "/") == 0)
			r = wb_strv_add(&ret->mounts, m->point);
	}
	if (r == 0 && l->strict && l->device && l->have_mounts && !ret->know_esp &&
		asprintf(&ret->doubt,
			"the partition that the boot loader was started from (PARTUUID %s) is not "
			"mounted",
			l->uuid) < 0) {
		ret->doubt = NULL;
		r = -ENOMEM;
	}
	return r;
}

int wb_boot_dirs_find(
	const struct wb_files *files, struct wb_entries *warn, struct wb_boot_dirs *ret)
{
	WB_CLEAN_BOOT_DIRS dirs = {};
	struct look l = {.files = files, .warn = warn};
	unsigned int version;
	int r = wb_sdboot_version(files, &l.strict, &version);

	/* As in systemd, this directory replaces the ESP and everything else. */
	if (r == 0 && !l.strict && holds_entries(files, RUN))
		r = wb_strv_add(&dirs.paths, RUN);
	else if (r == 0)
		r = look(&l, &dirs);
	dirs.by_id = !l.have_mounts;
	free(l.uuid);
	free(l.device);
	wb_mounts_deinit(&l.mounts);
	if (r < 0)
		return r;
	*ret = dirs;
	dirs = (struct wb_boot_dirs){};
	return 0;
}

void wb_boot_dirs_deinit(struct wb_boot_dirs *dirs)
{
	if (!dirs)
		return;
	wb_strv_deinit(&dirs->paths);
	wb_strv_deinit(&dirs->mounts);
	free(dirs->doubt);
	*dirs = (struct wb_boot_dirs){};
}

/*
 * Paths in an entry start at the root of the partition that holds the entry. If that partition is
 * not a mount of its own (a /boot on the root file system), they start at the root of the system.
 */
char *wb_boot_path(const struct wb_files *files, const struct wb_boot_dirs *dirs, const char *mount,
	const char *path)
{
	char *full, *plain;

	path += strspn(path, "/\\");
	if (asprintf(&full, "%s/%s", mount, path) < 0)
		return NULL;
	for (char *p = full + strlen(mount); *p; p++)
		if (*p == '\\')
			*p = '/';
	if (files->exists(files->ctx, full) || wb_strv_has(&dirs->mounts, mount))
		return full;
	plain = strdup(full + strlen(mount));
	if (plain && files->exists(files->ctx, plain)) {
		free(full);
		return plain;
	}
	free(plain);
	return full;
}

bool wb_leads_out(const char *path)
{
	for (const char *p = strstr(path, ".."); p; p = strstr(p + 2, ".."))
		if ((p == path || strchr("/\\", p[-1])) && (!p[2] || strchr("/\\", p[2])))
			return true;
	return false;
}

int wb_boot_dirs_each(const struct wb_files *files, const struct wb_boot_dirs *dirs,
	const char *below,
	int (*one)(const struct wb_files *files, const char *mount, const char *name,
		const struct wb_boot_dirs *dirs, struct wb_entries *ret),
	struct wb_entries *ret)
{
	int r = 0;

	for (size_t d = 0; d < dirs->paths.n && r != -ENOMEM; d++) {
		WB_CLEAN_STRV names = {};
		WB_CLEAN_STR dir = NULL;

		if (asprintf(&dir, "%s/%s", dirs->paths.items[d], below) < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		r = files->list(files->ctx, dir, &names, NULL);
		if (r < 0 && r != -ENOMEM && r != -ENOENT && r != -ENOTDIR)
			r = wb_entries_warn(ret, "%s was not searched: %s", dir, strerror(-r));
		for (size_t i = 0; i < names.n && r != -ENOMEM; i++)
			r = one(files, dirs->paths.items[d], names.items[i], dirs, ret);
	}
	return r == -ENOMEM ? r : 0;
}
