/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only header that the planner, purgatory and the next kernel's user space share.
 *
 * struct wb_handoff is one of the notes that the machine's row passes to the next kernel. User
 * space there reads it through the same row (struct wb_arch, each_note) and finds it by its magic
 * number. Purgatory writes its time stamps into it, so its memory is not among the verified ranges.
 * The planner writes struct wb_purgatory_args into the purgatory image. All integers are
 * little-endian; size assertions below check the layouts.
 */
#pragma once

#include <stdint.h>

#define WB_HANDOFF_MAGIC 0x666f646e61686277ull /* "wbhandof" */
#define WB_HANDOFF_VERSION 1

struct wb_handoff {
	uint64_t magic;
	uint32_t version;
	uint32_t size;      /* bytes of this struct that are valid */
	uint8_t nonce[16];  /* random, per load; a record in /var/lib/warmboot carries the same */
	uint64_t tsc_hz;    /* as the old kernel measured it; 0 unknown */
	uint64_t tsc_enter; /* purgatory's first and last instruction */
	uint64_t tsc_leave;
	uint64_t tsc_load;       /* when the load was made */
	uint64_t wall_ns;        /* CLOCK_REALTIME, at tsc_load */
	uint32_t sha_kind;       /* enum wb_sha_kind that purgatory used */
	uint32_t flags;          /* WB_HANDOFF_STEPS */
	uint64_t verified_bytes; /* checked by purgatory; 0 with --verify=none */
	char from_release[64];   /* kernel that was left */
	char to_release[64];     /* kernel that was to be entered, "" unknown */
	char method[16];         /* "fast", "segments" */
	uint64_t store_header;   /* physical address of the store's header; 0 none */
	uint64_t store_size;     /* bytes of the store */
	uint64_t guests_start;   /* memory around that of guests, which stays where it is; */
	uint64_t guests_size;    /* bytes; 0 none */
	uint64_t reserved[4];    /* 0; later stages grow here */
};
_Static_assert(sizeof(struct wb_handoff) == 88 + 144 + 64, "handoff layout");

/* In `flags`: purgatory has run the steps of its arguments. */
#define WB_HANDOFF_STEPS 1u

/*
 * The ranges of a store that was carved out of the old kernel's memory. They are a note of their
 * own, because they have no fixed length. Every later kernel's user space learns from it which
 * persistent memory in the map belongs to warmboot and not to the firmware.
 */
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

/* The kinds of registers. */
enum wb_reg_space {
	WB_REG_PORT = 1, /* an I/O port */
	/* PCI configuration in segment 0: bus << 16 | device << 11 | function << 8 | offset */
	WB_REG_PCI,
	WB_REG_MEMORY, /* a physical address */
};

/*
 * One write to a register of a device. Lists of these arm, feed and stop a watchdog: purgatory and
 * the warm init run them where no driver is at work.
 */
struct wb_reg_step {
	uint64_t address;
	uint32_t keep;  /* bits of the old value that stay; 0: the register is not read */
	uint32_t set;   /* bits that are set in the new value */
	uint8_t space;  /* enum wb_reg_space */
	uint8_t width;  /* bytes: 1, 2 or 4 */
	uint8_t pad[6]; /* 0 */
};
_Static_assert(sizeof(struct wb_reg_step) == 24, "register step layout");

#define WB_REG_STEPS_MOST 24 /* in one list */

#define WB_PURGATORY_MAX_RANGES 16
#define WB_PURGATORY_MAGIC 0x6772757077626f74ull

struct wb_purgatory_range {
	uint64_t start; /* physical address */
	uint64_t size;  /* bytes */
	uint8_t digest[32];
};

struct wb_purgatory_args {
	/* WB_PURGATORY_MAGIC; the planner finds this struct in the image by it */
	uint64_t magic;
	uint64_t entry; /* physical address to jump to */
	/* physical address of the data that the machine's boot protocol passes to the kernel */
	uint64_t boot_data;
	uint64_t handoff;  /* physical address of struct wb_handoff, 0 none */
	uint64_t console;  /* the port or address for messages, depending on the machine; 0 none */
	uint32_t n_ranges; /* 0: nothing is verified */
	uint32_t digest;   /* enum wb_digest_kind, of every range */
	struct wb_purgatory_range ranges[WB_PURGATORY_MAX_RANGES];
	uint32_t n_steps;         /* 0: no device is touched */
	uint32_t pad;             /* 0 */
	uint8_t steps_digest[32]; /* SHA-256 of those steps, not used if there are none */
	struct wb_reg_step steps[WB_REG_STEPS_MOST]; /* run after everything is verified */
};
_Static_assert(sizeof(struct wb_purgatory_args) ==
		       48 + 48 * WB_PURGATORY_MAX_RANGES + 40 + 24 * WB_REG_STEPS_MOST,
	"args layout");
