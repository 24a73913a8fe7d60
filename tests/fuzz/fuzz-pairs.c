// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ledger of kernel pairs, and notes of kernels. A file is written again as it was; a line that is understood says
 * the same when it is made afresh; whatever stands there, an answer comes of it.
 */
#include <stdlib.h>
#include <string.h>

#include "core/kernel-id.h"
#include "fuzz.h"
#include "guard/pairs.h"
#include "sample-pairs.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char text[] =
		"# a comment\n" BAD_LINE LEDGER_LINE OLDER_LINE "{\"pair\":7}\n" SIMPLE(BUILD_A,
			BUILD_B, "file", CLASS_Y, "good", ",\"phase\":\"later\",\"note\":\"x\"");
	static struct wb_blob seeds[2];

	if (!seeds[0].data) {
		wb_blob_append(&seeds[0], text, sizeof(text) - 1);
		wb_blob_append(&seeds[1], sample_notes, NOTES_SIZE);
	}
	*ret_n = 2;
	return seeds;
}

static void write_again(const struct wb_pairs *pairs, struct wb_bytes in)
{
	WB_CLEAN_BLOB out = {};

	for (size_t i = 0; i < pairs->n; i++)
		if (wb_pairs_append(&pairs->items[i], false, &out) < 0)
			abort();
	/* Only the last line feed may be new. */
	if (out.size - in.size > 1 || (in.size && memcmp(out.data, in.data, in.size)))
		abort();
}

static void make_afresh(const struct wb_pairs_line *l)
{
	WB_CLEAN_BLOB out = {};
	WB_CLEAN_PAIRS again = {};

	if (wb_pairs_append(l, true, &out) < 0 ||
		wb_pairs_parse(wb_blob_view(&out), "x", l->source, &again, NULL) < 0 ||
		again.n != 1 || again.items[0].kind != l->kind || strcmp(again.items[0].id, l->id))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum wb_pair_source sources[] = {WB_PAIRS_FROM_ADMIN, WB_PAIRS_FROM_OWN};
	const struct wb_pairs_query query = QUERY(BUILD_A, BUILD_B, "fast", CLASS_X);
	const struct wb_bytes in = {data, size};
	WB_CLEAN_STR id = NULL;

	if (wb_kernel_id_parse(in, &id) == 0 && !wb_valid_kernel_id(id))
		abort();
	for (size_t s = 0; s < 2; s++) {
		WB_CLEAN_PAIRS pairs = {};
		WB_CLEAN_ANSWER answer = {};

		if (wb_pairs_parse(in, "x", sources[s], &pairs, NULL) < 0)
			continue;
		write_again(&pairs, in);
		for (size_t i = 0; i < pairs.n; i++)
			if (pairs.items[i].kind > WB_PAIRS_DAMAGED)
				make_afresh(&pairs.items[i]);
		if (wb_pairs_judge(&pairs, &query, &answer) < 0)
			abort();
	}
	return 0;
}
