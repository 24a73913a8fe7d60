// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Command lines: a removed word is gone, a look-up never breaks, and no word about memory adds
 * memory.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "core/cmdline.h"
#include "arch/x86_64-memmap.h"
#include "core/strv.h"

static int count(const char *name, const char *value, void *arg)
{
	*(size_t *)arg += 1;
	return 0;
}

static void obey(const char *line)
{
	WB_CLEAN_RANGES ram = {};

	wb_ranges_set(&ram, 0x1000, 0x9f000, 1);
	wb_ranges_set(&ram, 0x100000, 0x7ff00000, 1);
	if (wb_memmap_obey(line, &ram) < 0)
		return;
	for (size_t i = 0; i < ram.n; i++)
		if (ram.items[i].start < 0x1000 ||
			ram.items[i].start + ram.items[i].size > 0x80000000)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_STR line = strndup((const char *)data, size);
	WB_CLEAN_STR value = NULL;
	WB_CLEAN_STR less = NULL;
	WB_CLEAN_STR more = NULL;
	size_t words = 0;

	if (!line)
		return 0;
	wb_cmdline_get(line, "root", &value);
	wb_cmdline_each(line, count, &words);
	if (wb_cmdline_remove(line, "root", &less) == 0 && wb_cmdline_has(less, "root"))
		__builtin_trap();
	wb_cmdline_append(line, "quiet", &more);
	obey(line);
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const texts[] = {
		"ro root=UUID=1 \"root=a b\" x-y=1 x_y=\"2 3\" -- root=init",
		"mem=1G memmap=64M$16M,1M!0x20000000 memmap=10M%10M-1+12 memmap=99999999999E",
		"memmap=exactmap,640K@0 memmap=512M@1M memmap=1T%0-4+1,0xffffffffffffffff$1"};
	static struct wb_blob seeds[sizeof(texts) / sizeof(*texts)];

	*ret_n = sizeof(texts) / sizeof(*texts);
	for (size_t i = 0; i < *ret_n; i++)
		wb_blob_append(&seeds[i], texts[i], strlen(texts[i]));
	return seeds;
}
