/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What would shorten the next jump: only what was measured on this machine. */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "timeline/history.h"

#define WB_ADVICE_MOST 24

struct wb_advice {
	char title[80];
	double cost_s;   /* what it costs now */
	double saving_s; /* what would be gone */
	bool at_most; /* the saving is an upper bound: what would take its place was never measured */
	char measured[160];
	char setting[240];
	char risk[200];
	char words[64]; /* for the next jump's command line; "" it is no matter of words */
};

struct wb_advice_list {
	struct wb_advice items[WB_ADVICE_MOST]; /* largest saving first */
	size_t n;
	const struct wb_timeline *boot; /* the jump that it is about */
	bool traced;                    /* it had initcall_debug */
};

struct wb_advice_facts {
	const char *cmdline;              /* of the running kernel */
	const struct wb_strv *net_mounts; /* units of the mounted network file systems */
};

/* Pure. -ENOENT with a sentence when there is no jump on record. */
int wb_advice_make(const struct wb_history *h, const struct wb_advice_facts *facts,
	struct wb_advice_list *ret, struct wb_error *err);
/* All words in one, "" none; to be freed. -ENOMEM. */
int wb_advice_words(const struct wb_advice_list *list, char **ret);
/* For a terminal and for programs; to be freed. -ENOMEM. */
int wb_advice_text(const struct wb_advice_list *list, char **ret);
int wb_advice_json(const struct wb_advice_list *list, char **ret);

/* Names of the mount units of network file systems in a mountinfo text. Pure. -ENOMEM. */
int wb_net_mounts(const char *mountinfo, struct wb_strv *ret);
