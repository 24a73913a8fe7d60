/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct wb_runner that writes down what it was asked to run, one line each, and answers as told. */
#pragma once

#include "keep/runner.h"

struct fake_answer {
	const char *begins; /* the command line begins so; NULL ends the list */
	int status;         /* exit status, or negative errno */
	const char *says;   /* NULL: nothing */
};

struct fake_runner {
	struct wb_runner runner;
	const struct fake_answer *answers; /* the first that fits; none: status 0 */
	char log[16384];                   /* "nft -f - <<RULESET\n", "poke PATH TEXT\n" */
};

void fake_runner_init(struct fake_runner *fake, const struct fake_answer *answers);
