// SPDX-License-Identifier: LGPL-2.1-or-later
/* A record of the history and a mark with any contents, and the texts made from them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "core/strv.h"
#include "advice/advice.h"
#include "timeline/marks.h"
#include "timeline/timeline.h"

static const char seed[] = "{\"boot\":\"b\",\"previous\":\"a\",\"kind\":\"warm\",\"from\":\"6.12\","
			   "\"to\":\"7.2\",\"method\":"
			   "\"fast\",\"when\":\"2026-11-21T07:59:12Z\",\"total_s\":12.5,\"gap_s\":"
			   "11,\"staged_s\":null,"
			   "\"phases\":[{\"name\":\"kernel\",\"start_s\":1,\"duration_s\":2,"
			   "\"source\":\"x\",\"error_s\":0}],"
			   "\"units\":[{\"unit\":\"a\",\"how\":\"process\",\"frozen_s\":1,\"silent_"
			   "s\":2}],\"stops\":[{"
			   "\"unit\":\"a\",\"start_s\":1,\"duration_s\":2}],\"kernel\":{\"parts\":["
			   "],\"initcalls\":[{\"name\":"
			   "\"f\",\"duration_s\":1}],\"cpus\":2},\"notes\":[\"n\"]}";

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char mark[] = "{\"mark\":\"a\",\"boot\":\"b\",\"tsc\":1,\"wall_ns\":2,"
				   "\"mono_ns\":3,\"boot_ns\":4,\"window\":5}";
	static struct wb_blob seeds[2];

	if (!seeds[0].data) {
		wb_blob_append(&seeds[0], seed, sizeof(seed) - 1);
		wb_blob_append(&seeds[1], mark, sizeof(mark) - 1);
	}
	*ret_n = 2;
	return seeds;
}

/* An accepted mark is written, and read again as the same. */
static void read_mark(const char *text)
{
	struct wb_mark mark, again;
	WB_CLEAN_STR written = NULL;

	if (wb_mark_parse(text, &mark) < 0)
		return;
	written = wb_mark_format(&mark);
	if (!written || wb_mark_parse(written, &again) < 0 || memcmp(&mark, &again, sizeof(mark)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wb_timeline t;
	char *text = strndup((const char *)data, size), *out = NULL;
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV units = {};

	if (text && wb_mounts_parse(text, &mounts) == 0)
		wb_net_mounts(&mounts, &units);

	if (text)
		read_mark(text);
	if (text && wb_timeline_parse(text, &t, NULL) == 0) {
		if (wb_timeline_text(&t, NULL, &out) == 0)
			free(out);
		if (wb_timeline_text(&t, &t, &out) == 0)
			free(out);
		if (wb_timeline_json(&t, 1, &out) == 0)
			free(out);
		if (wb_timeline_html(&t, &t, &out) == 0)
			free(out);
		if (wb_timeline_prometheus((const struct wb_timeline *[]){&t}, 1, &out) == 0)
			free(out);
	}
	free(text);
	return 0;
}
