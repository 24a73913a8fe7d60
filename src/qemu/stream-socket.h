/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ends of a stream: for the files of src/qemu only. */
#pragma once

#include "qemu/stream.h"

/* The names by which QEMU knows its own end, and its copy of the other one. */
#define WB_QEMU_SOCKET_OWN "warmboot-stream"
#define WB_QEMU_SOCKET_PEER "warmboot-peer"

int wb_qemu_socket_pair(int *ret_own, int *ret_peer, struct wb_error *err);
/* Give QEMU a descriptor by this name; an earlier one of that name is closed. The caller keeps its own copy. */
int wb_qemu_socket_give(struct wb_qmp *q, const char *name, int fd, struct wb_error *err);
/* Let QEMU close it. There may be none. */
void wb_qemu_socket_take_back(struct wb_qmp *q, const char *name);
/* Let more bytes be on their way from this end, where that is allowed: the two processes wait less for each other. */
void wb_qemu_socket_widen(int fd);
/* Read at most `most` bytes into the room. 0: the other end is closed; -ETIMEDOUT with a sentence, … */
ssize_t wb_qemu_socket_read(
	int fd, const struct wb_room *room, uint64_t most, int timeout_ms, struct wb_error *err);
/* Write all of it. */
int wb_qemu_socket_write(int fd, struct wb_bytes piece, int timeout_ms, struct wb_error *err);
