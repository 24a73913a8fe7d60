/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was staged, what was jumped to, and afterwards: did it happen? Two small JSON files, the
 * marks that a jump leaves in the next kernel, and one pure function that judges them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/files.h"
#include "sys/sys.h"

/* Written by a load; gone with /run. */
#define WB_RECORD_STAGED "/run/warmboot/staged.json"
/* Written just before a jump; outlives it. */
#define WB_RECORD_JUMP "/var/lib/warmboot/jump.json"

/* The first line of unit files below /run that are for one jump, and for no boot after it. */
#define WB_JUMP_MARK "# Written by warmboot for the time of a jump.\n"
bool wb_has_jump_mark(const char *text);

/* In seconds. A firmware that needs longer than this to start a kernel is not one that we know. */
#define WB_LONGEST_REBOOT (30 * 60)

/*
 * The word that marks a jump in the next kernel's command line where nothing else can
 * (kexec_file_load): warmboot.jump=NONCE.
 */
#define WB_JUMP_WORD "warmboot.jump"

enum wb_outcome {
	WB_OUTCOME_NONE = 0, /* no jump is known of */
	WB_OUTCOME_JUMPED,
	WB_OUTCOME_FIRMWARE,     /* a jump was wanted, a reboot through firmware came */
	WB_OUTCOME_NOT_HAPPENED, /* a jump was wanted, and the same kernel still runs */
	WB_OUTCOME_UNKNOWN,      /* the traces tell too little */
};

const char *wb_outcome_name(enum wb_outcome outcome); /* "jumped", "firmware-reboot", … */

/* One load or jump. Owned strings, NULL where not known. */
struct wb_record {
	char *entry;     /* id of the boot entry */
	char *kernel;    /* path */
	char *from, *to; /* kernel releases */
	char *method;
	char *initramfs;
	char *why;     /* of method and initramfs, for people */
	char *words;   /* of the load that staged it, one a line; NULL: staged in another way */
	char *nonce;   /* 32 hex digits; NULL: the load left no mark */
	char *boot_id; /* of the boot that staged or jumped */
	int64_t time;  /* seconds of CLOCK_REALTIME */
	/* Only after the verdict on a jump was written down: */
	enum wb_outcome outcome;
	char *judged_boot; /* boot_id of the boot in which it was judged */
	char *judged_why;  /* what spoke for that outcome */
};

/* -ENOENT, -EBADMSG with a sentence that names the file, -EACCES, -ENOMEM. */
int wb_record_read(const struct wb_files *files, const char *path, struct wb_record *ret,
	struct wb_error *err);
/* In one step. Negative errno with a sentence. */
int wb_record_write(const struct wb_sys *sys, const char *path, const struct wb_record *rec,
	struct wb_error *err);
void wb_record_deinit(struct wb_record *rec);

#define WB_CLEAN_RECORD __attribute__((cleanup(wb_record_deinit))) struct wb_record

/* The traces that a boot bears. Owned strings, NULL where absent. */
struct wb_traces {
	char *boot_id;
	char *release;
	char *word;          /* value of warmboot.jump= on the command line */
	char *handoff_nonce; /* of the handoff block, and what it says: */
	char *handoff_from, *handoff_to, *handoff_method;
	int64_t handoff_time; /* when that kernel was loaded */
	/* Time stamp counter: its rate in the old kernel, purgatory's stamps; 0 unknown. */
	uint64_t handoff_hz, handoff_enter, handoff_leave;
	uint64_t handoff_bytes; /* what purgatory checked */
	bool by_kexec;          /* the boot loader's type says kexec, whoever did it */
	int64_t boot_time;      /* seconds of CLOCK_REALTIME when this kernel started; 0 unknown */
};

/* Whatever cannot be read is left empty. -ENOMEM. */
int wb_traces_read(const struct wb_files *files, struct wb_traces *ret);
void wb_traces_deinit(struct wb_traces *t);

#define WB_CLEAN_TRACES __attribute__((cleanup(wb_traces_deinit))) struct wb_traces

struct wb_verdict {
	enum wb_outcome outcome;
	/* Borrowed from the record or the traces; NULL unknown. */
	const char *from, *to, *method;
	int64_t when;    /* of the jump, else of its load; 0 unknown */
	const char *why; /* a sentence; static from wb_judge() */
};

/* What became of the last jump. rec NULL: there is no record. Pure. */
struct wb_verdict wb_judge(const struct wb_record *rec, const struct wb_traces *traces);

/* 32 digits and NUL. */
void wb_nonce_hex(const uint8_t nonce[16], char ret[33]);
