/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What became of the kept units: written by whoever brings them back, read by status. */
#pragma once

#include "keep/manifest.h"
#include "sys/sys.h"

#define WB_RESULT "/run/warmboot/keep-result.json"
/* Of the last jump at which units were kept; outlives the boot. */
#define WB_RESULT_LAST "/var/lib/warmboot/keep-result.json"
/* One file for each unit, UNIT.json, until all are put together. */
#define WB_RESULT_PARTS "/run/warmboot/thaw"

struct wb_unit_result {
	char *unit;
	char *asked; /* "auto", "process", "restart"; NULL not known */
	char *how;   /* "process" it goes on, "restart" it was started anew, "ended" it had ended */
	char *why;   /* a sentence, NULL: as it was asked for */
	/* Bytes of its memory that had gone ahead; 0: none, and ahead_why tells where some should have. */
	int64_t ahead_bytes;
	char *ahead_why;
	int64_t dump_bytes; /* what the freeze wrote, */
	double dump_s;      /* and how long that took; 0 unknown */
	double frozen_s;    /* how long its processes stood still; 0 unknown or none were kept */
	int64_t thawed_ns;  /* CLOCK_REALTIME when they went on; 0 */
	double restore_s;   /* how much of that the restore took */
};

struct wb_result {
	int64_t version; /* 1 */
	char *nonce;     /* of the jump */
	char *from, *to; /* kernel releases */
	WB_LIST(struct wb_unit_result) units;
};

/* The rows, for those who show it as JSON, too. */
extern const struct wb_json_field wb_unit_result_fields[];

/* -ENOENT, -EBADMSG with a sentence that names the file, … */
int wb_result_read(const struct wb_files *files, const char *path, struct wb_result *ret,
	struct wb_error *err);
/*
 * Of the jump to this boot, or, when no boot came of that which could tell, of the last one. nonce: of
 * the last jump, NULL there was none. -ENOENT also while units are still being brought back.
 */
int wb_result_find(const struct wb_files *files, const char *nonce, struct wb_result *ret,
	struct wb_error *err);
int wb_result_write(const struct wb_sys *sys, const char *path, const struct wb_result *result,
	struct wb_error *err);
void wb_result_deinit(struct wb_result *result);
#define WB_CLEAN_RESULT __attribute__((cleanup(wb_result_deinit))) struct wb_result

/* The part of one unit; NULL when it has none. Borrowed from `result`. */
const struct wb_unit_result *wb_result_unit(const struct wb_result *result, const char *unit);
/* Its processes are back; false for no part at all. */
bool wb_has_come_back(const struct wb_unit_result *part);

/* One unit's part. A part that is missing or no good reads as -ENOENT or -EBADMSG. */
int wb_result_part_write(
	const struct wb_sys *sys, const struct wb_unit_result *part, struct wb_error *err);
int wb_result_part_read(const struct wb_files *files, const char *unit, struct wb_unit_result *ret,
	struct wb_error *err);
void wb_unit_result_deinit(struct wb_unit_result *part);
#define WB_CLEAN_UNIT_RESULT __attribute__((cleanup(wb_unit_result_deinit))) struct wb_unit_result

/*
 * Seconds from the freeze to `now`: by the time stamp counter, which runs through the jump, where its
 * rate is known; else by the wall clock, which may have been set meanwhile. 0 unknown. Pure.
 */
double wb_result_frozen_s(const struct wb_manifest *m, const struct wb_manifest_unit *u,
	uint64_t tsc_now, uint64_t wall_now_ns);
