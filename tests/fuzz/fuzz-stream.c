// SPDX-License-Identifier: LGPL-2.1-or-later
/* A request of CRIU's image stream. */
#include <stdlib.h>

#include "fuzz.h"
#include "images/protobuf.h"
#include "images/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_bytes in = {data, size};
	WB_CLEAN_BLOB out = {};
	struct wb_pb_field f;
	char *name = NULL;
	size_t off = 0;

	if (wb_stream_parse_request(in, &name) == 0)
		free(name);
	/* An accepted message can be written. */
	while (wb_pb_next(in, &off, &f) > 0)
		if (wb_pb_put(&out, &f) < 0)
			abort();
	return 0;
}
