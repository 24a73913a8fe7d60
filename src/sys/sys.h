/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls with an effect: an ops table, so that tests fake it, and the only place that makes
 * them. Reading goes through its struct wb_files.
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
	const struct wb_files *files;
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
	/* An fd for reading, close-on-exec; negative errno. */
	int (*open_read)(void *ctx, const char *path);
	/* Close the descriptor of memfd() or open_read(). */
	int (*close_fd)(void *ctx, int fd);
	/*
	 * Replace a file in one step (temporary file, fsync, rename, fsync of the directory),
	 * making missing directories with mode 0755. Negative errno, old contents untouched.
	 */
	int (*write_file)(void *ctx, const char *path, struct wb_bytes contents, unsigned mode);
	/* Remove a file; -ENOENT counts as done. */
	int (*remove_file)(void *ctx, const char *path);
	/* The CPU's time stamp counter now. */
	uint64_t (*tsc)(void *ctx);
	/* CLOCK_REALTIME in nanoseconds, which is only printed. */
	uint64_t (*wall_ns)(void *ctx);
	/* Bytes a second at which this machine copies a loaded kernel into place; 0 unknown. */
	double (*copy_rate)(void *ctx);
	/* CLOCK_MONOTONIC in nanoseconds. */
	uint64_t (*mono_ns)(void *ctx);
	/* CLOCK_BOOTTIME in nanoseconds. */
	uint64_t (*boot_ns)(void *ctx);
	/*
	 * Append to a file, made with `mode` (and its directories) when absent. -EFBIG when it has
	 * `limit` bytes or more already. Not synced: a caller that jumps afterwards syncs.
	 */
	int (*append_file)(void *ctx, const char *path, struct wb_bytes contents, unsigned mode,
		uint64_t limit);
	/* Write into an existing file, at `off`. */
	int (*write_at)(void *ctx, const char *path, uint64_t off, struct wb_bytes contents);
	/* Wait until udev has handled every event that it knows of, at most `ms` milliseconds. */
	void (*settle)(void *ctx, unsigned ms);
	/* CLOCK_MONOTONIC_RAW in nanoseconds. */
	uint64_t (*raw_ns)(void *ctx);
	/*
	 * Remove a variable from efivarfs, which guards it with the immutable flag
	 * (Documentation/filesystems/efivarfs.rst); -ENOENT counts as done, -EINVAL: it is on another file
	 * system. NULL: this machine cannot.
	 */
	int (*remove_efivar)(void *ctx, const char *path);
	/* Make such a variable; the contents begin with its attributes. NULL: this machine cannot. */
	int (*write_efivar)(void *ctx, const char *path, struct wb_bytes contents);
	/*
	 * Make a directory with exactly this mode, and missing ones above it with 0755. -ENOTDIR:
	 * another kind of file, or a symbolic link, has that name.
	 */
	int (*make_dir)(void *ctx, const char *path, unsigned mode);
	/* Write the contents of a file out to its device. NULL: nothing is to be written out. */
	int (*sync_file)(void *ctx, const char *path);
};

/* The real machine; also in the public header. */
const struct wb_sys *wb_sys_real(void);
extern const struct wb_sys wb_sys_host;
/*
 * Make the directories that are missing above this path, with mode 0755. Negative errno.
 */
int wb_make_parents(const char *path);
/* The real file system only. */
extern const struct wb_files wb_files_host;
