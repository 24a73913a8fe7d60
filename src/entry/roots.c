// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Marking entries with another root than the running system: snapshots, and other systems on the
 * same /boot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/mountinfo.h"
#include "entry/sources.h"

/* The root that a command line names; NULL: none. */
struct root {
	char *device; /* "UUID=…" */
	char *subvol; /* of btrfs, without a "/" in front */
};

static void root_deinit(struct root *r)
{
	free(r->device);
	free(r->subvol);
}

/* Find "subvol=…" in a list of mount options; *ret stays NULL when there is none. -ENOMEM. */
static int take_subvol(const char *flags, char **ret)
{
	for (const char *p = flags; *p; p += strcspn(p, ","), p += *p == ',') {
		const char *value = p + 7;

		if (strncmp(p, "subvol=", 7) != 0)
			continue;
		value += strspn(value, "/");
		free(*ret);
		*ret = strndup(value, strcspn(value, ","));
		if (!*ret)
			return -ENOMEM;
	}
	return 0;
}

static int parse(const char *cmdline, struct root *ret)
{
	WB_CLEAN_STR flags = NULL;
	int r = wb_cmdline_get(cmdline, "root", &ret->device);

	if (r != -ENOMEM)
		r = wb_cmdline_get(cmdline, "rootflags", &flags);
	if (r == 0)
		r = take_subvol(flags, &ret->subvol);
	return r == -ENOMEM ? r : 0;
}

/* The subvolume that is mounted at "/". */
static int read_mounted(const struct wb_files *files, struct root *ret)
{
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_MOUNTS mounts = {};
	const struct wb_mount *m;
	struct wb_error ignored = {};
	int r = files->read(files->ctx, "/proc/self/mountinfo", WB_TEXT_LIMIT, &text, &ignored);

	if (r == 0)
		r = wb_mounts_parse((char *)text.data, &mounts);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	m = wb_mounts_at(&mounts, "/");
	if (!m || strcmp(m->fstype, "btrfs") != 0)
		return 0;
	free(ret->subvol);
	ret->subvol = strdup(m->root + strspn(m->root, "/"));
	return ret->subvol ? 0 : -ENOMEM;
}

/*
 * Devices by UUID and the like are equal if their names are; "/dev/sda2" may be the same as any of
 * them.
 */
static bool is_other(const struct root *running, const struct root *e)
{
	if (e->subvol && running->subvol && strcmp(e->subvol, running->subvol) != 0)
		return true;
	if (e->device && running->device) {
		size_t n = strcspn(e->device, "=");

		return e->device[n] && strncmp(e->device, running->device, n + 1) == 0 &&
		       strcmp(e->device, running->device) != 0;
	}
	return false;
}

int wb_entries_note_roots(const struct wb_files *files, struct wb_entries *all)
{
	struct root running = {};
	WB_CLEAN_BLOB text = {};
	struct wb_error ignored = {};
	int r = files->read(files->ctx, "/proc/cmdline", WB_TEXT_LIMIT, &text, &ignored);

	if (r == 0)
		r = parse((char *)text.data, &running);
	if (r != -ENOMEM)
		r = read_mounted(files, &running);
	for (size_t i = 0; i < all->n && r == 0 && !running.device && !running.subvol; i++)
		if (all->items[i].is_default && all->items[i].cmdline)
			r = parse(all->items[i].cmdline, &running);
	for (size_t i = 0; i < all->n && r == 0; i++) {
		struct root mine = {};

		if (all->items[i].cmdline)
			r = parse(all->items[i].cmdline, &mine);
		all->items[i].other_root = is_other(&running, &mine);
		root_deinit(&mine);
	}
	root_deinit(&running);
	return r;
}
