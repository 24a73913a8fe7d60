// SPDX-License-Identifier: LGPL-2.1-or-later
/* The tables of the ways of keeping: words and rows. */
#include <errno.h>

#include "manifest/way.h"

const struct wb_name wb_keep_how_names[] = {
	{"auto", WB_KEEP_AUTO},
	{"container", WB_KEEP_CONTAINER},
	{"vm", WB_KEEP_VM},
	{"domain", WB_KEEP_DOMAIN},
	{"process", WB_KEEP_PROCESS},
	{"restart", WB_KEEP_RESTART},
	{"ended", WB_KEEP_ENDED},
	{"unknown", WB_KEEP_OTHER},
	{},
};

const char *wb_keep_how_name(enum wb_keep_how how)
{
	return wb_name_of(wb_keep_how_names, (int)how);
}

int wb_keep_how_parse(const char *word, enum wb_keep_how *ret)
{
	int how;

	if (!wb_name_read(wb_keep_how_names, word, &how) || how == WB_KEEP_OTHER)
		return -EINVAL;
	*ret = (enum wb_keep_how)how;
	return 0;
}

#define RESTARTED .started = true, .fallback = WB_KEEP_RESTART, .hold = WB_HOLD_RESTART

static const struct wb_keep_way ways[] = {
	[WB_KEEP_NONE] = {RESTARTED, .lower = WB_KEEP_RESTART},
	[WB_KEEP_AUTO] = {RESTARTED, .asked = true, .lower = WB_KEEP_CONTAINER},
	[WB_KEEP_CONTAINER] =
		{
			.asked = true,
			.insists = true,
			.checkpointed = true,
			.started = true,
			.guest = true,
			.lower = WB_KEEP_VM,
			.fallback = WB_KEEP_RESTART,
			.hold = WB_HOLD_KEPT,
			.as = "as a container",
			.outcome = "kept",
		},
	[WB_KEEP_VM] =
		{
			.asked = true,
			.insists = true,
			.checkpointed = true,
			.started = true,
			.anew = true,
			.lower = WB_KEEP_PROCESS,
			.fallback = WB_KEEP_RESTART,
			.hold = WB_HOLD_KEPT,
			.as = "as a virtual machine",
			.outcome = "kept",
		},
	/* No rung: what it is for is a domain and nothing else. */
	[WB_KEEP_DOMAIN] =
		{
			.insists = true,
			.checkpointed = true,
			.started = true,
			.guest = true,
			.managed = true,
			.word = WB_KEEP_VM,
			.lower = WB_KEEP_RESTART,
			.fallback = WB_KEEP_RESTART,
			.hold = WB_HOLD_KEPT,
			.as = "as a virtual machine",
			.outcome = "kept",
		},
	[WB_KEEP_PROCESS] =
		{
			.asked = true,
			.insists = true,
			.checkpointed = true,
			.started = true,
			.lower = WB_KEEP_RESTART,
			.fallback = WB_KEEP_RESTART,
			.hold = WB_HOLD_KEPT,
			.as = "as a process",
			.outcome = "kept",
		},
	[WB_KEEP_RESTART] =
		{
			RESTARTED,
			.asked = true,
			.lower = WB_KEEP_RESTART,
			.configured = "it is configured to be restarted",
		},
	[WB_KEEP_ENDED] =
		{
			.lower = WB_KEEP_ENDED,
			.fallback = WB_KEEP_ENDED,
			.hold = WB_HOLD_RESTART,
			.outcome = "ended",
		},
	[WB_KEEP_OTHER] = {RESTARTED, .lower = WB_KEEP_RESTART},
};

const struct wb_keep_way *wb_keep_way(enum wb_keep_how how)
{
	return &ways[how <= WB_KEEP_OTHER ? how : WB_KEEP_OTHER];
}

bool wb_keep_is_as_asked(enum wb_keep_how asked, enum wb_keep_how how)
{
	enum wb_keep_how word = wb_keep_way(how)->word;

	return asked == how || (word && asked == word);
}

const char *wb_keep_asked_word(size_t i)
{
	for (const struct wb_name *n = wb_keep_how_names; n->name; n++)
		if (wb_keep_way((enum wb_keep_how)n->value)->asked && i-- == 0)
			return n->name;
	return NULL;
}
