// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/xxh.c: the sum with wide registers is the library's. */
#include <stdlib.h>

#include "core/sha256.h"
#include "core/xxh.h"
#include "unit.h"

#define SIZE (70u << 10)

/* Every branch of XXH3 by length, and more than one of its blocks; also from an odd address. */
static void wide_registers_change_nothing(void **state)
{
	static const size_t lengths[] = {
		0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1023, 1024, 1025, 4096, 65537, SIZE};
	uint8_t *data = test_malloc(SIZE + 1);

	for (size_t i = 0; i <= SIZE; i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (size_t at = 0; at < 2; at++) {
			XXH128_hash_t want = XXH3_128bits(data + at, lengths[i]);

			assert_true(XXH128_isEqual(wb_xxh128(data + at, lengths[i]), want));
			if (wb_sha256_has_avx2())
				assert_true(XXH128_isEqual(
					wb_xxh128_avx2(data + at, lengths[i]), want));
		}
	test_free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(wide_registers_change_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
