/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The result of a jump for each kept unit: written by the restore, read by status. */
#pragma once

#include "manifest/manifest.h"
#include "sys/sys.h"

#define WB_RESULT "/run/warmboot/keep-result.json"
/* The result of the last jump with kept units; it outlives the boot. */
#define WB_RESULT_LAST "/var/lib/warmboot/keep-result.json"
/* A directory with one file for each unit, UNIT.json, until all are known. */
#define WB_RESULT_PARTS "/run/warmboot/thaw"

struct wb_unit_result {
	char *unit;
	char *name;             /* by which it was chosen; NULL: as its unit */
	enum wb_keep_how asked; /* NONE: not known */
	enum wb_keep_how how;   /* how it was kept in the end; a checkpointed one has come back */
	char *why;              /* a sentence; NULL: it was kept as asked */
	/* Bytes of its pre-copy; 0: none, and ahead_why has the reason if its memory is large. */
	int64_t ahead_bytes;
	char *ahead_why;
	int64_t dump_bytes; /* written by the freeze, */
	double dump_s;      /* which took so long; 0: unknown */
	double frozen_s;    /* how long its processes stood still; 0: unknown, or none were kept */
	int64_t thawed_ns;  /* CLOCK_REALTIME when they went on; 0: they did not */
	double restore_s;   /* the part of that time that the restore took */
};

struct wb_result {
	int64_t version; /* 1 */
	char *nonce;     /* of the jump */
	char *from, *to; /* kernel releases */
	WB_LIST(struct wb_unit_result) units;
};

/* The JSON table of one unit. */
extern const struct wb_json_field wb_unit_result_fields[];

/* -ENOENT, -EBADMSG with a sentence that names the file, … */
int wb_result_read(const struct wb_files *files, const char *path, struct wb_result *ret,
	struct wb_error *err);
/*
 * Read the result of the jump to this boot, or of the last jump if that did not lead to a boot which could
 * write one. nonce: of the last jump; NULL: there was none. -ENOENT also while units are still being restored.
 */
int wb_result_find(const struct wb_files *files, const char *nonce, struct wb_result *ret,
	struct wb_error *err);
int wb_result_write(const struct wb_sys *sys, const char *path, const struct wb_result *result,
	struct wb_error *err);
/* Add the units that had ended by themselves before the jump to this boot. -ENOMEM. */
int wb_result_ended(const struct wb_files *files, struct wb_strv *ret);
void wb_result_deinit(struct wb_result *result);
#define WB_CLEAN_RESULT __attribute__((cleanup(wb_result_deinit))) struct wb_result

/* The part of one unit; NULL when it has none. Borrowed from `result`. */
const struct wb_unit_result *wb_result_unit(const struct wb_result *result, const char *unit);
/* Are its processes back? NULL: false. */
bool wb_has_come_back(const struct wb_unit_result *part);

/* Write or read one unit's part. -ENOENT: there is none; -EBADMSG. */
int wb_result_part_write(
	const struct wb_sys *sys, const struct wb_unit_result *part, struct wb_error *err);
int wb_result_part_read(const struct wb_files *files, const char *unit, struct wb_unit_result *ret,
	struct wb_error *err);
void wb_unit_result_deinit(struct wb_unit_result *part);
#define WB_CLEAN_UNIT_RESULT __attribute__((cleanup(wb_unit_result_deinit))) struct wb_unit_result

/*
 * Seconds from the freeze to now, by the time stamp counter, which runs on through a jump; so does only the
 * wall clock, which may be set meanwhile. 0: unknown, as without the counter's rate. Pure.
 */
double wb_result_frozen_s(
	const struct wb_manifest *m, const struct wb_manifest_unit *u, uint64_t tsc_now);
