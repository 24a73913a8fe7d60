/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this room share: the builder's steps with data between them. */
#pragma once

#include "warminit/warminit.h"

/* What the running system stands on. */
struct wb_warm_root {
	char name[64];       /* the kernel's: "vda1" */
	char type[16];       /* file system: "ext4" */
	char uuid[64];       /* of the file system */
	char partuuid[64];   /* of the partition, "" for a whole disk or when unknown */
	char syspath[512];   /* /sys/devices/… */
	char disk[512];      /* what its disk is known by: "FILE VALUE" or "at PLACE"; probe.h */
	bool partition;      /* else a whole disk */
	char devpts_mode[8]; /* octal, as the running /dev/pts has it */
};

/*
 * Find it, and check that `cmdline` asks for the same one. -EOPNOTSUPP with the name of what is
 * not understood.
 */
int wb_warm_root_find(const struct wb_files *files, const char *cmdline, struct wb_warm_root *ret,
	struct wb_error *err);

/* A module to load. */
struct wb_warm_module {
	char *name;
	char *path;    /* absolute; compressed or not */
	char *options; /* from modprobe.d; "" for none */
};

struct wb_warm_modules {
	struct wb_warm_module *items; /* in loading order */
	size_t n;
	size_t n_root; /* the first so many are for the root, the others to be loaded beside */
};

/*
 * The modules of `release` that drive every device between the root's block device and the CPU,
 * and its file system, dependencies first; built-in ones are left out. -ENOENT: the module
 * directory, a file, or any driver for one of the devices is missing. After them those of
 * `want->beside` that there are.
 */
int wb_warm_modules_find(const struct wb_files *files, const struct wb_warm_request *want,
	const struct wb_warm_root *root, struct wb_warm_modules *ret, struct wb_error *err);
void wb_warm_modules_deinit(struct wb_warm_modules *m);

/*
 * Take the next line out of `*text` into `line` (without its newline; cut at its size). false at
 * the end.
 */
bool wb_warm_line(const char **text, char *line, size_t size);
