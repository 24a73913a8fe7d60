// SPDX-License-Identifier: LGPL-2.1-or-later
/* Documentation/admin-guide/mm/hugetlbpage.rst and proc_pid_smaps(5). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/pages.h"

#define LARGEST_SMAPS (64u << 20)
#define SMALL_KIB 4

static int add(wb_vm_huge *list, int64_t page, int64_t bytes)
{
	struct wb_vm_huge *item;

	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].page == page) {
			list->items[i].bytes += bytes;
			return 0;
		}
	item = wb_list_add(list, sizeof(*item));
	if (!item)
		return -ENOMEM;
	*item = (struct wb_vm_huge){page, bytes};
	return 0;
}

int wb_guest_huge_find(const struct wb_files *files, pid_t pid, uint64_t most, wb_vm_huge *ret)
{
	WB_CLEAN_BLOB text = {};
	int64_t size = 0, page, all = 0;
	char path[64], *line, *rest;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	r = files->read(files->ctx, path, LARGEST_SMAPS, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (rest = (char *)text.data; r == 0 && rest && (line = strsep(&rest, "\n"));) {
		if (sscanf(line, "Size: %" SCNd64 " kB", &size) == 1)
			continue;
		if (sscanf(line, "KernelPageSize: %" SCNd64 " kB", &page) != 1 || page <= SMALL_KIB)
			continue;
		/* A mapping needs no pages, and may be as large as the address space. */
		if (size > (int64_t)(most >> 10) + page - all)
			continue;
		all += size;
		r = add(ret, page << 10, size << 10);
	}
	return r;
}

int wb_guest_huge_add(const wb_vm_huge *one, wb_vm_huge *all)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < one->n; i++)
		r = add(all, one->items[i].page, one->items[i].bytes);
	return r;
}

int wb_guest_huge_provide(const struct wb_files *files, const struct wb_runner *runner,
	const wb_vm_huge *all, struct wb_error *err)
{
	for (size_t i = 0; i < all->n; i++) {
		int64_t page = all->items[i].page;
		uint64_t wanted = (uint64_t)((all->items[i].bytes + page - 1) / page);
		char path[96], text[32];

		snprintf(path, sizeof(path),
			"/sys/kernel/mm/hugepages/hugepages-%" PRId64 "kB/nr_hugepages",
			page >> 10);
		snprintf(text, sizeof(text), "%" PRIu64, wanted);
		if (wb_read_number(files, path) >= wanted)
			continue;
		runner->poke(runner->ctx, path, text);
		if (wb_read_number(files, path) < wanted)
			return wb_fail(err, -ENOMEM,
				"this kernel has no %" PRIu64 " huge pages of %" PRId64
				" KiB for its memory",
				wanted, page >> 10);
	}
	return 0;
}
