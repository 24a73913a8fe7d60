// SPDX-License-Identifier: LGPL-2.1-or-later
/* Copies a verdict into the fields of a manifest's unit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/looking.h"

static void forget_numbers(struct wb_manifest_unit *u)
{
	wb_net_ends_deinit(&u->ends);
	free(u->pids.items);
	for (size_t i = 0; i < u->places.n; i++) {
		free(u->places.items[i].path);
		free(u->places.items[i].real);
	}
	free(u->places.items);
	u->places.items = NULL;
	u->places.n = 0;
	u->pids.n = 0;
	u->pids.items = NULL;
}

static void forget(struct wb_manifest_unit *u)
{
	forget_numbers(u);
	free(u->streams.items);
	wb_strv_deinit(&u->sockets);
	wb_stored_deinit(&u->stored);
	free(u->why);
	free(u->cgroup);
	free(u->speaks_to);
	json_decref(u->image);
	u->streams.n = 0;
	u->streams.items = NULL;
	u->how = WB_KEEP_NONE;
	u->why = u->cgroup = u->speaks_to = NULL;
	u->image = NULL;
}

static int copy_string(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int copy_pids(const struct wb_criu_image *image, struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < image->pids.n; i++) {
		int64_t *pid = wb_list_add(&u->pids, sizeof(*pid));

		if (!pid)
			return -ENOMEM;
		*pid = image->pids.items[i];
	}
	return 0;
}

int wb_looking_copy_numbers(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	int r;

	forget_numbers(u);
	r = wb_net_ends_copy(&v->ends, &u->ends);
	return r < 0 ? r : copy_pids(&v->image, u);
}

/* The streams to the journal, which the restore replaces with new ones. */
static int copy_streams(const struct wb_criu_image *image, struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < image->externals.n; i++) {
		const struct wb_criu_external *e = &image->externals.items[i];
		struct wb_manifest_stream *s;
		long long inode;

		if (e->path || e->reset || sscanf(e->id, "unix[%lld]", &inode) != 1)
			continue;
		s = wb_list_add(&u->streams, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->inode = inode;
		s->fd = e->fd ? e->fd : 1;
	}
	return 0;
}

int wb_survey_to_manifest(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	int r = 0;

	forget(u);
	u->how = v->how;
	if (v->reasons.n) {
		u->why = wb_plain_copy(v->reasons.items[0]);
		r = u->why ? 0 : -ENOMEM;
	}
	return r == 0 ? wb_net_ends_copy(&v->ends, &u->ends) : r;
}

int wb_process_to_manifest(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	int r = copy_string(v->cgroup, &u->cgroup);

	for (size_t i = 0; r == 0 && i < v->sockets.n; i++)
		r = wb_strv_add(&u->sockets, v->sockets.items[i]);
	if (r == 0)
		r = wb_stored_copy(&v->stored, &u->stored);
	if (r == 0 && v->speaks_to) {
		u->speaks_to = wb_plain_copy(v->speaks_to);
		r = u->speaks_to ? 0 : -ENOMEM;
	}
	u->main_pid = v->image.main_pid;
	u->plain = v->plain;
	if (r == 0)
		r = copy_pids(&v->image, u);
	if (r == 0)
		r = copy_streams(&v->image, u);
	u->image = wb_criu_image_write(&v->image);
	return u->image ? r : -ENOMEM;
}
