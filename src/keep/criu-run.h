/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of CRIU, for criu-dump.c and criu-restore.c alone; what others use is in criu.h. Functions
 * return 0 or a negative errno and a sentence, unless they say otherwise.
 */
#pragma once

#include <sys/types.h>

#include "keep/criu.h"

#define WB_CRIU_DEFAULT_TIMEOUT 60
/* How long CRIU may take to put a unit back on its feet after a failure. */
#define WB_CRIU_CURE_SECONDS 60
#define WB_CRIU_NAMESPACES 8

struct wb_criu_run {
	const struct wb_sys *sys;
	const char *unit;
	char *dir;           /* work directory, as the caller sees it */
	char *inside;        /* and as CRIU does */
	const char *log;     /* "dump.log" */
	int dir_fd;          /* inherited by CRIU */
	int memory;          /* a tmpfs that only we see, for what cannot be streamed */
	int images;          /* the directory in it that CRIU writes to; inherited */
	int program;         /* CRIU itself */
	int listener;        /* the streamer's socket */
	int sock;            /* CRIU's connection to it */
	int shim;            /* the library that it is started with */
	int hook, ready, go; /* the action script; what it tells; what it is told */
	int hook_ready, hook_go;
	int namespaces[WB_CRIU_NAMESPACES];
	size_t n_namespaces;
	int pidfd;
	pid_t pid;
	int timeout; /* seconds */
	bool apart;  /* in a session of its own */
};

void wb_criu_run_init(struct wb_criu_run *r);
void wb_criu_run_deinit(struct wb_criu_run *r);
#define WB_CLEAN_CRIU_RUN __attribute__((cleanup(wb_criu_run_deinit))) struct wb_criu_run

/* Close it unless it is -1, which it is afterwards. */
void wb_criu_close(int *fd);
/* "cannot WHAT: " and what errno says; -errno. */
int wb_criu_failed(struct wb_error *err, const char *what);

/* Before: the program (NULL: where it usually is), the work directory below `base`, the streamer's socket. */
int wb_criu_open_program(struct wb_criu_run *r, const char *program, struct wb_error *err);
int wb_criu_open_dir(struct wb_criu_run *r, const char *base, struct wb_error *err);
int wb_criu_listen(struct wb_criu_run *r, const char *name, struct wb_error *err);

/* Start it in r->namespaces; it inherits `inherit` besides r->dir_fd and r->images. */
int wb_criu_start(struct wb_criu_run *r, char *const *argv, char *const *env, const int *inherit,
	size_t n_inherit, struct wb_error *err);
/* CRIU's connection; 0 with r->sock < 0 when CRIU ended without one. */
int wb_criu_accept(struct wb_criu_run *r, struct wb_error *err);
/* Wait for its end; -EIO when it had to be killed. */
int wb_criu_reap(struct wb_criu_run *r, int seconds, int *ret_status, struct wb_error *err);
/* The sentence for an exit that is not success, while it `what` the unit; always an error. */
int wb_criu_tell_exit(
	const struct wb_criu_run *r, int status, const char *what, struct wb_error *err);
/* Something of ours failed, by `e`: let CRIU see broken pipes, and the unit be on its feet again. */
int wb_criu_give_up(struct wb_criu_run *r, int e, struct wb_error *err);

/* Files, where nothing can be streamed: r->memory, and in it or elsewhere an empty directory. */
int wb_criu_make_memory(struct wb_criu_run *r, struct wb_error *err);
int wb_criu_open_below(int dir, const char *name, int *ret, struct wb_error *err);
/* Call `one` for each regular file of a directory, until it fails. */
int wb_criu_for_files(int dir,
	int (*one)(void *ctx, int fd, const char *name, struct wb_error *err), void *ctx,
	struct wb_error *err);

/* For wb_criu_for_files(): put them into a sink, under names that begin with `prefix`. */
struct wb_criu_feeding {
	const struct wb_stream_sink *sink;
	const char *prefix;
	struct wb_stream_stats stats;
};
int wb_criu_feed_file(void *feeding, int fd, const char *name, struct wb_error *err);
/* Likewise: into the directory *(int *)dir what a later dump must know of this one. */
int wb_criu_copy_known(void *dir, int fd, const char *name, struct wb_error *err);
