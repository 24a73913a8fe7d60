// SPDX-License-Identifier: LGPL-2.1-or-later
/* The lock's file with any contents. An accepted record is written back and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "sys/lock.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seed;
	const struct wb_lock_holder h = {
		.command = "keep test", .pid = 7, .start = 9, .login_uid = -1};
	char text[WB_LOCK_RECORD];

	wb_lock_format(&h, text);
	*ret_n = wb_blob_append(&seed, text, sizeof(text)) == 0;
	return &seed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wb_lock_holder h, again;
	char text[WB_LOCK_RECORD];
	struct wb_error told = {};

	if (wb_lock_parse((const char *)data, size, &h) < 0)
		return 0;
	wb_lock_format(&h, text);
	if (wb_lock_parse(text, sizeof(text), &again) < 0 || again.pid != h.pid ||
		strcmp(again.command, h.command))
		abort();
	wb_lock_tell(&h, true, h.boot_ns, &told);
	return 0;
}
