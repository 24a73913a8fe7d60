// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The save of a domain in two steps. libvirt opens the path twice. The first time it writes all of the image; the
 * second time it writes the header again, and only then ends the domain. By the second time another FIFO lies there,
 * the gate, whose buffer is full: libvirt waits in write(2). If the gate is emptied, the domain ends. If it is closed,
 * also by the end of this process, the write fails, and libvirt lets the domain go on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libvirt/image.h"
#include "libvirt/run.h"
#include "sys/below.h"

#define WIDE (1 << 20)
#define PAGE 4096
/* A domain with a large memory writes at every moment. */
#define STILL_MS 60000
/* So soon after the end of the image virsh has failed, if it has. */
#define FAILS_MS 300

struct wb_domain_saving {
	const struct wb_runner *runner;
	char *uuid, *path;
	pthread_t thread;
	bool running;
	int over; /* an eventfd: virsh has ended, with */
	int r;
	struct wb_error why;
	int image, gate;                  /* descriptors */
	size_t full;                      /* bytes that fill the gate */
	uint8_t header[WB_DOMAIN_HEADER]; /* as libvirt will write it in the end */
};

static void *run(void *arg)
{
	struct wb_domain_saving *s = arg;
	const char *const words[] = {"save", s->uuid, s->path, NULL};
	const uint64_t one = 1;

	s->r = wb_virsh(s->runner, words, 0, NULL, &s->why);
	(void)!write(s->over, &one, sizeof(one));
	return NULL;
}

static void close_and_wait(struct wb_domain_saving *s)
{
	wb_closep(&s->image);
	wb_closep(&s->gate);
	s->image = s->gate = -1;
	if (s->running)
		pthread_join(s->thread, NULL);
	s->running = false;
}

static void saving_free(struct wb_domain_saving *s)
{
	close_and_wait(s);
	wb_closep(&s->over);
	if (s->path)
		unlink(s->path);
	free(s->path);
	free(s->uuid);
	free(s);
}

/* ---- the image ---- */

static int begin(struct wb_domain_saving *s, struct wb_error *err)
{
	int r = wb_domain_make_fifo(s->path, err);

	if (r < 0)
		return r;
	s->over = eventfd(0, EFD_CLOEXEC);
	s->image = open(s->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (s->over < 0 || s->image < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", s->path, strerror(errno));
	/* Less than any image has: libvirt cannot have closed it before the gate is there. */
	wb_fifo_size(s->image, PAGE);
	r = -pthread_create(&s->thread, NULL, run, s);
	s->running = r == 0;
	return r < 0 ? wb_fail(err, r, "cannot start a thread: %s", strerror(-r)) : 0;
}

/* 1: the descriptor has something; 0: virsh has ended, and it has nothing. */
static int wait_for(const struct wb_domain_saving *s, int fd, int ms, struct wb_error *err)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->over, .events = POLLIN}};
	int n;

	do
		n = poll(p, 2, ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return wb_fail(err, -errno, "cannot wait for libvirt: %s", strerror(errno));
	if (!n)
		return wb_fail(err, -ETIMEDOUT, "libvirt's save stands still for %d s", ms / 1000);
	return p[0].revents ? 1 : 0;
}

/* Read once. 0: the end. */
static ssize_t read_some(
	const struct wb_domain_saving *s, uint8_t *to, size_t n, struct wb_error *err)
{
	ssize_t got;
	int r;

	for (;;) {
		r = wait_for(s, s->image, STILL_MS, err);
		if (r <= 0)
			return r;
		got = read(s->image, to, n);
		if (got >= 0)
			return got;
		if (errno != EAGAIN && errno != EINTR)
			return wb_fail(
				err, -errno, "cannot read from libvirt: %s", strerror(errno));
	}
}

/* The FIFO for libvirt's last word, which does not fit into it before it is emptied. */
static int make_gate(struct wb_domain_saving *s, struct wb_error *err)
{
	static const uint8_t page[PAGE];
	ssize_t n;
	int r = wb_fifo_renew(s->path, err);

	if (r < 0)
		return r;
	s->gate = open(s->path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (s->gate < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", s->path, strerror(errno));
	wb_fifo_size(s->gate, PAGE);
	while ((n = write(s->gate, page, PAGE)) > 0)
		s->full += (size_t)n;
	return n < 0 && errno != EAGAIN
		       ? wb_fail(err, -errno, "cannot fill %s: %s", s->path, strerror(errno))
		       : 0;
}

static int put(const struct wb_room *room, const uint8_t *from, size_t n, struct wb_error *err)
{
	uint8_t *to;
	size_t space;
	int r = room->space(room->ctx, &to, &space, err);

	if (r < 0)
		return r;
	if (space < n)
		return wb_fail(err, -ENOSPC, "there is no room for its image");
	memcpy(to, from, n);
	room->commit(room->ctx, n);
	return 0;
}

/* The header comes first. It goes into the room as that of a whole image. */
static int read_header(struct wb_domain_saving *s, const struct wb_room *room, uint32_t *ret_data,
	struct wb_error *err)
{
	size_t have = 0;
	int r;

	while (have < WB_DOMAIN_HEADER) {
		ssize_t n = read_some(s, s->header + have, WB_DOMAIN_HEADER - have, err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ENODATA;
		have += (size_t)n;
	}
	r = make_gate(s, err);
	wb_fifo_size(s->image, WIDE);
	if (r == 0)
		r = wb_domain_header_finish(s->header, ret_data, err);
	return r == 0 ? put(room, s->header, WB_DOMAIN_HEADER, err) : r;
}

static int read_rest(struct wb_domain_saving *s, const struct wb_room *room, uint64_t *ret_bytes,
	struct wb_error *err)
{
	uint64_t bytes = 0;
	uint8_t *to;
	size_t space;
	ssize_t n;

	do {
		int r = room->space(room->ctx, &to, &space, err);

		if (r < 0)
			return r;
		n = read_some(s, to, space, err);
		if (n < 0)
			return (int)n;
		room->commit(room->ctx, (size_t)n);
		bytes += (uint64_t)n;
	} while (n);
	*ret_bytes = bytes;
	return 0;
}

static int failed(struct wb_domain_saving *s, struct wb_error *err)
{
	close_and_wait(s);
	return s->r < 0 ? wb_fail(err, s->r, "%s", s->why.text)
			: wb_fail(err, -EIO, "libvirt has saved nothing");
}

static int read_image(struct wb_domain_saving *s, const struct wb_room *room, uint64_t *ret_bytes,
	struct wb_error *err)
{
	struct pollfd over = {.fd = s->over, .events = POLLIN};
	uint64_t rest = 0;
	uint32_t data = 0;
	int r = read_header(s, room, &data, err);

	if (r == -ENODATA)
		return failed(s, err);
	if (r == 0)
		r = read_rest(s, room, &rest, err);
	if (r < 0)
		return r;
	/* An image that ends early makes virsh fail. With a whole one libvirt waits at the gate. */
	if (rest <= data || poll(&over, 1, FAILS_MS) > 0)
		return failed(s, err);
	*ret_bytes = WB_DOMAIN_HEADER + rest;
	return 0;
}

int wb_domain_save(const struct wb_runner *runner, const char *uuid, const char *path,
	const struct wb_room *room, struct wb_domain_saving **ret, uint64_t *ret_bytes,
	struct wb_error *err)
{
	struct wb_domain_saving *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return wb_oom(err);
	s->runner = runner;
	s->image = s->gate = s->over = -1;
	s->uuid = strdup(uuid);
	s->path = strdup(path);
	r = s->uuid && s->path ? begin(s, err) : wb_oom(err);
	if (r == 0)
		r = read_image(s, room, ret_bytes, err);
	if (r < 0) {
		saving_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* ---- the end ---- */

/* 1: the whole header has come; 0: virsh has ended without it. */
static int read_gate(struct wb_domain_saving *s, uint8_t *ret, struct wb_error *err)
{
	uint8_t junk[PAGE];
	size_t have = 0;

	while (have < WB_DOMAIN_HEADER) {
		bool filler = s->full;
		size_t most = s->full < PAGE ? s->full : PAGE;
		int r = filler ? 1 : wait_for(s, s->gate, STILL_MS, err);
		ssize_t n;

		if (r <= 0)
			return r;
		n = filler ? read(s->gate, junk, most)
			   : read(s->gate, ret + have, WB_DOMAIN_HEADER - have);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return wb_fail(
				err, -errno, "cannot read from libvirt: %s", strerror(errno));
		if (n > 0 && filler)
			s->full -= (size_t)n;
		else if (n > 0)
			have += (size_t)n;
	}
	return 1;
}

int wb_domain_save_commit(struct wb_domain_saving *s, struct wb_error *err)
{
	uint8_t last[WB_DOMAIN_HEADER];
	int r = read_gate(s, last, err);

	if (r == 1 && memcmp(last, s->header, sizeof(last)))
		r = wb_fail(
			err, -EBADMSG, "libvirt has ended the image in a way that is not known");
	else if (r == 1) {
		pthread_join(s->thread, NULL);
		s->running = false;
		r = s->r < 0 ? wb_fail(err, s->r, "%s", s->why.text) : 0;
	} else if (r == 0)
		r = failed(s, err);
	saving_free(s);
	return r;
}

void wb_domain_save_cancel(struct wb_domain_saving *s)
{
	if (s)
		saving_free(s);
}
