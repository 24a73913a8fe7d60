// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "core/files.h"

/* A file of /sys says that it is as large as a page. */
#define LONGEST (1 << 16)

uint64_t wb_read_number(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, LONGEST, &b, NULL) < 0
		       ? 0
		       : strtoull((const char *)b.data, NULL, 0);
}
