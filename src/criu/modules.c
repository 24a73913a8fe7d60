// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which modules CRIU needs, and which of them a kernel lacks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "criu/modules.h"

/* The largest modules.dep or modules.builtin that is read. */
#define LARGEST (16u << 20)

/*
 * Without these CRIU refuses to start, or its dump fails at a socket that it cannot see. tun and veth are not
 * listed: they matter only to a unit that has such a device open.
 */
static const char *const needed_modules[] = {"nf_tables", "inet_diag", "tcp_diag", "udp_diag",
	"unix_diag", "netlink_diag", "af_packet_diag"};

/* Is "/NAME.ko", compressed or not, in the text? Dashes and underscores are the same. */
static bool lists_module(struct wb_bytes text, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n + 4 <= text.size; i++) {
		const char *p = (const char *)text.data + i;
		size_t k = 0;

		if (*p != '/')
			continue;
		while (k < n && (p[1 + k] == name[k] || (p[1 + k] == '-' && name[k] == '_')))
			k++;
		if (k == n && !memcmp(p + 1 + n, ".ko", 3))
			return true;
	}
	return false;
}

int wb_criu_missing_modules(struct wb_bytes dep, struct wb_bytes builtin, struct wb_strv *ret)
{
	WB_CLEAN_STRV missing = {};

	for (size_t i = 0; i < sizeof(needed_modules) / sizeof(*needed_modules); i++) {
		const char *name = needed_modules[i];

		if (lists_module(dep, name) || lists_module(builtin, name))
			continue;
		if (wb_strv_add(&missing, name) < 0)
			return -ENOMEM;
	}
	*ret = missing;
	missing = (struct wb_strv){};
	return 0;
}

bool wb_criu_lacks_modules(const struct wb_files *files, const char *release, struct wb_strv *ret)
{
	static const char *const trees[] = {"/usr/lib/modules", "/lib/modules"};

	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		WB_CLEAN_BLOB dep = {}, builtin = {};
		char path[512];

		snprintf(path, sizeof(path), "%s/%s/modules.dep", trees[i], release);
		if (files->read(files->ctx, path, LARGEST, &dep, NULL) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/modules.builtin", trees[i], release);
		(void)files->read(files->ctx, path, LARGEST, &builtin, NULL);
		return wb_criu_missing_modules(wb_blob_view(&dep), wb_blob_view(&builtin), ret) ==
		       0;
	}
	return false;
}
