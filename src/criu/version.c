// SPDX-License-Identifier: LGPL-2.1-or-later
/* The version of the installed CRIU. */
#include "criu/criu.h"

char *wb_criu_version(const struct wb_runner *runner, const char *program)
{
	const char *const argv[] = {program ? program : "criu", "--version", NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = 30000, .mount_ns = -1};
	WB_CLEAN_BLOB out = {};
	char *version;

	if (runner->run(runner->ctx, &how, &out, NULL) != 0 ||
		wb_criu_parse_version(wb_blob_view(&out), &version) < 0)
		return NULL;
	return version;
}
