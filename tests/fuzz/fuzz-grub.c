// SPDX-License-Identifier: LGPL-2.1-or-later
/* grub.cfg, and after a NUL byte grubenv. */
#include <stdlib.h>
#include <string.h>

#include "fake-files.h"
#include "entry/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = strnlen((const char *)data, size);
	size_t rest = n < size ? size - n - 1 : 0;
	const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg", n ? (const char *)data : "", n},
		{"/boot/grub/grubenv", rest ? (const char *)data + n + 1 : "", rest},
		{"/boot/loader/entries/a.conf", "title A\nlinux /k\noptions $kernelopts\n"},
		{"/boot/k"},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_ENTRIES all = {};
	const struct wb_entry *e;
	struct wb_error err = {};

	if (size && wb_source_grub.find(&files, &all, &err) == 0)
		wb_entries_choose(&all, "default", &e, &err);
	return 0;
}
