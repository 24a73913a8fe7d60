/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the store needs of a machine besides struct wb_sys: memory at chosen places, huge pages, and
 * a process that outlives the one which asked. An ops table, so that tests fake it. Functions
 * return 0 or a negative errno unless they say otherwise.
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
	/* Put [off, off + size) of a file at `at`, inside an area; shared. */
	int (*map)(
		void *ctx, const char *path, uint64_t off, uint64_t size, bool write, uint8_t *at);
	/* Take an area away again, with all that was put there. */
	void (*unmap)(void *ctx, uint8_t *at, uint64_t size);
	/* Write dirty pages of a mapped file out; nothing to do where memory is mapped. */
	int (*sync)(void *ctx, uint8_t *at, uint64_t size);
	/* Physical addresses of n huge pages mapped from `at` on. */
	int (*physical)(void *ctx, const uint8_t *at, size_t n, uint64_t *ret);
	/* A memfd of huge pages, none of them allocated yet; the fd. */
	int (*huge_memfd)(void *ctx, const char *name, uint64_t size);
	/* Allocate all of it. -ENOSPC where the pool of huge pages is too small. */
	int (*allocate)(void *ctx, int fd, uint64_t size);
	int (*close)(void *ctx, int fd);
	/* Write to a file that is there, as sysfs and procfs want it: one write(2). */
	int (*write_text)(void *ctx, const char *path, const char *text);
	/* A file of this size, mode 0600, all of its blocks allocated; replaces what was there. */
	int (*create_file)(void *ctx, const char *path, uint64_t size);
	/* CPUs that are online, at least 1. */
	size_t (*cpus)(void *ctx);
	/* The caller's process id. */
	int (*self)(void *ctx);
	/* Load a module with all that it needs, and wait. -ENOENT there is none. */
	int (*load_module)(void *ctx, const char *name);
	/*
	 * Start the holder ("warmboot store hold"): as a systemd service where there is systemd, else
	 * as a process of its own. Returns when it has ended its preparations, well or not: the state
	 * file tells which. And end it.
	 */
	int (*start_holder)(void *ctx, bool systemd);
	int (*stop_holder)(void *ctx, bool systemd, int pid);
};

extern const struct wb_store_io wb_store_io_host;
