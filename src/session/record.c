// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writing and restoring the records of a jump. */
#include <errno.h>
#include <string.h>

#include "session/record.h"
#include "systemd/systemctl.h"
#include "timeline/marks.h"

/* A larger file is no record of a jump. */
#define LARGEST (1 << 20)

/*
 * Write the record of the jump. The record of the load has more facts than are known now; if there
 * is none, another program loaded the kernel.
 */
static int record_jump(const struct wb_sys *sys, const struct wb_strv *forced, struct wb_error *err)
{
	WB_CLEAN_TRACES now = {};
	WB_CLEAN_RECORD rec = {};

	if (wb_traces_read(sys->files, &now) < 0)
		return wb_oom(err);
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &rec, NULL) < 0) {
		rec.boot_id = now.boot_id;
		rec.from = now.release;
		now.boot_id = now.release = NULL;
	}
	if (wb_strv_copy(forced, &rec.forced) < 0)
		return wb_oom(err);
	rec.time = sys->wall_ns(sys->ctx) / 1000000000;
	rec.since_ns = (int64_t)sys->boot_ns(sys->ctx);
	return wb_record_write(sys, WB_RECORD_JUMP, &rec, err);
}

/* That is not the record of an earlier shutdown that did not happen. */
bool wb_jump_is_recorded(const struct wb_sys *sys)
{
	WB_CLEAN_TRACES now = {};
	WB_CLEAN_RECORD jump = {}, staged = {};

	if (wb_traces_read(sys->files, &now) < 0 || !now.boot_id ||
		wb_record_read(sys->files, WB_RECORD_JUMP, &jump, NULL) < 0 || jump.judged_boot ||
		!jump.boot_id || strcmp(jump.boot_id, now.boot_id) != 0)
		return false;
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 &&
		staged.since_ns > jump.since_ns)
		return false;
	return wb_record_is_recent(&jump, sys->boot_ns(sys->ctx));
}

void wb_jump_record_others(const struct wb_sys *sys)
{
	const struct wb_strv none = {};

	if (wb_jump_is_recorded(sys) || record_jump(sys, &none, NULL) < 0)
		return;
	wb_mark(sys, WB_MARK_ASKED);
}

void wb_jump_before_deinit(struct wb_jump_before *before)
{
	wb_blob_deinit(&before->jump);
	wb_blob_deinit(&before->units);
	*before = (struct wb_jump_before){};
}

static void restore_jump(const struct wb_sys *sys, const struct wb_jump_before *before)
{
	if (before->had_jump)
		sys->write_file(sys->ctx, WB_RECORD_JUMP, wb_blob_view(&before->jump), 0600);
	else
		sys->remove_file(sys->ctx, WB_RECORD_JUMP);
}

static int record_units(
	const struct wb_session_host *h, struct wb_blob *ret_before, struct wb_error *err)
{
	WB_CLEAN_STRV warnings = {};
	int r;

	if (!wb_systemd_here(h->sys->files))
		return 0;
	r = wb_replay_record_first(h->replay, ret_before, &warnings, err);
	/* The warnings contain text from users' managers, of any length. */
	for (size_t i = 0; i < warnings.n; i++) {
		wb_make_plain(warnings.items[i]);
		if (h->tell && h->tell->warn)
			h->tell->warn(h->tell->arg, warnings.items[i]);
	}
	return r;
}

int wb_jump_record(const struct wb_session_host *h, const struct wb_strv *forced,
	struct wb_jump_before *ret, struct wb_error *err)
{
	WB_CLEAN_JUMP_BEFORE before = {};
	const struct wb_sys *sys = h->sys;
	int r;

	before.had_jump =
		sys->files->read(sys->files->ctx, WB_RECORD_JUMP, LARGEST, &before.jump, NULL) == 0;
	r = record_jump(sys, forced, err);
	/*
	 * A read-only /var is intended, so it does not stop the jump. A full disk is an accident,
	 * and does.
	 */
	if (r == -EROFS)
		wb_tell_warning(h, "/var is read-only, so the jump is not on record and \"warmboot "
				   "status\" will show less of it");
	else if (r < 0)
		return r;
	r = record_units(h, &before.units, err);
	if (r < 0) {
		restore_jump(sys, &before);
		return r;
	}
	*ret = before;
	before = (struct wb_jump_before){};
	return 0;
}

void wb_jump_unrecord(const struct wb_session_host *h, const struct wb_jump_before *before)
{
	restore_jump(h->sys, before);
	if (wb_systemd_here(h->sys->files))
		wb_replay_take_back(h->sys, &before->units);
}
