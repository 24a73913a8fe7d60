// SPDX-License-Identifier: LGPL-2.1-or-later
/* A whole kernel file: every format and wrapping, then the kernel inside a bzImage. */
#include "fuzz.h"
#include "sample-codecs.h"
#include "samples.h"
#include "image/image.h"

/* Enough to get past every header; the rest would only be slow. */
#define LIMIT (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_x86_relocs relocs;
	WB_CLEAN_IMAGE img = {};
	WB_CLEAN_BLOB vmlinux = {};
	struct wb_error err = {};
	struct wb_elf elf;

	if (wb_image_open((struct wb_bytes){data, size}, &img, &err) < 0)
		return 0;
	if (img.kind == WB_IMAGE_ELF)
		wb_x86_relocs_parse(&img.elf, &relocs, &err);
	if (img.kind != WB_IMAGE_BZIMAGE || !img.bz.codec)
		return 0;
	if (img.bz.codec->decompress(img.bz.payload, LIMIT, &vmlinux, NULL, &err) == 0 &&
		wb_elf_parse(wb_blob_view(&vmlinux), &elf, &err) == 0)
		wb_x86_relocs_parse(&elf, &relocs, &err);
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[7];
	static uint8_t elf[SAMPLE_ELF_SIZE], arm64[SAMPLE_ARM64_SIZE], gz[2048], bz[4096],
		uki[16384], zboot[4096];
	size_t n_gz, n;

	sample_elf(elf);
	wb_blob_append(&seeds[0], elf, sizeof(elf));
	sample_arm64(arm64);
	wb_blob_append(&seeds[1], arm64, sizeof(arm64));
	n_gz = sample_stored_gzip(gz, (struct wb_bytes){elf, sizeof(elf)});
	wb_blob_append(&seeds[2], gz, n_gz);
	n = sample_bzimage(bz, (struct wb_bytes){gz, n_gz}, sizeof(elf));
	wb_blob_append(&seeds[3], bz, n);
	wb_blob_append(&seeds[4], uki,
		sample_pe(uki,
			(struct sample_section[]){{".cmdline", "quiet", 5}, {".profile", "ID=a", 4},
				{".initrd", "070701", 6}, {".linux", bz, (uint32_t)n}},
			4));
	wb_blob_append(&seeds[5], zboot, sample_zboot(zboot, "gzip", (struct wb_bytes){gz, n_gz}));
	wb_blob_append(&seeds[6], bz,
		sample_bzimage(bz, (struct wb_bytes){sample_zstd, sizeof(sample_zstd)}, 65));
	*ret_n = 7;
	return seeds;
}
