// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Persistent memory that the kernel's map tells of gets a driver as soon as udev looks at it, and
 * then /dev/mem is closed to it: what was mapped before is taken away in the middle of reading
 * (revoke_iomem() in kernel/resource.c). So while there is a store, the driver is kept away.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/machine.h"
#include "store/impl.h"
#include "store/region.h"
#include "sys/handoff.h"

/* arch/x86/kernel/pmem.c, drivers/nvdimm/e820.c: one device for all such memory. */
#define DEVICE "/sys/devices/platform/e820_pmem"
#define DRIVER "/sys/bus/platform/drivers/e820_pmem"
#define PROBE "/sys/bus/platform/drivers_probe"

static int take_pram(const struct wb_files *f, struct wb_ranges *ret)
{
	WB_CLEAN_BLOB b = {};
	char *save = NULL;
	int r = f->read(f->ctx, "/proc/iomem", 0, &b, NULL);

	if (r < 0)
		return r;
	for (char *line = strtok_r((char *)b.data, "\n", &save); line && r == 0;
		line = strtok_r(NULL, "\n", &save)) {
		uint64_t start, end;

		/* Those that begin with a space are parts of the one above. */
		if (*line == ' ' || !strstr(line, " : Persistent Memory (legacy)") ||
			sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 || end <= start)
			continue;
		r = wb_ranges_set(ret, start, end - start + 1, WB_E820_PRAM);
	}
	return r;
}

/* Is there persistent memory that no store of ours lies in? When in doubt, there is. */
static bool others_too(const struct wb_files *f)
{
	struct wb_handoff_range *ours = NULL;
	struct wb_store_region region;
	WB_CLEAN_RANGES pram = {};
	size_t n = 0;
	int r = take_pram(f, &pram);

	if (r < 0)
		return true;
	if (wb_handoff_store_read(f, &ours, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = wb_ranges_remove(&pram, ours[i].start, ours[i].size);
	if (n)
		free(ours);
	if (r == 0 && wb_store_region_read(f, &region, NULL) == 0)
		r = wb_ranges_remove(&pram, region.start, region.size);
	return r < 0 || pram.n;
}

bool wb_store_pmem_in_use(const struct wb_files *f)
{
	WB_CLEAN_BLOB mounts = {}, swaps = {};

	return (f->read(f->ctx, "/proc/self/mountinfo", 64 << 20, &mounts, NULL) == 0 &&
		       strstr((char *)mounts.data, " /dev/pmem")) ||
	       (f->read(f->ctx, "/proc/swaps", 1 << 20, &swaps, NULL) == 0 &&
		       strstr((char *)swaps.data, "/dev/pmem"));
}

/* Under kernel lockdown nobody may map /dev/mem, and the driver is the only way. */
static bool locked_down(const struct wb_files *f)
{
	WB_CLEAN_BLOB b = {};

	return f->read(f->ctx, "/sys/kernel/security/lockdown", 4096, &b, NULL) == 0 &&
	       !strstr((char *)b.data, "[none]");
}

void wb_store_guard(const struct wb_store_env *env)
{
	const struct wb_files *f = env->sys->files;
	const struct wb_store_io *io = env->io;
	WB_CLEAN_BLOB done = {};

	if (!f->exists(f->ctx, DEVICE))
		return;
	if (locked_down(f)) {
		if (!f->exists(f->ctx, DEVICE "/driver")) {
			io->load_module(io->ctx, "nd_pmem");
			io->load_module(io->ctx, "nd_e820");
			/* Reading it waits until all devices are there. */
			f->read(f->ctx, "/sys/bus/nd/devices/ndbus0/wait_probe", 4096, &done, NULL);
		}
		return;
	}
	/* No driver has this name. */
	io->write_text(io->ctx, DEVICE "/driver_override", "warmboot\n");
	/* It came too late: the driver gives up what is nobody's but ours. */
	if (f->exists(f->ctx, DEVICE "/driver") && !others_too(f) && !wb_store_pmem_in_use(f))
		io->write_text(io->ctx, DRIVER "/unbind", "e820_pmem");
}

void wb_store_unguard(const struct wb_store_env *env)
{
	const struct wb_files *f = env->sys->files;
	const struct wb_store_io *io = env->io;

	/* What is ours alone needs no driver. */
	if (!f->exists(f->ctx, DEVICE) || !others_too(f))
		return;
	io->write_text(io->ctx, DEVICE "/driver_override", "\n");
	io->write_text(io->ctx, PROBE, "e820_pmem");
}
