// SPDX-License-Identifier: LGPL-2.1-or-later
/* The verdict of a trial goes into the ledger of kernel pairs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard/pairs-change.h"
#include "session/gate-parts.h"
#include "sys/machine.h"

/* The new kernel's own word, where it runs; else what its file said before the jump. */
static int name_next(
	const struct wb_gate_host *h, const struct wb_trial *t, bool runs, char **id, char **name)
{
	if (runs)
		return wb_running_kernel_id(h->sys->files, id, name, NULL);
	*id = t->to_name ? strdup(t->to_name) : NULL;
	*name = t->to_name ? strdup(t->to_name) : NULL;
	return t->to_name && (!*id || !*name) ? -1 : 0;
}

static int note(const struct wb_gate_host *h, const struct wb_trial *t, bool runs,
	enum wb_pair_phase phase, struct wb_error *err)
{
	WB_CLEAN_STR id = NULL;
	WB_CLEAN_STR name = NULL;
	struct wb_pair_outcome o = {.from = t->from_id,
		.from_name = t->from_name,
		.method = t->method,
		.class = t->class,
		.phase = phase,
		.cause = t->verdict == WB_TRIAL_GOOD ? NULL : t->why,
		.verdict = t->verdict == WB_TRIAL_GOOD       ? WB_PAIR_GOOD
			   : t->verdict == WB_TRIAL_DEGRADED ? WB_PAIR_DEGRADED
							     : WB_PAIR_BAD};

	if (name_next(h, t, runs, &id, &name) < 0)
		return wb_fail(err, -EIO,
			"the verdict is not in the ledger of kernel pairs: the kernel's id is not "
			"known");
	o.to = id;
	o.to_name = name;
	/* Another program staged that kernel, or a version that recorded less. */
	if (!o.from || !o.to || !o.method || !o.class)
		return 0;
	return wb_pairs_note(h->sys, &o, err);
}

void wb_gate_note(
	const struct wb_gate_host *h, const struct wb_trial *t, bool runs, enum wb_pair_phase phase)
{
	struct wb_error why = {};
	int r = note(h, t, runs, phase, &why);

	if (r < 0 && h->say)
		h->say(h->arg, why.text);
}
