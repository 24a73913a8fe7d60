/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts about the running machine, from which a plan is made. Pure data; `sys` and the machine's
 * row fill it in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/ranges.h"
#include "image/image.h"

struct wb_arch; /* arch/arch.h */

/* Kinds of memory; every map of the project uses them. */
enum wb_memory {
	WB_MEMORY_RAM = 1,
	WB_MEMORY_RESERVED = 2,
	/* RAM that a kernel must leave to others: persistent memory. */
	WB_MEMORY_PERSISTENT = 3,
	/* RAM that a kernel leaves alone until a driver takes it: that of guests (plan/span.h). */
	WB_MEMORY_ASIDE = 4,
	/*
	 * From here on the machine's own kinds: only its row distinguishes them, and passes them
	 * on.
	 */
	WB_MEMORY_OWN = 16,
};

/* An EFI memory descriptor in the layout of firmware and kernels (UEFI 2.10, 7.2.3). */
struct wb_efi_desc {
	uint32_t type;
	uint32_t pad;
	uint64_t phys, virt, pages, attribute;
};
_Static_assert(sizeof(struct wb_efi_desc) == 40, "EFI memory descriptor");

struct wb_machine {
	const struct wb_arch *arch;
	char release[65];        /* running kernel */
	struct wb_ranges memory; /* firmware's map */
	struct wb_ranges avoid;  /* parts of it that must not be written (any type) */
	struct wb_ranges crash;  /* RAM that is set aside for a crash kernel */
	/*
	 * Size of the segment in which the kernel keeps a crash load's ELF headers up to date; 0:
	 * it does not do so.
	 */
	uint64_t elfcorehdr_size;
	/*
	 * The boot data that the running kernel got from its loader, in this machine's format;
	 * empty when unreadable.
	 */
	struct wb_blob boot_data;
	uint64_t own;  /* bits that only the machine's row gives a meaning */
	uint64_t rsdp; /* ACPI root pointer, physical; 0 unknown */
	uint64_t efi_fw_vendor, efi_tables, efi_smbios; /* physical; 0 none */
	struct wb_efi_desc *efi_map; /* runtime services' map with its virtual addresses */
	size_t efi_n;
	struct wb_blob dtb; /* device tree from the firmware, or empty */
	bool confidential;  /* a guest whose memory its host cannot read */
};

void wb_machine_deinit(struct wb_machine *m);
#define WB_CLEAN_MACHINE __attribute__((cleanup(wb_machine_deinit))) struct wb_machine
