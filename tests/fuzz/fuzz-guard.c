// SPDX-License-Identifier: LGPL-2.1-or-later
/* guard.conf, and GRUB's environment block: a pin that is set is there, and the rest of the block stays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "guard/config.h"
#include "guard/pin.h"

static int read_block(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	const struct wb_bytes *block = ctx;

	if (limit && block->size > limit)
		return -EFBIG;
	if (wb_blob_append(ret, block->data, block->size) < 0 || wb_blob_append(ret, "", 1) < 0)
		abort();
	ret->size--;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signature[] = "# GRUB Environment Block\n";
	struct wb_bytes block = {data, size};
	WB_CLEAN_BLOB whole = {};
	const struct wb_files files = {.ctx = &block, .read = read_block};
	const struct wb_pin pin = {"grub", "/boot/grub/grubenv", "a>b"};
	struct wb_guard_config config;
	WB_CLEAN_BLOB then = {};

	if (wb_guard_config_parse(block, "x", &config, NULL) == 0 &&
		(config.deadline_s < 1 || config.confirm_s < 1))
		abort();
	/* Random bytes would never have the signature. */
	if (wb_blob_append(&whole, signature, sizeof(signature) - 1) < 0 ||
		wb_blob_append(&whole, data, size) < 0)
		return 0;
	block = wb_blob_view(&whole);
	if (wb_pin_contents(&files, &pin, &then, NULL) < 0)
		return 0;
	if (then.size != whole.size)
		abort();
	block = wb_blob_view(&then);
	if (wb_pin_is_set(&files, &pin) != 1)
		abort();
	return 0;
}
