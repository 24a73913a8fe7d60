// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/settle.h"

/*
 * Nobody is kept waiting by this, as all go on: long enough for one packet that was lost and is sent
 * again twice, and a reboot is no more than this late where a peer has vanished.
 */
#define CLOSED_MS 2000
/*
 * New connections meet silence already. A client sends its first packet again after a second: with this
 * and the freeze it is as a rule no later than it would have been. Who has a long queue, and takes one
 * after the other from it, gets more.
 */
#define ACCEPTS_MS 300
#define ALL_ACCEPTS_MS 2000
#define PAUSE_MS 10
#define LARGEST (256u << 20)
/* include/net/tcp_states.h */
#define STATE_SYN_RECV 3
#define STATE_FIN_WAIT1 4
#define STATE_LAST_ACK 9
#define STATE_LISTEN 10
#define STATE_CLOSING 11

struct line {
	char name[128]; /* both ends */
	unsigned port, state, sending, waiting;
	long long inode; /* 0: no process has it */
};

typedef int line_fn(void *arg, const struct line *l);

static bool is_kept(const struct wb_manifest *m, unsigned port)
{
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		for (size_t k = 0; wb_manifest_is_process(u) && k < u->ports.n; k++)
			if (u->ports.items[k].port == port &&
				!strcmp(u->ports.items[k].protocol, "tcp"))
				return true;
	}
	return false;
}

/* proc_pid_net_tcp(5): " 0: 0100007F:2BCB 00000000:0000 0A tx:rx tr:tm retr uid timeout inode …" */
static bool parse(const char *text, struct line *ret)
{
	char local[41], remote[41];

	*ret = (struct line){};
	if (sscanf(text, " %*d: %40s %40s %x %x:%x %*s %*s %*s %*s %lld", local, remote,
		    &ret->state, &ret->sending, &ret->waiting, &ret->inode) != 6 ||
		sscanf(local, "%*[^:]:%x", &ret->port) != 1)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s %s", local, remote);
	return true;
}

/* Each line of a kept port. A table that is not there has none. */
static int each(const struct wb_settle *s, const struct wb_manifest *m, line_fn *fn, void *arg)
{
	static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	int r = 0;

	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_BLOB b = {};
		struct line l;
		char *rest;

		if (s->files->read(s->files->ctx, tables[i], LARGEST, &b, NULL) < 0)
			continue;
		rest = (char *)b.data;
		while (r == 0 && rest && *rest)
			if (parse(strsep(&rest, "\n"), &l) && is_kept(m, l.port))
				r = fn(arg, &l);
	}
	return r;
}

/* The end itself counts as a byte, and a peer that never hears of it waits for ever. */
static bool is_closed(const struct line *l)
{
	return !l->inode && l->sending &&
	       (l->state == STATE_FIN_WAIT1 || l->state == STATE_CLOSING ||
		       l->state == STATE_LAST_ACK);
}

static int add_closed(void *arg, const struct line *l)
{
	return is_closed(l) ? wb_strv_add(arg, l->name) : 0;
}

/* Only what is in both. -ENOMEM. */
static int keep_common(struct wb_strv *all, const struct wb_strv *now)
{
	WB_CLEAN_STRV common = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++)
		if (wb_strv_has(now, all->items[i]))
			r = wb_strv_add(&common, all->items[i]);
	wb_strv_deinit(all);
	*all = common;
	common = (struct wb_strv){};
	return r;
}

static bool is_over(const struct wb_settle *s, uint64_t since, unsigned ms)
{
	return s->mono_ns(s->ctx) - since >= ms * 1000000ull;
}

size_t wb_settle_closed(struct wb_settle *s, const struct wb_manifest *m)
{
	uint64_t since = s->mono_ns(s->ctx);
	int r;

	wb_strv_deinit(&s->given_up);
	r = each(s, m, add_closed, &s->given_up);
	while (r == 0 && s->given_up.n && !is_over(s, since, CLOSED_MS)) {
		WB_CLEAN_STRV now = {};

		s->pause(s->ctx, PAUSE_MS);
		r = each(s, m, add_closed, &now);
		if (r == 0)
			r = keep_common(&s->given_up, &now);
	}
	return s->given_up.n;
}

/* What the second wait waits for. */
struct pending {
	const struct wb_strv *given_up;
	size_t accepts, others;
};

static int count(void *arg, const struct line *l)
{
	struct pending *p = arg;

	if (l->state == STATE_LISTEN)
		p->accepts += l->waiting;
	else if (l->state == STATE_SYN_RECV || (is_closed(l) && !wb_strv_has(p->given_up, l->name)))
		p->others++;
	return 0;
}

size_t wb_settle_accepts(struct wb_settle *s, const struct wb_manifest *m)
{
	uint64_t began = s->mono_ns(s->ctx), since = began;
	size_t fewest = SIZE_MAX;

	for (;;) {
		struct pending p = {.given_up = &s->given_up};

		each(s, m, count, &p);
		if (p.accepts + p.others < fewest) {
			fewest = p.accepts + p.others;
			since = s->mono_ns(s->ctx);
		}
		if (!fewest || is_over(s, since, ACCEPTS_MS) || is_over(s, began, ALL_ACCEPTS_MS))
			return p.accepts;
		s->pause(s->ctx, PAUSE_MS);
	}
}

void wb_settle_deinit(struct wb_settle *s)
{
	wb_strv_deinit(&s->given_up);
}
