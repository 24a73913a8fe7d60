// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: what does the ledger know of jumps between these two kernels on machines of this class? */
#include <errno.h>

#include "guard/checks.h"
#include "guard/pairs.h"

/* A line that is not understood could be the one that speaks against the jump. */
static int tell_damage(const struct wb_pairs *pairs, struct wb_check_report *r)
{
	const struct wb_pairs_line *first = NULL;
	size_t n = 0;
	int e = 0;

	for (size_t i = 0; i < pairs->n; i++) {
		if (pairs->items[i].kind != WB_PAIRS_DAMAGED)
			continue;
		first = first ? first : &pairs->items[i];
		n++;
	}
	if (first)
		e = wb_finding_add(r, WB_SEVERITY_NOTE, first->why,
			"mend the line; \"warmboot pairs\" shows each",
			"%zu lines of the ledger of kernel pairs are not understood", n);
	for (size_t i = 0; e == 0 && i < pairs->refused.n; i++)
		e = wb_finding_add(r, WB_SEVERITY_WARNING, pairs->refused.items[i], "mend the file",
			"a file of the ledger of kernel pairs cannot be used");
	return e;
}

static int tell_pair(const struct wb_pairs *pairs, const struct wb_check_facts *f,
	const char *class, struct wb_check_report *r)
{
	static const enum wb_severity severities[] = {[WB_PAIRS_NOTED] = WB_SEVERITY_NOTE,
		[WB_PAIRS_WARN] = WB_SEVERITY_WARNING,
		[WB_PAIRS_REFUSE] = WB_SEVERITY_SEVERE};
	const struct wb_pairs_query query = {.from = f->from_id,
		.to = f->to_id,
		.from_name = f->from_name,
		.to_name = f->to_name,
		.method = f->method,
		.class = class};
	WB_CLEAN_ANSWER a = {};

	if (wb_pairs_judge(pairs, &query, &a) < 0)
		return -ENOMEM;
	/* That all went well is no finding. */
	if (a.advice < WB_PAIRS_NOTED)
		return 0;
	return wb_finding_add(r, severities[a.advice], a.evidence, a.remedy, "%s", a.what);
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_PAIRS pairs = {};
	WB_CLEAN_CLASS class = {};
	int e = wb_pairs_read(f->files, &pairs, err);

	if (e == 0 && pairs.n)
		e = wb_machine_class_read(f->files, &class, err);
	if (e == 0 && pairs.n)
		e = tell_pair(&pairs, f, class.hash, r);
	return e < 0 ? e : tell_damage(&pairs, r);
}

const struct wb_check wb_check_pair = {
	.id = "pair",
	.about = "what the ledger of kernel pairs knows of jumps from the running kernel to the "
		 "next one on machines of this class",
	.look = look,
};
