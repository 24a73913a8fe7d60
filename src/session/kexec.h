/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of kexec-tools' interface that a session does not have. */
#pragma once

#include "session/request.h"

/*
 * --reuseinitrd: add the running kernel's initrd to the request, whose array has room for it. -ENOENT:
 * the kernel did not keep it.
 */
int wb_kexec_reuse_initrd(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err);
/*
 * --force-dtb: pass the running kernel's device tree on, if there is one and the request names no other.
 * It needs kexec_load(2), so the choice of a call that is left open falls on that one.
 */
void wb_kexec_reuse_dtb(const struct wb_sys *sys, struct wb_request *req);
/*
 * --exec: jump to the loaded kernel at once, perhaps after writing file systems out and taking the
 * network down. Nothing but the kernel is needed, because systemd-shutdown asks for this when even /run
 * and a writable /var are gone. Returns only on failure: -ENOENT nothing is loaded, or the kernel's errno.
 */
int wb_kexec_now(const struct wb_session_host *h, bool sync, bool net_down, struct wb_error *err);
