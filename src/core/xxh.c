// SPDX-License-Identifier: LGPL-2.1-or-later
/* XXH3 with the widest registers that this CPU has. The packaged library is built for every CPU. */
#include "core/xxh.h"

#include "core/sha256.h"

XXH128_hash_t wb_xxh128(const void *data, size_t n)
{
	return wb_sha256_has_avx2() ? wb_xxh128_avx2(data, n) : XXH3_128bits(data, n);
}
