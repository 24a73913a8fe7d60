// SPDX-License-Identifier: LGPL-2.1-or-later
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
	return 0;
}
