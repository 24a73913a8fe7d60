/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel parameters that change its map of memory: mem= and memmap=, as parse_memopt() and
 * parse_memmap_one() read them (the kernel's arch/x86/kernel/e820.c).
 */
#pragma once

#include <stdbool.h>

#include "core/ranges.h"

struct wb_memmap {
	/*
	 * The kind of part: '@' RAM, '#' ACPI, '$' reserved, '!' persistent; '%' changes type
	 * `from` to type `to`, where 0 as `from` is any type and 0 as `to` no type; 'L' is a limit,
	 * no RAM from `size` on; 'X' is "exactmap", which discards the firmware's map.
	 */
	char kind;
	uint64_t start, size;
	uint64_t from, to;
};

/*
 * Call fn for each part of a value of memmap=, between commas; parts that the kernel ignores are
 * skipped. Stops when fn returns other than 0, and returns that. -ERANGE: a number does not fit
 * into 64 bits.
 */
int wb_memmap_each(const char *value, int (*fn)(const struct wb_memmap *m, void *arg), void *arg);

/*
 * Remove from `ram` everything that the kernel with this command line does not use as RAM. Nothing
 * is added. -ERANGE: a number on the command line does not fit into 64 bits; -ENOMEM. `ram` is
 * undefined then.
 */
int wb_memmap_obey(const char *cmdline, struct wb_ranges *ram);

/*
 * The i-th part of this kind on a command line. Parts of size 0 and parts whose end does not fit
 * into 63 bits are skipped. false: past the last. Pure.
 */
bool wb_memmap_find(const char *cmdline, char kind, size_t i, struct wb_memmap *ret);
