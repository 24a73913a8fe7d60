// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The source "modules": kernels beside their modules, /usr/lib/modules/RELEASE/vmlinuz (Fedora,
 * Arch, image-based systems).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/sources.h"

#define DIR "/usr/lib/modules"

static int add(const struct wb_files *files, const char *release, const char *kernel,
	struct wb_entries *ret)
{
	struct wb_entry *e = wb_entries_add(ret);

	if (!e)
		return -ENOMEM;
	e->id = wb_strf("modules:%s", release);
	e->title = wb_strf("Linux %s", release);
	e->source = strdup("modules " DIR);
	e->kernel = strdup(kernel);
	e->release = strdup(release);
	e->version = strdup(release);
	if (!e->id || !e->title || !e->source || !e->kernel || !e->release || !e->version)
		return -ENOMEM;
	return wb_entry_guess_initrd(files, release, &e->initrds);
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, DIR, &names, err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return r == -ENOENT
			       ? 0
			       : wb_entries_warn(ret, DIR " was not searched: %s", strerror(-r));
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR kernel = NULL;

		if (asprintf(&kernel, DIR "/%s/vmlinuz", names.items[i]) < 0) {
			kernel = NULL;
			return -ENOMEM;
		}
		if (!files->exists(files->ctx, kernel))
			continue;
		r = add(files, names.items[i], kernel, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct wb_entry_source wb_source_modules = {"modules", find};
