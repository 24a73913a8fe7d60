// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which modules CRIU needs, and which of them a kernel lacks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "criu/modules.h"
#include "sys/modules.h"

/* The largest modules.dep or modules.builtin that is read. */
#define LARGEST (16u << 20)

/*
 * Without these CRIU refuses to start, or its dump fails at a socket that it cannot see. tun and veth are not
 * listed: they matter only to a unit that has such a device open.
 */
static const char *const needed_modules[] = {"nf_tables", "inet_diag", "tcp_diag", "udp_diag",
	"unix_diag", "netlink_diag", "af_packet_diag"};
#define N_NEEDED (sizeof(needed_modules) / sizeof(*needed_modules))

/* Does the text begin with "NAME.ko", compressed or not? Dashes and underscores are the same. */
static bool begins_with_module(struct wb_bytes text, const char *name)
{
	size_t n = strlen(name), k = 0;

	if (text.size < n + 3)
		return false;
	while (k < n &&
		(text.data[k] == (uint8_t)name[k] || (text.data[k] == '-' && name[k] == '_')))
		k++;
	return k == n && !memcmp(text.data + n, ".ko", 3);
}

/* Note each module whose file is in the text, which may have a hundred thousand bytes. */
static void note_modules(struct wb_bytes text, bool *found)
{
	const uint8_t *p = text.data, *end;

	if (!text.size)
		return;
	end = p + text.size;
	while ((p = memchr(p, '/', (size_t)(end - p)))) {
		p++;
		for (size_t i = 0; i < N_NEEDED; i++)
			if (begins_with_module(
				    (struct wb_bytes){p, (size_t)(end - p)}, needed_modules[i]))
				found[i] = true;
	}
}

int wb_criu_missing_modules(struct wb_bytes dep, struct wb_bytes builtin, struct wb_strv *ret)
{
	WB_CLEAN_STRV missing = {};
	bool found[N_NEEDED] = {};

	note_modules(dep, found);
	note_modules(builtin, found);
	for (size_t i = 0; i < N_NEEDED; i++)
		if (!found[i] && wb_strv_add(&missing, needed_modules[i]) < 0)
			return -ENOMEM;
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

void wb_criu_load_modules(const struct wb_files *files, const struct wb_runner *runner)
{
	WB_CLEAN_STRV names = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_NEEDED; i++)
		r = wb_strv_add(&names, needed_modules[i]);
	if (r == 0)
		wb_modules_load(files, runner, &names);
}
