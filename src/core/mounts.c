// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "core/mounts.h"

/* systemd-escape --path, of a path as mountinfo writes it: octal escapes stand for bytes. */
static int add_unit(const char *path, struct wb_strv *ret)
{
	char name[1024];
	size_t n = 0;

	path += strspn(path, "/");
	if (!*path)
		return wb_strv_add_once(ret, "-.mount");
	for (; *path && n + 16 < sizeof(name); path++) {
		unsigned char c = (unsigned char)*path;

		if (c == '\\' && path[1] >= '0' && path[1] <= '3' && path[2] >= '0' &&
			path[2] <= '7' && path[3] >= '0' && path[3] <= '7') {
			c = (unsigned char)((path[1] - '0') << 6 | (path[2] - '0') << 3 |
					    (path[3] - '0'));
			path += 3;
		}
		if (c == '/')
			name[n++] = '-';
		else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			 (c >= '0' && c <= '9') || c == ':' || c == '_' || (c == '.' && n))
			name[n++] = (char)c;
		else
			n += (size_t)sprintf(name + n, "\\x%02x", c);
	}
	memcpy(name + n, ".mount", sizeof(".mount"));
	return wb_strv_add_once(ret, name);
}

int wb_mount_units(const char *mountinfo, bool (*wants)(const char *type, const char *point),
	struct wb_strv *ret)
{
	WB_CLEAN_STRV units = {};
	char copy[4096], path[1024], type[64];
	int r = 0;

	for (const char *line = mountinfo; r == 0 && *line;) {
		const char *end = strchrnul(line, '\n');
		const char *dash;

		snprintf(copy, sizeof(copy), "%.*s", (int)(end - line), line);
		dash = strstr(copy, " - ");
		if (dash && sscanf(copy, "%*s %*s %*s %*s %1023s", path) == 1 &&
			sscanf(dash + 3, "%63s", type) == 1 && wants(type, path))
			r = add_unit(path, &units);
		line = *end ? end + 1 : end;
	}
	if (r < 0)
		return r;
	*ret = units;
	units = (struct wb_strv){};
	return 0;
}
