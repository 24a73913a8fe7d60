// SPDX-License-Identifier: LGPL-2.1-or-later
/* A file of keep.d. An accepted one can be written and read again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "choice/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_KEEP_CONFIG c = {}, again = {};
	WB_CLEAN_STR text = NULL;

	if (wb_keep_config_parse((struct wb_bytes){data, size}, "x", "a.service", &c, NULL) < 0)
		return 0;
	if (wb_keep_config_text(&c, &text) < 0 ||
		wb_keep_config_parse((struct wb_bytes){(const uint8_t *)text, strlen(text)}, "x",
			"a.service", &again, NULL) < 0 ||
		again.files.n != c.files.n || again.how != c.how)
		abort();
	return 0;
}
