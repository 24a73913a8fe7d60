/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One unit under judgement: the rules of the preflight share it, and report through it. Only for this room. */
#pragma once

#include <string.h>

#include "core/text.h"
#include "survey/preflight.h"

/* A failed allocation is remembered in `error`, so that the rules stay readable. */
struct wb_judging {
	const struct wb_keep_facts *f;
	const struct wb_keep_config *config; /* NULL: How=auto and no more */
	struct wb_keep_verdict v;            /* what the rules before this one have found */
	size_t nowhere;                      /* bound sockets whose directory is not known */
	const struct wb_proc *netlink;       /* the first process with a netlink socket */
	int error;                           /* 0 or -ENOMEM */
};

/* The beginning of a judgement: what its processes are. -ESRCH: the unit is not active. And its end: 1, or 0 with reasons. */
int wb_judging_begin(struct wb_judging *j, struct wb_error *err);
int wb_judging_end(struct wb_judging *j, struct wb_keep_verdict *ret, struct wb_error *err);
/* The unit is of a kind that this way is not for: no reason, unless the configuration asks for just this way. */
int wb_judging_not_for(struct wb_judging *j, enum wb_keep_how how, const char *why,
	struct wb_keep_verdict *ret, struct wb_error *err);

/* ---- how a rule reports: a sentence without its full stop ---- */

/* A reason why it cannot be kept as a process. */
void wb_refuse(struct wb_judging *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* It can be kept, but something is not quite as before. */
void wb_warn(struct wb_judging *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A reason, and a breach: the service would get rights that it does not have. */
void wb_distrust(struct wb_judging *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, of one process: "its process 12 (name) " and `what`. */
void wb_distrust_process(struct wb_judging *j, const struct wb_proc *p, const char *what);

/* NULL: the unit has no main process. */
const struct wb_proc *wb_judging_main(const struct wb_judging *j);
/* An unknown namespace counts as the same. */
bool wb_judging_same_ns(const struct wb_proc *a, const struct wb_proc *b, enum wb_ns ns);
/*
 * A resource that CRIU calls external, by its id. Find: NULL when there is none. Add: NULL on failure, which is
 * reported.
 */
struct wb_criu_external *wb_judging_find_external(struct wb_judging *j, const char *id);
struct wb_criu_external *wb_judging_add_external(struct wb_judging *j, const char *id);
/*
 * CRIU removes or makes something by this name, as root. So its directory is added to `places`, which are checked
 * before the restore. A name that is no plain absolute path is a breach: a relative one starts where its process was
 * at bind(2), and the process may be elsewhere by now.
 */
void wb_judging_add_place(struct wb_judging *j, const char *path);
/* The same for a socket with a file, to whose directory others may write (files/places.h, `binds`). */
void wb_judging_add_binding(struct wb_judging *j, const char *path);

/* ---- files that travel (travel.c) ---- */

/* Would the next boot lack this file, which lies on a file system of that type? */
bool wb_travel_must(const char *fstype, const char *path);
void wb_travel_add_file(struct wb_judging *j, const char *path);
/* The directory alone: what lies in it may belong to others. */
void wb_travel_add_directory(struct wb_judging *j, const char *path);
/*
 * A directory that must be there before the restore, as `p` sees it: it travels alone, unless it is on a disk or is there
 * once its file system is mounted. True: the next boot has it, or it travels.
 */
bool wb_travel_add_needed(struct wb_judging *j, const struct wb_proc *p, const char *path);
/* A directory with all that is in it, which wb_keep_look_still() does not find again. */
void wb_travel_add_whole(struct wb_judging *j, const char *path);
/*
 * The topmost directory of a tmpfs on the way to `dir`, to be freed: "/run/foo" of "/run/foo/x". NULL: `dir` is on no
 * tmpfs, or the directory is one that many services have files in; or out of memory, which leaves the directory alone.
 */
char *wb_top_of(const struct wb_mounts *mounts, const char *dir);
/* Add a file whose name is gone to `nameless`. A `path` that does not end in " (deleted)" is not added. */
void wb_travel_add_nameless(struct wb_judging *j, const char *path, int64_t device, int64_t inode);
/* Files that no process has open but the service looks for, by its settings and by `config`. */
void wb_travel_add_named(struct wb_judging *j, const struct wb_keep_config *config);
/* A file that the process watches by inotify(7). */
void wb_travel_add_watched(
	struct wb_judging *j, const struct wb_proc *p, const struct wb_proc_watch *w);

/* ---- the rules ---- */

void wb_rules_trust(struct wb_judging *j);
void wb_rules_unit(struct wb_judging *j);
void wb_rules_sockets(struct wb_judging *j);
/* Only the ports and connections of its sockets, without a rule about them. */
void wb_rules_ends(struct wb_judging *j);
/* These need a main process. */
void wb_rules_tree(struct wb_judging *j);
void wb_rules_namespaces(struct wb_judging *j);
void wb_rules_network(struct wb_judging *j);
/* Do its processes live in another network than the machine's? */
bool wb_judging_lives_apart(const struct wb_judging *j);
void wb_rules_ipc(struct wb_judging *j);
void wb_rules_files(struct wb_judging *j, const struct wb_proc *p);

/* ---- strings ---- */

static inline bool is(const char *s, const char *want)
{
	return s && !strcmp(s, want);
}

static inline bool is_set(const char *s)
{
	return s && *s && strcmp(s, "no") && strcmp(s, "/");
}

static inline bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}
