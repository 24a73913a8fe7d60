// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bare kernels in /boot, for machines whose boot loader is not understood. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/internal.h"

static int add(const struct wb_files *files, const char *version, struct wb_entries *ret)
{
	struct wb_entry *e = wb_entries_add(ret);

	if (!e || asprintf(&e->id, "boot:%s", version) < 0 ||
		asprintf(&e->title, "Linux %s", version) < 0 ||
		asprintf(&e->kernel, "/boot/vmlinuz-%s", version) < 0)
		return -ENOMEM;
	e->source = strdup("boot /boot");
	e->version = strdup(version);
	if (!e->source || !e->version)
		return -ENOMEM;
	e->release = wb_entry_release(files, e->kernel);
	return wb_entry_guess_initrd(files, version, &e->initrds);
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	static const char prefix[] = "vmlinuz-";
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, "/boot", &names, err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return r == -ENOENT
			       ? 0
			       : wb_entries_warn(ret, "/boot was not searched: %s", strerror(-r));
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR target = NULL;
		const char *name = names.items[i];
		struct wb_error ignored = {};

		if (strncmp(name, prefix, strlen(prefix)) != 0 || !name[strlen(prefix)])
			continue;
		if (asprintf(&path, "/boot/%s", name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		/* A link names a kernel that is listed under its own name anyway. */
		if (files->readlink(files->ctx, path, &target, &ignored) == 0)
			continue;
		r = add(files, name + strlen(prefix), ret);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct wb_entry_source wb_source_boot = {"boot", find};
