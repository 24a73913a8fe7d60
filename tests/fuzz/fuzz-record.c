// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A record and a store's state with any contents on disk, and a setup_data node with any contents.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake-files.h"
#include "fuzz.h"
#include "jump/jump.h"
#include "jump/record.h"
#include "store/state.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const texts[] = {
		"{\"backend\":\"carve\",\"bytes\":6,\"nonce\":\"000102030405060708090a0b0c0d0e0f\","
		"\"wanted\":false,\"pid\":7,\"path\":\"/f\",\"pieces\":[[0,4096,2],[8,0,4]]}",
		"{\"entry\":\"a\",\"from\":\"6.1\",\"to\":\"6.2\",\"method\":\"fast\",\"nonce\":"
		"\"n\","
		"\"boot_id\":\"b\",\"judged_boot\":\"c\",\"judged_why\":\"w\",\"time\":4,"
		"\"since_ns\":5,\"outcome\":\"jumped\"}",
	};
	static struct wb_blob seeds[2];

	for (size_t i = 0; i < 2; i++)
		if (!seeds[i].data && wb_blob_append(&seeds[i], texts[i], strlen(texts[i])) < 0)
			abort();
	*ret_n = 2;
	return seeds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : NULL;
	const struct fake_file disk[] = {
		{WB_RECORD_JUMP, text, size},
		{WB_STORE_STATE, text, size},
		{"/proc/cmdline", text, size},
		{"/proc/stat", text, size},
		{"/proc/self/mountinfo", text, size},
		{"/sys/kernel/boot_params/setup_data/0/data", text, size},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_STORE_STATE held = {};
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_STRV paths = {};
	WB_CLEAN_MOUNTS mounts = {};
	int r = wb_record_read(&files, WB_RECORD_JUMP, &rec, NULL);

	if (wb_store_state_read(&files, &held, NULL) == 0 && !held.wanted && !held.code &&
		wb_store_pieces_size(&held.pieces) != held.bytes)
		abort();
	if (wb_traces_read(&files, &traces) == 0)
		wb_judge(r == 0 ? &rec : NULL, &traces);
	if (wb_mounts_read(&files, "/proc/self/mountinfo", &mounts, NULL) == 0)
		wb_writable_mounts(&mounts, &paths);
	return 0;
}
