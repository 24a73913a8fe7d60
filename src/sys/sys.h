/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only place that makes system calls with an effect. An ops table, so that tests fake it.
 * Reading goes through the embedded struct wb_files.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/files.h"

struct wb_sys_segment {
	const void *buf;
	size_t bufsz;
	uint64_t mem; /* physical, page-aligned */
	size_t memsz; /* page-aligned */
};

struct wb_sys {
	size_t size; /* sizeof(struct wb_sys) of the caller: the table may grow */
	void *ctx;
	struct wb_files files;
	/* kexec_load(2), flags as in linux/kexec.h. n 0 unloads. Negative errno; no sentence. */
	int (*kexec_load)(void *ctx, uint64_t entry, const struct wb_sys_segment *segments,
		size_t n, unsigned long flags);
	/* kexec_file_load(2). initrd_fd -1: none. cmdline without its NUL counted. */
	int (*kexec_file_load)(
		void *ctx, int kernel_fd, int initrd_fd, const char *cmdline, unsigned long flags);
	/* reboot(LINUX_REBOOT_CMD_KEXEC); returns only on failure. */
	int (*reboot_kexec)(void *ctx);
	/* Does the caller have CAP_SYS_BOOT? */
	int (*may_boot)(void *ctx);
	/* Random bytes for KASLR and nonces. */
	int (*random)(void *ctx, void *ret, size_t n);
	/* An fd open on a sealed memfd with these contents; caller closes. */
	int (*memfd)(void *ctx, const char *name, struct wb_bytes contents);
	int (*open_read)(void *ctx, const char *path);
	int (*close_fd)(void *ctx, int fd);
};

/* The real machine. */
const struct wb_sys *wb_sys_real(void);
/* The real file system only. */
const struct wb_files *wb_files_real(void);
