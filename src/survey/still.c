// SPDX-License-Identifier: LGPL-2.1-or-later
/* A last look at a unit whose processes stand still under CRIU, just before the jump. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "files/places.h"
#include "files/take.h"
#include "survey/looking.h"

/* The restore gets the segments that the unit has now. */
static int note_ipc(struct wb_manifest_unit *u, struct wb_criu_image *image,
	struct wb_keep_verdict *v, struct wb_error *err)
{
	if (image->own_network != v->image.own_network)
		return wb_fail(err, -EPERM, "it has changed its network namespace meanwhile");
	if (v->image.own_ipc && !image->own_ipc)
		return wb_fail(err, -EPERM, "it has got System V shared memory in the meantime");
	if (!image->own_ipc)
		return 0;
	free(image->segments.items);
	memcpy(&image->segments, &v->image.segments, sizeof(image->segments));
	memset(&v->image.segments, 0, sizeof(v->image.segments));
	return wb_manifest_set_image(u, wb_criu_image_write(image)) < 0 ? wb_oom(err) : 0;
}

/*
 * The rules gather the facts even where they refuse. They refuse here because CRIU traces the processes, so
 * reasons are ignored; but breaches count, because the unit ran on until now.
 */
static int judge_still(const struct wb_keep_look *look, struct wb_manifest_unit *u,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	const struct wb_ns_ops *ops = look->namespaces ? look->namespaces : &wb_ns_ops_host;
	const struct wb_files *files = look->files;
	struct wb_service service = {
		.active = (char *)"active", .cgroup = u->cgroup, .main_pid = (uint32_t)u->main_pid};
	struct wb_ns_whose whose = {.unit = u->unit, .cgroup = u->cgroup};
	WB_CLEAN_CRIU_IMAGE image = {};
	struct wb_ipc_verdict ipc = {};
	WB_CLEAN_STRV untrusted = {};
	WB_CLEAN_SOCKETS sockets = {};
	WB_CLEAN_PROCS procs = {};
	WB_CLEAN_NS_SET set = {};
	struct wb_proc init = {};
	int net_ns, peers = 0;
	struct wb_keep_facts facts = {.unit = u->unit,
		.systemd = &service,
		.procs = &procs,
		.sockets = &sockets,
		.init = &init,
		.untrusted = &untrusted,
		.activation = &(const struct wb_activation){.sockets = u->sockets},
		.stored = &u->stored,
		.definition = &u->definition};
	int r;

	if (!u->cgroup)
		return wb_fail(err, -ESRCH, "%s has no control group", u->unit);
	r = u->image ? wb_criu_image_read(u->image, &image, err) : 0;
	whose.private_users = service.private_users_on = image.own_users;
	service.private_network = image.own_network;
	if (r == 0)
		r = wb_procs_read(files, u->cgroup, &procs, err);
	if (r == 0 && !wb_procs_find(&procs, u->main_pid))
		r = wb_fail(err, -ESRCH, "%s has no main process any more", u->unit);
	if (r == 0 && wb_looking_untrusted(files, ops, &whose, &procs, u->main_pid, &untrusted) < 0)
		r = wb_oom(err);
	whose.pid = u->main_pid;
	if (r == 0 && !untrusted.n) {
		facts.ipc = &ipc;
		if (wb_looking_ipc(files, ops, &whose, &procs, &ipc) < 0)
			r = wb_oom(err);
	}
	if (r == 0 && look->find_externals)
		look->find_externals(&procs, &u->definition, ops);
	if (r == 0)
		r = wb_sockets_read(files, u->main_pid, &sockets, err);
	if (r == 0)
		r = wb_proc_read(files, 1, &init, err);
	net_ns = r == 0 ? wb_looking_open_network(ops, &whose, &procs, &untrusted, &set) : -1;
	if (r == 0 && net_ns >= 0 && (r = wb_sockets_add_outer(files, 1, &sockets)) < 0)
		wb_fail(err, r, "the machine's Unix sockets are not known: %s", strerror(-r));
	sockets.may_walk = !untrusted.n;
	sockets.still = true;
	if (r == 0 && wb_looking_sockets(look, net_ns, &procs, &init, &sockets, &peers) < 0)
		r = wb_oom(err);
	/* The directories that are checked for CRIU come from these names, and the names in /proc can be forged. */
	if (r == 0 && peers < 0)
		r = wb_fail(err, peers,
			"the kernel does not tell the names of its Unix sockets (unix_diag): %s",
			strerror(-peers));
	if (r == 0)
		r = wb_judge_process(&facts, NULL, ret, err);
	if (r >= 0)
		r = note_ipc(u, &image, ret, err);
	wb_proc_deinit(&init);
	wb_ipc_verdict_deinit(&ipc);
	return r;
}

int wb_keep_look_still(const struct wb_keep_look *look, int root, struct wb_manifest_unit *u,
	struct wb_strv *paths, struct wb_error *err)
{
	WB_CLEAN_KEEP_VERDICT v = {};
	int r = judge_still(look, u, &v, err);

	if (r < 0)
		return r;
	if (v.breaches.n)
		return wb_fail(err, -EPERM, "%s", v.breaches.items[0]);
	r = wb_looking_copy_numbers(&v, u);
	for (size_t i = 0; r == 0 && i < v.files.n; i++)
		r = wb_strv_add_once(paths, v.files.items[i]);
	for (size_t i = 0; r == 0 && i < v.nameless.n; i++) {
		const struct wb_keep_nameless *n = &v.nameless.items[i];

		r = wb_take_other_names(root, n->path, n->device, n->inode, paths);
	}
	for (size_t i = 0; r == 0 && i < v.places.n; i++)
		r = wb_places_add(u, v.places.items[i]);
	for (size_t i = 0; r == 0 && i < v.bindings.n; i++)
		r = wb_places_add_binding(u, v.bindings.items[i]);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}
