/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts on the running machine that a plan is made from. Pure data; `sys` fills it in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/ranges.h"
#include "image/image.h"

/* e820 types (arch/x86/include/asm/e820/types.h); every map of the project uses them. */
#define WB_E820_RAM 1
#define WB_E820_RESERVED 2
#define WB_E820_ACPI 3
#define WB_E820_NVS 4
#define WB_E820_UNUSABLE 5
#define WB_E820_PMEM 7
#define WB_E820_PRAM 12
#define WB_E820_SOFT 0xefffffffu

/* EFI memory descriptor, as firmware and kernels lay it out (UEFI 2.10, 7.2.3). */
struct wb_efi_desc {
	uint32_t type;
	uint32_t pad;
	uint64_t phys, virt, pages, attribute;
};
_Static_assert(sizeof(struct wb_efi_desc) == 40, "EFI memory descriptor");

struct wb_machine {
	enum wb_machine_arch arch;
	char release[65];        /* running kernel */
	struct wb_ranges memory; /* firmware's map */
	struct wb_ranges avoid;  /* parts of it that must not be written (any type) */
	struct wb_blob params;   /* x86: the running kernel's boot_params; empty when unreadable */
	uint64_t rsdp;           /* ACPI root pointer, physical; 0 unknown */
	uint64_t efi_fw_vendor, efi_tables, efi_smbios; /* physical; 0 none */
	struct wb_efi_desc *efi_map; /* runtime services' map with its virtual addresses */
	size_t efi_n;
	struct wb_blob dtb; /* device tree that firmware gave (x86: setup_data), or empty */
	uint64_t tsc_hz;    /* 0 unknown */
	bool la57;          /* five-level paging is in use */
	bool confidential;  /* SEV or TDX guest */
};

void wb_machine_deinit(struct wb_machine *m);
#define WB_CLEAN_MACHINE __attribute__((cleanup(wb_machine_deinit))) struct wb_machine
