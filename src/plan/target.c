// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rows for a reboot and for a crash. */
#include <errno.h>

#include "plan/target.h"

/* linux/kexec.h */
#define KEXEC_ON_CRASH 0x1
#define KEXEC_UPDATE_ELFCOREHDR 0x4
#define KEXEC_FILE_ON_CRASH 0x2

static const struct wb_ranges *all_memory(const struct wb_machine *m)
{
	return &m->memory;
}

static const struct wb_ranges *avoided(const struct wb_machine *m)
{
	return &m->avoid;
}

static const struct wb_ranges *set_aside(const struct wb_machine *m)
{
	return &m->crash;
}

/* In the memory that is set aside, nothing else has to be avoided. */
static const struct wb_ranges *nothing(const struct wb_machine *m)
{
	static const struct wb_ranges none = {};

	return &none;
}

/*
 * The kernel updates the ELF headers when CPUs or memory are added or removed
 * (kernel/crash_core.c).
 */
static bool keeps_elf_headers(const struct wb_machine *m)
{
	return m->elfcorehdr_size != 0;
}

static const char *const elf_headers[] = {"elfcorehdr", NULL};

static const struct wb_target rows[] = {
	[WB_TARGET_REBOOT] =
		{
			.name = "reboot",
			.within = all_memory,
			.without = avoided,
			.load_limit = "kexec_load_limit_reboot",
		},
	[WB_TARGET_CRASH] =
		{
			.name = "crash",
			.within = set_aside,
			.without = nothing,
			.no_room = "no memory is set aside for a crash kernel (\"Crash kernel\" in "
				   "/proc/iomem); boot with crashkernel=256M",
			.confined = true,
			.kexec_flags = KEXEC_ON_CRASH,
			.file_flags = KEXEC_FILE_ON_CRASH,
			.load_limit = "kexec_load_limit_panic",
			.rewritten = elf_headers,
			.rewrite_flag = KEXEC_UPDATE_ELFCOREHDR,
			.rewrites = keeps_elf_headers,
		},
};

const struct wb_target *wb_target(enum wb_target_id id)
{
	return &rows[id];
}

const char *const *wb_target_rewritten(const struct wb_target *t, const struct wb_machine *m)
{
	return t->rewritten && t->rewrites(m) ? t->rewritten : NULL;
}

unsigned long wb_target_flags(const struct wb_target *t, const struct wb_machine *m)
{
	return t->kexec_flags | (wb_target_rewritten(t, m) ? t->rewrite_flag : 0);
}

/* Remove from the map all RAM from `lowest` on, except where segments may go. */
static int confine(const struct wb_target *t, const struct wb_machine *m, uint64_t lowest,
	struct wb_ranges *map)
{
	const struct wb_ranges *room = t->within(m);
	int r = 0;

	for (size_t i = 0; i < m->memory.n && r == 0; i++) {
		const struct wb_range *it = &m->memory.items[i];
		uint64_t start = it->start < lowest ? lowest : it->start;

		if (it->type == WB_MEMORY_RAM && it->start + it->size > start)
			r = wb_ranges_remove(map, start, it->start + it->size - start);
	}
	for (size_t i = 0; i < room->n && r == 0; i++)
		r = wb_ranges_set(map, room->items[i].start, room->items[i].size, WB_MEMORY_RAM);
	return r;
}

int wb_target_map(const struct wb_target *t, const struct wb_machine *m, uint64_t lowest,
	struct wb_ranges *map, struct wb_error *err)
{
	if (t->no_room && !t->within(m)->n)
		return wb_fail(err, -EOPNOTSUPP, "%s", t->no_room);
	if (t->confined && confine(t, m, lowest, map) < 0)
		return wb_fail(err, -ENOMEM, "out of memory while planning");
	return 0;
}
