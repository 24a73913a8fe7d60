// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Linking vmlinux beforehand: the work of the decompressor's handle_relocations()
 * (arch/x86/boot/compressed/misc.c), done in the ELF file itself, so that each PT_LOAD can be a
 * segment without a copy.
 */
#include <errno.h>
#include <string.h>

#include "arch/x86_64.h"

#define KERNEL_MAP 0xffffffff80000000ull /* __START_KERNEL_map */

/* The PT_LOAD that holds `len` file bytes for physical address `paddr`; NULL if none does. */
static const struct wb_elf_load *load_of(
	const struct wb_elf *elf, uint64_t paddr, size_t len, const struct wb_elf_load *hint)
{
	if (hint && paddr >= hint->paddr && paddr - hint->paddr + len <= hint->file.size)
		return hint;
	for (size_t i = 0; i < elf->n_loads; i++) {
		const struct wb_elf_load *l = &elf->loads[i];

		if (paddr >= l->paddr && l->file.size >= len &&
			paddr - l->paddr <= l->file.size - len)
			return l;
	}
	return NULL;
}

struct list {
	size_t at, n; /* word index and count in the table */
	size_t width; /* bytes of the place that is changed */
	uint64_t delta;
};

static int apply(struct wb_blob *image, const struct wb_elf *elf, struct wb_bytes words,
	const struct list *list, struct wb_error *err)
{
	const struct wb_elf_load *load = NULL;

	for (size_t i = 0; i < list->n; i++) {
		uint64_t off = (uint64_t)(list->at + i) * 4, paddr, v64;
		uint32_t word, v32;
		uint8_t *place;

		if (!wb_get_le32(words, off, &word))
			return wb_fail(
				err, -EBADMSG, "relocation table ends early at entry %zu", i);
		paddr = (uint64_t)(int64_t)(int32_t)word - KERNEL_MAP;
		load = load_of(elf, paddr, list->width, load);
		if (!load)
			return wb_fail(err, -EBADMSG,
				"relocation %zu points to %#x, outside the kernel's segments", i,
				word);
		place = image->data + (load->file.data - image->data) + (paddr - load->paddr);
		if (list->width == 4) {
			memcpy(&v32, place, 4);
			v32 += (uint32_t)list->delta;
			memcpy(place, &v32, 4);
		} else {
			memcpy(&v64, place, 8);
			v64 += list->delta;
			memcpy(place, &v64, 8);
		}
	}
	return 0;
}

int wb_x86_link(struct wb_blob *image, const struct wb_elf *elf, const struct wb_x86_relocs *relocs,
	uint64_t virt_delta, struct wb_error *err)
{
	const struct list lists[] = {
		{relocs->abs32_at, relocs->n_abs32, 4, virt_delta},
		{relocs->inv32_at, relocs->n_inv32, 4, -virt_delta},
		{relocs->abs64_at, relocs->n_abs64, 8, virt_delta},
	};

	if (!virt_delta)
		return 0;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		int r = apply(image, elf, relocs->words, &lists[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}
