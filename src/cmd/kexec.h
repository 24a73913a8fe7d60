/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The actions and the request that a command line of kexec(8) asks for. */
#pragma once

#include "cmd/load.h"

struct kexec_request {
	bool version, status, crash_size, unload, load, shutdown, exec; /* actions, in this order */
	bool sync, net_down;                                            /* before `exec` */
	bool of_crash_kernel; /* `status` asks about a crash kernel */
	bool panic;           /* -p: load a crash kernel */
	bool force_dtb;       /* pass the running kernel's device tree on */
	bool debug;
	bool reuse_initrd;
	char *append, *cmdline; /* owned strings that req points to */
	struct wb_request req;
};

/* -EINVAL: wrong usage; -EOPNOTSUPP: warmboot does not support an option; -ENOMEM. Pure. */
int kexec_request_read(
	const struct cmd_args *args, struct kexec_request *ret, struct wb_error *err);
void kexec_request_deinit(struct kexec_request *k);
