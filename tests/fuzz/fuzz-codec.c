// SPDX-License-Identifier: LGPL-2.1-or-later
/* Every codec that is built in, whatever the magic says, with a limit it may reach. */
#include "fuzz.h"
#include "sample-codecs.h"
#include "core/codec.h"

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wb_bytes in = {data, size};

	for (size_t i = 0; wb_codecs[i]; i++) {
		WB_CLEAN_BLOB out = {};
		struct wb_error err = {};
		size_t used = 0;

		if (!wb_codecs[i]->probe(in))
			continue;
		/* Every other time there is room for zstd to unpack the whole at once. */
		if (size % 2)
			wb_blob_reserve(&out, 4096);
		if (wb_codecs[i]->decompress(in, LIMIT, &out, &used, &err) == 0) {
			if (out.size > LIMIT || used > size)
				__builtin_trap();
		} else if (out.size || !err.text[0]) {
			__builtin_trap();
		}
	}
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[N_SAMPLE_PACKED];

	for (size_t i = 0; i < N_SAMPLE_PACKED; i++)
		wb_blob_append(&seeds[i], sample_packed[i].bytes.data, sample_packed[i].bytes.size);
	*ret_n = N_SAMPLE_PACKED;
	return seeds;
}
