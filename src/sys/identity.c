// SPDX-License-Identifier: LGPL-2.1-or-later
/* The identity of a file: reading it, comparing it, and its row in the manifest. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "sys/identity.h"

#define INT(name) WB_JSON_ROW(struct wb_identity, name, WB_JSON_INT, .needed = true)

const struct wb_json_field wb_identity_fields[] = {
	INT(kind),
	INT(fs),
	INT(inode),
	INT(made_ns),
	INT(device),
	{},
};

int wb_identity_of(int fd, struct wb_identity *ret, uint64_t *ret_links)
{
	struct statx st;
	struct statfs fs;
	bool dated;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME,
		    &st) < 0 ||
		fstatfs(fd, &fs) < 0)
		return -errno;
	dated = st.stx_mask & STATX_BTIME;
	*ret = (struct wb_identity){
		.kind = st.stx_mode & S_IFMT,
		.fs = (int64_t)fs.f_type & UINT32_MAX,
		.inode = (int64_t)(st.stx_ino & INT64_MAX),
		.made_ns = (dated ? st.stx_btime.tv_sec : st.stx_ctime.tv_sec) * 1000000000 +
			   (dated ? st.stx_btime.tv_nsec : st.stx_ctime.tv_nsec),
	};
	if (S_ISCHR(st.stx_mode) || S_ISBLK(st.stx_mode))
		ret->device = (int64_t)makedev(st.stx_rdev_major, st.stx_rdev_minor);
	if (ret_links)
		*ret_links = st.stx_nlink;
	return 0;
}

bool wb_identity_lasts(const struct wb_identity *id)
{
	return id->fs == EXT4_SUPER_MAGIC || id->fs == XFS_SUPER_MAGIC ||
	       id->fs == BTRFS_SUPER_MAGIC || id->fs == F2FS_SUPER_MAGIC;
}

bool wb_identity_same(const struct wb_identity *a, const struct wb_identity *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == S_IFCHR || a->kind == S_IFBLK)
		return a->device == b->device;
	if (!wb_identity_lasts(a) || !wb_identity_lasts(b))
		return a->fs == b->fs;
	return a->fs == b->fs && a->inode == b->inode && a->made_ns == b->made_ns;
}
