// SPDX-License-Identifier: LGPL-2.1-or-later
/* The connections of a unit that stands still, compared with those that the packet hold is for. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sort.h"
#include "keep/held.h"
#include "proc/proc.h"

/* There may be tens of thousands, and the unit stands still. */
static bool is_held(const struct wb_net_ends *ends, const struct wb_socket *s)
{
	const struct wb_net_connection wanted = {.local = s->local,
		.remote = s->remote,
		.local_port = s->local_port,
		.remote_port = s->remote_port};

	return wb_search(&wanted, ends->connections.items, ends->connections.n,
		sizeof(*ends->connections.items), wb_net_compare_connections);
}

/* A connection without an address is in no ruleset. */
static bool is_loose(const struct wb_net_ends *ends, const struct wb_socket *s)
{
	return s && s->kind == WB_SOCKET_TCP && s->connected &&
	       (!s->local || !s->remote || !is_held(ends, s));
}

/* 1: all of this process's connections are held. */
static int process_has_all(const struct wb_files *files, int64_t pid,
	const struct wb_net_ends *ends, const struct wb_sockets *sockets, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	char dir[64], path[400];
	int r;

	snprintf(dir, sizeof(dir), "/proc/%" PRId64 "/fd", pid);
	r = files->list(files->ctx, dir, &names, err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_STR link = NULL;
		int64_t inode;

		snprintf(path, sizeof(path), "%s/%s", dir, names.items[i]);
		r = files->readlink(files->ctx, path, &link, err);
		if (r == 0 && wb_socket_inode(link, &inode) &&
			is_loose(ends, wb_sockets_find(sockets, inode)))
			return 0;
	}
	return r < 0 ? r : 1;
}

int wb_held_has_all(
	const struct wb_files *files, const struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_SOCKETS sockets = {};
	WB_CLEAN_PIDS pids = {};
	int r = wb_pids_read(files, u->cgroup, &pids, err);

	if (r == 0)
		r = wb_sockets_read(files, u->main_pid, &sockets, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < pids.n; i++) {
		r = process_has_all(files, pids.items[i], &u->ends, &sockets, err);
		if (r <= 0)
			return r;
	}
	return 1;
}
