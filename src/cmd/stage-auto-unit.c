// SPDX-License-Identifier: LGPL-2.1-or-later
/* Staging by itself, as warmboot's units call it: a run, the wait for a shutdown, and the last look. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/load.h"
#include "cmd/stage-auto.h"
#include "session/auto-keep.h"
#include "session/auto.h"
#include "systemd/delay.h"
#include "systemd/notify.h"
#include "systemd/shutdown.h"
#include "systemd/systemctl.h"

/* logind needs this much of its time itself. */
#define RESERVE_US UINT64_C(2000000)
#define HOUR_MS 3600000u
/* Without a bus or logind, it is tried again after this time. */
#define AGAIN_S 60
/* Files that change this often are looked at once more at the shutdown. */
#define RUNS_MOST 5

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/*
 * While this unit runs, systemd watches no files for it. So a run is repeated until it finds nothing new: a second one
 * that has nothing to do takes a moment.
 */
static int run_until_settled(
	const struct wb_auto_host *a, struct wb_auto_record *ret, struct wb_error *err)
{
	bool settled = false;
	int r = wb_auto_run(a, ret, err);

	for (int i = 0; r == 0 && !settled && i < RUNS_MOST; i++) {
		WB_CLEAN_AUTO_RECORD before = *ret;

		*ret = (struct wb_auto_record){};
		r = wb_auto_run(a, ret, err);
		settled = before.state == ret->state && same(before.print, ret->print) &&
			  same(before.why, ret->why);
	}
	return r;
}

int cmd_stage_auto_run(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	const struct wb_auto_host a = {&host, &wb_check_ops_host, NULL};
	WB_CLEAN_AUTO_RECORD rec = {};
	struct wb_error err = {};

	if (wb_auto_delay_settle(&host, wb_auto_is_on(host.sys->files), &err) < 0)
		cmd_fail(args, &err);
	if (run_until_settled(&a, &rec, &err) < 0)
		return cmd_fail(args, &err);
	if (rec.state == WB_AUTO_STAGED)
		printf("%s (entry %s) is staged, %" PRId64 " MiB.\n",
			rec.release ? rec.release : "A kernel", rec.entry, rec.bytes >> 20);
	else
		printf("Nothing was staged: %s.\n", rec.why ? rec.why : "?");
	return rec.state == WB_AUTO_BUSY ? CMD_TRY_AGAIN : CMD_DONE;
}

/* ---- the wait ---- */

struct watch {
	struct wb_session_host host;
	struct wb_delay *delay;
	struct cmd_staged staged;
	struct wb_session *session; /* all is ready for its jump; NULL: nothing is */
};

static int reread(void *arg, const char *text, struct wb_session_options *ret)
{
	struct watch *w = arg;

	cmd_staged_deinit(&w->staged);
	w->staged = (struct cmd_staged){};
	return cmd_reread(&w->staged, text, ret);
}

static void forget(struct watch *w)
{
	wb_session_free(w->session);
	w->session = NULL;
}

/* The signals of cmd_put_off_signals() take effect again. */
static void take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static int prepare(struct watch *w, struct wb_error *err)
{
	struct wb_session_options o = {.size = sizeof(o),
		.reread = reread,
		/* logind has asked them. */
		.ignore_inhibitors = true,
		.program = "/proc/self/exe",
		.tell = cmd_teller};
	uint64_t limit;
	int r = wb_delay_limit(w->delay, &limit, err);

	o.tell.arg = w;
	if (r == 0)
		r = wb_session_new(&o, &w->session, err);
	if (r < 0)
		return r;
	cmd_put_off_signals();
	r = wb_auto_prepare(w->session, limit > RESERVE_US ? limit - RESERVE_US : 1, err);
	if (r < 0)
		forget(w);
	take_signals();
	return r;
}

static void get_ready(const struct cmd_args *args, struct watch *w)
{
	struct wb_error err = {};
	int r = wb_auto_is_to_prepare(w->host.sys, &err);

	if (r == 1)
		r = prepare(w, &err);
	if (r == 0)
		return;
	cmd_fail(args, &err);
	if (wb_auto_keeps(w->host.sys->files))
		wb_auto_note_add(&w->host, NULL, err.text);
}

static int handle(const struct cmd_args *args, struct watch *w, enum wb_delay_event event,
	struct wb_error *err)
{
	switch (event) {
	case WB_DELAY_KEXEC:
		get_ready(args, w);
		wb_delay_release(w->delay);
		break;
	case WB_DELAY_OTHER:
		wb_delay_release(w->delay);
		break;
	case WB_DELAY_CANCELLED:
		if (w->session)
			wb_session_undo(w->session);
		forget(w);
		return wb_delay_take(w->delay, err);
	case WB_DELAY_NOTHING:
		break;
	}
	return 0;
}

static int watch(const struct cmd_args *args, struct watch *w, struct wb_error *err)
{
	enum wb_delay_event event = WB_DELAY_NOTHING;
	int r = wb_delay_new(&w->delay, err);

	if (r == 0)
		r = wb_delay_take(w->delay, err);
	while (r == 0) {
		r = wb_delay_wait(w->delay, HOUR_MS, &event, err);
		if (r == 0)
			r = handle(args, w, event, err);
	}
	return r;
}

int cmd_stage_auto_watch(const struct cmd_args *args)
{
	struct watch w = {.host = cmd_host()};
	unsigned version = wb_systemd_version(w.host.runner);

	/* The last look takes place only if the unit was started, so nothing makes its start fail. */
	if (version < WB_DELAY_SINCE) {
		wb_notify_ready("This systemd does not announce jumps");
		return CMD_DONE;
	}
	wb_notify_ready("Waiting for a shutdown");
	while (true) {
		struct wb_error err = {};

		watch(args, &w, &err);
		cmd_fail(args, &err);
		forget(&w);
		cmd_staged_deinit(&w.staged);
		w.staged = (struct cmd_staged){};
		wb_delay_free(w.delay);
		w.delay = NULL;
		sleep(AGAIN_S);
	}
}

/* ---- the last look ---- */

int cmd_stage_auto_look(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	struct wb_unit_moment target = {};
	struct wb_error err = {};
	bool jumps;
	int r;

	/* The unit may be stopped for another reason. */
	if (wb_systemd_stopping(NULL) == 0)
		return CMD_DONE;
	jumps = wb_unit_moment_read(host.runner, "kexec.target", 0, &target) == 0 && target.job;
	if (jumps)
		wb_auto_note_age(&host);
	r = wb_auto_last_look(&host, jumps, &err);
	if (r == 0 && jumps)
		wb_auto_note_unready(&host);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}
