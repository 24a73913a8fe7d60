// SPDX-License-Identifier: LGPL-2.1-or-later
/* GRUB's environment block. The signature is added, because random bytes would never have it. */
#include "grubscript/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signature[] = "# GRUB Environment Block\n";
	WB_CLEAN_BLOB blob = {};
	WB_CLEAN_STRV only = {};
	struct wb_grub_env env = {};
	bool valid;

	if (wb_blob_append(&blob, signature, sizeof(signature) - 1) == 0 &&
		wb_blob_append(&blob, data, size) == 0)
		(void)wb_grub_env_parse(wb_blob_view(&blob), &only, &env, &valid);
	wb_grub_env_deinit(&env);
	return 0;
}
