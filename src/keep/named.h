/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The service in which something runs that is kept by a name of its own ("vm:web1"). */
#pragma once

#include "sys/runner.h"
#include "sys/sys.h"

struct wb_keep_finding {
	const struct wb_sys *sys;
	const struct wb_runner *runner;
	const struct wb_keep_finder *const *finders; /* NULL: wb_keep_finders_all */
};

/* One row for each kind of choice/kind.h that this version can keep. */
struct wb_keep_finder {
	const char *kind; /* its word */
	/*
	 * The service in which `bare` (the name without its kind) runs, to be freed. -ENOENT with a sentence: no
	 * such thing runs; -EOPNOTSUPP: it runs in no service.
	 */
	int (*unit)(const struct wb_keep_finding *with, const char *bare, char **ret,
		struct wb_error *err);
};

extern const struct wb_keep_finder wb_keep_finder_container;
/* The rows; the list ends with NULL. */
extern const struct wb_keep_finder *const wb_keep_finders_all[];

/*
 * The service of a full name, to be freed; for a service the name itself, which need not exist. Errors as above,
 * and -EOPNOTSUPP for a kind without a row.
 */
int wb_keep_find_unit(
	const struct wb_keep_finding *with, const char *name, char **ret, struct wb_error *err);
