// SPDX-License-Identifier: LGPL-2.1-or-later
/* Initrds, cut into two parts at a place that the first two bytes choose. */
#include "fuzz.h"
#include "sample-codecs.h"
#include "samples.h"
#include "image/image.h"

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t rest = size < 2 ? 0 : size - 2;
	const size_t cut = rest ? (data[0] | (size_t)data[1] << 8) % rest : 0;
	const struct wb_bytes parts[] = {
		{data + size - rest, cut}, {data + size - rest + cut, rest - cut}};

	for (int i = 0; i < 2; i++) {
		struct wb_error err = {};

		if (wb_initrd_check(parts[i], &err) < 0 && !err.text[0])
			__builtin_trap();
	}
	for (int decompress = 0; decompress < 2; decompress++) {
		WB_CLEAN_BLOB out = {};
		struct wb_error err = {};
		int r = wb_initrd_join(parts, 2, decompress, LIMIT, &out, &err);

		if (r == 0 && (out.size > LIMIT || out.size % 4))
			__builtin_trap();
		if (r < 0 && (out.size || !err.text[0]))
			__builtin_trap();
	}
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[2];
	static uint8_t cpio[2048];
	size_t n = sample_cpio(cpio, 0, "kernel/x86/microcode/a.bin", "ucode", 5);

	n = sample_cpio(cpio, n, "TRAILER!!!", NULL, 0);
	for (int i = 0; i < 2; i++) {
		wb_blob_append(&seeds[i], i ? "\xc8\0" : "\0\0", 2);
		wb_blob_append(&seeds[i], cpio, n);
		wb_blob_append(&seeds[i], i ? sample_gzip : sample_zstd,
			i ? sizeof(sample_gzip) : sizeof(sample_zstd));
		wb_blob_pad(&seeds[i], 64);
		wb_blob_append(&seeds[i], cpio, n);
	}
	*ret_n = 2;
	return seeds;
}
