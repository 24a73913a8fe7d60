// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording what runs right before a jump: the system's units, and each lingering user's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "replay/manager.h"

/* The uid of "user@UID.service". */
static bool is_user_manager(const char *unit, uint32_t *ret)
{
	static const char head[] = "user@", tail[] = ".service";
	size_t n = strlen(unit), around = strlen(head) + strlen(tail);
	char name[32];
	uint64_t uid;

	if (n <= around || strncmp(unit, head, strlen(head)) ||
		strcmp(unit + n - strlen(tail), tail) ||
		!wb_span_number((struct wb_span){unit + strlen(head), n - around}, 10, &uid) ||
		uid > UINT32_MAX)
		return false;
	*ret = (uint32_t)uid;
	/* Each user has one name: no leading zeros. */
	snprintf(name, sizeof(name), "%s%u%s", head, *ret, tail);
	return !strcmp(unit, name);
}

/* Number of managers that are asked at a time, and the limit for all of them. */
#define AT_ONCE 8
#define SECONDS_FOR_ALL 30

/* A user who lingers, and the program that asks that user's manager. */
struct asked {
	uint32_t uid;
	struct wb_child child;
	struct wb_world world; /* its answer */
	/* reason why the program did not start, or its answer is not accepted */
	struct wb_error why;
};

static void ask(const struct wb_replay_host *host, uint64_t end_ns, struct asked *a)
{
	if (host->sys->mono_ns(host->sys->ctx) >= end_ns)
		wb_fail(&a->why, -ETIME, "the other users' managers took all of the time");
	else
		a->why.code = wb_user_ask(host, a->uid, false, &a->child, &a->why);
}

static void take_user(const struct wb_replay_host *host, struct asked *a, size_t share)
{
	if (a->why.code == 0)
		a->why.code = wb_user_answer(host, &a->child, share, &a->world, &a->why);
}

/*
 * Write one user's units, possibly cut, into a file of their own, and warn of units that are not
 * recorded. A failure affects that user only, except for lack of disk space or memory.
 */
static int write_user(const struct wb_sys *sys, struct asked *a, size_t share,
	struct wb_units *units, struct wb_strv *warnings, struct wb_error *err)
{
	int r = a->why.code;

	if (r == 0) {
		r = wb_user_files_add(sys, units, &a->world, &a->why);
		if (r == -ENOSPC || r == -EDQUOT || r == -ENOMEM)
			return wb_fail(err, r, "%s", a->why.text);
	}
	if (r < 0)
		r = wb_strv_addf(
			warnings, "the units of user %u are not recorded: %s", a->uid, a->why.text);
	else if (a->world.cut)
		r = wb_strv_addf(warnings,
			"%lld units and unit files of user %u are not recorded: more than the %zu "
			"KiB that a user has room for",
			(long long)a->world.cut, a->uid, share >> 10);
	return r < 0 ? wb_oom(err) : 0;
}

/* The users to ask, and a sentence about those beyond the limit. -ENOMEM. */
static int find_users(
	const struct wb_world *system, struct asked *ret, size_t *ret_n, struct wb_strv *warnings)
{
	size_t n = 0, more = 0;
	uint32_t uid;

	for (size_t i = 0; i < system->n_units; i++) {
		if (!is_user_manager(system->units[i].name, &uid))
			continue;
		if (n < WB_USERS_MOST)
			ret[n++].uid = uid;
		else
			more++;
	}
	*ret_n = n;
	return more ? wb_strv_addf(warnings,
			      "the units of %zu users are not recorded: a record has room for %d "
			      "users",
			      more, WB_USERS_MOST)
		    : 0;
}

static int record_users(const struct wb_replay_host *host, struct wb_units *units,
	struct wb_strv *warnings, struct wb_error *err)
{
	uint64_t end = host->sys->mono_ns(host->sys->ctx) + SECONDS_FOR_ALL * 1000000000ull;
	struct asked *all = calloc(WB_USERS_MOST, sizeof(*all));
	size_t n = 0, begun = 0;
	int r = all ? find_users(&units->worlds[0], all, &n, warnings) : -ENOMEM;

	r = r < 0 ? wb_oom(err) : n ? wb_user_files_begin(host->sys, units, err) : 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		for (; begun < n && begun < i + AT_ONCE; begun++)
			ask(host, end, &all[begun]);
		take_user(host, &all[i], wb_user_share(n));
	}
	/* Writing to the disk does not count against the time of the users. */
	for (size_t i = 0; r == 0 && i < n; i++)
		r = write_user(host->sys, &all[i], wb_user_share(n), units, warnings, err);
	for (size_t i = 0; i < n; i++)
		wb_world_deinit(&all[i].world);
	free(all);
	return r;
}

/*
 * Remove files that no record names, left by interrupted recordings. Files that the record on disk
 * names stay, since a refused jump restores that record.
 */
static void sweep_old(const struct wb_sys *sys)
{
	WB_CLEAN_UNITS units = {};
	int r = wb_units_read(sys->files, &units, NULL);

	if (r == 0 || r == -ENOENT || r == -EBADMSG)
		wb_user_files_sweep(sys, &units);
}

int wb_replay_record(const struct wb_replay_host *host, const struct wb_record *jump,
	struct wb_strv *warnings, struct wb_error *err)
{
	WB_CLEAN_UNITS units = {.time = jump->time};
	WB_CLEAN_MANAGER m = {};
	WB_CLEAN_WORLD world = {};
	int r;

	units.boot_id = jump->boot_id ? strdup(jump->boot_id) : NULL;
	units.nonce = jump->nonce ? strdup(jump->nonce) : NULL;
	if ((jump->boot_id && !units.boot_id) || (jump->nonce && !units.nonce))
		return wb_oom(err);
	r = host->open(host->ctx, -1, &m, err);
	if (r == 0)
		r = wb_world_observe(host, &m, -1, &world, err);
	if (r < 0)
		return r;
	if (wb_units_add_world(&units, &world) < 0)
		return wb_oom(err);
	sweep_old(host->sys);
	r = record_users(host, &units, warnings, err);
	/* A user's file counts only when the record names it. */
	if (r == 0)
		r = wb_units_write(host->sys, &units, err);
	if (r < 0)
		wb_user_files_remove(host->sys, &units);
	return r;
}

int wb_replay_record_first(const struct wb_replay_host *host, struct wb_blob *ret_before,
	struct wb_strv *warnings, struct wb_error *err)
{
	const struct wb_sys *sys = host->sys;
	WB_CLEAN_RECORD jump = {};
	WB_CLEAN_BLOB before = {};
	struct wb_error why = {};
	int r;

	sys->files->read(sys->files->ctx, WB_UNITS_PATH, WB_UNITS_LARGEST, &before, NULL);
	r = wb_record_read(sys->files, WB_RECORD_JUMP, &jump, &why);
	if (r == 0)
		r = wb_replay_record(host, &jump, warnings, &why);
	/* A user can free disk space, and would not want to miss those units. */
	if (r == -ENOSPC || r == -EDQUOT)
		return wb_fail(err, r,
			"the running units cannot be recorded, and those started by hand would "
			"stay down after the jump: %s; make room there and try again",
			why.text);
	if (r < 0) {
		sys->remove_file(sys->ctx, WB_UNITS_PATH);
		if (wb_strv_addf(warnings,
			    "the running units are not recorded, so that units started by hand "
			    "stay down after the jump: %s",
			    why.text) < 0)
			return wb_oom(err);
	}
	*ret_before = before;
	before = (struct wb_blob){};
	return 0;
}

void wb_replay_take_back(const struct wb_sys *sys, const struct wb_blob *before)
{
	WB_CLEAN_UNITS units = {};
	int r = 0;

	if (!before->size ||
		sys->write_file(sys->ctx, WB_UNITS_PATH, wb_blob_view(before), 0600) < 0)
		sys->remove_file(sys->ctx, WB_UNITS_PATH);
	else
		r = wb_units_parse(wb_blob_view(before), WB_UNITS_PATH, &units, NULL);
	/* A damaged record names no files. */
	if (r != -ENOMEM)
		wb_user_files_sweep(sys, &units);
}
