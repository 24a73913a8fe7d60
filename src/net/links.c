// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding the links of the last boot among those of this one, and the renames between them. */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/links.h"

const struct wb_net_link *wb_net_link(const struct wb_net *net, const char *name)
{
	for (size_t i = 0; name && i < net->links.n; i++)
		if (!strcmp(net->links.items[i].name, name))
			return &net->links.items[i];
	return NULL;
}

bool wb_net_is_ours(const struct wb_net *net, const struct wb_net_link *l)
{
	if (!l || !l->mac || l->kind || l->slave)
		return false;
	for (size_t i = 0; i < net->links.n; i++) {
		const struct wb_net_link *other = &net->links.items[i];

		if (other != l && other->mac && !other->kind && !strcasecmp(other->mac, l->mac))
			return false;
	}
	return true;
}

ssize_t wb_net_find(const struct wb_net *net, const struct wb_net_link *l,
	const struct wb_net_found *found, size_t n)
{
	ssize_t k = -ENODEV;

	for (size_t i = 0; wb_net_is_ours(net, l) && i < n; i++) {
		if (!found[i].mac || strcasecmp(l->mac, found[i].mac))
			continue;
		if (k != -ENODEV || found[i].slave)
			return -ENOTUNIQ;
		k = (ssize_t)i;
	}
	return k;
}

bool wb_net_is_taken(const struct wb_net_found *found, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(found[i].name, name))
			return true;
	return false;
}

/* ---- links that take names from each other ---- */

struct rename {
	char now[IFNAMSIZ];
	const char *wanted; /* NULL: it already has its name */
	bool aside;
};

/* The link that has the name that `r` wants, or NULL. */
static const struct rename *holder(const struct rename *all, size_t n, const struct rename *r)
{
	for (size_t i = 0; r->wanted && i < n; i++)
		if (!strcmp(all[i].now, r->wanted))
			return &all[i];
	return NULL;
}

/* Give up names that their holder keeps, and then names of links that wait for those. */
static void give_up(struct rename *all, size_t n)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < n; i++) {
			const struct rename *other = holder(all, n, &all[i]);

			if (other && !other->wanted) {
				all[i].wanted = NULL;
				changed = true;
			}
		}
	}
}

static bool any_waits(const struct rename *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (holder(all, n, &all[i]))
			return true;
	return false;
}

static void print_rename(FILE *out, struct rename *r, const char *name)
{
	fprintf(out, "link set dev %s name %s\n", r->now, name);
	snprintf(r->now, sizeof(r->now), "%s", name);
}

/*
 * Print the renames: a link that takes a free name frees its own. If all wait in a circle, one
 * steps aside first.
 */
static void print_trades(FILE *out, struct rename *all, size_t n)
{
	while (any_waits(all, n)) {
		struct rename *waiting = NULL;
		bool moved = false;

		for (size_t i = 0; i < n; i++) {
			if (!all[i].wanted)
				continue;
			if (holder(all, n, &all[i])) {
				if (!waiting && !all[i].aside)
					waiting = &all[i];
				continue;
			}
			print_rename(out, &all[i], all[i].wanted);
			all[i].wanted = NULL;
			moved = true;
		}
		/* Nothing to do unless a wanted name is in use. */
		if (!moved && !waiting)
			return;
		if (!moved) {
			char aside[IFNAMSIZ];

			snprintf(aside, sizeof(aside), WB_NET_ASIDE "%zu", (size_t)(waiting - all));
			print_rename(out, waiting, aside);
			waiting->aside = true;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (all[i].wanted)
			print_rename(out, &all[i], all[i].wanted);
}

int wb_net_trades(const struct wb_net *net, const struct wb_net_found *found, size_t n, char **ret)
{
	struct rename *all = calloc(n + 1, sizeof(*all));
	WB_CLEAN_STR text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!all || !out) {
		free(all);
		if (out)
			fclose(out);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		snprintf(all[i].now, sizeof(all[i].now), "%s", found[i].name);
	for (size_t i = 0; i < net->links.n; i++) {
		const struct wb_net_link *l = &net->links.items[i];
		ssize_t k = wb_net_find(net, l, found, n);

		/* Give a name to one link only, even if a damaged list has it twice. */
		if (k >= 0 && strcmp(l->name, found[k].name) && l == wb_net_link(net, l->name))
			all[k].wanted = l->name;
	}
	give_up(all, n);
	if (any_waits(all, n))
		print_trades(out, all, n);
	free(all);
	if (fclose(out))
		return -ENOMEM;
	*ret = text;
	text = NULL;
	return 0;
}
