/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one header that the planner, purgatory and the next kernel's user space share.
 *
 * struct wb_handoff is the payload of a setup_data node (Documentation/arch/x86/boot.rst) of
 * type WB_HANDOFF_TYPE; the next kernel shows it at /sys/kernel/boot_params/setup_data/N/data.
 * Purgatory writes its time stamps into it, so its memory is not among the verified ranges.
 * struct wb_purgatory_args is patched into the purgatory image by the planner.
 * All integers little-endian; layouts are checked by size assertions below.
 */
#pragma once

#include <stdint.h>

#define WB_HANDOFF_TYPE 0x746f6277u            /* "wbot" */
#define WB_HANDOFF_MAGIC 0x666f646e61686277ull /* "wbhandof" */
#define WB_HANDOFF_VERSION 1

struct wb_handoff {
	uint64_t magic;
	uint32_t version;
	uint32_t size;      /* bytes of this struct that are valid */
	uint8_t nonce[16];  /* random, per load; a record in /var/lib/warmboot carries the same */
	uint64_t tsc_hz;    /* what the old kernel measured; 0 unknown */
	uint64_t tsc_enter; /* purgatory's first and last instruction */
	uint64_t tsc_leave;
	uint64_t tsc_load;       /* when the load was made */
	uint64_t wall_ns;        /* CLOCK_REALTIME, at tsc_load */
	uint32_t sha_kind;       /* enum wb_sha_kind that purgatory used */
	uint32_t flags;          /* 0 */
	uint64_t verified_bytes; /* what purgatory checked; 0 with --verify=none */
	char from_release[64];   /* kernel that was left */
	char to_release[64];     /* kernel that was to be entered, "" unknown */
	char method[16];         /* "fast", "segments" */
	uint64_t store_header;   /* physical address of the store's header; 0 none */
	uint64_t store_size;     /* bytes of the store */
	uint64_t reserved[6];    /* 0; later stages grow here */
};
_Static_assert(sizeof(struct wb_handoff) == 88 + 144 + 64, "handoff layout");

/*
 * Where a store lies that was carved out of the old kernel's memory: the payload of a setup_data node
 * of its own, because it has no fixed length. It also tells every later kernel which persistent
 * memory in the map is ours, and no firmware's.
 */
#define WB_HANDOFF_STORE_TYPE 0x74736277u            /* "wbst" */
#define WB_HANDOFF_STORE_MAGIC 0x65676e6172736277ull /* "wbsrange" */

struct wb_handoff_range {
	uint64_t start, size; /* physical, in the order of the store's own addresses */
};

struct wb_handoff_store {
	uint64_t magic;
	uint32_t version; /* WB_HANDOFF_VERSION */
	uint32_t n;
	struct wb_handoff_range ranges[];
};
_Static_assert(sizeof(struct wb_handoff_store) == 16, "handoff store layout");

enum wb_sha_kind {
	WB_SHA_NONE = 0,
	WB_SHA_PLAIN = 1,
	WB_SHA_NI = 2,
	WB_SHA_LANES = 3,
};

#define WB_PURGATORY_MAX_RANGES 16
#define WB_PURGATORY_MAGIC 0x6772757077626f74ull

struct wb_purgatory_range {
	uint64_t start; /* physical address */
	uint64_t size;  /* bytes */
	uint8_t digest[32];
};

struct wb_purgatory_args {
	uint64_t magic;       /* WB_PURGATORY_MAGIC, how the planner finds this in the image */
	uint64_t entry;       /* physical address to jump to, 64-bit mode */
	uint64_t boot_params; /* goes to %rsi */
	uint64_t handoff;     /* physical address of struct wb_handoff, 0 none */
	uint16_t serial_port; /* I/O port of a 16550 for messages, 0 none */
	uint16_t n_ranges;    /* 0: nothing is verified */
	uint32_t digest;      /* enum wb_digest_kind, of every range */
	struct wb_purgatory_range ranges[WB_PURGATORY_MAX_RANGES];
};
_Static_assert(
	sizeof(struct wb_purgatory_args) == 40 + 48 * WB_PURGATORY_MAX_RANGES, "args layout");
