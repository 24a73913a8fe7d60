// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of the packet hold for units that are started in the ordinary way. */
#include <stdlib.h>
#include <string.h>

#include "restore/revive.h"
#include "restore/unhold.h"
#include "net/hold.h"
#include "systemd/systemctl.h"

#define PAUSE_MS 100
/* Pause between two looks at the states of units: each look runs a program, in a busy boot. */
#define STATE_MS 2000
#define LISTEN_MS 45000

enum state {
	COMING, /* it starts, or waits to be started, as after a failed restore */
	UP,
	GONE, /* nothing will start it, except perhaps the replay */
};

struct waiting {
	const struct wb_manifest_unit *unit;
	enum state state;
	uint64_t up_ms; /* when it was first seen to run */
	bool lost;      /* it was checkpointed, and did not come back */
	bool done;      /* its packets are not held any more, */
	bool now;       /* and that began in this round */
};

struct unhold {
	const struct wb_unhold *host;
	struct waiting *list;
	size_t n;
	uint64_t ms, end_ms; /* the time now, and when the packet hold ends */
};

static bool is_listened_on(const struct wb_sockets *sockets, int64_t port)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct wb_socket *s = &sockets->items[i];

		if (s->kind == WB_SOCKET_TCP && s->listening && s->local_port == port)
			return true;
	}
	return false;
}

static bool has_tcp(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->ends.ports.n; i++)
		if (!strcmp(u->ends.ports.items[i].protocol, "tcp"))
			return true;
	return false;
}

bool wb_unhold_listens(const struct wb_manifest_unit *u, const struct wb_sockets *sockets)
{
	for (size_t i = 0; i < u->ends.ports.n; i++) {
		const struct wb_net_port *p = &u->ends.ports.items[i];

		if (!strcmp(p->protocol, "tcp") && !is_listened_on(sockets, p->port))
			return false;
	}
	return has_tcp(u);
}

static enum state ask(const struct wb_runner *runner, const char *unit)
{
	struct wb_unit_moment now;

	/* systemd may be too busy to answer; that says nothing about the unit. */
	if (wb_unit_moment_read(runner, unit, 0, &now) < 0 || now.job ||
		!strcmp(now.active, "activating"))
		return COMING;
	return !strcmp(now.active, "inactive") || !strcmp(now.active, "failed") ? GONE : UP;
}

/*
 * Hold packets only for units that still wait, or end the hold. Errors are ignored: the kernel ends the hold by
 * its own clock.
 */
static void hold_rest(const struct unhold *u)
{
	const struct wb_hold_left left = {
		.restart = u->end_ms > u->ms ? (unsigned)((u->end_ms - u->ms) / 1000) : 0};
	WB_CLEAN_HELD rest = {};
	bool any = false;

	for (size_t i = 0; i < u->n; i++) {
		const struct waiting *w = &u->list[i];

		/* Units that were checkpointed are among them, because nothing will restore them now. */
		if (!w->done && wb_ends_list_add(&rest.restart, &w->unit->ends) == 0)
			any |= w->unit->ends.ports.n > 0;
	}
	if (any)
		wb_hold_apply(u->host->runner, &rest, left, NULL);
	else
		wb_hold_end(u->host->runner, WB_HOLD_RESTART, NULL);
}

static bool is_over(const struct waiting *w, const struct wb_sockets *sockets, uint64_t now_ms)
{
	if (w->state == UP && now_ms - w->up_ms >= LISTEN_MS)
		return true;
	/* Sockets for datagrams are not listed as listening, so a running unit counts. */
	return has_tcp(w->unit) ? wb_unhold_listens(w->unit, sockets) : w->state == UP;
}

/* `sockets` NULL: release all. */
static void release(struct unhold *u, const struct wb_sockets *sockets)
{
	bool any = false;

	for (size_t i = 0; i < u->n; i++) {
		struct waiting *w = &u->list[i];

		w->now = !w->done && (!sockets || is_over(w, sockets, u->ms));
		w->done |= w->now;
		any |= w->now;
	}
	if (any)
		hold_rest(u);
	for (size_t i = 0; i < u->n; i++)
		if (u->list[i].now && u->list[i].lost)
			u->host->released(u->host->ctx, u->list[i].unit);
}

static void look(struct unhold *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct waiting *w = &u->list[i];
		bool was_up = w->state == UP;

		if (w->done)
			continue;
		w->state = ask(u->host->runner, w->unit->unit);
		if (w->state == UP && !was_up)
			w->up_ms = u->ms;
	}
}

static bool is_awaited(const struct unhold *u)
{
	for (size_t i = 0; i < u->n; i++)
		if (!u->list[i].done && u->list[i].state != GONE)
			return true;
	return false;
}

static bool is_any_left(const struct unhold *u)
{
	for (size_t i = 0; i < u->n; i++)
		if (!u->list[i].done)
			return true;
	return false;
}

static uint64_t now_ms(const struct unhold *u)
{
	return u->host->mono_ns(u->host->ctx) / 1000000;
}

/* The clock decides, because a look may take as long as the pauses between looks. */
static void wait_for_all(struct unhold *u)
{
	uint64_t look_ms = u->ms;

	for (; u->ms < u->end_ms; u->ms = now_ms(u)) {
		WB_CLEAN_SOCKETS sockets = {};

		if (u->ms >= look_ms) {
			look_ms = u->ms + STATE_MS;
			look(u);
		}
		/* Process 1 is in the machine's own network namespace. */
		if (wb_sockets_read(u->host->files, 1, &sockets, NULL) < 0)
			break;
		release(u, &sockets);
		if (!is_awaited(u))
			return;
		u->host->pause(u->host->ctx, PAUSE_MS);
	}
	release(u, NULL);
}

static bool is_left(const struct wb_strv *left, const char *unit)
{
	return !left->n || wb_strv_has(left, unit);
}

static int note_left(const struct unhold *u, struct wb_strv *left)
{
	int r = 0;

	wb_strv_deinit(left);
	for (size_t i = 0; r == 0 && i < u->n; i++)
		if (!u->list[i].done)
			r = wb_strv_add(left, u->list[i].unit->unit);
	return r;
}

bool wb_unhold_run(const struct wb_unhold *host, const struct wb_manifest *m,
	const struct wb_result *result, struct wb_strv *left)
{
	struct unhold u = {.host = host, .list = calloc(m->units.n + 1, sizeof(*u.list))};
	bool over = true;

	for (size_t i = 0; u.list && i < m->units.n; i++) {
		const struct wb_manifest_unit *unit = &m->units.items[i];

		if (!wb_has_come_back(wb_result_unit(result, unit->unit)) &&
			(unit->ends.ports.n || wb_unit_is_checkpointed(unit)) &&
			is_left(left, unit->unit))
			u.list[u.n++] = (struct waiting){
				.unit = unit, .lost = wb_unit_is_checkpointed(unit)};
	}
	u.ms = now_ms(&u);
	u.end_ms = u.ms + host->left_s * UINT64_C(1000);
	wait_for_all(&u);
	if (host->replay && is_any_left(&u) &&
		ask(host->runner, "warmboot-replay.service") == COMING && note_left(&u, left) == 0)
		over = false;
	else
		release(&u, NULL);
	free(u.list);
	return over;
}
