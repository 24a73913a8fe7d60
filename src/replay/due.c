// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading and writing the state of a replay in this boot, and deciding whether the record is for
 * this boot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/due.h"

int wb_results_write(
	const struct wb_sys *sys, const struct wb_results *results, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	int r = wb_results_print(results, &text);

	if (r < 0)
		return wb_oom(err);
	r = sys->write_file(sys->ctx, WB_REPLAY_PATH,
		(struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_REPLAY_PATH, strerror(-r));
	return 0;
}

char *wb_not_started_again(uint32_t uid, const char *why)
{
	return wb_strf("the units of user %u are not started again: %s", uid, why);
}

void wb_results_read(const struct wb_files *files, const char *boot_id, struct wb_results *ret)
{
	WB_CLEAN_RESULTS results = {};
	WB_CLEAN_BLOB blob = {};

	if (files->read(files->ctx, WB_REPLAY_PATH, WB_UNITS_LARGEST, &blob, NULL) < 0)
		return;
	if (wb_results_parse(wb_blob_view(&blob), WB_REPLAY_PATH, &results, NULL) < 0)
		return;
	if (!results.boot_id || !boot_id || strcmp(results.boot_id, boot_id))
		return;
	*ret = results;
	results = (struct wb_results){};
}

int wb_check_due(const struct wb_files *files, const struct wb_units *units,
	struct wb_traces *ret_traces, const char **ret_why, struct wb_error *err)
{
	WB_CLEAN_RECORD jump = {};
	WB_CLEAN_RESULTS left = {};
	bool known = wb_record_read(files, WB_RECORD_JUMP, &jump, NULL) == 0;

	if (wb_traces_read(files, ret_traces) < 0)
		return wb_oom(err);
	if (!wb_replay_due(units, known ? &jump : NULL, ret_traces, ret_why))
		return 0;
	/* The record cannot always be marked. */
	wb_results_read(files, ret_traces->boot_id, &left);
	if (left.boot_id)
		*ret_why = "it has been replayed already";
	return 0;
}

int wb_leave_ended(const struct wb_replay_host *host, struct wb_units *units, struct wb_error *err)
{
	const struct wb_world *world = wb_units_world(units, -1);

	for (size_t i = 0; host->ended && world && i < world->n_units; i++) {
		struct wb_unit *u = &world->units[i];

		if (!wb_strv_has(host->ended, u->name))
			continue;
		free(u->active);
		u->active = strdup("inactive");
		if (!u->active)
			return wb_oom(err);
	}
	return 0;
}
