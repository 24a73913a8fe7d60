// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/hold.h"
#include "keep/early.h"
#include "keep/needs.h"
#include "keep/revive.h"
#include "keep/unhold.h"
#include "keep/wake.h"
#include "replay/replay.h"

/* Whom the silence served listens: a firewall that is restarted later is not to bring it back. */
#define ENDED "/run/warmboot/unhold-done"
/* Names of units, a line each, that it goes on for until the replay has been. */
#define LEFT "/run/warmboot/unhold-left"

enum { OPT_MODULES = OPT_OWN, OPT_END, OPT_AGAIN };

static const struct cmd_option own_options[] = {
	{OPT_MODULES, 0, "modules", .help = "only load the modules that CRIU asks for"},
	{OPT_END, 0, "end", .help = "end the hold of units that were started anew"},
	{OPT_AGAIN, 0, "again", .help = "after nftables.service, whose rules begin with a flush"},
	{},
};

/* What is back has no hold any more, and needs none. */
static int hold_rest(const struct wb_files *files, const struct wb_early *early,
	const struct wb_manifest *m, struct wb_error *ret_warning, struct wb_error *err)
{
	struct wb_manifest rest;
	int r = wb_early_rest(early, m, &rest);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	r = wb_revive_hold(files, &wb_runner_host, &rest, WB_LINK_SECONDS, ret_warning, err);
	free(rest.units.items);
	return r;
}

static void pause_ms(void *ctx, unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

static bool is_it(void *arg, const char *unit)
{
	return !strcmp(arg, unit);
}

/* Who waits for an answer on a connection that is no more learns of it now, and can connect anew. */
static void wake_peers(void *ctx, const struct wb_manifest_unit *u)
{
	wb_wake_send(ctx, is_it, u->unit);
}

static int read_left(const struct wb_files *files, struct wb_strv *ret)
{
	WB_CLEAN_BLOB text = {};
	char *rest, *line;
	int r = 0;

	if (files->read(files->ctx, LEFT, 1 << 20, &text, NULL) < 0)
		return 0;
	for (rest = (char *)text.data; r == 0 && (line = strsep(&rest, "\n"));)
		r = *line ? wb_strv_add(ret, line) : 0;
	return r;
}

static void write_left(const struct wb_sys *sys, const struct wb_strv *left)
{
	WB_CLEAN_BLOB text = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < left->n; i++) {
		r = wb_blob_append(&text, left->items[i], strlen(left->items[i]));
		if (r == 0)
			r = wb_blob_append(&text, "\n", 1);
	}
	if (r == 0)
		sys->write_file(sys->ctx, LEFT, wb_blob_view(&text), 0600);
}

/* What cannot be read is no reason to keep anybody waiting. */
int cmd_hold_end(const struct wb_sys *sys, bool replayed, struct wb_error *err)
{
	WB_CLEAN_STRV left = {};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_RESULT result = {};
	const struct wb_unhold host = {.files = sys->files,
		.runner = &wb_runner_host,
		.ctx = &m,
		.pause = pause_ms,
		.replay = !replayed && sys->files->exists(sys->files->ctx, WB_UNITS_PATH),
		.released = wake_peers};

	if (sys->files->exists(sys->files->ctx, ENDED) ||
		(replayed && !sys->files->exists(sys->files->ctx, WB_MANIFEST_COPY)))
		return 0;
	if (wb_revive_read(sys->files, &m, NULL) < 0 ||
		wb_result_read(sys->files, WB_RESULT, &result, NULL) < 0) {
		sys->write_file(sys->ctx, ENDED, (struct wb_bytes){}, 0600);
		return wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, err);
	}
	if (read_left(sys->files, &left) < 0)
		return wb_oom(err);
	if (wb_unhold_run(&host, &m, &result, &left))
		sys->write_file(sys->ctx, ENDED, (struct wb_bytes){}, 0600);
	else
		write_left(sys, &left);
	return 0;
}

/* Those that come back, or start, only after it; the others are back. */
static int hold_again(
	const struct wb_files *files, const struct wb_manifest *m, struct wb_error *err)
{
	bool thawed = files->exists(files->ctx, WB_THAW_DONE);
	WB_CLEAN_SOCKETS sockets = {};
	struct wb_manifest rest = {.units = {calloc(m->units.n + 1, sizeof(*m->units.items)), 0}};
	int r = 0;

	if (!rest.units.items)
		return wb_oom(err);
	wb_sockets_read(files, 1, &sockets, NULL);
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		if ((!wb_manifest_is_process(u) && !wb_unhold_listens(u, &sockets)) ||
			(!thawed && wb_needs_network(m, u)))
			rest.units.items[rest.units.n++] = *u;
	}
	if (!files->exists(files->ctx, ENDED))
		r = wb_hold_apply(&wb_runner_host, &rest, WB_HOLD_SECONDS, err);
	free(rest.units.items);
	/* Who ended it meanwhile has nobody else to end this one. */
	if (r == 0 && files->exists(files->ctx, ENDED))
		r = wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, err);
	return r;
}

static int run_hold(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_error warning = {}, err = {};
	WB_CLEAN_EARLY early = {};
	WB_CLEAN_MANIFEST m = {};
	bool was_early;

	if (cmd_has(args, OPT_END)) {
		if (cmd_hold_end(sys, false, &err) < 0)
			return cmd_fail(args, &err);
		return CMD_DONE;
	}
	if (cmd_has(args, OPT_AGAIN)) {
		if (wb_revive_read(sys->files, &m, &err) < 0 ||
			hold_again(sys->files, &m, &err) < 0)
			return cmd_fail(args, &err);
		return CMD_DONE;
	}
	was_early = wb_early_read(sys, &early, NULL) == 0;
	if (cmd_has(args, OPT_MODULES)) {
		if (!was_early)
			wb_revive_modules(sys->files, &wb_runner_host);
		return CMD_DONE;
	}
	if (was_early && early.held)
		return CMD_DONE;
	if (wb_revive_read(sys->files, &m, &err) < 0 ||
		hold_rest(sys->files, &early, &m, &warning, &err) < 0)
		return cmd_fail(args, &err);
	/* Not the end of it: a thaw whose address is missing will fail for itself. */
	if (warning.code)
		cmd_fail(args, &warning);
	return CMD_DONE;
}

const struct cmd_row cmd_hold = {
	.name = "hold",
	.args = "",
	.help = "keep silent for the connections of kept services, then bring the network up",
	.options = {own_options},
	.run = run_hold,
};
