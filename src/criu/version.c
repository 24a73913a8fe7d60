// SPDX-License-Identifier: LGPL-2.1-or-later
/* The installed CRIU: its version, and what it finds out about a kernel. */
#include "criu/criu.h"
#include "core/files.h"

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

void wb_criu_probe(const struct wb_files *files, const struct wb_runner *runner)
{
	static const char *const argv[] = {"criu", "check", NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = 10000, .mount_ns = -1};
	WB_CLEAN_BLOB out = {};

	if (!files->exists(files->ctx, "/run/criu.kdat"))
		runner->run(runner->ctx, &how, &out, NULL);
}
