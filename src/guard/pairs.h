/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger of kernel pairs: how jumps from one kernel to another went, by one method, on one class of machines. A new
 * build of a kernel has another id, and a new firmware or microcode makes another class, so nothing that is known of
 * the old ones holds for them. docs/pairs.md describes it.
 *
 * Three sources have one grammar, a JSON object in each line; an empty line, and one that begins with "#", is a comment:
 *
 *	{"pair": {...}}     what is known of one pair: struct wb_pair
 *	{"machine": {...}}  a class of machines in plain words, beside its hash: struct wb_pair_machine
 *	{"ledger": {...}}   in the own ledger: its number, which is the origin of its pairs
 *	{"older": {...}}    in the own ledger: how many good pairs were merged to make room
 */
#pragma once

#include <stdint.h>

#include "core/files.h"
#include "core/list.h"
#include "guard/machine-class.h"

#define WB_PAIRS_SHIPPED "/usr/share/warmboot/pairs.d" /* *.conf: the distribution's */
#define WB_PAIRS_ADMIN \
	"/etc/warmboot/pairs.d" /* *.conf: the administrator's; a file hides the shipped one of its name */
#define WB_PAIRS_OWN "/var/lib/warmboot/pairs.jsonl" /* this machine's */

/* The own ledger is kept below this size, and a file that is read may have so much. */
#define WB_PAIRS_ROOM (512u << 10)
#define WB_PAIRS_LIMIT (1u << 20)
/* The longest line, and the longest cause or note of a pair, in bytes. */
#define WB_PAIRS_LINE (64u << 10)
#define WB_PAIRS_SENTENCE 512
/* A pair has at most so many durations. */
#define WB_PAIRS_DURATIONS 16

enum wb_pair_source {
	WB_PAIRS_FROM_SHIPPED,
	WB_PAIRS_FROM_ADMIN,
	WB_PAIRS_FROM_OWN,
	WB_PAIRS_FROM_IMPORT, /* a file or stream that is about to be merged */
};

enum wb_pair_verdict {
	WB_PAIR_GOOD = 1,
	WB_PAIR_DEGRADED, /* the machine works, but not all of it as before */
	WB_PAIR_BAD,
};
extern const struct wb_name wb_pair_verdicts[];

/* The last phase that a jump is known to have reached, in their order. */
enum wb_pair_phase {
	WB_PAIR_PHASE_UNKNOWN,
	WB_PAIR_PHASE_STOPPED,    /* the old kernel's user space is stopped */
	WB_PAIR_PHASE_DEVICES,    /* its devices are shut down */
	WB_PAIR_PHASE_PURGATORY,  /* the program between the kernels runs */
	WB_PAIR_PHASE_FIRST_LINE, /* the new kernel has printed something */
	WB_PAIR_PHASE_INIT,       /* its /init runs */
	WB_PAIR_PHASE_ROOT,       /* the root file system is mounted */
	WB_PAIR_PHASE_GATE,       /* the health gate has looked */
	WB_PAIR_PHASE_OTHER,      /* one that this version does not know */
};
extern const struct wb_name wb_pair_phases[];

/* In the files of a person, a kernel, a method or a class may be "any". */
#define WB_PAIR_ANY "any"

#define WB_PAIR_ID 13 /* 12 hexadecimal digits and a NUL */

struct wb_pair_duration {
	char phase[32];
	double seconds;
};

/* Strings are owned; NULL or 0 where it says "perhaps". */
struct wb_pair {
	char *from, *to; /* ids of kernels (core/kernel-id.h), or "any" */
	char *from_name,
		*to_name; /* their names, perhaps: for people, and where an id is not known */
	char *method;     /* of the load: "fast", …, or "any" */
	char *class;      /* hash of the machines' class, or "any" */
	char *origin; /* number of the ledger that has counted it; perhaps, in the files of a person */
	int verdict;         /* enum wb_pair_verdict */
	int phase;           /* enum wb_pair_phase */
	char *cause;         /* of the last time, a sentence without its full stop; perhaps */
	char *note;          /* a person's, perhaps */
	char *warmboot;      /* version of the program that saw it last, perhaps */
	int64_t count;       /* of jumps, at least 1 */
	int64_t first, last; /* seconds since 1970; 0 unknown */
	WB_LIST(struct wb_pair_duration) durations; /* of the last time */
};

struct wb_pair_machine {
	char *class; /* its hash */
	struct wb_machine_class plain;
};

struct wb_pairs_ledger {
	char *origin; /* 16 hexadecimal digits by chance */
};

struct wb_pairs_older {
	int64_t pairs, jumps;
};

enum wb_pairs_kind {
	WB_PAIRS_COMMENT, /* or an empty line */
	WB_PAIRS_DAMAGED, /* not understood: it is told, and never changed or lost */
	WB_PAIRS_PAIR,
	WB_PAIRS_MACHINE,
	WB_PAIRS_LEDGER,
	WB_PAIRS_OLDER,
};

/* A line of a file, with what it says. */
struct wb_pairs_line {
	enum wb_pairs_kind kind;
	enum wb_pair_source source;
	char *path;    /* of its file */
	size_t number; /* from 1; 0: the line is new */
	char *text; /* as it stands there, size bytes without the line feed; NULL: the line is new */
	size_t size;
	bool changed;        /* what it says is no longer what `text` says */
	char *why;           /* DAMAGED: a sentence */
	char id[WB_PAIR_ID]; /* PAIR: from all that tells it from other pairs */
	struct wb_pair pair;
	struct wb_pair_machine machine;
	struct wb_pairs_ledger ledger;
	struct wb_pairs_older older;
};

struct wb_pairs {
	struct wb_pairs_line *items; /* in the order of the files, then of the lines */
	size_t n;
	struct wb_strv
		refused; /* a sentence for each file that is not believed or cannot be read */
};

void wb_pairs_deinit(struct wb_pairs *pairs);
#define WB_CLEAN_PAIRS __attribute__((cleanup(wb_pairs_deinit))) struct wb_pairs
void wb_pairs_line_deinit(struct wb_pairs_line *line);

/*
 * The lines of one file. A line that is not understood is DAMAGED, and no failure. Pure. -E2BIG: it is larger than
 * WB_PAIRS_LIMIT; -ENOMEM; with a sentence.
 */
int wb_pairs_parse(struct wb_bytes text, const char *path, enum wb_pair_source source,
	struct wb_pairs *ret, struct wb_error *err);
/* A new line with this pair, which is checked as if it had been read. -EINVAL with a sentence; -ENOMEM. */
int wb_pairs_add(struct wb_pairs *pairs, const struct wb_pair *pair, struct wb_error *err);
/*
 * Append the line as it is to be written, with a line feed. A changed line keeps the keys that are not understood.
 * `bare`: only what is understood, and no person's note. -ENOMEM.
 */
int wb_pairs_append(const struct wb_pairs_line *line, bool bare, struct wb_blob *to);

/*
 * All that this machine knows: the three sources. A file of a person that cannot be believed or read is in
 * ret->refused. Errors of reading the own ledger, with a sentence: -EPERM somebody else can write to it; -EACCES only
 * root may read it. -ENOMEM.
 */
int wb_pairs_read(const struct wb_files *files, struct wb_pairs *ret, struct wb_error *err);
/* The own ledger alone. */
int wb_pairs_read_own(const struct wb_files *files, struct wb_pairs *ret, struct wb_error *err);

/* ---- what follows from it ---- */

enum wb_pairs_advice {
	WB_PAIRS_UNSEEN, /* nothing is known */
	WB_PAIRS_SEEN,   /* it went well */
	WB_PAIRS_NOTED,  /* something else is known that does not speak against it */
	WB_PAIRS_WARN,   /* it went badly, and it is not known whether the pair is to blame */
	WB_PAIRS_REFUSE, /* it is proven bad */
};

/* A jump that is meant. Strings are NULL where it is not known. */
struct wb_pairs_query {
	const char *from, *to; /* ids of kernels, */
	const char *from_name,
		*to_name;   /* and their names, for pairs whose build ids were not known */
	const char *method; /* NULL: it may be any */
	const char *class;  /* hash of this machine's class */
};

struct wb_pairs_answer {
	enum wb_pairs_advice advice;
	uint64_t good, degraded,
		bad;    /* jumps of this pair on this class, by all methods that are meant */
	char *what;     /* a sentence without its full stop */
	char *evidence; /* the line that decided; "" if there is none */
	char *remedy;   /* likewise */
};

/* Pure. -ENOMEM. */
int wb_pairs_judge(const struct wb_pairs *pairs, const struct wb_pairs_query *query,
	struct wb_pairs_answer *ret);
void wb_pairs_answer_deinit(struct wb_pairs_answer *answer);
#define WB_CLEAN_ANSWER __attribute__((cleanup(wb_pairs_answer_deinit))) struct wb_pairs_answer
/*
 * Does an answer depend on the id of the next kernel? It does not if nothing but good is known of jumps from `from`, or
 * only of any next kernel, or only of kernels of another release than that in `to_name`, where that is known. Pure.
 */
bool wb_pairs_ask_for_next(const struct wb_pairs *pairs, const struct wb_pairs_query *query);
/* Is the line about a jump from the query's kernel on its class of machines? Pure. */
bool wb_pairs_concerns(const struct wb_pairs_line *line, const struct wb_pairs_query *query);
