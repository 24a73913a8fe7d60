/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operations that the store needs besides struct wb_sys: memory at chosen places, huge pages,
 * and a process that outlives its parent. An ops table, so that tests fake it. Functions return 0
 * or a negative errno unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WB_STORE_PAGE (2ull << 20) /* a huge page of x86-64 */

struct wb_store_io {
	void *ctx;
	/* Address space without memory, aligned to WB_STORE_PAGE. */
	int (*area)(void *ctx, uint64_t size, uint8_t **ret);
	/* Map [off, off + size) of a file at `at`, inside an area; shared. */
	int (*map)(
		void *ctx, const char *path, uint64_t off, uint64_t size, bool write, uint8_t *at);
	/*
	 * Copy from a mapping: if a driver has taken the memory meanwhile, this is -EFAULT and no
	 * signal.
	 */
	int (*copy)(void *ctx, const uint8_t *from, void *ret, size_t n);
	/*
	 * Is this block device in use: mounted, swap space, part of another one? 1, 0, or a
	 * negative errno where that is not known.
	 */
	int (*claimed)(void *ctx, const char *path);
	/* Bytes of a regular file. -ENOENT. */
	int64_t (*file_size)(void *ctx, const char *path);
	/* Unmap an area, with everything in it. */
	void (*unmap)(void *ctx, uint8_t *at, uint64_t size);
	/* Write dirty pages of a mapped file out; nothing to do for memory. */
	int (*sync)(void *ctx, uint8_t *at, uint64_t size);
	/* Physical addresses of n huge pages mapped from `at` on. */
	int (*physical)(void *ctx, const uint8_t *at, size_t n, uint64_t *ret);
	/* A memfd of huge pages, none of them allocated yet; the fd. */
	int (*huge_memfd)(void *ctx, const char *name, uint64_t size);
	/* Allocate all of it. -ENOSPC where the pool of huge pages is too small. */
	int (*allocate)(void *ctx, int fd, uint64_t size);
	/* Close such a descriptor. */
	int (*close)(void *ctx, int fd);
	/* Write to an existing file with one write(2), as sysfs and procfs need it. */
	int (*write_text)(void *ctx, const char *path, const char *text);
	/* A file of this size, mode 0600, all of its blocks allocated; replaces what was there. */
	int (*create_file)(void *ctx, const char *path, uint64_t size);
	/*
	 * Does `path` lie on the root file system? If it does not exist yet: does `below`, in which
	 * it will be made?
	 */
	bool (*on_root)(void *ctx, const char *path, const char *below);
	/* CPUs that are online, at least 1. */
	size_t (*cpus)(void *ctx);
	/* The caller's process id. */
	int (*self)(void *ctx);
	/* Load a module with its dependencies, and wait. -ENOENT there is none. */
	int (*load_module)(void *ctx, const char *name);
	/*
	 * Start the holder ("warmboot store hold"): as a systemd service if systemd runs, else as a
	 * process of its own. Returns when its preparations have ended, with success or not: the
	 * state file says which.
	 */
	int (*start_holder)(void *ctx, bool systemd);
	/* End it, and wait until its memory is free. `systemd` as at the start; `pid` from the state file. */
	int (*stop_holder)(void *ctx, bool systemd, int pid);
};

extern const struct wb_store_io wb_store_io_host;
