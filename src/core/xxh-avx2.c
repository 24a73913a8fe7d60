// SPDX-License-Identifier: LGPL-2.1-or-later
/* The library's own XXH3, inlined here and compiled for AVX2. */
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define XXH_INLINE_ALL
#define XXH_VECTOR 2 /* XXH_AVX2 */
#include <xxhash.h>

/* core/xxh.h would bring the library's names; the result is two numbers in either. */
XXH128_hash_t wb_xxh128_avx2(const void *data, size_t n);

XXH128_hash_t wb_xxh128_avx2(const void *data, size_t n)
{
	return XXH3_128bits(data, n);
}
#if defined(__clang__)
#pragma clang attribute pop
#endif
