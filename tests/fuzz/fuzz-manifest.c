// SPDX-License-Identifier: LGPL-2.1-or-later
/* The manifest as a store may hold it. What is accepted must come out again the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keep/manifest.h"
#include "sample-manifest.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seed;

	if (!seed.data)
		wb_blob_append(&seed, sample_manifest, strlen(sample_manifest));
	*ret_n = 1;
	return &seed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_MANIFEST m = {}, again = {};
	WB_CLEAN_STR text = NULL;

	if (wb_manifest_parse((struct wb_bytes){data, size}, NULL, &m, NULL) < 0)
		return 0;
	if (wb_manifest_write(&m, &text, NULL) < 0)
		abort();
	if (wb_manifest_parse((struct wb_bytes){(const uint8_t *)text, strlen(text)}, m.nonce,
		    &again, NULL) < 0)
		abort();
	return 0;
}
