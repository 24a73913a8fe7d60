// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "store/region.h"

#define MIB ((uint64_t)1 << 20)
#define LEAVE (256 * MIB) /* less than this is no machine to boot a kernel on */

void wb_store_region_word(const struct wb_store_region *r, char ret[64])
{
	snprintf(ret, 64, "memmap=%#" PRIx64 "!%#" PRIx64, r->size, r->start);
}

/* memparse() in the kernel's lib/cmdline.c. */
static bool take_number(const char **at, uint64_t *ret)
{
	char *end;
	uint64_t v;
	int shift = 0;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	v = strtoull(*at, &end, 0);
	switch (*end) {
	case 'G':
	case 'g':
		shift += 10;
		/* fall through */
	case 'M':
	case 'm':
		shift += 10;
		/* fall through */
	case 'K':
	case 'k':
		shift += 10;
		end++;
	}
	if (errno || v > INT64_MAX >> shift)
		return false;
	*ret = v << shift;
	*at = end;
	return true;
}

bool wb_store_region_parse(const char *value, struct wb_store_region *ret)
{
	struct wb_store_region r;

	if (!take_number(&value, &r.size) || *value++ != '!' || !take_number(&value, &r.start) ||
		*value || !r.size || r.start > INT64_MAX - r.size)
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

/* RAM that the running kernel uses as such: neither firmware's, nor reserved, nor set aside. */
static int usable(const struct wb_machine *m, struct wb_ranges *ret)
{
	int r = 0;

	for (size_t i = 0; i < m->memory.n && r == 0; i++)
		if (m->memory.items[i].type == WB_E820_RAM)
			r = wb_ranges_set(ret, m->memory.items[i].start, m->memory.items[i].size,
				WB_E820_RAM);
	for (size_t i = 0; i < m->avoid.n && r == 0; i++)
		r = wb_ranges_remove(ret, m->avoid.items[i].start, m->avoid.items[i].size);
	return r;
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

	if (usable(m, &ram) < 0)
		return wb_oom(err);
	if (size + LEAVE > sum(&ram))
		return wb_fail(err, -ENOSPC,
			"a region of %" PRIu64 " MiB cannot be set aside: the machine has %" PRIu64
			" MiB, and %" PRIu64 " of them must be left",
			size / MIB, sum(&ram) / MIB, LEAVE / MIB);
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		/* High up, where no loader places anything if it can help it. */
		struct wb_fit want = {
			size, tries[i].align, tries[i].min, INT64_MAX, WB_E820_RAM, 1};

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

int wb_store_region_read(
	const struct wb_files *files, struct wb_store_region *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	WB_CLEAN_STR value = NULL;
	int r;

	if (!files->exists(files->ctx, WB_STORE_REGION))
		return wb_fail(err, -ENOENT,
			"no region is set aside for a store; \"warmboot store reserve SIZE\" does "
			"that for the next jump");
	r = files->read(files->ctx, WB_STORE_REGION, 4096, &b, err);
	if (r < 0)
		return r;
	b.data[strcspn((char *)b.data, "\n")] = 0;
	if (wb_cmdline_get((char *)b.data, "memmap", &value) < 0 ||
		!wb_store_region_parse(value, ret))
		return wb_fail(err, -EBADMSG,
			"%s does not hold a word like memmap=512M!4G; run \"warmboot store "
			"reserve\" "
			"again",
			WB_STORE_REGION);
	return 0;
}

int wb_store_region_write(
	const struct wb_sys *sys, const struct wb_store_region *region, struct wb_error *err)
{
	char word[66];
	int r;

	if (region) {
		wb_store_region_word(region, word);
		strcat(word, "\n");
		r = sys->write_file(sys->ctx, WB_STORE_REGION,
			(struct wb_bytes){(uint8_t *)word, strlen(word)}, 0644);
	} else {
		r = sys->remove_file(sys->ctx, WB_STORE_REGION);
	}
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", WB_STORE_REGION, strerror(-r)) : 0;
}

struct search {
	size_t skip;
	struct wb_store_region *ret;
};

static int see_word(const char *name, const char *value, void *arg)
{
	struct search *s = arg;
	struct wb_store_region r;

	if (strcmp(name, "memmap") || !value || !wb_store_region_parse(value, &r) || s->skip--)
		return 0;
	*s->ret = r;
	return 1;
}

bool wb_store_region_running(const struct wb_files *files, size_t i, struct wb_store_region *ret)
{
	struct search s = {i, ret};
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, "/proc/cmdline", 1 << 20, &b, NULL) == 0 &&
	       wb_cmdline_each((char *)b.data, see_word, &s) == 1;
}

bool wb_store_region_in_force(const struct wb_files *files, const struct wb_store_region *r)
{
	struct wb_store_region running;

	for (size_t i = 0; wb_store_region_running(files, i, &running); i++)
		if (running.start == r->start && running.size == r->size)
			return true;
	return false;
}

int wb_store_region_ready(const struct wb_files *files, uint64_t bytes, struct wb_store_region *ret,
	struct wb_error *err)
{
	struct wb_error local = {};
	int r = wb_store_region_read(files, ret, &local);

	/* That there is none is an answer about the backend, not about the store. */
	if (r < 0)
		return wb_fail(err, r == -ENOENT ? -EOPNOTSUPP : r, "%s", local.text);
	if (!wb_store_region_in_force(files, ret))
		return wb_fail(err, -EOPNOTSUPP,
			"the region for the store is there after the next jump only: the running "
			"kernel's command line does not have the word in %s yet",
			WB_STORE_REGION);
	if (bytes > ret->size)
		return wb_fail(err, -ENOSPC,
			"too little memory for a store of %" PRIu64 " MiB: the region that is set "
			"aside has %" PRIu64 "; \"warmboot store reserve\" changes that with the "
			"next jump",
			bytes >> 20, ret->size >> 20);
	return 0;
}
