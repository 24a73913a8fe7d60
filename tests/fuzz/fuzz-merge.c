// SPDX-License-Identifier: LGPL-2.1-or-later
/* Two pagemap images in one input, cut where its first two bytes say. */
#include "fuzz.h"
#include "images/merge.h"

/* An entry each: 4 pages at 0x10000, and of them one said to be in the other. */
static const uint8_t before[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01"
				"\x08\0\0\0\x08\x80\x80\x04\x10\x04\x20\x04";
static const uint8_t last[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x02"
			      "\x08\0\0\0\x08\x80\x80\x04\x10\x01\x20\x01";

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seed;
	uint8_t cut[2] = {sizeof(last) - 1, 0};

	if (!seed.size && (wb_blob_append(&seed, cut, 2) < 0 ||
				  wb_blob_append(&seed, last, sizeof(last) - 1) < 0 ||
				  wb_blob_append(&seed, before, sizeof(before) - 1) < 0))
		seed.size = 0;
	*ret_n = 1;
	return &seed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_bytes a, b;
	struct wb_merge_plan plan;
	WB_CLEAN_BLOB out = {};
	size_t cut;

	if (size < 3)
		return 0;
	cut = (data[0] | (size_t)data[1] << 8) % (size - 2);
	a = (struct wb_bytes){data + 2, cut};
	b = (struct wb_bytes){data + 2 + cut, size - 2 - cut};
	if (wb_merge_pagemaps(a, b, &out, &plan) == 0)
		wb_merge_plan_deinit(&plan);
	return 0;
}
