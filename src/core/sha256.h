/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 (FIPS 180-4). Built hosted into the library and freestanding into purgatory; needs no
 * libc but memcpy() and memset(). Nothing here fails.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct wb_sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	uint8_t block[64];
	size_t fill;
};

/* Process `n` whole 64-byte blocks. */
typedef void (*wb_sha256_blocks)(uint32_t state[8], const uint8_t *data, size_t n);

void wb_sha256_blocks_plain(uint32_t state[8], const uint8_t *data, size_t n);
/* Needs SHA, SSSE3 and SSE4.1; call only when wb_sha256_has_ni() says so. */
void wb_sha256_blocks_ni(uint32_t state[8], const uint8_t *data, size_t n);
int wb_sha256_has_ni(void);
/*
 * Process `n` times 64 bytes of each of eight messages: word i of message j is the little-endian
 * word 8 * i + j of `data`, and word i of its state is states[i][j].
 * Needs AVX2, enabled; call only when wb_sha256_has_avx2() says so.
 */
#define WB_SHA256_LANES 8
void wb_sha256_lanes_avx2(uint32_t states[8][WB_SHA256_LANES], const uint8_t *data, size_t n);
int wb_sha256_has_avx2(void);
/* The fastest block function for this CPU. It asks the CPU each time, so keep the answer. */
wb_sha256_blocks wb_sha256_best(void);

/* The 64 round constants, for the block functions. */
extern const uint32_t wb_sha256_k[64];

void wb_sha256_begin(struct wb_sha256 *s);
void wb_sha256_add(struct wb_sha256 *s, wb_sha256_blocks blocks, const void *data, size_t n);
void wb_sha256_end(struct wb_sha256 *s, wb_sha256_blocks blocks, uint8_t ret[32]);
/* Digest of the whole input, with the fastest block function. */
void wb_sha256(const void *data, size_t n, uint8_t ret[32]);
