// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding the modules of the target kernel that drive the root. The modaliases of the block
 * device's ancestors in /sys are looked up in the target's indexes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "warminit/index.h"

static const char *text(const struct wb_blob *b)
{
	return b->data ? (const char *)b->data : "";
}

/*
 * One ancestor. The module that drives it now comes first, because an alias can match several
 * modules (ahci and ata_generic).
 */
static int need_device(struct index *ix, const char *dir)
{
	static const char *const strict[] = {"pci:", "virtio:", "scsi:", "vmbus:", "xen:", "mmc:"};
	WB_CLEAN_BLOB modalias = {};
	char path[700], alias[512] = "", driver[64], module[64];
	bool found = false;
	int r;

	snprintf(path, sizeof(path), "%s/modalias", dir);
	if (ix->files->read(ix->files->ctx, path, 4096, &modalias, NULL) == 0)
		snprintf(alias, sizeof(alias), "%.*s", (int)strcspn(text(&modalias), "\n"),
			text(&modalias));
	/* Bridges work without a driver; shpchp and the like only cost time. */
	if (strncmp(alias, "pci:", 4) == 0 && strstr(alias, "bc06"))
		return 0;
	wb_index_link(ix, dir, "driver", driver);
	snprintf(path, sizeof(path), "%s/driver", dir);
	wb_index_link(ix, path, "module", module);
	if (*module && wb_index_known(ix, module))
		return wb_index_need(ix, module, 0);
	if (!*alias)
		return 0;
	r = wb_index_need_alias(ix, alias, 0, &found);
	if (r < 0 || found || !*driver || wb_index_is_builtin(ix, alias) ||
		wb_index_known(ix, driver))
		return r;
	for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++)
		if (strncmp(alias, strict[i], strlen(strict[i])) == 0)
			return wb_fail(ix->err, -ENOENT,
				"kernel %s has no driver for %s (now driven by %s)", ix->release,
				dir, driver);
	return 0;
}

/* From the block device up to /sys/devices; drivers closest to the CPU are loaded first. */
static int need_chain(struct index *ix, const char *syspath)
{
	static const char top[] = "/sys/devices";
	WB_CLEAN_STRV chain = {};
	char dir[512];
	int r = 0;

	snprintf(dir, sizeof(dir), "%s", syspath);
	while (strncmp(dir, top, strlen(top)) == 0 && strlen(dir) > strlen(top)) {
		if (wb_strv_add(&chain, dir) < 0)
			return wb_oom(ix->err);
		*strrchr(dir, '/') = 0;
	}
	for (size_t i = chain.n; r == 0 && i > 0; i--)
		r = need_device(ix, chain.items[i - 1]);
	return r;
}

/*
 * With native multipath an NVMe disk hangs below a virtual subsystem, which links to its
 * controllers (drivers/nvme/host/multipath.c).
 */
static int need_nvme(struct index *ix, const char *syspath)
{
	WB_CLEAN_STRV names = {};
	char dir[600], path[700];
	const char *sub = strstr(syspath, "/nvme-subsystem/");
	int r;

	if (!sub)
		return 0;
	sub += strlen("/nvme-subsystem/");
	snprintf(dir, sizeof(dir), "%.*s", (int)(sub - syspath + strcspn(sub, "/")), syspath);
	r = ix->files->list(ix->files->ctx, dir, &names, ix->err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_STR target = NULL;
		WB_CLEAN_BLOB transport = {};
		const char *p;

		snprintf(path, sizeof(path), "%s/%s", dir, names.items[i]);
		if (strncmp(names.items[i], "nvme", 4) != 0 ||
			ix->files->readlink(ix->files->ctx, path, &target, NULL) < 0 ||
			strncmp(target, "../../../", 9) != 0)
			continue;
		p = target + 9; /* above nvme-subsysN, nvme-subsystem and virtual is /sys/devices */
		snprintf(path, sizeof(path), "/sys/devices/%s/transport", p);
		if (ix->files->read(ix->files->ctx, path, 64, &transport, NULL) == 0 &&
			strncmp(text(&transport), "pcie", 4) != 0)
			return wb_fail(ix->err, -EOPNOTSUPP,
				"the root lies on NVMe over %.*s: a network; use the entry's own "
				"initramfs",
				(int)strcspn(text(&transport), "\n"), text(&transport));
		*strrchr(path, '/') = 0;
		r = need_chain(ix, path);
	}
	return r;
}

static int need_fs(struct index *ix, const char *type)
{
	char alias[64];
	bool found = false;
	int r;

	if (wb_index_known(ix, type))
		return wb_index_need(ix, type, 0);
	snprintf(alias, sizeof(alias), "fs-%s", type);
	r = wb_index_need_alias(ix, alias, 0, &found);
	if (r == 0 && !found && !wb_index_is_builtin(ix, alias))
		return wb_fail(
			ix->err, -ENOENT, "kernel %s has no driver for %s", ix->release, type);
	return r;
}

/* Add the modules to load beside the init. A missing one is no failure. */
static int need_beside(struct index *ix, const struct wb_warm_request *want)
{
	struct wb_error *err = ix->err;
	int r = 0;

	ix->err = NULL;
	for (size_t i = 0; r == 0 && i < want->n_beside; i++) {
		r = wb_index_known(ix, want->beside[i]) ? wb_index_need(ix, want->beside[i], 0) : 0;
		r = r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
	}
	ix->err = err;
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

/*
 * Add the watchdog's driver. Without one the init stops the watchdog by its registers, so a missing module
 * is no failure. An administrator's word about one of them in modprobe.d is.
 */
static int need_watchdog(struct index *ix, const struct wb_load_watchdog *w)
{
	struct wb_error *err = ix->err;
	int r = 0;

	if (!w || !w->n_modules || !w->identity)
		return 0;
	for (size_t i = 0; i < w->n_modules; i++)
		if (!wb_index_known(ix, w->modules[i]) || wb_index_is_special(ix, w->modules[i]))
			return 0;
	ix->err = NULL;
	for (size_t i = 0; r == 0 && i < w->n_modules; i++)
		r = wb_index_need(ix, w->modules[i], 0);
	ix->err = err;
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r < 0)
		wb_warm_modules_shorten(ix->out, 0);
	ix->out->watchdog_driver = r == 0;
	ix->out->n_watchdog = ix->out->n;
	return 0;
}

int wb_warm_modules_find(const struct wb_files *files, const struct wb_warm_request *want,
	const struct wb_warm_root *root, struct wb_warm_modules *ret, struct wb_error *err)
{
	struct wb_warm_modules out = {};
	struct index ix = {.files = files,
		.err = err,
		.release = want->release,
		.cmdline = want->cmdline,
		.out = &out};
	int r = wb_index_read(&ix);

	if (r == 0)
		r = need_watchdog(&ix, want->watchdog);
	if (r == 0)
		r = need_nvme(&ix, root->syspath);
	if (r == 0)
		r = need_chain(&ix, root->syspath);
	if (r == 0)
		r = need_fs(&ix, root->type);
	out.n_root = out.n;
	/* The restore waits for the network, and the network for its card. */
	if (r == 0)
		r = wb_index_need_network(&ix);
	if (r == 0)
		r = need_beside(&ix, want);
	if (r == 0)
		r = wb_index_need_devices(&ix);
	wb_index_deinit(&ix);
	if (r < 0)
		wb_warm_modules_deinit(&out);
	else
		*ret = out;
	return r;
}
