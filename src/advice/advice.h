/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advice on shortening the next jump, based only on measurements of this machine. */
#pragma once

#include "core/files.h"
#include "core/mountinfo.h"
#include "core/strv.h"
#include "timeline/gather.h"
#include "timeline/history.h"

#define WB_ADVICE_MOST 24
#define WB_ADVICE_FIRST WB_TL_CHAIN

struct wb_advice {
	char title[80];
	double cost_s;   /* its cost in the last jump */
	double saving_s; /* the possible saving */
	bool at_most;    /* the saving is an upper bound: the replacement was never measured */
	char measured[160];
	char setting[240];
	char risk[200];
	char words[64]; /* kernel parameters for the next jump; "" none */
	bool first;     /* its application is wb_advice_list.first */
};

struct wb_advice_list {
	struct wb_advice items[WB_ADVICE_MOST]; /* largest saving first */
	size_t n;
	const struct wb_timeline *boot;  /* the jump that the advice is about */
	bool traced;                     /* it had initcall_debug */
	char first[WB_ADVICE_FIRST][96]; /* services that are to start first in the next boot */
	size_t n_first;
};

/* A unit that waits until the network is online, and how long it did in the last jump's boot. */
struct wb_network_wait {
	const char *unit;
	const char *setting, *risk;
	double s;
};
#define WB_NETWORK_WAITS 3

struct wb_advice_facts {
	const char *cmdline;              /* of the running kernel */
	const struct wb_strv *net_mounts; /* units of the mounted network file systems */
	struct wb_network_wait waits[WB_NETWORK_WAITS];
	size_t n_waits;
	const struct wb_strv *generators; /* names of systemd's generators */
	bool late_var; /* /var is mounted after the generators, which find nothing in it */
};

/* Make the advice. Pure. -ENOENT with a sentence when no jump is recorded. */
int wb_advice_make(const struct wb_history *h, const struct wb_advice_facts *facts,
	struct wb_advice_list *ret, struct wb_error *err);
/* The same with the facts of the running system. */
int wb_advice_read(const struct wb_files *files, const struct wb_sources *sources,
	const struct wb_history *h, struct wb_advice_list *ret, struct wb_error *err);
/* All kernel parameters in one string, "" none; to be freed. -ENOMEM. */
int wb_advice_words(const struct wb_advice_list *list, char **ret);
/* The effects of --apply, one line each with `indent` before it; "" nothing. To be freed. -ENOMEM. */
int wb_advice_applied(const struct wb_advice_list *list, const char *indent, char **ret);
/* The advice for a terminal, and as JSON for programs; to be freed. -ENOMEM. */
int wb_advice_text(const struct wb_advice_list *list, char **ret);
int wb_advice_json(const struct wb_advice_list *list, char **ret);

/* Names of the mount units of network file systems. Pure. -ENOMEM. */
int wb_net_mounts(const struct wb_mounts *mounts, struct wb_strv *ret);
