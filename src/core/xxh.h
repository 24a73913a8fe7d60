/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XXH3 of a piece of memory, in 128 bits: it finds damage and tells contents apart, and is no protection. */
#pragma once

#include <stddef.h>
#include <xxhash.h>

/* As XXH3_128bits(), with a third of its instructions where this CPU has AVX2. */
XXH128_hash_t wb_xxh128(const void *data, size_t n);
/* Needs AVX2, enabled. */
XXH128_hash_t wb_xxh128_avx2(const void *data, size_t n);
