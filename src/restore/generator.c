// SPDX-License-Identifier: LGPL-2.1-or-later
/* The generator's use case: from what was kept over the jump to the units that restore it. */
#include <errno.h>

#include "restore/revive.h"
#include "restore/restore.h"
#include "sys/handoff.h"

/* -ENOENT: nothing was kept over a jump to this boot. */
static int find_manifest(
	const struct wb_restore_host *h, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_STORE store = NULL;
	int r = wb_revive_read(h->sys->files, ret, err);

	if (r != -ENOENT)
		return r;
	r = wb_store_attach(h->store, &store, err);
	return r < 0 ? r : wb_revive_open(h->sys, store, ret, err);
}

static bool has_nothing_to_do(const struct wb_files *files)
{
	/* An initramfs of systemd's runs generators, too; kept units come back in the real root. */
	if (files->exists(files->ctx, "/etc/initrd-release"))
		return true;
	return files->exists(files->ctx, WB_THAW_DONE) || !wb_handoff_possible(files);
}

int wb_restore_generate(const struct wb_restore_host *h, const char *program, const char *early,
	struct wb_error *err)
{
	const struct wb_generator_ops ops = {h->ctx, h->sys, h->symlink};
	WB_CLEAN_MANIFEST m = {};
	int r;

	if (has_nothing_to_do(h->sys->files))
		return 0;
	r = find_manifest(h, &m, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	wb_revive_raise_pids(h->sys->files, h->runner, &m);
	return wb_generator_write(&ops, &m, program, early, err);
}
