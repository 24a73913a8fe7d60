// SPDX-License-Identifier: LGPL-2.1-or-later
/* The steps of a session as rows: what each does, its preview, and its undo. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "manifest/unit-list.h"
#include "session/check.h"
#include "session/auto.h"
#include "session/session.h"
#include "sys/lock.h"
#include "sys/policy.h"
#include "timeline/marks.h"

/* ---- lock: keep other commands from changing anything ---- */

static int under_way(void *ctx, struct wb_error *err)
{
	const struct wb_session *s = ctx;

	return s->host.under_way(s->host.sys->files, err);
}

static void waits(void *ctx, const char *command)
{
	const struct wb_session *s = ctx;
	char text[96];

	snprintf(text, sizeof(text), "waiting for \"warmboot %s\"", command);
	wb_tell_progress(&s->host, text);
}

/* Timeout for one of warmboot's own units, as a session may start right after a boot. */
#define UNIT_MS 60000

static int lock_act(struct wb_session *s, struct wb_error *err)
{
	const struct wb_sys *sys = s->host.sys;
	struct wb_lock how = {.path = s->host.lock_path,
		.command = "reboot",
		.unit_patience_ms = UNIT_MS,
		.waits = waits,
		.under_way = under_way,
		.ctx = s};
	int r;

	/* Without the privilege to jump, the next row reports an error. */
	if (s->options.lock || !sys->may_boot(sys->ctx))
		return 0;
	r = wb_lock_take(&how, err);
	if (r < 0)
		return r;
	s->lock = r;
	return 0;
}

static void lock_undo(struct wb_session *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

/* ---- guard: undo everything if this process is killed ---- */

static void look_at_loaded(struct wb_session *s)
{
	const struct wb_session_options *o = &s->options;

	s->was_loaded = wb_is_loaded(s->host.sys);
	/*
	 * Stage again if the options name a kernel, or if the staged kernel does not know of the
	 * store, or was staged by itself and is out of date. Otherwise use the staged one.
	 */
	s->stage_anew = !s->was_loaded || o->stage_anew || o->entry || o->load.kernel ||
			!wb_is_store_staged(s->host.sys) ||
			wb_auto_fits(s->host.sys, NULL) == -ESTALE;
}

static void unload(const struct wb_sys *sys)
{
	if (wb_unload(sys, NULL) == 0)
		sys->remove_file(sys->ctx, WB_RECORD_STAGED);
}

/* Undo in the guard process, after this process was killed. */
static void sweep(void *arg)
{
	struct wb_session *s = arg;
	const struct wb_sys *sys = s->host.sys;
	int any = wb_keeping_sweep(&s->host);

	wb_trial_sweep(sys);

	/*
	 * Unload a kernel that was not loaded before, and one that looks for a store that is gone.
	 */
	if ((any > 0 || (any == 0 && !s->was_loaded)) && wb_is_loaded(sys))
		unload(sys);
}

static int guard_act(struct wb_session *s, struct wb_error *err)
{
	look_at_loaded(s);
	s->guard = wb_guard_begin(sweep, s);
	return 0;
}

static void guard_undo(struct wb_session *s)
{
	wb_guard_end(&s->guard);
}

/* ---- request: choose the kernel, and check that a jump is possible ---- */

static int find_init(struct wb_session *s, struct wb_error *err)
{
	s->init = s->host.init(s->host.sys->files);
	if (s->init)
		return 0;
	return wb_fail(err, -EOPNOTSUPP,
		"this machine's init is neither systemd, OpenRC nor sysvinit, and others reboot "
		"through the firmware; stop what matters and then use \"warmboot reboot "
		"--now\" instead");
}

/* Is there a known init system, and does no program inhibit the shutdown? */
static int ask_init(struct wb_session *s, struct wb_error *err)
{
	int r = s->options.now ? 0 : find_init(s, err);

	if (r < 0 || s->options.now || s->options.ignore_inhibitors)
		return r;
	return wb_jump_allowed(s->init, err);
}

/* Find the errors of the jump before the work of staging. */
static int check_jump(struct wb_session *s, struct wb_error *err)
{
	const struct wb_sys *sys = s->host.sys;
	const struct wb_session_options *o = &s->options;
	bool asked = o->stage_anew || o->entry || o->load.kernel;
	int r = wb_check_gates(sys, err);

	/* With kexec_load_disabled a kernel that is loaded already can still be entered. */
	if (r < 0 && (!s->was_loaded || asked || !sys->may_boot(sys->ctx)))
		return r;
	return ask_init(s, err);
}

/* Read from the record how the staged kernel was staged. */
static bool read_staged(struct wb_session *s)
{
	const struct wb_session_options *o = &s->options;
	struct wb_session_options staged = {};
	WB_CLEAN_REQUEST req = {};
	WB_CLEAN_RECORD rec = {};

	if (!o->reread || wb_record_read(s->host.sys->files, WB_RECORD_STAGED, &rec, NULL) < 0 ||
		!rec.words || o->reread(o->tell.arg, rec.words, &staged) < 0 ||
		wb_request_from(&s->host, &staged, &req, NULL) < 0 ||
		wb_request_resolve(&s->host, &req, NULL) < 0)
		return false;
	wb_request_deinit(&s->request);
	s->request = req;
	req = (struct wb_request){};
	return true;
}

static int resolve(struct wb_session *s, struct wb_error *err)
{
	if (s->stage_anew)
		return wb_request_resolve(&s->host, &s->request, err);
	if (!s->options.keep_none || s->options.guard)
		s->can_restage = read_staged(s);
	return 0;
}

static int request_preview(struct wb_session *s, struct wb_error *err)
{
	look_at_loaded(s);
	return resolve(s, err);
}

static int request_act(struct wb_session *s, struct wb_error *err)
{
	int r = check_jump(s, err);

	return r < 0 ? r : resolve(s, err);
}

/* ---- check: what speaks against a jump to this kernel ---- */

static int check_act(struct wb_session *s, struct wb_error *err)
{
	const struct wb_session_options *o = &s->options;
	const struct wb_request *known = s->stage_anew || s->can_restage ? &s->request : NULL;
	/* The row before has asked for these, with its own rules. */
	static const char *const skip[] = {"kexec", "inhibitors", NULL};

	if (!s->host.checks)
		return 1;
	return wb_check_jump(
		&s->host, known, skip, o->force_checks, o->n_force_checks, &s->forced, err);
}

/* ---- trial: how the jump is guarded ---- */

static int trial_preview(struct wb_session *s, struct wb_error *err)
{
	const struct wb_session_options *o = &s->options;
	const struct wb_trial_wish wish = {
		o->guard, o->fallback, o->confirm, o->watchdog || o->trial};
	int r = wb_trial_plan(&s->host, &wish, &s->trial, err);

	/* A kernel that is staged already keeps its command line. */
	return r < 0 || !s->stage_anew ? r : wb_trial_add_words(&s->trial, &s->request, err);
}

/* ---- watchdog: choose the one that purgatory arms ---- */

/* The gate judges a boot that does not end before the watchdog bites. */
static unsigned int trial_of(const struct wb_guard_config *c)
{
	int64_t s = c->deadline_s + 60;

	return s < WB_TRIAL_LEAST  ? WB_TRIAL_LEAST
	       : s > WB_TRIAL_MOST ? WB_TRIAL_MOST
				   : (unsigned int)s;
}

static int watchdog(struct wb_session *s, struct wb_error *err)
{
	const struct wb_session_options *o = &s->options;
	const struct wb_guard_config *c = &s->trial.config;
	const struct wb_watch_wish wish = {.guard = c->guard,
		.watchdog = o->watchdog ? o->watchdog : (unsigned int)c->watchdog_s,
		.trial = o->trial ? o->trial : trial_of(c),
		.now = o->now};
	int r = wb_watch_decide(&s->host, &wish, s->request.options.method, &s->watch, err);

	if (r == 0 && s->watch.is && !s->stage_anew && !s->can_restage)
		r = wb_watch_drop(&s->watch,
			"the kernel that is staged knows nothing of it; say what to stage "
			"(\"warmboot reboot ENTRY\")",
			err);
	s->request.options.watchdog = r == 0 && s->watch.is ? &s->watch.load : NULL;
	s->request.unguarded = r == 0 && s->watch.asked && !s->watch.is ? s->watch.why : NULL;
	return r < 0 ? r : !s->watch.is;
}

static int watchdog_preview(struct wb_session *s, struct wb_error *err)
{
	int r = watchdog(s, err);

	return r < 0 ? r : 0;
}

static void watchdog_undo(struct wb_session *s)
{
	s->request.options.watchdog = NULL;
}

/* ---- decide: choose how each unit is kept ---- */

static int add_wished(const struct wb_session_options *o, struct wb_strv *ret, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !o->keep_none && i < o->n_keep; i++)
		if (wb_strv_add(ret, o->keep[i]) < 0)
			r = wb_oom(err);
	return r;
}

static int decide(struct wb_session *s, struct wb_error *err)
{
	const struct wb_session_options *o = &s->options;
	const struct wb_load_options *load = &s->request.options;
	WB_CLEAN_KEEP_WISH wish = {.none = o->keep_none,
		.now = o->now,
		.cmdline = load->cmdline ? load->cmdline : load->default_cmdline,
		.append = load->append};
	struct wb_policy policy;
	int r = add_wished(o, &wish.units, err);

	wb_policy_read(s->host.sys, WB_TARGET_REBOOT, &policy);
	if (r == 0)
		r = wb_store_choose(s->host.store, o->store, s->request.options.method, &policy,
			&s->backend, err);
	if (r == 0)
		r = wb_keeping_decide(
			&s->host, &wish, s->request.options.release, &s->keeping, err);
	if (r == 0)
		r = wb_keeping_place(&s->host, &s->keeping,
			s->request.options.method == WB_METHOD_FILE || policy.signature, err);
	return r;
}

/* ---- reserve: make the store for kept units ---- */

static int reserve_preview(struct wb_session *s, struct wb_error *err)
{
	return wb_keeping_foresee(&s->host, s->backend, &s->keeping, err);
}

static int reserve_act(struct wb_session *s, struct wb_error *err)
{
	int r = wb_keeping_reserve(&s->host, s->backend, &s->keeping, err);

	return r < 0 ? r : !s->keeping.store;
}

static void reserve_undo(struct wb_session *s)
{
	wb_keeping_release(&s->host, &s->keeping);
}

/* ---- stage: load a kernel that knows of the store ---- */

static int stage_preview(struct wb_session *s, struct wb_error *err)
{
	int r;

	if (!s->stage_anew && !s->watch.is)
		return 0;
	r = wb_request_prepare(s->host.sys, &s->request, &s->stage, err);
	wb_tell_progress(&s->host, NULL);
	return r;
}

static int stage_act(struct wb_session *s, struct wb_error *err)
{
	struct wb_request *req = &s->request;
	struct wb_store *store = s->keeping.store;
	int r = 0;

	if (!s->stage_anew && !store && !s->watch.is)
		return 1;
	/* The staged kernel does not know of this store. */
	if (!s->stage_anew && !s->can_restage)
		return wb_fail(err, -EBUSY,
			"the kernel that is staged knows nothing of kept services: say what to "
			"stage (\"warmboot reboot ENTRY\"), or use --no-keep");
	req->must_record = store;
	if (store)
		r = wb_request_use_store(req, store, err);
	if (r == 0 && store)
		r = wb_keeping_guests(&s->host, &s->keeping, &req->options, err);
	if (r == 0 && store)
		r = wb_keeping_early(&s->host, &s->keeping, &req->options, err);
	return r < 0 ? r : wb_request_stage(&s->host, req, &s->stage, err);
}

/*
 * Unload a kernel that was not loaded before, one that looks for a store that is gone, and one that arms a
 * watchdog without being asked to.
 */
static void stage_undo(struct wb_session *s)
{
	if (!s->was_loaded || s->keeping.store || s->watch.is)
		unload(s->host.sys);
}

/* ---- watchdog-shutdown: let PID 1 arm a watchdog that the kernel does not stop ---- */

static int shutdown_act(struct wb_session *s, struct wb_error *err)
{
	struct wb_stage_info info;

	if (!s->stage)
		return 1;
	info = wb_stage_info(s->stage);
	return wb_watch_arm(&s->host, &s->watch, &info, err);
}

static void shutdown_undo(struct wb_session *s)
{
	wb_watch_disarm(&s->host, &s->watch);
}

/* ---- rehearse: checkpoint each unit once, and let it run on ---- */

static int rehearse_act(struct wb_session *s, struct wb_error *err)
{
	return wb_keeping_rehearse(&s->host, &s->keeping, err);
}

/* ---- arm: make the shutdown spare the units, and write the draft for the freeze ---- */

/* Writing the drop-ins and a reload of systemd, on a loaded machine. The shutdown must not begin meanwhile. */
#define ARM_NS UINT64_C(10000000000)

static int arm_act(struct wb_session *s, struct wb_error *err)
{
	const struct wb_sys *sys = s->host.sys;
	int r;

	if (s->end_ns && s->keeping.store && sys->mono_ns(sys->ctx) + ARM_NS > s->end_ns)
		return wb_fail(err, -ETIME,
			"the time is over for which systemd-logind delays the shutdown "
			"(InhibitDelayMaxSec=)");
	r = wb_keeping_arm(&s->host, &s->keeping, s->options.now, err);

	return r < 0 ? r : !s->keeping.draft.units.n;
}

static void arm_undo(struct wb_session *s)
{
	wb_keeping_disarm(&s->host, &s->keeping);
}

/* ---- hand-over: pass the lock on to the shutdown ---- */

static int held_lock(const struct wb_session *s)
{
	return s->options.lock ? *s->options.lock : s->lock;
}

static int hand_over_act(struct wb_session *s, struct wb_error *err)
{
	if (s->options.now || held_lock(s) < 0)
		return 1;
	return wb_lock_hand_over(held_lock(s), true, err);
}

static void hand_over_undo(struct wb_session *s)
{
	wb_lock_hand_over(held_lock(s), false, NULL);
}

/* ---- record: write the records for the next boot ---- */

static int record_act(struct wb_session *s, struct wb_error *err)
{
	int r = ask_init(s, err);

	if (r < 0)
		return r;
	/* Without a loaded kernel, the init system would silently reboot through the firmware. */
	if (!wb_is_loaded(s->host.sys))
		return wb_fail(
			err, -ENOENT, "no kernel is loaded (/sys/kernel/kexec_loaded is not 1)");
	return wb_jump_record(&s->host, &s->forced, &s->before, err);
}

static void record_undo(struct wb_session *s)
{
	wb_jump_unrecord(&s->host, &s->before);
}

/* ---- one-shot: clear the one-shot setting of the boot loader ---- */

static int once_act(struct wb_session *s, struct wb_error *err)
{
	wb_once_clear(&s->host, &s->once);
	return 0;
}

static void once_undo(struct wb_session *s)
{
	wb_once_undo(&s->host, &s->once);
}

/* ---- pin: lead the next firmware boot back to this kernel, and begin the trial of the next one ---- */

static int pin_act(struct wb_session *s, struct wb_error *err)
{
	WB_CLEAN_STRV kept = {};
	int r = 0;

	if (s->trial.config.guard == WB_GUARD_OFF || s->trial.untried)
		return 1;
	for (size_t i = 0; r == 0 && i < s->keeping.draft.units.n; i++)
		if (wb_unit_is_checkpointed(&s->keeping.draft.units.items[i]))
			r = wb_strv_add(&kept, s->keeping.draft.units.items[i].unit);
	return r < 0 ? wb_oom(err) : wb_trial_begin(&s->host, &s->trial, &kept, &s->forced, err);
}

static void pin_undo(struct wb_session *s)
{
	wb_trial_abandon(&s->host, &s->trial);
}

/* ---- save: the guests of other programs, whose end the shutdown is ---- */

static int save_act(struct wb_session *s, struct wb_error *err)
{
	return wb_keeping_save(&s->host, &s->keeping, err);
}

static void save_undo(struct wb_session *s)
{
	wb_keeping_bring_back(&s->host, &s->keeping.draft);
}

/* ---- freeze: checkpoint the units here with --now; else the shutdown does it at its end ---- */

static int freeze_act(struct wb_session *s, struct wb_error *err)
{
	WB_CLEAN_MANIFEST m = {};

	if (!s->options.now)
		return 1;
	return s->keeping.store ? wb_keeping_freeze(&s->host, true, &m, err) : 0;
}

/* The freeze has ended the processes of the units, so start them again. */
static void freeze_undo(struct wb_session *s)
{
	if (s->keeping.store)
		wb_keeping_start_again(&s->host, &s->keeping);
}

/* ---- jump ---- */

static int jump_act(struct wb_session *s, struct wb_error *err)
{
	const struct wb_session_host *h = &s->host;

	if (s->by_others)
		return 0;
	if (s->options.now)
		return wb_jump_now(h->sys, h->quiesce, err);
	return wb_jump_orderly(s->init, h->sys, h->quiesce, s->options.ignore_inhibitors, err);
}

const struct wb_session_row wb_session_rows[] = {
	{"lock", WB_MARK_REQUEST, NULL, lock_act, lock_undo, true},
	{"guard", NULL, NULL, guard_act, guard_undo, true},
	{"request", NULL, request_preview, request_act},
	{"check", NULL, NULL, check_act},
	{"trial", NULL, trial_preview, trial_preview},
	{"watchdog", NULL, watchdog_preview, watchdog, watchdog_undo},
	{"decide", NULL, decide, decide},
	{"reserve", NULL, reserve_preview, reserve_act, reserve_undo},
	{"stage", WB_MARK_STAGED, stage_preview, stage_act, stage_undo},
	{"watchdog-shutdown", NULL, NULL, shutdown_act, shutdown_undo},
	{"rehearse", NULL, NULL, rehearse_act},
	{"arm", NULL, NULL, arm_act, arm_undo},
	{"hand-over", NULL, NULL, hand_over_act, hand_over_undo, true},
	{"record", NULL, NULL, record_act, record_undo},
	{"one-shot", WB_MARK_ASKED, NULL, once_act, once_undo, true},
	{"pin", NULL, NULL, pin_act, pin_undo, true},
	{"save", NULL, NULL, save_act, save_undo},
	{"freeze", WB_MARK_NOW, NULL, freeze_act, freeze_undo},
	{"jump", NULL, NULL, jump_act},
	{},
};
_Static_assert(sizeof(wb_session_rows) / sizeof(*wb_session_rows) <= WB_SESSION_ROWS_MOST,
	"struct wb_session notes which rows were done");
