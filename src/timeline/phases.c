// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Making one line of phases out of five clocks. A warm boot is measured on the time stamp counter,
 * which runs on through a jump. A cold boot is measured on the new kernel's CLOCK_MONOTONIC, and
 * the time before it is added by CLOCK_REALTIME. Each border of a phase is a point with a source
 * and an error. A phase lies between two points, so the phases make up the whole.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/starts.h"
#include "core/sort.h"

/* Jobs that end this long after the default target are a phase of their own. */
#define LATE_US 10000

/* The error of each kind of reading, in seconds. */
#define ERROR_JOURNAL 0.010 /* journald stamps a message when it reads it */
#define ERROR_SYSTEMD 0.001
#define ERROR_KLOG 0.0005 /* from reading the counter to the stamp of its line */
/* the real time clock from which the new kernel starts has a resolution of a second */
#define ERROR_WALL 1.0

struct point {
	const char *name; /* of the phase that ends here */
	const char *source;
	double at, error; /* seconds from the first point */
};

struct line {
	struct point points[WB_TL_PHASES + 1]; /* the name of the first one is not used */
	const char *skipped;                   /* the first phase whose end is not known */
	size_t n;
};

/* Conversion from each clock to the line. */
struct scale {
	double zero_tsc; /* the counter at the line's beginning */
	double hz;       /* the counter's rate */
	double drift;    /* relative difference between the two kernels' rates */
	double old_mono; /* old kernel's CLOCK_MONOTONIC, seconds, at zero */
	double new_mono; /* new kernel's, at zero (negative) */
	double new_log;  /* new kernel's log clock, at zero */
	double wall;     /* CLOCK_REALTIME at zero */
	bool have_old;
};

const struct wb_tl_phase *wb_timeline_phase(const struct wb_timeline *t, const char *name)
{
	for (size_t i = 0; i < t->n_phases; i++)
		if (!strcmp(t->phases[i].name, name))
			return &t->phases[i];
	return NULL;
}

double wb_timeline_seconds(const struct wb_timeline *t, const char *name)
{
	const struct wb_tl_phase *p = wb_timeline_phase(t, name);

	return p ? p->duration_s : 0;
}

void wb_timeline_note(struct wb_timeline *t, const char *fmt, ...)
{
	va_list ap;

	if (t->n_notes == WB_TL_NOTES)
		return;
	va_start(ap, fmt);
	vsnprintf(t->notes[t->n_notes], sizeof(t->notes[0]), fmt, ap);
	va_end(ap);
	t->n_notes++;
}

void wb_events_deinit(struct wb_events *events)
{
	free(events->items);
	*events = (struct wb_events){};
}

void wb_facts_deinit(struct wb_facts *f)
{
	wb_marks_deinit(&f->marks);
	wb_events_deinit(&f->events);
	free(f->up);
	free(f->kept);
	wb_starts_deinit(&f->starts);
	wb_starts_deinit(&f->chain);
	*f = (struct wb_facts){};
}

static void add_point(struct line *l, const char *name, double at, double error, const char *source)
{
	if (l->n > WB_TL_PHASES)
		return;
	/* Within their errors two readings can be in the wrong order. */
	if (l->n && at < l->points[l->n - 1].at) {
		error += l->points[l->n - 1].at - at;
		at = l->points[l->n - 1].at;
	}
	l->points[l->n++] = (struct point){name, source, at, error};
}

/* A phase without a recorded end: the name of the next one begins with it. */
static void skip_point(struct line *l, struct wb_timeline *t, const char *name)
{
	if (t->n_notes < WB_TL_NOTES)
		wb_timeline_note(t, "the end of \"%s\" left no trace", name);
	if (!l->skipped)
		l->skipped = name;
}

static void end_phase(struct line *l, const char *name, double at, double error, const char *source,
	char merged[][48], size_t *n_merged)
{
	if (l->skipped && *n_merged < WB_TL_PHASES) {
		snprintf(merged[*n_merged], 48, "%s to %s", l->skipped, name);
		name = merged[(*n_merged)++];
		l->skipped = NULL;
	}
	add_point(l, name, at, error, source);
}

static double on_line(const struct scale *s, uint64_t tsc)
{
	return ((double)tsc - s->zero_tsc) / s->hz;
}

static double mark_error(const struct scale *s, const struct wb_mark *m)
{
	return (double)m->window / s->hz;
}

/* The last event that names the target of the shutdown, or else the last of all. */
static const struct wb_event *last_event(const struct wb_facts *f)
{
	const struct wb_event *best = NULL;

	for (size_t i = 0; i < f->events.n; i++) {
		const struct wb_event *e = &f->events.items[i];

		if (e->kind == WB_EVENT_REACHED && !strcmp(e->unit, "final.target"))
			return e;
		best = e;
	}
	return best;
}

/* The counter's rate in each kernel, and the difference. */
static bool find_rate(const struct wb_facts *f, struct scale *s)
{
	double then = (double)f->handoff_hz, now = (double)f->log.tsc_khz * 1000;
	const struct wb_mark *first = NULL, *last = NULL;

	/*
	 * Two marks some seconds apart give a better rate than the short measurement at the load.
	 */
	for (size_t i = 0; i < f->marks.n; i++) {
		const struct wb_mark *m = &f->marks.items[i];

		if (strcmp(m->boot, f->previous))
			continue;
		first = first ? first : m;
		last = m;
	}
	if (first && last->mono_ns - first->mono_ns > 500000000)
		then = (double)(last->tsc - first->tsc) * 1e9 /
		       (double)(last->mono_ns - first->mono_ns);
	if (now <= 0)
		now = then;
	if (then <= 0)
		then = now;
	s->hz = now;
	s->drift = now > 0 ? fabs(now - then) / now : 0;
	return now > 0;
}

/* Set the scale from the marks. -ENODATA. */
static int set_scale(const struct wb_facts *f, struct scale *ret, struct wb_error *err)
{
	struct scale scale = {}, *s = &scale;
	const struct wb_mark *zero = wb_marks_find(&f->marks, f->previous, WB_MARK_REQUEST);
	const struct wb_mark *asked = wb_marks_find(&f->marks, f->previous, WB_MARK_ASKED);
	double now;

	if (!find_rate(f, s))
		return wb_fail(err, -ENODATA,
			"neither the kernel's log nor a mark has the rate of the time stamp "
			"counter");
	/* With two requests, the first one was for another jump. */
	if (!zero || (asked && zero->tsc > asked->tsc))
		zero = asked;
	s->have_old = zero;
	if (zero) {
		s->zero_tsc = (double)zero->tsc;
		s->old_mono = (double)zero->mono_ns / 1e9;
		s->wall = (double)zero->wall_ns / 1e9;
	} else if (f->last_tsc || f->tsc_enter) {
		s->zero_tsc = (double)(f->last_tsc ? f->last_tsc : f->tsc_enter);
	} else {
		return wb_fail(err, -ENODATA,
			"there is no mark of the old kernel and no stamp of purgatory, so nothing "
			"relates this boot to the one before");
	}
	now = on_line(s, f->now.tsc);
	if (now <= 0 || now > 86400)
		return wb_fail(err, -ENODATA,
			"the time stamp counter did not run on through the jump: it says that %.0f "
			"s lie between",
			now);
	s->new_mono = (double)f->now.mono_ns / 1e9 - now;
	s->new_log = s->new_mono;
	if (f->log.tie_tsc)
		s->new_log = (double)f->log.tie_us / 1e6 - on_line(s, f->log.tie_tsc);
	if (!zero)
		s->wall = (double)f->now.wall_ns / 1e9 - now;
	*ret = scale;
	return 0;
}

struct build {
	const struct wb_facts *f;
	struct scale s;
	struct line l;
	struct wb_timeline *t;
	char merged[WB_TL_PHASES][48];
	size_t n_merged;
};

static void end_here(struct build *b, const char *name, double at, double error, const char *source)
{
	end_phase(&b->l, name, at, error, source, b->merged, &b->n_merged);
}

/* The points until the old kernel's user space is gone. */
static void old_side(struct build *b)
{
	const struct wb_facts *f = b->f;
	const struct wb_mark *asked = wb_marks_find(&f->marks, f->previous, WB_MARK_ASKED);
	const struct wb_mark *at_once = wb_marks_find(&f->marks, f->previous, WB_MARK_NOW);
	const struct wb_mark *frozen = NULL, *freeze = NULL;
	const struct wb_event *stopped = last_event(f);
	const struct scale *s = &b->s;

	if (!s->have_old) {
		add_point(&b->l, "", 0, 0,
			f->last_tsc ? "the counter at the shutdown's end" : "purgatory's stamp");
		return;
	}
	add_point(&b->l, "", 0, mark_error(s, asked ? asked : &f->now), "mark");
	if (asked && on_line(s, asked->tsc) > 0)
		end_here(b, WB_PHASE_STAGING, on_line(s, asked->tsc), mark_error(s, asked),
			"marks of warmboot reboot");
	for (size_t i = 0; i < f->marks.n; i++) {
		const struct wb_mark *m = &f->marks.items[i];
		size_t n = strlen(WB_MARK_FREEZE_BEGIN);

		if (strcmp(m->boot, f->previous) || on_line(s, m->tsc) < 0)
			continue;
		if (!freeze && !strncmp(m->name, WB_MARK_FREEZE_BEGIN, n))
			freeze = m;
		if (!strncmp(m->name, WB_MARK_FREEZE_END, strlen(WB_MARK_FREEZE_END)))
			frozen = m;
	}
	if (freeze && frozen && freeze->tsc < frozen->tsc) {
		end_here(b, WB_PHASE_STOP, on_line(s, freeze->tsc), mark_error(s, freeze),
			"mark of the first freeze");
		end_here(b, WB_PHASE_FREEZE, on_line(s, frozen->tsc), mark_error(s, frozen),
			"mark of the last freeze");
	} else if (stopped && (double)stopped->mono_us / 1e6 > s->old_mono) {
		end_here(b, WB_PHASE_STOP, (double)stopped->mono_us / 1e6 - s->old_mono,
			ERROR_JOURNAL, "last unit in the journal");
	} else if (!at_once || !asked || at_once->tsc < asked->tsc) {
		skip_point(&b->l, b->t, WB_PHASE_STOP);
	}
	if (at_once && asked && at_once->tsc > asked->tsc)
		skip_point(&b->l, b->t, WB_PHASE_WRITE);
	else if (f->last_tsc)
		end_here(b, WB_PHASE_UNMOUNT, on_line(s, f->last_tsc), 1e-5, f->last_source);
	else
		skip_point(&b->l, b->t, WB_PHASE_UNMOUNT);
}

/* The points between the kernels: from the last program of the old one to the new one's log. */
static void between(struct build *b)
{
	const struct wb_facts *f = b->f;
	const struct scale *s = &b->s;
	double copy =
		f->copied_bytes && f->copy_rate > 0 ? (double)f->copied_bytes / f->copy_rate : 0;
	double log_error = ERROR_KLOG + s->drift * (on_line(s, f->now.tsc) + s->new_log);
	bool linked = !strcmp(f->method, "fast");

	if (f->tsc_enter && s->zero_tsc < (double)f->tsc_enter) {
		double enter = on_line(s, f->tsc_enter), before = b->l.points[b->l.n - 1].at;

		if (copy > 0 && before < enter - copy)
			end_here(b, WB_PHASE_DEVICES, enter - copy, copy,
				"inferred: the rest before purgatory");
		else
			skip_point(&b->l, b->t, WB_PHASE_DEVICES);
		end_here(b, WB_PHASE_COPY, enter, 0,
			copy > 0 ? "bytes by measured memory speed" : "purgatory's first stamp");
	} else if (!f->tsc_enter) {
		skip_point(&b->l, b->t, WB_PHASE_DEVICES);
	}
	if (f->tsc_leave && s->zero_tsc < (double)f->tsc_leave)
		end_here(b, WB_PHASE_PURGATORY, on_line(s, f->tsc_leave), 0, "purgatory's stamps");
	end_here(b, linked ? WB_PHASE_ENTRY : WB_PHASE_UNPACK, -s->new_log, fabs(log_error),
		"where the new kernel's log clock begins");
}

static int by_place(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/*
 * The points from the kernel's first stamp on; `log_zero` and `mono_zero` are the zeroes of its
 * clocks.
 */
static void new_side(struct build *b, double log_zero, double mono_zero)
{
	const struct wb_facts *f = b->f;
	struct point late[4] = {};
	size_t n = 0;
	double thaw = 0, probe = 0, up = 0, target = 0;

	if (f->log.run_init_us != WB_KLOG_NONE)
		end_here(b, WB_PHASE_KERNEL, log_zero + (double)f->log.run_init_us / 1e6,
			ERROR_KLOG, "\"Run … as init process\" in the log");
	else
		skip_point(&b->l, b->t, WB_PHASE_KERNEL);
	if (f->user.userspace_us)
		end_here(b, WB_PHASE_INITRAMFS, mono_zero + (double)f->user.userspace_us / 1e6,
			ERROR_SYSTEMD, "systemd's UserspaceTimestamp");
	else
		skip_point(&b->l, b->t, WB_PHASE_INITRAMFS);
	for (size_t i = 0; i < f->marks.n; i++) {
		const struct wb_mark *m = &f->marks.items[i];
		double at = mono_zero + (double)m->mono_ns / 1e9;

		if (strcmp(m->boot, f->boot))
			continue;
		if (!strncmp(m->name, WB_MARK_THAW_END, strlen(WB_MARK_THAW_END)) && at > thaw)
			thaw = at;
		if (!strncmp(m->name, WB_MARK_PROBE, strlen(WB_MARK_PROBE)) && at > probe)
			probe = at;
	}
	if (f->user.finish_us)
		up = mono_zero + (double)f->user.finish_us / 1e6;
	if (f->user.target_us && f->user.target_us + LATE_US < f->user.finish_us)
		target = mono_zero + (double)f->user.target_us / 1e6;
	if (thaw > 0)
		late[n++] = (struct point){WB_PHASE_THAW, "mark of the last thaw", thaw, 0.001};
	if (target > 0)
		late[n++] = (struct point){WB_PHASE_USER, "default.target's ActiveEnterTimestamp",
			target, ERROR_SYSTEMD};
	if (up > 0)
		late[n++] = (struct point){target > 0 ? WB_PHASE_LATE : WB_PHASE_USER,
			"systemd's FinishTimestamp", up, ERROR_SYSTEMD};
	if (probe > 0)
		late[n++] = (struct point){
			WB_PHASE_PROBE, "mark of the last unit's first answer", probe, 0.001};
	wb_sort(late, n, sizeof(*late), by_place);
	for (size_t i = 0; i < n; i++)
		end_here(b, late[i].name, late[i].at, late[i].error, late[i].source);
	if (up <= 0)
		wb_timeline_note(b->t, "systemd has not finished starting: the line ends early");
}

/* Turn the points into phases. */
static void finish(struct build *b)
{
	struct wb_timeline *t = b->t;
	const struct point *p = b->l.points;

	for (size_t i = 1; i < b->l.n; i++) {
		struct wb_tl_phase *to = &t->phases[t->n_phases++];

		snprintf(to->name, sizeof(to->name), "%s", p[i].name);
		to->start_s = p[i - 1].at;
		to->duration_s = p[i].at - p[i - 1].at;
		to->error_s = p[i - 1].error + p[i].error;
		snprintf(to->source, sizeof(to->source), "%s", p[i].source);
	}
	t->total_s = b->l.n ? p[b->l.n - 1].at - p[0].at : 0;
	t->gap_s = t->total_s - wb_timeline_seconds(t, WB_PHASE_STAGING);
}

static int by_duration(const void *a, const void *b)
{
	const struct wb_tl_stop *x = a, *y = b;

	return x->duration_s > y->duration_s ? -1 : x->duration_s < y->duration_s;
}

/*
 * Fill in the stopped units; `zero` is the old kernel's CLOCK_MONOTONIC at the beginning of the
 * line.
 */
static int take_stops(const struct wb_facts *f, double zero, struct wb_timeline *t)
{
	struct wb_tl_stop *all = calloc(f->events.n + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < f->events.n; i++) {
		const struct wb_event *e = &f->events.items[i], *began = NULL;

		if (e->kind != WB_EVENT_STOPPED)
			continue;
		for (size_t k = i; k > 0 && !began; k--)
			if (f->events.items[k - 1].kind == WB_EVENT_STOPPING &&
				!strcmp(f->events.items[k - 1].unit, e->unit))
				began = &f->events.items[k - 1];
		if (!began || (double)began->mono_us / 1e6 < zero)
			continue;
		snprintf(all[n].unit, sizeof(all[n].unit), "%s", e->unit);
		all[n].start_s = (double)began->mono_us / 1e6 - zero;
		all[n++].duration_s = (double)(e->mono_us - began->mono_us) / 1e6;
	}
	wb_sort(all, n, sizeof(*all), by_duration);
	t->n_stops = n < WB_TL_STOPS ? n : WB_TL_STOPS;
	memcpy(t->stops, all, t->n_stops * sizeof(*all));
	free(all);
	return 0;
}

static void take_log(const struct wb_facts *f, double log_zero, struct wb_timeline *t)
{
	for (size_t i = 0; i < WB_KLOG_PARTS; i++) {
		const struct wb_klog_span *s = &f->log.parts[i];
		struct wb_tl_part *p = &t->parts[t->n_parts];

		if (s->begin_us == WB_KLOG_NONE)
			continue;
		snprintf(p->name, sizeof(p->name), "%s", wb_klog_part_name(i));
		p->start_s = log_zero + (double)s->begin_us / 1e6;
		p->duration_s = (double)s->used_us / 1e6;
		snprintf(p->source, sizeof(p->source), "%s", s->source);
		t->n_parts++;
	}
	for (size_t i = 0; i < f->log.n_top; i++) {
		struct wb_tl_initcall *c = &t->initcalls[t->n_initcalls++];

		snprintf(c->name, sizeof(c->name), "%s", f->log.top[i].name);
		c->duration_s = (double)f->log.top[i].us / 1e6;
	}
	t->cpus = f->log.cpus;
	t->initrd_kib = f->log.initrd_kib;
	t->console_bytes = f->log.console_bytes;
	t->quiet_bytes = f->log.quiet_bytes;
	t->console_byte_ns = f->log.byte_ns;
	t->pages_deferred = f->log.pages_deferred;
	if (!f->log.whole)
		wb_timeline_note(t, "the beginning of the kernel's log was overwritten; "
				    "log_buf_len= on its command line makes room");
}

/* The time at which the unit went silent in the old kernel, seconds on the line; < 0 unknown. */
static double went_silent(const struct build *b, const char *unit)
{
	const struct wb_facts *f = b->f;
	char name[WB_MARK_NAME];
	const struct wb_mark *m;

	snprintf(name, sizeof(name), "%s%s", WB_MARK_FREEZE_BEGIN, unit);
	m = wb_marks_find(&f->marks, f->previous, name);
	/* Marks have no place on a line without the counter. */
	if (m && b->s.hz > 0 && b->s.have_old && on_line(&b->s, m->tsc) > 0)
		return on_line(&b->s, m->tsc);
	for (size_t i = 0; b->s.have_old && i < f->events.n; i++)
		if (!strcmp(f->events.items[i].unit, unit) &&
			f->events.items[i].kind != WB_EVENT_REACHED)
			return (double)f->events.items[i].mono_us / 1e6 - b->s.old_mono;
	return -1;
}

static double mark_on_line(const struct build *b, const char *kind, const char *unit, double zero)
{
	char name[WB_MARK_NAME];
	const struct wb_mark *m;

	snprintf(name, sizeof(name), "%s%s", kind, unit);
	m = wb_marks_find(&b->f->marks, b->f->boot, name);
	return m ? zero + (double)m->mono_ns / 1e9 : -1;
}

/* Time between two marks of one unit in one boot; < 0 when one is missing. */
static double between_marks(const struct build *b, const char *boot, const char *unit,
	const char *begin, const char *end)
{
	char name[WB_MARK_NAME];
	const struct wb_mark *from, *to;

	snprintf(name, sizeof(name), "%s%s", begin, unit);
	from = wb_marks_find(&b->f->marks, boot, name);
	snprintf(name, sizeof(name), "%s%s", end, unit);
	to = wb_marks_find(&b->f->marks, boot, name);
	return from && to && to->mono_ns > from->mono_ns
		       ? (double)(to->mono_ns - from->mono_ns) / 1e9
		       : -1;
}

static void take_unit(struct build *b, const struct wb_kept *kept, double up, double zero)
{
	const char *unit = kept->unit;
	struct wb_tl_unit *u = &b->t->units[b->t->n_units];
	double silent = went_silent(b, unit), answered = mark_on_line(b, WB_MARK_PROBE, unit, zero);
	double thawed = mark_on_line(b, WB_MARK_THAW_END, unit, zero);

	if (b->t->n_units == WB_TL_UNITS)
		return;
	if (answered >= 0)
		up = answered;
	else if (thawed >= 0)
		up = thawed;
	snprintf(u->unit, sizeof(u->unit), "%s", unit);
	/* A name that is the unit's own says nothing more. */
	if (strcmp(kept->name, unit))
		snprintf(u->name, sizeof(u->name), "%s", kept->name);
	snprintf(u->how, sizeof(u->how), "%s", kept->how);
	u->frozen_s = kept->frozen_s;
	u->dump_s =
		between_marks(b, b->f->previous, unit, WB_MARK_FREEZE_BEGIN, WB_MARK_FREEZE_END);
	u->restore_s = between_marks(b, b->f->boot, unit, WB_MARK_THAW_BEGIN, WB_MARK_THAW_END);
	u->silent_s = silent >= 0 && up > silent ? up - silent : -1;
	u->silent_from_s = u->silent_s >= 0 ? silent : -1;
	b->t->n_units++;
}

static void take_restarted(struct build *b, const struct wb_up *up, double zero)
{
	struct wb_kept unit = {.how = "restart", .frozen_s = -1};

	snprintf(unit.unit, sizeof(unit.unit), "%s", up->unit);
	take_unit(b, &unit, zero + (double)up->active_us / 1e6, zero);
}

/* Add the kept units, then the services that were stopped and are up again. */
static void take_units(struct build *b, double zero)
{
	const struct wb_facts *f = b->f;

	for (size_t i = 0; i < f->n_kept; i++) {
		double up = -1;

		for (size_t k = 0; k < f->n_up; k++)
			if (!strcmp(f->up[k].unit, f->kept[i].unit))
				up = zero + (double)f->up[k].active_us / 1e6;
		take_unit(b, &f->kept[i], up, zero);
	}
	for (size_t k = 0; k < f->n_up; k++) {
		bool kept = false;

		for (size_t i = 0; i < f->n_kept; i++)
			kept |= !strcmp(f->up[k].unit, f->kept[i].unit);
		if (!kept && f->up[k].active_us && went_silent(b, f->up[k].unit) >= 0)
			take_restarted(b, &f->up[k], zero);
	}
}

static double find_staged(const struct wb_facts *f, const struct scale *s)
{
	const struct wb_mark *a = wb_marks_find(&f->marks, f->previous, WB_MARK_LOAD_BEGIN);
	const struct wb_mark *b = wb_marks_find(&f->marks, f->previous, WB_MARK_LOAD_END);

	return a && b && b->tsc > a->tsc ? (double)(b->tsc - a->tsc) / s->hz : -1;
}

/*
 * Note that the boot loader's times are those of the last cold boot. systemd reports them as well,
 * and adds them up.
 */
static void note_stale(struct build *b)
{
	if (b->f->user.firmware_us || b->f->user.loader_us)
		wb_timeline_note(b->t, "the firmware's and the boot loader's times are those of an "
				       "earlier boot, and are left out");
}

static int make_warm(struct build *b, struct wb_error *err)
{
	int r = set_scale(b->f, &b->s, err);

	if (r < 0)
		return r;
	note_stale(b);
	old_side(b);
	between(b);
	new_side(b, -b->s.new_log, -b->s.new_mono);
	finish(b);
	b->t->when = (int64_t)b->s.wall;
	b->t->staged_s = find_staged(b->f, &b->s);
	take_log(b->f, -b->s.new_log, b->t);
	take_units(b, -b->s.new_mono);
	if (wb_starts_place(b->f, -b->s.new_mono, b->t) < 0)
		return wb_oom(err);
	if (b->s.have_old && take_stops(b->f, b->s.old_mono, b->t) < 0)
		return wb_oom(err);
	if (b->s.drift > 0.001)
		wb_timeline_note(b->t, "the counter's rates in the two kernels differ by %.1f %%",
			b->s.drift * 100);
	return 0;
}

/*
 * The shutdown in front of a cold boot, if the boot before ended in a reboot and was not switched
 * off.
 */
static double cold_shutdown(struct build *b, double kernel_wall, double before_kernel)
{
	const struct wb_facts *f = b->f;
	const struct wb_event *stopped = last_event(f);
	const struct wb_event *first = f->events.n ? &f->events.items[0] : NULL;
	bool reboot = false;
	double away;

	for (size_t i = 0; i < f->events.n; i++)
		reboot |= f->events.items[i].kind == WB_EVENT_REACHED &&
			  (!strcmp(f->events.items[i].unit, "reboot.target") ||
				  !strcmp(f->events.items[i].unit, "kexec.target"));
	if (!reboot || !stopped || !first || stopped == first)
		return 0;
	away = kernel_wall - (double)stopped->wall_us / 1e6;
	/* If the machine was switched off in between, the time says nothing about its firmware. */
	if (away < before_kernel - ERROR_WALL || away > 3600)
		return 0;
	add_point(&b->l, "", 0, ERROR_JOURNAL, "first unit in the journal");
	end_here(b, WB_PHASE_STOP, (double)(stopped->mono_us - first->mono_us) / 1e6, ERROR_JOURNAL,
		"last unit in the journal");
	b->s.have_old = true;
	b->s.old_mono = (double)first->mono_us / 1e6;
	return (double)(stopped->mono_us - first->mono_us) / 1e6 + away;
}

/* Make the line of a boot without a counter that runs through: from the firmware on. */
static int make_cold(struct build *b, struct wb_error *err)
{
	const struct wb_facts *f = b->f;
	double firmware = (double)f->user.firmware_us / 1e6,
	       loader = (double)f->user.loader_us / 1e6;
	/*
	 * Only CLOCK_REALTIME runs through the firmware; use its value before anything corrected
	 * it.
	 */
	double kernel_wall = f->began_wall_us
				     ? (double)f->began_wall_us / 1e6
				     : (double)f->now.wall_ns / 1e9 - (double)f->now.mono_ns / 1e9;
	double zero;

	if (!f->user.userspace_us && f->log.run_init_us == WB_KLOG_NONE)
		return wb_fail(err, -ENODATA,
			"neither the kernel's log nor systemd has the times of this boot");
	if (f->by_kexec) {
		note_stale(b);
		firmware = loader = 0;
	}
	zero = cold_shutdown(b, kernel_wall, firmware > 0 ? firmware : loader);
	if (!b->l.n) {
		zero = firmware > 0 ? firmware : loader;
		add_point(&b->l, "", 0, 0, "");
	} else if (firmware > 0) {
		end_here(b, "unmount and reset", zero - firmware, ERROR_WALL,
			"CLOCK_REALTIME on both sides");
	}
	if (firmware > 0 && loader > 0)
		end_here(b, WB_PHASE_FIRMWARE, zero - loader, ERROR_SYSTEMD,
			"systemd's FirmwareTimestamp (EFI variables or FPDT)");
	else if (b->l.n > 1 && loader > 0)
		end_here(b, "unmount, reset and firmware", zero - loader, ERROR_WALL,
			"CLOCK_REALTIME on both sides");
	if (loader > 0)
		end_here(b, WB_PHASE_LOADER, zero, ERROR_SYSTEMD,
			"systemd's LoaderTimestamp (EFI variables or FPDT)");
	else if (b->l.n > 1)
		end_here(b, f->by_kexec ? "unmount and jump" : "unmount, firmware, boot loader",
			zero, ERROR_WALL, "CLOCK_REALTIME on both sides");
	else if (!f->by_kexec)
		wb_timeline_note(
			b->t, "this machine does not report the times of firmware and boot loader");
	new_side(b, zero, zero);
	finish(b);
	b->t->when = (int64_t)(kernel_wall - zero);
	take_log(f, zero, b->t);
	take_units(b, zero);
	if (wb_starts_place(f, zero, b->t) < 0)
		return wb_oom(err);
	if (b->s.have_old && take_stops(f, b->s.old_mono, b->t) < 0)
		return wb_oom(err);
	return 0;
}

int wb_timeline_make(const struct wb_facts *f, struct wb_timeline *ret, struct wb_error *err)
{
	struct wb_timeline *t = calloc(1, sizeof(*t));
	struct build *b = calloc(1, sizeof(*b));
	struct wb_error why = {};
	int r;

	if (!t || !b) {
		free(t);
		free(b);
		return wb_oom(err);
	}
	b->f = f;
	b->t = t;
	t->warm = f->jumped;
	t->staged_s = -1;
	snprintf(t->boot, sizeof(t->boot), "%s", f->boot);
	snprintf(t->previous, sizeof(t->previous), "%s", f->previous);
	snprintf(t->from, sizeof(t->from), "%s", f->from);
	snprintf(t->to, sizeof(t->to), "%s", f->to);
	snprintf(t->method, sizeof(t->method), "%s", f->method);
	snprintf(t->initramfs, sizeof(t->initramfs), "%s", f->initramfs);
	snprintf(t->outcome, sizeof(t->outcome), "%s", f->outcome);
	r = f->jumped ? make_warm(b, &why) : make_cold(b, err);
	if (r == -ENODATA && f->jumped) {
		/* The part of this kernel is still useful; none of it uses the counter. */
		wb_timeline_note(t, "%.180s", why.text);
		*b = (struct build){.f = f, .t = t};
		r = make_cold(b, err);
	}
	if (r == 0)
		*ret = *t;
	else if (f->jumped && r != -ENODATA)
		wb_fail(err, r, "out of memory");
	free(t);
	free(b);
	return r;
}
