// SPDX-License-Identifier: LGPL-2.1-or-later
/* SHA-256 of a message, with the fastest block function for this CPU. */
#include "core/sha256.h"

wb_sha256_blocks wb_sha256_best(void)
{
	return wb_sha256_has_ni() ? wb_sha256_blocks_ni : wb_sha256_blocks_plain;
}

void wb_sha256_begin(struct wb_sha256 *s)
{
	/* FIPS 180-4, 5.3.3. */
	*s = (struct wb_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void wb_sha256_add(struct wb_sha256 *s, wb_sha256_blocks blocks, const void *data, size_t n)
{
	const uint8_t *p = data;

	s->length += n;
	if (s->fill) {
		size_t part = sizeof(s->block) - s->fill;

		if (part > n)
			part = n;
		__builtin_memcpy(s->block + s->fill, p, part);
		s->fill += part;
		p += part;
		n -= part;
		if (s->fill < sizeof(s->block))
			return;
		blocks(s->state, s->block, 1);
		s->fill = 0;
	}
	blocks(s->state, p, n / 64);
	p += n & ~(size_t)63;
	s->fill = n & 63;
	if (s->fill)
		__builtin_memcpy(s->block, p, s->fill);
}

void wb_sha256_end(struct wb_sha256 *s, wb_sha256_blocks blocks, uint8_t ret[32])
{
	uint64_t bits = __builtin_bswap64(s->length * 8);

	s->block[s->fill++] = 0x80;
	if (s->fill > 56) {
		__builtin_memset(s->block + s->fill, 0, 64 - s->fill);
		blocks(s->state, s->block, 1);
		s->fill = 0;
	}
	__builtin_memset(s->block + s->fill, 0, 56 - s->fill);
	__builtin_memcpy(s->block + 56, &bits, 8);
	blocks(s->state, s->block, 1);
	for (int i = 0; i < 8; i++) {
		uint32_t v = __builtin_bswap32(s->state[i]);

		__builtin_memcpy(ret + 4 * i, &v, 4);
	}
}

void wb_sha256(const void *data, size_t n, uint8_t ret[32])
{
	wb_sha256_blocks blocks = wb_sha256_best();
	struct wb_sha256 s;

	wb_sha256_begin(&s);
	wb_sha256_add(&s, blocks, data, n);
	wb_sha256_end(&s, blocks, ret);
}
