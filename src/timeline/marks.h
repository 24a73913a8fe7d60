/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Marks: the time of a step, on every clock at once. The time stamp counter runs on through a jump,
 * so that marks of the old and the new kernel lie on one line. The other clocks relate the times of
 * systemd, the journal and the kernel's log to it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/files.h"
#include "sys/sys.h"

/* The file grows with each boot; recording a boot removes the marks that were used. */
#define WB_MARKS "/var/lib/warmboot/marks"
#define WB_MARKS_MAX (256u << 10)

/*
 * Names of marks. The name of a unit's mark ends in the unit: "freeze-begin:nginx.service". A name
 * has at most WB_MARK_NAME - 1 bytes; the rest is cut off.
 */
#define WB_MARK_NAME 128
#define WB_MARK_REQUEST "request" /* warmboot reboot was called */
#define WB_MARK_STAGED "staged"   /* the kernel is loaded */
#define WB_MARK_ASKED "asked"     /* the init system was asked to stop everything */
/* instead: nothing is stopped, and the jump follows at once */
#define WB_MARK_NOW "now"
#define WB_MARK_LOAD_BEGIN "load-begin" /* a warmboot load before the request */
#define WB_MARK_LOAD_END "load-end"
#define WB_MARK_FREEZE_BEGIN "freeze-begin:"
#define WB_MARK_FREEZE_END "freeze-end:"
#define WB_MARK_THAW_BEGIN "thaw-begin:"
#define WB_MARK_THAW_END "thaw-end:"
#define WB_MARK_PROBE "probe:" /* the unit answered for the first time */

/* Exists while services are probed. */
#define WB_PROBING "/run/warmboot/probing"

struct wb_mark {
	char name[WB_MARK_NAME];
	char boot[40]; /* boot_id */
	uint64_t tsc;
	int64_t wall_ns, mono_ns, boot_ns; /* CLOCK_REALTIME, _MONOTONIC, _BOOTTIME at `tsc` */
	uint64_t window;                   /* ticks that the readings took together */
};

struct wb_marks {
	struct wb_mark *items;
	size_t n;
};

/*
 * Take a mark and write it to the file. It is not synced, so it is cheap. A mark that cannot be
 * written is no reason not to jump: callers may ignore the negative errno.
 */
int wb_mark(const struct wb_sys *sys, const char *name);
/* Take a mark of a unit: "freeze-begin:" and the unit's name. */
int wb_mark_unit(const struct wb_sys *sys, const char *kind, const char *unit);

/* Read all clocks at once, without writing a mark. ret->boot is left empty. */
void wb_mark_take(const struct wb_sys *sys, const char *name, struct wb_mark *ret);
/* As one line of JSON; to be freed. NULL: out of memory. Pure. */
char *wb_mark_format(const struct wb_mark *mark);
/* -EBADMSG, -ENOMEM. Pure. */
int wb_mark_parse(const char *json, struct wb_mark *ret);

/* Read all marks, in order; damaged ones are left out. */
int wb_marks_read(const struct wb_files *files, struct wb_marks *ret, struct wb_error *err);
void wb_marks_deinit(struct wb_marks *marks);
#define WB_CLEAN_MARKS __attribute__((cleanup(wb_marks_deinit))) struct wb_marks

/* The last mark called `name` of that boot, or NULL. */
const struct wb_mark *wb_marks_find(
	const struct wb_marks *marks, const char *boot, const char *name);
/* Has this boot such a mark of the unit? `kind` as in wb_mark_unit(). */
bool wb_marks_have_unit(const struct wb_files *files, const struct wb_marks *marks,
	const char *kind, const char *unit);
/* Keep only the marks of one boot. */
int wb_marks_keep_only(const struct wb_sys *sys, const char *boot, struct wb_error *err);

/*
 * The last instant that user space sees: written after every file system is read-only, so it goes where the
 * machine's row has sixteen bytes for it (struct wb_arch_stamp).
 */
struct wb_last {
	uint64_t tsc;
	uint32_t magic;
	uint32_t check; /* checksum of the counter and of the boot that wrote it */
};
_Static_assert(sizeof(struct wb_last) == 16, "a stamp has 16 bytes");

/* Make one for `boot`; and is it one of that boot? Pure. */
struct wb_last wb_last_make(uint64_t tsc, const char *boot);
int wb_last_check(const struct wb_last *last, const char *boot);
/* Write it. Negative errno; -EOPNOTSUPP: this machine has no place for it. */
int wb_last_mark(const struct wb_sys *sys);
/* The counter that `boot` wrote there, 0 none. */
uint64_t wb_last_read(const struct wb_files *files, const char *boot);
