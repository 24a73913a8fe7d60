/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one client of libvirt, through its program virsh, as root: what it tells of a domain, the save of a domain and
 * its return. Only domains of the machine's own libvirt (qemu:///system) are known here.
 *
 * libvirt saves a domain into a file, and comes back to its beginning: the header is written once more when all else
 * is complete (qemuSaveImageCreate() in libvirt's src/qemu/qemu_saveimage.c). The path may lead to a FIFO, both times
 * and for reading, too. So nothing of a guest's memory lies in a file: a FIFO leads to the caller and from it.
 *
 * A domain is called by its UUID, which is no option and no number for virsh. A guest can shape nothing of this but the
 * bytes of its memory.
 */
#pragma once

#include "core/bytes.h"
#include "core/room.h"
#include "core/strv.h"
#include "sys/runner.h"

#define WB_VIRSH "/usr/bin/virsh"
/* Where the FIFOs are, for root only. */
#define WB_DOMAIN_DIR "/run/warmboot/domains"
/* Where libvirt looks for the saved image of a domain that it starts: NAME.save (virsh managedsave). */
#define WB_DOMAIN_SAVED "/var/lib/libvirt/qemu/save"

struct wb_domain {
	char *name, *uuid;
	char *state; /* libvirt's word: "running", "paused", "shut off", … */
	bool active; /* it has a QEMU */
	bool persistent;
	bool saved;     /* libvirt has a saved image of it already */
	bool agent;     /* it has the channel of a guest agent */
	int64_t memory; /* bytes that it may have at most */
	/* Sentences without their full stop: why libvirt would not save it. */
	struct wb_strv hindrances;
};

void wb_domain_deinit(struct wb_domain *d);
#define WB_CLEAN_DOMAIN __attribute__((cleanup(wb_domain_deinit))) struct wb_domain

/* ---- what virsh says; pure ---- */

/* The UUID of this name in "virsh list --uuid --name", to be freed. NULL: it is not there, or out of memory. */
char *wb_domain_uuid_of(const char *list, const char *name);
/* Read the answer of "virsh dominfo": all but name, UUID and devices. -EBADMSG with a sentence; -ENOMEM. */
int wb_domain_parse(const char *info, struct wb_domain *ret, struct wb_error *err);
/* Add what "virsh dumpxml" shows: devices that cannot be saved, and the agent. -ENOMEM. */
int wb_domain_add_devices(const char *xml, struct wb_domain *ret);

/* ---- questions and commands ---- */

/*
 * Ask about a domain by its name. -ENOENT with a sentence: libvirt is not installed, or has no such domain; -EIO
 * with virsh's own words.
 */
int wb_domain_find(const struct wb_runner *runner, const char *name, struct wb_domain *ret,
	struct wb_error *err);
/* Start a domain; if a saved image of it lies in WB_DOMAIN_SAVED, libvirt restores it from there. -EIO. */
int wb_domain_start(const struct wb_runner *runner, const char *uuid, struct wb_error *err);
/* Make a domain of a saved image. -EIO. */
int wb_domain_restore(const struct wb_runner *runner, const char *path, struct wb_error *err);
/* Let its guest agent set its wall clock. Some seconds at most. -EIO. */
int wb_domain_set_time(const struct wb_runner *runner, const char *uuid, struct wb_error *err);

/* ---- the save ---- */

/* A domain that stands still, whose image is complete but for libvirt's last word. */
struct wb_domain_saving;

/*
 * Let libvirt save a domain into a FIFO at `path`. It stands still from now on. When this returns, all of the image
 * is in the room, and libvirt waits: the domain is still there. wb_domain_save_commit() or wb_domain_save_cancel()
 * must follow; if this process dies instead, libvirt lets the domain go on. On failure it goes on, too. -EIO with
 * libvirt's reason; errors of the room, whose first piece must have at least the header's 92 bytes.
 */
int wb_domain_save(const struct wb_runner *runner, const char *uuid, const char *path,
	const struct wb_room *room, struct wb_domain_saving **ret, uint64_t *ret_bytes,
	struct wb_error *err);
/* Let libvirt end it. Frees. On failure the domain goes on; -EIO with the reason. */
int wb_domain_save_commit(struct wb_domain_saving *saving, struct wb_error *err);
/* Let it go on, and wait until libvirt says so. Frees. NULL-safe. */
void wb_domain_save_cancel(struct wb_domain_saving *saving);

/* ---- the return ---- */

/* An image in pieces, which can be read again from its beginning. */
struct wb_domain_source {
	void *ctx;
	/* Begin again. */
	void (*rewind)(void *ctx);
	/* The next piece, borrowed; false after the last. */
	bool (*next)(void *ctx, struct wb_bytes *ret);
};

/*
 * Give the image to whoever opens the FIFO at `path` (libvirt opens it once for the header alone), until over(), which
 * is asked every few milliseconds. 1: all of it was taken at least once; 0: it was not.
 */
int wb_domain_feed(const char *path, const struct wb_domain_source *source, bool (*over)(void *ctx),
	void *ctx, struct wb_error *err);
/* Make the FIFO that wb_domain_feed() serves, and the directories above it. */
int wb_domain_make_fifo(const char *path, struct wb_error *err);
/* Remove it. A reader that waits for it reads nothing. */
void wb_domain_remove_fifo(const char *path);
/* wb_domain_restore() from such a FIFO, with the image in it: for a domain of this boot. */
int wb_domain_bring_back(const struct wb_runner *runner, const char *path,
	const struct wb_domain_source *source, struct wb_error *err);
