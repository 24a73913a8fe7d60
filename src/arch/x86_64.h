/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the x86-64 files only. Offsets: Documentation/arch/x86/boot.rst and zero-page.rst. */
#pragma once

#include "plan/plan.h"

#define BP_SCREEN_INFO 0x000
#define BP_RSDP 0x070
#define BP_EXT_RAMDISK 0x0c0
#define BP_EXT_RAMDISK_SZ 0x0c4
#define BP_EXT_CMDLINE 0x0c8
#define BP_EDID 0x140
#define BP_EFI_INFO 0x1c0
#define BP_E820_ENTRIES 0x1e8
#define BP_EDD_ENTRIES 0x1e9
#define BP_EDD_MBR_N 0x1ea
#define BP_SECURE_BOOT 0x1ec
#define BP_HEADER 0x1f1
#define BP_BOOT_FLAG 0x1fe
#define BP_MAGIC 0x202
#define BP_VERSION 0x206
#define BP_LOADER_TYPE 0x210
#define BP_LOADFLAGS 0x211
#define BP_CODE32 0x214
#define BP_RAMDISK 0x218
#define BP_RAMDISK_SZ 0x21c
#define BP_CMDLINE 0x228
#define BP_ALIGNMENT 0x230
#define BP_RELOCATABLE 0x234
#define BP_CMDLINE_SIZE 0x238
#define BP_SUBARCH 0x23c
#define BP_SETUP_DATA 0x250
#define BP_EDD_MBR 0x290
#define BP_E820 0x2d0
#define BP_E820_MAX 128
#define BP_EDD 0xd00
#define BP_EDD_END 0xeec
#define BP_SIZE 4096

#define LOADFLAG_LOADED_HIGH 0x01
#define LOADFLAG_KASLR 0x02
#define LOADFLAG_KEEP_SEGS 0x40

#define XLF_KERNEL_64 0x01
#define XLF_ABOVE_4G 0x02
#define XLF_5LEVEL 0x20         /* the decompressor may be entered with five levels on */
#define XLF_5LEVEL_ENABLED 0x40 /* the kernel itself was built with them */

/* Where things will lie; physical addresses. */
struct wb_x86_layout {
	uint64_t kernel_at;
	uint64_t initrd_at, initrd_size;
	bool kaslr_flag;
};

/*
 * Bytes that wb_x86_params_fill() will need for this wish. The last page of them is the handoff
 * node's own, which purgatory writes to and which is therefore not verified.
 */
size_t wb_x86_params_size(const struct wb_machine *m, const struct wb_plan_wish *wish);
/*
 * boot_params, command line and setup_data, as they will lie at `at`. *ret_handoff is the offset of
 * struct wb_handoff, *ret_verify the bytes before the first one that purgatory writes.
 */
int wb_x86_params_fill(const struct wb_machine *m, const struct wb_plan_wish *wish,
	const struct wb_x86_layout *layout, uint64_t at, struct wb_blob *ret, size_t *ret_handoff,
	size_t *ret_verify, struct wb_error *err);

/* Apply relocations in place. `image` are the bytes that elf and relocs look into. */
int wb_x86_link(struct wb_blob *image, const struct wb_elf *elf, const struct wb_x86_relocs *relocs,
	uint64_t virt_delta, struct wb_error *err);
