// SPDX-License-Identifier: LGPL-2.1-or-later
/* The directories below /run in which managers find unit files. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/strv.h"
#include "systemd/runtime.h"

char *wb_runtime_dir(int64_t uid)
{
	char *path;

	if (uid < 0)
		return strdup("/run/systemd");
	return asprintf(&path, "/run/user/%" PRId64 "/systemd", uid) < 0 ? NULL : path;
}

/* The directories of systemd.unit(5), "Unit File Load Path", that are below /run. */
static const char *const system_dirs[] = {
	"transient", "system", "system.control", "system.attached", NULL};
static const char *const user_dirs[] = {"transient", "user", "user.control", NULL};

const char *const *wb_runtime_dirs(int64_t uid)
{
	return uid < 0 ? system_dirs : user_dirs;
}

/* Is it one or two path components, none of them empty, "." or ".."? */
static bool is_plain(const char *rest)
{
	size_t depth = 0;

	do {
		size_t n = strcspn(rest, "/");

		if (n == 0 || (n == 1 && *rest == '.') || (n == 2 && !strncmp(rest, "..", 2)))
			return false;
		if (++depth > 2)
			return false;
		rest += n + (rest[n] == '/');
		if (!*rest && rest[-1] == '/')
			return false;
	} while (*rest);
	return true;
}

bool wb_runtime_file_split(const char *path, int64_t uid, char ret_dir[32], const char **ret_rest)
{
	WB_CLEAN_STR base = wb_runtime_dir(uid);
	size_t n = base ? strlen(base) : 0;

	if (!base || strncmp(path, base, n) || path[n] != '/')
		return false;
	path += n + 1;
	for (const char *const *dir = wb_runtime_dirs(uid); *dir; dir++) {
		n = strlen(*dir);
		if (strncmp(path, *dir, n) || path[n] != '/')
			continue;
		if (!is_plain(path + n + 1))
			return false;
		snprintf(ret_dir, 32, "%s", *dir);
		*ret_rest = path + n + 1;
		return true;
	}
	return false;
}
