// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * GRUB's one-shot entry: next_entry in its environment block, which grub.cfg empties and saves when it
 * has read it (grub-reboot(8), 00_header). GRUB writes the blocks of the file itself, so it must be able
 * to: it cannot on btrfs and ZFS, nor through LVM, RAID or encryption. There the setting would stay.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mountinfo.h"
#include "core/text.h"
#include "grub/config.h"
#include "guard/pin.h"

#define NEXT "next_entry"
#define SIGNATURE "# GRUB Environment Block\n"
/* GRUB's own limit is the block, most of which is free. */
#define LONGEST 512
#define LARGEST (64 << 10)

/* ---- can GRUB write it? ---- */

static int check_device(const struct wb_files *files, const struct wb_mount *m, const char *path,
	struct wb_error *err)
{
	WB_CLEAN_STR slaves = wb_strf("/sys/dev/block/%u:%u/slaves", m->major, m->minor);
	WB_CLEAN_STR loop = wb_strf("/sys/dev/block/%u:%u/loop", m->major, m->minor);
	WB_CLEAN_STR device = wb_strf("/sys/dev/block/%u:%u", m->major, m->minor);
	WB_CLEAN_STRV below = {};
	int r;

	if (!slaves || !loop || !device)
		return wb_oom(err);
	if (!files->exists(files->ctx, device))
		return wb_fail(err, -EOPNOTSUPP,
			"%s lies on no block device of its own, which GRUB would have to write to",
			path);
	r = files->list(files->ctx, slaves, &below, NULL);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (below.n || files->exists(files->ctx, loop))
		return wb_fail(err, -EOPNOTSUPP,
			"GRUB cannot write to %s through LVM, RAID, encryption or a file, so a "
			"one-shot "
			"setting would stay",
			path);
	return 0;
}

static int check_writable(const struct wb_files *files, const char *path, struct wb_error *err)
{
	static const char *const types[] = {"ext2", "ext3", "ext4", "vfat", "xfs", NULL};
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STR link = NULL;
	const struct wb_mount *m;
	size_t i;
	int r = wb_mounts_read(files, "/proc/self/mountinfo", &mounts, err);

	if (r < 0)
		return r;
	r = files->readlink(files->ctx, path, &link, NULL);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r == 0)
		return wb_fail(err, -EOPNOTSUPP,
			"%s is a symbolic link: where GRUB writes to is not looked for", path);
	m = wb_mounts_at(&mounts, path);
	if (!m)
		return wb_fail(err, -EOPNOTSUPP, "it is not known where %s is mounted", path);
	for (i = 0; types[i] && strcmp(m->fstype, types[i]); i++)
		;
	if (!types[i])
		return wb_fail(err, -EOPNOTSUPP,
			"GRUB cannot write to %s, which lies on %s, so a one-shot setting would "
			"stay",
			path, m->fstype);
	return check_device(files, m, path, err);
}

/* ---- the row ---- */

static int find(const struct wb_files *files, const struct wb_entry *e, char **ret_path,
	char **ret_value, struct wb_error *err)
{
	WB_CLEAN_STR config = wb_grub_config(files);
	WB_CLEAN_STR path = NULL;
	const char *value = e->id + sizeof("grub:") - 1, *slash;
	int r;

	slash = config ? strrchr(config, '/') : NULL;
	if (!slash)
		return -ENOENT;
	if (strncmp(e->id, "grub:", sizeof("grub:") - 1))
		return wb_fail(err, -EOPNOTSUPP, "GRUB has no entry for \"%s\"", e->id);
	if (!*value || strlen(value) > LONGEST)
		return wb_fail(err, -EOPNOTSUPP,
			"the entry \"%s\" has a name that does not fit into GRUB's environment",
			e->id);
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == '\\' || *s == 0x7f)
			return wb_fail(err, -EOPNOTSUPP,
				"the entry \"%s\" has a name that GRUB's environment would change",
				e->id);
	path = wb_strf("%.*s/grubenv", (int)(slash - config), config);
	if (!path)
		return wb_oom(err);
	if (!files->exists(files->ctx, path))
		return wb_fail(err, -EOPNOTSUPP,
			"GRUB has no environment block here: %s does not exist", path);
	r = check_writable(files, path, err);
	if (r < 0)
		return r;
	*ret_value = strdup(value);
	if (!*ret_value)
		return wb_oom(err);
	*ret_path = path;
	path = NULL;
	return 0;
}

static int read_block(
	const struct wb_files *files, const char *path, struct wb_blob *ret, struct wb_error *err)
{
	int r = files->read(files->ctx, path, LARGEST, ret, err);

	if (r < 0)
		return r;
	if (!wb_bytes_equal(wb_blob_view(ret), 0, SIGNATURE, sizeof(SIGNATURE) - 1))
		return wb_fail(err, -EBADMSG, "%s is no GRUB environment block", path);
	return 0;
}

/*
 * Where the line "next_entry=…" is; both are the end of the lines if there is none. A backslash takes the next byte
 * with it (GRUB's grub-core/lib/envblk.c).
 */
static void find_line(struct wb_bytes in, size_t *ret_from, size_t *ret_to)
{
	const size_t n = sizeof(NEXT);
	size_t at = sizeof(SIGNATURE) - 1, end = in.size, next;

	while (end > at && in.data[end - 1] == '#')
		end--;
	for (; at < end; at = next) {
		for (next = at; next < end && in.data[next] != '\n'; next++)
			if (in.data[next] == '\\')
				next++;
		next = next < end ? next + 1 : end;
		if (wb_bytes_equal(in, at, NEXT "=", n)) {
			*ret_from = at;
			*ret_to = next;
			return;
		}
	}
	*ret_from = *ret_to = end;
}

/* The value; "" if it is not set. To be freed. */
static int value_of(
	const struct wb_files *files, const char *path, char **ret, struct wb_error *err)
{
	WB_CLEAN_BLOB block = {};
	size_t from, to;
	int r = read_block(files, path, &block, err);

	if (r < 0)
		return r;
	find_line(wb_blob_view(&block), &from, &to);
	if (from == to)
		*ret = strdup("");
	else
		*ret = strndup((const char *)block.data + from + sizeof(NEXT),
			to - from - sizeof(NEXT) - (block.data[to - 1] == '\n'));
	return *ret ? 0 : wb_oom(err);
}

/* The block with `line` in place of the one that it has; "" for none. */
static int with_line(const struct wb_files *files, const char *path, const char *line,
	struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB block = {}, out = {};
	size_t from, to, end;
	int r = read_block(files, path, &block, err);

	if (r < 0)
		return r;
	find_line(wb_blob_view(&block), &from, &to);
	for (end = block.size; end > to && block.data[end - 1] == '#'; end--)
		;
	if (end - (to - from) + strlen(line) > block.size)
		return wb_fail(err, -ENOSPC, "there is no room in %s", path);
	if (block.data[end - 1] != '\n')
		return wb_fail(err, -EBADMSG, "the last line of %s has no end", path);
	if (wb_blob_append(&out, block.data, from) < 0 ||
		wb_blob_append(&out, block.data + to, end - to) < 0 ||
		wb_blob_append(&out, line, strlen(line)) < 0)
		return wb_oom(err);
	while (out.size < block.size)
		if (wb_blob_append(&out, "#", 1) < 0)
			return wb_oom(err);
	*ret = wb_blob_take(&out);
	return 0;
}

static int contents(const struct wb_files *files, const char *path, const char *value,
	struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_STR line = wb_strf(NEXT "=%s\n", value);

	return line ? with_line(files, path, line, ret, err) : wb_oom(err);
}

static int has(
	const struct wb_files *files, const char *path, const char *value, struct wb_error *err)
{
	WB_CLEAN_STR there = NULL;
	int r = value_of(files, path, &there, err);

	return r < 0 ? r : !strcmp(there, value);
}

static int taken(const struct wb_files *files, const char *path, struct wb_error *err)
{
	WB_CLEAN_STR there = NULL;
	int r = value_of(files, path, &there, err);

	return r < 0 ? r : *there != '\0';
}

/* In place: GRUB finds the block by its place on the disk. */
static int write_block(const struct wb_sys *sys, const char *path, struct wb_bytes contents)
{
	int r = sys->write_at(sys->ctx, path, 0, contents);

	/* GRUB reads the disk, and a reset may come at once. */
	return r == 0 && sys->sync_file ? sys->sync_file(sys->ctx, path) : r;
}

/* As grub-editenv(1) unsets it. */
static int clear(const struct wb_sys *sys, const char *path)
{
	WB_CLEAN_BLOB block = {};
	int r = with_line(sys->files, path, "", &block, NULL);

	return r < 0 ? r : write_block(sys, path, wb_blob_view(&block));
}

const struct wb_pin_row wb_pin_grub = {
	.loader = "grub",
	.find = find,
	.contents = contents,
	.has = has,
	.taken = taken,
	.write = write_block,
	.clear = clear,
};
