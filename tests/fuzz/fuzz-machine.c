// SPDX-License-Identifier: LGPL-2.1-or-later
/* The same bytes as every file with facts about the machine. */
#include <string.h>

#include "fake-files.h"
#include "fuzz.h"
#include "sys/machine.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const texts[] = {
		"00001000-0009ffff : System RAM\n02000000-0201ffff : Crash kernel\n",
		"ACPI20=0x7fe14\nSMBIOS=0xf0000\n",
		"\nflags\t\t: fpu la57 tdx_guest\n",
		"0x1000\n",
		/* WB_HANDOFF_STORE_MAGIC, version 1, one range */
		"wbsrange\1\0\0\0\1\0\0\0\0\0\0\100\0\0\0\0\0\0\20\0\0\0\0\0",
	};
	static struct wb_blob seeds[sizeof(texts) / sizeof(*texts)];

	*ret_n = sizeof(texts) / sizeof(*texts);
	for (size_t i = 0; i < *ret_n; i++)
		wb_blob_append(&seeds[i], texts[i], i < 4 ? strlen(texts[i]) : 32);
	return seeds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "";
	const struct fake_file disk[] = {
		{"/proc/cpuinfo", text, size},
		{"/proc/iomem", text, size},
		{"/proc/sys/kernel/osrelease", text, size},
		{"/sys/firmware/efi/fw_vendor", text, size},
		{"/sys/firmware/efi/runtime-map/0/attribute", text, size},
		{"/sys/firmware/efi/runtime-map/0/num_pages", text, size},
		{"/sys/firmware/efi/runtime-map/0/type", text, size},
		{"/sys/firmware/efi/systab", text, size},
		{"/sys/firmware/memmap/0/end", text, size},
		{"/sys/firmware/memmap/0/start", "0x0\n"},
		{"/sys/firmware/memmap/0/type", "System RAM\n"},
		{"/sys/firmware/memmap/1/end", "0xffffffffffffffff\n"},
		{"/sys/firmware/memmap/1/start", text, size},
		{"/sys/firmware/memmap/1/type", text, size},
		{"/sys/kernel/boot_params/data", text, size},
		{"/sys/kernel/boot_params/setup_data/0/data", text, size},
		{"/sys/kernel/boot_params/setup_data/0/type", "0x2\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_MACHINE m = {};
	struct wb_error err = {};

	wb_machine_read(&files, &m, &err);
	return 0;
}
