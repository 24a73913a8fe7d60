/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interface to a systemd manager (PID 1 or a user's), which tests replace. */
#pragma once

#include <stdint.h>

#include "core/error.h"
#include "systemd/unit.h"

/* Add a unit of this name. *ret is zeroed except for the name, and valid until the next call. */
typedef int wb_unit_add(void *arg, const char *name, struct wb_unit **ret);

/* Properties of a unit that are not in struct wb_unit. Owned strings, NULL where unknown. */
struct wb_unit_facts {
	bool can_isolate;
	bool asked;     /* another unit wants or requires it; not set for a running unit */
	bool oneshot;   /* service of Type=oneshot; set only while it is starting */
	char *bus_name; /* of a service: its name on the bus, "" none */
	char *where;    /* of a mount: where it is mounted */
	char *what;     /* of a swap: file or device */
	int priority;
};

/* One manager of systemd: PID 1, or a user's. */
struct wb_manager {
	void *ctx;
	/*
	 * Call `add` for every loaded unit, until it fails, and fill in `active` and `sub`. A unit
	 * with a queued start is "activating".
	 */
	int (*list)(void *ctx, wb_unit_add *add, void *arg, struct wb_error *err);
	/* Fill in the rest of a unit, except `cannot`. */
	int (*facts)(
		void *ctx, struct wb_unit *unit, struct wb_unit_facts *ret, struct wb_error *err);
	/*
	 * Create empty transient units of these names, without starting them. Their files and a
	 * reload fill them in later. Only a unit that began as transient disappears when it ends.
	 * They stay loaded until release(). On failure some may have been created.
	 */
	int (*make_transient)(void *ctx, const struct wb_strv *names, struct wb_error *err);
	/* Let systemd unload those of make_transient() that do not run. */
	void (*release)(void *ctx);
	/* Read all unit files again. */
	int (*reload)(void *ctx, struct wb_error *err);
	/* Queue a start of a unit; *ret_job to be freed. Negative errno with systemd's sentence. */
	int (*start)(void *ctx, const char *unit, char **ret_job, struct wb_error *err);
	/*
	 * Wait for the end of a job, until now_usec() reaches `until`. 1 with the job and its
	 * result ("done", "failed", "dependency", …), both to be freed; 0: timeout.
	 */
	int (*wait)(
		void *ctx, uint64_t until, char **ret_job, char **ret_result, struct wb_error *err);
	/* Is the job still waiting for other jobs? */
	bool (*is_waiting)(void *ctx, const char *job);
	/* Cancel a job; a unit that is already starting continues. */
	void (*cancel)(void *ctx, const char *job);
	/*
	 * The result of the unit's last run: "exit-code", "timeout", …; NULL unknown. To be freed.
	 */
	char *(*result)(void *ctx, const char *unit);
	/* CLOCK_MONOTONIC, for the `until` of wait(). */
	uint64_t (*now_usec)(void *ctx);
	/* Close the connection, and free ctx. */
	void (*close)(void *ctx);
};

static inline void wb_manager_close(struct wb_manager *m)
{
	if (m->close)
		m->close(m->ctx);
}

#define WB_CLEAN_MANAGER __attribute__((cleanup(wb_manager_close))) struct wb_manager

/*
 * Connect to systemd over its private socket. uid -1: PID 1; else that user's manager, with the
 * rights of the user. To be closed with ret->close().
 */
int wb_manager_open(int64_t uid, struct wb_manager *ret, struct wb_error *err);
