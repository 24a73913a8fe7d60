/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A made-up machine for tests of the interface between kernels. It has no firmware and no
 * purgatory, and its files are below /toy. Its boot data is one letter; the entry is the address of
 * the letter.
 */
#pragma once

#include "arch/arch.h"

#define TOY_MEMORY "/toy/memory" /* lines "START SIZE ram|kept|spare" */
#define TOY_NOTES "/toy/notes"
#define TOY_CAME "/toy/came" /* "kexec\n" or "power\n" */
#define TOY_SCRATCH "/toy/scratch"
#define TOY_SCRATCH_AT 8
#define TOY_DEVICE "/toy/devices/nursery"

#define TOY_LETTER 0x726574746c796f74ull /* "toylettr" */

enum toy_kind {
	TOY_END,
	TOY_MAP, /* as TOY_MEMORY, text */
	TOY_CMDLINE,
	TOY_NOTE,
};

struct toy_letter {
	uint64_t magic;
	uint64_t kernel; /* physical address */
};

/* The items follow the letter, each with its payload padded to 8 bytes. */
struct toy_item {
	uint32_t kind;
	uint32_t size;
};

extern const struct wb_arch toy_arch;
