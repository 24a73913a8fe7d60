// SPDX-License-Identifier: LGPL-2.1-or-later
/* The beginning of a disk, in which the warm init looks for a file system and its UUID. */
#include <stdlib.h>
#include <string.h>

#include "warminit/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *type;
	char uuid[37];

	if (wb_probe_uuid((struct wb_bytes){data, size}, uuid, &type) && strlen(uuid) != 36 &&
		strlen(uuid) != 9)
		abort();
	if (size > 5 &&
		wb_probe_partuuid(
			(struct wb_bytes){data, size}, data[0] & 1 ? 512 : 4096, data[1], uuid) &&
		strlen(uuid) != 36 && strlen(uuid) != 11)
		abort();
	return 0;
}
