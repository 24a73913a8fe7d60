// SPDX-License-Identifier: LGPL-2.1-or-later
/* A whole kernel file: every format and wrapping, then the kernel inside a bzImage. */
#include "core/kernel-id.h"
#include "core/strv.h"
#include "fuzz.h"
#include "sample-codecs.h"
#include "samples.h"
#include "image/image.h"

/* Enough for every header. More would only be slower. */
#define LIMIT (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_bytes file = {data, size}, initrd, ucode;
	struct wb_x86_relocs relocs;
	WB_CLEAN_IMAGE img = {};
	WB_CLEAN_IMAGE other = {};
	WB_CLEAN_BLOB vmlinux = {};
	struct wb_error err = {};
	WB_CLEAN_STR id = NULL;
	struct wb_elf elf;

	wb_uki_addon_parts(file, &initrd, &ucode, &err);
	wb_image_open_profile(file, LIMIT, 1, &other, &err);
	if (wb_image_open(file, &img, &err) < 0)
		return 0;
	if (wb_image_kernel_id(&img, LIMIT, &id, &err) == 0 && !wb_valid_kernel_id(id))
		__builtin_trap();
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
	static struct wb_blob seeds[16];
	static uint8_t elf[SAMPLE_ELF_SIZE], arm64[SAMPLE_ARM64_SIZE], gz[2048], bz[4096],
		uki[16384], zboot[4096];
	size_t n_gz, n, k = 0;

	sample_elf(elf);
	wb_blob_append(&seeds[k++], elf, sizeof(elf));
	sample_arm64(arm64);
	wb_blob_append(&seeds[k++], arm64, sizeof(arm64));
	n_gz = sample_stored_gzip(gz, (struct wb_bytes){elf, sizeof(elf)});
	wb_blob_append(&seeds[k++], gz, n_gz);
	n = sample_bzimage(bz, (struct wb_bytes){gz, n_gz}, sizeof(elf));
	wb_blob_append(&seeds[k++], bz, n);
	wb_blob_append(&seeds[k++], uki,
		sample_pe(uki,
			(struct sample_section[]){{".cmdline", "quiet", 5}, {".profile", "ID=a", 4},
				{".initrd", "070701", 6}, {".linux", bz, (uint32_t)n}},
			4));
	wb_blob_append(
		&seeds[k++], zboot, sample_zboot(zboot, "gzip", (struct wb_bytes){gz, n_gz}));
	wb_blob_append(&seeds[k++], bz,
		sample_bzimage(bz, (struct wb_bytes){sample_zstd, sizeof(sample_zstd)}, 65));
	*ret_n = k;
	return seeds;
}
