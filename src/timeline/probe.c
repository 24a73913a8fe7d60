// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parsing a probe, and judging the answer of a service. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/probe.h"

static int bad(const char *text, struct wb_error *err)
{
	return wb_fail(err, -EINVAL,
		"\"%s\" is no probe: tcp:PORT, tcp:HOST:PORT, http://HOST[:PORT]/PATH or "
		"exec:COMMAND",
		text);
}

/* Take a port: the whole text is a number from 1 to 65535. */
static bool take_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !v || v > 65535)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* Take a place: "HOST:PORT", "[ADDRESS]:PORT", "HOST", or ":PORT"; without a port `*ret` stays. */
static bool take_place(const char *text, size_t n, struct wb_probe *p)
{
	char copy[sizeof(p->host)], *host = copy, *colon;

	if (n >= sizeof(copy))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (*copy == '[') {
		char *close = strchr(copy, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		colon = close[1] ? close + 1 : NULL;
		*close = '\0';
		host++;
	} else {
		colon = strrchr(copy, ':');
	}
	if (colon) {
		*colon = '\0';
		if (!take_port(colon + 1, &p->port))
			return false;
	}
	snprintf(p->host, sizeof(p->host), "%s", host);
	return true;
}

static int parse_http(const char *text, struct wb_probe *p, struct wb_error *err)
{
	/* "http:URL" has a URL with or without its scheme. */
	const char *place = text + strlen("http:");
	const char *slash;

	if (!strncmp(place, "http://", 7))
		place += 7;
	else if (!strncmp(place, "//", 2))
		place += 2;
	slash = strchrnul(place, '/');
	/* "http://" names no host; "http:/path" means this machine. */
	if (slash == place && place != text + strlen("http:"))
		return bad(text, err);
	p->kind = WB_PROBE_HTTP;
	p->port = 80;
	/* A port without a host is on this machine. */
	if (!(slash > place && strspn(place, "0123456789") == (size_t)(slash - place)
			    ? take_place("", 0, p)
			    : take_place(place, (size_t)(slash - place), p)))
		return bad(text, err);
	if (slash > place && strspn(place, "0123456789") == (size_t)(slash - place)) {
		char port[8];

		snprintf(port, sizeof(port), "%.*s", (int)(slash - place), place);
		if (!take_port(port, &p->port))
			return bad(text, err);
	}
	if (strlen(slash) >= sizeof(p->path) || strpbrk(slash, " \r\n\t"))
		return bad(text, err);
	snprintf(p->path, sizeof(p->path), "%s", *slash ? slash : "/");
	return 0;
}

int wb_probe_parse(const char *text, struct wb_probe *ret, struct wb_error *err)
{
	struct wb_probe p = {};
	int r = 0;

	if (!strncmp(text, "tcp:", 4)) {
		p.kind = WB_PROBE_TCP;
		if (!take_port(text + 4, &p.port) &&
			(!take_place(text + 4, strlen(text + 4), &p) || !p.port))
			return bad(text, err);
	} else if (!strncmp(text, "http:", 5)) {
		r = parse_http(text, &p, err);
	} else if (!strncmp(text, "exec:", 5) && text[5]) {
		p.kind = WB_PROBE_EXEC;
		p.command = text + 5;
	} else {
		return bad(text, err);
	}
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

/* Judge a status line such as "HTTP/1.1 200 OK": the service answers if the status is below 400. */
static int judge_http(const char *answer)
{
	unsigned int status;

	if (sscanf(answer, "HTTP/%*u.%*u %3u", &status) != 1)
		return -EPROTO;
	return status >= 100 && status < 400 ? 0 : -EAGAIN;
}

int wb_probe_ask(const struct wb_probe_io *io, const struct wb_probe *p, int deadline_ms)
{
	char request[1024], answer[256] = "";
	int r;

	if (p->kind == WB_PROBE_EXEC)
		return io->run(io->ctx, p->command, deadline_ms);
	if (p->kind == WB_PROBE_TCP)
		return io->tcp(io->ctx, p->host, p->port, NULL, NULL, 0, deadline_ms);
	snprintf(request, sizeof(request),
		"GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: warmboot\r\nConnection: close\r\n\r\n",
		p->path, *p->host ? p->host : "localhost");
	r = io->tcp(io->ctx, p->host, p->port, request, answer, sizeof(answer), deadline_ms);
	return r < 0 ? r : judge_http(answer);
}
