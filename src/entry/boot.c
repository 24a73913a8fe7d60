// SPDX-License-Identifier: LGPL-2.1-or-later
/* The source "boot": bare kernels in /boot, for machines with an unknown boot loader. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/kernel.h"
#include "entry/sources.h"

static int add(
	const struct wb_files *files, const char *name, const char *version, struct wb_entries *ret)
{
	struct wb_entry *e = wb_entries_add(ret);

	if (!e)
		return -ENOMEM;
	e->id = wb_strf("boot:%s", version);
	e->title = wb_strf("Linux %s", version);
	e->kernel = wb_strf("/boot/%s", name);
	e->source = strdup("boot /boot");
	e->version = strdup(version);
	if (!e->id || !e->title || !e->kernel || !e->source || !e->version)
		return -ENOMEM;
	e->release = wb_entry_release(files, e->kernel);
	return wb_entry_guess_initrd(files, version, &e->initrds);
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	/* Most distributions; Gentoo's "make install" and genkernel; a kernel copied by hand. */
	static const char *const prefixes[] = {"vmlinuz-", "kernel-", "bzImage-"};
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
		size_t n = 0;

		for (size_t k = 0; k < sizeof(prefixes) / sizeof(*prefixes); k++)
			if (strncmp(name, prefixes[k], strlen(prefixes[k])) == 0)
				n = strlen(prefixes[k]);
		/* Other files have these prefixes, too: "kernel-config". */
		if (!n || !name[n] || (*name != 'v' && !isdigit((unsigned char)name[n])))
			continue;
		if (asprintf(&path, "/boot/%s", name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		/* A link leads to a kernel that is listed under its own name. */
		if (files->readlink(files->ctx, path, &target, &ignored) == 0)
			continue;
		r = add(files, name, name + n, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct wb_entry_source wb_source_boot = {"boot", find};
