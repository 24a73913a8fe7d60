// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writing unit files for mounts and swap that were made by hand, and have none. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "replay/manager.h"

static const char on_loop[] = "it lies on a loop device, which has to be set up again first";
static const char no_uuid[] =
	"its device has no name that holds over a boot (none in /dev/disk/by-uuid)";
static const char is_bind[] = "it shows a part of another file system (a bind mount)";
static const char in_ram[] = "it lay in memory (zram), which has to be set up again first";
static const char odd_name[] = "its name holds a line feed";

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

/* A name of a device that also holds in the next boot. NULL: it has none. To be freed. */
static int stable_name(const char *device, const struct wb_strv *by_uuid, char **ret)
{
	if (!strncmp(device, "/dev/mapper/", strlen("/dev/mapper/"))) {
		*ret = strdup(device);
		return *ret ? 1 : -ENOMEM;
	}
	for (size_t i = 0; i + 1 < by_uuid->n; i += 2) {
		const char *slash = strrchr(by_uuid->items[i + 1], '/');

		if (!slash || strcmp(slash + 1, device + strlen("/dev/")))
			continue;
		*ret = wb_strf("/dev/disk/by-uuid/%s", by_uuid->items[i]);
		return *ret ? 1 : -ENOMEM;
	}
	return 0;
}

/* Write a setting. "%" would begin a specifier. */
static int put_setting(FILE *out, const char *key, const char *value)
{
	fprintf(out, "%s=", key);
	for (; *value; value++)
		fprintf(out, *value == '%' ? "%%%%" : "%c", *value);
	return fputc('\n', out) == EOF ? -ENOMEM : 0;
}

/*
 * Is this option of the file system kept? Kept are those for its identity and size, and those without
 * which programs would read and write copies in memory (DAX), but none that an older kernel printed and
 * a newer one may refuse.
 */
static bool is_wanted(const char *option, size_t n, const char *type)
{
	static const char *const tmpfs[] = {"size", "mode", "uid", "gid", "nr_inodes", NULL};
	static const char *const btrfs[] = {"subvol", NULL};
	static const char *const dax[] = {"dax", NULL};
	static const char *const none[] = {NULL};
	static const struct {
		const char *type;
		const char *const *keys;
	} kept[] = {{"tmpfs", tmpfs}, {"btrfs", btrfs}, {"ext4", dax}, {"xfs", dax}};
	const char *const *keys = none;

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (!strcmp(type, kept[i].type))
			keys = kept[i].keys;
	for (; *keys; keys++) {
		size_t length = strlen(*keys);

		/* Linux before 5.8 prints "dax" alone. */
		if (n >= length && !strncmp(option, *keys, length) &&
			(n == length || option[length] == '='))
			return true;
	}
	return false;
}

static int join_options(const struct wb_mount *m, bool all, char **ret)
{
	WB_CLEAN_STR text = strdup(m->options);
	const char *super = m->super_options;

	if (!text)
		return -ENOMEM;
	while (*super) {
		size_t n = strcspn(super, ",");
		char *more;

		/* The mount's own flags are in the first list. */
		if (all ? (n > 2 || (strncmp(super, "rw", n) && strncmp(super, "ro", n)))
			: is_wanted(super, n, m->fstype)) {
			if (asprintf(&more, "%s,%.*s", text, (int)n, super) < 0)
				return -ENOMEM;
			free(text);
			text = more;
		}
		super += n + (super[n] == ',');
	}
	*ret = text;
	text = NULL;
	return 0;
}

static int print_mount(const struct wb_mount *m, const char *what, const char *options, char **ret)
{
	size_t size;
	FILE *out = open_memstream(ret, &size);
	int r;

	if (!out)
		return -ENOMEM;
	fputs("[Unit]\nDescription=Mounted by hand\n\n[Mount]\n", out);
	put_setting(out, "What", what);
	put_setting(out, "Where", m->point);
	put_setting(out, "Type", m->fstype);
	r = put_setting(out, "Options", options);
	if (fclose(out) == EOF || r < 0) {
		free(*ret);
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return 0;
}

static int define(
	const struct wb_mount *m, const struct wb_strv *by_uuid, char **ret, const char **ret_why)
{
	static const char *const network[] = {
		"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", NULL};
	bool remote = is_one_of(m->fstype, network), device = !strncmp(m->source, "/dev/", 5);
	WB_CLEAN_STR what = NULL;
	WB_CLEAN_STR options = NULL;
	char *text;
	int r;

	if (!remote && !device && strcmp(m->fstype, "tmpfs"))
		return -ENOENT;
	/* Programs make the mounts in these places again themselves. */
	if (wb_path_is_in(m->point, "/run") || wb_path_is_in(m->point, "/dev") ||
		wb_path_is_in(m->point, "/sys") || wb_path_is_in(m->point, "/proc"))
		return -ENOENT;
	if (strchr(m->point, '\n') || strchr(m->source, '\n'))
		return refuse(odd_name, ret_why);
	if (strcmp(m->root, "/") && strcmp(m->fstype, "btrfs") && !remote)
		return refuse(is_bind, ret_why);
	if (!strncmp(m->source, "/dev/loop", strlen("/dev/loop")))
		return refuse(on_loop, ret_why);
	if (device) {
		r = stable_name(m->source, by_uuid, &what);
		if (r == 0)
			return refuse(no_uuid, ret_why);
	} else {
		what = strdup(m->source);
		r = what ? 1 : -ENOMEM;
	}
	if (r > 0)
		r = join_options(m, remote, &options);
	if (r >= 0)
		r = print_mount(m, what, options, &text);
	if (r < 0)
		return r;
	*ret = text;
	return 1;
}

int wb_mount_define(const struct wb_mounts *mounts, const struct wb_strv *by_uuid,
	const char *where, char **ret, const char **ret_why)
{
	const struct wb_mount *found = wb_mounts_at(mounts, where);

	if (!found || strcmp(found->point, where))
		return -ENOENT;
	return define(found, by_uuid, ret, ret_why);
}

int wb_swap_define(const char *what, int priority, const struct wb_strv *by_uuid, char **ret,
	const char **ret_why)
{
	bool device = !strncmp(what, "/dev/", 5);
	WB_CLEAN_STR name = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;
	int r;

	if (strchr(what, '\n'))
		return refuse(odd_name, ret_why);
	if (!strncmp(what, "/dev/zram", strlen("/dev/zram")))
		return refuse(in_ram, ret_why);
	if (!strncmp(what, "/dev/loop", strlen("/dev/loop")))
		return refuse(on_loop, ret_why);
	if (device && !wb_path_is_in(what, "/dev/disk")) {
		r = stable_name(what, by_uuid, &name);
		if (r < 0)
			return r;
		if (r == 0)
			return refuse(no_uuid, ret_why);
	}
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	fputs("[Unit]\nDescription=Swap added by hand\n\n[Swap]\n", out);
	put_setting(out, "What", name ? name : what);
	/* The kernel chooses negative priorities itself. */
	if (priority >= 0)
		fprintf(out, "Priority=%d\n", priority);
	if (fclose(out) == EOF) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 1;
}

int wb_by_uuid_read(const struct wb_files *files, struct wb_strv *ret)
{
	static const char dir[] = "/dev/disk/by-uuid";
	WB_CLEAN_STRV names = {};
	int r = 0;

	if (files->list(files->ctx, dir, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR target = NULL;

		if (asprintf(&path, "%s/%s", dir, names.items[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (files->readlink(files->ctx, path, &target, NULL) < 0)
			continue;
		r = wb_strv_add(ret, names.items[i]);
		if (r == 0)
			r = wb_strv_add(ret, target);
	}
	return r;
}
