// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding the release of a kernel in its bytes. */
#define _GNU_SOURCE
#include <string.h>

#include "image/release.h"

static const char banner[] = "Linux version ";

void wb_release_copy(struct wb_bytes text, char *ret, size_t size)
{
	size_t n = 0;
	uint8_t c;

	while (n + 1 < size && wb_get_u8(text, n, &c) && c > ' ' && c < 0x7f)
		ret[n++] = (char)c;
	ret[n] = 0;
}

void wb_release_find(struct wb_bytes kernel, char *ret, size_t size)
{
	struct wb_bytes rest = kernel;
	const uint8_t *p;

	ret[0] = 0;
	/*
	 * The first match may be the format string "Linux version %s"; a release begins with a
	 * digit.
	 */
	while (rest.size && (p = memmem(rest.data, rest.size, banner, sizeof(banner) - 1))) {
		if (!wb_bytes_sub(kernel, p - kernel.data + sizeof(banner) - 1,
			    kernel.size - (p - kernel.data) - (sizeof(banner) - 1), &rest))
			return;
		wb_release_copy(rest, ret, size);
		if (ret[0] >= '0' && ret[0] <= '9')
			return;
		ret[0] = 0;
	}
}
