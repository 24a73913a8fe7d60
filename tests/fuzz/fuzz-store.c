// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A store's header and table as damage or malice may leave them, and the words that describe a
 * region.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/impl.h"
#include "store/region.h"
#include "sys/handoff.h"

#define SIZE (8u << 20)

/* Make the checksum right, so that the checks behind it are tried, too. */
static void with_header(const uint8_t *data, size_t size)
{
	uint8_t block[WB_STORE_BLOCK] = {};
	struct wb_store_header h;
	WB_CLEAN_STORE_TABLE t = {};
	struct wb_error err = {};

	memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
	memcpy(&h, block, sizeof(h));
	h.state = WB_STORE_SEALED;
	wb_store_header_finish(&h);
	memcpy(block, &h, sizeof(h));
	if (wb_store_header_parse((struct wb_bytes){block, sizeof(block)}, SIZE, &h, &err) < 0)
		return;
	wb_store_table_parse((struct wb_bytes){data, size}, &h, &t, &err);
}

/* Every accepted extent lies in the store, and no byte belongs to two objects. */
static void check_table(const struct wb_store_table *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->items[i].n; k++) {
			const struct wb_store_extent *x = &t->items[i].extents[k];

			if (x->off + x->size > SIZE)
				abort();
			sum += x->size;
		}
	if (sum > SIZE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_store_header h = {.size = SIZE};
	WB_CLEAN_STORE_TABLE t = {};
	struct wb_store_region region;
	struct wb_handoff_range *ranges;
	struct wb_error err = {};
	struct wb_files files = {};
	char *text = strndup((const char *)data, size);
	size_t n;

	wb_store_header_parse((struct wb_bytes){data, size}, SIZE, &h, &err);
	if (wb_store_parked_parse((struct wb_bytes){data, size}, SIZE, &h, &t) == 0)
		wb_store_table_deinit(&t);
	wb_store_header_check((struct wb_bytes){data, size}, SIZE, &h);
	wb_store_foreign((struct wb_bytes){data, size});
	with_header(data, size);
	h = (struct wb_store_header){.size = SIZE};
	if (size >= 2) {
		h.n_objects = data[0] % 8;
		h.n_extents = data[1] % 16;
		if (wb_store_table_parse((struct wb_bytes){data + 2, size - 2}, &h, &t, &err) == 0)
			check_table(&t);
	}
	if (wb_handoff_store_parse((struct wb_bytes){data, size}, &ranges, &n) == 0)
		free(ranges);
	wb_store_region_parse(&files, text, &region);
	free(text);
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[3];
	struct wb_store_entry e = {.name = strdup("unit/pages-1.img"), .size = 5000, .n = 2};
	struct wb_store_header h = {
		.size = SIZE, .table_off = 3 * WB_STORE_BLOCK, .state = WB_STORE_SEALED};
	WB_CLEAN_STORE_TABLE t = {};
	WB_CLEAN_BLOB table = {};

	e.extents = calloc(2, sizeof(*e.extents));
	e.extents[0] = (struct wb_store_extent){WB_STORE_BLOCK, WB_STORE_BLOCK, 1};
	e.extents[1] = (struct wb_store_extent){2 * WB_STORE_BLOCK, 5000 - WB_STORE_BLOCK, 2};
	if (wb_store_table_add(&t, &e) < 0 || wb_store_table_encode(&t, &table, &h) < 0)
		abort();
	wb_store_header_finish(&h);
	wb_blob_append(&seeds[0], &h, sizeof(h));
	wb_blob_append(&seeds[1], "\1\2", 2);
	wb_blob_append(&seeds[1], table.data, table.size);
	wb_blob_append(&seeds[2], &h, sizeof(h));
	wb_blob_append(&seeds[2], table.data, table.size);
	*ret_n = 3;
	return seeds;
}
