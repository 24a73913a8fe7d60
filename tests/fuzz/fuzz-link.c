// SPDX-License-Identifier: LGPL-2.1-or-later
/* An ELF kernel whose relocation table may point anywhere, linked to another address. */
#include "arch/x86_64.h"
#include "fuzz.h"

/* One PT_LOAD at 16 MiB with 64 file bytes; the table follows the (absent) section headers. */
static const uint8_t seed[] = {
	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* e_ident */
	2, 0, 62, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,         /* ET_EXEC, x86-64, e_entry */
	64, 0, 0, 0, 0, 0, 0, 0, 184, 0, 0, 0, 0, 0, 0, 0,       /* e_phoff, e_shoff */
	0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0,       /* one program header */
	1, 0, 0, 0, 7, 0, 0, 0, 120, 0, 0, 0, 0, 0, 0, 0,        /* PT_LOAD, p_offset */
	0, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, /* p_vaddr, p_paddr */
	64, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0,              /* p_filesz, p_memsz */
	0, 0, 32, 0, 0, 0, 0, 0,                                       /* p_align */
	1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,                /* the segment */
	1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,                /* */
	1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,                /* */
	1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,                /* */
	0, 0, 0, 0, 8, 0, 0, 0x81, 0, 0, 0, 0, 16, 0, 0, 0x81,         /* 64-bit, 32-bit */
};

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[1];

	wb_blob_append(&seeds[0], seed, sizeof(seed));
	*ret_n = 1;
	return seeds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_BLOB image = {};
	struct wb_x86_relocs relocs;
	struct wb_error err = {};
	struct wb_elf elf;

	if (wb_blob_append(&image, data, size) < 0)
		return 0;
	wb_blob_trim(&image);
	if (wb_elf_parse(wb_blob_view(&image), &elf, &err) == 0 &&
		wb_x86_relocs_parse(&elf, &relocs, &err) == 0)
		wb_x86_link(&image, &elf, &relocs, 2 << 20, &err);
	return 0;
}
