/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct wb_store and the functions that the files of this directory share. */
#pragma once

#include <pthread.h>
#include <xxhash.h>

#include "purgatory/handoff.h"
#include "store/backend.h"
#include "store/layout.h"
#include "store/store.h"

/* Map in parts of this size, because the kernel checks every page of /dev/mem that it maps. */
#define WB_STORE_CHUNK (32ull << 20)
/*
 * The largest extent: small enough that several are hashed in parallel, large enough that there are
 * few.
 */
#define WB_STORE_EXTENT_MAX (4ull << 20)

/* Room that is set aside for objects whose names begin with `prefix`: `bytes`, of which `used` are taken. */
struct wb_store_share {
	char *prefix;
	uint64_t bytes, used;
};

struct wb_store {
	struct wb_store_env own;
	const struct wb_store_env *env; /* points to `own`, a copy of the caller's */
	const struct wb_store_backend *backend;
	struct wb_store_state state; /* its pieces, size, nonce and holder */
	bool attached; /* it came from the old kernel; false: it is for the next one */
	bool writable; /* it is mapped writable */
	bool sealed;
	uint32_t flags; /* from the header */
	uint64_t taken; /* from the header */
	uint8_t *at;
	uint8_t *mapped; /* for each chunk (WB_STORE_CHUNK): 1 if it is mapped, else 0 */
	uint64_t high;   /* nothing is written from this offset on */
	struct wb_store_table table;
	/* For writing objects. Several threads may write, each its own objects; the lock is for table and room. */
	pthread_mutex_t lock;
	struct wb_store_writer *writers;
	uint64_t next;               /* blocks from this offset on were never used */
	struct wb_store_extent *gap; /* blocks that were freed; their hash is unused */
	size_t n_gap;
	struct wb_store_share *shares;
	size_t n_shares;
	/* The description of the store for a load, by wb_store_load(). */
	struct wb_handoff_range *ranges;
	struct wb_load_store load;
};

/*
 * Make the object of a store of this backend, with reserved addresses but nothing mapped. Takes
 * `state` over.
 */
int wb_store_new(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store_state *state, struct wb_store **ret, struct wb_error *err);
/* Map [off, off + size), unless it is mapped. */
int wb_store_reach(struct wb_store *s, uint64_t off, uint64_t size, struct wb_error *err);
/* Map the whole store, writable. */
int wb_store_reach_all(struct wb_store *s, struct wb_error *err);
/* Read the header and table of a sealed store. Errors as wb_store_attach(). */
int wb_store_load_table(struct wb_store *s, struct wb_error *err);
/* Continue with the table that wb_store_park() left for this store, if there is one. */
void wb_store_unpark(struct wb_store *s);
/* Physical address of an offset; 0 where there is none. */
uint64_t wb_store_physical(const struct wb_store *s, uint64_t off);
/* The names of all backends except `but`: `before` and the first one, then `between` and the next one, and so on. */
void wb_store_others(const struct wb_store_backend *but, const char *before, const char *between,
	char *ret, size_t size);

/* The share of the object with this name; NULL: it has none. */
struct wb_store_share *wb_store_share_of(struct wb_store *s, const char *name);
/* So many bytes are free, and not set aside for others than `own`. NULL: for none. */
uint64_t wb_store_free_for(const struct wb_store *s, const struct wb_store_share *own);
/* The object with this name has taken, or returned, so many bytes. */
void wb_store_share_use(struct wb_store *s, const char *name, uint64_t taken, uint64_t returned);
void wb_store_share_end(struct wb_store *s);

/*
 * Map a part of a piece's file. If /dev/mem is closed because a driver owns the memory, map the
 * block device of the driver (namespaces of libnvdimm, by their address).
 */
int wb_store_map(const struct wb_store_env *env, const char *path,
	const struct wb_store_piece *part, bool writable, uint8_t *at, struct wb_error *err);

/*
 * Copy `n` bytes from a physical address, also if a driver owns the memory. Address and size are
 * multiples of WB_STORE_BLOCK. Errors have no sentence.
 */
int wb_store_peek(const struct wb_store_env *env, uint64_t phys, void *ret, size_t n);
/* Is there a header of a store of at most `most` bytes at this address? */
bool wb_store_header_at(
	const struct wb_store_env *env, uint64_t phys, uint64_t most, struct wb_store_header *ret);
/* The driver module for persistent memory that is needed besides nd_pmem. */
const char *wb_store_pmem_module(const struct wb_store_env *env);
/*
 * The block device that is this memory and no more, once its file is there. False: there is none. "/dev/pmem0".
 */
bool wb_store_pmem_device(
	const struct wb_files *files, uint64_t start, uint64_t size, char ret[64]);
/*
 * Is a part of [start, start + size) in use as a disk? That is, is a block device of it mounted, swap space,
 * or part of another device? When in doubt, yes.
 */
bool wb_store_pmem_in_use(const struct wb_store_env *env, uint64_t start, uint64_t size);
/*
 * Keep the driver of persistent memory away from memory with the header of a store. If the machine
 * has other persistent memory, or a locked-down kernel, load the driver instead, since the store can
 * then be read only through its block device. Nothing is changed if the old kernel left no memory to
 * this one and the command line sets no region aside. Best effort.
 */
void wb_store_guard(const struct wb_store_env *env);

/*
 * Recognise the contents of a region without a store by its beginning: "an ext4 file system"; NULL:
 * unknown.
 */
const char *wb_store_foreign(struct wb_bytes head);
/* Number of bytes that wb_store_foreign() needs. */
#define WB_STORE_FOREIGN (256 << 10)

/*
 * Find the store that the old kernel left in this backend and map it, without checking it. A store
 * for the next jump is not returned.
 */
int wb_store_find(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store **ret, struct wb_error *err);
/*
 * As wb_store_find(), and check that it is whole and belongs to this boot's jump. Errors as
 * wb_store_attach().
 */
int wb_store_find_whole(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_store **ret, struct wb_error *err);
/*
 * Wipe a store; the only function that does. First the header is marked as used, then everything
 * that may have been written is zeroed, and the header last. -EBUSY: it is in use as a disk;
 * -EACCES, -EIO.
 */
int wb_store_erase(struct wb_store *s, struct wb_error *err);
/* Wipe an old store in this backend before a new one is made there. 0 also if there is none. */
int wb_store_erase_old(const struct wb_store_env *env, const struct wb_store_backend *backend,
	struct wb_error *err);

/* The nonce of the jump that started this boot, by wb_jump_number(). False: there is none. */
bool wb_store_jump_nonce(const struct wb_files *files, uint8_t ret[16]);
