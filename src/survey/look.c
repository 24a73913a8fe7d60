// SPDX-License-Identifier: LGPL-2.1-or-later
/* Gathers the facts for a verdict on a unit. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "criu/modules.h"
#include "files/groups.h"
#include "files/take.h"
#include "net/private.h"
#include "survey/container.h"
#include "survey/externals.h"
#include "survey/looking.h"
#include "proc/watches.h"
#include "store/guest-memory.h"
#include "sys/inside.h"
#include "sys/machine.h"

#define LARGEST (16u << 20)

/*
 * Is the leader of the main process's session alive, and no process of the unit? A pid is not reused while a session
 * has it.
 */
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

/* Read the unit's files that systemd uses; files that cannot be read are left out. */
static int read_definition(
	const struct wb_files *files, const struct wb_service *service, struct wb_unit_texts *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i <= service->dropins.n; i++) {
		const char *path = i ? service->dropins.items[i - 1] : service->fragment;
		struct wb_unit_text *text;
		WB_CLEAN_BLOB b = {};

		if (!path || !*path || files->read(files->ctx, path, LARGEST, &b, NULL) < 0)
			continue;
		text = wb_list_add(ret, sizeof(*text));
		if (!text)
			return -ENOMEM;
		text->text = strndup((const char *)b.data, b.size);
		if (!text->text)
			r = -ENOMEM;
	}
	return r;
}

static void forget_definition(struct wb_unit_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->items[i].text);
	free(texts->items);
}

struct wb_keep_look wb_keep_look_host(
	const struct wb_files *files, const char *criu, const char *release)
{
	return (struct wb_keep_look){.files = files,
		.units = &wb_services_systemd,
		.add_peers = wb_sockets_add_peers,
		.add_kinds = wb_sockets_add_kinds,
		.inside = wb_inside,
		.compare_network = wb_net_private_differs,
		.find_stored = wb_stored_find,
		.find_watched = wb_watches_find,
		.find_externals = wb_externals_find,
		.look_at_qemu = wb_qemu_look,
		.find_container = wb_container_of_unit,
		.runner = &wb_runner_host,
		.criu = criu,
		.release = release};
}

/* The facts about one unit, as far as they are gathered. */
struct gathered {
	const struct wb_keep_look *look;
	const struct wb_ns_ops *ops;
	struct wb_ns_whose whose;
	struct wb_service service;
	struct wb_procs procs;
	struct wb_sockets sockets;
	struct wb_proc init;
	struct wb_unit_texts definition;
	struct wb_strv missing, untrusted, real, absent, shared, common, network;
	struct wb_ns_set namespaces; /* of the main process; empty: they were not opened */
	struct wb_activation activation;
	struct wb_ipc_verdict ipc;
	struct wb_error groups;
	struct wb_qemu_facts qemu;
	struct wb_container container;
	struct wb_error no_container;
	char *running; /* release of the running kernel, if it is the next one's, too */
};

static void gathered_deinit(struct gathered *g)
{
	wb_service_deinit(&g->service);
	wb_procs_deinit(&g->procs);
	wb_sockets_deinit(&g->sockets);
	wb_proc_deinit(&g->init);
	forget_definition(&g->definition);
	wb_strv_deinit(&g->missing);
	wb_strv_deinit(&g->untrusted);
	wb_strv_deinit(&g->real);
	wb_strv_deinit(&g->absent);
	wb_strv_deinit(&g->shared);
	wb_strv_deinit(&g->common);
	wb_strv_deinit(&g->network);
	wb_ns_close(&g->namespaces);
	wb_activation_deinit(&g->activation);
	wb_ipc_verdict_deinit(&g->ipc);
	wb_qemu_facts_deinit(&g->qemu);
	wb_container_deinit(&g->container);
	free(g->running);
}

static const struct wb_files *machine_of(const struct gathered *g)
{
	return g->look->machine ? g->look->machine : g->look->files;
}

static void gather_modules(struct gathered *g, struct wb_keep_facts *facts)
{
	const struct wb_files *files = machine_of(g);

	facts->release = g->look->release;
	if (!facts->release)
		facts->release = g->running = wb_running_release(files);
	if (facts->release && wb_criu_lacks_modules(files, facts->release, &g->missing))
		facts->missing_modules = &g->missing;
}

/* The sockets of a process's network namespace. Units in that of process 1 share one reading. */
static int gather_tables(struct gathered *g, int64_t pid, struct wb_error *err)
{
	const struct wb_proc *p = wb_procs_find(&g->procs, pid);
	const char *own = p ? p->ns[WB_NS_NET] : NULL, *machines = g->init.ns[WB_NS_NET];
	bool known = own && machines;
	int r;

	if (g->look->machine && known && !strcmp(own, machines))
		return wb_sockets_read(g->look->machine, 1, &g->sockets, err);
	r = wb_sockets_read(g->look->files, pid, &g->sockets, err);
	/* Systemd opens the unit's output in its own. */
	if (r == 0 && known && strcmp(own, machines) &&
		(r = wb_sockets_add_outer(machine_of(g), 1, &g->sockets)) < 0)
		return wb_fail(
			err, r, "the machine's Unix sockets are not known: %s", strerror(-r));
	return r;
}

static int gather_groups(struct gathered *g, struct wb_keep_facts *facts)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = g->procs.group ? wb_list_add(&m.units, sizeof(*u)) : NULL;
	int r;

	if (!u || !(u->cgroup = strdup(g->service.cgroup)))
		return g->procs.group ? -ENOMEM : 0;
	r = wb_groups_note(g->look->files, u, &g->groups);
	facts->group_fault = r < 0 ? g->groups.text : NULL;
	return r == -ENOMEM ? r : 0;
}

static int gather_processes(struct gathered *g, struct wb_error *err)
{
	const struct wb_service *s = &g->service;
	int r = wb_procs_read(g->look->files, s->cgroup, &g->procs, err);
	int64_t any;

	/* A unit may be active without processes (RemainAfterExit=), and then has no cgroup. */
	if (r == -ENOENT && !s->main_pid)
		r = 0;
	/* A unit without a main process may still have ports. */
	any = s->main_pid || !g->procs.n ? s->main_pid : g->procs.items[0].pid;
	if (r == 0 && any)
		r = gather_tables(g, any, err);
	return r;
}

static int gather_container(struct gathered *g, struct wb_keep_facts *facts, struct wb_error *err)
{
	const struct wb_keep_look *look = g->look;
	int r = look->find_container ? look->find_container(look->files, look->runner, &g->service,
					       &g->procs, &g->container, &g->no_container)
				     : 0;

	if (r == -ENOMEM)
		return wb_oom(err);
	facts->container = r > 0 ? &g->container : NULL;
	facts->no_container = r < 0 ? g->no_container.text : NULL;
	return 0;
}

/* Facts that need the unit's namespaces, if root may enter them. */
static int gather_inside(struct gathered *g, struct wb_error *err)
{
	const struct wb_keep_look *look = g->look;
	int r = wb_looking_untrusted(
		look->files, g->ops, &g->whose, &g->procs, g->service.main_pid, &g->untrusted);

	/* Names of watched files are looked up in the unit's mount namespace. */
	if (r == 0 && look->find_watched && !g->untrusted.n)
		r = look->find_watched(&g->procs, g->ops, &g->whose);
	if (r == 0)
		r = read_definition(look->files, &g->service, &g->definition);
	if (r < 0)
		return wb_oom(err);
	if (look->find_externals)
		look->find_externals(&g->procs, &g->definition, g->ops);
	return 0;
}

static int gather_ipc(struct gathered *g, struct wb_keep_facts *facts, struct wb_error *err)
{
	g->whose.pid = g->service.main_pid;
	if (g->untrusted.n || !wb_procs_find(&g->procs, g->whose.pid))
		return 0;
	facts->ipc = &g->ipc;
	return wb_looking_ipc(g->look->files, g->ops, &g->whose, &g->procs, &g->ipc) < 0
		       ? wb_oom(err)
		       : 0;
}

static int gather_sockets(struct gathered *g, struct wb_keep_facts *facts, struct wb_error *err)
{
	int net_ns;

	g->whose.pid = g->service.main_pid;
	net_ns = wb_looking_open_network(
		g->ops, &g->whose, &g->procs, &g->untrusted, &g->namespaces);
	g->sockets.may_walk = !g->untrusted.n;
	if (wb_looking_sockets(
		    g->look, net_ns, &g->procs, &g->init, &g->sockets, &facts->peers_error) < 0)
		return wb_oom(err);
	if (net_ns < 0)
		return 0;
	facts->network = &g->network;
	return wb_looking_network(
		       g->look, machine_of(g), net_ns, &g->procs, g->whose.pid, &g->network) < 0
		       ? wb_oom(err)
		       : 0;
}

static int gather_files(struct gathered *g, const struct wb_keep_config *config,
	struct wb_keep_facts *facts, struct wb_error *err)
{
	const struct wb_files *files = g->look->files;
	int r;

	if (!g->untrusted.n) {
		if (wb_looking_files(files, g->service.main_pid, config, &g->real, &g->absent) < 0)
			return wb_oom(err);
		facts->real_files = &g->real;
		facts->absent_files = &g->absent;
	}
	r = wb_looking_common(
		machine_of(g), &g->procs, g->service.main_pid, &g->sockets, &g->common);
	if (r == -ENOMEM)
		return wb_oom(err);
	/* With too many of them, none travels whole. */
	facts->common = r == 0 ? &g->common : NULL;
	return wb_looking_shared(machine_of(g), &g->procs, &g->shared) < 0 ? wb_oom(err) : 0;
}

/* Memory that is a file's own is of use only where the next kernel leaves it alone, too. */
static void check_region(struct gathered *g)
{
	struct wb_qemu_facts *q = &g->qemu;

	if (q->image.dax && !q->fault.code &&
		wb_vm_memory_check(machine_of(g), q->region_start, q->region_size, &q->fault) < 0)
		q->image.dax = false;
}

static int gather_qemu(struct gathered *g, struct wb_keep_facts *facts, struct wb_error *err)
{
	int64_t pid = g->service.main_pid;
	int r = 0;

	if (g->look->look_at_qemu && wb_procs_find(&g->procs, pid))
		r = g->look->look_at_qemu((pid_t)pid, &g->qemu, err);
	if (r > 0)
		check_region(g);
	facts->qemu = r > 0 ? &g->qemu : NULL;
	return r < 0 ? r : 0;
}

static int gather(struct gathered *g, const struct wb_keep_config *config,
	struct wb_keep_facts *facts, struct wb_error *err)
{
	int r;

	gather_modules(g, facts);
	r = wb_proc_read(machine_of(g), 1, &g->init, err);
	if (r == 0)
		r = gather_processes(g, err);
	if (r == 0)
		r = gather_container(g, facts, err);
	if (r == 0)
		r = gather_inside(g, err);
	if (r == 0 && gather_groups(g, facts) < 0)
		r = wb_oom(err);
	if (r == 0)
		r = gather_ipc(g, facts, err);
	if (r == 0)
		r = gather_sockets(g, facts, err);
	if (r == 0)
		r = gather_files(g, config, facts, err);
	if (r == 0)
		r = gather_qemu(g, facts, err);
	if (r == 0 && wb_activation_find(g->look->units, &g->service, &g->activation) < 0)
		r = wb_oom(err);
	if (r < 0)
		return r;
	facts->activation = &g->activation;
	facts->untrusted = &g->untrusted;
	facts->definition = &g->definition;
	facts->shared = &g->shared;
	facts->foreign_leader = leader_lives(g->look->files, &g->procs, g->service.main_pid);
	return 0;
}

int wb_survey(const struct wb_keep_look *look, const char *unit,
	const struct wb_keep_config *config,
	int (*use)(void *arg, const struct wb_keep_facts *facts, struct wb_error *err), void *arg,
	struct wb_error *err)
{
	struct gathered g = {
		.look = look, .ops = look->namespaces ? look->namespaces : &wb_ns_ops_host};
	struct wb_keep_facts facts = {.unit = unit,
		.systemd = &g.service,
		.procs = &g.procs,
		.sockets = &g.sockets,
		.init = &g.init,
		.criu = look->criu};
	int r = look->units->read(look->units->ctx, unit, &g.service, err);

	if (r == 0 && g.service.cgroup && *g.service.cgroup) {
		g.whose = (struct wb_ns_whose){.unit = unit,
			.cgroup = g.service.cgroup,
			.private_users = wb_service_has_private_users(&g.service)};
		r = gather(&g, config, &facts, err);
	}
	if (r == 0)
		r = use(arg, &facts, err);
	gathered_deinit(&g);
	return r;
}

/* A sparse file can claim any size (truncate(2)), and one unit must not take the store's room from others. */
static int check_size(uint64_t bytes, struct wb_error *err)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (bytes <= memory)
		return 0;
	return wb_fail(err, -EFBIG,
		"its files that would have to travel have %llu MiB, and the machine %llu MiB of "
		"memory",
		(unsigned long long)bytes >> 20, (unsigned long long)memory >> 20);
}

int wb_keep_open_root(const char *unit, const struct wb_keep_verdict *verdict, struct wb_error *err)
{
	const struct wb_ns_whose whose = {
		unit, verdict->cgroup, verdict->image.own_users, verdict->image.main_pid};
	int fd, r = wb_ns_open_root(&wb_ns_ops_host, &whose, &fd, err);

	return r < 0 ? r : fd;
}

int wb_keep_measure(
	int root, const struct wb_keep_verdict *verdict, uint64_t *ret_bytes, struct wb_error *err)
{
	uint64_t bytes = 0;
	int r = wb_take_measure(root, &verdict->files, &bytes, err);

	if (r == 0)
		r = check_size(bytes, err);
	if (r == 0)
		*ret_bytes = bytes;
	return r;
}
