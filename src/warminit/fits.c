// SPDX-License-Identifier: LGPL-2.1-or-later
/* Checking that modules, parameters and plan fit into the fixed buffers of the warm init. */
#include <errno.h>
#include <string.h>

#include "core/cmdline.h"
#include "warminit/limits.h"
#include "warminit/parts.h"

/* The parameter that is too long, of those that init.c reads (take_word()). */
struct words {
	const char *name;
	size_t most;
};

static int check_word(const char *name, const char *value, void *arg)
{
	static const struct words known[] = {{"init", WB_WARM_INIT_MOST},
		{"initramfs.runsize", WB_WARM_RUNSIZE_MOST}, {"rootfstype", WB_WARM_TYPE_MOST},
		{"rootflags", WB_WARM_FLAGS_MOST}};
	struct words *found = arg;

	for (size_t i = 0; value && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i].name) && strlen(value) >= known[i].most)
			*found = known[i];
	return 0;
}

/*
 * Bytes that the command line adds to a module's parameters; init.c counts in the same way
 * (take_param()).
 */
struct added {
	const char *module;
	size_t bytes;
};

static int add_param(const char *name, const char *value, void *arg)
{
	struct added *a = arg;
	size_t i;

	for (i = 0; a->module[i]; i++)
		if (name[i] != a->module[i] && !(name[i] == '-' && a->module[i] == '_'))
			return 0;
	if (name[i] == '.')
		a->bytes += strlen(name) - i + (value ? strlen(value) + 1 : 0);
	return 0;
}

size_t wb_warm_params(const char *cmdline, const struct wb_warm_module *m)
{
	struct added a = {m->name, strlen(m->options) + 1};

	wb_cmdline_each(cmdline, add_param, &a);
	return a.bytes;
}

int wb_warm_fits(const struct wb_warm_request *want, const struct wb_warm_modules *modules,
	struct wb_bytes plan, struct wb_error *err)
{
	struct words word = {};

	if (strlen(want->cmdline) >= WB_WARM_CMDLINE_MOST)
		return wb_fail(err, -EOPNOTSUPP,
			"the command line has more than the %d bytes that the warm init reads of "
			"it" WB_WARM_ELSE_OWN,
			WB_WARM_CMDLINE_MOST - 1);
	wb_cmdline_each(want->cmdline, check_word, &word);
	if (word.name)
		return wb_fail(err, -EOPNOTSUPP,
			"the warm init has room for %zu bytes of %s= on the command line, and here "
			"it is longer" WB_WARM_ELSE_OWN,
			word.most - 1, word.name);
	if (want->early && strlen(want->early) >= WB_WARM_EARLY_MOST)
		return wb_fail(err, -EOPNOTSUPP,
			"the path of the program that is to run early is too "
			"long" WB_WARM_ELSE_OWN);
	for (size_t i = 0; i < modules->n_root; i++)
		if (wb_warm_params(want->cmdline, &modules->items[i]) > WB_WARM_PARAMS_MOST)
			return wb_fail(err, -EOPNOTSUPP,
				"the parameters of module %s have more than the %d bytes that the "
				"warm init has room for" WB_WARM_ELSE_OWN,
				modules->items[i].name, WB_WARM_PARAMS_MOST - 1);
	if (plan.size >= WB_WARM_PLAN_MOST)
		return wb_fail(err, -EOPNOTSUPP,
			"the plan of the warm init has %zu bytes, more than the %d that it "
			"reads" WB_WARM_ELSE_OWN,
			plan.size, WB_WARM_PLAN_MOST - 1);
	return 0;
}
