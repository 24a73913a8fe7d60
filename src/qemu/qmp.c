// SPDX-License-Identifier: LGPL-2.1-or-later
/* A client of QMP. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/text.h"
#include "qemu/qmp.h"
#include "sys/below.h"
#include "sys/clock.h"

/* The longest line that is read; the answers that are asked for have some kilobytes. */
#define LONGEST (4u << 20)
/* So many events and late answers are skipped before an answer. */
#define MOST_SKIPPED 4096

struct wb_qmp {
	const char *who;  /* is spoken to */
	const char *what; /* its socket is called */
	int fd, timeout_ms;
	int64_t serial;
	struct wb_blob in; /* what was read and not taken */
};

void wb_qmp_close(struct wb_qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	wb_blob_deinit(&q->in);
	free(q);
}

void wb_qmp_closep(struct wb_qmp **q)
{
	wb_qmp_close(*q);
}

/* ---- bytes ---- */

static int too_late(const struct wb_qmp *q, struct wb_error *err)
{
	return wb_fail(
		err, -ETIMEDOUT, "%s does not answer within %d s", q->who, q->timeout_ms / 1000);
}

static int wait_for(const struct wb_qmp *q, short events, int64_t end_ms, struct wb_error *err)
{
	struct pollfd p = {.fd = q->fd, .events = events};
	int64_t left = end_ms - wb_now_ms();
	int r;

	if (left <= 0)
		return too_late(q, err);
	r = poll(&p, 1, (int)left);
	if (r < 0 && errno != EINTR)
		return wb_fail(err, -errno, "cannot wait for %s: %s", q->who, strerror(errno));
	return 0;
}

static int send_all(struct wb_qmp *q, const char *text, size_t n, int with, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + q->timeout_ms;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};

	while (n) {
		struct iovec part = {(void *)text, n};
		struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t sent;

		if (with >= 0) {
			struct cmsghdr *c;

			m.msg_control = control.bytes;
			m.msg_controllen = sizeof(control.bytes);
			c = CMSG_FIRSTHDR(&m);
			*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS};
			memcpy(CMSG_DATA(c), &with, sizeof(with));
		}
		sent = sendmsg(q->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			int r = wait_for(q, POLLOUT, end_ms, err);

			if (r < 0)
				return r;
			continue;
		}
		if (sent < 0)
			return wb_fail(
				err, -errno, "cannot send to %s: %s", q->who, strerror(errno));
		text += sent;
		n -= (size_t)sent;
		with = -1;
	}
	return 0;
}

static int read_more(struct wb_qmp *q, int64_t end_ms, struct wb_error *err)
{
	char bytes[4096];
	ssize_t n = recv(q->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return wait_for(q, POLLIN, end_ms, err);
	if (n < 0)
		return wb_fail(err, -errno, "cannot read from %s: %s", q->who, strerror(errno));
	if (!n)
		return wb_fail(err, -EPIPE, "QEMU has closed its %s socket", q->what);
	if (q->in.size + (size_t)n > LONGEST)
		return wb_fail(err, -EPROTO, "%s says more than %u MiB in one line", q->who,
			LONGEST >> 20);
	return wb_blob_append(&q->in, bytes, (size_t)n) < 0 ? wb_oom(err) : 0;
}

/* QEMU has numbers of 64 bits without a sign, which jansson reads as real ones only ("lbr-fmt" of a CPU). */
static json_t *parse(const char *line, size_t n)
{
	json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);

	return o ? o : json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
}

/* The next object that QEMU says, new. */
static int read_object(struct wb_qmp *q, int64_t end_ms, json_t **ret, struct wb_error *err)
{
	for (;;) {
		uint8_t *end = q->in.size ? memchr(q->in.data, '\n', q->in.size) : NULL;
		size_t n;
		json_t *o;
		int r;

		/* It may say something else all the time. */
		if (wb_now_ms() > end_ms)
			return too_late(q, err);
		if (!end) {
			r = read_more(q, end_ms, err);
			if (r < 0)
				return r;
			continue;
		}
		n = (size_t)(end - q->in.data) + 1;
		o = parse((const char *)q->in.data, n);
		memmove(q->in.data, q->in.data + n, q->in.size - n);
		q->in.size -= n;
		if (json_is_object(o)) {
			*ret = o;
			return 0;
		}
		json_decref(o);
		return wb_fail(err, -EPROTO, "%s says something that is no QMP", q->who);
	}
}

/* ---- commands ---- */

static int take_answer(const char *command, json_t *o, json_t **ret, struct wb_error *err)
{
	json_t *error = json_object_get(o, "error"), *value = json_object_get(o, "return");
	const char *why = json_string_value(json_object_get(error, "desc"));
	WB_CLEAN_STR plain = NULL;

	if (!error && !value)
		return wb_fail(err, -EPROTO, "QEMU gives no answer to %s", command);
	if (error) {
		plain = strdup(why ? why : "no reason given");
		if (!plain)
			return wb_oom(err);
		wb_make_plain(plain);
		return wb_fail(err, -EREMOTEIO, "QEMU refuses %s: %.400s", command, plain);
	}
	if (ret)
		*ret = json_incref(value);
	return 0;
}

static int send_command(
	struct wb_qmp *q, const char *command, json_t *arguments, int fd, struct wb_error *err)
{
	json_t *o = json_pack("{s:s, s:I}", "execute", command, "id", (json_int_t)++q->serial);
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR line = NULL;

	if (o && arguments)
		json_object_set_new(o, "arguments", arguments);
	else
		json_decref(arguments);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (!text || asprintf(&line, "%s\n", text) < 0) {
		line = NULL;
		return wb_oom(err);
	}
	return send_all(q, line, strlen(line), fd, err);
}

int wb_qmp_call_with(struct wb_qmp *q, const char *command, json_t *arguments, int fd, json_t **ret,
	struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + q->timeout_ms;
	int r = send_command(q, command, arguments, fd, err);

	for (int i = 0; r == 0 && i < MOST_SKIPPED; i++) {
		json_t *o, *id;

		r = read_object(q, end_ms, &o, err);
		if (r < 0)
			return r;
		id = json_object_get(o, "id");
		if (json_is_number(id) && json_number_value(id) == (double)q->serial) {
			r = take_answer(command, o, ret, err);
			json_decref(o);
			return r;
		}
		json_decref(o);
	}
	return r < 0 ? r : wb_fail(err, -EPROTO, "QEMU does not answer to %s", command);
}

int wb_qmp_call(struct wb_qmp *q, const char *command, json_t *arguments, json_t **ret,
	struct wb_error *err)
{
	return wb_qmp_call_with(q, command, arguments, -1, ret, err);
}

int wb_qmp_get(struct wb_qmp *q, const char *path, const char *property, json_t **ret,
	struct wb_error *err)
{
	return wb_qmp_call(q, "qom-get",
		json_pack("{s:s, s:s}", "path", path, "property", property), ret, err);
}

/* ---- the connection ---- */

/*
 * The socket is opened by the machine's own path, whatever lies there, and who listens is checked on the socket itself.
 * A service whose sandbox has other files at that path is told so.
 */
static int connect_to(pid_t pid, const char *path, struct wb_qmp *q, struct wb_error *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	WB_CLEAN_FD node = -1;
	struct ucred peer;
	socklen_t n = sizeof(peer);

	node = open(path, O_PATH | O_CLOEXEC);
	if (node < 0)
		return wb_fail(err, -errno, "cannot open its %s socket %.100s: %s", q->what, path,
			strerror(errno));
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d", node);
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return wb_fail(err, -errno, "cannot make a socket: %s", strerror(errno));
	if (connect(q->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return errno == EAGAIN
			       ? wb_fail(err, -EBUSY, "its %s socket %.100s is in use", q->what,
					 path)
			       : wb_fail(err, -errno, "cannot connect to its %s socket %.100s: %s",
					 q->what, path, strerror(errno));
	if (getsockopt(q->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return wb_fail(err, -errno, "cannot tell who listens at %.100s", path);
	if (peer.pid != pid)
		return wb_fail(err, -EPERM,
			"process %d listens at its %s socket %.100s, and not QEMU itself",
			(int)peer.pid, q->what, path);
	return 0;
}

static int greet(struct wb_qmp *q, const char *path, struct wb_error *err)
{
	json_t *greeting = NULL;
	int r = read_object(q, wb_now_ms() + q->timeout_ms, &greeting, err);
	bool good = json_is_object(json_object_get(greeting, "QMP"));

	json_decref(greeting);
	/* QEMU takes one client at a time, and the others wait in the socket's queue. */
	if (r == -ETIMEDOUT)
		return wb_fail(err, -EBUSY,
			"its QMP socket %.100s does not answer: another program may be connected",
			path);
	if (r < 0)
		return r;
	if (!good)
		return wb_fail(err, -EPROTO, "what listens at %.100s speaks no QMP", path);
	return wb_qmp_call(q, "qmp_capabilities", NULL, NULL, err);
}

/* `as`: who is at the other end, and the timeout. */
static int open_as(const struct wb_qmp *as, pid_t pid, const char *path, struct wb_qmp **ret,
	struct wb_error *err)
{
	struct wb_qmp *q = malloc(sizeof(*q));
	int r;

	if (!q)
		return wb_oom(err);
	*q = *as;
	q->fd = -1;
	r = connect_to(pid, path, q, err);
	if (r < 0)
		wb_qmp_close(q);
	else
		*ret = q;
	return r;
}

int wb_qmp_open(
	pid_t pid, const char *path, int timeout_ms, struct wb_qmp **ret, struct wb_error *err)
{
	const struct wb_qmp qemu = {.who = "QEMU", .what = "QMP", .timeout_ms = timeout_ms};
	struct wb_qmp *q;
	int r = open_as(&qemu, pid, path, &q, err);

	if (r < 0)
		return r;
	r = greet(q, path, err);
	if (r < 0)
		wb_qmp_close(q);
	else
		*ret = q;
	return r;
}

/* ---- the guest's agent ---- */

int wb_qmp_open_agent(
	pid_t pid, const char *path, int timeout_ms, struct wb_qmp **ret, struct wb_error *err)
{
	const struct wb_qmp agent = {
		.who = "the guest's agent", .what = "agent's", .timeout_ms = timeout_ms};

	return open_as(&agent, pid, path, ret, err);
}

int wb_qmp_say(struct wb_qmp *q, const char *line, struct wb_error *err)
{
	return send_all(q, line, strlen(line), -1, err);
}

int wb_qmp_hear(struct wb_qmp *q, int64_t end_ms, json_t **ret, struct wb_error *err)
{
	return read_object(q, end_ms, ret, err);
}
