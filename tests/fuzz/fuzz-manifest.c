// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The manifest of a store with any contents. An accepted one must be equal after writing and
 * reading it again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "manifest/manifest.h"
#include "sample-manifest.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const files[] = {"\"/run/memcached\"", "{\"hex\": \"2f72ff\"}"};
	const char *at = strstr(sample_manifest, files[0]);
	static struct wb_blob seeds[2];

	if (!seeds[0].data) {
		wb_blob_append(&seeds[0], sample_manifest, strlen(sample_manifest));
		wb_blob_append(&seeds[1], sample_manifest, (size_t)(at - sample_manifest));
		wb_blob_append(&seeds[1], files[1], strlen(files[1]));
		at += strlen(files[0]);
		wb_blob_append(&seeds[1], at, strlen(at));
	}
	*ret_n = 2;
	return seeds;
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
