// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests of QEMU whose memory cannot stay in place: the stream of an ordinary migration goes into the store, read from
 * QEMU's socket into the store's memory itself, and out of it into the socket of the QEMU of the next boot.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/text.h"
#include "keep/ahead.h"
#include "keep/judge-vm.h"
#include "keep/object.h"
#include "keep/vm-store.h"
#include "qemu/guest.h"
#include "qemu/pages.h"
#include "qemu/stream.h"
#include "sys/below.h"
#include "sys/clock.h"

#define ANSWER_MS 10000
/* A guest that writes faster than it is copied is stopped after this time, or after an eighth more than its memory. */
#define PATIENCE_MS 5000
#define PATIENCE_PART 8

/* ---- into the store ---- */

static const char too_much[] = "QEMU writes much more than the guest's memory";

/* As much as was set aside for it (session/keeping-prepare.c). */
static uint64_t share_of(const struct wb_vm_image *image, bool ahead)
{
	uint64_t bytes = wb_vm_store_bytes((uint64_t)image->size);

	return bytes + (ahead ? bytes / WB_AHEAD_CHANGES : 0);
}

static int64_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (int64_t)st.st_ino : 0;
}

static int read_ahead(struct wb_qmp *q, struct wb_manifest_unit *u, const struct wb_vm_image *image,
	struct wb_store *store, uint64_t *ret_bytes, struct wb_error *err)
{
	struct wb_keep_object o = {share_of(image, true), too_much};
	const struct wb_room room = wb_keep_object_room(&o);
	WB_CLEAN_FD peer = -1;
	int r = wb_keep_object_begin(&o, u, WB_VM_AHEAD, store, err);

	if (r < 0)
		return r;
	r = wb_qemu_stream_begin(q, &peer, err);
	if (r == 0)
		r = wb_qemu_stream_ahead(q, peer, &room, ret_bytes, err);
	r = wb_keep_object_end(&o, r, err);
	if (r < 0)
		wb_qemu_stream_end(q, peer, NULL);
	else
		u->ahead_peer = inode_of(peer);
	return r;
}

int wb_vm_store_ahead(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_QMP q = NULL;
	uint64_t bytes = 0;
	int r = wb_vm_image_read(u->image, &image, err);

	if (r == 0 && !image.stored)
		r = wb_fail(err, -EOPNOTSUPP, "its memory stays where it is");
	if (r == 0)
		r = wb_qmp_open((pid_t)u->main_pid, image.qmp, ANSWER_MS, &q, err);
	if (r == 0)
		r = read_ahead(q, u, &image, store, &bytes, err);
	if (r < 0)
		return r;
	u->ahead_pid = u->main_pid;
	u->ahead_bytes = (int64_t)bytes;
	return 0;
}

/* ---- the rest ---- */

static int write_rest(struct wb_qmp *q, struct wb_manifest_unit *u, const struct wb_vm_image *image,
	struct wb_store *store, const struct wb_qemu_patience *patience,
	struct wb_qemu_streamed *ret, struct wb_error *err)
{
	uint64_t share = share_of(image, u->ahead_pid), ahead = u->ahead_pid ? u->ahead_bytes : 0;
	struct wb_keep_object o = {share > ahead ? share - ahead : 0, too_much};
	const struct wb_room room = wb_keep_object_room(&o);
	WB_CLEAN_FD peer = -1;
	int r = wb_keep_object_begin(&o, u, WB_VM_REST, store, err);

	if (r < 0)
		return r;
	if (u->ahead_pid)
		r = wb_qemu_stream_find((pid_t)u->main_pid, u->ahead_peer, &peer, err);
	else
		r = wb_qemu_stream_begin(q, &peer, err);
	if (r == 0)
		r = wb_qemu_stream_finish(q, peer, &room, patience, ret, err);
	r = wb_keep_object_end(&o, r, err);
	if (r < 0)
		wb_qemu_stream_end(q, peer, NULL);
	return r;
}

static int write_all(struct wb_qmp *q, struct wb_manifest_unit *u, const struct wb_vm_image *image,
	struct wb_store *store, struct wb_qemu_streamed *ret, struct wb_error *err)
{
	uint64_t size = (uint64_t)image->size;
	struct wb_qemu_patience patience = {PATIENCE_MS, size + size / PATIENCE_PART, size};
	struct wb_error why = {};
	int r;

	if (u->ahead_pid && (uint64_t)u->ahead_bytes < patience.bytes)
		patience.bytes -= (uint64_t)u->ahead_bytes;
	r = write_rest(q, u, image, store, &patience, ret, &why);
	/* Once more from its beginning, and each page once: then it has room, and the guest stands still. */
	if (r == -ENOSPC && !u->ahead_pid) {
		patience = (struct wb_qemu_patience){.memory = size};
		wb_text_replace(&u->ahead_why, "it writes too much while it is copied");
		return write_rest(q, u, image, store, &patience, ret, err);
	}
	if (r < 0 && err)
		*err = why;
	/* Of a small guest nothing was copied ahead, and so the rest is small, too. */
	if (r == 0 && ret->hurried && u->ahead_pid)
		wb_text_replace(&u->ahead_why,
			"it writes faster than it is copied, and was stopped for the rest");
	return r;
}

/* It ran on for most of the time since it was its turn. */
static void note_pause(const struct wb_way_host *host, const struct wb_rate *since,
	int64_t pause_ms, struct wb_manifest_unit *u)
{
	uint64_t hz = wb_rate_hz(host->sys, since);
	int64_t at = (int64_t)host->sys->tsc(host->sys->ctx) - (int64_t)(hz / 1000) * pause_ms;

	if (hz && at > u->frozen_tsc)
		u->frozen_tsc = at;
}

int wb_vm_store_save(const struct wb_way_host *host, struct wb_qmp *q, struct wb_manifest_unit *u,
	struct wb_vm_image *image, struct wb_store *store, struct wb_vm_saved *ret,
	struct wb_error *err)
{
	WB_CLEAN_QEMU_GUEST now = {};
	struct wb_qemu_streamed done = {};
	struct wb_rate since;
	int r = wb_qemu_ask(q, NULL, &now, err);

	if (r < 0)
		return r;
	wb_rate_begin(host->sys, &since);
	image->running = now.running;
	r = write_all(q, u, image, store, &done, err);
	if (r == 0 && wb_manifest_set_image(u, wb_vm_image_write(image)) < 0)
		r = wb_oom(err);
	if (r < 0) {
		if (image->running)
			wb_qemu_go_on(q, NULL);
		return r;
	}
	note_pause(host, &since, done.pause_ms, u);
	u->dump_bytes = (int64_t)done.bytes;
	*ret = (struct wb_vm_saved){done.bytes, done.pause_ms};
	return 0;
}

/* ---- the next boot ---- */

/* All guests of the jump at once, since each of them may be prepared at any moment. */
int wb_vm_store_prepare(
	const struct wb_thaw *t, const struct wb_runner *runner, struct wb_error *err)
{
	wb_vm_huge all = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->manifest->units.n; i++) {
		const struct wb_manifest_unit *u = &t->manifest->units.items[i];
		WB_CLEAN_VM_IMAGE image = {};

		if (u->how != WB_KEEP_VM)
			continue;
		r = wb_vm_image_read(u->image, &image, err);
		if (r == 0 && image.stored && wb_guest_huge_add(&image.huge, &all) < 0)
			r = wb_oom(err);
	}
	if (r == 0)
		r = wb_guest_huge_provide(t->sys->files, runner, &all, err);
	free(all.items);
	return r;
}

/* The objects one after the other; the checksums of all are right before a byte is handed out. */
struct stream {
	struct wb_store_reader parts[2];
	size_t n, at;
};

static bool stream_next(void *ctx, struct wb_bytes *ret)
{
	struct stream *s = ctx;

	for (; s->at < s->n; s->at++)
		if (wb_store_next(&s->parts[s->at], ret))
			return true;
	return false;
}

static int stream_add(const struct wb_thaw *t, const char *name, struct wb_store *store,
	struct stream *s, struct wb_error *err)
{
	WB_CLEAN_STR full = wb_strf("%s%s", t->unit->images, name);

	return full ? wb_store_get(store, full, &s->parts[s->n++], err) : wb_oom(err);
}

int wb_vm_store_take(const struct wb_thaw *t, struct wb_store *store, struct wb_qmp *q,
	const struct wb_vm_image *image, struct wb_error *err)
{
	struct stream s = {};
	const struct wb_qemu_pieces pieces = {&s, stream_next};
	int r = t->unit->ahead_pid ? stream_add(t, WB_VM_AHEAD, store, &s, err) : 0;

	if (r == 0)
		r = stream_add(t, WB_VM_REST, store, &s, err);
	return r == 0 ? wb_qemu_stream_take(q, &pieces, image->running, err) : r;
}
