/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that a kept unit has started beside its main process since the shutdown began, mostly because the shutdown
 * stopped something that it uses: RabbitMQ starts a port mapper of its own when epmd.service has ended. CRIU takes one
 * tree of processes, and the shutdown ends all others anyway.
 */
#pragma once

#include "core/files.h"
#include "manifest/manifest.h"

/* The operations that end a process; tests have a fake. */
struct wb_strays_ops {
	void *ctx;
	const struct wb_files *files;
	/*
	 * Kill the process, if `is_it` still says yes when its number cannot be used by another one any more. 0: it was
	 * killed. Negative: it was not, or it is gone.
	 */
	int (*kill)(void *ctx, int64_t pid, bool (*is_it)(void *arg, int64_t pid), void *arg);
	/* Wait for so many milliseconds. */
	void (*pause)(void *ctx, unsigned ms);
};

/*
 * End the strays of a unit: they are in its control group, do not descend from its main process, and began after
 * `since_ns` of CLOCK_BOOTTIME. Older ones stay. A sentence for each is added to `told`. Waits half a second at most
 * until they are gone. -ENOMEM.
 */
int wb_strays_end(const struct wb_strays_ops *ops, const struct wb_manifest_unit *u,
	uint64_t since_ns, struct wb_strv *told);
/* The operations on this machine. */
struct wb_strays_ops wb_strays_ops_host(const struct wb_files *files);
