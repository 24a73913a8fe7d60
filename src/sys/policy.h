/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The gates in front of kexec: which loads the running kernel allows. */
#pragma once

#include "plan/target.h"
#include "sys/sys.h"

struct wb_policy {
	bool may_boot;     /* CAP_SYS_BOOT */
	bool disabled;     /* kernel.kexec_load_disabled = 1 */
	bool spent;        /* the target's limit of loads is down to 0 (since Linux 6.3) */
	const char *limit; /* name of that limit, from the target's row */
	bool no_kexec;     /* kernel without kexec at all */
	bool signature;    /* only signed kernels may be loaded: lockdown or KEXEC_SIG_FORCE */
	bool secure_boot;  /* the firmware ran signed programs only, and there is no lockdown */
	bool unverified;   /* the kernel's configuration is known, and kexec checks no signatures */
	bool kho;          /* kexec handover is on: only kexec_file_load(2) passes its state on */
	char lockdown[32]; /* "none", "integrity", "confidentiality"; "" when the kernel has none */
	char signature_why[96];
};

/*
 * The call for a user who leaves the choice open: true is the verified call, kexec_file_load(2).
 * placed: the request has something that this call does not support (addresses, a device tree, a
 * store in memory). *ret_why: a sentence, or "" if nothing speaks for that call. Pure.
 */
#define WB_POLICY_WHY 240
bool wb_policy_wants_file(const struct wb_policy *p, bool placed, char ret_why[WB_POLICY_WHY]);

void wb_policy_read(const struct wb_sys *sys, enum wb_target_id target, struct wb_policy *ret);
/* Refuse with a sentence that names the gate; 0 when loading by `file` (or not) may go on. */
int wb_policy_check(const struct wb_policy *p, bool file, struct wb_error *err);
