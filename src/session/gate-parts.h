/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that the files of session/gate.h share. */
#pragma once

#include "guard/pairs.h"
#include "session/gate.h"

#define WB_GATE_SECOND UINT64_C(1000000000)
/* The pause between two looks. */
#define WB_GATE_PAUSE_MS 500
/* The phases of a failure that only the gate tells. */
#define WB_GATE_BEFORE "before the new kernel's user space"
#define WB_GATE_USER_SPACE "user space"

/*
 * Each looks at one thing, and adds sentences to `facts`. 0: it is known; 1: it is worth waiting for, and
 * `facts` is to be thrown away. last: there is no time left, so 1 is not returned. -ENOMEM.
 */
int wb_gate_look_at_boot(const struct wb_gate_host *h, bool last, struct wb_gate_facts *facts);
int wb_gate_look_at_units(
	const struct wb_gate_host *h, const struct wb_trial *t, struct wb_gate_facts *facts);
int wb_gate_look_at_target(
	const struct wb_gate_host *h, uint64_t until_ns, struct wb_gate_facts *facts);
int wb_gate_look_at_kept(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts);
int wb_gate_look_at_probes(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts);

/* The trial as it is on record now, for a program that has waited. */
enum wb_gate_state {
	WB_GATE_OPEN,    /* it is the same, and not judged */
	WB_GATE_JUDGED,  /* it is judged, or gone */
	WB_GATE_ANOTHER, /* a jump is being asked for, whose trial it is: it may still be refused */
};
enum wb_gate_state wb_gate_state(const struct wb_gate_host *h, const struct wb_trial *t);
/* Is the kernel that runs the one on trial? 1 yes, 0 no, -ENOMEM. */
int wb_gate_is_here(const struct wb_gate_host *h, const struct wb_trial *t);
/* Read the trial again, since a person has judged. */
int wb_gate_again(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err);
void wb_gate_say(const struct wb_gate_host *h, const char *sentence);
bool wb_gate_is_over(const struct wb_gate_host *h, uint64_t until_ns);

/*
 * Write the verdict under the machine's lock, if the trial is still open (`overrule`: whatever it is), and count it in
 * the ledger. 1: it was judged meanwhile, and *t is what is on record. Negative errno with a sentence.
 */
struct wb_gate_verdict {
	enum wb_trial_verdict verdict;
	const char *why;
	bool runs; /* the kernel on trial is the one that runs */
	enum wb_pair_phase phase;
	bool overrule;
};
int wb_gate_write(const struct wb_gate_host *h, struct wb_trial *t, const struct wb_gate_verdict *v,
	struct wb_error *err);
/* Count the verdict in the ledger of kernel pairs. The lock is held. A failure is only told. */
void wb_gate_note(const struct wb_gate_host *h, const struct wb_trial *t, bool runs,
	enum wb_pair_phase phase);
/* Take the pin back, and end the trial's reason to start the gate. On failure that reason stays. */
int wb_gate_unpin(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_error *err);
/* The kernel stays: end what was for the trial only, and take the pin back. Errors of wb_gate_unpin(). */
int wb_gate_pass(const struct wb_gate_host *h, const struct wb_trial *t, struct wb_error *err);
/* A watchdog that guards the boot need not bite any more. */
void wb_gate_call_off_watchdog(const struct wb_gate_host *h);
/* Do what the trial says of a bad kernel. Negative errno with a sentence. */
int wb_gate_act(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err);
