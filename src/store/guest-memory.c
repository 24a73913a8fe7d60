// SPDX-License-Identifier: LGPL-2.1-or-later
/* The file system for the memory of guests: ext4 on the block device of the region (Documentation/filesystems/dax.rst). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/arch.h"
#include "core/mountinfo.h"
#include "core/text.h"
#include "store/guest-memory.h"
#include "store/impl.h"
#include "sys/clock.h"
#include "sys/handoff.h"

/* The driver makes the device a moment after it is loaded; its node comes later. */
#define PATIENCE_MS 60000
#define MKFS_MS 120000
/* Documentation/filesystems/ext4/super.rst */
#define SUPERBLOCK 1024
#define EXT4_MAGIC_AT (SUPERBLOCK + 0x38)
#define EXT4_UUID_AT (SUPERBLOCK + 0x68)

struct wb_vm_memory wb_vm_memory_look(const struct wb_files *files)
{
	struct wb_vm_memory now = {};
	WB_CLEAN_MOUNTS mounts = {};
	const struct wb_mount *m;

	if (wb_mounts_read(files, "/proc/self/mountinfo", &mounts, NULL) < 0)
		return now;
	m = wb_mounts_at(&mounts, WB_VM_MEMORY);
	now.mounted = m && !strcmp(m->point, WB_VM_MEMORY);
	now.dax = now.mounted && !strcmp(m->fstype, "ext4");
	return now;
}

int wb_vm_memory_check(
	const struct wb_files *files, uint64_t start, uint64_t size, struct wb_error *err)
{
	struct wb_store_region region;

	if (!start || wb_store_region_read(files, WB_REGION_VM, &region, NULL) < 0 ||
		region.start != start || region.size != size ||
		!wb_store_region_in_force(files, &region))
		return wb_fail(err, -EOPNOTSUPP,
			"the next kernel does not set its file system's memory aside: it is not "
			"the region that \"warmboot store reserve SIZE --for=vm\" chose");
	return 0;
}

/* ---- the device ---- */

static int find_device(const struct wb_store_env *env, const struct wb_runner *runner,
	const struct wb_store_region *region, char ret[64], struct wb_error *err)
{
	const char *const load[] = {"modprobe", "-a", "nd_pmem", wb_store_pmem_module(env), NULL};
	const struct timespec moment = {.tv_nsec = 20000000};
	int64_t end = wb_now_ms() + PATIENCE_MS;
	WB_CLEAN_BLOB done = {};
	int r = wb_run(runner, load, (struct wb_bytes){}, NULL, err);

	if (r < 0)
		return r;
	/* The kernel lets a read of it wait until all devices are there. */
	env->sys->files->read(
		env->sys->files->ctx, "/sys/bus/nd/devices/ndbus0/wait_probe", 4096, &done, NULL);
	while (!wb_store_pmem_device(env->sys->files, region->start, region->size, ret)) {
		if (wb_now_ms() > end)
			return wb_fail(err, -ENODEV,
				"no /dev/pmem is the region at %#" PRIx64
				": its driver has not taken it",
				region->start);
		nanosleep(&moment, NULL);
	}
	return 0;
}

/* ---- the file system ---- */

/* Is it the file system that warmboot has made? Only by the UUID, which nobody else can have put there. */
static bool is_ours(const struct wb_store_env *env, const struct wb_store_region *region)
{
	static const uint8_t magic[] = {0x53, 0xef};
	const struct wb_files *files = env->sys->files;
	uint8_t block[WB_STORE_BLOCK];
	WB_CLEAN_BLOB known = {};
	char uuid[WB_UUID_TEXT];

	if (files->read(files->ctx, WB_VM_MEMORY_ID, 4096, &known, NULL) < 0 ||
		wb_store_peek(env, region->start, block, sizeof(block)) < 0 ||
		memcmp(block + EXT4_MAGIC_AT, magic, sizeof(magic)) != 0)
		return false;
	wb_uuid_write(block + EXT4_UUID_AT, uuid);
	return known.size >= WB_UUID_TEXT - 1 && !memcmp(known.data, uuid, WB_UUID_TEXT - 1);
}

/*
 * Did this boot begin without a moment in which memory had no power, or the firmware wrote to it? A kernel that warmboot has placed
 * itself has a handoff block; one by kexec_file_load(2) knows who loaded it.
 */
static bool is_memory_whole(const struct wb_files *files)
{
	const struct wb_arch *arch = wb_arch_of(files);
	struct wb_handoff h;

	return wb_handoff_read(files, &h) || (arch->by_kexec && arch->by_kexec(files) > 0);
}

/* Extents on borders of 2 MiB, so that the kernel can map huge pages. Few files; the journal is as small as can be. */
static int make(const struct wb_store_env *env, const struct wb_runner *runner, const char *device,
	struct wb_error *err)
{
	const struct wb_sys *sys = env->sys;
	uint8_t id[16];
	char uuid[WB_UUID_TEXT];
	const char *const mkfs[] = {"mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-N", "1024",
		"-J", "size=4", "-L", "warmboot-vm", "-U", uuid, "-E",
		"nodiscard,stride=512,stripe_width=512", device, NULL};
	int r = sys->random(sys->ctx, id, sizeof(id));

	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	wb_uuid_write(id, uuid);
	r = sys->remove_file(sys->ctx, WB_VM_MEMORY_ID);
	if (r == 0)
		r = wb_run_for(runner, mkfs, MKFS_MS, NULL, err);
	if (r < 0)
		return wb_fail_in(err, r, "no file system for guests can be made: ");
	r = sys->write_file(sys->ctx, WB_VM_MEMORY_ID, wb_text(uuid), 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", WB_VM_MEMORY_ID, strerror(-r)) : 0;
}

/* QEMU's own users are in this group, as for /dev/hugepages (dev-hugepages.mount). */
static int let_in(const struct wb_runner *runner, struct wb_error *err)
{
	static const char *const nobody[] = {"chmod", "0700", WB_VM_MEMORY, NULL};
	static const char *const group[] = {"chgrp", "kvm", WB_VM_MEMORY, NULL};
	static const char *const members[] = {"chmod", "1770", WB_VM_MEMORY, NULL};
	int r = wb_run(runner, nobody, (struct wb_bytes){}, NULL, err);

	if (r == 0 && wb_run(runner, group, (struct wb_bytes){}, NULL, NULL) == 0)
		r = wb_run(runner, members, (struct wb_bytes){}, NULL, err);
	return r;
}

#define FLAGS "nosuid,nodev,noexec"

static int mount_dax(const struct wb_runner *runner, const char *device, struct wb_error *err)
{
	const char *const mount[] = {"mount", "-t", "ext4", "-o", FLAGS ",noatime,dax=always",
		device, WB_VM_MEMORY, NULL};

	return wb_run(runner, mount, (struct wb_bytes){}, NULL, err);
}

static int mount_region(const struct wb_store_env *env, const struct wb_runner *runner,
	const struct wb_store_region *region, struct wb_error *err)
{
	char device[64];
	int r = find_device(env, runner, region, device, err);

	if (r < 0)
		return r;
	if (is_memory_whole(env->sys->files) && is_ours(env, region) &&
		mount_dax(runner, device, NULL) == 0)
		return 0;
	r = make(env, runner, device, err);
	if (r == 0)
		r = mount_dax(runner, device, err);
	return r == 0 ? let_in(runner, err) : r;
}

static int mount_ordinary(
	const struct wb_runner *runner, const struct wb_store_region *region, struct wb_error *err)
{
	char options[96];
	const char *const mount[] = {
		"mount", "-t", "tmpfs", "-o", options, "warmboot-vm", WB_VM_MEMORY, NULL};
	int r;

	snprintf(options, sizeof(options), FLAGS ",mode=0700,size=%" PRIu64, region->size);
	r = wb_run(runner, mount, (struct wb_bytes){}, NULL, err);
	return r == 0 ? let_in(runner, err) : r;
}

int wb_vm_memory_mount(const struct wb_store_env *env, const struct wb_runner *runner,
	struct wb_vm_memory *ret, struct wb_error *ret_why, struct wb_error *err)
{
	const struct wb_sys *sys = env->sys;
	struct wb_store_region region;
	struct wb_error why = {};
	int r = wb_store_region_read(sys->files, WB_REGION_VM, &region, err);

	*ret = wb_vm_memory_look(sys->files);
	if (r < 0 || ret->mounted)
		return r;
	r = sys->make_dir(sys->ctx, WB_VM_MEMORY, 0700);
	if (r < 0)
		return wb_fail(err, r, "cannot make %s: %s", WB_VM_MEMORY, strerror(-r));
	if (wb_store_region_in_force(sys->files, &region))
		ret->dax = mount_region(env, runner, &region, &why) == 0;
	else
		wb_fail(&why, -EAGAIN,
			"the running kernel's command line does not set the region aside");
	ret->mounted = ret->dax;
	if (!ret->dax) {
		*ret_why = why;
		r = mount_ordinary(runner, &region, err);
		ret->mounted = r == 0;
	}
	return r;
}
