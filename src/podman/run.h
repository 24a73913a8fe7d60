/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run of podman, for the files of this room only. Functions return 0, or a negative errno with a sentence. */
#pragma once

#include <sys/types.h>

#include "podman/podman.h"
#include "core/files.h"

/*
 * The words before podman's own: an environment of nothing but what is needed. `criu`: its runtime finds warmboot's
 * script in place of CRIU. -ENOMEM.
 */
int wb_podman_argv(bool criu, struct wb_strv *ret);
/* Run it. -EIO with the last line of its output. `mount_ns`: as in struct wb_spawn. */
int wb_podman_run(const struct wb_runner *runner, const struct wb_strv *argv, int mount_ns,
	struct wb_error *err);

/*
 * A mount namespace like the caller's, in which the directory `checkpoint` below `bundle` is a tmpfs that is never
 * swapped out: the images would lie on a disk. Returns its descriptor. It ends with the last process in it.
 */
int wb_podman_make_room(const struct wb_files *files, const char *bundle, struct wb_error *err);
/* Mount such a tmpfs in the caller's mount namespace, and make the directories above it, for root only. */
int wb_podman_mount(const struct wb_files *files, const char *bundle, struct wb_error *err);
/* Unmount it again, and remove the directory. Errors are ignored. */
void wb_podman_unmount(const char *bundle);
/*
 * Remove what podman leaves in `bundle` after a checkpoint: a copy of the container's /dev/shm, on a disk. The archive
 * has it, too.
 */
void wb_podman_tidy(const char *bundle);
/* The path of the directory for the images, to be freed. NULL: out of memory. */
char *wb_podman_images(const char *bundle);
/* Replace podman's sentence by CRIU's reason, if its log has one. */
void wb_podman_reason(
	const struct wb_files *files, const char *bundle, const char *log, struct wb_error *err);

/* A process that lets a container go on if this one ends before it has said what is to become of it. */
struct wb_podman_guard {
	pid_t pid;
	int talk; /* -1: there is none */
};
/* `group`: the directory of its control group; `network`: of its own, or -1. */
int wb_podman_guard_begin(
	struct wb_podman_guard *guard, int group, int network, struct wb_error *err);
/* Nothing is left to be guarded. */
void wb_podman_guard_end(struct wb_podman_guard *guard);
/* The packets of a network with these rules arrive and leave again. */
extern const char wb_podman_no_rules[];
