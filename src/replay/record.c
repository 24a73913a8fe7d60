// SPDX-License-Identifier: LGPL-2.1-or-later
/* What runs, put down right before a jump. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/manager.h"

/* The uid of "user@UID.service". */
static bool is_user_manager(const char *unit, uint32_t *ret)
{
	char rest[16] = "";

	return sscanf(unit, "user@%" SCNu32 "%15s", ret, rest) == 2 && !strcmp(rest, ".service");
}

static int record_users(const struct wb_replay_host *host, struct wb_units *units,
	struct wb_strv *warnings, struct wb_error *err)
{
	/* Adding a world moves them. */
	size_t n = units->worlds[0].n_units;

	for (size_t i = 0; i < n; i++) {
		WB_CLEAN_WORLD world = {};
		struct wb_error why = {};
		uint32_t uid;
		int r;

		if (!is_user_manager(units->worlds[0].units[i].name, &uid))
			continue;
		r = wb_user_observe(host, uid, &world, &why);
		if (r == 0)
			r = wb_units_add_world(units, &world);
		else
			r = wb_strv_addf(warnings, "the units of user %u are not recorded: %s", uid,
				why.text);
		if (r < 0)
			return wb_oom(err);
	}
	return 0;
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
	r = record_users(host, &units, warnings, err);
	return r < 0 ? r : wb_units_write(host->sys, &units, err);
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
	/* Somebody can mend this, and would not want to find those units down. */
	if (r == -ENOSPC || r == -EDQUOT)
		return wb_fail(err, r,
			"what runs cannot be recorded, and units started by hand would stay down "
			"after the jump: %s; make room there and try again",
			why.text);
	if (r < 0) {
		sys->remove_file(sys->ctx, WB_UNITS_PATH);
		if (wb_strv_addf(warnings,
			    "what runs is not recorded, so that units started by hand stay down "
			    "after the jump: %s",
			    why.text) < 0)
			return wb_oom(err);
	}
	*ret_before = before;
	before = (struct wb_blob){};
	return 0;
}

void wb_replay_take_back(const struct wb_sys *sys, const struct wb_blob *before)
{
	if (!before->size ||
		sys->write_file(sys->ctx, WB_UNITS_PATH, wb_blob_view(before), 0600) < 0)
		sys->remove_file(sys->ctx, WB_UNITS_PATH);
}
