/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The digest of a piece of memory, for purgatory to check. Built hosted into the library and
 * freestanding into purgatory; needs no libc but memcpy() and memset(). Nothing here fails.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum wb_digest_kind {
	/* SHA-256 of the bytes (FIPS 180-4). */
	WB_DIGEST_SHA256 = 0,
	/*
	 * SHA-256 of the SHA-256 of eight messages, one after the other, and of the bytes left
	 * over. The input is cut into stripes of 512 bytes; the rest that fills no stripe is left
	 * over. Message i consists of the 32-bit words i, i + 8, i + 16, ... of all stripes, each
	 * with its four bytes reversed. Eight neighbouring words are then one load of a vector
	 * register, and AVX2 computes eight messages with the instructions of one. The result is as
	 * strong as SHA-256: each piece contains its length, and no two inputs give the same
	 * pieces.
	 */
	WB_DIGEST_LANES = 1,
};

#define WB_DIGEST_KINDS 2
#define WB_DIGEST_STRIPE 512

void wb_digest(enum wb_digest_kind kind, const void *data, size_t n, uint8_t ret[32]);
