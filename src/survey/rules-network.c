// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rules about a network namespace of its own (PrivateNetwork=), which systemd makes anew in the next boot. */
#include <inttypes.h>
#include <linux/capability.h>

#include "survey/judging.h"

bool wb_judging_lives_apart(const struct wb_judging *j)
{
	const struct wb_proc *p = wb_judging_main(j);

	if (!p && j->f->procs->n)
		p = &j->f->procs->items[0];
	return p && !wb_judging_same_ns(p, j->f->init, WB_NS_NET);
}

/* The new one will be as systemd makes it, so nobody may have been able to make another of the old one. */
static void judge_who_may(struct wb_judging *j)
{
	for (size_t i = 0; i < j->f->procs->n; i++) {
		const struct wb_proc *p = &j->f->procs->items[i];

		if (!p->zombie && (p->rights.held | p->rights.bounding) >> CAP_NET_ADMIN & 1)
			wb_refuse(j,
				"its process %" PRId64
				" (%s) may change the network of PrivateNetwork= (CAP_NET_ADMIN), "
				"and the next boot would not know how",
				p->pid, p->name);
	}
}

/* A connection to it would break, and a server would be there twice. */
static void judge_strangers(struct wb_judging *j)
{
	for (size_t i = 0; i < j->f->sockets->n; i++) {
		const struct wb_socket *s = &j->f->sockets->items[i];
		bool counts = s->kind == WB_SOCKET_TCP || s->kind == WB_SOCKET_UDP ||
			      s->kind == WB_SOCKET_RAW || s->kind == WB_SOCKET_PACKET;

		if (counts && !s->own && !s->outer)
			wb_refuse(j, "a program outside of it has a socket of its network "
				     "namespace open");
	}
}

void wb_rules_network(struct wb_judging *j)
{
	const struct wb_service *s = j->f->systemd;

	if (!wb_judging_lives_apart(j))
		return;
	if (!s->private_network) {
		wb_distrust(j, "it has a network namespace that PrivateNetwork= has not made");
		return;
	}
	for (size_t i = 0; i < s->joins.n; i++)
		wb_refuse(
			j, "it shares its network with %s (JoinsNamespaceOf=)", s->joins.items[i]);
	judge_who_may(j);
	judge_strangers(j);
	if (!j->f->network)
		wb_refuse(j, "its network namespace cannot be looked at");
	for (size_t i = 0; j->f->network && i < j->f->network->n; i++)
		wb_refuse(j, "%s", j->f->network->items[i]);
	j->v.image.own_network = true;
}
