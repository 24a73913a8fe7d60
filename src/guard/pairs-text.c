// SPDX-License-Identifier: LGPL-2.1-or-later
/* The ledger as text and as JSON. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "core/kernel-id.h"
#include "core/names.h"
#include "guard/pairs-text.h"

static const struct wb_name sources[] = {{"shipped", WB_PAIRS_FROM_SHIPPED},
	{"administrator", WB_PAIRS_FROM_ADMIN}, {"own", WB_PAIRS_FROM_OWN}, {}};

static const char *phase_name(const struct wb_pair *p)
{
	const char *name = wb_name_of(wb_pair_phases, p->phase);

	return name ? name : "other";
}

static bool applies_to(const struct wb_pairs_line *l, const struct wb_pairs_view *v)
{
	const struct wb_pairs_query query = {
		.from = v->running, .from_name = v->running_name, .class = v->class->hash};

	return wb_pairs_concerns(l, &query);
}

/* ---- text ---- */

/* A kernel's release, or the beginning of its build id. */
static void print_kernel(FILE *out, const char *id, const char *name)
{
	if (name)
		fprintf(out, "%.*s", (int)strcspn(name, " "), name);
	else if (wb_valid_kernel_name(id))
		fprintf(out, "%.*s", (int)strcspn(id, " "), id);
	else
		fprintf(out, "%.12s", id);
}

static void print_day(FILE *out, int64_t when)
{
	time_t at = when;
	char text[32] = "";
	struct tm tm;

	if (when && gmtime_r(&at, &tm) && strftime(text, sizeof(text), "%Y-%m-%d", &tm))
		fprintf(out, ", last on %s", text);
}

static void print_pair(FILE *out, const struct wb_pairs_line *l, bool applies)
{
	const struct wb_pair *p = &l->pair;

	fprintf(out, "%c %s  %-8s  ", applies ? '*' : ' ', l->id,
		wb_name_of(wb_pair_verdicts, p->verdict));
	print_kernel(out, p->from, p->from_name);
	fputs(" -> ", out);
	print_kernel(out, p->to, p->to_name);
	fprintf(out, "  by %s, %" PRId64 " %s", p->method, p->count,
		p->count == 1 ? "time" : "times");
	print_day(out, p->last);
	fputc('\n', out);
	if (p->verdict != WB_PAIR_GOOD)
		fprintf(out, "    reached  %s%s%s\n", phase_name(p), p->cause ? "; " : "",
			p->cause ? p->cause : "");
	if (p->note)
		fprintf(out, "    note     %s\n", p->note);
	if (l->source != WB_PAIRS_FROM_OWN)
		fprintf(out, "    seen in  %s, line %zu\n", l->path, l->number);
}

static void print_rest(FILE *out, const struct wb_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct wb_pairs_line *l = &pairs->items[i];

		if (l->kind == WB_PAIRS_OLDER && l->older.pairs)
			fprintf(out,
				"%" PRId64 " older good pairs (%" PRId64
				" jumps) were merged into this number to make room.\n",
				l->older.pairs, l->older.jumps);
		else if (l->kind == WB_PAIRS_DAMAGED)
			fprintf(out, "not understood, and left alone: %s\n", l->why);
	}
	for (size_t i = 0; i < pairs->refused.n; i++)
		fprintf(out, "not used: %s\n", pairs->refused.items[i]);
}

static int finish(FILE *out, char **text, char **ret)
{
	if (fclose(out)) {
		free(*text);
		return -ENOMEM;
	}
	*ret = *text;
	return 0;
}

int wb_pairs_text(const struct wb_pairs *pairs, const struct wb_pairs_view *v, char **ret)
{
	size_t size, here = 0, others = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	fprintf(out, "machine class  %s\nrunning kernel %s\n               %s\n\n", v->class->hash,
		v->running_name,
		wb_valid_kernel_name(v->running) ? "(its build id is not known, so kernels of the "
						   "same name count as one)"
						 : v->running);
	for (size_t i = 0; i < pairs->n; i++) {
		const struct wb_pairs_line *l = &pairs->items[i];

		if (l->kind != WB_PAIRS_PAIR)
			continue;
		if (applies_to(l, v))
			print_pair(out, l, true);
		else if (!strcmp(l->pair.class, v->class->hash) ||
			 !strcmp(l->pair.class, WB_PAIR_ANY))
			print_pair(out, l, false);
		else {
			others++;
			continue;
		}
		here++;
	}
	if (!here)
		fputs("Nothing is known of kernel pairs on machines of this class.\n", out);
	if (others)
		fprintf(out, "%zu pairs of other machine classes are known (--json shows them).\n",
			others);
	print_rest(out, pairs);
	return finish(out, &text, ret);
}

/* ---- JSON ---- */

static json_t *time_json(int64_t when)
{
	time_t at = when;
	char text[32];
	struct tm tm;

	if (!when || !gmtime_r(&at, &tm) ||
		!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

static json_t *durations_json(const struct wb_pair *p)
{
	json_t *all = json_object();
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < p->durations.n; i++)
		r = wb_json_set(
			all, p->durations.items[i].phase, json_real(p->durations.items[i].seconds));
	if (r == 0)
		return all;
	json_decref(all);
	return NULL;
}

/* The class in plain words, if it is written down. */
static json_t *machine_json(const struct wb_pairs *pairs, const char *class)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (pairs->items[i].kind == WB_PAIRS_MACHINE &&
			!strcmp(pairs->items[i].machine.class, class))
			return wb_json_write(
				wb_machine_class_fields, &pairs->items[i].machine.plain);
	return json_null();
}

static json_t *pair_json(
	const struct wb_pairs *pairs, const struct wb_pairs_line *l, const struct wb_pairs_view *v)
{
	const struct wb_pair *p = &l->pair;
	bool here = !strcmp(p->class, v->class->hash) || !strcmp(p->class, WB_PAIR_ANY);

	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:b, s:s, s:s, s:s?, s:s?, s:s, s:s, s:o, s:s, "
			 "s:s, s:s?, s:I, s:o, s:o, s:o, s:s?, s:s?, s:s?}",
		"id", l->id, "source", wb_name_of(sources, (int)l->source), "file", l->path, "line",
		(json_int_t)l->number, "here", here, "applies", applies_to(l, v), "from", p->from,
		"to", p->to, "from_name", p->from_name, "to_name", p->to_name, "method", p->method,
		"class", p->class, "machine", machine_json(pairs, p->class), "verdict",
		wb_name_of(wb_pair_verdicts, p->verdict), "phase", phase_name(p), "cause", p->cause,
		"count", (json_int_t)p->count, "first", time_json(p->first), "last",
		time_json(p->last), "durations", durations_json(p), "warmboot", p->warmboot, "note",
		p->note, "origin", p->origin);
}

static json_t *class_json(const struct wb_machine_class *c)
{
	return json_pack(
		"{s:s, s:o}", "hash", c->hash, "plain", wb_json_write(wb_machine_class_fields, c));
}

static int dump(json_t *json, char **ret)
{
	char *text = json ? wb_json_dump(json, JSON_INDENT(1)) : NULL;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

int wb_pairs_class_json(const struct wb_machine_class *class, char **ret)
{
	return dump(class_json(class), ret);
}

int wb_pairs_json(const struct wb_pairs *pairs, const struct wb_pairs_view *v, char **ret)
{
	json_t *items = json_array(), *damaged = json_array(), *refused = json_array();
	int64_t older[2] = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < pairs->n; i++) {
		const struct wb_pairs_line *l = &pairs->items[i];

		if (l->kind == WB_PAIRS_PAIR) {
			r = wb_json_append(items, pair_json(pairs, l, v));
		} else if (l->kind == WB_PAIRS_DAMAGED) {
			r = wb_json_append(damaged, json_string(l->why));
		} else if (l->kind == WB_PAIRS_OLDER) {
			older[0] += l->older.pairs;
			older[1] += l->older.jumps;
		}
	}
	for (size_t i = 0; r == 0 && i < pairs->refused.n; i++)
		r = wb_json_append(refused, json_string(pairs->refused.items[i]));
	if (r < 0) {
		json_decref(items);
		json_decref(damaged);
		json_decref(refused);
		return -ENOMEM;
	}
	return dump(
		json_pack("{s:i, s:o, s:{s:s, s:s, s:b}, s:o, s:{s:I, s:I}, s:o, s:o}", "version",
			1, "machine", class_json(v->class), "running", "id", v->running, "name",
			v->running_name, "build_id", !wb_valid_kernel_name(v->running), "pairs",
			items, "older", "pairs", (json_int_t)older[0], "jumps",
			(json_int_t)older[1], "damaged", damaged, "refused", refused),
		ret);
}
