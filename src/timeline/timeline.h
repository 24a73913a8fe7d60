/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The timeline of one boot: facts in (facts.h), a line of phases out, and that line as JSON, text
 * and pictures. All seconds count from `when`, the beginning of the line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "timeline/klog.h"

#define WB_TL_PHASES 24
#define WB_TL_UNITS 64
#define WB_TL_STOPS 24
#define WB_TL_NOTES 8
#define WB_TL_STARTS 12
#define WB_TL_CHAIN 24

struct wb_tl_phase {
	char name[48];
	double start_s, duration_s;
	double error_s;   /* possible error of both ends together */
	char source[128]; /* sources of both ends */
};

struct wb_tl_unit {
	char unit[128];
	char name[128];           /* by which it was chosen, "vm:web1"; "" as its unit */
	char how[16];             /* "process", "restart", … */
	double frozen_s;          /* < 0: it was not frozen */
	double dump_s, restore_s; /* durations of the checkpoint and of the restore; < 0 none */
	double silent_s; /* from its end or freeze in the old kernel until it was up; < 0 unknown */
	double silent_from_s; /* the beginning of that; < 0 unknown */
};

struct wb_tl_stop {
	char unit[128];
	double start_s, duration_s;
};

/* A unit of the boot's user space. */
struct wb_tl_start {
	char unit[96];
	double start_s, duration_s; /* its start began, and took */
	bool ours;                  /* a unit of warmboot */
};

struct wb_tl_part {
	char name[32];
	double start_s, duration_s;
	char source[96];
};

struct wb_tl_initcall {
	char name[64];
	double duration_s;
};

struct wb_timeline {
	char boot[40], previous[40]; /* boot_id; previous "" unknown */
	char from[72], to[72];       /* kernel releases; from "" unknown */
	bool warm;
	char method[16];    /* "fast", …; "kexec" for another program, "firmware" */
	char initramfs[16]; /* "warm", "own", "" unknown */
	char outcome[24];   /* wb_outcome_name() */
	int64_t when;       /* CLOCK_REALTIME, seconds */
	double total_s;     /* the whole line */
	double gap_s;       /* from the first unit that was stopped */
	double staged_s;    /* duration of a load before the line began; < 0 none */
	struct wb_tl_phase phases[WB_TL_PHASES];
	size_t n_phases;
	struct wb_tl_unit units[WB_TL_UNITS];
	size_t n_units;
	struct wb_tl_stop stops[WB_TL_STOPS]; /* longest first */
	size_t n_stops;
	struct wb_tl_part parts[WB_KLOG_PARTS]; /* parts of the kernel's start */
	size_t n_parts;
	struct wb_tl_initcall initcalls[WB_KLOG_TOP];
	size_t n_initcalls;
	struct wb_tl_start
		chain[WB_TL_CHAIN]; /* what the default target waited for, the last first */
	size_t n_chain;
	struct wb_tl_start starts[WB_TL_STARTS]; /* longest first */
	size_t n_starts;
	double generators_s; /* all generators together; < 0 unknown */
	double ours_s; /* starts of warmboot's units before the target, added up; < 0 unknown */
	int cpus;
	int64_t initrd_kib, console_bytes, quiet_bytes;
	int64_t console_byte_ns; /* shortest time of printing a byte */
	bool pages_deferred;
	char notes[WB_TL_NOTES][192]; /* what is missing, with the reason */
	size_t n_notes;
};

/* The phase of that name, or NULL. */
const struct wb_tl_phase *wb_timeline_phase(const struct wb_timeline *t, const char *name);
/* The name to show. Borrowed. */
static inline const char *wb_tl_unit_name(const struct wb_tl_unit *u)
{
	return *u->name ? u->name : u->unit;
}

/* Is it known when the unit was silent, so that this can be drawn? */
static inline bool wb_tl_unit_is_placed(const struct wb_tl_unit *u)
{
	return u->silent_s >= 0 && u->silent_from_s >= 0;
}

/* Length of the phase; 0: there is none. */
double wb_timeline_seconds(const struct wb_timeline *t, const char *name);
/* Add a note, if there is room. */
void wb_timeline_note(struct wb_timeline *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Names of phases that other files use. */
#define WB_PHASE_STAGING "staging"
#define WB_PHASE_STOP "stop units"
#define WB_PHASE_FREEZE "freeze"
#define WB_PHASE_UNMOUNT "unmount"
#define WB_PHASE_WRITE "write out"
#define WB_PHASE_DEVICES "device shutdown"
#define WB_PHASE_COPY "segment copy"
#define WB_PHASE_PURGATORY "purgatory"
#define WB_PHASE_UNPACK "decompression"
#define WB_PHASE_ENTRY "kernel entry"
#define WB_PHASE_KERNEL "kernel"
#define WB_PHASE_INITRAMFS "initramfs"
#define WB_PHASE_THAW "thaw"
#define WB_PHASE_USER "user space"
#define WB_PHASE_LATE "late jobs"
#define WB_PHASE_PROBE "first good probe"
#define WB_PHASE_FIRMWARE "firmware"
#define WB_PHASE_LOADER "boot loader"

/* The timeline as JSON; indent 0: on one line. *ret to be freed. -ENOMEM. */
int wb_timeline_json(const struct wb_timeline *t, int indent, char **ret);
/* -EBADMSG with a sentence, -ENOMEM. */
int wb_timeline_parse(const char *json, struct wb_timeline *ret, struct wb_error *err);

/* Pictures; *ret to be freed. `other`: a boot to compare with, or NULL. -ENOMEM. */
int wb_timeline_text(const struct wb_timeline *t, const struct wb_timeline *other, char **ret);
int wb_timeline_svg(const struct wb_timeline *t, const struct wb_timeline *other, char **ret);
int wb_timeline_html(const struct wb_timeline *t, const struct wb_timeline *other, char **ret);
/* Metrics for node_exporter's textfile collector. `n` boots, oldest first. */
int wb_timeline_prometheus(const struct wb_timeline *const *boots, size_t n, char **ret);
