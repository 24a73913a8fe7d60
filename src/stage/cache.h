/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of kernels that were unpacked before, so that each is unpacked once. A kernel's name
 * there is the SHA-256 of its packed bytes. The directory and its files are used only if they
 * belong to the caller alone, and no link is followed. A file that is damaged, belongs to somebody
 * else or is open to others is removed. Whatever goes wrong, the caller unpacks the kernel itself.
 */
#pragma once

#include "core/bytes.h"

#define WB_CACHE_KEY 32
#define WB_CACHE_FILES 4            /* at most so many kernels */
#define WB_CACHE_BYTES (256u << 20) /* of at most so many bytes together */

/* The key of a kernel: the SHA-256 of its packed bytes. */
void wb_cache_key(struct wb_bytes packed, uint8_t ret[WB_CACHE_KEY]);
/*
 * Open the directory, whose parent exists; it is made (0700) when `make` is set. The caller closes
 * it. -EPERM: others may use it, too; -ELOOP, -ENOTDIR: a link is on the way; -EROFS: it would be in memory.
 */
int wb_cache_open(const char *path, bool make);
/*
 * Append an unpacked kernel of at most `limit` bytes to *ret. -ENOENT: it is not there; other
 * errors: its file was not right (and is removed), or could not be read. *ret is untouched then.
 */
int wb_cache_read(int dir, const uint8_t key[WB_CACHE_KEY], size_t limit, struct wb_blob *ret);
/*
 * Put an unpacked kernel there, after removing what is oldest, so that the limits above hold. A
 * quarter of the file system's free space is used at most. Negative errno: nothing was added.
 */
int wb_cache_write(int dir, const uint8_t key[WB_CACHE_KEY], struct wb_bytes contents);
