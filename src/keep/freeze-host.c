// SPDX-License-Identifier: LGPL-2.1-or-later
/* The freeze on the machine itself: preflight, CRIU, nft and ip behind the one table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "keep/definition.h"
#include "keep/threads.h"
#include "keep/freeze.h"
#include "keep/hold.h"
#include "keep/images.h"
#include "keep/preflight.h"
#include "keep/settle.h"
#include "keep/take.h"
#include "keep/wake.h"
#include "timeline/marks.h"

/* A thread started late may have any number above its process's. */
static int64_t highest_thread(const struct wb_files *files, const struct wb_manifest_unit *u)
{
	int64_t highest = 0;

	for (size_t i = 0; i < u->pids.n; i++) {
		WB_CLEAN_STRV threads = {};
		char path[64];

		snprintf(path, sizeof(path), "/proc/%lld/task", (long long)u->pids.items[i]);
		if (files->list(files->ctx, path, &threads, NULL) < 0)
			continue;
		for (size_t k = 0; k < threads.n; k++) {
			int64_t number = strtoll(threads.items[k], NULL, 10);

			if (number > highest)
				highest = number;
		}
	}
	return highest;
}

/* What is configured and not there yet may be until the unit stands still. */
static int add_files(const struct wb_strv *from, struct wb_strv *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = wb_strv_add_once(to, from->items[i]);
	return r;
}

static int host_look(void *ctx, struct wb_manifest_unit *u, struct wb_strv *ret_files,
	int64_t *ret_highest, struct wb_error *err)
{
	const struct wb_freeze_host *host = ctx;
	const struct wb_files *files = host->sys->files;
	const struct wb_keep_look look = wb_keep_look_host(files, host->criu, host->release);
	WB_CLEAN_KEEP_VERDICT verdict = {};
	WB_CLEAN_KEEP_CONFIG config = {};
	int r = wb_keep_config_read(files, u->unit, &config, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = wb_keep_look(&look, u->unit, r == 0 ? &config : NULL, &verdict, err);
	/*
	 * The shutdown spares it: if it does not run, nobody stopped it who will start it again. But for
	 * systemd, which is told not to in these seconds: then the next boot starts it.
	 */
	if ((r == -ESRCH || r == -ENOENT) && !wb_definition_restarts(u, false) &&
		wb_service_has_ended(look.units, u->unit))
		return wb_fail(err, WB_FREEZE_ENDED, "%s has ended", u->unit);
	if (r < 0)
		return r;
	if (verdict.how != WB_KEEP_PROCESS)
		return wb_fail(err, -EOPNOTSUPP, "%s",
			verdict.reasons.n ? verdict.reasons.items[0] : "it cannot be kept");
	r = wb_keep_verdict_to_manifest(&verdict, u, err);
	if (r == 0)
		r = add_files(&verdict.files, ret_files);
	if (r == 0)
		r = add_files(&verdict.later, ret_files);
	*ret_highest = highest_thread(files, u);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

static uint64_t host_mono_ns(void *ctx)
{
	const struct wb_freeze_host *host = ctx;

	return host->sys->mono_ns(host->sys->ctx);
}

static void host_pause(void *ctx, unsigned ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000l};

	nanosleep(&t, NULL);
}

/* Of `n` connections, if there are any. */
static void note_lost(struct wb_freeze_host *host, size_t n, const char *what)
{
	struct wb_error line = {};

	if (!n)
		return;
	wb_fail(&line, -ECONNABORTED, "%zu connection%s of kept services %s", n, n > 1 ? "s" : "",
		what);
	wb_strv_add(&host->lost, line.text);
}

/* Whatever fails here, the hold that follows tells of it. */
static void host_settle(void *ctx, const struct wb_manifest *m)
{
	struct wb_freeze_host *host = ctx;
	WB_CLEAN_SETTLE s = {.files = host->sys->files,
		.ctx = host,
		.mono_ns = host_mono_ns,
		.pause = host_pause};

	note_lost(host, wb_settle_closed(&s, m),
		"had been closed with data that the peer did not confirm: that data is lost");
	if (wb_hold_newcomers(&wb_runner_host, m, host->hold_s, NULL) == 0)
		note_lost(host, wb_settle_accepts(&s, m),
			"had not been accepted in time: clients have to connect again");
}

static int host_hold(void *ctx, const struct wb_manifest *m, char **held, struct wb_error *err)
{
	const struct wb_freeze_host *host = ctx;

	return wb_hold_renew(&wb_runner_host, m, host->hold_s, held, err);
}

static void host_unhold(void *ctx)
{
	wb_hold_end(&wb_runner_host, WB_HOLD_KEPT, NULL);
	wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, NULL);
}

/* What a dump into the store consists of. The parts refer to each other. */
struct dump {
	struct wb_criu_image image;
	struct wb_images images;
	struct wb_stream_sink sink;
	struct wb_criu_dump how;
};

static int prepare(struct dump *d, const struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	int r = wb_criu_image_read(u->image, &d->image, err);

	d->images = (struct wb_images){store, u->images};
	d->sink = wb_images_sink(&d->images);
	d->how = (struct wb_criu_dump){.unit = u->unit, .image = &d->image, .sink = &d->sink};
	return r;
}

/* Whoever restores it must know that the images are in two parts. */
static int note_incremental(struct wb_manifest_unit *u, struct wb_criu_image *image)
{
	json_t *json;

	image->incremental = true;
	json = wb_criu_image_write(image);
	if (!json)
		return -ENOMEM;
	json_decref(u->image);
	u->image = json;
	return 0;
}

static int host_freeze(void *ctx, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_frozen **ret, struct wb_error *err)
{
	const struct wb_freeze_host *host = ctx;
	struct wb_stream_stats stats = {};
	struct dump d = {};
	int r;

	wb_mark_unit(host->sys, WB_MARK_FREEZE_BEGIN, u->unit);
	r = prepare(&d, u, store, err);
	d.how.incremental = u->ahead_pid;
	if (r == 0)
		r = wb_criu_freeze(host->sys, &d.how, &stats, (struct wb_criu_frozen **)ret, err);
	if (r == 0 && d.how.incremental && note_incremental(u, &d.image) < 0) {
		wb_criu_cancel((struct wb_criu_frozen *)*ret, NULL);
		*ret = NULL;
		r = wb_oom(err);
	}
	if (r == 0)
		u->dump_bytes = (int64_t)stats.bytes;
	wb_criu_image_deinit(&d.image);
	wb_mark_unit(host->sys, WB_MARK_FREEZE_END, u->unit);
	return r;
}

static int host_note(void *ctx, struct wb_manifest_unit *u, struct wb_strv *files, int64_t *highest,
	struct wb_error *err)
{
	const struct wb_freeze_host *host = ctx;
	char root[64];
	int64_t now;
	int r;

	snprintf(root, sizeof(root), "/proc/%lld/root", (long long)u->main_pid);
	r = wb_keep_look_still(host->sys->files, root, u, files, err);
	if (r < 0)
		return r;
	now = highest_thread(host->sys->files, u);
	if (now > *highest)
		*highest = now;
	wb_threads_note(host->sys->files, u);
	wb_wake_note(host->sys->files, u);
	return 0;
}

static int host_take(void *ctx, struct wb_manifest_unit *u, const struct wb_strv *files,
	struct wb_store *store, struct wb_error *err)
{
	char root[64];

	snprintf(root, sizeof(root), "/proc/%lld/root", (long long)u->main_pid);
	return wb_take_files(root, files, u, store, err);
}

static int host_commit(void *ctx, struct wb_frozen *frozen, struct wb_error *err)
{
	return wb_criu_commit((struct wb_criu_frozen *)frozen, err);
}

static int host_cancel(void *ctx, struct wb_frozen *frozen, struct wb_error *err)
{
	return wb_criu_cancel((struct wb_criu_frozen *)frozen, err);
}

static int host_net(void *ctx, struct wb_net *ret, struct wb_error *err)
{
	const struct wb_freeze_host *host = ctx;

	return wb_net_read(host->sys->files, &wb_runner_host, ret, err);
}

static void host_now(void *ctx, int64_t *ret_wall_ns, int64_t *ret_tsc)
{
	const struct wb_freeze_host *host = ctx;

	*ret_wall_ns = (int64_t)host->sys->wall_ns(host->sys->ctx);
	*ret_tsc = (int64_t)host->sys->tsc(host->sys->ctx);
}

struct wb_freeze_ops wb_freeze_ops_host(struct wb_freeze_host *host)
{
	return (struct wb_freeze_ops){
		.ctx = host,
		.settle = host_settle,
		.look = host_look,
		.hold = host_hold,
		.unhold = host_unhold,
		.freeze = host_freeze,
		.note = host_note,
		.take = host_take,
		.commit = host_commit,
		.cancel = host_cancel,
		.net = host_net,
		.now = host_now,
	};
}

/* What the freeze itself would do; the unit stands still from its beginning to the last word. */
static int rehearse_incremental(const struct wb_sys *sys, const struct dump *d,
	int64_t *ret_frozen_us, struct wb_error *err)
{
	uint64_t since = sys->wall_ns(sys->ctx), now;
	struct wb_criu_frozen *frozen;
	struct wb_stream_stats stats;
	int r = wb_criu_freeze(sys, &d->how, &stats, &frozen, err);

	if (r == 0)
		r = wb_criu_cancel(frozen, err);
	now = sys->wall_ns(sys->ctx);
	if (r == 0)
		*ret_frozen_us = now > since ? (int64_t)((now - since) / 1000) : 0;
	return r;
}

int wb_freeze_rehearse(const struct wb_sys *sys, struct wb_manifest_unit *u, struct wb_store *store,
	int64_t *ret_frozen_us, struct wb_error *err)
{
	struct wb_stream_stats stats;
	struct dump d = {};
	int r = prepare(&d, u, store, err);

	d.how.incremental = u->ahead_pid;
	if (r == 0 && d.how.incremental)
		r = rehearse_incremental(sys, &d, ret_frozen_us, err);
	else if (r == 0)
		r = wb_criu_rehearse(sys, &d.how, &stats, ret_frozen_us, err);
	wb_criu_image_deinit(&d.image);
	wb_store_forget(store, u->images, NULL);
	u->ahead_pid = 0;
	return r;
}

int wb_freeze_ahead(const struct wb_sys *sys, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	struct wb_stream_stats stats;
	struct dump d = {};
	int r = prepare(&d, u, store, err);

	if (r == 0)
		r = wb_criu_predump(sys, &d.how, &stats, err);
	if (r == 0) {
		u->ahead_pid = d.image.main_pid;
		u->ahead_bytes = (int64_t)stats.bytes;
	} else {
		wb_store_forget(store, u->images, NULL);
	}
	wb_criu_image_deinit(&d.image);
	return r;
}
