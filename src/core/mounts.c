// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of mount units, as systemd-escape --path makes them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/mounts.h"

#define UNIT_NAME_MAX 255 /* systemd's src/basic/unit-def.h */

/* systemd-escape --path. */
static int add_unit(const char *path, struct wb_strv *ret)
{
	char name[UNIT_NAME_MAX + sizeof("\\x00.mount")];
	size_t n = 0;

	path += strspn(path, "/");
	if (!*path)
		return wb_strv_add_once(ret, "-.mount");
	for (; *path && n <= UNIT_NAME_MAX; path++) {
		unsigned char c = (unsigned char)*path;

		if (c == '/')
			name[n++] = '-';
		else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			 (c >= '0' && c <= '9') || c == ':' || c == '_' || (c == '.' && n))
			name[n++] = (char)c;
		else
			n += (size_t)sprintf(name + n, "\\x%02x", c);
	}
	if (n + strlen(".mount") > UNIT_NAME_MAX)
		return 0;
	memcpy(name + n, ".mount", sizeof(".mount"));
	return wb_strv_add_once(ret, name);
}

int wb_mount_units(const struct wb_mounts *mounts, bool (*wants)(const struct wb_mount *mount),
	struct wb_strv *ret)
{
	WB_CLEAN_STRV units = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < mounts->n; i++)
		if (wants(&mounts->items[i]))
			r = add_unit(mounts->items[i].point, &units);
	if (r < 0)
		return r;
	*ret = units;
	units = (struct wb_strv){};
	return 0;
}
