/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the x86-64 files only. Offsets: Documentation/arch/x86/boot.rst and zero-page.rst. */
#pragma once

#include "core/files.h"
#include "core/text.h"
#include "plan/plan.h"

#define BP_SCREEN_INFO 0x000
#define BP_RSDP 0x070
#define BP_EXT_RAMDISK 0x0c0
#define BP_EXT_RAMDISK_SZ 0x0c4
#define BP_EXT_CMDLINE 0x0c8
#define BP_CC_BLOB 0x13c
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

/* enum setup_data_type, arch/x86/include/uapi/asm/setup_data.h */
#define SETUP_DTB 2
/* Types of warmboot's own nodes: warmboot-handoff(5). */
#define WB_HANDOFF_TYPE 0x746f6277u       /* "wbot" */
#define WB_HANDOFF_STORE_TYPE 0x74736277u /* "wbst" */

#define LOADFLAG_LOADED_HIGH 0x01
#define LOADFLAG_KASLR 0x02
#define LOADFLAG_KEEP_SEGS 0x40

#define XLF_KERNEL_64 0x01
#define XLF_ABOVE_4G 0x02
#define XLF_5LEVEL 0x20         /* the decompressor may be entered with five levels on */
#define XLF_5LEVEL_ENABLED 0x40 /* the kernel itself was built with them */

/* e820 types, arch/x86/include/asm/e820/types.h */
#define WB_E820_RAM 1
#define WB_E820_RESERVED 2
#define WB_E820_ACPI 3
#define WB_E820_NVS 4
#define WB_E820_UNUSABLE 5
#define WB_E820_PMEM 7
#define WB_E820_PRAM 12
#define WB_E820_SOFT 0xefffffffu

#define WB_X86_PRAM_NAME "Persistent Memory (legacy)" /* the kernel's name of WB_E820_PRAM */

/* An e820 type as enum wb_memory, and back. */
uint32_t wb_x86_memory(uint32_t e820);
uint32_t wb_x86_e820(uint32_t memory);

#define WB_X86_LA57 1 /* struct wb_machine's `own`: five-level paging is in use */

/* The row's readers. */
int wb_x86_read(const struct wb_files *files, struct wb_machine *m, struct wb_error *err);
int wb_x86_each_note(
	const struct wb_files *files, int (*fn)(struct wb_bytes note, void *arg), void *arg);
bool wb_x86_may_have_notes(const struct wb_files *files);
int wb_x86_by_kexec(const struct wb_files *files);
uint64_t wb_x86_log_khz(struct wb_span line);
int wb_x86_masks(const struct wb_files *files, const char *cmdline, char **ret_why);

/* The places of all parts; physical addresses. */
struct wb_x86_layout {
	uint64_t kernel_at;
	uint64_t initrd_at, initrd_size;
	bool kaslr_flag;
};

/*
 * Bytes that wb_x86_params_fill() needs for this wish. The last page is the handoff node's own:
 * purgatory writes to it, so it is not verified.
 */
size_t wb_x86_params_size(const struct wb_machine *m, const struct wb_plan_wish *wish);
/*
 * Write boot_params, command line and setup_data for the address `at`. *ret_handoff is the offset
 * of struct wb_handoff, *ret_verify the number of bytes before the first one that purgatory writes.
 */
int wb_x86_params_fill(const struct wb_machine *m, const struct wb_plan_wish *wish,
	const struct wb_x86_layout *layout, uint64_t at, struct wb_blob *ret, size_t *ret_handoff,
	size_t *ret_verify, struct wb_error *err);

/* Apply relocations in place. `image` are the bytes that elf and relocs refer to. */
int wb_x86_link(struct wb_blob *image, const struct wb_elf *elf, const struct wb_x86_relocs *relocs,
	uint64_t virt_delta, struct wb_error *err);
