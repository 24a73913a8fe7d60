// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "keep/hold.h"
#include "keep/revive.h"
#include "keep/unhold.h"

#define PAUSE_MS 100
/* A program is run for each look at a unit, in a boot that has enough to do. */
#define STATE_MS 2000
#define LISTEN_MS 45000
#define LONGEST_MS (WB_HOLD_SECONDS * 1000)

enum state {
	COMING, /* it starts, or is still to be started: what failed to thaw waits for its turn */
	UP,
	GONE, /* nothing will start it, but perhaps the replay */
};

struct waiting {
	const struct wb_manifest_unit *unit;
	enum state state;
	unsigned up_ms; /* since it was first seen to run */
	bool lost;      /* it was frozen */
	bool done;      /* out of the hold, and: */
	bool now;       /* only just */
};

struct unhold {
	const struct wb_unhold *host;
	struct waiting *list;
	size_t n;
	unsigned ms;
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
	for (size_t i = 0; i < u->ports.n; i++)
		if (!strcmp(u->ports.items[i].protocol, "tcp"))
			return true;
	return false;
}

bool wb_unhold_listens(const struct wb_manifest_unit *u, const struct wb_sockets *sockets)
{
	for (size_t i = 0; i < u->ports.n; i++) {
		const struct wb_manifest_port *p = &u->ports.items[i];

		if (!strcmp(p->protocol, "tcp") && !is_listened_on(sockets, p->port))
			return false;
	}
	return has_tcp(u);
}

static enum state ask(const struct wb_runner *runner, const char *unit)
{
	const char *const argv[] = {"systemctl", "show", "--property=ActiveState,Job", unit, NULL};
	WB_CLEAN_BLOB text = {};
	const char *said, *job;

	/* A manager that is too busy to say has not given up. */
	if (wb_run(runner, argv, (struct wb_bytes){}, &text, NULL) < 0 ||
		wb_blob_append(&text, "", 1) < 0)
		return COMING;
	said = (const char *)text.data;
	job = strstr(said, "Job=");
	if ((job && atoi(job + 4) > 0) || strstr(said, "ActiveState=activating"))
		return COMING;
	return strstr(said, "ActiveState=inactive") || strstr(said, "ActiveState=failed") ? GONE
											  : UP;
}

/* The hold is for those that wait still, or it is over. What nft refuses ends by the kernel's clock. */
static void hold_rest(const struct unhold *u)
{
	struct wb_manifest_unit *units = calloc(u->n + 1, sizeof(*units));
	struct wb_manifest rest = {.units = {units, 0}};
	unsigned seconds = (LONGEST_MS - u->ms) / 1000 + 1;
	bool any = false;

	for (size_t i = 0; units && i < u->n; i++) {
		if (u->list[i].done)
			continue;
		units[rest.units.n] = *u->list[i].unit;
		units[rest.units.n++].how = (char *)"restart";
		any |= u->list[i].unit->ports.n > 0;
	}
	if (any)
		wb_hold_apply(u->host->runner, &rest, seconds, NULL);
	else
		wb_hold_end(u->host->runner, WB_HOLD_RESTART, NULL);
	free(units);
}

static bool is_over(const struct waiting *w, const struct wb_sockets *sockets)
{
	if (w->state == UP && w->up_ms >= LISTEN_MS)
		return true;
	/* Who takes datagrams is not listed as listening. */
	return has_tcp(w->unit) ? wb_unhold_listens(w->unit, sockets) : w->state == UP;
}

/* sockets NULL: it is over for all. */
static void release(struct unhold *u, const struct wb_sockets *sockets)
{
	bool any = false;

	for (size_t i = 0; i < u->n; i++) {
		struct waiting *w = &u->list[i];

		w->now = !w->done && (!sockets || is_over(w, sockets));
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
	for (size_t i = 0; i < u->n; i++)
		if (!u->list[i].done)
			u->list[i].state = ask(u->host->runner, u->list[i].unit->unit);
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

static void wait_for_all(struct unhold *u)
{
	for (u->ms = 0; u->ms < LONGEST_MS; u->ms += PAUSE_MS) {
		WB_CLEAN_SOCKETS sockets = {};

		if (u->ms % STATE_MS == 0)
			look(u);
		/* Process 1 is in the machine's own network namespace. */
		if (wb_sockets_read(u->host->files, 1, &sockets, NULL) < 0)
			break;
		release(u, &sockets);
		if (!is_awaited(u))
			return;
		for (size_t i = 0; i < u->n; i++)
			if (u->list[i].state == UP)
				u->list[i].up_ms += PAUSE_MS;
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
	struct unhold u = {host, calloc(m->units.n + 1, sizeof(*u.list)), 0, 0};
	bool over = true;

	for (size_t i = 0; u.list && i < m->units.n; i++) {
		const struct wb_manifest_unit *unit = &m->units.items[i];

		if (!wb_has_come_back(wb_result_unit(result, unit->unit)) &&
			(unit->ports.n || wb_manifest_is_process(unit)) &&
			is_left(left, unit->unit))
			u.list[u.n++] = (struct waiting){
				.unit = unit, .lost = wb_manifest_is_process(unit)};
	}
	wait_for_all(&u);
	if (host->replay && is_any_left(&u) &&
		ask(host->runner, "warmboot-replay.service") == COMING && note_left(&u, left) == 0)
		over = false;
	else
		release(&u, NULL);
	free(u.list);
	return over;
}
