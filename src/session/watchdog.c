// SPDX-License-Identifier: LGPL-2.1-or-later
/* Choosing a watchdog, and the sentences about it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "core/strv.h"
#include "core/text.h"
#include "session/watchdog.h"
#include "systemd/systemctl.h"
#include "warminit/dog.h"

static const struct wb_name guard_names[] = {
	{"off", WB_GUARD_OFF},
	{"auto", WB_GUARD_AUTO},
	{"require", WB_GUARD_REQUIRE},
	{},
};

const char *wb_guarding_name(enum wb_guarding guard)
{
	return wb_name_of(guard_names, guard);
}

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
	size_t n = 0;

	found->kind->feed(found, w->seconds, &w->feed);
	found->kind->stop(found, &w->stop);
	while (found->kind->modules[n])
		n++;
	w->load = (struct wb_load_watchdog){.name = found->kind->name,
		.device = found->device,
		.modules = found->kind->modules,
		.n_modules = n,
		.identity = found->kind->identity,
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

int wb_watch_decide(const struct wb_session_host *h, const struct wb_session_options *o,
	struct wb_watch *ret, struct wb_error *err)
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
	r = wb_watchdog_find(h->sys->files, &ret->found, &why);
	if (r == 0)
		r = wb_watchdog_check_time(&ret->found, ret->seconds, &why);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r == 0)
		fill(h, ret);
	ret->load.needed = o->guard == WB_GUARD_REQUIRE;
	return r < 0 ? wb_watch_drop(ret, why.text, err) : 0;
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
	if (!w->name)
		return wb_strf("no watchdog guards this jump: %s", w->why ? w->why : "");
	if (!w->trial)
		return wb_strf("the watchdog %s (%s) resets the machine %u s after a hang, from "
			       "purgatory until the init of the root starts",
			w->name, w->device, w->seconds);
	return wb_strf("the watchdog %s (%s) resets the machine %u s after a hang, from purgatory "
		       "until user space is up, which may take %u s; then %s",
		w->name, w->device, w->seconds, w->trial,
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
