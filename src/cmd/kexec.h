/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kexec-tools' command line (kexec(8)), read into what is to be done. */
#pragma once

#include "cmd/load.h"

struct kexec_request {
	bool version, status, crash_size, unload, load, shutdown, exec; /* in this order */
	bool sync, net_down;                                            /* before exec */
	bool of_crash_kernel; /* status: that one is meant */
	bool debug;
	bool reuse_initrd;
	char *append, *cmdline; /* owned, behind those of req */
	struct cmd_request req;
};

/* -EINVAL wrong usage, -EOPNOTSUPP what warmboot does not do, -ENOMEM. Pure. */
int kexec_request_read(
	const struct cmd_args *args, struct kexec_request *ret, struct wb_error *err);
void kexec_request_deinit(struct kexec_request *k);
