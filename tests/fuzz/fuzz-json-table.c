// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * JSON from anywhere, with a table of each kind: an accepted value is written, and read again as
 * the same.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sample-tables.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[2];

	if (!seeds[0].data) {
		wb_blob_append(&seeds[0], whole_tree, sizeof(whole_tree) - 1);
		wb_blob_append(&seeds[1], whole_log, sizeof(whole_log) - 1);
	}
	*ret_n = 2;
	return seeds;
}

/* `first` and `second`: zeroed structs of these fields. */
static void there_and_back(
	struct wb_bytes in, const struct wb_json_field *fields, void *first, void *second)
{
	WB_CLEAN_STR once = NULL;
	WB_CLEAN_STR twice = NULL;
	struct wb_bytes text;

	if (wb_json_parse(in, fields, "it", first, NULL) < 0)
		return;
	once = wb_json_text(fields, first, JSON_COMPACT);
	if (!once)
		abort();
	text = (struct wb_bytes){(const uint8_t *)once, strlen(once)};
	if (wb_json_parse(text, fields, "it", second, NULL) < 0)
		abort();
	twice = wb_json_text(fields, second, JSON_COMPACT);
	if (!twice || strcmp(once, twice))
		abort();
	wb_json_free(fields, first);
	wb_json_free(fields, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	there_and_back(
		(struct wb_bytes){data, size}, tree_fields, &(struct tree){}, &(struct tree){});
	there_and_back((struct wb_bytes){data, size}, log_fields, &(struct log){}, &(struct log){});
	return 0;
}
