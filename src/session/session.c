// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running and undoing the rows of a session, and the getters for its decisions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keep/ahead.h"
#include "session/program.h"
#include "session/session.h"
#include "timeline/marks.h"

int wb_session_new_on(const struct wb_session_host *h, const struct wb_session_options *options,
	struct wb_session **ret, struct wb_error *err)
{
	struct wb_session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return wb_oom(err);
	s->rows = wb_session_rows;
	memcpy(&s->options, options,
		options->size < sizeof(s->options) ? options->size : sizeof(s->options));
	s->host = *h;
	s->host.tell = &s->options.tell;
	s->lock = -1;
	s->guard = (struct wb_guard){-1, -1};
	r = wb_trial_check_wish(&(struct wb_trial_wish){s->options.guard, s->options.fallback,
					s->options.confirm, false},
		err);
	if (r == 0)
		r = wb_check_ids(s->options.force_checks, s->options.n_force_checks, err);
	if (r == 0)
		r = wb_request_from(&s->host, &s->options, &s->request, err);
	if (r < 0) {
		wb_session_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int wb_session_new(
	const struct wb_session_options *options, struct wb_session **ret, struct wb_error *err)
{
	struct wb_replay_host replay = {};
	struct wb_session_host h = wb_session_host_real(&replay, NULL);
	struct wb_session *s;
	int r = wb_session_new_on(&h, options, &s, err);

	if (r < 0)
		return r;
	s->replay = wb_replay_host_real(
		s->host.sys, s->options.program ? s->options.program : WB_PROGRAM);
	s->host.replay = &s->replay;
	*ret = s;
	return 0;
}

void wb_session_free(struct wb_session *s)
{
	if (!s)
		return;
	if (s->rows[s->next].name)
		wb_session_undo(s);
	wb_guard_end(&s->guard);
	if (s->lock >= 0)
		close(s->lock);
	wb_stage_free(s->stage);
	wb_once_deinit(&s->once);
	wb_strv_deinit(&s->forced);
	wb_trial_plan_deinit(&s->trial);
	wb_jump_before_deinit(&s->before);
	wb_keeping_deinit(&s->keeping);
	wb_request_deinit(&s->request);
	free(s);
}

/* Undo the rows in reverse order, beginning with the last one that was done. */
static void undo(struct wb_session *s, bool stopped)
{
	s->over = true;
	for (size_t i = s->next; i-- > 0;) {
		if (s->done[i] && s->rows[i].undo && (!stopped || s->rows[i].even_stopped))
			s->rows[i].undo(s);
		s->done[i] = false;
	}
}

void wb_session_undo(struct wb_session *s)
{
	undo(s, false);
}

static int run_row(struct wb_session *s, struct wb_error *err)
{
	const struct wb_session_row *row = &s->rows[s->next];
	/* The last row cannot be interrupted, because it stops services. */
	int r = row[1].name ? wb_tell_interrupted(&s->host, err) : 0;

	if (r == 0)
		r = row->act(s, err);
	if (r < 0)
		return r;
	s->done[s->next++] = r == 0;
	if (r == 0 && row->mark)
		wb_mark(s->host.sys, row->mark);
	if (s->options.tell.done)
		s->options.tell.done(s->options.tell.arg, row->name);
	return 0;
}

int wb_session_run_rows(
	struct wb_session *s, const char *from, const char *to, struct wb_error *err)
{
	const char *last = NULL;
	int r = 0;

	if (s->over)
		return wb_fail(err, -EINVAL, "this session has been undone; begin another one");
	while (from && s->rows[s->next].name && strcmp(s->rows[s->next].name, from))
		s->next++;
	while (r == 0 && s->rows[s->next].name && (!to || !last || strcmp(last, to))) {
		last = s->rows[s->next].name;
		r = run_row(s, err);
	}
	if (r < 0)
		undo(s, r == -ESHUTDOWN);
	/* The shutdown has begun, and its files must stay. */
	else if (!s->rows[s->next].name)
		wb_guard_end(&s->guard);
	return r;
}

int wb_session_prepare(struct wb_session *s, struct wb_error *err)
{
	return wb_session_run_rows(s, NULL, "rehearse", err);
}

int wb_session_run(struct wb_session *s, struct wb_error *err)
{
	return wb_session_run_rows(s, NULL, NULL, err);
}

int wb_session_preview(struct wb_session *s, struct wb_error *err)
{
	int r = 0;

	s->over = true;
	for (const struct wb_session_row *row = s->rows; r == 0 && row->name; row++)
		if (row->preview)
			r = row->preview(s, err);
	return r;
}

const char *wb_session_step(size_t i)
{
	size_t n = 0;

	while (n < i && wb_session_rows[n].name)
		n++;
	return wb_session_rows[n].name;
}

const struct wb_stage *wb_session_stage(const struct wb_session *s)
{
	return s->stage;
}

const struct wb_load_options *wb_session_load(const struct wb_session *s)
{
	return &s->request.options;
}

bool wb_session_watchdog(const struct wb_session *s, struct wb_session_watchdog *ret)
{
	struct wb_stage_info info = {};

	if (s->stage)
		info = wb_stage_info(s->stage);
	return wb_watch_report(&s->watch, s->stage ? &info : NULL, ret);
}

const char *wb_session_init(const struct wb_session *s)
{
	return s->init ? s->init->name : NULL;
}

struct wb_session_trial wb_session_trial(const struct wb_session *s)
{
	const struct wb_trial_plan *p = &s->trial;

	return (struct wb_session_trial){
		.guarded = p->config.guard != WB_GUARD_OFF && !p->untried,
		.back = p->back,
		.why_not = p->no_pin,
		.loader = p->pin.loader,
		.panic = p->panic,
		.manual = p->config.manual,
		.action = wb_name_of(wb_trial_actions, p->config.action),
		.deadline_s = p->config.deadline_s,
	};
}

bool wb_session_unit(const struct wb_session *s, size_t i, struct wb_session_unit *ret)
{
	const struct wb_manifest_unit *u;

	if (i >= s->keeping.draft.units.n)
		return false;
	u = &s->keeping.draft.units.items[i];
	*ret = (struct wb_session_unit){
		.unit = u->unit,
		.name = wb_chosen_name(u),
		.how = wb_keep_how_name(u->how),
		.why = u->why,
		.process = wb_unit_is_checkpointed(u),
		.after = u->late,
		.ahead_bytes = wb_ahead_bytes(u),
		.ahead_why = u->ahead_why,
	};
	return true;
}
