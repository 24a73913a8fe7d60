// SPDX-License-Identifier: LGPL-2.1-or-later
/* The judgement of the ledger on a jump that is meant. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel-id.h"
#include "core/names.h"
#include "guard/pairs.h"

void wb_pairs_answer_deinit(struct wb_pairs_answer *answer)
{
	free(answer->what);
	free(answer->evidence);
	free(answer->remedy);
	*answer = (struct wb_pairs_answer){};
}

static bool fits(const char *is, const char *wanted)
{
	return !strcmp(is, WB_PAIR_ANY) || (wanted && !strcmp(is, wanted));
}

/* Where a kernel's build id was not found, on either side, its name is compared instead. */
static bool is_kernel(const char *id, const char *name, const char *wanted, const char *wanted_name)
{
	if (fits(id, wanted))
		return true;
	if (wanted_name && wb_valid_kernel_name(id) && !strcmp(id, wanted_name))
		return true;
	return wanted && name && wb_valid_kernel_name(wanted) && !strcmp(name, wanted);
}

static bool is_from(const struct wb_pair *p, const struct wb_pairs_query *q)
{
	return is_kernel(p->from, p->from_name, q->from, q->from_name);
}

bool wb_pairs_concerns(const struct wb_pairs_line *l, const struct wb_pairs_query *q)
{
	return l->kind == WB_PAIRS_PAIR && is_from(&l->pair, q) && fits(l->pair.class, q->class);
}

/* May two kernels with these names be the same one? The release is the first word. */
static bool may_be_same(const char *a, const char *b)
{
	size_t n = a ? strcspn(a, " ") : 0;

	return !a || !b || (n == strcspn(b, " ") && !memcmp(a, b, n));
}

bool wb_pairs_ask_for_next(const struct wb_pairs *pairs, const struct wb_pairs_query *q)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct wb_pair *p = &pairs->items[i].pair;

		if (pairs->items[i].kind == WB_PAIRS_PAIR && p->verdict != WB_PAIR_GOOD &&
			strcmp(p->to, WB_PAIR_ANY) && is_from(p, q) &&
			may_be_same(p->to_name, q->to_name))
			return true;
	}
	return false;
}

/* The lines that decide: the last one of each kind. */
struct found {
	const struct wb_pairs_line *proven, *suspected, *degraded, *good;
	const struct wb_pairs_line *by_other, *elsewhere, *unknown_next;
	uint64_t elsewhere_n;
};

static bool is_proven(const struct wb_pair *p)
{
	return p->verdict == WB_PAIR_BAD && p->phase != WB_PAIR_PHASE_UNKNOWN;
}

/* A line about this pair on this class of machines. */
static void count(const struct wb_pairs_line *l, const struct wb_pairs_query *q, struct found *f,
	struct wb_pairs_answer *a)
{
	const struct wb_pair *p = &l->pair;

	if (q->method && !fits(p->method, q->method)) {
		if (p->verdict == WB_PAIR_BAD)
			f->by_other = l;
		return;
	}
	switch (p->verdict) {
	case WB_PAIR_GOOD:
		f->good = l;
		a->good += (uint64_t)p->count;
		break;
	case WB_PAIR_DEGRADED:
		f->degraded = l;
		a->degraded += (uint64_t)p->count;
		break;
	default:
		*(is_proven(p) ? &f->proven : &f->suspected) = l;
		a->bad += (uint64_t)p->count;
	}
}

static void find(const struct wb_pairs *pairs, const struct wb_pairs_query *q, struct found *f,
	struct wb_pairs_answer *a)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct wb_pairs_line *l = &pairs->items[i];

		if (l->kind != WB_PAIRS_PAIR || !is_from(&l->pair, q))
			continue;
		if (is_kernel(l->pair.to, l->pair.to_name, q->to, q->to_name)) {
			if (fits(l->pair.class, q->class)) {
				count(l, q, f, a);
			} else if (is_proven(&l->pair)) {
				f->elsewhere = l;
				f->elsewhere_n += (uint64_t)l->pair.count;
			}
		} else if (!q->to && l->pair.verdict == WB_PAIR_BAD &&
			   fits(l->pair.class, q->class)) {
			f->unknown_next = l;
		}
	}
}

/* The evidence of a line, with what it says of the cause. */
static char *show(const struct wb_pairs_line *l)
{
	const struct wb_pair *p = &l->pair;
	const char *phase = wb_name_of(wb_pair_phases, p->phase);
	WB_CLEAN_STR where =
		l->number ? wb_strf("%s, line %zu", l->path, l->number) : strdup(l->path);

	if (!where)
		return NULL;
	return wb_strf("%s (%s): %s by the method %s, reached %s%s%s%s%s%s", where, l->id,
		wb_name_of(wb_pair_verdicts, p->verdict), p->method,
		phase ? phase : "a later phase", p->cause ? "; " : "", p->cause ? p->cause : "",
		p->note ? " (" : "", p->note ? p->note : "", p->note ? ")" : "");
}

/* The remedy for a line that speaks against the jump. */
static char *mend(const struct wb_pairs_line *l)
{
	if (l->source == WB_PAIRS_FROM_OWN)
		return wb_strf("jump to another kernel, or reboot through the firmware; if the "
			       "cause is gone, \"warmboot pairs forget %s\"",
			l->id);
	return wb_strf("jump to another kernel, or reboot through the firmware; if that does not "
		       "hold for this machine, mend %s",
		l->source == WB_PAIRS_FROM_ADMIN
			? l->path
			: "it by a file of the same name in " WB_PAIRS_ADMIN);
}

static const char *times(uint64_t n)
{
	return n == 1 ? "time" : "times";
}

/* Decide, the worst first. */
static void decide(
	const struct found *f, struct wb_pairs_answer *a, const struct wb_pairs_line **ret_line)
{
	if (f->proven) {
		a->advice = WB_PAIRS_REFUSE;
		*ret_line = f->proven;
		a->what = wb_strf("jumps between these two kernels are known to fail on machines "
				  "of this class: %" PRIu64 " %s",
			a->bad, times(a->bad));
	} else if (f->suspected) {
		a->advice = WB_PAIRS_WARN;
		*ret_line = f->suspected;
		a->what = wb_strf("a jump between these two kernels failed %" PRIu64
				  " %s on machines of this class, and it is not known why",
			a->bad, times(a->bad));
	} else if (f->by_other) {
		a->advice = WB_PAIRS_WARN;
		*ret_line = f->by_other;
		a->what = wb_strf("a jump between these two kernels failed on machines of this "
				  "class, by another method (%s)",
			f->by_other->pair.method);
	} else if (f->unknown_next) {
		a->advice = WB_PAIRS_WARN;
		*ret_line = f->unknown_next;
		a->what = wb_strf("jumps from this kernel failed on machines of this class, and it "
				  "is not known which kernel the next one is");
	} else if (f->degraded) {
		a->advice = WB_PAIRS_NOTED;
		*ret_line = f->degraded;
		a->what = wb_strf("after jumps between these two kernels not all worked as before: "
				  "%" PRIu64 " %s on machines of this class",
			a->degraded, times(a->degraded));
	} else if (f->elsewhere) {
		a->advice = WB_PAIRS_NOTED;
		*ret_line = f->elsewhere;
		a->what = wb_strf("jumps between these two kernels fail on machines of another "
				  "class: %" PRIu64 " %s",
			f->elsewhere_n, times(f->elsewhere_n));
	} else if (f->good) {
		a->advice = WB_PAIRS_SEEN;
		*ret_line = f->good;
		a->what = wb_strf("jumps between these two kernels went well on machines of this "
				  "class: %" PRIu64 " %s",
			a->good, times(a->good));
	} else {
		a->what = strdup("nothing is known of jumps between these two kernels on machines "
				 "of this class");
	}
}

int wb_pairs_judge(const struct wb_pairs *pairs, const struct wb_pairs_query *query,
	struct wb_pairs_answer *ret)
{
	WB_CLEAN_ANSWER a = {};
	const struct wb_pairs_line *line = NULL;
	struct found found = {};

	find(pairs, query, &found, &a);
	decide(&found, &a, &line);
	a.evidence = line ? show(line) : strdup("");
	if (a.advice >= WB_PAIRS_WARN)
		a.remedy = mend(line);
	else
		a.remedy = strdup(a.advice == WB_PAIRS_NOTED
					  ? "read what is known of it, \"warmboot pairs\""
					  : "");
	if (!a.what || !a.evidence || !a.remedy)
		return -ENOMEM;
	*ret = a;
	a = (struct wb_pairs_answer){};
	return 0;
}
