// SPDX-License-Identifier: LGPL-2.1-or-later
/* Both kinds of digest: plain SHA-256, and eight lanes of it. */
#include "core/digest.h"

#include "core/sha256.h"

#define LANES WB_SHA256_LANES
_Static_assert(WB_DIGEST_STRIPE == LANES * 64, "a stripe is one block of every lane");

/* For a CPU without AVX2: lane by lane. */
static void lanes_plain(uint32_t state[8][LANES], const uint8_t *data, size_t n)
{
	for (; n; n--, data += WB_DIGEST_STRIPE)
		for (int lane = 0; lane < LANES; lane++) {
			uint32_t words[16], one[8];

			for (int i = 0; i < 16; i++) {
				__builtin_memcpy(&words[i], data + 4 * (LANES * i + lane), 4);
				words[i] = __builtin_bswap32(words[i]);
			}
			for (int i = 0; i < 8; i++)
				one[i] = state[i][lane];
			wb_sha256_blocks_plain(one, (const uint8_t *)words, 1);
			for (int i = 0; i < 8; i++)
				state[i][lane] = one[i];
		}
}

/* The last block of a message that ends with a whole one (FIPS 180-4, 5.1.1), in every lane. */
static void pad(uint32_t block[16][LANES], uint64_t bytes)
{
	for (int lane = 0; lane < LANES; lane++) {
		for (int i = 1; i < 14; i++)
			block[i][lane] = 0;
		block[0][lane] = 0x80000000;
		block[14][lane] = bytes * 8 >> 32;
		block[15][lane] = bytes * 8;
	}
}

static void digest_lanes(const uint8_t *data, size_t n, uint8_t ret[32])
{
	void (*lanes)(uint32_t state[8][LANES], const uint8_t *data, size_t n) =
		wb_sha256_has_avx2() ? wb_sha256_lanes_avx2 : lanes_plain;
	wb_sha256_blocks blocks = wb_sha256_best();
	size_t stripes = n / WB_DIGEST_STRIPE;
	uint32_t state[8][LANES], last[16][LANES];
	struct wb_sha256 s;

	wb_sha256_begin(&s);
	for (int i = 0; i < 8; i++)
		for (int lane = 0; lane < LANES; lane++)
			state[i][lane] = s.state[i];
	lanes(state, data, stripes);
	pad(last, (uint64_t)stripes * 64);
	lanes(state, (const uint8_t *)last, 1);
	for (int lane = 0; lane < LANES; lane++)
		for (int i = 0; i < 8; i++) {
			uint32_t word = __builtin_bswap32(state[i][lane]);

			wb_sha256_add(&s, blocks, &word, sizeof(word));
		}
	wb_sha256_add(&s, blocks, data + stripes * WB_DIGEST_STRIPE, n % WB_DIGEST_STRIPE);
	wb_sha256_end(&s, blocks, ret);
}

void wb_digest(enum wb_digest_kind kind, const void *data, size_t n, uint8_t ret[32])
{
	if (kind == WB_DIGEST_LANES)
		digest_lanes(data, n, ret);
	else
		wb_sha256(data, n, ret);
}
