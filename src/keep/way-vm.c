// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeping a virtual machine of QEMU: its memory stays where it is, and the next kernel gets it as a DAX device; its state
 * without memory goes through the store. systemd starts QEMU again, and it takes both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/text.h"
#include "keep/judge-vm.h"
#include "keep/thaw-vm.h"
#include "keep/vm-store.h"
#include "keep/ways.h"
#include "qemu/cpu.h"
#include "qemu/guest.h"
#include "qemu/look.h"
#include "qemu/stream.h"
#include "store/guest-memory.h"
#include "sys/below.h"

#define ANSWER_MS 10000
#define SAVE_S 60
#define END_MS 15000

/* ---- the freeze ---- */

struct vm_frozen {
	struct wb_qmp *qmp;
	struct wb_guest_ram ram;
	int pidfd, state;
	uint64_t bytes;
	int64_t pause_ms; /* of one whose memory goes through the store: it ran before */
	bool running;
};

static void frozen_free(struct vm_frozen *f)
{
	wb_qmp_close(f->qmp);
	wb_guest_ram_close(&f->ram);
	if (f->pidfd >= 0)
		close(f->pidfd);
	if (f->state >= 0)
		close(f->state);
	free(f);
}

/* The next kernel leaves only that memory alone for which it was loaded. */
static int check_pieces(
	const struct wb_manifest *m, const wb_guest_runs *runs, struct wb_error *err)
{
	for (size_t i = 0; m && i < runs->n; i++) {
		const struct wb_guest_run *run = &runs->items[i];
		bool found = false;

		for (size_t k = 0; !found && k < m->guests.n; k++)
			found = run->start == m->guests.items[k].start &&
				run->size == m->guests.items[k].size;
		if (!found)
			return wb_fail(err, -ESTALE,
				"its memory has moved since the next kernel was loaded");
	}
	return 0;
}

/* Is it still the kind of memory for which the next kernel was loaded? It is looked at, not its path. */
static int check_file(const struct wb_way_host *host, const struct wb_vm_image *image,
	const struct wb_guest_ram *ram, struct wb_error *err)
{
	if (image->dax != ram->dax)
		return wb_fail(
			err, -ESTALE, "it has other memory than when the next kernel was loaded");
	return ram->dax ? wb_vm_memory_check(
				  host->sys->files, ram->region_start, ram->region_size, err)
			: 0;
}

/* The state into the store, and into the manifest to which it belongs: that of this jump. */
static int put_state(const struct vm_frozen *f, const struct wb_manifest_unit *u,
	struct wb_vm_image *image, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" WB_VM_STATE, u->images);
	const struct wb_store_info info = wb_store_info(store);
	struct wb_bytes state = {.size = f->bytes};
	char jump[2 * sizeof(info.nonce) + 1];
	void *map;
	int r;

	if (!name)
		return wb_oom(err);
	map = mmap(NULL, f->bytes, PROT_READ, MAP_PRIVATE, f->state, 0);
	if (map == MAP_FAILED)
		return wb_fail(err, -errno, "cannot map the guest's state: %s", strerror(errno));
	state.data = map;
	wb_hex_write(info.nonce, sizeof(info.nonce), jump);
	r = wb_vm_image_note_state(image, jump, state) < 0 ? wb_oom(err)
							   : wb_store_put(store, name, state, err);
	munmap(map, f->bytes);
	return r;
}

static int write_image(struct vm_frozen *f, struct wb_vm_image *image, struct wb_manifest_unit *u,
	struct wb_error *err)
{
	char sample[65];
	int r = wb_guest_ram_sample(&f->ram, sample, err);

	if (r < 0)
		return r;
	wb_text_replace(&image->sample, sample);
	image->running = f->running;
	return wb_manifest_set_image(u, wb_vm_image_write(image)) < 0 ? wb_oom(err) : 0;
}

static int ask_cpu(struct wb_qmp *q, struct wb_vm_image *image, struct wb_error *err)
{
	wb_strv_deinit(&image->cpu);
	return wb_qemu_cpu_ask(q, &image->cpu, err);
}

static int save(struct vm_frozen *f, const struct wb_way_host *host, struct wb_vm_image *image,
	struct wb_manifest_unit *u, struct wb_store *store, struct wb_error *err)
{
	struct wb_qemu_guest now = {};
	int r = wb_qemu_ask(f->qmp, NULL, &now, err);

	f->running = now.running;
	wb_qemu_guest_deinit(&now);
	if (r == 0)
		r = wb_guest_ram_open((pid_t)u->main_pid, (uint64_t)image->size, &f->ram, err);
	if (r == 0)
		r = check_file(host, image, &f->ram, err);
	if (r == 0)
		r = check_pieces(host->loaded, &f->ram.runs, err);
	if (r == 0)
		r = ask_cpu(f->qmp, image, err);
	if (r == 0)
		r = wb_qemu_save(f->qmp, f->running, SAVE_S, &f->state, &f->bytes, err);
	return r;
}

static int write_all(struct vm_frozen *f, struct wb_vm_image *image, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	int r = wb_guest_ram_check(&f->ram, err);

	if (r == 0 && store)
		r = put_state(f, u, image, store, err);
	if (r == 0)
		r = write_image(f, image, u, err);
	if (r == 0)
		u->dump_bytes = (int64_t)f->bytes;
	else if (f->running)
		wb_qemu_go_on(f->qmp, NULL);
	return r;
}

static int save_through_store(struct vm_frozen *f, const struct wb_way_host *host,
	struct wb_vm_image *image, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	struct wb_vm_saved saved = {};
	int r = ask_cpu(f->qmp, image, err);

	if (r == 0)
		r = wb_vm_store_save(host, f->qmp, u, image, store, &saved, err);
	f->running = image->running;
	f->bytes = saved.bytes;
	f->pause_ms = saved.pause_ms;
	return r;
}

static int save_in_place(struct vm_frozen *f, const struct wb_way_host *host,
	struct wb_vm_image *image, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	int r = save(f, host, image, u, store, err);

	return r == 0 ? write_all(f, image, u, store, err) : r;
}

/*
 * Is there room for all of a guest's memory that was not expected in the store? It has a fifth more than all units were
 * expected to need, of which this guest may take half.
 */
static bool has_room(struct wb_store *store, const struct wb_vm_image *image)
{
	const struct wb_store_info info = wb_store_info(store);
	uint64_t bytes = wb_vm_store_bytes((uint64_t)image->size);

	return bytes <= info.size / 10 && bytes <= info.size - info.used;
}

/* The guest runs still. If its memory is no longer what the next kernel was loaded for, it is copied. */
static int save_somehow(struct vm_frozen *f, const struct wb_way_host *host,
	struct wb_vm_image *image, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	struct wb_error why = {}, said = {};
	int r = save_in_place(f, host, image, u, store, &why);

	if ((r == -ESTALE || r == -EOPNOTSUPP) && store && has_room(store, image) &&
		wb_vm_move(image, why.text, &said) == 0) {
		wb_guest_ram_close(&f->ram);
		free(u->why);
		u->why = wb_plain_copy(said.text);
		return save_through_store(f, host, image, u, store, err);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

static int freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	WB_CLEAN_VM_IMAGE image = {};
	struct vm_frozen *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return wb_oom(err);
	f->state = -1;
	f->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)u->main_pid, 0);
	r = f->pidfd < 0 ? wb_fail(err, -ESRCH, "QEMU has ended")
			 : wb_vm_image_read(u->image, &image, err);
	if (r == 0)
		r = wb_qmp_open((pid_t)u->main_pid, image.qmp, ANSWER_MS, &f->qmp, err);
	if (r == 0)
		r = (image.stored ? save_through_store : save_somehow)(
			f, host, &image, u, store, err);
	if (r < 0) {
		frozen_free(f);
		return r;
	}
	*ret = (struct wb_frozen *)f;
	return 0;
}

/* Its memory keeps its place while QEMU ends; if not, the sample tells the next boot. */
static int commit(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	struct vm_frozen *f = (struct vm_frozen *)frozen;
	struct pollfd ended = {.fd = f->pidfd, .events = POLLIN};
	int r = wb_qemu_quit(f->qmp, err);

	/* A QEMU that does not end must not write to its disks any longer. */
	if (r < 0 || poll(&ended, 1, END_MS) <= 0) {
		syscall(SYS_pidfd_send_signal, f->pidfd, SIGKILL, NULL, 0);
		poll(&ended, 1, END_MS);
	}
	r = f->ram.map ? wb_guest_ram_check(&f->ram, err) : 0;
	if (r == 0 && f->ram.map)
		r = wb_guest_ram_settle(&f->ram, err);
	frozen_free(f);
	return r;
}

static int cancel(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	struct vm_frozen *f = (struct vm_frozen *)frozen;
	int r = f->running ? wb_qemu_go_on(f->qmp, err) : 0;

	frozen_free(f);
	return r;
}

static int rehearse(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err)
{
	uint64_t since = host->sys->mono_ns(host->sys->ctx);
	struct wb_frozen *frozen = NULL;
	int r = freeze(host, u, store, &frozen, err);

	if (r < 0)
		return r;
	*ret = (struct wb_rehearsed){.images = 1, .bytes = ((struct vm_frozen *)frozen)->bytes};
	ret->frozen_us = ((struct vm_frozen *)frozen)->pause_ms * 1000;
	r = cancel(host, frozen, err);
	if (!ret->frozen_us)
		ret->frozen_us = (int64_t)((host->sys->mono_ns(host->sys->ctx) - since) / 1000);
	return r;
}

/* QEMU waits after its state was written, and nobody would tell it to go on. A paused guest stays paused. */
static int wake(
	const struct wb_way_host *host, const struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_QEMU_GUEST now = {};
	WB_CLEAN_QMP q = NULL;
	int r = wb_vm_image_read(u->image, &image, err);

	if (r == 0)
		r = wb_qmp_open((pid_t)u->main_pid, image.qmp, ANSWER_MS, &q, err);
	/* One whose memory was to be read further. */
	if (r == 0 && image.stored)
		r = wb_qemu_stream_end(q, -1, err);
	if (r == 0)
		r = wb_qemu_ask(q, NULL, &now, err);
	if (r == 0 && image.running && !strcmp(now.status, "postmigrate"))
		r = wb_qemu_go_on(q, err);
	return r;
}

const struct wb_keep_means wb_way_vm = {
	.how = WB_KEEP_VM,
	.judge = wb_judge_vm,
	.record = wb_vm_to_manifest,
	.ahead = wb_vm_store_ahead,
	.rehearse = rehearse,
	.freeze = freeze,
	.commit = commit,
	.cancel = cancel,
	.wake = wake,
	.prepare = wb_vm_prepare,
	.thaw = wb_vm_thaw,
	.forget = wb_vm_forget,
};
