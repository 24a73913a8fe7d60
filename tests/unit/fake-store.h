/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine for stores: a little "RAM" that outlives a "jump", huge pages scattered in it, files
 * that can be written, and a holder that answers at once. Everything of src/store runs on it.
 */
#pragma once

#include "store/store.h"

#define FAKE_STORE_PAGES 64 /* huge pages of RAM */
#define FAKE_STORE_RAM (FAKE_STORE_PAGES * WB_STORE_PAGE)

struct fake_store_file {
	char path[96];
	struct wb_blob data;
};

struct fake_store {
	struct wb_store_env env;
	struct wb_sys sys;
	struct wb_files files;
	struct wb_store_io io;
	struct fake_store_file file[24];
	uint8_t *ram_at;
	int ram, disk;  /* memfds: physical memory, and the file of the disk backend */
	size_t n_pages; /* of the huge memfd, at these physical addresses: */
	uint64_t pages[FAKE_STORE_PAGES];
	struct {
		uint8_t *at;
		uint64_t phys;
	} seen[4 * FAKE_STORE_PAGES]; /* where what was mapped */
	size_t n_seen;
	/* what shall go wrong */
	size_t most_pages;  /* the pool does not grow beyond this */
	int compact_helps;  /* … unless it was compacted */
	int no_holder;      /* negative errno of starting it */
	int mute_holder;    /* it starts, and says nothing */
	int moved;          /* the kernel has moved a page */
	int dev_mem_closed; /* negative errno of mapping /dev/mem */
	int sync_error;
	int no_write;    /* negative errno of writing a file */
	int good_writes; /* so many succeed before */
	/* what happened */
	int modules, compactions, starts, stops, areas;
};

void fake_store_init(struct fake_store *f);
void fake_store_deinit(struct fake_store *f);
/* Contents of a file; data NULL removes it. */
void fake_store_file(struct fake_store *f, const char *path, const void *data, size_t n);
const char *fake_store_text(struct fake_store *f, const char *path);
/*
 * The kernel changes: /run is gone, and the handoff tells what wb_store_load() of the store told
 * (which must be called on a store that is still open). The same RAM.
 */
void fake_store_jump(struct fake_store *f, const struct wb_load_store *load);
/* The byte of RAM at a physical address. */
uint8_t *fake_store_ram(struct fake_store *f);
