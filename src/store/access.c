// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reaching memory by its address, whoever has it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/impl.h"

#define ND "/sys/bus/nd/devices"

static uint64_t number(const struct wb_files *f, const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), ND "/%s/%s", dir, name);
	return wb_read_number(f, path);
}

/* The block device that holds all of the part, and where in it. */
static int find_pmem(const struct wb_files *f, const struct wb_store_piece *part, char path[64],
	uint64_t *ret_off)
{
	WB_CLEAN_STRV names = {};

	if (!part->start || f->list(f->ctx, ND, &names, NULL) < 0)
		return -ENOENT;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t start = number(f, names.items[i], "resource");
		uint64_t size = number(f, names.items[i], "size");
		WB_CLEAN_STRV block = {};
		char dir[256];

		if (strncmp(names.items[i], "namespace", 9) || !start || part->start < start ||
			part->start - start > size || part->size > size - (part->start - start))
			continue;
		snprintf(dir, sizeof(dir), ND "/%s/block", names.items[i]);
		if (f->list(f->ctx, dir, &block, NULL) < 0 || block.n != 1)
			continue;
		snprintf(path, 64, "/dev/%.50s", block.items[0]);
		*ret_off = part->start - start;
		return 0;
	}
	return -ENOENT;
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
	if (!strcmp(path, "/dev/mem") && find_pmem(env->sys->files, part, device, &off) == 0) {
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
			"modules nd_e820 and nd_pmem",
			(unsigned long long)part->start, strerror(-r));
	return wb_fail(err, r == -ENOENT || r == -ESRCH ? -EIO : r,
		"the store's memory cannot be mapped from %s: %s", path,
		r == -ENOENT ? "its holder is gone" : strerror(-r));
}
