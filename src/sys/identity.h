/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a file the same one as before the jump? Its path does not prove that, because the owner of a
 * directory can put another file, or a link, under the same name. A device number does not, because
 * a file system may get another in each boot. An inode number alone does not, because it is used
 * again after its file was removed.
 *
 * So the identity is the kind of file system, the inode number and the time of creation, which no
 * user can choose (statx(2), stx_btime; the time of the last change if the file system has none).
 * It does not distinguish two file systems of one kind: a file with the same number and the same
 * time, to the nanosecond, needs a file system that only root can mount.
 */
#pragma once

#include "core/json-table.h"

struct wb_identity {
	int64_t kind; /* S_IFREG and so on */
	int64_t fs;   /* statfs(2), f_type */
	int64_t inode;
	int64_t made_ns; /* since 1970 */
	int64_t device;  /* of a device node: makedev(3) */
};

/*
 * The identity of an open file; O_PATH is enough. *ret_links: its number of names; NULL: not
 * wanted. Negative errno, no sentence.
 */
int wb_identity_of(int fd, struct wb_identity *ret, uint64_t *ret_links);
/*
 * Are inode numbers of its file system the same after a reboot? Those of tmpfs are not, and those
 * of most others count as unknown.
 */
bool wb_identity_lasts(const struct wb_identity *id);
/*
 * Are both the same file, as far as this can be known? For device nodes: do both lead to the same
 * device?
 */
bool wb_identity_same(const struct wb_identity *a, const struct wb_identity *b);
/* The row for the manifest. */
extern const struct wb_json_field wb_identity_fields[];
