/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Probes: asking a service after a jump, again and again, until it answers. */
#pragma once

#include <stdint.h>

#include "core/error.h"

enum wb_probe_kind {
	WB_PROBE_TCP = 1, /* tcp:PORT or tcp:HOST:PORT accepts a connection */
	WB_PROBE_HTTP,    /* http:URL answers with a status below 400 */
	WB_PROBE_EXEC,    /* exec:COMMAND, by the shell, ends with 0 */
};

struct wb_probe {
	enum wb_probe_kind kind;
	char host[256]; /* "" this machine */
	uint16_t port;
	char path[512]; /* of a URL */
	const char *command;
};

/*
 * The means of asking; an ops table, so that tests answer instead. 0: the service answers, else a
 * negative errno.
 */
struct wb_probe_io {
	void *ctx;
	/*
	 * Connect; with a request, send it and read the beginning of the answer into `answer`,
	 * NUL-terminated.
	 */
	int (*tcp)(void *ctx, const char *host, uint16_t port, const char *request, char *answer,
		unsigned int size, int deadline_ms);
	/* Run a command by the shell, and kill it after this time. 0: it ended with 0. */
	int (*run)(void *ctx, const char *command, int deadline_ms);
};

extern const struct wb_probe_io wb_probe_io_host;

/* Parse a probe. The text must outlive the result. -EINVAL with a sentence. Pure. */
int wb_probe_parse(const char *text, struct wb_probe *ret, struct wb_error *err);
/* Ask once. 0: it answers. */
int wb_probe_ask(const struct wb_probe_io *io, const struct wb_probe *probe, int deadline_ms);
