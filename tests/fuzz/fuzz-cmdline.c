// SPDX-License-Identifier: LGPL-2.1-or-later
/* Command lines: what is removed is gone, what is asked for does not break. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "core/cmdline.h"
#include "core/strv.h"

static int count(const char *name, const char *value, void *arg)
{
	*(size_t *)arg += 1;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_STR line = strndup((const char *)data, size);
	WB_CLEAN_STR value = NULL;
	WB_CLEAN_STR less = NULL;
	WB_CLEAN_STR more = NULL;
	size_t words = 0;

	if (!line)
		return 0;
	wb_cmdline_get(line, "root", &value);
	wb_cmdline_each(line, count, &words);
	if (wb_cmdline_remove(line, "root", &less) == 0 && wb_cmdline_has(less, "root"))
		__builtin_trap();
	wb_cmdline_append(line, "quiet", &more);
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seed;
	static const char text[] = "ro root=UUID=1 \"root=a b\" x-y=1 x_y=\"2 3\" -- root=init";

	wb_blob_append(&seed, text, sizeof(text) - 1);
	*ret_n = 1;
	return &seed;
}
