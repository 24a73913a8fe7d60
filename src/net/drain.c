// SPDX-License-Identifier: LGPL-2.1-or-later
/* The drain: wait until closed connections are confirmed and waiting ones are accepted. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/drain.h"
#include "net/tcp-line.h"

/*
 * All services run on during this wait. It is long enough for a packet that is lost and sent again
 * twice. A peer that has vanished delays the reboot by no more than this.
 */
#define CLOSED_MS 2000
/*
 * New connections already get no answer. A client sends its first packet again after one second, so
 * with this wait and the freeze a connection is usually no later than that. A service that accepts
 * a long queue one by one gets more time.
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
	char name[128]; /* local and remote address */
	unsigned port, state, sending, waiting;
	long long inode; /* 0: no process has it */
};

typedef int line_fn(void *arg, const struct line *l);

static bool is_of(const struct wb_ends_list *units, unsigned port)
{
	for (size_t i = 0; i < units->n; i++) {
		const struct wb_net_ends *u = units->items[i];

		for (size_t k = 0; k < u->ports.n; k++)
			if (u->ports.items[k].port == port &&
				!strcmp(u->ports.items[k].protocol, "tcp"))
				return true;
	}
	return false;
}

/*
 * A line as in proc_pid_net_tcp(5): " 0: 0100007F:2BCB 00000000:0000 0A tx:rx tr:tm retr uid
 * timeout inode …"
 */
static bool parse(const char *text, struct line *ret)
{
	struct wb_tcp_line l;

	*ret = (struct line){};
	if (!wb_tcp_line_parse((struct wb_span){text, strlen(text)}, &l) ||
		l.local.n + l.remote.n + 16 > sizeof(ret->name))
		return false;
	ret->port = l.local_port;
	ret->state = l.state;
	ret->sending = l.sending;
	ret->waiting = l.waiting;
	ret->inode = l.inode;
	snprintf(ret->name, sizeof(ret->name), "%.*s:%x %.*s:%x", (int)l.local.n, l.local.s,
		l.local_port, (int)l.remote.n, l.remote.s, l.remote_port);
	return true;
}

/* Call fn for each line about a port of these units. A table that does not exist has no lines. */
static int each(const struct wb_drain *s, const struct wb_ends_list *units, line_fn *fn, void *arg)
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
			if (parse(strsep(&rest, "\n"), &l) && is_of(units, l.port))
				r = fn(arg, &l);
	}
	return r;
}

/*
 * Is it closed by the service and not yet confirmed? The FIN counts as a byte, too: a peer that
 * does not get it waits for ever.
 */
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

/* Remove from `all` what is not in `now`. -ENOMEM. */
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

static bool is_over(const struct wb_drain *s, uint64_t since, unsigned ms)
{
	return s->mono_ns(s->ctx) - since >= ms * 1000000ull;
}

size_t wb_drain_closed(struct wb_drain *s, const struct wb_ends_list *units)
{
	uint64_t began = s->mono_ns(s->ctx), since = began - s->spent_ns;
	int r;

	wb_strv_deinit(&s->given_up);
	r = each(s, units, add_closed, &s->given_up);
	while (r == 0 && s->given_up.n && !is_over(s, since, CLOSED_MS)) {
		WB_CLEAN_STRV now = {};

		s->pause(s->ctx, PAUSE_MS);
		r = each(s, units, add_closed, &now);
		if (r == 0)
			r = keep_common(&s->given_up, &now);
	}
	s->spent_ns += s->mono_ns(s->ctx) - began;
	return s->given_up.n;
}

/* The state that the second wait looks at. */
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

size_t wb_drain_accepts(struct wb_drain *s, const struct wb_ends_list *units)
{
	uint64_t began = s->mono_ns(s->ctx), since = began;
	size_t fewest = SIZE_MAX;

	for (;;) {
		struct pending p = {.given_up = &s->given_up};

		each(s, units, count, &p);
		if (p.accepts + p.others < fewest) {
			fewest = p.accepts + p.others;
			since = s->mono_ns(s->ctx);
		}
		if (!fewest || is_over(s, since, ACCEPTS_MS) || is_over(s, began, ALL_ACCEPTS_MS))
			return p.accepts;
		s->pause(s->ctx, PAUSE_MS);
	}
}

void wb_drain_deinit(struct wb_drain *s)
{
	wb_strv_deinit(&s->given_up);
}
