/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of a load and of a jump (two small JSON files), the traces that a jump leaves in the next
 * kernel, and the judgement whether the jump happened.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/files.h"
#include "sys/sys.h"

/* Written by a load; /run is empty after a boot. */
#define WB_RECORD_STAGED "/run/warmboot/staged.json"
/* Written just before a jump, and kept across it. */
#define WB_RECORD_JUMP "/var/lib/warmboot/jump.json"

/* In seconds: no known firmware takes longer to start a kernel. */
#define WB_LONGEST_REBOOT (30 * 60)

/*
 * warmboot.jump=NONCE on the next kernel's command line identifies the jump where no handoff block
 * can (kexec_file_load).
 */
#define WB_JUMP_WORD "warmboot.jump"

enum wb_outcome {
	WB_OUTCOME_NONE = 0, /* there is no record of a jump */
	WB_OUTCOME_JUMPED,
	WB_OUTCOME_FIRMWARE,     /* a jump was wanted, a reboot through firmware came */
	WB_OUTCOME_NOT_HAPPENED, /* a jump was wanted, and the same kernel still runs */
	WB_OUTCOME_UNKNOWN,      /* the traces are not enough to judge */
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
	char *guard;   /* a sentence: which watchdog guards the jump; NULL: none was asked for */
	char *words;   /* arguments of the load command, one a line; NULL: staged in another way */
	char *nonce;   /* 32 hex digits; NULL: the load left no mark */
	char *boot_id; /* of the boot that staged or jumped */
	struct wb_strv forced; /* checks of the preflight whose severe findings were overridden */
	int64_t time; /* seconds of CLOCK_REALTIME, for people, and across a boot through the firmware */
	int64_t since_ns; /* CLOCK_BOOTTIME of that boot when it was written; 0 unknown */
	/* Set once the jump has been judged: */
	enum wb_outcome outcome;
	char *judged_boot; /* boot_id of the boot that judged it */
	char *judged_why;  /* the reason for that outcome */
};

/*
 * Can the shutdown for this record, written in this boot, still be running at `boot_ns` of
 * CLOCK_BOOTTIME? Pure.
 */
bool wb_record_is_recent(const struct wb_record *rec, uint64_t boot_ns);

/* -ENOENT, -EBADMSG with a sentence that names the file, -EACCES, -ENOMEM. */
int wb_record_read(const struct wb_files *files, const char *path, struct wb_record *ret,
	struct wb_error *err);
/* Replace the file atomically. Negative errno with a sentence. */
int wb_record_write(const struct wb_sys *sys, const char *path, const struct wb_record *rec,
	struct wb_error *err);
void wb_record_deinit(struct wb_record *rec);

#define WB_CLEAN_RECORD __attribute__((cleanup(wb_record_deinit))) struct wb_record

/* The traces of a jump in the running kernel. Owned strings, NULL where absent. */
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
	bool by_kexec;          /* the boot loader's type is kexec's, whichever program called it */
	int64_t boot_time;      /* seconds of CLOCK_REALTIME when this kernel started; 0 unknown */
};

/* Read the traces; those that cannot be read stay empty. -ENOMEM. */
int wb_traces_read(const struct wb_files *files, struct wb_traces *ret);
void wb_traces_deinit(struct wb_traces *t);

#define WB_CLEAN_TRACES __attribute__((cleanup(wb_traces_deinit))) struct wb_traces

/*
 * The number of the jump that started this boot, borrowed. NULL: there is none, or none that can be
 * trusted.
 *
 * A handoff block belongs to this boot, unless the record says that its jump led to an earlier
 * boot. The word on the command line can be copied by a person or with a disk. It counts only if
 * the record has the same number, was written in another boot, and was not judged in a third. rec
 * NULL: there is no record. Pure.
 */
const char *wb_jump_number(const struct wb_record *rec, const struct wb_traces *traces);

struct wb_verdict {
	enum wb_outcome outcome;
	/* Borrowed from the record or the traces; NULL unknown. */
	const char *from, *to, *method;
	int64_t when;    /* of the jump, else of its load; 0 unknown */
	const char *why; /* a sentence; static from wb_judge() */
};

/* Judge the last jump. rec NULL: there is no record. Pure. */
struct wb_verdict wb_judge(const struct wb_record *rec, const struct wb_traces *traces);
