/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ways of keeping a unit over a jump: a word and a row of properties each. Other code asks the row
 * instead of comparing, so that a further way is one more row. Its functions are a row of keep/ways.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/names.h"
#include "net/hold.h"

/*
 * How a unit is kept, or was asked to be. Files and the command line have the word. The JSON tables allow
 * ranges of values, so a further way has its place after PROCESS and before RESTART.
 */
enum wb_keep_how {
	WB_KEEP_NONE = 0, /* nothing is said; left out of files */
	WB_KEEP_AUTO,     /* can only be asked for: the highest rung that a preflight allows */
	WB_KEEP_PROCESS,  /* with memory, processes and connections, through CRIU */
	WB_KEEP_RESTART,  /* by an ordinary stop and start, while packets for it are held */
	WB_KEEP_ENDED,    /* not at all: it ended by itself before the freeze */
	WB_KEEP_OTHER, /* by a word that this version does not know, in a file that is only shown */
};

/* "auto", "process", …; WB_KEEP_NONE has none. The highest rung comes first. */
extern const struct wb_name wb_keep_how_names[];
const char *wb_keep_how_name(enum wb_keep_how how); /* NULL: it has none */
/* The word must be one that this version knows. -EINVAL. */
int wb_keep_how_parse(const char *word, enum wb_keep_how *ret);
/* The word number `i` of those that --how and How= take; NULL: the list has ended. */
const char *wb_keep_asked_word(size_t i);

struct wb_keep_way {
	bool asked; /* --how and How= can ask for it */
	/* If this was asked for, no lower rung will do: the unit is kept so, or the jump is refused. */
	bool insists;
	/*
	 * The unit runs until the freeze, which writes a checkpoint into the store, and the next boot
	 * restores it. Its part of the manifest has main_pid, images and definition.
	 */
	bool checkpointed;
	bool started; /* the next boot starts it, unless it is back */
	/*
	 * The next rung that a preflight tries; the row itself: every unit can be kept so. The ladder
	 * begins at AUTO.
	 */
	enum wb_keep_how lower;
	/* How it is kept where its checkpoint or its restore fails; never one that is checkpointed. */
	enum wb_keep_how fallback;
	enum wb_hold_kind hold; /* which packet hold its connections and ports are in meanwhile */
	const char *as; /* "as a process", for sentences about a unit that insists; else NULL */
	/* Why a unit that is configured so is kept no better, a sentence; NULL: nothing is said. */
	const char *configured;
	const char *outcome; /* the word of status for it afterwards; NULL: systemd is asked */
};

/* A value that is no way of keeping has the row of WB_KEEP_OTHER: the unit is restarted. */
const struct wb_keep_way *wb_keep_way(enum wb_keep_how how);
