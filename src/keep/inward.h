/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel tells some things of a thread to that thread only: its keyrings, whether Landlock restricts it, and
 * settings of prctl(2). So the threads are stopped for a moment and made to ask (sys/trace.h).
 */
#pragma once

#include "manifest/manifest.h"
#include "sys/namespaces.h"
#include "sys/sys.h"

/*
 * Look at the processes in u->pids. -EOPNOTSUPP with a sentence: there is something that would be gone after a restore.
 * Settings that can be made again go to u->inward, whose earlier contents are replaced. `whose` is the unit, and its pid
 * is not read. A process that has ended, or that cannot be made to ask, is skipped. -E2BIG: too many threads have
 * settings of their own; -ENOMEM.
 */
int wb_inward_note(const struct wb_sys *sys, const struct wb_ns_ops *namespaces,
	const struct wb_ns_whose *whose, struct wb_manifest_unit *u, struct wb_error *err);
/* Make the settings again in the restored threads, as far as these exist. -EREMOTEIO with a sentence. */
int wb_inward_restore(const struct wb_manifest_unit *u, struct wb_error *err);
