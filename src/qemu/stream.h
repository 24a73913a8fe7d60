/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest with all of its memory as a stream of bytes: that of an ordinary migration of QEMU through a socket. Most of it
 * is read while the guest runs. A reader that pauses holds QEMU up, and not the guest, so one process can begin and
 * another one go on.
 *
 * (mapped-ram, in which each page has its own place, needs a file that can be written to at any offset. The store's
 * memory is none, and a guest's process is not to have it.)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/bytes.h"
#include "core/room.h"
#include "qemu/qmp.h"

/* Below this much memory there is nothing to be read ahead: it stops so long before its end. */
#define WB_QEMU_AHEAD_LEAST (512ull << 20)

/*
 * Let QEMU begin. *ret_peer is the socket to read from; QEMU holds a copy of it, so it outlives this process. A stream
 * that an earlier process began is given up.
 */
int wb_qemu_stream_begin(struct wb_qmp *q, int *ret_peer, struct wb_error *err);
/* That socket in another process, by its inode. -ESTALE: the process has no such socket. */
int wb_qemu_stream_find(pid_t pid, int64_t inode, int *ret_peer, struct wb_error *err);
/*
 * Read most of the memory while the guest runs, and stop before QEMU could come to its end. On failure the caller
 * gives it up. *ret_bytes: what was read.
 */
int wb_qemu_stream_ahead(struct wb_qmp *q, int peer, const struct wb_room *room,
	uint64_t *ret_bytes, struct wb_error *err);

struct wb_qemu_patience {
	/* The guest is stopped, however much is left, so long after all of it was read once, */
	unsigned ms;
	uint64_t bytes; /* or after so many bytes */
	/* The guest's memory in bytes: a QEMU that sends it at less than 16 MiB in a second fails. */
	uint64_t memory;
};

struct wb_qemu_streamed {
	uint64_t bytes;
	int64_t pause_ms; /* so long the guest stands still already, by QEMU's account */
	bool hurried; /* it was stopped because patience had ended, or because it writes as much as is copied */
};

/*
 * Read to the end: QEMU stops the guest as soon as what is left takes no longer than a tenth of a second. Afterwards
 * wb_qemu_go_on() lets it run again. On failure the caller gives it up. If this process ends before that, the guest
 * goes on by itself.
 */
int wb_qemu_stream_finish(struct wb_qmp *q, int peer, const struct wb_room *room,
	const struct wb_qemu_patience *patience, struct wb_qemu_streamed *ret,
	struct wb_error *err);
/* Give it up: the guest goes on as before. `peer` negative: it is not known. 0 also if there is nothing to give up. */
int wb_qemu_stream_end(struct wb_qmp *q, int peer, struct wb_error *err);

/* Where the bytes come from. */
struct wb_qemu_pieces {
	void *ctx;
	bool (*next)(void *ctx, struct wb_bytes *ret); /* false: that was all */
};
/*
 * A QEMU that was started with "-incoming defer" takes the stream, and runs if `run`. On failure it has to be ended.
 */
int wb_qemu_stream_take(
	struct wb_qmp *q, const struct wb_qemu_pieces *pieces, bool run, struct wb_error *err);
