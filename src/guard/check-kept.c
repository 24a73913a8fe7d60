// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: do the services run that are to be kept? */
#include <errno.h>
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

#define KEEP_DIR "/etc/warmboot/keep.d"
#define SUFFIX ".service.conf"

static int look_at_one(const struct wb_check_facts *f, const char *file, struct wb_check_report *r,
	struct wb_error *err)
{
	WB_CLEAN_STR unit = strndup(file, strlen(file) - strlen(".conf"));
	WB_CLEAN_STR path = wb_strf(KEEP_DIR "/%s", file);
	int e = unit && path ? f->ops->active(f->ctx, unit, err) : wb_oom(err);

	if (e != 0)
		return e < 0 ? e : 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, path,
		"start it, or take it off the list with \"warmboot keep remove\"",
		"%s is to be kept, and does not run", unit);
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	int e = wb_check_list(f, KEEP_DIR, &names, err);

	for (size_t i = 0; e > 0 && i < names.n; i++) {
		int one = *names.items[i] != '.' && wb_text_ends(names.items[i], SUFFIX)
				  ? look_at_one(f, names.items[i], r, err)
				  : 0;

		if (one < 0)
			return one;
	}
	return e < 0 ? e : 0;
}

const struct wb_check wb_check_kept = {
	.id = "kept",
	.about = "services of `keep.d` that do not run",
	.look = look,
};
