// SPDX-License-Identifier: LGPL-2.1-or-later
/* The guest in the next boot: its memory as a device, and its state for the QEMU that systemd has started again. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "keep/thaw-vm.h"
#include "keep/vm-store.h"
#include "qemu/agent.h"
#include "qemu/cpu.h"
#include "qemu/dax.h"
#include "qemu/guest.h"
#include "qemu/image.h"
#include "store/guest-memory.h"
#include "sys/below.h"
#include "sys/clock.h"
#include "sys/modules.h"
#include "systemd/spare.h"

#define ANSWER_MS 10000
#define TAKE_S 60
/* Until QEMU has begun to listen. */
#define BEGIN_MS 60000

/* The unit's user has to open it; the device is the guest's memory and nothing else. */
static int make_link(
	const struct wb_manifest_unit *u, uid_t uid, const char *device, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_vm_memory_path(u->unit);

	if (!path)
		return wb_oom(err);
	if (mkdir(WB_VM_DIR, 0755) < 0 && errno != EEXIST)
		return wb_fail(err, -errno, "cannot make " WB_VM_DIR ": %s", strerror(errno));
	if (unlink(path) < 0 && errno != ENOENT)
		return wb_fail(err, -errno, "cannot remove %s: %s", path, strerror(errno));
	if (symlink(device, path) < 0)
		return wb_fail(err, -errno, "cannot make %s: %s", path, strerror(errno));
	if (chown(device, uid, (gid_t)-1) < 0 || chmod(device, 0600) < 0)
		return wb_fail(
			err, -errno, "cannot give %s to its user: %s", device, strerror(errno));
	return 0;
}

/* Its file system is mounted by warmboot-vm-memory.service; elsewhere QEMU would make a new file. */
static int check_mount(const struct wb_thaw *t, struct wb_error *err)
{
	return wb_vm_memory_look(t->sys->files).dax
		       ? 0
		       : wb_fail(err, -ENODEV,
				 "the file system with its memory is not there: see \"systemctl "
				 "status warmboot-vm-memory\"");
}

int wb_vm_prepare(const struct wb_thaw *t, const struct wb_runner *runner, struct wb_error *err)
{
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_STR device = NULL;
	int r = wb_vm_image_read(t->unit->image, &image, err);

	if (r < 0)
		return r;
	wb_modules_load(t->sys->files, runner, &image.modules);
	if (image.stored)
		return wb_vm_store_prepare(t, runner, err);
	if (image.dax)
		return check_mount(t, err);
	r = wb_guest_dax_make(runner, &image.runs, (uint64_t)image.size, &device, err);
	if (r < 0)
		return r;
	r = make_link(t->unit, (uid_t)image.uid, device, err);
	if (r < 0)
		wb_guest_dax_forget(device, NULL);
	return r;
}

int wb_vm_forget(const struct wb_sys *sys, const char *unit, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_vm_memory_path(unit);
	char device[128];
	ssize_t n;
	int r;

	if (!path)
		return wb_oom(err);
	/* The freeze ends QEMU, too. systemd does not call this then; another program may. */
	if (sys->files->exists(sys->files->ctx, WB_SPARE_FROZEN))
		return 0;
	n = readlink(path, device, sizeof(device) - 1);
	if (n <= 0)
		return 0;
	device[n] = '\0';
	r = wb_guest_dax_forget(device, err);
	if (r == 0)
		unlink(path);
	return r;
}

static int to_file(struct wb_bytes state, int *ret, struct wb_error *err)
{
	WB_CLEAN_FD fd = memfd_create("warmboot-guest", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < state.size) {
		ssize_t n = write(fd, state.data + done, state.size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (fd < 0 || done < state.size || lseek(fd, 0, SEEK_SET) < 0)
		return wb_fail(err, -ENOSPC, "cannot write the guest's state into a file");
	*ret = fd;
	fd = -1;
	return 0;
}

static int read_state(const struct wb_thaw *t, const struct wb_vm_image *image,
	struct wb_store *store, int *ret, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" WB_VM_STATE, t->unit->images);
	WB_CLEAN_BLOB state = {};
	int r = name ? wb_store_read(store, name, WB_QEMU_STATE_MOST, &state, err) : wb_oom(err);

	if (r == 0)
		r = wb_vm_image_check_state(image, t->manifest->nonce, wb_blob_view(&state), err);
	return r == 0 ? to_file(wb_blob_view(&state), ret, err) : r;
}

static int64_t main_pid(const struct wb_thaw *t)
{
	const char *text = getenv("MAINPID");

	return text ? strtoll(text, NULL, 10) : 0;
}

static int open_until(pid_t pid, const char *path, struct wb_qmp **ret, struct wb_error *err)
{
	int64_t end = wb_now_ms() + BEGIN_MS;
	int r;

	/* systemd tells that the program runs, not that it listens. */
	while ((r = wb_qmp_open(pid, path, ANSWER_MS, ret, err)) < 0 && wb_now_ms() < end &&
		kill(pid, 0) == 0)
		usleep(20000);
	return r;
}

/* Is it the guest's memory, in its order? */
static int check_memory(
	const struct wb_thaw *t, pid_t pid, const struct wb_vm_image *image, struct wb_error *err)
{
	WB_CLEAN_GUEST_RAM ram = {};
	char sample[65];
	int r = wb_guest_ram_open(pid, (uint64_t)image->size, &ram, err);

	if (r == 0 && !(image->dax ? ram.dax : ram.device))
		r = wb_fail(err, -EBADMSG, "QEMU has other memory than the guest's");
	if (r == 0 && ram.dax)
		r = wb_vm_memory_check(t->sys->files, ram.region_start, ram.region_size, err);
	if (r == 0)
		r = wb_guest_ram_sample(&ram, sample, err);
	return r == 0 ? wb_vm_image_check_sample(image, sample, err) : r;
}

/* Is it the CPU with which the guest began? */
static int check_cpu(struct wb_qmp *q, const struct wb_vm_image *image, struct wb_error *err)
{
	WB_CLEAN_STRV now = {};
	int r = wb_qemu_cpu_ask(q, &now, err);

	return r == 0 ? wb_qemu_cpu_compare(&image->cpu, &now, err) : r;
}

/* The guest runs again, so nothing here makes the restore fail. */
static void tell_the_world(
	const struct wb_thaw *t, struct wb_qmp *q, pid_t pid, const struct wb_vm_image *image)
{
	WB_CLEAN_QEMU_ARGS args = {};
	struct wb_error why = {};
	int r = image->network ? wb_qemu_announce(q, &why) : 0;

	if (r == 0)
		r = wb_qemu_args_read(&image->argv, &args);
	if (r == 0)
		r = wb_guest_set_time(q, pid, &args, t->sys, &why);
	if (r < 0 && t->note)
		wb_fail(t->note, r, "%s goes on, but %s", wb_chosen_name(t->unit), why.text);
}

int wb_vm_thaw(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_QMP q = NULL;
	WB_CLEAN_FD state = -1;
	pid_t pid = (pid_t)main_pid(t);
	int r = wb_vm_image_read(t->unit->image, &image, err);

	if (r == 0 && pid < 2)
		r = wb_fail(err, -ESRCH, "systemd does not tell the process of QEMU");
	if (r == 0 && !image.stored)
		r = read_state(t, &image, store, &state, err);
	if (r == 0)
		r = open_until(pid, image.qmp, &q, err);
	if (r == 0)
		r = check_cpu(q, &image, err);
	if (r == 0 && !image.stored)
		r = check_memory(t, pid, &image, err);
	if (r == 0)
		r = image.stored ? wb_vm_store_take(t, store, q, &image, err)
				 : wb_qemu_take(q, state, image.running, TAKE_S, err);
	if (r == 0 && image.running)
		tell_the_world(t, q, pid, &image);
	return r;
}
