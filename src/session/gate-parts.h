/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that the files of session/gate.h share. */
#pragma once

#include "guard/pairs.h"
#include "session/gate.h"

/*
 * Each looks at one thing, and adds sentences to `facts`. 0: it is known; 1: it is worth waiting for, and
 * `facts` is to be thrown away. last: there is no time left, so 1 is not returned. -ENOMEM.
 */
/*
 * Count the verdict in the ledger of kernel pairs. runs: the kernel on trial is the one that runs. A failure is only
 * told.
 */
void wb_gate_note(const struct wb_gate_host *h, const struct wb_trial *t, bool runs,
	enum wb_pair_phase phase);
/* Read the trial again, since a person has judged. */
int wb_trial_again(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err);
/* Do what the trial says of a bad kernel. */
int wb_gate_act(const struct wb_gate_host *h, struct wb_trial *t, struct wb_error *err);
int wb_gate_look_at_boot(const struct wb_gate_host *h, bool last, struct wb_gate_facts *facts);
int wb_gate_look_at_units(
	const struct wb_gate_host *h, const struct wb_trial *t, struct wb_gate_facts *facts);
int wb_gate_look_at_target(
	const struct wb_gate_host *h, uint64_t until_ns, struct wb_gate_facts *facts);
int wb_gate_look_at_kept(const struct wb_gate_host *h, const struct wb_trial *t, bool last,
	struct wb_gate_facts *facts);
int wb_gate_look_at_probes(const struct wb_gate_host *h, bool last, struct wb_gate_facts *facts);
