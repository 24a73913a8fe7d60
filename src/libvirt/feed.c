// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An image for libvirt, through a FIFO. libvirt opens it once to read its header, and again to give it to QEMU, and both
 * times from its beginning. So each time that somebody opens the FIFO, another one takes its place before a byte is
 * written: nothing that the first reader has left can reach the second one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "libvirt/run.h"
#include "sys/below.h"

#define WIDE (1 << 20)
#define PAUSE_MS 5

struct feeding {
	const char *path;
	const struct wb_domain_source *source;
	/* Is there nobody any more who wants the image? */
	bool (*over)(void *ctx);
	void *ctx;
};

/* 1: written; 0: the reader has gone, or it is over. */
static int write_piece(const struct feeding *f, int fd, struct wb_bytes piece, struct wb_error *err)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	while (piece.size) {
		ssize_t n = write(fd, piece.data, piece.size);

		if (n > 0) {
			piece.data += n;
			piece.size -= (size_t)n;
			continue;
		}
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return wb_fail(err, -errno, "cannot write to libvirt: %s", strerror(errno));
		if (poll(&p, 1, PAUSE_MS) == 0 && f->over(f->ctx))
			return 0;
	}
	return 1;
}

/* Wait until the reader has taken what is on its way. As write_piece(). */
static int drain(const struct feeding *f, int fd)
{
	struct pollfd gone = {.fd = fd};
	int left;

	while (ioctl(fd, FIONREAD, &left) == 0 && left)
		if (poll(&gone, 1, PAUSE_MS) > 0 || f->over(f->ctx))
			return 0;
	return 1;
}

static int write_all(const struct feeding *f, int fd, struct wb_error *err)
{
	struct wb_bytes piece;
	int r = 1;

	f->source->rewind(f->source->ctx);
	while (r == 1 && f->source->next(f->source->ctx, &piece))
		r = write_piece(f, fd, piece, err);
	return r == 1 ? drain(f, fd) : r;
}

/* Serve whoever has opened it. As write_all(); 0 also while nobody has. */
static int serve(const struct feeding *f, struct wb_error *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	WB_CLEAN_FD fd = open(f->path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0 && errno != ENXIO)
		return wb_fail(err, -errno, "cannot open %s: %s", f->path, strerror(errno));
	if (fd < 0) {
		nanosleep(&pause, NULL);
		return 0;
	}
	r = wb_fifo_renew(f->path, err);
	wb_fifo_size(fd, WIDE);
	return r == 0 ? write_all(f, fd, err) : r;
}

int wb_domain_feed(const char *path, const struct wb_domain_source *source, bool (*over)(void *ctx),
	void *ctx, struct wb_error *err)
{
	const struct feeding f = {path, source, over, ctx};
	const struct timespec now = {};
	sigset_t pipe, old;
	int r = 0;

	/* A reader that goes away must not end this process. */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	while (r == 0 && !over(ctx))
		r = serve(&f, err);
	while (!sigismember(&old, SIGPIPE) && sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
		;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* ---- for a domain of this boot ---- */

struct bringing {
	const struct wb_runner *runner;
	const char *path;
	atomic_bool over;
	int r;
	struct wb_error why;
};

static void *run(void *arg)
{
	struct bringing *b = arg;

	b->r = wb_domain_restore(b->runner, b->path, &b->why);
	atomic_store(&b->over, true);
	return NULL;
}

static bool is_over(void *ctx)
{
	return atomic_load(&((struct bringing *)ctx)->over);
}

int wb_domain_bring_back(const struct wb_runner *runner, const char *path,
	const struct wb_domain_source *source, struct wb_error *err)
{
	struct bringing b = {.runner = runner, .path = path};
	pthread_t thread;
	int r = wb_domain_make_fifo(path, err), fed;

	if (r < 0)
		return r;
	r = -pthread_create(&thread, NULL, run, &b);
	if (r < 0)
		return wb_fail(err, r, "cannot start a thread: %s", strerror(-r));
	fed = wb_domain_feed(path, source, is_over, &b, err);
	/* Without an image there is nothing to wait for. */
	wb_domain_remove_fifo(path);
	pthread_join(thread, NULL);
	if (fed < 0)
		return fed;
	return b.r < 0 ? wb_fail(err, b.r, "%s", b.why.text) : 0;
}
