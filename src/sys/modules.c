// SPDX-License-Identifier: LGPL-2.1-or-later
/* Loading kernel modules. */
#include <stdio.h>
#include <string.h>

#include "sys/modules.h"

static bool is_loaded(const struct wb_files *files, const char *name)
{
	WB_CLEAN_BLOB state = {};
	char path[128];

	if (snprintf(path, sizeof(path), "/sys/module/%s/initstate", name) >= (int)sizeof(path))
		return false;
	for (char *p = path; *p; p++)
		*p = *p == '-' ? '_' : *p;
	return files->read(files->ctx, path, 64, &state, NULL) == 0 &&
	       !strncmp((const char *)state.data, "live", 4);
}

/* Modules that are built in or missing are skipped. */
void wb_modules_load(
	const struct wb_files *files, const struct wb_runner *runner, const struct wb_strv *names)
{
	const char *argv[64] = {"modprobe", "-a", "-q"};
	size_t n = 3;

	for (size_t i = 0; i < names->n && n < 63; i++)
		if (!is_loaded(files, names->items[i]))
			argv[n++] = names->items[i];
	if (n > 3)
		wb_run(runner, argv, (struct wb_bytes){}, NULL, NULL);
}
