// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keeping a unit as a process: CRIU writes its checkpoint into the store, and restores it from there. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "criu/areas.h"
#include "criu/criu.h"
#include "criu/images.h"
#include "criu/timers.h"
#include "files/groups.h"
#include "files/handed.h"
#include "files/opened.h"
#include "files/owners.h"
#include "files/places.h"
#include "files/take.h"
#include "keep/count-sink.h"
#include "keep/held.h"
#include "keep/inward.h"
#include "keep/same.h"
#include "keep/thaw.h"
#include "keep/threads.h"
#include "keep/ways.h"
#include "net/sockets.h"
#include "net/wake.h"
#include "sys/below.h"
#include "sys/inside.h"
#include "systemd/notify.h"

/* ---- the checkpoint ---- */

/* The parameters of one dump; they refer to each other. */
struct dump {
	struct wb_criu_image image;
	struct wb_images images;
	struct wb_stream_sink sink;
	struct wb_criu_dump how;
};

static int prepare(struct dump *d, const struct wb_way_host *host, const struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	int r = wb_criu_image_read(u->image, &d->image, err);

	d->images = (struct wb_images){store, u->images};
	d->sink = wb_images_sink(&d->images);
	d->how = (struct wb_criu_dump){.program = host->criu_program,
		.dir = host->criu_dir,
		.namespaces = host->namespaces,
		.unit = u->unit,
		.cgroup = u->cgroup,
		.image = &d->image,
		.sink = &d->sink};
	return r;
}

/* The threads are asked (keep/inward.h), unless they and the files that describe them are a test's inventions. */
static int look_inward(const struct wb_way_host *host, const struct dump *d,
	struct wb_manifest_unit *u, struct wb_error *err)
{
	const struct wb_ns_whose whose = {.unit = u->unit,
		.cgroup = u->cgroup,
		.private_users = d->image.own_users,
		.pid = d->image.main_pid};

	if (host->sys->files != &wb_files_host)
		return 0;
	return wb_inward_note(host->sys, host->namespaces, &whose, u, err);
}

static int ahead(const struct wb_way_host *host, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	struct wb_stream_stats stats;
	struct dump d = {};
	int r = prepare(&d, host, u, store, err);

	if (r == 0)
		r = wb_criu_predump(host->sys, &d.how, &stats, err);
	if (r == 0) {
		u->ahead_pid = d.image.main_pid;
		u->ahead_bytes = (int64_t)stats.bytes;
	}
	wb_criu_image_deinit(&d.image);
	return r;
}

static int write_image(struct wb_manifest_unit *u, const struct wb_criu_image *image)
{
	return wb_manifest_set_image(u, wb_criu_image_write(image));
}

/*
 * A connection that has begun since the last look is in no packet hold: what its peer sends would be confirmed, and be
 * in no image. The unit goes on for a moment, and is frozen again with CRIU's own rules.
 */
static int freeze_again_if_loose(const struct wb_way_host *host, struct dump *d,
	const struct wb_manifest_unit *u, struct wb_store *store, struct wb_stream_stats *stats,
	struct wb_criu_frozen **frozen, struct wb_error *err)
{
	int r = d->how.held ? wb_held_has_all(host->sys->files, u, err) : 1;

	if (r == 1)
		return 0;
	if (r < 0) {
		wb_criu_cancel(*frozen, NULL);
		return r;
	}
	r = wb_criu_cancel(*frozen, err);
	wb_store_forget(store, u->images, NULL);
	*stats = (struct wb_stream_stats){};
	d->how.held = false;
	return r < 0 ? r : wb_criu_freeze(host->sys, &d->how, stats, frozen, err);
}

static int freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	struct wb_stream_stats stats = {};
	struct wb_criu_frozen *frozen = NULL;
	struct dump d = {};
	int r = prepare(&d, host, u, store, err);

	d.how.incremental = d.image.incremental = u->ahead_pid;
	/* The hold is one of the machine's network. The changes since a pre-copy can be taken only once. */
	d.how.held = host->held && !d.image.own_network && !u->ahead_pid;
	if (r == 0)
		r = look_inward(host, &d, u, err);
	if (r == 0)
		r = wb_criu_freeze(host->sys, &d.how, &stats, &frozen, err);
	if (r == 0)
		r = freeze_again_if_loose(host, &d, u, store, &stats, &frozen, err);
	/* The restore must know if the images are in two parts. */
	if (r == 0 && d.how.incremental && write_image(u, &d.image) < 0) {
		wb_criu_cancel(frozen, NULL);
		r = wb_oom(err);
	}
	if (r == 0) {
		u->dump_bytes = (int64_t)stats.bytes;
		*ret = (struct wb_frozen *)frozen;
	}
	wb_criu_image_deinit(&d.image);
	return r;
}

static int commit(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	return wb_criu_commit((struct wb_criu_frozen *)frozen, err);
}

static int cancel(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	return wb_criu_cancel((struct wb_criu_frozen *)frozen, err);
}

/* ---- a rehearsal ---- */

/* As the freeze does it: the unit stands still from its beginning until it is let go. */
static int rehearse_incremental(const struct wb_sys *sys, const struct dump *d,
	struct wb_stream_stats *stats, int64_t *ret_frozen_us, struct wb_error *err)
{
	uint64_t since = sys->mono_ns(sys->ctx), now;
	struct wb_criu_frozen *frozen;
	int r = wb_criu_freeze(sys, &d->how, stats, &frozen, err);

	if (r == 0)
		r = wb_criu_cancel(frozen, err);
	now = sys->mono_ns(sys->ctx);
	if (r == 0)
		*ret_frozen_us = now > since ? (int64_t)((now - since) / 1000) : 0;
	return r;
}

static int rehearse(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err)
{
	WB_CLEAN_COUNT_SINK count = {};
	struct wb_stream_stats stats = {};
	int64_t frozen_us = 0;
	struct dump d = {};
	int r = prepare(&d, host, u, store, err);

	if (r == 0 && !store && wb_count_sink_init(&count) < 0)
		r = wb_oom(err);
	if (!store)
		d.how.sink = &count.sink;
	d.how.incremental = u->ahead_pid;
	if (r == 0)
		r = look_inward(host, &d, u, err);
	if (r == 0 && d.how.incremental)
		r = rehearse_incremental(host->sys, &d, &stats, &frozen_us, err);
	else if (r == 0)
		r = wb_criu_rehearse(host->sys, &d.how, &stats, &frozen_us, err);
	wb_criu_image_deinit(&d.image);
	if (r == 0)
		*ret = (struct wb_rehearsed){frozen_us, stats.bytes, stats.images};
	return r;
}

/* ---- the unit stands still ---- */

static int whose_of(const struct wb_manifest_unit *u, struct wb_ns_whose *ret, struct wb_error *err)
{
	WB_CLEAN_CRIU_IMAGE image = {};
	int r = wb_criu_image_read(u->image, &image, err);

	*ret = (struct wb_ns_whose){u->unit, u->cgroup, image.own_users, u->main_pid};
	return r;
}

/* The root of its main process, once its namespaces are known for those that root made. */
static int open_root(const struct wb_manifest_unit *u, struct wb_error *err)
{
	struct wb_ns_whose whose;
	int fd, r = whose_of(u, &whose, err);

	if (r == 0)
		r = wb_ns_open_root(&wb_ns_ops_host, &whose, &fd, err);
	return r < 0 ? r : fd;
}

static int open_namespaces(
	const struct wb_manifest_unit *u, struct wb_ns_set *ret, struct wb_error *err)
{
	struct wb_ns_whose whose;
	int r = whose_of(u, &whose, err);

	return r < 0 ? r : wb_ns_open(&wb_ns_ops_host, &whose, ret, err);
}

/* Work with sockets, in the network namespace that they are of. Its own failures have a sentence. */
static int go_inside(int net_ns, int (*work)(void *arg), void *arg, struct wb_error *err)
{
	struct wb_error why = {};
	int r;

	if (err)
		*err = why;
	r = wb_inside(net_ns, work, arg);
	if (r < 0 && err && !err->code)
		wb_fail(err, r, "cannot enter its network namespace: %s", strerror(-r));
	return r;
}

/* CRIU does not save the marks of some memory (criu/areas.h), nor the times of some timers (criu/timers.h). */
static int note_parts(
	const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_CRIU_IMAGE image = {};
	int r = wb_criu_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	image.areas.n = image.timers.n = 0;
	for (size_t i = 0; r == 0 && i < u->pids.n; i++)
		r = wb_areas_note(files, u->pids.items[i], &image);
	if (r < 0)
		return wb_fail(err, r, "cannot list the memory of its processes: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < u->pids.n; i++)
		r = wb_timers_note(files, u->pids.items[i], &image);
	if (r == 0)
		r = wb_same_note(files, u->pids.items, u->pids.n, &image);
	if (r == 0)
		r = write_image(u, &image);
	return r < 0 ? wb_fail(err, r, "cannot list the timers and labels of its processes: %s",
			       strerror(-r))
		     : 0;
}

struct noting {
	const struct wb_files *files;
	struct wb_manifest_unit *unit;
	struct wb_error *err;
};

static int note_sockets_there(void *arg)
{
	const struct noting *n = arg;
	struct wb_manifest_unit *u = n->unit;

	return wb_net_sockets_note(n->files, u->pids.items, u->pids.n, &u->socket_options, n->err);
}

/* The sockets are in the state in which CRIU has saved them. */
static int note_sockets(
	const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	struct noting n = {files, u, err};
	struct wb_error why = {};
	WB_CLEAN_NS_SET set = {};
	int r = open_namespaces(u, &set, &why);

	wb_net_sockets_deinit(&u->socket_options);
	if (r < 0)
		return wb_fail(err, r, "%s", why.text);
	return go_inside(set.own[WB_NS_NET] ? set.fds[WB_NS_NET] : -1, note_sockets_there, &n, err);
}

static int note(const struct wb_files *files, int root, struct wb_manifest_unit *u,
	struct wb_strv *paths, int64_t *highest, struct wb_error *err)
{
	const struct wb_keep_look look = wb_keep_look_host(files, NULL, NULL);
	int64_t now;
	int r = wb_keep_look_still(&look, root, u, paths, err);

	if (r == 0)
		r = wb_places_note(root, u, err);
	if (r == 0)
		r = wb_owners_note(files, u, err);
	if (r < 0)
		return r;
	now = wb_threads_highest(files, u);
	if (now > *highest)
		*highest = now;
	r = wb_opened_note(u, err);
	if (r == 0 && u->sockets.n)
		r = wb_handed_note(u, 1, err);
	if (r == 0)
		r = note_parts(files, u, err);
	if (r == 0)
		r = wb_groups_note(files, u, err);
	if (r == 0)
		r = wb_stored_check(u->stored.items, u->stored.n, err);
	if (r == 0)
		r = wb_threads_note(files, u, err);
	if (r == 0)
		r = note_sockets(files, u, err);
	if (r < 0)
		return r;
	wb_wake_note(files, u->pids.items, u->pids.n, &u->ends);
	return 0;
}

static int complete(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_strv *paths, int64_t *highest, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_FD root = open_root(u, err);
	int r = root < 0 ? root : note(host->sys->files, root, u, paths, highest, err);

	return r < 0 ? r : wb_take_files(root, paths, u, store, err);
}

/* ---- the restore ---- */

struct restoring {
	const struct wb_manifest_unit *unit;
	const struct wb_files *files;
	const struct wb_criu_image *image;
	int net_ns; /* the network namespace of its sandbox; -1: this process's */
	wb_handed_fds handed;
	struct wb_error *err;
};

static int give_sockets(void *arg)
{
	const struct restoring *g = arg;

	return wb_net_sockets_give(&g->unit->socket_options, g->err);
}

static int check_restored(void *ctx, struct wb_error *err)
{
	struct restoring *g = ctx;
	int r = wb_groups_fill(g->unit, -1, err);

	if (r == 0)
		r = wb_opened_check(g->unit, err);
	if (r == 0)
		r = wb_timers_give(g->files, g->image, err);
	if (r == 0)
		r = wb_same_check_labels(g->files, g->image, err);
	g->err = err;
	if (r == 0)
		r = go_inside(g->net_ns, give_sockets, g, err);
	return r < 0 || !g->unit->sockets.n ? r : wb_handed_check(g->unit, &g->handed, err);
}

static void kill_restored(void *ctx)
{
	const struct restoring *g = ctx;

	wb_opened_kill(g->unit);
}

/* Before CRIU runs, which would bind a socket that systemd has not handed over, in its place. */
static int find_handed(const struct wb_thaw *t, struct restoring *g, struct wb_criu_restore *how,
	struct wb_error *err)
{
	int r = wb_handed_match(t->unit, t->handed, t->n_handed, &g->handed, err);

	if (r < 0)
		return r;
	how->handed = g->handed.items;
	how->n_handed = g->handed.n;
	return 0;
}

/* With PrivateNetwork=, the sandbox must have another network than the machine. */
static int find_network(const struct wb_thaw *t, const struct wb_criu_image *image,
	struct restoring *g, struct wb_error *err)
{
	int own;

	g->net_ns = wb_ns_find_kind(&wb_ns_ops_host, WB_NS_NET, t->namespaces, t->n_namespaces);
	own = g->net_ns < 0 ? 0 : wb_ns_is_own(&wb_ns_ops_host, WB_NS_NET, g->net_ns);
	if (own < 0)
		return wb_fail(
			err, own, "its network namespace cannot be looked at: %s", strerror(-own));
	if (own == image->own_network)
		return 0;
	return wb_fail(err, -EPERM,
		"systemd has %s network namespace made for it (PrivateNetwork=)", own ? "a" : "no");
}

/* systemd has a link from the name of a user by DynamicUser= to its number. */
static int check_user(
	const struct wb_files *files, const struct wb_criu_image *image, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR number = NULL;

	if (!image->dynamic_user)
		return 0;
	path = wb_strf("/run/systemd/dynamic-uid/direct:%s", image->dynamic_user);
	if (!path)
		return wb_oom(err);
	if (files->readlink(files->ctx, path, &number, NULL) == 0 &&
		strtoll(number, NULL, 10) == image->dynamic_uid)
		return 0;
	return wb_fail(err, -EPERM,
		"its user %s (DynamicUser=) had the number %lld, and has %s now",
		image->dynamic_user, (long long)image->dynamic_uid, number ? number : "none");
}

/* The processes run already, so they are killed if they could come back with less than they had. */
static int give_stored(const struct wb_manifest_unit *u, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->stored.n; i++)
		if (!wb_opened_is_own(u->stored.items[i].pid))
			r = wb_fail(err, -ESRCH,
				"its process %" PRId64 " with a stored descriptor has ended",
				u->stored.items[i].pid);
	if (r == 0)
		r = wb_stored_give(u->stored.items, u->stored.n, wb_fd_store_push, err);

	if (r == 0)
		wb_fd_store_wait();
	else
		wb_opened_kill(u);
	return r;
}

static int thaw(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	const struct wb_manifest_unit *u = t->unit;
	struct wb_images images = {store, u->images};
	struct wb_stream_source source = wb_images_source(&images);
	WB_CLEAN_CRIU_IMAGE image = {};
	WB_CLEAN_STRV externals = {};
	WB_CLEAN_STR pidfile = NULL;
	struct restoring g = {.unit = u, .files = t->sys->files, .image = &image};
	struct wb_stream_stats stats;
	struct wb_criu_restore how = {.unit = u->unit,
		.image = &image,
		.source = &source,
		.namespaces = t->namespaces,
		.n_namespaces = t->n_namespaces,
		.check = check_restored,
		.kill = kill_restored,
		.netlink_rights = wb_net_sockets_rights(&u->socket_options),
		.ctx = &g};
	int r = wb_criu_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	r = check_user(t->sys->files, &image, err);
	if (r == 0)
		r = wb_same_check_cpu(&image, err);
	if (r == 0)
		r = find_network(t, &image, &g, err);
	if (r < 0)
		return r;
	if (asprintf(&pidfile, "/run/warmboot/%s.pid", u->unit) < 0) {
		pidfile = NULL;
		return wb_oom(err);
	}
	how.pidfile = pidfile;
	if (wb_criu_external_paths(&image, &externals) < 0)
		return wb_oom(err);
	r = wb_places_check(t->sys->files, t->manifest, u, &externals,
		t->n_namespaces ? t->namespaces[t->n_namespaces - 1] : -1, err);
	if (r < 0)
		return r;
	r = find_handed(t, &g, &how, err);
	if (r < 0)
		return r;
	/* The threads may run on more CPUs than CPUAffinity= has left to this process. */
	wb_threads_reset();
	r = wb_groups_make(u, -1, err);
	if (r == 0)
		r = wb_criu_restore(t->sys, &how, &stats, err);
	free(g.handed.items);
	if (r < 0)
		return r;
	wb_threads_restore(u);
	r = wb_inward_restore(u, err);
	/* Rather none than one with more rights than before. */
	if (r < 0)
		wb_opened_kill(u);
	else if (u->stored.n)
		r = give_stored(u, err);
	return r;
}

const struct wb_keep_means wb_way_process = {
	.how = WB_KEEP_PROCESS,
	.judge = wb_judge_process,
	.record = wb_process_to_manifest,
	.ahead = ahead,
	.rehearse = rehearse,
	.freeze = freeze,
	.complete = complete,
	.commit = commit,
	.cancel = cancel,
	.thaw = thaw,
};
