/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the running kernel allows: the gates in front of kexec. */
#pragma once

#include "sys/sys.h"

struct wb_policy {
	bool may_boot;     /* CAP_SYS_BOOT */
	bool disabled;     /* kernel.kexec_load_disabled = 1 */
	bool spent;        /* kernel.kexec_load_limit_reboot is down to 0 (since Linux 6.3) */
	bool no_kexec;     /* kernel without kexec at all */
	bool signature;    /* only signed kernels may be loaded: lockdown or KEXEC_SIG_FORCE */
	bool kho;          /* kexec handover is on: only kexec_file_load(2) carries its state */
	char lockdown[32]; /* "none", "integrity", "confidentiality"; "" when the kernel has none */
	char signature_why[96];
};

void wb_policy_read(const struct wb_sys *sys, struct wb_policy *ret);
/* Refuse with the sentence that names the gate; 0 when loading by `file` (or not) may go on. */
int wb_policy_check(const struct wb_policy *p, bool file, struct wb_error *err);
