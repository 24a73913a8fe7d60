// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which number does a dynamic user get? */
#include <string.h>

#include "systemd/dynamic.h"

/* SipHash-2-4, https://131002.net/siphash/: the state, and its round. */
struct sip {
	uint64_t v[4];
};

static uint64_t turn(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void rounds(struct sip *s, int n)
{
	uint64_t *v = s->v;

	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turn(v[1], 13) ^ v[0];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] = turn(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = turn(v[3], 21) ^ v[0];
		v[1] = turn(v[1], 17) ^ v[2];
		v[2] = turn(v[2], 32);
	}
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

static void add_word(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	rounds(s, 2);
	s->v[0] ^= word;
}

static uint64_t siphash(const uint8_t *p, size_t n, const uint8_t key[16])
{
	uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
	struct sip s = {{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573}};
	size_t whole = n / 8 * 8;

	for (size_t i = 0; i < whole; i += 8)
		add_word(&s, little_endian(p + i, 8));
	add_word(&s, (uint64_t)n << 56 | little_endian(p + whole, n - whole));
	s.v[2] ^= 0xff;
	rounds(&s, 4);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

uint32_t wb_dynamic_uid(const char *name)
{
	/* hash_key of pick_uid(). */
	static const uint8_t key[16] = {0x37, 0x53, 0x7e, 0x31, 0xcf, 0xce, 0x48, 0xf5, 0x8a, 0xbb,
		0x39, 0x57, 0x8d, 0xd9, 0xec, 0x59};
	/* systemd takes the lower half of the hash. */
	uint32_t hash = (uint32_t)siphash((const uint8_t *)name, strlen(name), key);

	return hash % (WB_DYNAMIC_LAST - WB_DYNAMIC_FIRST + 1) + WB_DYNAMIC_FIRST;
}
