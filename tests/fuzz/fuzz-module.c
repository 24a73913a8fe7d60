// SPDX-License-Identifier: LGPL-2.1-or-later
/* Kernel modules. More drivers that stop their devices than drivers would be an error. */
#include "fuzz.h"
#include "guard/module.h"
#include "sample-module.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[2];
	const struct sample_module older = sample_module("__mod_pci__ids_device_table", 1),
				   newer = sample_module("__mod_device_table__kmod_a__pci__ids", 0);

	wb_blob_append(&seeds[0], &older, sizeof(older));
	wb_blob_append(&seeds[1], &newer, sizeof(newer));
	*ret_n = 2;
	return seeds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_module_drivers found = {};
	struct wb_error err = {};

	if (wb_module_parse((struct wb_bytes){data, size}, &found, &err) < 0) {
		if (!err.text[0])
			__builtin_trap();
	} else if (found.stopped > found.pci) {
		__builtin_trap();
	}
	return 0;
}
