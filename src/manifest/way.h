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
	WB_KEEP_NONE = 0,  /* nothing is said; left out of files */
	WB_KEEP_AUTO,      /* can only be asked for: the highest rung that a preflight allows */
	WB_KEEP_PROCESS,   /* with memory, processes and connections, through CRIU */
	WB_KEEP_VM,        /* a virtual machine, whose memory stays where it is */
	WB_KEEP_CONTAINER, /* the same as PROCESS for a container, through podman */
	WB_KEEP_DOMAIN,    /* a virtual machine of libvirt, which saves it and makes it again */
	WB_KEEP_RESTART,   /* by an ordinary stop and start, while packets for it are held */
	WB_KEEP_ENDED,     /* not at all: it ended by itself before the freeze */
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
	/* systemd starts its program again with the unit's own settings, and the restore gives it its state. */
	bool anew;
	enum wb_hold_kind hold; /* which packet hold its connections and ports are in meanwhile */
	/*
	 * Its restore is another program's, which needs the file systems, the temporary files and the firewall of the
	 * machine as they are when services start.
	 */
	bool guest;
	/*
	 * Another program runs it, outside of systemd's units. It is saved before the shutdown, by that program; its
	 * unit is one of warmboot's, which brings it back in the next boot (keep/domain.h).
	 */
	bool managed;
	enum wb_keep_how
		word;   /* the way that is asked for, if nobody asks for this one; else NONE */
	const char *as; /* "as a process", for sentences about a unit that insists; else NULL */
	/* Why a unit that is configured so is kept no better, a sentence; NULL: nothing is said. */
	const char *configured;
	const char *outcome; /* the word of status for it afterwards; NULL: systemd is asked */
};

/* Is a unit that is kept like this kept as it was asked for? */
bool wb_keep_is_as_asked(enum wb_keep_how asked, enum wb_keep_how how);
/* A value that is no way of keeping has the row of WB_KEEP_OTHER: the unit is restarted. */
const struct wb_keep_way *wb_keep_way(enum wb_keep_how how);
