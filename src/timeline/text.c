// SPDX-License-Identifier: LGPL-2.1-or-later
/* The waterfall for a terminal of 80 columns. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "timeline/timeline.h"

#define WIDTH 79
#define NAME 26
#define BAR 33

/* A duration in seven columns: seconds, or milliseconds if it is short. */
static const char *duration(double s, char ret[16])
{
	if (fabs(s) >= 1 || s == 0)
		snprintf(ret, 16, "%6.2f s", s);
	else
		snprintf(ret, 16, "%5.0f ms", s * 1000);
	return ret;
}

/*
 * Print a bar in eighths of a column: U+2588 is a full block, U+2589 … U+258F are ever thinner
 * ones.
 */
static void print_bar(FILE *f, double start, double length, double total)
{
	int begin = total > 0 ? (int)(start / total * BAR) : 0;
	int eighths = total > 0 ? (int)lround(length / total * BAR * 8) : 0;
	int left;

	/* A silence may go on after the line's end. */
	begin = begin < BAR ? begin : BAR - 1;
	left = BAR - begin;
	if (eighths < 1)
		eighths = 1;
	if (eighths > left * 8)
		eighths = left * 8;
	fprintf(f, "%*s", begin, "");
	for (; eighths >= 8; eighths -= 8)
		fputs("\xe2\x96\x88", f);
	if (eighths)
		fprintf(f, "\xe2\x96%c", (char)(0x88 + 8 - eighths));
	fputc('\n', f);
}

static void print_head(FILE *f, const struct wb_timeline *t)
{
	time_t at = t->when;
	char when[32] = "", how[64];
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	snprintf(how, sizeof(how), "%s%s%s", t->method, *t->initramfs ? ", initramfs " : "",
		t->initramfs);
	fprintf(f, "%s boot %.8s, %s\n", t->warm ? "warm" : "cold", t->boot, when);
	fprintf(f, "%.37s -> %.37s\n", *t->from ? t->from : "?", t->to);
	fprintf(f, "method %s; total %.2f s", how, t->total_s);
	if (t->gap_s > 0 && fabs(t->gap_s - t->total_s) > 0.0005)
		fprintf(f, ", gap %.2f s", t->gap_s);
	fputs("\n\n", f);
}

static void print_phases(FILE *f, const struct wb_timeline *t)
{
	char text[16];

	fprintf(f, "%8s  %8s  %-*s 0%*.2f s\n", "start", "time", NAME, "phase", BAR - 3,
		t->total_s);
	for (size_t i = 0; i < t->n_phases; i++) {
		const struct wb_tl_phase *p = &t->phases[i];

		fprintf(f, "%7.2f   %s  %-*.*s ", p->start_s, duration(p->duration_s, text), NAME,
			NAME, p->name);
		print_bar(f, p->start_s, p->duration_s, t->total_s);
	}
}

/* Each unit's silence on the same scale. */
static void print_silences(FILE *f, const struct wb_timeline *t)
{
	bool first = true;
	char text[16];

	for (size_t i = 0; i < t->n_units; i++) {
		const struct wb_tl_unit *u = &t->units[i];

		if (!wb_tl_unit_is_placed(u))
			continue;
		if (first)
			fputs("\n  silent    time  unit\n", f);
		first = false;
		fprintf(f, "%7.2f   %s  %-*.*s ", u->silent_from_s, duration(u->silent_s, text),
			NAME, NAME, wb_tl_unit_name(u));
		print_bar(f, u->silent_from_s, u->silent_s, t->total_s);
	}
}

static void print_row(FILE *f, const char *name, double s, const char *more)
{
	char text[16];

	fprintf(f, "  %-40.40s %s%s%.24s\n", name, duration(s, text), *more ? "  " : "", more);
}

static void print_details(FILE *f, const struct wb_timeline *t)
{
	char text[16], more[64];

	if (t->n_parts)
		fputs("\ninside the kernel and the initramfs:\n", f);
	for (size_t i = 0; i < t->n_parts; i++)
		print_row(f, t->parts[i].name, t->parts[i].duration_s, "");
	if (t->n_initcalls)
		fputs("\nslowest initcalls:\n", f);
	for (size_t i = 0; i < t->n_initcalls; i++)
		print_row(f, t->initcalls[i].name, t->initcalls[i].duration_s, "");
	if (t->n_stops)
		fputs("\nlongest to stop:\n", f);
	for (size_t i = 0; i < t->n_stops && i < 8; i++)
		print_row(f, t->stops[i].unit, t->stops[i].duration_s, "");
	if (t->n_units)
		fputs("\nunits, and how long each was silent:\n", f);
	for (size_t i = 0; i < t->n_units; i++) {
		const struct wb_tl_unit *u = &t->units[i];

		snprintf(more, sizeof(more), "%s", u->how);
		if (u->frozen_s >= 0)
			snprintf(more, sizeof(more), "%.10s, frozen %s", u->how,
				duration(u->frozen_s, text));
		if (u->silent_s >= 0)
			print_row(f, wb_tl_unit_name(u), u->silent_s, more);
		else
			fprintf(f, "  %-40.40s %8s  %.24s\n", wb_tl_unit_name(u), "?", more);
	}
}

/* When each unit of the chain began to start, and how long that took: what came last is first. */
static void print_user_space(FILE *f, const struct wb_timeline *t)
{
	double whole = wb_timeline_seconds(t, WB_PHASE_USER);
	char text[16];

	if (t->n_chain)
		fprintf(f, "\nwhat %.40s waited for:\n   start      took  unit\n",
			t->chain[0].unit);
	for (size_t i = 0; i < t->n_chain; i++)
		fprintf(f, "%8.2f  %s  %.58s\n", t->chain[i].start_s,
			duration(t->chain[i].duration_s, text), t->chain[i].unit);
	if (t->n_starts)
		fputs("\nlongest to start (* warmboot's own):\n", f);
	for (size_t i = 0; i < t->n_starts; i++)
		print_row(f, t->starts[i].unit, t->starts[i].duration_s,
			t->starts[i].ours ? "*" : "");
	if (t->generators_s >= 0)
		print_row(f, "all generators", t->generators_s, "");
	if (t->ours_s >= 0 && whole > 0) {
		char share[32];

		snprintf(share, sizeof(share), "%.1f %% of user space", t->ours_s / whole * 100);
		print_row(f, "warmboot's own units before the target", t->ours_s, share);
	}
}

/* Print a sentence, broken at WIDTH. */
static void print_wrapped(FILE *f, const char *head, const char *text)
{
	size_t at = strlen(head);

	fputs(head, f);
	while (*text) {
		size_t n = strcspn(text, " ");

		if (at + n + 1 > WIDTH) {
			fprintf(f, "\n%*s", (int)strlen(head), "");
			at = strlen(head);
		}
		fprintf(f, "%.*s", (int)n, text);
		at += n;
		text += n;
		if (*text == ' ') {
			fputc(' ', f);
			at++;
			text++;
		}
	}
	fputc('\n', f);
}

static void print_sources(FILE *f, const struct wb_timeline *t)
{
	char head[64], text[192], error[16];

	fputs("\nread from:\n", f);
	for (size_t i = 0; i < t->n_phases; i++) {
		const struct wb_tl_phase *p = &t->phases[i];

		snprintf(head, sizeof(head), "  %-*.*s ", NAME, NAME, p->name);
		if (p->error_s < 0.001)
			snprintf(error, sizeof(error), "< 1 ms");
		else
			duration(p->error_s, error);
		snprintf(text, sizeof(text), "%s (+- %s)", p->source, error + strspn(error, " "));
		print_wrapped(f, head, text);
	}
	for (size_t i = 0; i < t->n_notes; i++)
		print_wrapped(f, "note: ", t->notes[i]);
}

/*
 * Print the phases of both boots by name, in the order of the first, then those that only the other
 * has.
 */
static void print_compared(FILE *f, const struct wb_timeline *t, const struct wb_timeline *o)
{
	char a[16], b[16], d[16];

	fprintf(f, "%-*s %8.8s  %8.8s  %10s\n", NAME, "phase", t->boot, o->boot, "difference");
	for (size_t i = 0; i < t->n_phases; i++) {
		const struct wb_tl_phase *p = &t->phases[i];
		const struct wb_tl_phase *q = wb_timeline_phase(o, p->name);

		fprintf(f, "%-*.*s %s  %8s  %10s\n", NAME, NAME, p->name,
			duration(p->duration_s, a), q ? duration(q->duration_s, b) : "-",
			duration(p->duration_s - (q ? q->duration_s : 0), d));
	}
	for (size_t i = 0; i < o->n_phases; i++) {
		const struct wb_tl_phase *q = &o->phases[i];

		if (!wb_timeline_phase(t, q->name))
			fprintf(f, "%-*.*s %8s  %s  %10s\n", NAME, NAME, q->name, "-",
				duration(q->duration_s, b), duration(-q->duration_s, d));
	}
	fprintf(f, "%-*s %s  %s  %10s\n", NAME, "total", duration(t->total_s, a),
		duration(o->total_s, b), duration(t->total_s - o->total_s, d));
}

int wb_timeline_text(const struct wb_timeline *t, const struct wb_timeline *other, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	print_head(f, t);
	if (other) {
		print_head(f, other);
		print_compared(f, t, other);
	} else {
		print_phases(f, t);
		print_silences(f, t);
		print_user_space(f, t);
		print_details(f, t);
		print_sources(f, t);
	}
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
