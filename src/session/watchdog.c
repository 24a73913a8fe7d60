// SPDX-License-Identifier: LGPL-2.1-or-later
/* Choosing a watchdog, and the sentences about it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/strv.h"
#include "core/text.h"
#include "session/watchdog.h"
#include "sys/policy.h"
#include "systemd/systemctl.h"
#include "warminit/dog.h"

static int check_times(const struct wb_watch *w, struct wb_error *err)
{
	if (w->seconds < WB_WATCHDOG_LEAST)
		return wb_fail(err, -EINVAL,
			"a watchdog of %u s would bite while the next kernel starts; give it %d s "
			"or more",
			w->seconds, WB_WATCHDOG_LEAST);
	if (w->trial < WB_TRIAL_LEAST || w->trial > WB_TRIAL_MOST)
		return wb_fail(err, -EINVAL, "the trial lasts %d to %d s, not %u", WB_TRIAL_LEAST,
			WB_TRIAL_MOST, w->trial);
	return 0;
}

/* Does the unit exist that ends the trial, and is it not masked? */
static bool can_try(const struct wb_files *files)
{
	static const char *const dirs[] = {"/etc/systemd/system", "/run/systemd/system",
		"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};

	if (!wb_systemd_here(files))
		return false;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		WB_CLEAN_STR target = NULL;
		char path[96];

		snprintf(path, sizeof(path), "%s/" WB_TRIAL_UNIT, dirs[i]);
		if (files->readlink(files->ctx, path, &target, NULL) == 0)
			return strcmp(target, "/dev/null") != 0;
		if (files->exists(files->ctx, path))
			return true;
	}
	return false;
}

static void fill(const struct wb_session_host *h, struct wb_watch *w)
{
	const struct wb_watchdog *found = &w->found;
	uint32_t ms = found->kind->arm(found, w->seconds, &w->arm);
	const char *const *modules = found->kind->modules;
	size_t n = 0;

	found->kind->feed(found, w->seconds, &w->feed);
	found->kind->stop(found, &w->stop);
	while (modules[n])
		n++;
	if (found->module[0]) {
		w->modules[0] = found->module;
		modules = w->modules;
		n = 1;
	}
	w->load = (struct wb_load_watchdog){
		.name = found->kind->runs_on ? found->identity : found->kind->name,
		.device = found->device,
		.modules = modules,
		.n_modules = n,
		.identity = found->identity[0] ? found->identity : found->kind->identity,
		.runs_on = found->kind->runs_on,
		.arm = w->arm.items,
		.n_arm = w->arm.n,
		.feed = w->feed.items,
		.n_feed = w->feed.n,
		.stop = w->stop.items,
		.n_stop = w->stop.n,
		.seconds = (ms + 500) / 1000,
		.trial = can_try(h->sys->files) ? w->trial : 0,
		.give = h->init_watchdog && h->init_watchdog()};
	w->is = true;
}

int wb_watch_drop(struct wb_watch *w, const char *why, struct wb_error *err)
{
	bool needed = w->load.needed;

	w->is = false;
	snprintf(w->why, sizeof(w->why), "%s", why);
	return needed ? wb_fail(err, -EOPNOTSUPP, "no watchdog can guard this jump: %s", why) : 0;
}

/* The ways of arming that are open, by what is known before staging. */
static struct wb_watchdog_ways ways_of(
	const struct wb_session_host *h, const struct wb_watch_wish *o, enum wb_method method)
{
	struct wb_policy policy;
	char why[WB_POLICY_WHY];

	wb_policy_read(h->sys, WB_TARGET_REBOOT, &policy);
	return (struct wb_watchdog_ways){
		.registers =
			method != WB_METHOD_FILE && !policy.signature &&
			(method != WB_METHOD_AUTO || !wb_policy_wants_file(&policy, false, why)),
		.shutdown = !o->now && h->arm_at_shutdown && wb_systemd_here(h->sys->files),
	};
}

/* A device has one opener. */
static bool is_taken(const struct wb_session_host *h, const struct wb_watchdog *w)
{
	WB_CLEAN_BLOB text = {};
	char path[96];

	snprintf(path, sizeof(path), "/sys/class/watchdog/%s/state", w->device);
	return h->sys->files->read(h->sys->files->ctx, path, 256, &text, NULL) == 0 &&
	       !strncmp((char *)text.data, "active", 6) &&
	       !(h->init_watchdog && h->init_watchdog());
}

#define BY_FILE \
	"with kexec_file_load(2) the running kernel brings its own code between the two kernels, "

static int find_watchdog(const struct wb_session_host *h, const struct wb_watch_wish *o,
	enum wb_method method, struct wb_watch *w, struct wb_error *err)
{
	struct wb_watchdog_ways ways = ways_of(h, o, method);
	int r;

	if (!ways.registers && !ways.shutdown)
		return wb_fail(err, -EOPNOTSUPP,
			BY_FILE "which arms none, and PID 1 arms one in an orderly shutdown of "
				"systemd only");
	r = wb_watchdog_find(h->sys->files, &ways, &w->found, err);
	if (r < 0 && !ways.registers)
		return wb_fail_in(err, r, BY_FILE "which arms none, so only PID 1 could: ");
	if (r == 0 && w->found.kind->runs_on && is_taken(h, &w->found))
		return wb_fail(err, -EBUSY, "another program than PID 1 has the device %s open",
			w->found.device);
	return r < 0 ? r : wb_watchdog_check_time(&w->found, w->seconds, err);
}

int wb_watch_decide(const struct wb_session_host *h, const struct wb_watch_wish *o,
	enum wb_method method, struct wb_watch *ret, struct wb_error *err)
{
	struct wb_error why = {};
	int r;

	*ret = (struct wb_watch){.asked = o->guard != WB_GUARD_OFF,
		.seconds = o->watchdog ? o->watchdog : WB_WATCHDOG_SECONDS,
		.trial = o->trial ? o->trial : WB_TRIAL_SECONDS};
	if (!ret->asked)
		return 0;
	r = check_times(ret, err);
	if (r < 0)
		return r;
	r = find_watchdog(h, o, method, ret, &why);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r == 0)
		fill(h, ret);
	ret->load.needed = o->guard == WB_GUARD_REQUIRE && o->watchdog;
	return r < 0 ? wb_watch_drop(ret, why.text, err) : 0;
}

int wb_watch_arm(const struct wb_session_host *h, struct wb_watch *w,
	const struct wb_stage_info *info, struct wb_error *err)
{
	if (!w->is || !w->load.runs_on || !info->guarded)
		return 1;
	return h->arm_at_shutdown(w->seconds * UINT64_C(1000000), &w->shutdown_us, err);
}

void wb_watch_disarm(const struct wb_session_host *h, const struct wb_watch *w)
{
	uint64_t ours;

	h->arm_at_shutdown(w->shutdown_us, &ours, NULL);
}

/* ---- the report ---- */

static void report_load(const struct wb_load_watchdog *load, const struct wb_stage_info *info,
	struct wb_session_watchdog *ret)
{
	if (!info->guarded) {
		ret->why = info->unguarded_why;
		return;
	}
	ret->name = load->name;
	ret->device = load->device;
	ret->seconds = load->seconds;
	ret->trial = info->guarded_late ? load->trial : 0;
	ret->given = ret->trial && load->give;
	ret->early = load->runs_on;
}

bool wb_watch_report(
	const struct wb_watch *w, const struct wb_stage_info *info, struct wb_session_watchdog *ret)
{
	if (!w->asked)
		return false;
	*ret = (struct wb_session_watchdog){.asked = w->seconds};
	if (w->is && info)
		report_load(&w->load, info, ret);
	else
		ret->why = w->why;
	return true;
}

char *wb_watch_sentence(const struct wb_session_watchdog *w)
{
	const char *begin = w->early ? "the end of the shutdown" : "purgatory";

	if (!w->name)
		return wb_strf("no watchdog guards this jump: %s", w->why ? w->why : "");
	if (!w->trial)
		return wb_strf("the watchdog %s (%s) resets the machine %u s after a hang, from "
			       "%s until the init of the root starts",
			w->name, w->device, w->seconds, begin);
	return wb_strf("the watchdog %s (%s) resets the machine %u s after a hang, from %s "
		       "until user space is up, which may take %u s; then %s",
		w->name, w->device, w->seconds, begin, w->trial,
		w->given ? "PID 1 gets it" : "it is stopped");
}

char *wb_watch_sentence_of(
	const struct wb_load_watchdog *load, const struct wb_stage_info *info, const char *why)
{
	struct wb_session_watchdog report = {.why = why};

	if (!load && !why)
		return NULL;
	if (load)
		report_load(load, info, &report);
	return wb_watch_sentence(&report);
}

/* ---- after the jump ---- */

const char *wb_watch_state(const struct wb_files *files)
{
	static const struct {
		const char *word, *phrase;
	} states[] = {
		{"fed", "it is fed until user space is up"},
		{"stopped", "it was stopped when user space was up"},
		{"stopped-by-init", "it was stopped before the init of the root started"},
		{"held", "it is fed for ever, because its driver does not stop it (nowayout)"},
		{"given", "PID 1 got it when user space was up"},
		{"left", "nothing feeds it, because user space did not come up in time"},
	};
	WB_CLEAN_BLOB text = {};

	if (files->read(files->ctx, "/run/" WB_DOG_STATE, 256, &text, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (wb_span_is(
			    (struct wb_span){(char *)text.data, strcspn((char *)text.data, "\n")},
			    states[i].word))
			return states[i].phrase;
	return NULL;
}
