// SPDX-License-Identifier: LGPL-2.1-or-later
/* The facts about a network namespace of a unit's own, and about sockets in two namespaces. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "survey/looking.h"

int wb_looking_open_network(const struct wb_ns_ops *ops, const struct wb_ns_whose *whose,
	const struct wb_procs *procs, const struct wb_strv *untrusted, struct wb_ns_set *set)
{
	/* One that may not be entered is a reason already. */
	if (untrusted->n || !wb_procs_find(procs, whose->pid) ||
		wb_ns_open(ops, whose, set, NULL) < 0)
		return -1;
	return set->own[WB_NS_NET] ? set->fds[WB_NS_NET] : -1;
}

struct asking {
	const struct wb_keep_look *look;
	const struct wb_procs *procs;
	struct wb_sockets *sockets;
	int peers_error;
};

static int ask_inside(void *arg)
{
	struct asking *a = arg;

	a->peers_error = a->look->add_peers ? a->look->add_peers(a->sockets) : 0;
	if (a->peers_error == -ENOMEM)
		return -ENOMEM;
	return a->look->add_kinds ? a->look->add_kinds(a->procs, a->sockets) : 0;
}

int wb_looking_sockets(const struct wb_keep_look *look, int net_ns, const struct wb_procs *procs,
	const struct wb_proc *init, struct wb_sockets *sockets, int *ret_error)
{
	struct asking a = {look, procs, sockets, 0};
	int outer = 0, r;

	wb_sockets_mark(procs, init, sockets);
	if (net_ns >= 0 && look->add_peers) {
		sockets->outer = true;
		outer = look->add_peers(sockets);
		sockets->outer = false;
	}
	r = net_ns >= 0 && look->inside ? look->inside(net_ns, ask_inside, &a) : ask_inside(&a);
	if (r == -ENOMEM || outer == -ENOMEM)
		return -ENOMEM;
	*ret_error = r < 0 ? r : outer < 0 ? outer : a.peers_error;
	return 0;
}

static int find_others(const struct wb_files *files, const struct wb_procs *procs, const char *own,
	struct wb_strv *ret)
{
	WB_CLEAN_STRV pids = {};
	int r = 0;

	if (files->list(files->ctx, "/proc", &pids, NULL) < 0)
		return wb_strv_add(ret, "it is not known who else is in its network namespace");
	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		long long pid = atoll(pids.items[i]);
		WB_CLEAN_STR link = NULL;

		if (pid <= 0 || wb_procs_find(procs, pid))
			continue;
		r = wb_proc_network(files, pid, &link);
		if (r == 0 && link && !strcmp(link, own))
			r = wb_strv_addf(ret,
				"process %lld, which is not of it, is in its network namespace",
				pid);
	}
	return r;
}

int wb_looking_network(const struct wb_keep_look *look, const struct wb_files *machine, int net_ns,
	const struct wb_procs *procs, int64_t main_pid, struct wb_strv *ret)
{
	const struct wb_proc *main = wb_procs_find(procs, main_pid);
	int r = main && main->ns[WB_NS_NET] ? find_others(machine, procs, main->ns[WB_NS_NET], ret)
					    : 0;

	if (r == 0 && look->compare_network)
		r = look->compare_network(net_ns, ret);
	if (r == 0 || r == -ENOMEM)
		return r;
	return wb_strv_addf(ret, "its network namespace cannot be looked at: %s", strerror(-r));
}
