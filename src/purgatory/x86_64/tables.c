// SPDX-License-Identifier: LGPL-2.1-or-later
/* Building page tables (Intel SDM, volume 3, chapter 5). */
#include "purgatory/x86_64/tables.h"

#define PRESENT_WRITE 0x03u
#define UNCACHED 0x18u /* PWT and PCD: entry 3 of the PAT is uncached in Linux's, too */
#define LARGE 0x80u
#define ADDRESS 0x000ffffffffff000ull
#define LARGE_PAGE (2ull << 20)

/* The table below an entry, made if it is not there. NULL: there is none left. */
static uint64_t *below(struct wb_tables *t, uint64_t *entry)
{
	if (!*entry && t->n < WB_TABLES_MOST)
		*entry = (uint64_t)(uintptr_t)t->pages[t->n++] | PRESENT_WRITE;
	return *entry ? (uint64_t *)(uintptr_t)(*entry & ADDRESS) : (uint64_t *)0;
}

bool wb_tables_map(struct wb_tables *t, uint64_t address, bool device)
{
	uint64_t *table = t->pages[0];

	for (unsigned level = t->levels; level > 2; level--) {
		table = below(t, &table[address >> (3 + 9 * level) & 511]);
		if (!table)
			return false;
	}
	table += address >> 21 & 511;
	if (!*table)
		*table = (address & ~(LARGE_PAGE - 1)) | PRESENT_WRITE | LARGE |
			 (device ? UNCACHED : 0);
	return true;
}
