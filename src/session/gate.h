/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a trial: the health gate in the boot after a guarded jump, and what a person decides. */
#pragma once

#include "guard/gate.h"
#include "session/host.h"
#include "timeline/probe.h"

/* Access to the machine, besides that of the session. Tests replace it. */
struct wb_gate_host {
	const struct wb_sys *sys;
	const struct wb_runner *runner;
	const struct wb_gate_ops *ops;
	const struct wb_probe_io *probes; /* NULL: nobody is asked again */
	const char *lock_path;            /* for changes of the ledger; NULL: WB_LOCK_PATH */
	bool has_lock;                    /* the caller has that lock */
	void (*say)(void *arg, const char *sentence); /* progress, for the journal; may be NULL */
	void *arg;
};

/*
 * Judge the kernel on trial, unless that was done. It waits until the machine is up, all kept services
 * are back and all probes have answered, at most until the trial's deadline; with a manual trial then
 * for the person. The verdict is written, the pin is taken back unless the verdict is bad, and what the
 * trial says is done. 0 also if there is no trial. *ret has the trial as it is then. Negative errno with
 * a sentence.
 */
int wb_gate_run(const struct wb_gate_host *h, struct wb_trial *ret, struct wb_error *err);

/*
 * A person's word. Good: the kernel stays, whatever the gate says. -ENOENT with a sentence: the kernel that runs is not
 * on trial.
 */
int wb_gate_confirm(const struct wb_gate_host *h, struct wb_error *err);
/*
 * A person's word: the kernel is bad. `firmware`: the machine is rebooted through the firmware, to where
 * the pin leads; otherwise *ret_back is the boot entry to jump to, to be freed. -ENOENT as above.
 */
int wb_gate_reject(
	const struct wb_gate_host *h, bool firmware, char **ret_back, struct wb_error *err);

/* The jump back of wb_gate_reject() was refused: the trial says so. */
void wb_gate_refused(const struct wb_gate_host *h, const struct wb_error *why);

/*
 * Wait until the trial is judged, at most so many seconds (0: as long as it takes). *ret has it. -ENOENT:
 * there is none; -ETIME.
 */
int wb_gate_wait(
	const struct wb_gate_host *h, int64_t seconds, struct wb_trial *ret, struct wb_error *err);

/* The units that have failed, sorted. Under another init than systemd there are none. */
int wb_gate_failed_units(const struct wb_files *files, const struct wb_runner *runner,
	struct wb_strv *ret, struct wb_error *err);
