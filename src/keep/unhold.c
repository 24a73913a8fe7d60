// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keep/unhold.h"

#define PAUSE_MS 100

static bool is_listened_on(const struct wb_sockets *sockets, int64_t port)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct wb_socket *s = &sockets->items[i];

		if (s->kind == WB_SOCKET_TCP && s->listening && s->local_port == port)
			return true;
	}
	return false;
}

bool wb_unhold_listens(const struct wb_manifest_unit *u, const struct wb_sockets *sockets)
{
	for (size_t i = 0; i < u->ports.n; i++) {
		const struct wb_manifest_port *p = &u->ports.items[i];

		if (!strcmp(p->protocol, "tcp") && !is_listened_on(sockets, p->port))
			return false;
	}
	return true;
}

/* It runs, starts, or is still to be started: what failed to thaw waits for its turn. */
static bool is_coming(const struct wb_runner *runner, const char *unit)
{
	const char *const argv[] = {"systemctl", "show", "--property=ActiveState,Job", unit, NULL};
	WB_CLEAN_BLOB text = {};
	const char *job;

	/* A manager that is too busy to say has not given up. */
	if (wb_run(runner, argv, (struct wb_bytes){}, &text, NULL) < 0 ||
		wb_blob_append(&text, "", 1) < 0)
		return true;
	job = strstr((char *)text.data, "Job=");
	return (job && atoi(job + 4) > 0) ||
	       !(strstr((char *)text.data, "ActiveState=inactive") ||
		       strstr((char *)text.data, "ActiveState=failed"));
}

static bool all_listen(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, const struct wb_result *result)
{
	WB_CLEAN_SOCKETS sockets = {};

	/* Process 1 is in the machine's own network namespace. */
	if (wb_sockets_read(files, 1, &sockets, NULL) < 0)
		return true;
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		if (!wb_has_come_back(wb_result_unit(result, u->unit)) &&
			!wb_unhold_listens(u, &sockets) && is_coming(runner, u->unit))
			return false;
	}
	return true;
}

void wb_unhold_wait(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_manifest *m, const struct wb_result *result, unsigned seconds)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000 * 1000};

	for (unsigned tries = seconds * 1000 / PAUSE_MS; tries > 0; tries--) {
		if (all_listen(files, runner, m, result))
			return;
		nanosleep(&pause, NULL);
	}
}
