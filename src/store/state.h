/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this boot holds for the next jump: a small JSON file that every process of warmboot reads. */
#pragma once

#include "core/error.h"
#include "core/files.h"
#include "sys/sys.h"

#define WB_STORE_STATE "/run/warmboot/store.json"
/* wb_store_park() */
#define WB_STORE_PARKED "/run/warmboot/store.table"

/* A part of a store, in the order of the store's own addresses. */
struct wb_store_piece {
	uint64_t off;   /* in the file that is mapped */
	uint64_t start; /* physical address; 0 where there is none */
	uint64_t size;
};

struct wb_store_pieces {
	char *path; /* file to map: /proc/PID/fd/N, /dev/mem, /dev/pmemN, … */
	struct wb_store_piece *items;
	size_t n;
};

struct wb_store_state {
	char *backend;
	uint64_t bytes;
	uint8_t nonce[16];
	bool wanted; /* asked for; the holder has not answered yet */
	int pid;     /* of the holder; 0 none */
	struct wb_store_pieces pieces;
	char *error; /* the holder's sentence; NULL none */
	int code;    /* and its negative errno */
};

/* Append, merging with the last one where both offsets go on. -ENOMEM. */
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
