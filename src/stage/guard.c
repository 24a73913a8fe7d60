// SPDX-License-Identifier: LGPL-2.1-or-later
/* Can this load arm a watchdog? Purgatory does it, and only warmboot's own purgatory. */
#include <errno.h>
#include <stdio.h>

#include "stage/stage.h"
#include "sys/machine.h"

int wb_stage_unguard(struct wb_stage *s, const char *why, struct wb_error *err)
{
	s->guarded = s->guarded_late = false;
	snprintf(s->unguarded_why, sizeof(s->unguarded_why), "%s", why);
	return s->options.watchdog->needed
		       ? wb_fail(err, -EOPNOTSUPP, "no watchdog can guard this jump: %s", why)
		       : 0;
}

int wb_stage_choose_guard(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	WB_CLEAN_MACHINE machine = {};

	s->guarded = s->options.watchdog;
	if (!s->guarded || s->options.watchdog->runs_on)
		return 0;
	if (wb_machine_read(sys->files, &machine, NULL) == 0 && machine.confidential)
		return wb_stage_unguard(s,
			"in a confidential guest no code between the two kernels can reach a "
			"device",
			err);
	if (s->method != WB_METHOD_FILE && !s->options.legacy_fallback)
		return 0;
	return wb_stage_unguard(s,
		"with kexec_file_load(2) the running kernel brings its own code between the two "
		"kernels, which arms none",
		err);
}
