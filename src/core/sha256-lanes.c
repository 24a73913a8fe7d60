// SPDX-License-Identifier: LGPL-2.1-or-later
/* SHA-256 of eight messages at a time with AVX2; each register holds the same word of all eight. */
#include "core/sha256.h"

#include <cpuid.h>

#include "core/sha256-rounds.h"

typedef uint32_t lanes __attribute__((vector_size(32), may_alias));
typedef uint32_t unaligned_lanes __attribute__((vector_size(32), aligned(1), may_alias));

#define LOAD(i) (w[i] = ((const unaligned_lanes *)data)[i])

__attribute__((target("avx2"))) void wb_sha256_lanes_avx2(
	uint32_t states[8][WB_SHA256_LANES], const uint8_t *data, size_t n)
{
	unaligned_lanes *state = (unaligned_lanes *)states;
	lanes a = state[0], b = state[1], c = state[2], d = state[3];
	lanes e = state[4], f = state[5], g = state[6], h = state[7];

	for (; n; n--, data += 64 * WB_SHA256_LANES)
		BLOCK(lanes);
}

int wb_sha256_has_avx2(void)
{
	const unsigned int needs = bit_AVX | bit_OSXSAVE;
	unsigned int a, b, c, d, xcr0, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & needs) != needs)
		return 0;
	/*
	 * Bits 1 and 2 of XCR0 say that the registers of SSE and AVX are enabled (Intel SDM volume
	 * 1, 14.3).
	 */
	asm volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	return (xcr0 & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}
