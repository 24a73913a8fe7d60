/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Access of a session to the machine and to its caller, which tests replace. The caller prints; the
 * session does not.
 */
#pragma once

#include "guard/check.h"
#include "jump/jump.h"
#include "keep/freeze.h"
#include "keep/named.h"
#include "replay/manager.h"
#include "store/backend.h"
#include "survey/preflight.h"
#include "sys/quiesce.h"
#include "sys/runner.h"
#include "warmboot.h"

#define WB_CACHE_DIR "/var/cache/warmboot"

/* A table of the operations. Its pointers must outlive the session. */
struct wb_session_host {
	const struct wb_sys *sys;
	const struct wb_store_env *store;
	const struct wb_quiesce *quiesce;
	const struct wb_runner *runner; /* systemctl, nft, ip, criu */
	const struct wb_services *services;
	const struct wb_replay_host *replay;
	const struct wb_teller *tell; /* NULL: no callbacks */
	const char *lock_path;        /* NULL: WB_LOCK_PATH */
	const char *cache; /* of unpacked kernels, for loads that name none; NULL: none */
	const struct wb_check_ops *checks; /* of the preflight; NULL: nothing is checked */
	/* The init system that runs here; NULL: no known one. */
	const struct wb_init *(*init)(const struct wb_files *files);
	/* Is a shutdown under way? As wb_jump_under_way(). */
	int (*under_way)(const struct wb_files *files, struct wb_error *err);
	/* For look(), while one decision is made (struct wb_keep_look); NULL: none is. */
	const struct wb_files *machine;
	/* Units that are looked at, or rehearsed, at a time, each in a thread; 0 and 1: one after the other. */
	unsigned workers;
	/* wb_keep_look() with `ways` on this machine. Several threads may call it. criu NULL: not installed; release NULL: unknown. */
	int (*look)(const struct wb_session_host *h, const char *unit,
		const struct wb_keep_config *config, const char *criu, const char *release,
		struct wb_keep_verdict *ret, struct wb_error *err);
	/* Bytes of the files that must be saved with a unit, if they can be. */
	int (*measure)(const char *unit, const struct wb_keep_verdict *verdict, uint64_t *ret_bytes,
		struct wb_error *err);
	const struct wb_keep_means *const *ways; /* of keeping; NULL: wb_ways_all */
	const struct wb_keep_finder *const
		*finders;    /* of names with a kind; NULL: wb_keep_finders_all */
	const char *domains; /* directory for FIFOs to libvirt; NULL: WB_DOMAIN_DIR */
	/*
	 * Does PID 1 use a watchdog while the system runs (systemd's RuntimeWatchdogSec=)? NULL: it does not.
	 */
	bool (*init_watchdog)(void);
	/*
	 * Let the init system arm its watchdog for so many microseconds at the end of a shutdown for a jump; 0: not.
	 * *ret_before: the time until now. NULL: it cannot.
	 */
	int (*arm_at_shutdown)(uint64_t us, uint64_t *ret_before, struct wb_error *err);
	/* wb_freeze_ops_host() */
	struct wb_freeze_ops (*freezing)(struct wb_freeze_host *host);
};

/* The real machine. `replay` and `tell` must outlive the result. */
struct wb_session_host wb_session_host_real(
	const struct wb_replay_host *replay, const struct wb_teller *tell);

void wb_tell_progress(const struct wb_session_host *h, const char *what);
void wb_tell_warning(const struct wb_session_host *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int wb_tell_interrupted(const struct wb_session_host *h, struct wb_error *err);
