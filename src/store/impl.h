/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Insides of struct wb_store; for src/store only. */
#pragma once

#include <xxhash.h>

#include "purgatory/handoff.h"
#include "store/backend.h"
#include "store/layout.h"
#include "store/store.h"

/* What is mapped at a time: the kernel checks every page of /dev/mem on the way. */
#define WB_STORE_CHUNK (32ull << 20)
/* The largest extent: small enough to be hashed side by side, large enough to be few. */
#define WB_STORE_EXTENT_MAX (4ull << 20)

struct wb_store {
	struct wb_store_env own;
	const struct wb_store_env *env; /* own */
	const struct wb_store_backend *backend;
	struct wb_store_state state; /* pieces, size and nonce */
	bool attached;               /* handed on by the kernel before; else for the next one */
	bool writable;               /* how it is mapped */
	bool sealed;
	uint8_t *at;
	uint8_t *mapped; /* one byte per chunk */
	uint64_t high;   /* nothing was written from here on */
	struct wb_store_table table;
	/* Writing. */
	struct wb_store_writer *writers;
	uint64_t next;               /* never given out from here on */
	struct wb_store_extent *gap; /* blocks that were given back; hash unused */
	size_t n_gap;
	/* For a load. */
	struct wb_handoff_range *ranges;
	struct wb_load_store load;
};

/* An empty object of this kind, with address space but nothing mapped. Takes `state` over. */
int wb_store_new(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store_state *state, struct wb_store **ret, struct wb_error *err);
/* See to it that [off, off + size) is mapped. */
int wb_store_reach(struct wb_store *s, uint64_t off, uint64_t size, struct wb_error *err);
/* The same for the whole, writable. */
int wb_store_reach_all(struct wb_store *s, struct wb_error *err);
/* Header and table of a sealed store. Errors as wb_store_attach(). */
int wb_store_load_table(struct wb_store *s, struct wb_error *err);
/* Take over what wb_store_park() left of this store, if anything. */
void wb_store_unpark(struct wb_store *s);
/* Physical address of an offset; 0 where there is none. */
uint64_t wb_store_physical(const struct wb_store *s, uint64_t off);
const struct wb_store_backend *wb_store_backend_find(const char *name);

/*
 * Map a part of a piece's file. Where /dev/mem is closed because a driver has the memory, the block
 * device that it made of it is taken (libnvdimm's namespaces, by their address).
 */
int wb_store_map(const struct wb_store_env *env, const char *path,
	const struct wb_store_piece *part, bool writable, uint8_t *at, struct wb_error *err);

/* Keep the driver of persistent memory away from the stores, or off them again. Best effort. */
void wb_store_guard(const struct wb_store_env *env);
/* After wiping: others' persistent memory gets its driver. */
void wb_store_unguard(const struct wb_store_env *env);
/* A file system or swap space on what the driver made of it is somebody's data. */
bool wb_store_pmem_in_use(const struct wb_files *files);

/* The number of the jump that made this boot: handoff block, else command line. False: none. */
bool wb_store_jump_nonce(const struct wb_files *files, uint8_t ret[16]);
