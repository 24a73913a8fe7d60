// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations of the freeze on the machine as a whole: the last look, the packet hold, network, clock. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/recall.h"
#include "keep/freeze.h"
#include "keep/judge.h"
#include "keep/strays.h"
#include "keep/threads.h"
#include "manifest/unit-list.h"
#include "net/drain.h"
#include "net/hold.h"
#include "net/silence.h"
#include "net/wake.h"
#include "systemd/definition.h"
#include "timeline/marks.h"

/* Of a packet hold. From a freeze to the next kernel's own hold it takes some seconds. */
#define LONG_SECONDS 60

/*
 * Configured files may still be made until the unit stands still, so they are listed here. Its open files are
 * listed only then: while it runs, a descriptor may be another file when its name is read than when its kind is.
 */
static int add_all(const struct wb_strv *from, struct wb_strv *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = wb_strv_add_once(to, from->items[i]);
	return r;
}

/* End what the shutdown made the unit start beside its main process. */
static int end_strays(struct wb_freeze_host *host, const struct wb_manifest_unit *u)
{
	const struct wb_strays_ops ops = wb_strays_ops_host(host->sys->files);
	uint64_t ago = host->sys->mono_ns(host->sys->ctx) - host->shutdown_since;
	WB_CLEAN_STRV told = {};
	int r;

	if (!host->shutdown_since)
		return 0;
	r = wb_strays_end(&ops, u, host->sys->boot_ns(host->sys->ctx) - ago, &told);
	pthread_mutex_lock(&host->lock);
	r = r < 0 ? r : add_all(&told, &host->lost);
	pthread_mutex_unlock(&host->lock);
	return r;
}

static void host_begin(void *ctx)
{
	struct wb_freeze_host *host = ctx;

	wb_services_open(&wb_services_systemd, &host->services);
}

/* Without memory for it, each look reads by itself. */
static void host_look_begin(void *ctx)
{
	struct wb_freeze_host *host = ctx;

	host->recall = wb_recall_new(host->sys->files);
}

/* A later look must not use what is older than the unit's standstill. */
static void host_look_end(void *ctx)
{
	struct wb_freeze_host *host = ctx;

	wb_recall_free(host->recall);
	host->recall = NULL;
}

static void host_end(void *ctx)
{
	struct wb_freeze_host *host = ctx;

	wb_services_close(&host->services);
}

static int host_look(void *ctx, struct wb_manifest_unit *u, struct wb_strv *ret_files,
	int64_t *ret_highest, struct wb_error *err)
{
	struct wb_freeze_host *host = ctx;
	const struct wb_files *files = host->sys->files;
	struct wb_keep_look look = wb_keep_look_host(files, host->criu, host->release);
	WB_CLEAN_KEEP_VERDICT verdict = {};
	WB_CLEAN_KEEP_CONFIG config = {};
	int r;

	/* It stands still already, and its program may be gone. */
	if (wb_keep_way(u->how)->managed)
		return 0;
	r = wb_keep_config_read(files, wb_chosen_name(u), &config, err);
	look.stopped = true;
	look.machine = host->recall ? wb_recall_files(host->recall) : NULL;
	if (host->services.read)
		look.units = &host->services;
	if (r < 0 && r != -ENOENT)
		return r;
	if (end_strays(host, u) < 0)
		return wb_oom(err);
	r = wb_keep_look(host->ways, &look, u->unit, r == 0 ? &config : NULL, &verdict, err);
	/*
	 * The shutdown spares the unit, so it ended by itself, and stays ended. The exception is a unit that
	 * systemd would restart if it were not forbidden in these seconds: the next boot starts that one.
	 */
	if ((r == -ESRCH || r == -ENOENT) && !wb_definition_restarts(&u->definition, false) &&
		wb_service_has_ended(look.units, u->unit))
		return wb_fail(err, WB_FREEZE_ENDED, "%s has ended", u->unit);
	if (r < 0)
		return r;
	/* The draft has pre-copied memory and a definition for this way alone. */
	if (verdict.how != u->how)
		return wb_fail(err, -EOPNOTSUPP, "%s",
			verdict.reasons.n ? verdict.reasons.items[0] : "it cannot be kept");
	r = wb_keep_record(host->ways, &verdict, u, err);
	if (r == 0)
		r = add_all(&verdict.named, ret_files);
	if (r == 0)
		r = add_all(&verdict.later, ret_files);
	*ret_highest = wb_threads_highest(files, u);
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

/* Note a sentence about `n` connections, if there are any. */
static void note_lost(struct wb_freeze_host *host, size_t n, const char *what)
{
	struct wb_error line = {};

	if (!n)
		return;
	wb_fail(&line, -ECONNABORTED, "%zu connection%s of kept services %s", n, n > 1 ? "s" : "",
		what);
	wb_strv_add(&host->lost, line.text);
}

static struct wb_hold_left left(struct wb_freeze_host *host)
{
	uint64_t now = host_mono_ns(host);

	return (struct wb_hold_left){.kept = wb_silence_left_since(host->kept_since, now),
		.restart = wb_silence_left_since(host->restart_since, now)};
}

/* A failure here is ignored: the packet hold that follows would fail, too, and reports it. */
static void host_settle(void *ctx, const struct wb_ends_list *units)
{
	struct wb_freeze_host *host = ctx;
	WB_CLEAN_DRAIN s = {.files = host->sys->files,
		.ctx = host,
		.mono_ns = host_mono_ns,
		.pause = host_pause,
		.spent_ns = host->drained_ns};

	if (!host->kept_since)
		host->kept_since = host_mono_ns(host);
	/* Packets for units that are restarted were not held before. */
	if (!host->restart_since)
		host->restart_since = host->kept_since;
	note_lost(host, wb_drain_closed(&s, units),
		"had been closed with data that the peer did not confirm: that data is lost");
	host->drained_ns = s.spent_ns;
	if (wb_hold_newcomers(&wb_runner_host, units, left(host).kept, NULL) == 0)
		note_lost(host, wb_drain_accepts(&s, units),
			"had not been accepted in time: clients have to connect again");
}

static int host_hold(void *ctx, const struct wb_manifest *m, char **held, struct wb_error *err)
{
	struct wb_freeze_host *host = ctx;
	WB_CLEAN_HELD all = {};
	int r;

	if (wb_held_of(m, &all) < 0)
		return wb_oom(err);
	r = wb_hold_renew(&wb_runner_host, &all, left(host), held, err);
	return r < 0 ? r : left(host).kept >= LONG_SECONDS;
}

static void host_unhold(void *ctx)
{
	wb_hold_end(&wb_runner_host, WB_HOLD_KEPT, NULL);
	wb_hold_end(&wb_runner_host, WB_HOLD_RESTART, NULL);
}

static void host_mark(void *ctx, const char *mark, const char *unit)
{
	const struct wb_freeze_host *host = ctx;

	wb_mark_unit(host->sys, mark, unit);
}

static int host_net(void *ctx, struct wb_net *ret, struct wb_error *err)
{
	const struct wb_freeze_host *host = ctx;

	return wb_net_read(host->sys->files, &wb_runner_host, ret, err);
}

static void host_now(void *ctx, int64_t *ret_mono_ns, int64_t *ret_tsc)
{
	const struct wb_freeze_host *host = ctx;

	*ret_mono_ns = (int64_t)host->sys->mono_ns(host->sys->ctx);
	*ret_tsc = (int64_t)host->sys->tsc(host->sys->ctx);
}

static void host_note_silence(void *ctx, struct wb_manifest *m)
{
	const struct wb_freeze_host *host = ctx;
	const struct wb_sys *sys = host->sys;

	m->silent = wb_silence_note(
		host->kept_since, host->restart_since, sys->mono_ns(sys->ctx), sys->tsc(sys->ctx));
}

struct wb_freeze_ops wb_freeze_ops_host(struct wb_freeze_host *host)
{
	return (struct wb_freeze_ops){
		.ctx = host,
		.settle = host_settle,
		.look = host_look,
		.hold = host_hold,
		.unhold = host_unhold,
		.mark = host_mark,
		.net = host_net,
		.now = host_now,
		.note_silence = host_note_silence,
		.begin = host_begin,
		.end = host_end,
		.look_begin = host_look_begin,
		.look_end = host_look_end,
	};
}
