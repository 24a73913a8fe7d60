/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions and orders to a running QEMU: the facts about its guest, its state in a file without its memory (the mode
 * cpr-reboot, and x-ignore-shared), and a guest from such a state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/strv.h"
#include "qemu/qmp.h"

struct wb_qemu_guest {
	char *machine;    /* the machine type with its version, "pc-q35-10.0" */
	char *status;     /* of query-status: "running", "paused", … */
	bool running;     /* its CPUs run */
	uint64_t memory;  /* bytes */
	uint64_t others;  /* bytes of memory objects besides the guest's memory, */
	uint64_t plugged; /* those of memory devices among them */
	bool has_backend; /* the memory object that was asked for is there, */
	bool share;       /* and shared */
	bool kvm;
	bool nested; /* with KVM: it can run guests of its own */
	/* QEMU's reasons why it cannot be saved. */
	struct wb_strv blocked;
};

void wb_qemu_guest_deinit(struct wb_qemu_guest *guest);
#define WB_CLEAN_QEMU_GUEST __attribute__((cleanup(wb_qemu_guest_deinit))) struct wb_qemu_guest

/* `backend`: id of the object that is its memory; NULL: none. */
int wb_qemu_ask(
	struct wb_qmp *q, const char *backend, struct wb_qemu_guest *ret, struct wb_error *err);

/* Its state is not larger than this. */
#define WB_QEMU_STATE_MOST (1u << 30)

/*
 * Stop the guest and write its state. *ret_state is a memfd with *ret_bytes of it. On failure the guest runs as
 * before, if QEMU answers. Afterwards wb_qemu_go_on() lets it run again.
 */
int wb_qemu_save(struct wb_qmp *q, bool was_running, unsigned seconds, int *ret_state,
	uint64_t *ret_bytes, struct wb_error *err);
/* Let a guest run, whose state was saved or that waits. */
int wb_qemu_go_on(struct wb_qmp *q, struct wb_error *err);
/* End QEMU. The guest was saved, so its disks are closed. Returns before it has ended. */
int wb_qemu_quit(struct wb_qmp *q, struct wb_error *err);
/*
 * A QEMU that was started with "-incoming defer" takes the state in `state`, a memfd, and runs if `run`. On failure
 * it has to be ended.
 */
int wb_qemu_take(struct wb_qmp *q, int state, bool run, unsigned seconds, struct wb_error *err);
/*
 * Tell the network where the guest is, several times within seconds: a bridge or switch may not yet pass on what QEMU says
 * by itself when it has taken the state.
 */
int wb_qemu_announce(struct wb_qmp *q, struct wb_error *err);
