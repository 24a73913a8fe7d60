// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the kernel shows of the machine, garbled: one input serves as every file. */
#include <string.h>

#include "../unit/fake-files.h"
#include "sys/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : NULL;
	const struct fake_file list[] = {
		{"/sys/firmware/memmap/0/start", "0x0"},
		{"/sys/firmware/memmap/0/end", text, size},
		{"/sys/firmware/memmap/0/type", text, size},
		{"/proc/iomem", text, size},
		{"/proc/cpuinfo", text, size},
		{"/sys/firmware/efi/systab", text, size},
		{"/sys/firmware/efi/runtime-map/0/num_pages", text, size},
		{"/sys/kernel/boot_params/data", text, size},
		{},
	};
	struct wb_files files = fake_files(list);
	struct wb_machine machine;

	if (wb_machine_read(&files, &machine, NULL) == 0)
		wb_machine_deinit(&machine);
	return 0;
}
