/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only reader of /proc/PID/mountinfo: proc_pid_mountinfo(5), show_mountinfo() in the kernel's
 * fs/proc_namespace.c. A line is
 *	36 35 98:0 /root /point options [optional fields] - fstype source super-options
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/files.h"

/* Paths, source and type with their escapes undone. */
struct wb_mount {
	int64_t id, parent;
	unsigned major, minor;
	int64_t device; /* makedev(3) of its two numbers */
	char *root;     /* the mounted part of the file system: "/" is all of it */
	char *point;
	char *options; /* of the mount: "rw,nosuid" */
	char *fstype;
	char *source; /* "" when it was mounted with an empty name */
	/*
	 * As written. Escapes stay, since a comma in a value is written \054; wb_mount_option()
	 * takes the options apart.
	 */
	char *super_options;
	bool is_top; /* the mount that it lies on is not listed */
};

struct wb_mounts {
	struct wb_mount *items; /* in the order of the text */
	size_t n;
	size_t *by_parent; /* their indices, sorted by parent; for wb_mounts_at() */
};

/* Parse the text. Pure. -EBADMSG a line is not understood, -ENOMEM. */
int wb_mounts_parse(const char *text, struct wb_mounts *ret);
/* Read and parse a file. Errors of reading and parsing, with a sentence. */
int wb_mounts_read(const struct wb_files *files, const char *path, struct wb_mounts *ret,
	struct wb_error *err);
void wb_mounts_deinit(struct wb_mounts *mounts);
#define WB_CLEAN_MOUNTS __attribute__((cleanup(wb_mounts_deinit))) struct wb_mounts

/*
 * The mount that an absolute path leads to, found by walking along the path. A mount that a later
 * one covers is not found. The path has no links and no "." in it. NULL: none.
 */
const struct wb_mount *wb_mounts_at(const struct wb_mounts *mounts, const char *path);

/*
 * The value of one of the super options, with its escapes undone; "" for one without a value. To be freed.
 * -ENOENT, -ENOMEM.
 */
int wb_mount_option(const struct wb_mount *mount, const char *name, char **ret);

/* Is a file system of this type gone with the boot? */
bool wb_volatile_fs(const char *fstype);
