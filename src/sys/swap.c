// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replacing a descriptor in a running process, by system calls of one of its threads. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sys/swap.h"
#include "sys/trace.h"

/* Number of attempts to find a thread at a point where it can be used. */
#define TRIES 20

/* ---- passing the file ---- */

static int send_file(int peer, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(peer, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The arguments of recvmsg(2), in the memory of the process. */
struct letter {
	struct msghdr msg;
	struct iovec iov;
	char byte, pad[15];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static long call(struct wb_hand *h, long number, uint64_t a, uint64_t b, uint64_t c)
{
	long result;
	int r = wb_hand_call(h, number, (const uint64_t[6]){a, b, c}, &result);

	return r < 0 ? r : result;
}

/* Map memory for the message, so that none of the process's own is overwritten. */
static int make_scratch(struct wb_hand *h, uint64_t *ret)
{
	const uint64_t args[6] = {0, sizeof(struct letter), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
	long at;
	int r = wb_hand_call(h, SYS_mmap, args, &at);

	if (r < 0 || (at < 0 && at > -4096))
		return r < 0 ? r : (int)at;
	*ret = (uint64_t)at;
	return 0;
}

static int receive_at(struct wb_hand *h, int from, uint64_t at, int *ret)
{
	struct letter letter = {};
	struct iovec local = {&letter, sizeof(letter)}, remote = {(void *)at, sizeof(letter)};
	long r;

	letter.msg.msg_iov = (void *)(at + offsetof(struct letter, iov));
	letter.msg.msg_iovlen = 1;
	letter.msg.msg_control = (void *)(at + offsetof(struct letter, control));
	letter.msg.msg_controllen = sizeof(letter.control);
	letter.iov = (struct iovec){(void *)(at + offsetof(struct letter, byte)), 1};
	if (process_vm_writev(h->tid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(letter))
		return -EFAULT;
	r = call(h, SYS_recvmsg, (uint64_t)from, at, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (r < 0)
		return (int)r;
	if (process_vm_readv(h->tid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(letter))
		return -EFAULT;
	if (letter.control.head.cmsg_level != SOL_SOCKET ||
		letter.control.head.cmsg_type != SCM_RIGHTS)
		return -EIO;
	memcpy(ret, CMSG_DATA(&letter.control.head), sizeof(*ret));
	return 0;
}

static int receive_file(struct wb_hand *h, int from, int *ret)
{
	uint64_t at;
	int r = make_scratch(h, &at);

	if (r < 0)
		return r;
	r = receive_at(h, from, at, ret);
	call(h, SYS_munmap, at, sizeof(struct letter), 0);
	return r;
}

/* ---- which descriptors ---- */

struct place {
	int fd;
	bool cloexec;
};

struct places {
	struct place *items;
	size_t n;
};

static void places_deinit(struct places *p)
{
	free(p->items);
}
#define CLEAN_PLACES __attribute__((cleanup(places_deinit))) struct places

static bool is_cloexec(pid_t pid, pid_t tid, int fd)
{
	char path[96], line[64];
	unsigned long flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fdinfo/%d", (int)pid, (int)tid, fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %lo", &flags) == 1)
			break;
	fclose(f);
	return flags & O_CLOEXEC;
}

/* Find the descriptors in the table of this thread, mostly that of its process. */
static int find_places(pid_t pid, pid_t tid, int64_t inode, struct places *ret)
{
	char path[64], want[64], link[64];
	int r = 0;
	DIR *d;

	snprintf(want, sizeof(want), "socket:[%lld]", (long long)inode);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", (int)pid, (int)tid);
	d = opendir(path);
	for (struct dirent *e; d && r == 0 && (e = readdir(d));) {
		ssize_t len = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		struct place *more;

		if (len <= 0)
			continue;
		link[len] = 0;
		if (strcmp(link, want))
			continue;
		more = realloc(ret->items, (ret->n + 1) * sizeof(*more));
		if (!more) {
			r = -ENOMEM;
			break;
		}
		ret->items = more;
		ret->items[ret->n].fd = atoi(e->d_name);
		ret->items[ret->n].cloexec = is_cloexec(pid, tid, ret->items[ret->n].fd);
		ret->n++;
	}
	if (d)
		closedir(d);
	return r;
}

static int replace(struct wb_hand *h, const struct places *places, int peer, int fd)
{
	int new_fd = -1, r = send_file(peer, fd);

	if (r == 0)
		r = receive_file(h, places->items[0].fd, &new_fd);
	for (size_t i = 0; r >= 0 && i < places->n; i++)
		r = (int)call(h, SYS_dup3, (uint64_t)new_fd, (uint64_t)places->items[i].fd,
			places->items[i].cloexec ? O_CLOEXEC : 0);
	if (new_fd >= 0)
		call(h, SYS_close, (uint64_t)new_fd, 0, 0);
	return r < 0 ? r : (int)places->n;
}

/* ---- the whole replacement, in a thread of this process ---- */

struct swap {
	pid_t pid;
	int64_t inode;
	int peer, fd;
	int result;
};

/* Replace in one thread of a stopped process. Returns the number of descriptors replaced. */
static int swap_in(const struct swap *s, struct wb_trace *t, pid_t tid)
{
	CLEAN_PLACES places = {};
	struct wb_hand h;
	int r = find_places(t->pid, tid, s->inode, &places), ended;

	if (r < 0 || !places.n)
		return r;
	r = wb_hand_begin(&h, t, tid);
	if (r == 0)
		r = replace(&h, &places, s->peer, s->fd);
	ended = wb_hand_end(&h);
	return ended < 0 ? ended : r;
}

/*
 * Stop the process, so that its descriptors do not change between the look at them and the last
 * call.
 */
static int swap_stopped(const struct swap *s)
{
	struct wb_trace t;
	int n = 0, r = wb_trace_stop(&t, s->pid);

	for (size_t i = 0; r >= 0 && i < t.n; i++) {
		r = swap_in(s, &t, t.tids[i]);
		n += r > 0 ? r : 0;
	}
	wb_trace_end(&t);
	return r < 0 ? r : n;
}

/* Does any thread seem to have the file? Most processes of a unit need not be stopped. */
static bool has_any(const struct swap *s)
{
	CLEAN_PLACES places = {};
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)s->pid);
	d = opendir(path);
	for (struct dirent *e; d && !places.n && (e = readdir(d));)
		if (atoi(e->d_name) > 0)
			find_places(s->pid, (pid_t)atoi(e->d_name), s->inode, &places);
	if (d)
		closedir(d);
	return places.n;
}

static void *work(void *arg)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	struct swap *s = arg;

	for (int i = 0; i < TRIES; i++) {
		s->result = swap_stopped(s);
		if (s->result != -EAGAIN)
			break;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int wb_swap_fds(int64_t pid, int64_t inode, int peer, int fd, struct wb_error *err)
{
	struct swap s = {.pid = (pid_t)pid, .inode = inode, .peer = peer, .fd = fd};
	pthread_t thread;
	int r;

	if (!has_any(&s))
		return 0;
	/*
	 * A thread does the work: when it ends, the kernel releases everything that it traces, in
	 * any state.
	 */
	r = -pthread_create(&thread, NULL, work, &s);
	if (r == 0) {
		pthread_join(thread, NULL);
		r = s.result;
	}
	if (r < 0)
		return wb_fail(err, r, "cannot replace the output of process %lld: %s",
			(long long)pid, strerror(-r));
	return r;
}
