// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding swap space that is not encrypted, and keeping this process's memory out of core dumps. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/mountinfo.h"
#include "core/text.h"
#include "sys/paging.h"

/* Maximum depth of stacked devices; the kernel allows about as many. */
#define MOST_LEVELS 8

static bool is_clear(const struct wb_files *f, const char *name, int level);

/* First line of a file in a block device's directory; NULL: there is none. */
static char *attribute(const struct wb_files *f, const char *device, const char *name)
{
	WB_CLEAN_BLOB b = {};
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "/sys/class/block/%s/%s", device, name) >=
			(int)sizeof(path) ||
		f->read(f->ctx, path, 4096, &b, NULL) < 0)
		return NULL;
	return strndup((const char *)b.data, strcspn((const char *)b.data, "\n"));
}

/* libcryptsetup's names for encryption; CRYPT-VERITY and CRYPT-INTEGRITY do not encrypt. */
static bool is_encryption(const char *uuid)
{
	static const char *const kinds[] = {"CRYPT-LUKS1-", "CRYPT-LUKS2-", "CRYPT-PLAIN-",
		"CRYPT-LOOPAES-", "CRYPT-TCRYPT-", "CRYPT-BITLK-", "CRYPT-FVAULT2-", NULL};

	for (size_t i = 0; kinds[i]; i++)
		if (!strncmp(uuid, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/*
 * Is the device a zram without a backing device? zram writes to that device what does not compress.
 */
static bool is_zram(const struct wb_files *f, const char *device)
{
	WB_CLEAN_STR algorithm = attribute(f, device, "comp_algorithm");
	WB_CLEAN_STR backing = attribute(f, device, "backing_dev");

	return !strncmp(device, "zram", 4) && algorithm && (!backing || !strcmp(backing, "none"));
}

/* Can memory be read from one of the devices below? A device without devices below it is a disk. */
static bool parts_are_clear(const struct wb_files *f, const char *device, int level)
{
	WB_CLEAN_STRV parts = {};
	char path[PATH_MAX];

	if (level >= MOST_LEVELS ||
		snprintf(path, sizeof(path), "/sys/class/block/%s/slaves", device) >=
			(int)sizeof(path) ||
		f->list(f->ctx, path, &parts, NULL) < 0 || !parts.n)
		return true;
	for (size_t i = 0; i < parts.n; i++)
		if (is_clear(f, parts.items[i], level + 1))
			return true;
	return false;
}

static bool is_clear(const struct wb_files *f, const char *device, int level)
{
	WB_CLEAN_STR uuid = attribute(f, device, "dm/uuid");

	if (is_zram(f, device) || (uuid && is_encryption(uuid)))
		return false;
	return parts_are_clear(f, device, level);
}

/*
 * The same for the device of the file's file system. btrfs, ZFS and others with several devices
 * name none, and count as readable.
 */
static bool file_is_clear(const struct wb_files *f, const char *path)
{
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STR target = NULL;
	const struct wb_mount *m;
	const char *name;
	char link[64];

	if (wb_mounts_read(f, "/proc/self/mountinfo", &mounts, NULL) < 0)
		return true;
	m = wb_mounts_at(&mounts, path);
	if (!m || !m->major)
		return true;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", m->major, m->minor);
	if (f->readlink(f->ctx, link, &target, NULL) < 0)
		return true;
	name = strrchr(target, '/');
	return is_clear(f, name ? name + 1 : target, 0);
}

/*
 * A line of /proc/swaps (swap_show() in the kernel's mm/swapfile.c): path, "partition" or "file",
 * sizes.
 */
static bool line_is_clear(const struct wb_files *f, const char *path, struct wb_span type)
{
	if (wb_span_is(type, "file"))
		return *path != '/' || file_is_clear(f, path);
	return strncmp(path, "/dev/", 5) || strchr(path + 5, '/') || is_clear(f, path + 5, 0);
}

int wb_swap_in_the_clear(const struct wb_files *f, struct wb_error *why)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span line, words[2];
	const char *rest;

	/* A kernel without swap has no such file. */
	if (!f->exists(f->ctx, "/proc/swaps"))
		return 0;
	if (f->read(f->ctx, "/proc/swaps", 1 << 20, &text, NULL) < 0) {
		wb_fail(why, -EIO,
			"it is not known whether memory reaches a disk: /proc/swaps cannot be "
			"read");
		return 1;
	}
	rest = (const char *)text.data;
	/* The first line names the columns. */
	if (!wb_take_line(&rest, &line))
		return 0;
	while (wb_take_line(&rest, &line)) {
		WB_CLEAN_STR path = NULL;

		if (!line.n)
			continue;
		if (!wb_take_words(&line, words, 2)) {
			wb_fail(why, -EIO, "a line of /proc/swaps is not understood");
			return 1;
		}
		path = wb_unescape_octal(words[0].s, words[0].n);
		if (!path)
			return wb_oom(why);
		if (!line_is_clear(f, path, words[1]))
			continue;
		wb_fail(why, -EPERM, "swap space on %s is not known to be encrypted", path);
		return 1;
	}
	return 0;
}

int wb_keep_memory_private(struct wb_error *err)
{
	struct rlimit core;
	bool none;

	if (getrlimit(RLIMIT_CORE, &core) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return wb_fail(err, -errno, "cannot keep this process's memory private: %s",
			strerror(errno));
	/*
	 * A started program is dumpable again, so the limit counts for it. A limit of 0 only
	 * prevents core files; with 1 the kernel does not call core dump handlers either
	 * (do_coredump() in the kernel's fs/coredump.c), and no core file is that small.
	 */
	none = !core.rlim_max;
	core.rlim_cur = 1;
	if (none)
		core.rlim_max = 1;
	if (setrlimit(RLIMIT_CORE, &core) == 0 || (none && errno == EPERM))
		return 0;
	return wb_fail(
		err, -errno, "cannot keep this process's memory private: %s", strerror(errno));
}
