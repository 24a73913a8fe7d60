/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The warm initramfs: from what the running system stands on, a minimal uncompressed initramfs
 * for the target kernel. The static init that it holds is embedded in the library.
 */
#pragma once

#include "core/bytes.h"
#include "core/files.h"

/* How refusals end where the entry's own initramfs can do it. */
#define WB_WARM_ELSE_OWN "; use the entry's own initramfs (--initramfs=own)"

struct wb_warm_request {
	const char *
		release; /* target kernel; its modules are under /usr/lib/modules or /lib/modules */
	const char *
		cmdline; /* the target's command line: root=, rootflags=, rootfstype=, ro/rw, init= */
	/* A program on the root that runs beside the init from its start, as "PROGRAM early"; NULL. */
	const char *early;
	/* Modules that nothing here waits for: loaded beside, those that the kernel has. */
	const char *const *beside;
	size_t n_beside;
};

struct wb_warm_result {
	struct wb_blob cpio;    /* newc, uncompressed */
	struct wb_strv modules; /* names in loading order */
	char root[256]; /* device that was understood, e.g. "UUID=… (ext4 on /dev/vda1)" */
};

/*
 * Build it. Reads /proc/self/mountinfo, /sys, the target's modules.dep etc. through `files`.
 * -EOPNOTSUPP: the root is not understood (LVM, dm-crypt, RAID, network, …): the sentence names
 * what, and the caller uses the entry's own initrd; -ENOENT: a module or its directory is missing;
 * -ENOMEM.
 */
int wb_warm_build(const struct wb_files *files, const struct wb_warm_request *want,
	struct wb_warm_result *ret, struct wb_error *err);
void wb_warm_result_deinit(struct wb_warm_result *r);

/* The static init, built from src/warminit/init.c and embedded. */
extern const uint8_t wb_warm_init[];
extern const size_t wb_warm_init_size;
