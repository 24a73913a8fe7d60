// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real implementation of struct wb_probe_io, with sockets and programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sys/spawn.h"
#include "timeline/probe.h"

static long now_ms(void)
{
	struct timespec t = {};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Wait until `fd` is ready for `events`; 0 when it is. */
static int wait_for(int fd, short events, long end)
{
	struct pollfd p = {.fd = fd, .events = events};
	long left = end - now_ms();
	int r = poll(&p, 1, left > 0 ? (int)left : 0);

	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

static int finish_connect(int fd, long end)
{
	int error = 0, r = wait_for(fd, POLLOUT, end);
	socklen_t n = sizeof(error);

	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return -errno;
	return -error;
}

static int talk(int fd, const char *request, char *answer, unsigned int size, long end)
{
	unsigned int have = 0;
	int r = 0;

	/* The request fits into any socket's buffer. */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return -EIO;
	while (r == 0 && have < size - 1 && !memchr(answer, '\n', have)) {
		ssize_t got;

		r = wait_for(fd, POLLIN, end);
		if (r < 0)
			break;
		got = recv(fd, answer + have, size - 1 - have, 0);
		if (got < 0)
			r = -errno;
		if (got <= 0)
			break;
		have += (unsigned int)got;
	}
	answer[have] = '\0';
	return r;
}

static int try_one(
	const struct addrinfo *to, const char *request, char *answer, unsigned int size, long end)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = connect(fd, to->ai_addr, to->ai_addrlen) < 0 ? -errno : 0;
	if (r == -EINPROGRESS)
		r = finish_connect(fd, end);
	if (r == 0 && request)
		r = talk(fd, request, answer, size, end);
	close(fd);
	return r;
}

static int host_tcp(void *ctx, const char *host, uint16_t port, const char *request, char *answer,
	unsigned int size, int deadline_ms)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	long end = now_ms() + deadline_ms;
	struct addrinfo *list = NULL;
	int r = -EHOSTUNREACH;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	/* Without a name, this is the loopback address, of both families. */
	if (getaddrinfo(*host ? host : NULL, service, &hints, &list))
		return -EHOSTUNREACH;
	for (const struct addrinfo *a = list; a && r < 0; a = a->ai_next)
		r = try_one(a, request, answer, size, end);
	freeaddrinfo(list);
	return r;
}

static int host_run(void *ctx, const char *command, int deadline_ms)
{
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = deadline_ms, .mount_ns = -1};
	int r = wb_spawn(&how, NULL, NULL);

	return r > 0 ? -EAGAIN : r;
}

const struct wb_probe_io wb_probe_io_host = {.tcp = host_tcp, .run = host_run};
