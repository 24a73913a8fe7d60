// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The same bytes as a type 1 entry, loader.conf, an EFI variable, a unified kernel image and a
 * bare kernel.
 */
#include "fake-files.h"
#include "entry/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#define VAR(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	const char *text = size ? (const char *)data : "";
	const struct fake_file disk[] = {
		{"/boot/loader/entries/a+1-2.conf", text, size},
		{"/boot/loader/entries/b.conf", "title B\nlinux /vmlinuz-b\n"},
		{"/boot/loader/loader.conf", text, size},
		{"/boot/EFI/Linux/c.efi", text, size},
		{"/boot/vmlinuz-b", text, size},
		{VAR("LoaderEntryOneShot"), text, size},
		{"/usr/lib/modules/1/vmlinuz", text, size},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_ENTRIES all = {};
	const struct wb_entry *e;
	struct wb_error err = {};

	if (wb_entries_find(&files, &all, &err) == 0)
		wb_entries_choose(&all, "newest", &e, &err);
	return 0;
}
