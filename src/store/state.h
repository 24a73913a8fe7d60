/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store of this boot for the next jump: a small JSON file that every process of warmboot reads.
 */
#pragma once

#include "core/error.h"
#include "core/files.h"
#include "core/list.h"
#include "sys/sys.h"

#define WB_STORE_STATE "/run/warmboot/store.json"
/* written by wb_store_park() */
#define WB_STORE_PARKED "/run/warmboot/store.table"

/* A part of a store, in the order of the store's own addresses. */
struct wb_store_piece {
	uint64_t off;   /* of the piece in the file `path` of struct wb_store_pieces */
	uint64_t start; /* physical address; 0 where there is none */
	uint64_t size;
};

struct wb_store_pieces {
	char *path; /* file to map: /proc/PID/fd/N, /dev/mem, /dev/pmemN, … */
	WB_LIST(struct wb_store_piece);
};

struct wb_store_state {
	char *backend;
	uint64_t bytes;
	uint8_t nonce[16];
	bool wanted; /* the store was asked for, and the holder has not answered yet */
	int pid;     /* the holder's process; 0: no process holds the store */
	struct wb_store_pieces pieces;
	char *error; /* the sentence with which the holder failed; NULL: it did not fail */
	int code;    /* the holder's negative errno; 0: it did not fail */
};

/* Append a piece, merging it with the last one if both offsets continue. -ENOMEM. */
int wb_store_pieces_add(struct wb_store_pieces *p, struct wb_store_piece piece);
void wb_store_pieces_deinit(struct wb_store_pieces *p);
uint64_t wb_store_pieces_size(const struct wb_store_pieces *p);

/* -ENOENT, -EBADMSG with a sentence that names the file, -EACCES, -ENOMEM. */
int wb_store_state_read(
	const struct wb_files *files, struct wb_store_state *ret, struct wb_error *err);
/* With mode 0600. */
int wb_store_state_write(
	const struct wb_sys *sys, const struct wb_store_state *state, struct wb_error *err);
void wb_store_state_deinit(struct wb_store_state *s);

#define WB_CLEAN_STORE_STATE __attribute__((cleanup(wb_store_state_deinit))) struct wb_store_state
