/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A whole machine for a session: the files and the memory of fake-store, a kernel that can be
 * loaded and jumped to, an init system, services that run, are frozen or are gone, and a packet
 * filter. Each operation that can fail on a real machine is counted, and one of them can be made to
 * fail.
 */
#pragma once

#include "fake-store.h"
#include "session/session.h"

enum fake_unit_state { FAKE_RUNS = 0, FAKE_STILL, FAKE_GONE };

struct fake_unit {
	const char *name; /* NULL: none */
	bool process;     /* it can be kept as one */
	enum fake_unit_state state;
};

struct fake_machine {
	struct fake_store store; /* first, because its functions get a pointer to the whole */
	struct wb_session_host host;
	struct wb_quiesce quiesce;
	struct wb_runner runner;
	struct wb_services services;
	struct wb_replay_host replay;
	struct fake_unit units[4];
	uint8_t kernel[4096];
	char lock_dir[64], lock[96];
	char systemd[2048]; /* the drop-ins that systemd read last */
	char held[2][4096]; /* rulesets of the two tables; "" none */
	int shutdowns;      /* requests to the init system */
	/* faults */
	unsigned fail_at; /* this operation, counted from 1; 0: none */
	int kexec_result; /* of the init system, when it is asked for the jump */
	int inhibited;    /* a program inhibits shutdowns */
	unsigned operations, ticks;
	char failed[128]; /* name of the operation that failed; "": none yet */
};

void fake_machine_init(struct fake_machine *m);
void fake_machine_deinit(struct fake_machine *m);
/*
 * All state that a session may change, and must change back; to be freed. Marks are not part of it.
 */
char *fake_machine_state(struct fake_machine *m);
