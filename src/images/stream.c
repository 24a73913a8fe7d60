// SPDX-License-Identifier: LGPL-2.1-or-later
/* CRIU's --stream protocol: receiving the images of a dump, and serving those of a restore. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/strv.h"
#include "images/protobuf.h"
#include "images/stream.h"

/* CRIU's names are short, like "pages-1.img". */
#define LONGEST_NAME 255
#define LONGEST_MESSAGE 4096
/*
 * CRIU has about twenty images open at a time, and four for each task. No process may have more
 * files open than this.
 */
#define MOST_IMAGES (1 << 20)
/* The most that an unprivileged process may ask for (fs/pipe.c, pipe_max_size). */
#define PIPE_SIZE (1 << 20)
/* Timeout for the rest of a message that has begun, from a program on the same machine. */
#define MESSAGE_SECONDS 30

struct image {
	int fd; /* this process's end of the pipe */
	void *image;
	struct wb_bytes
		piece; /* serving: the rest of the current piece, which is not written yet */
};

struct stream {
	int sock; /* -1: CRIU has closed it */
	const struct wb_stream_sink *sink;
	const struct wb_stream_source *source;
	struct image *images;
	struct pollfd *polls; /* two more than images: socket and stop */
	size_t n, room;
	struct wb_stream_stats stats;
};

int wb_stream_parse_request(struct wb_bytes message, char **ret)
{
	struct wb_pb_field f;
	char *name;

	if (wb_pb_find(message, 1, WB_PB_BYTES, &f) < 0)
		return -EBADMSG;
	if (!f.bytes.size || f.bytes.size > LONGEST_NAME ||
		memchr(f.bytes.data, '\0', f.bytes.size) || memchr(f.bytes.data, '/', f.bytes.size))
		return -EBADMSG;
	name = strndup((const char *)f.bytes.data, f.bytes.size);
	if (!name)
		return -ENOMEM;
	if (!strcmp(name, ".") || !strcmp(name, "..")) {
		free(name);
		return -EBADMSG;
	}
	*ret = name;
	return 0;
}

static int broken(struct wb_error *err, const char *what)
{
	return wb_fail(err, -EPROTO, "CRIU's image stream is not as expected: %s", what);
}

/* Receive exactly n bytes. 0: the peer closed before the first of them. */
static int receive(int sock, void *buf, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = recv(sock, (char *)buf + have, n - have, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return have ? -EPROTO : 0;
		have += (size_t)got;
	}
	return 1;
}

/* Receive the name of a request. 0: the stream has ended, and *ret is untouched. */
static int receive_request(int sock, char **ret, struct wb_error *err)
{
	uint8_t head[4], message[LONGEST_MESSAGE];
	uint32_t n = 0;
	int r = receive(sock, head, sizeof(head));

	if (r == 0 || r == -ECONNRESET)
		return 0;
	if (r > 0) {
		wb_get_le32((struct wb_bytes){head, sizeof(head)}, 0, &n);
		if (!n || n > sizeof(message))
			return broken(err, "a request of impossible length");
		r = receive(sock, message, n);
	}
	if (r <= 0)
		return broken(err, "a request that breaks off");
	r = wb_stream_parse_request((struct wb_bytes){message, n}, ret);
	if (r == -ENOMEM)
		return wb_fail(err, r, "out of memory");
	if (r < 0)
		return broken(err, "a request without a file's name");
	return 1;
}

static int receive_pipe(int sock, int *ret, struct wb_error *err)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c;
	ssize_t got;

	do {
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	c = got == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		c->cmsg_len != CMSG_LEN(sizeof(int)) || (msg.msg_flags & MSG_CTRUNC))
		return broken(err, "no pipe comes with an image");
	memcpy(ret, CMSG_DATA(c), sizeof(*ret));
	/* A larger pipe means fewer wake-ups. The default size works, too. */
	(void)fcntl(*ret, F_SETPIPE_SZ, PIPE_SIZE);
	(void)fcntl(*ret, F_SETFL, O_NONBLOCK);
	return 0;
}

static int send_reply(int sock, bool exists, struct wb_error *err)
{
	const uint8_t reply[] = {2, 0, 0, 0, 1 << 3 | WB_PB_VARINT, exists};

	if (send(sock, reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
		return broken(err, "it takes no answer");
	return 0;
}

static int make_room(struct stream *s, struct wb_error *err)
{
	size_t room = s->room ? s->room * 2 : 32;
	void *p;

	if (s->n < s->room)
		return 0;
	if (s->n >= MOST_IMAGES)
		return broken(err, "too many images at a time");
	p = reallocarray(s->images, room, sizeof(*s->images));
	if (p) {
		s->images = p;
		p = reallocarray(s->polls, room + 2, sizeof(*s->polls));
	}
	if (!p)
		return wb_oom(err);
	s->polls = p;
	s->room = room;
	return 0;
}

static int open_image(struct stream *s, const char *name, void **ret, struct wb_error *err)
{
	int r;

	if (s->sink)
		return s->sink->begin(s->sink->ctx, name, ret, err);
	r = s->source->open(s->source->ctx, name, ret, err);
	if (r < 0 && r != -ENOENT)
		return r;
	return send_reply(s->sock, r == 0, err) < 0 ? -EPROTO : r;
}

static void drop_image(struct stream *s, void *image)
{
	if (s->sink)
		s->sink->abort(s->sink->ctx, image);
	else
		s->source->close(s->source->ctx, image);
}

/* Take one request from the socket. 0 also if CRIU has closed it. */
static int take_request(struct stream *s, struct wb_error *err)
{
	WB_CLEAN_STR name = NULL;
	void *image = NULL;
	int fd = -1, r;

	r = receive_request(s->sock, &name, err);
	if (r == 0)
		s->sock = -1;
	if (r <= 0)
		return r;
	r = make_room(s, err);
	if (r == 0)
		r = open_image(s, name, &image, err);
	if (r == -ENOENT && s->source)
		return 0;
	if (r < 0)
		return r;
	r = receive_pipe(s->sock, &fd, err);
	if (r < 0) {
		drop_image(s, image);
		return r;
	}
	s->images[s->n++] = (struct image){.fd = fd, .image = image};
	s->stats.images++;
	return 0;
}

/* Move the contents of the pipe into the image. 1: more may come; 0: the image is whole. */
static int drain(struct stream *s, struct image *i, struct wb_error *err)
{
	const struct wb_stream_sink *sink = s->sink;

	/* Take one piece per wait, so that every image gets its turn. */
	uint8_t *room;
	size_t n;
	ssize_t got;
	int r = sink->space(sink->ctx, i->image, &room, &n, err);

	if (r < 0)
		return r;
	do {
		got = read(i->fd, room, n < PIPE_SIZE ? n : PIPE_SIZE);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return 1;
	if (got < 0)
		return wb_fail(err, -errno, "cannot read an image from CRIU: %s", strerror(errno));
	if (got == 0)
		return 0;
	sink->commit(sink->ctx, i->image, (size_t)got);
	s->stats.bytes += (uint64_t)got;
	return 1;
}

/*
 * Write as much of the image as the pipe takes. 1: there is more; 0: it is written, or CRIU has
 * closed the pipe.
 */
static int fill(struct stream *s, struct image *i, struct wb_error *err)
{
	const struct wb_stream_source *source = s->source;

	for (;;) {
		ssize_t put;

		while (!i->piece.size)
			if (!source->next(source->ctx, i->image, &i->piece))
				return 0;
		put = write(i->fd, i->piece.data, i->piece.size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return 1;
		if (put < 0 && errno == EPIPE)
			return 0;
		if (put < 0)
			return wb_fail(
				err, -errno, "cannot hand an image to CRIU: %s", strerror(errno));
		i->piece.data += put;
		i->piece.size -= (size_t)put;
		s->stats.bytes += (uint64_t)put;
	}
}

static int finish_image(struct stream *s, size_t at, struct wb_error *err)
{
	struct image i = s->images[at];

	s->images[at] = s->images[--s->n];
	close(i.fd);
	if (s->sink)
		return s->sink->end(s->sink->ctx, i.image, err);
	s->source->close(s->source->ctx, i.image);
	return 0;
}

static int wait_for_any(struct stream *s, int stop, int timeout_ms, struct wb_error *err)
{
	int r;

	s->polls[0] = (struct pollfd){.fd = s->sock, .events = POLLIN};
	s->polls[1] = (struct pollfd){.fd = stop, .events = POLLIN};
	for (size_t i = 0; i < s->n; i++)
		s->polls[2 + i] = (struct pollfd){
			.fd = s->images[i].fd, .events = s->sink ? POLLIN : POLLOUT};
	do {
		r = poll(s->polls, s->n + 2, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return wb_fail(err, -errno, "cannot wait for CRIU: %s", strerror(errno));
	if (r == 0)
		return wb_fail(err, -ETIMEDOUT,
			"CRIU neither moved an image nor ended for %d seconds", timeout_ms / 1000);
	return 0;
}

/* Each image needs a pipe, and a service or a login may have about a thousand files open. */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur == l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static int run(struct stream *s, int stop, int timeout_ms, struct wb_error *err)
{
	struct timeval tv = {.tv_sec = MESSAGE_SECONDS};
	int r = make_room(s, err);

	raise_limit();
	(void)setsockopt(s->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	while (r == 0 && (s->sock >= 0 || s->n)) {
		size_t n = s->n;
		bool asked, stopped;

		r = wait_for_any(s, stop, timeout_ms, err);
		if (r < 0)
			break;
		asked = s->polls[0].revents;
		stopped = s->polls[1].revents;
		/* Go backwards, because the last image takes the place of a finished one. */
		for (size_t i = n; r >= 0 && i-- > 0;) {
			if (!s->polls[2 + i].revents)
				continue;
			r = s->sink ? drain(s, &s->images[i], err) : fill(s, &s->images[i], err);
			if (r == 0)
				r = finish_image(s, i, err);
		}
		if (r < 0)
			break;
		r = asked ? take_request(s, err) : 0;
		/* After the stop signal, go on until nothing that was sent before it is left. */
		if (r == 0 && stopped && !asked && !s->n)
			break;
	}
	while (s->n) {
		close(s->images[--s->n].fd);
		drop_image(s, s->images[s->n].image);
	}
	free(s->images);
	free(s->polls);
	return r < 0 ? r : 0;
}

int wb_stream_capture(int sock, int stop, int timeout_ms, const struct wb_stream_sink *sink,
	struct wb_stream_stats *ret, struct wb_error *err)
{
	struct stream s = {.sock = sock, .sink = sink};
	int r = run(&s, stop, timeout_ms, err);

	if (r == 0)
		*ret = s.stats;
	return r;
}

int wb_stream_serve(int sock, int stop, int timeout_ms, const struct wb_stream_source *source,
	struct wb_stream_stats *ret, struct wb_error *err)
{
	struct stream s = {.sock = sock, .source = source};
	sigset_t pipe, old, pending;
	int r;

	/* CRIU closes a pipe as soon as it has read enough. SIGPIPE must not end this process. */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	r = run(&s, stop, timeout_ms, err);
	sigemptyset(&pending);
	if (!sigismember(&old, SIGPIPE) && sigpending(&pending) == 0 &&
		sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &(struct timespec){});
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		*ret = s.stats;
	return r;
}

/*
 * The largest image that is read as a whole is a pagemap, with about ten bytes for each run of
 * pages.
 */
#define LARGEST_IMAGE (256u << 20)

int wb_stream_read(const struct wb_stream_source *source, const char *name, struct wb_blob *ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	struct wb_bytes piece;
	void *image;
	int r = source->open(source->ctx, name, &image, err);

	if (r < 0)
		return r;
	while (r == 0 && source->next(source->ctx, image, &piece))
		r = b.size + piece.size > LARGEST_IMAGE
			    ? -EFBIG
			    : wb_blob_append(&b, piece.data, piece.size);
	source->close(source->ctx, image);
	if (r < 0)
		return wb_fail(err, r, "cannot hold the image %s: %s", name, strerror(-r));
	*ret = wb_blob_take(&b);
	return 0;
}
