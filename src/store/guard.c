// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeping the driver of persistent memory away from a store. Such memory in the kernel's map gets a
 * driver as soon as udev looks at it. Then /dev/mem is closed to it: an earlier mapping is removed
 * in the middle of reading (revoke_iomem() in kernel/resource.c).
 *
 * All such memory of a machine is one device (struct wb_arch_pmem). So the driver is kept away only
 * if all of that memory is warmboot's: it has a store's header, or is the region that is set aside
 * for stores. If there is other such memory, or if the kernel is locked down, the driver is loaded
 * instead, and the store is read through its block device.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "store/impl.h"
#include "store/region.h"
#include "sys/handoff.h"

static bool of_device(
	const struct wb_files *f, const struct wb_arch_pmem *pmem, const char *attribute)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", pmem->device, attribute);
	return f->exists(f->ctx, path);
}

static int take_persistent(
	const struct wb_files *f, const struct wb_arch_pmem *pmem, struct wb_ranges *ret)
{
	WB_CLEAN_BLOB b = {};
	char name[64];
	char *save = NULL;
	int r = f->read(f->ctx, "/proc/iomem", 0, &b, NULL);

	if (r < 0)
		return r;
	snprintf(name, sizeof(name), " : %s", pmem->kind);
	for (char *line = strtok_r((char *)b.data, "\n", &save); line && r == 0;
		line = strtok_r(NULL, "\n", &save)) {
		uint64_t start, end;

		/* Lines that begin with a space are parts of the one above. */
		if (*line == ' ' || !strstr(line, name) ||
			sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 || end <= start)
			continue;
		r = wb_ranges_set(ret, start, end - start + 1, WB_MEMORY_PERSISTENT);
	}
	return r;
}

static uint64_t sum_of(const struct wb_handoff_range *ranges, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ranges[i].size;
	return sum;
}

/* Find memory that was carved out of RAM; *ret_any: there is such memory, with any contents. */
static int find_carved(const struct wb_store_env *env, struct wb_ranges *ret, bool *ret_any)
{
	struct wb_handoff_range *ranges;
	struct wb_store_header h;
	size_t n;
	int r = wb_handoff_store_read(env->sys->files, &ranges, &n);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	*ret_any = true;
	if (wb_store_header_at(env, ranges[0].start, sum_of(ranges, n), &h))
		for (size_t i = 0; i < n && r == 0; i++)
			r = wb_ranges_set(
				ret, ranges[i].start, ranges[i].size, WB_MEMORY_PERSISTENT);
	free(ranges);
	return r;
}

static int find_regions(const struct wb_store_env *env, struct wb_ranges *ret, bool *ret_any)
{
	struct wb_store_region region;
	struct wb_store_header h;
	int r = 0;

	for (size_t i = 0; r == 0 && wb_store_region_running(env->sys->files, i, &region); i++) {
		*ret_any = true;
		if (wb_store_header_at(env, region.start, region.size, &h))
			r = wb_ranges_set(ret, region.start, region.size, WB_MEMORY_PERSISTENT);
	}
	return r;
}

/* Is there persistent memory besides `ours` and the region for stores? When in doubt, there is. */
static bool others_too(
	const struct wb_files *f, const struct wb_arch_pmem *pmem, const struct wb_ranges *ours)
{
	struct wb_store_region region;
	WB_CLEAN_RANGES all = {};
	int r = take_persistent(f, pmem, &all);

	for (size_t i = 0; i < ours->n && r == 0; i++)
		r = wb_ranges_remove(&all, ours->items[i].start, ours->items[i].size);
	if (r == 0 && wb_store_region_read(f, WB_REGION_STORE, &region, NULL) == 0 &&
		wb_store_region_in_force(f, &region))
		r = wb_ranges_remove(&all, region.start, region.size);
	return r < 0 || all.n;
}

static bool any_in_use(const struct wb_store_env *env, const struct wb_ranges *ours)
{
	for (size_t i = 0; i < ours->n; i++)
		if (wb_store_pmem_in_use(env, ours->items[i].start, ours->items[i].size))
			return true;
	return false;
}

/* Is the kernel locked down? Then /dev/mem cannot be mapped, and the driver is the only way. */
static bool locked_down(const struct wb_files *f)
{
	WB_CLEAN_BLOB b = {};

	return f->read(f->ctx, "/sys/kernel/security/lockdown", 4096, &b, NULL) == 0 &&
	       !strstr((char *)b.data, "[none]");
}

static void call_driver(const struct wb_store_env *env, const struct wb_arch_pmem *pmem)
{
	const struct wb_files *f = env->sys->files;
	const struct wb_store_io *io = env->io;
	WB_CLEAN_BLOB done = {};

	if (of_device(f, pmem, "/driver"))
		return;
	io->load_module(io->ctx, "nd_pmem");
	io->load_module(io->ctx, pmem->module);
	/* The kernel lets a read of wait_probe wait until all devices are there. */
	f->read(f->ctx, "/sys/bus/nd/devices/ndbus0/wait_probe", 4096, &done, NULL);
}

void wb_store_guard(const struct wb_store_env *env)
{
	const struct wb_files *f = env->sys->files;
	const struct wb_store_io *io = env->io;
	const struct wb_arch_pmem *pmem = wb_arch_of(f)->pmem;
	WB_CLEAN_RANGES ours = {};
	char path[128];
	bool any = false;

	if (!pmem || !of_device(f, pmem, "") || find_carved(env, &ours, &any) < 0 ||
		find_regions(env, &ours, &any) < 0)
		return;
	if (any && locked_down(f)) {
		call_driver(env, pmem);
		return;
	}
	if (!ours.n)
		return;
	if (others_too(f, pmem, &ours)) {
		call_driver(env, pmem);
		return;
	}
	/* No driver has this name, so none takes the device. */
	snprintf(path, sizeof(path), "%s/driver_override", pmem->device);
	io->write_text(io->ctx, path, "warmboot\n");
	/* A driver that has the memory already is unbound, unless the memory is in use as a disk. */
	if (!of_device(f, pmem, "/driver") || any_in_use(env, &ours))
		return;
	snprintf(path, sizeof(path), "%s/unbind", pmem->driver);
	io->write_text(io->ctx, path, pmem->name);
}
