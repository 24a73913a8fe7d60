// SPDX-License-Identifier: LGPL-2.1-or-later
/* Choosing the region for stores, its kernel parameter, and whether it is in force. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "store/guest-memory.h"
#include "store/region.h"
#include "store/store.h"
#include "sys/machine.h"

#define MIB ((uint64_t)1 << 20)
#define LEAVE (256 * MIB) /* no machine can boot a kernel in less memory than this */

void wb_store_region_word(
	const struct wb_files *files, const struct wb_store_region *r, char ret[WB_ARCH_WORD])
{
	wb_arch_of(files)->region_word(r->start, r->size, ret);
}

static bool find_on(
	const struct wb_files *files, const char *cmdline, size_t i, struct wb_store_region *ret)
{
	const struct wb_arch *arch = wb_arch_of(files);

	return arch->region_find && arch->region_find(cmdline, i, &ret->start, &ret->size);
}

bool wb_store_region_parse(
	const struct wb_files *files, const char *word, struct wb_store_region *ret)
{
	struct wb_store_region r;

	/* The kernel reads a missing number as 0, where no region can be. */
	if (strpbrk(word, ", \t\n\"") || !find_on(files, word, 0, &r) || !r.start)
		return false;
	*ret = r;
	return true;
}

static uint64_t sum(const struct wb_ranges *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->items[i].size;
	return n;
}

/* RAM that the running kernel uses: neither the firmware's, nor reserved, nor set aside. */
static int usable(const struct wb_machine *m, struct wb_ranges *ret)
{
	int r = 0;

	for (size_t i = 0; i < m->memory.n && r == 0; i++)
		if (m->memory.items[i].type == WB_MEMORY_RAM)
			r = wb_ranges_set(ret, m->memory.items[i].start, m->memory.items[i].size,
				WB_MEMORY_RAM);
	for (size_t i = 0; i < m->avoid.n && r == 0; i++)
		r = wb_ranges_remove(ret, m->avoid.items[i].start, m->avoid.items[i].size);
	return r;
}

/* -EOPNOTSUPP: kernels of this machine have no such parameter. */
static int can_set_aside(const struct wb_arch *arch, struct wb_error *err)
{
	return arch->region_word
		       ? 0
		       : wb_fail(err, -EOPNOTSUPP,
				 "no word on a command line sets memory aside on %s; keep the "
				 "store in a file or in RAM",
				 arch->name);
}

int wb_store_region_choose(const struct wb_machine *m, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err)
{
	static const struct {
		uint64_t align, min;
	} tries[] = {
		{128 * MIB, 4096 * MIB},
		{2 * MIB, 4096 * MIB},
		{128 * MIB, 64 * MIB},
		{2 * MIB, 64 * MIB},
	};
	uint64_t size = wb_align_up(bytes, 2 * MIB), start;
	WB_CLEAN_RANGES ram = {};
	int r = can_set_aside(m->arch, err);

	if (r < 0)
		return r;
	if (usable(m, &ram) < 0)
		return wb_oom(err);
	if (size + LEAVE > sum(&ram))
		return wb_fail(err, -ENOSPC,
			"a region of %" PRIu64 " MiB cannot be set aside: the machine has %" PRIu64
			" MiB, and %" PRIu64 " of them must be left",
			size / MIB, sum(&ram) / MIB, LEAVE / MIB);
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		/* As high as possible, where loaders place nothing if they can avoid it. */
		struct wb_fit want = {
			size, tries[i].align, tries[i].min, INT64_MAX, WB_MEMORY_RAM, 1};

		if (wb_ranges_fit(&ram, &want, &start) < 0)
			continue;
		*ret = (struct wb_store_region){start, size};
		return 0;
	}
	return wb_fail(err, -ENOSPC,
		"a region of %" PRIu64
		" MiB cannot be set aside: no memory of this size lies in one "
		"piece",
		size / MIB);
}

/* Each use of a region. */
static const struct {
	const char *file, *none, *again;
} uses[] = {
	[WB_REGION_STORE] = {WB_STORE_REGION,
		"no region is set aside for a store; \"warmboot store reserve SIZE\" does that for "
		"the next jump",
		"warmboot store reserve SIZE"},
	[WB_REGION_VM] = {WB_VM_REGION,
		"no region is set aside for guests; \"warmboot store reserve SIZE --for=vm\" does "
		"that for the next jump",
		"warmboot store reserve SIZE --for=vm"},
};

int wb_store_region_read(const struct wb_files *files, enum wb_region_use use,
	struct wb_store_region *ret, struct wb_error *err)
{
	const struct wb_arch *arch = wb_arch_of(files);
	const char *file = uses[use].file;
	WB_CLEAN_BLOB b = {};
	int r;

	if (!files->exists(files->ctx, file))
		return wb_fail(err, -ENOENT, "%s", uses[use].none);
	r = can_set_aside(arch, err);
	if (r == 0)
		r = files->read(files->ctx, file, 4096, &b, err);
	if (r < 0)
		return r;
	b.data[strcspn((char *)b.data, "\n")] = 0;
	if (!wb_store_region_parse(files, (char *)b.data, ret))
		return wb_fail(err, -EBADMSG, "%s does not hold a word like %s; run \"%s\" again",
			file, arch->region_like, uses[use].again);
	return 0;
}

int wb_store_region_write(const struct wb_sys *sys, enum wb_region_use use,
	const struct wb_store_region *region, struct wb_error *err)
{
	const char *file = uses[use].file;
	char word[WB_ARCH_WORD + 1];
	int r;

	if (region) {
		r = can_set_aside(wb_arch_of(sys->files), err);
		if (r < 0)
			return r;
		wb_store_region_word(sys->files, region, word);
		strcat(word, "\n");
		r = sys->write_file(
			sys->ctx, file, (struct wb_bytes){(uint8_t *)word, strlen(word)}, 0644);
	} else {
		r = sys->remove_file(sys->ctx, file);
	}
	/* A file system that is found in another place is none of warmboot's. */
	if (r == 0 && use == WB_REGION_VM)
		r = sys->remove_file(sys->ctx, WB_VM_MEMORY_ID);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", file, strerror(-r)) : 0;
}

bool wb_store_region_running(const struct wb_files *files, size_t i, struct wb_store_region *ret)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, "/proc/cmdline", 1 << 20, &b, NULL) == 0 &&
	       find_on(files, (char *)b.data, i, ret);
}

bool wb_store_region_in_force(const struct wb_files *files, const struct wb_store_region *r)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, "/proc/cmdline", 1 << 20, &b, NULL) == 0 &&
	       wb_arch_sets_aside(wb_arch_of(files), (char *)b.data, r->start, r->size);
}

int wb_store_region_ready(const struct wb_files *files, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err)
{
	struct wb_store_region region;
	struct wb_error local = {};
	int r = wb_store_region_read(files, WB_REGION_STORE, &region, &local);

	/* Without a region this backend cannot work. -ENOENT would say that there is no store. */
	if (r < 0)
		return wb_fail(err, r == -ENOENT ? -EOPNOTSUPP : r, "%s", local.text);
	if (!wb_store_region_in_force(files, &region))
		return wb_fail(err, -EOPNOTSUPP,
			"the region for the store is there after the next jump only: the running "
			"kernel's command line does not have the word in %s yet",
			WB_STORE_REGION);
	if (bytes > region.size)
		return wb_fail(err, -ENOSPC,
			"too little memory for a store of %" PRIu64 " MiB: the region that is set "
			"aside has %" PRIu64 "; \"warmboot store reserve\" changes that with the "
			"next jump",
			bytes >> 20, region.size >> 20);
	*ret = region;
	return 0;
}

/* Memory around it is not free for another region. */
static int leave_out(struct wb_machine *m, uint64_t start, uint64_t size)
{
	uint64_t from = start > WB_REGION_GAP ? start - WB_REGION_GAP : 0;

	return wb_ranges_set(
		&m->avoid, from, start + size + WB_REGION_GAP - from, WB_MEMORY_RESERVED);
}

static int leave_out_others(
	const struct wb_files *files, enum wb_region_use use, struct wb_machine *m)
{
	struct wb_store_region other;

	for (enum wb_region_use i = 0; i < WB_REGION_USES; i++)
		if (i != use && wb_store_region_read(files, i, &other, NULL) == 0 &&
			leave_out(m, other.start, other.size) < 0)
			return -ENOMEM;
	return 0;
}

/* Choose a place besides these pieces, and write it down. */
static int place(const struct wb_sys *sys, enum wb_region_use use, uint64_t bytes,
	const struct wb_handoff_range *pieces, size_t n, struct wb_store_region *ret,
	struct wb_error *err)
{
	WB_CLEAN_MACHINE machine = {};
	int r = wb_machine_read(sys->files, &machine, err);

	if (r < 0)
		return r;
	if (leave_out_others(sys->files, use, &machine) < 0)
		return wb_oom(err);
	for (size_t i = 0; i < n; i++)
		if (leave_out(&machine, pieces[i].start, pieces[i].size) < 0)
			return wb_oom(err);
	r = wb_store_region_choose(&machine, bytes, ret, err);
	return r == 0 ? wb_store_region_write(sys, use, ret, err) : r;
}

int wb_store_region_reserve(
	const struct wb_sys *sys, enum wb_region_use use, uint64_t bytes, struct wb_error *err)
{
	struct wb_store_region region, old;

	if (!bytes)
		return wb_store_region_write(sys, use, NULL, err);
	/* A region in force is as good as any, and another place would cost one more jump. */
	if (wb_store_region_read(sys->files, use, &old, NULL) == 0 &&
		wb_store_region_in_force(sys->files, &old) &&
		old.size == wb_align_up(bytes, WB_STORE_PAGE))
		return 0;
	return place(sys, use, bytes, NULL, 0, &region, err);
}

static bool touches(const struct wb_store_region *region, const struct wb_handoff_range *piece)
{
	return piece->start < region->start + region->size + WB_REGION_GAP &&
	       region->start < piece->start + piece->size + WB_REGION_GAP;
}

int wb_store_region_settle(const struct wb_sys *sys, enum wb_region_use use,
	const struct wb_handoff_range *pieces, size_t n, struct wb_store_region *ret,
	struct wb_error *err)
{
	struct wb_store_region region;
	bool free = true;
	int r = wb_store_region_read(sys->files, use, &region, err);

	if (r < 0)
		return r;
	for (size_t i = 0; free && i < n; i++)
		free = !touches(&region, &pieces[i]);
	if (!free && !wb_store_region_in_force(sys->files, &region))
		r = place(sys, use, region.size, pieces, n, &region, err);
	if (r == 0)
		*ret = region;
	return r;
}
