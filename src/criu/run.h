/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of CRIU, for dump.c and restore.c only; criu.h is for all others. Functions return 0, or
 * a negative errno with a sentence, unless they say otherwise.
 */
#pragma once

#include <sys/types.h>

#include "criu/criu.h"

#define WB_CRIU_DEFAULT_TIMEOUT 60
/* How long CRIU may take after a failure until the unit runs again. */
#define WB_CRIU_CURE_SECONDS 60
#define WB_CRIU_NAMESPACES 8

struct wb_criu_run {
	const struct wb_sys *sys;
	const char *unit;
	char *dir;       /* work directory, as this process names it */
	char *inside;    /* the same, as CRIU names it */
	const char *log; /* "dump.log" */
	int dir_fd;      /* inherited by CRIU */
	int memory;   /* a tmpfs that only this process sees, for images that cannot be streamed */
	int images;   /* the directory in it to which CRIU writes; inherited */
	int program;  /* CRIU itself */
	int listener; /* the streamer's socket */
	int sock;     /* CRIU's connection to it */
	int shim;     /* the library that is loaded into CRIU */
	int proc;     /* a whole procfs that is mounted nowhere, for that library; inherited */
	int outer; /* asks for sockets of the machine's network namespace, if CRIU runs in another; inherited */
	int hook, ready, go; /* the action script, its message, and the answer to it */
	int hook_ready, hook_go;
	int namespaces[WB_CRIU_NAMESPACES];
	size_t n_namespaces;
	int pidfd;
	pid_t pid;
	int timeout;  /* seconds */
	bool apart;   /* in a session of its own */
	bool new_ipc; /* in a new IPC namespace */
};

void wb_criu_run_init(struct wb_criu_run *r);
void wb_criu_run_deinit(struct wb_criu_run *r);
#define WB_CLEAN_CRIU_RUN __attribute__((cleanup(wb_criu_run_deinit))) struct wb_criu_run

/* Close it unless it is -1, which it is afterwards. */
void wb_criu_close(int *fd);
/* Fail with "cannot WHAT: " and the text of errno. Returns -errno. */
int wb_criu_failed(struct wb_error *err, const char *what);

/*
 * To be called first: open the program (NULL: Debian's path), the work directory below `base`, and
 * the streamer's socket.
 */
int wb_criu_open_program(struct wb_criu_run *r, const char *program, struct wb_error *err);
int wb_criu_open_dir(struct wb_criu_run *r, const char *base, struct wb_error *err);
int wb_criu_listen(struct wb_criu_run *r, const char *name, struct wb_error *err);

/* Make the action script and its two pipes, before CRIU is started. */
int wb_criu_make_hook(struct wb_criu_run *r, struct wb_error *err);
/*
 * A path by which CRIU finds a file of this process that it does not inherit. To be freed. -ENOMEM.
 */
int wb_criu_fd_path(int fd, char **ret);
/* Add the variables that the script needs. -ENOMEM. */
int wb_criu_hook_env(const struct wb_criu_run *r, struct wb_strv *env);
/*
 * Does the script say within this time that the tasks are frozen? False also if CRIU ends before.
 */
bool wb_criu_hook_ready(const struct wb_criu_run *r, int seconds);
/* Send WB_HOOK_YES, the answer to the script. */
int wb_criu_hook_go_on(struct wb_criu_run *r, struct wb_error *err);

/*
 * Let CRIU load the library of src/shim, by its environment. It gets a whole /proc if the unit's sandbox
 * hides a part.
 */
int wb_criu_add_preload(struct wb_criu_run *r, const struct wb_criu_image *image,
	struct wb_strv *env, struct wb_error *err);

/* Add the second names of sockets, which a restore gives them. -ENOMEM. */
int wb_criu_add_names(const struct wb_criu_image *image, struct wb_strv *env);
/*
 * For that library: these descriptors of this process are sockets that systemd has bound, and CRIU's tasks get copies of
 * them. -ENOMEM.
 */
int wb_criu_add_handed(const int *fds, size_t n, struct wb_strv *env);

/* Start CRIU in r->namespaces. It inherits `inherit` besides r->dir_fd and r->images. */
int wb_criu_start(struct wb_criu_run *r, char *const *argv, char *const *env, const int *inherit,
	size_t n_inherit, struct wb_error *err);
/* Accept CRIU's connection. 0 with r->sock < 0: CRIU ended without one. */
int wb_criu_accept(struct wb_criu_run *r, struct wb_error *err);
/* Wait for CRIU's end. -EIO: it had to be killed. */
int wb_criu_reap(struct wb_criu_run *r, int seconds, int *ret_status, struct wb_error *err);
/*
 * The sentence for an exit that is a failure, while CRIU did `what` to the unit; always an error.
 */
int wb_criu_tell_exit(
	const struct wb_criu_run *r, int status, const char *what, struct wb_error *err);
/*
 * A step of this process failed with `e`: close the pipes, so that CRIU stops and lets the unit run
 * on.
 */
int wb_criu_give_up(struct wb_criu_run *r, int e, struct wb_error *err);

/*
 * May a service's memory lie in a tmpfs? -EOPNOTSUPP: without `noswap` it may be swapped to a disk,
 * unencrypted.
 */
int wb_criu_memory_allowed(const struct wb_files *files, bool noswap, struct wb_error *err);
/*
 * For dumps that cannot be streamed: make r->memory, and in it, or elsewhere, an empty directory.
 */
int wb_criu_make_memory(struct wb_criu_run *r, struct wb_error *err);
int wb_criu_open_below(int dir, const char *name, int *ret, struct wb_error *err);
/* Call `one` for each regular file of a directory, until one call fails. */
int wb_criu_for_files(int dir,
	int (*one)(void *ctx, int fd, const char *name, struct wb_error *err), void *ctx,
	struct wb_error *err);

/* For wb_criu_for_files(): put the files into a sink, under names that begin with `prefix`. */
struct wb_criu_feeding {
	const struct wb_stream_sink *sink;
	const char *prefix;
	struct wb_stream_stats stats;
};
int wb_criu_feed_file(void *feeding, int fd, const char *name, struct wb_error *err);
/*
 * For wb_criu_for_files(): copy into the directory *(int *)dir the files that a later dump needs.
 */
int wb_criu_copy_known(void *dir, int fd, const char *name, struct wb_error *err);
