// SPDX-License-Identifier: LGPL-2.1-or-later
/* The files of marks and of history with any contents. */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"
#include "timeline/lines.h"
#include "timeline/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_STRV lines = {};
	struct wb_mark mark;
	size_t damaged;

	if (wb_lines_parse((const char *)data, size, &lines, &damaged) < 0)
		return 0;
	for (size_t i = 0; i < lines.n; i++)
		if (wb_mark_parse(lines.items[i], &mark) == 0)
			free(wb_mark_format(&mark));
	return 0;
}
