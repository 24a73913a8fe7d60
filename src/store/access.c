// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mapping memory by its physical address, through /dev/mem or the block device of its driver. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "store/impl.h"

#define ND "/sys/bus/nd/devices"

static uint64_t number(const struct wb_files *f, const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), ND "/%.100s/%s", dir, name);
	return wb_read_number(f, path);
}

/* A namespace of libnvdimm: its place, and its block device. */
struct region {
	uint64_t start, size;
	/* Its block device; "": it has none, because it has no driver or another one (BTT, device DAX). */
	char device[64];
	bool has_driver;
};

static int read_region(const struct wb_files *f, const char *name, struct region *ret)
{
	WB_CLEAN_STRV block = {};
	char path[256];

	if (strncmp(name, "namespace", 9))
		return -ENOENT;
	*ret = (struct region){
		.start = number(f, name, "resource"), .size = number(f, name, "size")};
	if (!ret->start || !ret->size)
		return -ENOENT;
	snprintf(path, sizeof(path), ND "/%.100s/driver", name);
	ret->has_driver = f->exists(f->ctx, path);
	snprintf(path, sizeof(path), ND "/%.100s/block", name);
	if (f->list(f->ctx, path, &block, NULL) == 0 && block.n == 1)
		snprintf(ret->device, sizeof(ret->device), "/dev/%.50s", block.items[0]);
	return 0;
}

/* Find the block device that holds all of the part, and the offset in it. */
static int find_pmem(
	const struct wb_files *f, uint64_t start, uint64_t size, char path[64], uint64_t *ret_off)
{
	WB_CLEAN_STRV names = {};
	struct region r;

	if (!start || f->list(f->ctx, ND, &names, NULL) < 0)
		return -ENOENT;
	for (size_t i = 0; i < names.n; i++) {
		if (read_region(f, names.items[i], &r) < 0 || !*r.device || start < r.start ||
			start - r.start > r.size || size > r.size - (start - r.start))
			continue;
		memcpy(path, r.device, sizeof(r.device));
		*ret_off = start - r.start;
		return 0;
	}
	return -ENOENT;
}

bool wb_store_pmem_device(const struct wb_files *files, uint64_t start, uint64_t size, char ret[64])
{
	WB_CLEAN_STRV names = {};
	struct region r;

	if (files->list(files->ctx, ND, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		if (read_region(files, names.items[i], &r) < 0 || r.start != start ||
			r.size != size || !*r.device || !files->exists(files->ctx, r.device))
			continue;
		memcpy(ret, r.device, sizeof(r.device));
		return true;
	}
	return false;
}

const char *wb_store_pmem_module(const struct wb_store_env *env)
{
	const struct wb_arch_pmem *pmem = wb_arch_of(env->sys->files)->pmem;

	return pmem ? pmem->module : "libnvdimm";
}

bool wb_store_pmem_in_use(const struct wb_store_env *env, uint64_t start, uint64_t size)
{
	const struct wb_files *f = env->sys->files;
	WB_CLEAN_STRV names = {};
	struct region r;

	if (f->list(f->ctx, ND, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		if (read_region(f, names.items[i], &r) < 0 || r.start >= start + size ||
			start >= r.start + r.size)
			continue;
		if (*r.device ? env->io->claimed(env->io->ctx, r.device) : r.has_driver)
			return true;
	}
	return false;
}

int wb_store_peek(const struct wb_store_env *env, uint64_t phys, void *ret, size_t n)
{
	const struct wb_store_io *io = env->io;
	char device[64];
	uint8_t *at;
	uint64_t off;
	int r = io->area(io->ctx, WB_STORE_PAGE, &at);

	if (r < 0)
		return r;
	r = io->map(io->ctx, "/dev/mem", phys, n, false, at);
	if (r < 0 && find_pmem(env->sys->files, phys, n, device, &off) == 0)
		r = io->map(io->ctx, device, off, n, false, at);
	if (r == 0)
		r = io->copy(io->ctx, at, ret, n);
	io->unmap(io->ctx, at, WB_STORE_PAGE);
	return r;
}

bool wb_store_header_at(
	const struct wb_store_env *env, uint64_t phys, uint64_t most, struct wb_store_header *ret)
{
	uint8_t block[WB_STORE_BLOCK];

	return wb_store_peek(env, phys, block, sizeof(block)) == 0 &&
	       wb_store_header_check((struct wb_bytes){block, sizeof(block)}, most, ret);
}

int wb_store_map(const struct wb_store_env *env, const char *path,
	const struct wb_store_piece *part, bool writable, uint8_t *at, struct wb_error *err)
{
	const struct wb_store_io *io = env->io;
	char device[64];
	uint64_t off;
	int r = io->map(io->ctx, path, part->off, part->size, writable, at);

	if (r == 0)
		return 0;
	if (!strcmp(path, "/dev/mem") &&
		find_pmem(env->sys->files, part->start, part->size, device, &off) == 0) {
		r = io->map(io->ctx, device, off, part->size, writable, at);
		path = device;
	}
	if (r == 0)
		return 0;
	if (!strcmp(path, "/dev/mem"))
		return wb_fail(err, -EACCES,
			"the store's memory at %#llx cannot be mapped through /dev/mem (%s), and "
			"no "
			"/dev/pmem has it: kernel lockdown or another program keeps it; load the "
			"modules %s and nd_pmem",
			(unsigned long long)part->start, strerror(-r), wb_store_pmem_module(env));
	return wb_fail(err, r == -ENOENT || r == -ESRCH ? -EIO : r,
		"the store's memory cannot be mapped from %s: %s", path,
		r == -ENOENT ? "its holder is gone" : strerror(-r));
}
