// SPDX-License-Identifier: LGPL-2.1-or-later
/* The record of units, from a disk or from the process that asked a user's manager. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "replay/manager.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char seed[] =
		"{\"boot_id\":\"a\",\"nonce\":\"00\",\"time\":5,\"worlds\":[{\"uid\":-1,\"units\":["
		"{\"name\":\"a.service\",\"active\":\"active\",\"sub\":\"running\",\"after\":["
		"\"b.service\"]},{\"name\":\"b.service\",\"active\":\"active\",\"after\":["
		"\"a.service\"],\"no_start\":true}],\"files\":[{\"path\":\"/run/"
		"x\",\"text\":\"t\"},"
		"{\"path\":\"/run/y\",\"link\":\"/dev/null\"},{\"path\":\"/run/"
		"z\",\"hex\":\"00ff\"}"
		"]}],\"files_id\":\"00112233445566778899aabbccddeeff\",\"users\":[{\"uid\":1000,"
		"\"size\":2,\"sha256\":"
		"\"00112233445566778899aabbccddeeff00112233445566778899aabbccdd"
		"eeff\"}]}";
	static struct wb_blob blob;

	if (!blob.size && wb_blob_append(&blob, seed, sizeof(seed) - 1) < 0)
		abort();
	*ret_n = 1;
	return &blob;
}

/* The same bytes as the kernel's list of mounts, and as a path. */
static void read_mounts(struct wb_bytes in)
{
	static const char line[] = "36 22 254:1 / /m rw - ext4 /dev/vda1 rw\n";
	WB_CLEAN_STRV by_uuid = {};
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_STR mount = NULL;
	WB_CLEAN_STR swap = NULL;
	const char *why, *rest;
	char dir[32];

	if (wb_strv_add(&by_uuid, "uuid") < 0 || wb_strv_add(&by_uuid, "../../vda1") < 0 ||
		wb_blob_append(&text, line, strlen(line)) < 0 ||
		wb_blob_append(&text, in.data, in.size) < 0 || wb_blob_append(&text, "", 1) < 0)
		abort();
	if (wb_mounts_parse((const char *)text.data, &mounts) == 0)
		wb_mount_define(&mounts, &by_uuid, "/m", &mount, &why);
	wb_swap_define((const char *)text.data + strlen(line), 0, &by_uuid, &swap, &why);
	wb_runtime_file_split((const char *)text.data + strlen(line), -1, dir, &rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_bytes in = {data, size};
	WB_CLEAN_UNITS units = {}, again = {};
	WB_CLEAN_REPLAY_PLAN plan = {};
	WB_CLEAN_WORLD world = {};
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_STR text = NULL;

	read_mounts(in);
	wb_results_parse(in, "input", &results, NULL);
	if (wb_world_parse(in, "input", &world, NULL) == 0) {
		wb_world_check(&world, NULL);
		if (wb_world_fit(&world, size / 2) < 0)
			abort();
	}
	if (wb_units_parse(in, "input", &units, NULL) < 0)
		return 0;
	if (units.n_worlds)
		wb_replay_plan(&units.worlds[0], &units.worlds[units.n_worlds - 1], &plan);
	/* An accepted record can be written, and is equal when read again. */
	if (wb_units_print(&units, &text) < 0 ||
		wb_units_parse((struct wb_bytes){(const uint8_t *)text, strlen(text)}, "again",
			&again, NULL) < 0 ||
		again.n_worlds != units.n_worlds || again.n_users != units.n_users)
		abort();
	for (size_t i = 0; i < units.n_worlds; i++)
		if (again.worlds[i].n_units != units.worlds[i].n_units ||
			again.worlds[i].n_files != units.worlds[i].n_files)
			abort();
	return 0;
}
