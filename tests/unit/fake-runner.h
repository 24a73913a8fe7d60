/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct wb_runner that records the programs and answers as the test says, one line for each. */
#pragma once

#include "sys/runner.h"

struct fake_answer {
	const char *begins; /* the command line begins so; NULL ends the list */
	int status;         /* exit status, or negative errno */
	const char *says;   /* its output; NULL: none */
};

struct fake_runner {
	struct wb_runner runner;
	const struct fake_answer *answers; /* the first that fits is used; none: status 0 */
	char log[16384];                   /* "nft -f - <<RULESET\n", "poke PATH TEXT\n" */
};

void fake_runner_init(struct fake_runner *fake, const struct fake_answer *answers);
