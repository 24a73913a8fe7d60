// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/rehearse.h"

/* CRIU writes in pieces of this size at most. */
#define PIECE (1u << 20)

void wb_keep_rehearsal_deinit(struct wb_keep_rehearsal *r)
{
	wb_keep_verdict_deinit(&r->verdict);
	*r = (struct wb_keep_rehearsal){};
}

char *wb_criu_version(const struct wb_runner *runner, const char *program)
{
	const char *const argv[] = {program ? program : "criu", "--version", NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = 30000, .mount_ns = -1};
	WB_CLEAN_BLOB out = {};
	char *version;

	if (runner->run(runner->ctx, &how, &out, NULL) != 0 ||
		wb_criu_parse_version(wb_blob_view(&out), &version) < 0)
		return NULL;
	return version;
}

/* ---- a sink that only counts ---- */

static int forget_begin(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	*ret = ctx;
	return 0;
}

static int forget_space(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	*ret = ctx;
	*ret_n = PIECE;
	return 0;
}

static void forget_commit(void *ctx, void *image, size_t n)
{
}

static int forget_end(void *ctx, void *image, struct wb_error *err)
{
	return 0;
}

static void forget_abort(void *ctx, void *image)
{
}

/* ---- the unit afterwards ---- */

/* The letter of its state (proc_pid_stat(5)); 0: it is gone. */
static char state_of(const struct wb_files *files, int64_t pid)
{
	WB_CLEAN_BLOB b = {};
	char path[64];
	const char *close;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	if (files->read(files->ctx, path, 1 << 16, &b, NULL) < 0)
		return 0;
	close = strrchr((const char *)b.data, ')');
	return close && close[1] == ' ' ? close[2] : 0;
}

/*
 * Whatever happened to CRIU, the service must run. -1 for `frozen`: it was not even begun. A task
 * that was killed, or went on in CRIU's code and fell, has its unit started again.
 */
static int check_alive(const struct wb_keep_rehearsing *with, const char *unit,
	struct wb_keep_rehearsal *r, struct wb_error *err)
{
	const char *const argv[] = {"systemctl", "restart", unit, NULL};
	const struct wb_files *files = with->sys->files;
	const struct wb_criu_image *image = &r->verdict.image;
	bool gone = false;

	for (size_t i = 0; i < image->pids.n; i++) {
		char state = state_of(files, image->pids.items[i]);

		if (state == 'T')
			(void)kill((pid_t)image->pids.items[i], SIGCONT);
		/* Children may come and go; the main process may not. */
		if (image->pids.items[i] == image->main_pid && (!state || strchr("ZX", state)))
			gone = true;
	}
	if (!gone)
		return 0;
	r->restarted = true;
	return wb_run(with->runner, argv, (struct wb_bytes){}, NULL, err);
}

/* ---- all of it ---- */

/* CRIU's refusal is the reason for the lower rung, and no failure. */
static int take_reason(struct wb_keep_rehearsal *r, const char *why)
{
	r->verdict.how = WB_KEEP_RESTART;
	return wb_strv_add(&r->verdict.reasons, why);
}

static int try_it(const struct wb_keep_rehearsing *with, const char *unit,
	struct wb_keep_rehearsal *r, struct wb_error *err)
{
	WB_CLEAN_BLOB piece = {};
	const struct wb_stream_sink *sink;
	struct wb_stream_sink forget;
	struct wb_criu_dump dump = {.program = with->criu_program,
		.unit = unit,
		.image = &r->verdict.image,
		.dir = with->dir};
	struct wb_stream_stats stats = {};
	struct wb_error why = {};
	int e = wb_blob_reserve(&piece, PIECE);

	if (e < 0)
		return wb_fail(err, e, "out of memory");
	forget = (struct wb_stream_sink){
		piece.data, forget_begin, forget_space, forget_commit, forget_end, forget_abort};
	sink = &forget;
	dump.sink = sink;
	r->tried = true;
	e = wb_criu_rehearse(with->sys, &dump, &stats, &r->frozen_us, &why);
	if (e == 0) {
		r->bytes = stats.bytes;
		r->images = stats.images;
	} else if (take_reason(r, why.text) < 0) {
		return wb_oom(err);
	}
	e = check_alive(with, unit, r, &why);
	if (r->restarted && take_reason(r, e < 0 ? why.text
						 : "it did not survive the rehearsal and was "
						   "started again") < 0)
		return wb_oom(err);
	return 0;
}

int wb_keep_rehearse(const struct wb_keep_rehearsing *with, const char *unit,
	const struct wb_keep_config *config, struct wb_keep_rehearsal *ret, struct wb_error *err)
{
	WB_CLEAN_KEEP_REHEARSAL r = {};
	int e = wb_keep_look(&with->look, unit, config, &r.verdict, err);

	if (e == 0 && r.verdict.how == WB_KEEP_PROCESS)
		e = try_it(with, unit, &r, err);
	if (e < 0)
		return e;
	*ret = r;
	r = (struct wb_keep_rehearsal){};
	return 0;
}
