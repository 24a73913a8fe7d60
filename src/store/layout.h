/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a store lies in memory: a header in the first block, objects' extents, and the table of them
 * somewhere behind. Pure: bytes in, structs out, and back. All integers little-endian; offsets are
 * the store's own addresses, in which its pieces follow each other without gaps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"

#define WB_STORE_BLOCK 4096
#define WB_STORE_MAGIC 0x3165726f74736277ull /* "wbstore1" */
#define WB_STORE_VERSION 1

struct wb_store_header {
	uint64_t magic;
	uint32_t version;
	uint32_t flags; /* 0 */
	uint8_t nonce[16];
	uint64_t size;                  /* bytes of the store */
	uint64_t high;                  /* nothing was ever written from here on */
	uint64_t table_off, table_size; /* the table: objects, extents, names */
	uint64_t table_hash;
	uint32_t n_objects, n_extents;
	uint64_t hash; /* of all before */
};
_Static_assert(sizeof(struct wb_store_header) == 88, "store header layout");

struct wb_store_extent {
	uint64_t off, size; /* whole blocks are set aside; size is what was written */
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
/* Index of the object; where it would have to go, when false. */
bool wb_store_table_find(const struct wb_store_table *t, const char *name, size_t *ret_index);
/* Takes the entry's members over. -EEXIST, -ENOMEM; then the entry is still the caller's. */
int wb_store_table_add(struct wb_store_table *t, struct wb_store_entry *entry);
void wb_store_table_deinit(struct wb_store_table *t);
void wb_store_entry_deinit(struct wb_store_entry *e);
/* The table's bytes, and the header's counts and sizes for it (not its offset). -ENOMEM. */
int wb_store_table_encode(
	const struct wb_store_table *t, struct wb_blob *ret, struct wb_store_header *h);

/*
 * The header of a store of `size` bytes from its first block. -ENOENT the block is zero; -EBADMSG
 * anything else that is no header of ours.
 */
int wb_store_header_parse(
	struct wb_bytes block, uint64_t size, struct wb_store_header *ret, struct wb_error *err);
/* How large a store is by what looks like its header, before it can be mapped; 0: it is none. */
uint64_t wb_store_header_size(struct wb_bytes in);
/* Fill in magic, version and hash. */
void wb_store_header_finish(struct wb_store_header *h);
/* The table that `h` describes; its hash is the caller's to check. -EBADMSG, -ENOMEM. */
int wb_store_table_parse(struct wb_bytes in, const struct wb_store_header *h,
	struct wb_store_table *ret, struct wb_error *err);

/* Header and table in a file, one after the other (wb_store_park()). -EBADMSG, -ENOENT, -ENOMEM. */
int wb_store_parked_parse(struct wb_bytes file, uint64_t size, struct wb_store_header *ret_h,
	struct wb_store_table *ret_table);

#define WB_CLEAN_STORE_TABLE __attribute__((cleanup(wb_store_table_deinit))) struct wb_store_table
