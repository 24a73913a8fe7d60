// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files that CRIU writes (logs, stats, versions, ids), and the manifest of a unit's images. */
#include <stdlib.h>

#include "fuzz.h"
#include "criu/criu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_bytes in = {data, size}, head, tail;
	WB_CLEAN_CRIU_IMAGE image = {};
	WB_CLEAN_BLOB out = {};
	char buf[64], *version;
	int64_t us;
	json_t *json;

	wb_criu_reason(in, buf, sizeof(buf));
	wb_criu_parse_stats(in, &us);
	if (wb_criu_parse_version(in, &version) == 0)
		free(version);
	/* Two files in one input, cut where its first byte says. */
	if (size > 1 && wb_bytes_sub(in, 1, data[0] % size, &head) &&
		wb_bytes_sub(in, 1 + head.size, size - 1 - head.size, &tail))
		wb_criu_adopt_users(head, tail, &out);
	json = json_loadb((const char *)data, size, 0, NULL);
	if (json)
		wb_criu_image_read(json, &image, NULL);
	json_decref(json);
	return 0;
}
