/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The container that runs in a unit, and whether it can be kept. */
#pragma once

#include "podman/podman.h"
#include "proc/proc.h"
#include "survey/preflight.h"
#include "systemd/service.h"

/*
 * The container of podman that a unit runs: its main process is conmon, and one control group below its own is that of
 * a container whose conmon, as podman tells, is that process. 1: *ret is it. 0: the unit runs none. -ENOMEM; other
 * errors with a sentence: it runs one, which cannot be kept.
 */
int wb_container_of_unit(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_service *service, const struct wb_procs *procs, struct wb_container *ret,
	struct wb_error *err);

/* The engine other than podman whose containers run by these processes: "Docker"; NULL: none is known. */
const char *wb_engine_of(const struct wb_procs *procs);

/*
 * Can the unit be kept as a container? As wb_judge_process(): 1; 0 with reasons, or without them if the unit runs no
 * container. Sets `container` of the verdict.
 */
int wb_judge_container(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err);
/* The part of a manifest's unit for a unit that is kept so. -ENOMEM. */
int wb_container_to_manifest(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u);

/*
 * The bytes of all files below a directory; files that are not read are left out. For the room in the store. -E2BIG: it has
 * `most_files` or more.
 */
int wb_container_layer_bytes(const char *dir, size_t most_files, uint64_t *ret);

/* The `image` of such a unit. */
struct wb_container_image {
	char *id, *name, *bundle;
	char *id_file;                 /* written again after the restore; NULL: none */
	char *pid_file, *monitor_file; /* podman's, with its numbers; NULL: not known */
	char *cgroup;                  /* of the container's processes */
	int64_t pid, monitor;
	bool removed, own_network;
	WB_LIST(struct wb_container_answer) answers;
	/* Connections in its own network, with the sequence numbers of the freeze. */
	WB_LIST(struct wb_net_connection) peers;
};

void wb_container_image_deinit(struct wb_container_image *image);
#define WB_CLEAN_CONTAINER_IMAGE \
	__attribute__((cleanup(wb_container_image_deinit))) struct wb_container_image
/* -EBADMSG with a sentence. */
int wb_container_image_read(
	const json_t *json, struct wb_container_image *ret, struct wb_error *err);
/* NULL: out of memory. */
json_t *wb_container_image_write(const struct wb_container_image *image);
