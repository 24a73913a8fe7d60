/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of this machine's own ledger of kernel pairs. Each reads it, changes it and replaces the file in one step;
 * lines that are not understood stay as they are. A caller has the machine's lock (sys/lock.h).
 *
 * The file stays below WB_PAIRS_ROOM: for a new line the oldest good pairs are merged into one number, then those that
 * are degraded. A bad pair, and what is not understood, is never given up; then a change is refused with -ENOSPC.
 */
#pragma once

#include "guard/pairs.h"
#include "sys/sys.h"

/* How a jump went. Strings are borrowed; NULL where it says "perhaps". */
struct wb_pair_outcome {
	const char *from,
		*to; /* ids of the kernels: wb_running_kernel_id(), wb_image_kernel_id() */
	const char *from_name, *to_name; /* and their names, perhaps */
	const char *method;              /* of the load, as in a record of it: "fast", … */
	/*
	 * The class of this machine as the old kernel saw it, because the next preflight of such a jump will see the
	 * same: `class` is its hash, as recorded before the jump. The plain class is written down beside it, perhaps.
	 */
	const char *class;
	const struct wb_machine_class *machine;
	enum wb_pair_verdict verdict;
	enum wb_pair_phase phase;
	const char *cause;    /* perhaps; it is made plain, and cut off where it is too long */
	const char *warmboot; /* version of this program, perhaps */
	const struct wb_pair_duration *durations; /* 16 at most, of this jump; perhaps */
	size_t n_durations;
};

/*
 * Count a jump. A known pair with the same verdict and phase is counted once more. -EINVAL: the outcome has a value
 * that no ledger may have; -ENOSPC; errors of wb_pairs_read_own() and of writing; with a sentence.
 */
int wb_pairs_note(
	const struct wb_sys *sys, const struct wb_pair_outcome *outcome, struct wb_error *err);

/* The effect of an import. Each is a number of pairs. */
struct wb_pairs_taken {
	size_t added, raised; /* new ones, and known ones of which more is known now */
	size_t known;         /* nothing new was in them */
	size_t left;          /* good ones for which there is no room */
	size_t machines;      /* classes of machines in plain words that are new */
};

/*
 * Merge the ledger of another machine, `path` in sentences. All or nothing: -EBADMSG with a sentence for the first line
 * that is not understood. The same text twice changes nothing the second time: each ledger's count of a pair is kept
 * beside the others' under that ledger's number, and the higher one counts. No pair becomes better by it.
 */
int wb_pairs_import(const struct wb_sys *sys, struct wb_bytes text, const char *path,
	struct wb_pairs_taken *ret, struct wb_error *err);
/*
 * The own ledger's pairs for other machines. Without `plain` a machine is only a hash in it, and no note of a person is
 * in it. *ret appended to. Errors of wb_pairs_read_own().
 */
int wb_pairs_export(
	const struct wb_files *files, bool plain, struct wb_blob *ret, struct wb_error *err);

/* Remove a pair of the own ledger by its id. -ENOENT with a sentence: it has none, or the pair is in another file. */
int wb_pairs_forget(const struct wb_sys *sys, const char *id, struct wb_error *err);
/* Write a person's note to a pair; "" removes it. Errors likewise; -EINVAL: the note is too long or no text. */
int wb_pairs_annotate(
	const struct wb_sys *sys, const char *id, const char *note, struct wb_error *err);
