// SPDX-License-Identifier: LGPL-2.1-or-later
/* A record as it may be found on disk, and a setup_data node as the kernel may show it. */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/fake-files.h"
#include "jump/jump.h"
#include "jump/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : NULL;
	const struct fake_file disk[] = {
		{WB_RECORD_JUMP, text, size},
		{"/proc/cmdline", text, size},
		{"/proc/stat", text, size},
		{"/proc/self/mountinfo", text, size},
		{"/sys/kernel/boot_params/setup_data/0/data", text, size},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_STRV mounts = {};
	WB_CLEAN_BLOB blob = {};
	int r = wb_record_read(&files, WB_RECORD_JUMP, &rec, NULL);

	if (wb_traces_read(&files, &traces) == 0)
		wb_judge(r == 0 ? &rec : NULL, &traces);
	if (files.read(files.ctx, "/proc/self/mountinfo", 0, &blob, NULL) == 0)
		wb_writable_mounts((const char *)blob.data, &mounts);
	return 0;
}
