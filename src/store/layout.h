/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layout of a store in memory: a header in the first block, the objects' extents, and the table
 * of them behind. Pure: bytes in, structs out, and back. All integers little-endian; offsets are
 * the store's own addresses, in which its pieces follow each other without gaps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"

#define WB_STORE_BLOCK 4096
#define WB_STORE_MAGIC 0x3165726f74736277ull /* "wbstore1" */
#define WB_STORE_VERSION 2

/* A store has a header from its first moment until it is wiped. Its state is one of these. */
#define WB_STORE_OPEN 0x6e65706f74736277ull   /* "wbstopen": objects are being written */
#define WB_STORE_SEALED 0x6c61657374736277ull /* "wbstseal": table and objects are whole */
#define WB_STORE_USED 0x6465737574736277ull   /* "wbstused": its contents were used already */

/* flags: it holds the memory of services, and is wiped as soon as it is not needed. */
#define WB_STORE_SERVICES 1u

struct wb_store_header {
	uint64_t magic;
	uint32_t version;
	uint32_t flags;
	uint8_t nonce[16];
	uint64_t size;                  /* bytes of the store */
	uint64_t high;                  /* nothing was ever written from here on */
	uint64_t table_off, table_size; /* the table: objects, extents, names; 0 while it is open */
	uint64_t table_hash;
	uint32_t n_objects, n_extents;
	uint64_t hash; /* of all fields above */
	/*
	 * Any process that has mapped the store may write one of the two fields below, in one step.
	 * So no checksum covers them.
	 */
	uint64_t state; /* one of the three above; any other value is damage */
	uint64_t taken; /* hash of the id of the boot that restores its services; 0 none yet */
};
_Static_assert(sizeof(struct wb_store_header) == 104, "store header layout");

struct wb_store_extent {
	uint64_t off, size; /* whole blocks are allocated; size is the written part */
	uint64_t hash;
};

/* One object; owned. */
struct wb_store_entry {
	char *name;
	uint64_t size;
	struct wb_store_extent *extents;
	size_t n;
};

/* Sorted by name, names once; owned. `{}` is the valid empty table. */
struct wb_store_table {
	struct wb_store_entry *items;
	size_t n;
};

/*
 * XXH64: it finds damage, not forgery. XXH3 is no faster from memory, and many times slower where
 * vector instructions are emulated.
 */
uint64_t wb_store_hash(const void *data, size_t n);

bool wb_store_name_ok(const char *name);
/* Index of the object; when false, the index where it would be inserted. */
bool wb_store_table_find(const struct wb_store_table *t, const char *name, size_t *ret_index);
/* Move the entry into the table. -EEXIST, -ENOMEM; then the entry is still the caller's. */
int wb_store_table_add(struct wb_store_table *t, struct wb_store_entry *entry);
void wb_store_table_deinit(struct wb_store_table *t);
void wb_store_entry_deinit(struct wb_store_entry *e);
/* Encode the table, and set the header's counts and sizes for it (not its offset). -ENOMEM. */
int wb_store_table_encode(
	const struct wb_store_table *t, struct wb_blob *ret, struct wb_store_header *h);

/*
 * Is this the header of a store, in any state? It is recognised by magic, version, checksum and
 * state. Its size is a multiple of WB_STORE_PAGE and no larger than `most`.
 */
bool wb_store_header_check(struct wb_bytes block, uint64_t most, struct wb_store_header *ret);
/* Was it a store's header before it was damaged? */
bool wb_store_has_magic(struct wb_bytes block);
/*
 * The header of a sealed store of `size` bytes from its first block. -ENOENT the block is zero; -ESTALE
 * it was used already; -EBADMSG anything else that is no header of a sealed store.
 */
int wb_store_header_parse(
	struct wb_bytes block, uint64_t size, struct wb_store_header *ret, struct wb_error *err);
/* Fill in magic, version and hash. */
void wb_store_header_finish(struct wb_store_header *h);
/* Parse the table that `h` describes; the caller checks its hash. -EBADMSG, -ENOMEM. */
int wb_store_table_parse(struct wb_bytes in, const struct wb_store_header *h,
	struct wb_store_table *ret, struct wb_error *err);

/*
 * All objects' extents, sorted by offset; to be freed. -EBADMSG two of them lie in one place, -ENOMEM. No
 * sentence.
 */
int wb_store_table_extents(
	const struct wb_store_table *t, struct wb_store_extent **ret, size_t *ret_n);

/* Header and table in a file, one after the other (wb_store_park()). -EBADMSG, -ENOENT, -ENOMEM. */
int wb_store_parked_parse(struct wb_bytes file, uint64_t size, struct wb_store_header *ret_h,
	struct wb_store_table *ret_table);

#define WB_CLEAN_STORE_TABLE __attribute__((cleanup(wb_store_table_deinit))) struct wb_store_table
