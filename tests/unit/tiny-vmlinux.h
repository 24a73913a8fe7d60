/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vmlinux of a few pages with two PT_LOADs and a relocation table, and a bzImage around it. */
#pragma once

#include <elf.h>

#include "core/bytes.h"
#include "image/image.h"

#define TINY_PADDR 0x1000000ull
#define TINY_MAP 0xffffffff80000000ull
#define TINY_TEXT 0x3000 /* bytes */
#define TINY_DATA 0x1000
#define TINY_BSS 0x5000
#define TINY_DATA_AT 0x200000ull /* from TINY_PADDR */

/* Places that the relocation table names, as offsets from TINY_PADDR. */
#define TINY_ABS32 0x100ull
#define TINY_ABS64 (TINY_DATA_AT + 0x10)
#define TINY_INV32 (TINY_DATA_AT + 0x20)

/* With `inverse`, three lists as kernels before the per-CPU rework have them. */
static inline struct wb_blob tiny_vmlinux(bool relocs, bool inverse)
{
	struct wb_blob b = {};
	Elf64_Ehdr eh = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = TINY_PADDR + 0x40,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_shoff = 0x1000 + TINY_TEXT + TINY_DATA,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 1,
	};
	Elf64_Phdr ph[2] = {
		{.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = 0x1000,
			.p_vaddr = TINY_MAP + TINY_PADDR,
			.p_paddr = TINY_PADDR,
			.p_filesz = TINY_TEXT,
			.p_memsz = TINY_TEXT,
			.p_align = 0x1000},
		{.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_offset = 0x1000 + TINY_TEXT,
			.p_vaddr = TINY_MAP + TINY_PADDR + TINY_DATA_AT,
			.p_paddr = TINY_PADDR + TINY_DATA_AT,
			.p_filesz = TINY_DATA,
			.p_memsz = TINY_BSS,
			.p_align = 0x1000},
	};
	Elf64_Shdr sh = {};
	uint32_t zero = 0, at;

	wb_blob_append(&b, &eh, sizeof(eh));
	wb_blob_append(&b, ph, sizeof(ph));
	wb_blob_pad(&b, 0x1000);
	wb_blob_append(&b, NULL, TINY_TEXT + TINY_DATA);
	wb_blob_append(&b, &sh, sizeof(sh));
	if (!relocs)
		return b;
	wb_blob_append(&b, &zero, 4);
	at = (uint32_t)(TINY_MAP + TINY_PADDR + TINY_ABS64);
	wb_blob_append(&b, &at, 4);
	wb_blob_append(&b, &zero, 4);
	if (inverse) {
		at = (uint32_t)(TINY_MAP + TINY_PADDR + TINY_INV32);
		wb_blob_append(&b, &at, 4);
		wb_blob_append(&b, &zero, 4);
	}
	at = (uint32_t)(TINY_MAP + TINY_PADDR + TINY_ABS32);
	wb_blob_append(&b, &at, 4);
	return b;
}

/* A parsed bzImage as the planner sees it; its payload is never looked at there. */
static inline struct wb_image tiny_bzimage(const uint8_t setup[0x70], struct wb_bytes body)
{
	return (struct wb_image){
		.kind = WB_IMAGE_BZIMAGE,
		.arch = WB_ARCH_X86_64,
		.bz =
			{
				.version = 0x020f,
				.setup = {setup, 0x70},
				.protected = body,
				.pref_address = TINY_PADDR,
				.init_size = 0x300000,
				.kernel_alignment = 0x200000,
				.cmdline_size = 2047,
				.initrd_addr_max = 0x7fffffff,
				.xloadflags = 0x7f,
				.relocatable = true,
			},
	};
}
