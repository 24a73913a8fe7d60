/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The trial of a kernel: from a guarded jump until the health gate, or a person, has judged the kernel.
 * It is one small file that outlives the boot. It is written before the jump, and judged once.
 */
#pragma once

#include "core/names.h"
#include "core/strv.h"
#include "guard/pin.h"
#include "sys/sys.h"

#define WB_TRIAL "/var/lib/warmboot/trial.json"
/* There as long as a trial is open, or its pin may be set: the reason to start the gate in a boot. */
#define WB_TRIAL_RUNS "/var/lib/warmboot/trial-runs"
/* In the boot that is on trial: the gate has passed, so that a watchdog need not bite any more. */
#define WB_GATE_PASSED "/run/warmboot/gate-passed"

enum wb_trial_verdict {
	WB_TRIAL_OPEN = 0, /* not judged yet */
	WB_TRIAL_GOOD,
	WB_TRIAL_DEGRADED, /* the machine serves, but something that was kept or wanted is not as before */
	WB_TRIAL_BAD,
	WB_TRIAL_LEFT, /* another jump left that kernel before it was judged */
};

/* The action after a bad verdict on a kernel that still runs. */
enum wb_trial_action {
	WB_TRIAL_TELL = 0,  /* nothing else than saying so */
	WB_TRIAL_REBOOT,    /* through the firmware, to where the pin leads */
	WB_TRIAL_JUMP_BACK, /* a jump to the old kernel, with the kept services */
};

extern const struct wb_name wb_trial_verdicts[], wb_trial_actions[];
const char *wb_trial_verdict_name(enum wb_trial_verdict verdict);

/* Owned strings, NULL where not known. */
struct wb_trial {
	int64_t version;
	char *nonce;     /* of the jump; NULL: another program staged the kernel */
	char *boot_id;   /* of the boot that jumps */
	char *from, *to; /* kernel releases */
	char *method;    /* of the load */
	/* For the ledger of kernel pairs (guard/pairs.h): of the kernel from before, and of the other by its file. */
	char *from_id, *from_name, *to_name;
	char *class; /* hash of the machine's class, as the kernel from before saw it */
	char *entry; /* the boot entry of the kernel on trial */
	char *back;  /* the boot entry of the kernel that ran before */
	char *pin_loader, *pin_path, *pin_value; /* the pin to that entry, as struct wb_pin */
	char *no_pin;                            /* a sentence: why there is none */
	int64_t panic_before,
		oops_before; /* kernel.panic and panic_on_oops of the kernel from before */
	bool panic;          /* the words WB_TRIAL_WORDS are on the command line */
	bool manual;         /* a person must confirm the kernel */
	enum wb_trial_action action;
	int64_t deadline_s;     /* for the gate, from the start of the kernel */
	int64_t confirm_s;      /* for the person, from the end of the gate */
	struct wb_strv failed;  /* units that had failed before the jump */
	struct wb_strv records; /* of pstore, from before */
	struct wb_strv kept;    /* units that are kept over the jump */
	struct wb_strv forced;  /* checks whose findings were overridden */
	int64_t time;           /* seconds of CLOCK_REALTIME */
	/* From the boot after: */
	bool waits;            /* the gate has passed, and a person is waited for */
	int64_t waits_until_s; /* CLOCK_BOOTTIME of that boot */
	enum wb_trial_verdict verdict;
	char *judged_boot; /* its boot id */
	char *why;         /* a sentence */
	char *phase;       /* that the new kernel reached, in a failure */
	char *evidence;    /* where that is known from */
	char *done;        /* what was done then */
	int64_t judged;    /* seconds of CLOCK_REALTIME */
};

/* A kernel that panics is left for the old one, since the pin leads there. Nobody else uses this number of seconds. */
#define WB_TRIAL_PANIC_S 11
#define WB_TRIAL_MARK "warmboot.trial"
#define WB_TRIAL_WORDS "panic=11 oops=panic " WB_TRIAL_MARK

/* -ENOENT: there was no guarded jump; -EBADMSG with a sentence that names the file; -EACCES; -ENOMEM. */
int wb_trial_read(const struct wb_files *files, struct wb_trial *ret, struct wb_error *err);
/* The copy in WB_TRIAL_RUNS, from when the pin was set. Errors as above. */
int wb_trial_read_runs(const struct wb_files *files, struct wb_trial *ret, struct wb_error *err);
int wb_trial_write_runs(
	const struct wb_sys *sys, const struct wb_trial *trial, struct wb_error *err);
/* Replace the file atomically. Negative errno with a sentence. */
int wb_trial_write(const struct wb_sys *sys, const struct wb_trial *trial, struct wb_error *err);
void wb_trial_deinit(struct wb_trial *trial);
#define WB_CLEAN_TRIAL __attribute__((cleanup(wb_trial_deinit))) struct wb_trial

/* Its verdict as metrics of Prometheus' text format 0.0.4; to be freed. NULL: out of memory. */
char *wb_trial_metrics(const struct wb_trial *trial);
/* Was the kernel of this boot (its id) on trial? */
bool wb_trial_is_of(const struct wb_trial *trial, const char *boot_id);
/* Its pin, borrowed from the trial. loader NULL: it has none. */
struct wb_pin wb_trial_pin(const struct wb_trial *trial);
