/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The warm initramfs: a minimal uncompressed initramfs for the target kernel, made for the devices
 * under the running root. The library embeds its static init.
 */
#pragma once

#include "core/bytes.h"
#include "core/files.h"
#include "warmboot.h"

/* The end of refusals for cases that the entry's own initramfs supports. */
#define WB_WARM_ELSE_OWN "; use the entry's own initramfs (--initramfs=own)"

struct wb_warm_request {
	const char *
		release; /* target kernel; its modules are under /usr/lib/modules or /lib/modules */
	const char *
		cmdline; /* the target's command line: root=, rootflags=, rootfstype=, ro/rw, init= */
	/* A program on the root to start together with the init, as "PROGRAM early"; NULL. */
	const char *early;
	/* Modules to load beside the init, as far as the kernel has them. */
	const char *const *beside;
	size_t n_beside;
	const struct wb_load_watchdog *watchdog; /* that purgatory arms; NULL: none */
};

struct wb_warm_result {
	struct wb_blob cpio;    /* newc, uncompressed */
	struct wb_strv modules; /* names in loading order */
	char root[256];         /* the root device, e.g. "UUID=… (ext4 on /dev/vda1)" */
	bool watchdog_driver;   /* the target has the watchdog's driver */
};

/*
 * Build the initramfs. Reads /proc/self/mountinfo, /sys, the target's modules.dep etc. through
 * `files`. -EOPNOTSUPP: the root is not supported (LVM, dm-crypt, RAID, network, …); the sentence
 * names the reason, and the caller uses the entry's own initrd. -ENOENT: a module or its directory
 * is missing. -ENOMEM.
 */
int wb_warm_build(const struct wb_files *files, const struct wb_warm_request *want,
	struct wb_warm_result *ret, struct wb_error *err);
void wb_warm_result_deinit(struct wb_warm_result *r);

/* The static init, built from src/warminit/init.c and embedded. */
extern const uint8_t wb_warm_init[];
extern const size_t wb_warm_init_size;
