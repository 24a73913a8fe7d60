// SPDX-License-Identifier: LGPL-2.1-or-later
/* SHA-256 with the SHA extensions (Intel SDM volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2). */
#include "core/sha256.h"

#include <cpuid.h>
#include <immintrin.h>

#define USES_SHA __attribute__((target("sha,sse4.1")))

/* Four rounds. sha256rnds2 takes the sums of the words from the low half of its third operand. */
#define FOUR(i, w)                                                                     \
	do {                                                                           \
		__m128i kw = _mm_add_epi32(w, _mm_load_si128(k + (i)));                \
                                                                                       \
		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, kw);                          \
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(kw, 0x0e)); \
	} while (0)

/* Compute the next four words of the schedule into w0, and do their rounds. */
#define NEXT(i, w0, w1, w2, w3)                                     \
	do {                                                        \
		w0 = _mm_sha256msg1_epu32(w0, w1);                  \
		w0 = _mm_add_epi32(w0, _mm_alignr_epi8(w3, w2, 4)); \
		w0 = _mm_sha256msg2_epu32(w0, w3);                  \
		FOUR(i, w0);                                        \
	} while (0)

USES_SHA static inline __m128i load(const uint8_t *p)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p), swap);
}

USES_SHA void wb_sha256_blocks_ni(uint32_t state[8], const uint8_t *data, size_t n)
{
	const __m128i *k = (const __m128i *)wb_sha256_k;
	/* Memory holds a b c d | e f g h; the instructions want f e b a | h g d c, lowest first. */
	__m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

	for (; n; n--, data += 64) {
		__m128i abef0 = abef, cdgh0 = cdgh;
		__m128i w0 = load(data), w1 = load(data + 16);
		__m128i w2 = load(data + 32), w3 = load(data + 48);

		FOUR(0, w0);
		FOUR(1, w1);
		FOUR(2, w2);
		FOUR(3, w3);
		for (int i = 4; i < 16; i += 4) {
			NEXT(i, w0, w1, w2, w3);
			NEXT(i + 1, w1, w2, w3, w0);
			NEXT(i + 2, w2, w3, w0, w1);
			NEXT(i + 3, w3, w0, w1, w2);
		}
		abef = _mm_add_epi32(abef, abef0);
		cdgh = _mm_add_epi32(cdgh, cdgh0);
	}
	badc = _mm_blend_epi16(_mm_shuffle_epi32(abef, 0x1b), _mm_shuffle_epi32(cdgh, 0xb1), 0xf0);
	hgfe = _mm_alignr_epi8(_mm_shuffle_epi32(cdgh, 0xb1), _mm_shuffle_epi32(abef, 0x1b), 8);
	_mm_storeu_si128((__m128i *)state, badc);
	_mm_storeu_si128((__m128i *)(state + 4), hgfe);
}

int wb_sha256_has_ni(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
