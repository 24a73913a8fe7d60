// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a newer kernel waits, or a package asks for a reboot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bls/version.h"
#include "core/text.h"
#include "entry/entry.h"
#include "session/needed.h"
#include "sys/machine.h"

void wb_needed_deinit(struct wb_needed *needed)
{
	free(needed->running);
	free(needed->waiting);
	wb_strv_deinit(&needed->packages);
	*needed = (struct wb_needed){};
}

static int find_kernel(const struct wb_sys *sys, struct wb_needed *n, struct wb_error *err)
{
	WB_CLEAN_ENTRIES entries = {};
	const struct wb_entry *e;
	int r = wb_entries_find(sys->files, &entries, err);

	if (r == 0)
		r = wb_entries_choose(&entries, "default", &e, err);
	if (r < 0 || !e->release || wb_version_compare(e->release, n->running) <= 0)
		return r;
	n->waiting = strdup(e->release);
	return n->waiting ? 0 : wb_oom(err);
}

/* Each package once: an upgrade adds its name each time. */
static int find_packages(const struct wb_sys *sys, struct wb_needed *n, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span line;
	const char *at;
	int r = sys->files->read(sys->files->ctx, WB_REBOOT_PACKAGES, WB_TEXT_LIMIT, &text, NULL);

	at = r < 0 ? "" : (const char *)text.data;
	for (r = 0; r == 0 && wb_take_line(&at, &line);) {
		WB_CLEAN_STR name = wb_span_copy(line);

		if (name)
			wb_make_plain(name);
		r = !name ? -ENOMEM : *name ? wb_strv_add_once(&n->packages, name) : 0;
	}
	return r < 0 ? wb_oom(err) : 0;
}

int wb_needed_find(const struct wb_sys *sys, struct wb_needed *ret, struct wb_error *err)
{
	WB_CLEAN_NEEDED n = {.running = wb_running_release(sys->files)};
	int r;

	if (!n.running)
		return wb_fail(err, -EIO, "the running kernel does not tell its release");
	n.required = sys->files->exists(sys->files->ctx, WB_REBOOT_REQUIRED);
	r = n.required ? find_packages(sys, &n, err) : 0;
	if (r == 0)
		r = find_kernel(sys, &n, err);
	/* A package's word is enough, and more is not known. */
	if (r < 0 && r != -ENOMEM && n.required) {
		if (err)
			*err = (struct wb_error){};
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = n;
	n = (struct wb_needed){};
	return 0;
}
