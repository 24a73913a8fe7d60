// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot store reserve, and the part of the boot that mounts the region for guests. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cmd/load.h"
#include "cmd/store.h"
#include "core/text.h"
#include "store/guest-memory.h"
#include "sys/runner.h"

/* ---- status ---- */

static const char *const labels[] = {
	[WB_REGION_STORE] = "region:",
	[WB_REGION_VM] = "guests' region:",
};

static bool is_wanted(const struct wb_files *files, const struct wb_store_region *region)
{
	struct wb_store_region one;

	for (enum wb_region_use use = 0; use < WB_REGION_USES; use++)
		if (wb_store_region_read(files, use, &one, NULL) == 0 &&
			one.start == region->start && one.size == region->size)
			return true;
	return false;
}

/* A region of the running kernel that no later one will have. Nothing says whose it was, so one line tells of it. */
static bool given_back(
	const struct wb_files *files, enum wb_region_use use, struct wb_store_region *ret)
{
	if (use == WB_REGION_VM && wb_store_region_read(files, WB_REGION_STORE, ret, NULL) < 0)
		return false;
	for (size_t i = 0; wb_store_region_running(files, i, ret); i++)
		if (!is_wanted(files, ret))
			return true;
	return false;
}

/* Guests have the rest of it. */
static void print_memory(const struct wb_files *files)
{
	struct wb_vm_memory now = wb_vm_memory_look(files);
	struct statvfs fs;

	if (!now.mounted || statvfs(WB_VM_MEMORY, &fs) < 0)
		return;
	printf("%-16s%s, %.1f of %.1f MiB are free%s\n", "", WB_VM_MEMORY,
		fs.f_bavail * (double)fs.f_frsize / 1048576.0,
		fs.f_blocks * (double)fs.f_frsize / 1048576.0,
		now.dax ? ""
			: "; it is ordinary memory in this boot, which goes through the store");
}

void cmd_region_print(const struct wb_files *files, enum wb_region_use use)
{
	struct wb_store_region region;
	struct wb_error err = {};

	if (wb_store_region_read(files, use, &region, &err) == 0)
		printf("%-16s%" PRIu64 " MiB at %#" PRIx64 ", %s\n", labels[use], region.size >> 20,
			region.start,
			wb_store_region_in_force(files, &region) ? "in force"
								 : "from the next jump on");
	else if (err.code == -ENOENT && given_back(files, use, &region))
		printf("%-16s%" PRIu64 " MiB at %#" PRIx64 ", given back at the next jump\n",
			labels[use], region.size >> 20, region.start);
	else if (err.code != -ENOENT || use == WB_REGION_STORE)
		printf("%-16s%s\n", labels[use], err.code == -ENOENT ? "none" : err.text);
	if (use == WB_REGION_VM)
		print_memory(files);
}

static json_t *memory_json(const struct wb_files *files)
{
	struct wb_vm_memory now = wb_vm_memory_look(files);
	struct statvfs fs;

	if (!now.mounted || statvfs(WB_VM_MEMORY, &fs) < 0)
		return json_null();
	return json_pack("{s:s, s:b, s:I, s:I}", "path", WB_VM_MEMORY, "dax", now.dax, "size",
		(json_int_t)(fs.f_blocks * fs.f_frsize), "free",
		(json_int_t)(fs.f_bavail * fs.f_frsize));
}

json_t *cmd_region_json(const struct wb_files *files, enum wb_region_use use)
{
	struct wb_store_region region;
	json_t *json;

	if (wb_store_region_read(files, use, &region, NULL) < 0)
		return json_null();
	json = json_pack("{s:I, s:I, s:b}", "start", (json_int_t)region.start, "size",
		(json_int_t)region.size, "in_force", wb_store_region_in_force(files, &region));
	if (json && use == WB_REGION_VM)
		json_object_set_new(json, "memory", memory_json(files));
	return json;
}

/* ---- reserve ---- */

/* "512M", "2G", bytes. */
static bool read_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMG";
	char *end;
	const char *unit;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno)
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - units + 1);

		if (v > INT64_MAX >> shift)
			return false;
		v <<= shift;
		end++;
	}
	*ret = v;
	return !*end;
}

/* Less than this was most likely meant in another unit; a file system needs more than a store. */
static uint64_t least(enum wb_region_use use)
{
	return use == WB_REGION_VM ? 32 << 20 : 1 << 20;
}

static int reserve(enum wb_region_use use, const char *text, struct wb_error *err)
{
	uint64_t size;

	if (!read_size(text, &size))
		return wb_fail(
			err, -EINVAL, "\"%s\" is no size: write 512M, 2G, or 0 for none", text);
	if (size && size < least(use))
		return wb_fail(err, -EINVAL,
			"\"%s\" are %" PRIu64 " bytes, less than a %s needs: write 512M or 2G",
			text, size, use == WB_REGION_VM ? "guest" : "store");
	return wb_store_region_reserve(wb_sys_real(), use, size, err);
}

static void say_reserved(enum wb_region_use use, const struct wb_store_region *region)
{
	const struct wb_files *files = wb_sys_real()->files;
	char word[WB_ARCH_WORD];

	wb_store_region_word(files, region, word);
	if (wb_store_region_in_force(files, region))
		printf("The region is in force (%s).\n", word);
	else
		printf("Every kernel that warmboot loads from now on is told to set a region aside "
		       "(%s).\nIt is there after the next jump.\n",
			word);
	if (use == WB_REGION_VM)
		puts("A boot through the firmware has it only with the same word in the boot "
		     "loader's command line.");
}

int cmd_region_reserve(const struct cmd_args *args, enum wb_region_use use)
{
	struct wb_store_region region;
	struct wb_error err = {};
	int r = reserve(use, args->words[1], &err);

	if (r == -EINVAL)
		return cmd_misused(args, &err);
	if (r < 0)
		return cmd_fail(args, &err);
	if (wb_store_region_read(wb_sys_real()->files, use, &region, NULL) < 0)
		puts("No region will be set aside from the next jump on.");
	else
		say_reserved(use, &region);
	return CMD_DONE;
}

/* ---- mount: for warmboot-vm-memory.service ---- */

int cmd_region_mount(const struct cmd_args *args)
{
	struct wb_error why = {}, err = {};
	struct wb_vm_memory now;

	if (wb_vm_memory_mount(wb_store_env_real(), &wb_runner_host, &now, &why, &err) < 0)
		return cmd_fail(args, &err);
	if (!now.dax && why.code)
		printf("Guests have ordinary memory in " WB_VM_MEMORY " in this boot: %s\n",
			why.text);
	/* The region should be there, and is not. */
	return now.dax || why.code == -EAGAIN || !why.code ? CMD_DONE : cmd_fail(args, &why);
}
