// SPDX-License-Identifier: LGPL-2.1-or-later
/* Gathering the facts about the running machine, through the machine's row. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/kernel-id.h"
#include "sys/handoff.h"
#include "sys/machine.h"

/*
 * Turn memory of an old store back into RAM for the next kernel. It is persistent memory only
 * because the kernel before carved a store out of its RAM. This kernel does not use it as RAM, so
 * nothing is placed there.
 */
static int reclaim_store(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	struct wb_handoff_range *ranges;
	size_t n;
	int r = wb_handoff_store_read(f, &ranges, &n);

	if (r < 0)
		return r == -ENOMEM ? wb_fail(err, r, "out of memory") : 0;
	for (size_t i = 0; i < n && r == 0; i++)
		if (wb_ranges_type(
			    &m->memory, ranges[i].start, ranges[i].size, WB_MEMORY_PERSISTENT))
			r = wb_ranges_set(
				&m->memory, ranges[i].start, ranges[i].size, WB_MEMORY_RAM);
	free(ranges);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

/* The same for the memory around that of guests: what of it is needed is in the next span. */
static int reclaim_span(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	struct wb_handoff h;

	if (!wb_handoff_read(f, &h) || !h.guests_size ||
		!wb_ranges_type(&m->memory, h.guests_start, h.guests_size, WB_MEMORY_ASIDE))
		return 0;
	if (wb_ranges_set(&m->memory, h.guests_start, h.guests_size, WB_MEMORY_RAM) < 0)
		return wb_fail(err, -ENOMEM, "out of memory");
	return 0;
}

char *wb_running_release(const struct wb_files *files)
{
	WB_CLEAN_BLOB b = {};

	if (files->read(files->ctx, "/proc/sys/kernel/osrelease", 4096, &b, NULL) < 0)
		return NULL;
	return strndup((const char *)b.data, strcspn((const char *)b.data, "\n"));
}

static int running_name(const struct wb_files *files, char **ret)
{
	static const char *const paths[] = {
		"/proc/sys/kernel/osrelease", "/proc/sys/kernel/version"};
	struct wb_blob texts[2] = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2; i++) {
		r = files->read(files->ctx, paths[i], 4096, &texts[i], NULL);
		if (r == 0)
			texts[i].data[strcspn((char *)texts[i].data, "\n")] = '\0';
	}
	if (r == 0)
		r = wb_kernel_id_name((char *)texts[0].data, (char *)texts[1].data, ret);
	wb_blob_deinit(&texts[0]);
	wb_blob_deinit(&texts[1]);
	return r;
}

/* The kernel's own .notes section (kernel/ksysfs.c). */
#define NOTES "/sys/kernel/notes"

int wb_running_kernel_id(
	const struct wb_files *files, char **ret_id, char **ret_name, struct wb_error *err)
{
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR id = NULL;
	WB_CLEAN_BLOB notes = {};
	int r = running_name(files, &name);

	if (r == -ENOMEM)
		return wb_oom(err);
	if (r < 0)
		return wb_fail(
			err, -EIO, "the running kernel does not tell its release and version");
	r = files->read(files->ctx, NOTES, 1 << 20, &notes, NULL);
	if (r == 0)
		r = wb_kernel_id_parse(wb_blob_view(&notes), &id);
	if (r < 0 && r != -ENOMEM)
		id = strdup(name);
	if (!id)
		return wb_oom(err);
	*ret_id = id;
	*ret_name = name;
	id = name = NULL;
	return 0;
}

uint64_t wb_available_memory(const struct wb_files *files)
{
	WB_CLEAN_BLOB b = {};
	const char *line;

	if (files->read(files->ctx, "/proc/meminfo", 1 << 20, &b, NULL) < 0)
		return UINT64_MAX;
	line = strstr((char *)b.data, "MemAvailable:");
	return line ? strtoull(line + strlen("MemAvailable:"), NULL, 10) << 10 : UINT64_MAX;
}

int wb_machine_read(const struct wb_files *files, struct wb_machine *ret, struct wb_error *err)
{
	WB_CLEAN_MACHINE m = {.arch = wb_arch_of(files)};
	WB_CLEAN_STR release = wb_running_release(files);
	int r;

	if (release)
		snprintf(m.release, sizeof(m.release), "%s", release);
	if (!m.arch->read)
		return wb_fail(err, -ENOENT,
			"how a kernel for %s tells of its memory is not known yet", m.arch->name);
	/* Its new home in sysfs, and the old one. */
	m.elfcorehdr_size = wb_read_number(files, "/sys/kernel/kexec/crash_elfcorehdr_size");
	if (!m.elfcorehdr_size)
		m.elfcorehdr_size = wb_read_number(files, "/sys/kernel/crash_elfcorehdr_size");
	r = m.arch->read(files, &m, err);
	if (r == 0)
		r = reclaim_store(files, &m, err);
	if (r == 0)
		r = reclaim_span(files, &m, err);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct wb_machine){};
	return 0;
}
