// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading small text files, over the table that files.h declares. */
#include <errno.h>
#include <stdlib.h>

#include "core/files.h"

/* A file of /sys reports the size of a page whatever its content. */
#define LONGEST (1 << 16)

uint64_t wb_read_number(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, LONGEST, &b, NULL) < 0
		       ? 0
		       : strtoull((const char *)b.data, NULL, 0);
}

int wb_read_text(const struct wb_files *files, const char *path, struct wb_strv *warnings,
	struct wb_blob *ret)
{
	struct wb_error err = {};
	int r = files->read(files->ctx, path, WB_TEXT_LIMIT, ret, &err);

	if (r == -ENOMEM || r == -ENOENT || r >= 0)
		return r;
	return wb_strv_addf(warnings, "%s was skipped: %s", path, err.text) < 0 ? -ENOMEM : r;
}
