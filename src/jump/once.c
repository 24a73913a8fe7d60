// SPDX-License-Identifier: LGPL-2.1-or-later
/* Clearing and restoring the one-shot setting of a boot loader. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jump/once.h"

#define EFIVARS "/sys/firmware/efi/efivars/"
#define SIGNATURE "# GRUB Environment Block\n"
#define NAME "next_entry="
#define LIMIT (64 << 10)

static bool is_variable(const char *path)
{
	return strncmp(path, EFIVARS, sizeof(EFIVARS) - 1) == 0;
}

/*
 * The start of the next line; a backslash includes the next byte (GRUB's grub-core/lib/envblk.c).
 */
static size_t next_line(struct wb_bytes in, size_t at)
{
	for (; at < in.size; at++) {
		if (in.data[at] == '\\')
			at++;
		else if (in.data[at] == '\n')
			return at + 1;
	}
	return in.size;
}

int wb_once_clear_block(struct wb_bytes in, struct wb_blob *ret)
{
	const size_t n = sizeof(NAME) - 1;
	WB_CLEAN_BLOB out = {};

	if (!wb_bytes_equal(in, 0, SIGNATURE, sizeof(SIGNATURE) - 1))
		return -EBADMSG;
	for (size_t at = sizeof(SIGNATURE) - 1, end; at < in.size; at = end) {
		size_t removed;

		end = next_line(in, at);
		if (!wb_bytes_equal(in, at, NAME, n) || end - at <= n + 1)
			continue;
		if (in.data[end - 1] != '\n')
			return -EBADMSG;
		removed = end - at - n - 1;
		if (wb_blob_append(&out, in.data, at + n) < 0 ||
			wb_blob_append(&out, in.data + end - 1, in.size - end + 1) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < removed; i++)
			if (wb_blob_append(&out, "#", 1) < 0)
				return -ENOMEM;
		*ret = wb_blob_take(&out);
		return 0;
	}
	return 0;
}

static int clear(const struct wb_sys *sys, const char *path, const struct wb_blob *before,
	struct wb_error *err)
{
	WB_CLEAN_BLOB after = {};
	int r;

	if (is_variable(path)) {
		r = sys->remove_efivar ? sys->remove_efivar(sys->ctx, path) : -EOPNOTSUPP;
		return r < 0 ? wb_fail(err, r, "%s cannot be removed: %s", path, strerror(-r)) : 0;
	}
	r = wb_once_clear_block(wb_blob_view(before), &after);
	if (r == -EBADMSG)
		return wb_fail(err, r, "%s is no GRUB environment block", path);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	/*
	 * Write in place: GRUB finds the block by its place on the disk, and expects the same size.
	 */
	r = after.size ? sys->write_at(sys->ctx, path, 0, wb_blob_view(&after)) : 0;
	return r < 0 ? wb_fail(err, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

int wb_once_consume(
	const struct wb_sys *sys, const char *path, struct wb_once *ret, struct wb_error *err)
{
	WB_CLEAN_ONCE once = {};
	int r = sys->files->read(sys->files->ctx, path, LIMIT, &once.before, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	once.path = strdup(path);
	if (!once.path)
		return wb_oom(err);
	r = clear(sys, path, &once.before, err);
	if (r < 0)
		return r;
	*ret = once;
	once = (struct wb_once){};
	return 0;
}

int wb_once_restore(const struct wb_sys *sys, const struct wb_once *once)
{
	struct wb_bytes before = wb_blob_view(&once->before);

	if (!once->path)
		return 0;
	if (is_variable(once->path))
		return sys->write_efivar ? sys->write_efivar(sys->ctx, once->path, before)
					 : -EOPNOTSUPP;
	return sys->write_at(sys->ctx, once->path, 0, before);
}

void wb_once_deinit(struct wb_once *once)
{
	if (!once)
		return;
	free(once->path);
	wb_blob_deinit(&once->before);
	*once = (struct wb_once){};
}
