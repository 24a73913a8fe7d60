// SPDX-License-Identifier: LGPL-2.1-or-later
/* The facts for a preflight, and its verdict for the manifest. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "keep/preflight.h"
#include "keep/take.h"
#include "sys/machine.h"

#define LARGEST (16u << 20)

/* What the kernel to come has not; false: its modules are not where they should be. */
static bool read_modules(const struct wb_files *files, const char *release, struct wb_strv *ret)
{
	static const char *const trees[] = {"/usr/lib/modules", "/lib/modules"};

	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		WB_CLEAN_BLOB dep = {}, builtin = {};
		char path[512];

		snprintf(path, sizeof(path), "%s/%s/modules.dep", trees[i], release);
		if (files->read(files->ctx, path, LARGEST, &dep, NULL) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/modules.builtin", trees[i], release);
		(void)files->read(files->ctx, path, LARGEST, &builtin, NULL);
		return wb_keep_missing_modules(wb_blob_view(&dep), wb_blob_view(&builtin), ret) ==
		       0;
	}
	return false;
}

/* Its number is not given to another process as long as the session has one. */
static bool leader_lives(
	const struct wb_files *files, const struct wb_procs *procs, int64_t main_pid)
{
	const struct wb_proc *root = wb_procs_find(procs, main_pid);
	char path[64];

	if (!root || wb_procs_find(procs, root->session))
		return false;
	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)root->session);
	return files->exists(files->ctx, path);
}

/* Pairs: the file as a line of /proc/PID/maps has it (the name may differ between processes), and its name. */
static int add_shm_maps(const struct wb_proc *p, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->maps.n; i++) {
		const struct wb_proc_map *m = &p->maps.items[i];
		char file[64];

		if (strncmp(m->name, "/dev/shm/", 9) != 0)
			continue;
		snprintf(file, sizeof(file), " %02x:%02x %lld ", major((dev_t)m->device),
			minor((dev_t)m->device), (long long)m->inode);
		r = wb_strv_add(ret, file);
		if (r == 0)
			r = wb_strv_add(ret, m->name);
	}
	return r;
}

/* Each of two that share memory would get a copy of its own. */
static int find_shared(
	const struct wb_files *files, const struct wb_procs *procs, struct wb_strv *ret)
{
	WB_CLEAN_STRV ours = {}, pids = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < procs->n; i++)
		r = add_shm_maps(&procs->items[i], &ours);
	if (r == 0 && ours.n)
		files->list(files->ctx, "/proc", &pids, NULL);
	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		long long pid = atoll(pids.items[i]);
		WB_CLEAN_BLOB maps = {};
		char path[64];

		snprintf(path, sizeof(path), "/proc/%lld/maps", pid);
		if (pid < 2 || wb_procs_find(procs, pid) ||
			files->read(files->ctx, path, 64u << 20, &maps, NULL) < 0)
			continue;
		for (size_t k = 0; r == 0 && k + 1 < ours.n; k += 2) {
			WB_CLEAN_STR text = NULL;

			if (!strstr((const char *)maps.data, ours.items[k]))
				continue;
			if (asprintf(&text, "%s with process %lld", ours.items[k + 1], pid) < 0) {
				text = NULL;
				return -ENOMEM;
			}
			r = wb_strv_add(ret, text);
		}
	}
	return r;
}

/* A path as the processes below /proc/PID/root see it. To be freed; NULL: out of memory. */
static char *seen_by(int64_t main_pid, const char *path)
{
	char *s;

	return asprintf(&s, "/proc/%lld/root%s", (long long)main_pid, path) < 0 ? NULL : s;
}

/* One step from `done`, which leads through no link; *ret: where a link there leads, or NULL. */
static int step(
	const struct wb_files *files, int64_t main_pid, char *done, const char *name, char **ret)
{
	WB_CLEAN_STR at = NULL;
	size_t n = strlen(done);

	*ret = NULL;
	if (!*name || !strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		if (strrchr(done, '/'))
			*strrchr(done, '/') = '\0';
		return 0;
	}
	if (snprintf(done + n, PATH_MAX - n, "/%s", name) >= (int)(PATH_MAX - n))
		return -ENAMETOOLONG;
	at = seen_by(main_pid, done);
	if (!at)
		return -ENOMEM;
	if (files->readlink(files->ctx, at, ret, NULL) < 0)
		*ret = NULL;
	else
		done[**ret == '/' ? 0 : n] = '\0';
	return 0;
}

/*
 * The path that leads to the same without a link on its way, as its processes see it; it may be a link
 * itself. Files are put back through no link, and what it lies on is told by where it is.
 */
static int real_path(
	const struct wb_files *files, int64_t main_pid, const char *path, char ret[PATH_MAX])
{
	WB_CLEAN_STR rest = strdup(path);
	char done[PATH_MAX] = "";
	int r = 0;

	for (unsigned links = 0; r == 0 && rest;) {
		const char *from = rest + strspn(rest, "/");
		size_t n = strcspn(from, "/"), end = strspn(from + n, "/");
		bool last = !from[n + end];
		char name[NAME_MAX + 1], *target = NULL, *more = NULL;

		if (!*from)
			break;
		if (snprintf(name, sizeof(name), "%.*s", (int)n, from) >= (int)sizeof(name))
			return -ENAMETOOLONG;
		if (last) {
			size_t have = strlen(done), room = sizeof(done) - have;

			if (snprintf(done + have, room, "/%s", name) >= (int)room)
				r = -ENAMETOOLONG;
			break;
		}
		r = step(files, main_pid, done, name, &target);
		if (r == 0 && target && ++links > 40)
			r = -ELOOP;
		if (r == 0 && asprintf(&more, "%s/%s", target ? target : "", from + n) < 0) {
			more = NULL;
			r = -ENOMEM;
		}
		free(target);
		free(rest);
		rest = more;
	}
	if (!rest && r == 0)
		r = -ENOMEM;
	if (r == 0)
		snprintf(ret, PATH_MAX, "%s", *done ? done : "/");
	return r;
}

/* A link that leads nowhere is there. */
static int find_files(const struct wb_files *files, int64_t main_pid,
	const struct wb_keep_config *config, struct wb_strv *ret_real, struct wb_strv *ret_absent)
{
	int r = 0;

	for (size_t i = 0; r == 0 && config && i < config->files.n; i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR target = NULL;
		char real[PATH_MAX];

		/* What leads in a circle is not there. */
		r = real_path(files, main_pid, config->files.items[i], real);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			snprintf(real, sizeof(real), "%s", config->files.items[i]);
		for (size_t n = strlen(real); n > 1 && real[n - 1] == '/'; n--)
			real[n - 1] = '\0';
		path = seen_by(main_pid, real);
		if (!path)
			return -ENOMEM;
		r = wb_strv_add(ret_real, real);
		if (r == 0 && !files->exists(files->ctx, path) &&
			files->readlink(files->ctx, path, &target, NULL) < 0)
			r = wb_strv_add(ret_absent, real);
	}
	return r;
}

struct wb_keep_look wb_keep_look_host(
	const struct wb_files *files, const char *criu, const char *release)
{
	return (struct wb_keep_look){.files = files,
		.units = &wb_services_systemd,
		.add_peers = wb_sockets_add_peers,
		.add_kinds = wb_sockets_add_kinds,
		.find_watched = wb_watches_find,
		.criu = criu,
		.release = release};
}

int wb_keep_look(const struct wb_keep_look *look, const char *unit,
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err)
{
	const struct wb_files *files = look->files;
	WB_CLEAN_STR running = NULL;
	WB_CLEAN_SERVICE service = {};
	WB_CLEAN_SOCKETS sockets = {};
	WB_CLEAN_STRV missing = {}, real = {}, absent = {}, shared = {};
	WB_CLEAN_PROCS procs = {};
	struct wb_proc init = {};
	struct wb_keep_facts facts = {.unit = unit,
		.systemd = &service,
		.procs = &procs,
		.sockets = &sockets,
		.init = &init,
		.criu = look->criu};
	int64_t any;
	int r = look->units->read(look->units->ctx, unit, &service, err);

	if (r < 0)
		return r;
	if (!service.cgroup || !*service.cgroup)
		return wb_keep_judge(&facts, config, ret, err);
	facts.release = look->release;
	if (!facts.release)
		facts.release = running = wb_running_release(files);
	if (facts.release && read_modules(files, facts.release, &missing))
		facts.missing_modules = &missing;
	r = wb_procs_read(files, service.cgroup, &procs, err);
	/* One that is active after all that it ran has ended may have none. */
	if (r == -ENOENT && !service.main_pid)
		r = 0;
	/* Who has none to keep may have ports all the same. */
	any = service.main_pid || !procs.n ? service.main_pid : procs.items[0].pid;
	if (r == 0 && any)
		r = wb_sockets_read(files, any, &sockets, err);
	if (r == 0 && look->find_watched)
		r = look->find_watched(&procs);
	/* Without an answer the rules make do with what /proc says. */
	if (r == 0 && look->add_peers)
		(void)look->add_peers(&sockets);
	if (r == 0 && look->add_kinds)
		r = look->add_kinds(&procs, &sockets);
	if (r == 0 && find_files(files, service.main_pid, config, &real, &absent) < 0)
		r = wb_oom(err);
	if (r == 0 && find_shared(files, &procs, &shared) < 0)
		r = wb_oom(err);
	facts.real_files = &real;
	facts.absent_files = &absent;
	facts.shared = &shared;
	if (r == 0)
		r = wb_proc_read(files, 1, &init, err);
	if (r == 0) {
		facts.foreign_leader = leader_lives(files, &procs, service.main_pid);
		r = wb_keep_judge(&facts, config, ret, err);
	}
	wb_proc_deinit(&init);
	return r;
}

/* ---- for the manifest ---- */

static void forget_numbers(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->ports.n; i++) {
		free(u->ports.items[i].protocol);
		free(u->ports.items[i].address);
	}
	for (size_t i = 0; i < u->connections.n; i++) {
		free(u->connections.items[i].local);
		free(u->connections.items[i].remote);
	}
	free(u->ports.items);
	free(u->connections.items);
	free(u->pids.items);
	u->ports.n = u->connections.n = u->pids.n = 0;
	u->ports.items = NULL;
	u->connections.items = NULL;
	u->pids.items = NULL;
}

static void forget(struct wb_manifest_unit *u)
{
	forget_numbers(u);
	free(u->streams.items);
	free(u->how);
	free(u->why);
	free(u->cgroup);
	json_decref(u->image);
	u->streams.n = 0;
	u->streams.items = NULL;
	u->how = u->why = u->cgroup = NULL;
	u->image = NULL;
}

static int copy_string(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int copy_ports(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->ports.n; i++) {
		struct wb_manifest_port *p = wb_list_add(&u->ports, sizeof(*p));

		if (!p)
			return -ENOMEM;
		p->port = v->ports.items[i].port;
		r = copy_string(v->ports.items[i].protocol, &p->protocol);
		if (r == 0)
			r = copy_string(v->ports.items[i].address, &p->address);
	}
	for (size_t i = 0; r == 0 && i < v->connections.n; i++) {
		const struct wb_manifest_connection *from = &v->connections.items[i];
		struct wb_manifest_connection *c = wb_list_add(&u->connections, sizeof(*c));

		if (!c)
			return -ENOMEM;
		c->local_port = from->local_port;
		c->remote_port = from->remote_port;
		r = copy_string(from->local, &c->local);
		if (r == 0)
			r = copy_string(from->remote, &c->remote);
	}
	return r;
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

/* The journal's streams, which the restorer's own take the place of. */
static int copy_streams(const struct wb_criu_image *image, struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < image->externals.n; i++) {
		const struct wb_criu_external *e = &image->externals.items[i];
		struct wb_manifest_stream *s;
		long long inode;

		if (e->path || sscanf(e->id, "unix[%lld]", &inode) != 1)
			continue;
		s = wb_list_add(&u->streams, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->inode = inode;
		s->fd = e->fd ? e->fd : 1;
	}
	return 0;
}

int wb_keep_verdict_to_manifest(
	const struct wb_keep_verdict *v, struct wb_manifest_unit *u, struct wb_error *err)
{
	int r;

	forget(u);
	r = copy_string(wb_keep_how_name(v->how), &u->how);
	if (r == 0 && v->reasons.n) {
		u->why = wb_manifest_line(v->reasons.items[0]);
		r = u->why ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = copy_ports(v, u);
	if (r == 0 && v->how == WB_KEEP_PROCESS) {
		u->main_pid = v->image.main_pid;
		u->plain = v->plain;
		if (v->cgroup)
			r = copy_string(v->cgroup, &u->cgroup);
		if (r == 0)
			r = copy_pids(&v->image, u);
		if (r == 0)
			r = copy_streams(&v->image, u);
		u->image = wb_criu_image_write(&v->image);
		if (!u->image)
			r = -ENOMEM;
	}
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

/* ---- of what stands still ---- */

/* The rules gather what is there whatever they refuse, and a task under CRIU they refuse. */
static int judge_still(const struct wb_files *files, const struct wb_manifest_unit *u,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	const struct wb_service service = {
		.active = (char *)"active", .cgroup = u->cgroup, .main_pid = (uint32_t)u->main_pid};
	WB_CLEAN_SOCKETS sockets = {};
	WB_CLEAN_PROCS procs = {};
	struct wb_proc init = {};
	const struct wb_keep_facts facts = {.unit = u->unit,
		.systemd = &service,
		.procs = &procs,
		.sockets = &sockets,
		.init = &init};
	int r;

	if (!u->cgroup)
		return wb_fail(err, -ESRCH, "%s has no control group", u->unit);
	r = wb_procs_read(files, u->cgroup, &procs, err);
	if (r == 0 && !wb_procs_find(&procs, u->main_pid))
		r = wb_fail(err, -ESRCH, "%s has no main process any more", u->unit);
	if (r == 0)
		r = wb_sockets_read(files, u->main_pid, &sockets, err);
	if (r == 0)
		r = wb_proc_read(files, 1, &init, err);
	if (r == 0)
		r = wb_keep_judge(&facts, NULL, ret, err);
	wb_proc_deinit(&init);
	return r;
}

int wb_keep_look_still(const struct wb_files *files, const char *root, struct wb_manifest_unit *u,
	struct wb_strv *paths, struct wb_error *err)
{
	WB_CLEAN_KEEP_VERDICT v = {};
	int r = judge_still(files, u, &v, err);

	if (r < 0)
		return r;
	forget_numbers(u);
	r = copy_ports(&v, u);
	if (r == 0)
		r = copy_pids(&v.image, u);
	for (size_t i = 0; r == 0 && i < v.files.n; i++)
		r = wb_strv_add_once(paths, v.files.items[i]);
	for (size_t i = 0; r == 0 && i < v.nameless.n; i++) {
		const struct wb_keep_nameless *n = &v.nameless.items[i];

		r = wb_take_other_names(root, n->path, n->device, n->inode, paths);
	}
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}
