/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine for stores: a little "RAM" that outlives a "jump", huge pages scattered in it, files
 * that can be written, and a holder that answers at once. Everything of src/store runs on it.
 */
#pragma once

#include "store/store.h"

#define FAKE_STORE_PAGES 64 /* huge pages of RAM */
#define FAKE_STORE_RAM (FAKE_STORE_PAGES * WB_STORE_PAGE)

#define FAKE_STORE_FILES 64

struct fake_store_file {
	char path[96];
	struct wb_blob data;
};

struct fake_store {
	struct wb_store_env env;
	struct wb_sys sys;
	struct wb_files files;
	struct wb_store_io io;
	struct fake_store_file file[FAKE_STORE_FILES];
	uint8_t *ram_at;
	int ram, disk; /* memfds: physical memory, and the file that create_file() made */
	char disk_path[96];
	size_t n_pages; /* of the huge memfd, at these physical addresses: */
	uint64_t pages[FAKE_STORE_PAGES];
	struct {
		uint8_t *at;
		uint64_t phys;
	} seen[4 * FAKE_STORE_PAGES]; /* places of mapped memory */
	size_t n_seen;
	/* faults */
	size_t most_pages;  /* the pool does not grow beyond this */
	int compact_helps;  /* … unless it was compacted */
	int no_holder;      /* negative errno of starting it */
	int mute_holder;    /* it starts, and says nothing */
	int moved;          /* the kernel has moved a page */
	int claimed;        /* the block device is in use */
	int stop_writes;    /* f_sync() fails from this call on; 0: never */
	int dev_mem_closed; /* negative errno of mapping /dev/mem */
	int sync_error;
	int var_elsewhere; /* /var is not on the root file system */
	int no_write;      /* negative errno of writing a file */
	int good_writes;   /* this many writes succeed before */
	/* record of events */
	int modules, compactions, starts, stops, areas, syncs, boots;
};

void fake_store_init(struct fake_store *f);
void fake_store_deinit(struct fake_store *f);
/* Contents of a file; data NULL removes it. */
void fake_store_file(struct fake_store *f, const char *path, const void *data, size_t n);
const char *fake_store_text(struct fake_store *f, const char *path);
/*
 * The kernel changes: /run is gone, and the handoff has the result of wb_store_load() (which must
 * be called on a store that is still open). RAM stays.
 */
void fake_store_jump(struct fake_store *f, const struct wb_load_store *load);
/* An ordinary boot, with the same RAM and disk: /run is gone, and there is no handoff. */
void fake_store_boot(struct fake_store *f);
/* The byte of RAM at a physical address. */
uint8_t *fake_store_ram(struct fake_store *f);
