// SPDX-License-Identifier: LGPL-2.1-or-later
/* An access control list may only take rights of the group away. */
#include <string.h>

#include "fuzz.h"
#include "files/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (unsigned mode = 0; mode <= 07777; mode += 0111) {
		unsigned without = wb_acl_mode((struct wb_bytes){data, size}, mode);

		if ((without & ~mode) || (without & ~070u) != (mode & ~070u))
			__builtin_trap();
	}
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const uint8_t list[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 4, 0, 255,
		255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255};
	static struct wb_blob seed;

	wb_blob_append(&seed, list, sizeof(list));
	*ret_n = 1;
	return &seed;
}
