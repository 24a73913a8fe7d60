/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Staging by itself: the kernel that a plain reboot would boot is kept loaded, so that systemd makes a jump of that
 * reboot. Each change of a kernel or of the boot configuration starts wb_auto_run(). The shutdown calls
 * wb_auto_last_look(), which unloads what does not fit any more. docs/stage-auto.md has the whole of it.
 */
#pragma once

#include "guard/check.h"
#include "session/host.h"

/* While this file is there, staging by itself is on. */
#define WB_AUTO_SWITCH "/etc/warmboot/stage-auto"
/* While this file is there, it is off until the next boot, since /run is empty then. */
#define WB_AUTO_OFF_ONCE "/run/warmboot/stage-auto-off"
/* The result of the last run; /run is empty after a boot. */
#define WB_AUTO_RECORD "/run/warmboot/stage-auto.json"
/* Why the last shutdown was no jump, or kept no services; for the boots after it. */
#define WB_AUTO_NOTE "/var/lib/warmboot/stage-auto.json"

enum wb_auto_state {
	WB_AUTO_NOTHING = 0, /* no run in this boot yet */
	WB_AUTO_OFF,         /* it is off */
	WB_AUTO_STAGED,      /* the kernel of the record is loaded */
	WB_AUTO_REFUSED,     /* no kernel is loaded, for the reason in `why` */
	WB_AUTO_BUSY,        /* files are being changed: another run has to follow */
	WB_AUTO_FOREIGN,     /* somebody else has loaded a kernel, which stays */
};
/* "staged", "refused", … */
const char *wb_auto_state_name(enum wb_auto_state state);

/* Owned strings, NULL where not known. */
struct wb_auto_record {
	enum wb_auto_state state;
	char *entry, *kernel, *release; /* of the kernel that is loaded */
	char *nonce;                    /* number of the load, as in WB_RECORD_STAGED */
	char *print;                    /* of the files that it was made from */
	char *why;                      /* a sentence, for all states but STAGED */
	int64_t bytes;                  /* of memory that it takes, kernel and initramfs */
};

/* Errors as wb_json_read_file(). */
int wb_auto_record_read(
	const struct wb_files *files, struct wb_auto_record *ret, struct wb_error *err);
/* 0 or negative errno with a sentence. */
int wb_auto_record_write(
	const struct wb_sys *sys, const struct wb_auto_record *rec, struct wb_error *err);
void wb_auto_record_deinit(struct wb_auto_record *rec);
#define WB_CLEAN_AUTO_RECORD __attribute__((cleanup(wb_auto_record_deinit))) struct wb_auto_record

/* Why a shutdown was not what was expected. Owned strings. */
struct wb_auto_note {
	char *boot_id;  /* of the boot that it ended */
	char *firmware; /* why it went through the firmware; NULL: it did not */
	char *keeping;  /* why services that are to be kept were stopped; NULL: they were not */
};
/* This boot's, to be freed. Negative errno. */
int wb_auto_boot_id(const struct wb_files *files, char **ret);
/* Errors as wb_json_read_file(). */
int wb_auto_note_read(const struct wb_files *files, struct wb_auto_note *ret, struct wb_error *err);
void wb_auto_note_deinit(struct wb_auto_note *note);
#define WB_CLEAN_AUTO_NOTE __attribute__((cleanup(wb_auto_note_deinit))) struct wb_auto_note
/* Add to the note of this boot. NULL: nothing new of that kind. A note that cannot be written is told in the journal only. */
void wb_auto_note_add(const struct wb_session_host *h, const char *firmware, const char *keeping);
/* Remove the note, if it is of an earlier boot. */
void wb_auto_note_age(const struct wb_session_host *h);

struct wb_auto_host {
	const struct wb_session_host *session;
	const struct wb_check_ops *checks;
	void *ctx; /* of `checks` */
};

bool wb_auto_is_on(const struct wb_files *files);
/* Is the loaded kernel the one of the record? Not if somebody has loaded another one through warmboot. */
bool wb_auto_is_loaded(const struct wb_sys *sys, const struct wb_auto_record *rec);

/*
 * Stage the kernel that a plain reboot would boot, unless it is staged already. It is not staged if it is not
 * understood, or if the preflight refuses it, and an older kernel of an earlier run is unloaded then. *ret is also written to
 * WB_AUTO_RECORD. The caller has the lock. -EPERM; -ENOMEM; -EIO and others: the record cannot be written, and
 * nothing is staged then.
 */
int wb_auto_run(const struct wb_auto_host *a, struct wb_auto_record *ret, struct wb_error *err);
/*
 * Unload the kernel that wb_auto_run() has loaded, and record `why`. *ret_left: another kernel is loaded, which
 * stays. Errors of wb_unload().
 */
int wb_auto_drop(const struct wb_session_host *h, enum wb_auto_state state, const char *why,
	bool *ret_left, struct wb_error *err);

/*
 * 1: wb_auto_run() has loaded the kernel, and it still is what a plain reboot would boot. 0: somebody else has
 * loaded it, or none is loaded. -ESTALE with a sentence: it is another one meanwhile.
 */
int wb_auto_fits(const struct wb_sys *sys, struct wb_error *err);
/*
 * At the beginning of a shutdown, as long as all file systems are mounted: unload what does not fit any more, so
 * that the machine goes through its firmware, and note why. Does nothing if a session of warmboot made the shutdown.
 * `jumps`: the shutdown leads to a kexec. Returns whether it has unloaded, or errors of wb_unload().
 */
int wb_auto_last_look(const struct wb_session_host *h, bool jumps, struct wb_error *err);
