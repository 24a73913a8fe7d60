/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data and functions that the files of this room share: one struct between each two steps of the
 * builder.
 */
#pragma once

#include "warminit/warminit.h"

/* The root of the running system. */
struct wb_warm_root {
	char name[64];       /* the kernel's: "vda1" */
	char type[16];       /* file system: "ext4" */
	char uuid[64];       /* of the file system */
	char partuuid[64];   /* of the partition, "" for a whole disk or when unknown */
	char syspath[512];   /* /sys/devices/… */
	char disk[512];      /* identity of its disk: "FILE VALUE" or "at PLACE"; probe.h */
	bool partition;      /* else a whole disk */
	char devpts_mode[8]; /* octal, of the running /dev/pts */
};

/*
 * Find the root, and check that `cmdline` asks for the same one. -EOPNOTSUPP with the name of the
 * unsupported part.
 */
int wb_warm_root_find(const struct wb_files *files, const char *cmdline, struct wb_warm_root *ret,
	struct wb_error *err);

/* A module to load. */
struct wb_warm_module {
	char *name;
	char *path;           /* absolute; compressed or not */
	char *options;        /* from modprobe.d; "" for none */
	struct wb_strv needs; /* names of all modules that it depends on */
};

struct wb_warm_modules {
	struct wb_warm_module *items; /* in loading order */
	size_t n;
	size_t n_watchdog;    /* number of modules for the watchdog, which come first */
	bool watchdog_driver; /* these, or the kernel itself, are its driver */
	/* number of modules for the watchdog and the root; the others are loaded beside the init */
	size_t n_root;
};

/*
 * Find the modules of the watchdog, if the target has all of them, and those of `release` that drive every
 * device between the root's block device and the
 * CPU, and its file system, dependencies first; built-in ones are left out. Those of the network
 * cards follow, the modules of `want->beside` that exist, and those of all other bound devices; see
 * devices.c for what is left to udev. -ENOENT: the module directory, a file, or any driver for one of
 * the devices is missing.
 */
int wb_warm_modules_find(const struct wb_files *files, const struct wb_warm_request *want,
	const struct wb_warm_root *root, struct wb_warm_modules *ret, struct wb_error *err);
/* Forget all but the first n. */
void wb_warm_modules_shorten(struct wb_warm_modules *m, size_t n);
void wb_warm_modules_deinit(struct wb_warm_modules *m);

/*
 * Bytes of a module's parameters, including the NUL and the parameters of the command line. Pure.
 */
size_t wb_warm_params(const char *cmdline, const struct wb_warm_module *m);
/* Does everything fit into the warm init (limits.h)? -EOPNOTSUPP with a sentence. Pure. */
int wb_warm_fits(const struct wb_warm_request *want, const struct wb_warm_modules *modules,
	struct wb_bytes plan, struct wb_error *err);
