// SPDX-License-Identifier: LGPL-2.1-or-later
/* Timers that were set to a time. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/list.h"
#include "criu/timers.h"

#define LARGEST (1u << 16)
#define SECOND 1000000000
#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

int wb_clock_of(int64_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
		return WB_CLOCK_DAY;
	case CLOCK_MONOTONIC:
		return WB_CLOCK_MONOTONIC;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		return WB_CLOCK_BOOT;
	default:
		return -1;
	}
}

static struct timespec sum(struct timespec a, int64_t seconds, int64_t ns)
{
	a.tv_sec += seconds;
	a.tv_nsec += ns;
	if (a.tv_nsec >= SECOND)
		a = (struct timespec){a.tv_sec + 1, a.tv_nsec - SECOND};
	if (a.tv_nsec < 0)
		a = (struct timespec){a.tv_sec - 1, a.tv_nsec + SECOND};
	return a;
}

/* "monotonic           123         456", time_namespaces(7): CRIU's restore makes one, so that clocks go on. */
void wb_clock_offsets(const char *text, struct timespec ret[WB_CLOCKS])
{
	static const char *const names[WB_CLOCKS] = {
		[WB_CLOCK_MONOTONIC] = "monotonic", [WB_CLOCK_BOOT] = "boottime"};

	for (size_t i = 0; i < WB_CLOCKS; i++) {
		const char *at = names[i] ? strstr(text, names[i]) : NULL;
		long long seconds, ns;

		ret[i] = (struct timespec){};
		if (at && sscanf(at + strlen(names[i]), "%lld %lld", &seconds, &ns) == 2 &&
			ns > -SECOND && ns < SECOND)
			ret[i] = (struct timespec){seconds, ns};
	}
}

static void read_offsets(const struct wb_files *files, int64_t pid, struct timespec ret[WB_CLOCKS])
{
	WB_CLEAN_BLOB b = {};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/timens_offsets", pid);
	/* A kernel without time namespaces has no such file. */
	if (files->read(files->ctx, path, LARGEST, &b, NULL) < 0)
		wb_clock_offsets("", ret);
	else
		wb_clock_offsets((const char *)b.data, ret);
}

/* "key: (seconds, nanoseconds)" */
static bool read_pair(const char *text, const char *key, int64_t *seconds, int64_t *ns)
{
	const char *at = strstr(text, key);

	return at && sscanf(at + strlen(key), ": (%" SCNd64 ", %" SCNd64 ")", seconds, ns) == 2 &&
	       *seconds >= 0 && *ns >= 0 && *ns < SECOND;
}

/* "key: 1", or with a leading 0 an octal number. */
static bool read_number(const char *text, const char *key, int64_t *ret)
{
	const char *at = strstr(text, key);

	if (!at || at[strlen(key)] != ':')
		return false;
	*ret = strtoll(at + strlen(key) + 1, NULL, 0);
	return *ret >= 0;
}

/* proc_pid_fdinfo(5), and fs/timerfd.c, timerfd_show(). */
int wb_timer_parse(
	const char *text, const struct timespec now[WB_CLOCKS], struct wb_criu_timer *ret)
{
	struct wb_criu_timer t = {};
	struct timespec at;

	if (!read_number(text, "clockid", &t.clock) || !read_number(text, "ticks", &t.ticks) ||
		!read_number(text, "settime flags", &t.flags) ||
		!read_pair(text, "it_value", &t.at_s, &t.at_ns) ||
		!read_pair(text, "it_interval", &t.every_s, &t.every_ns))
		return -EBADMSG;
	if (!(t.flags & TFD_TIMER_ABSTIME))
		return 0;
	if (wb_clock_of(t.clock) < 0)
		return -EBADMSG;
	t.set = t.at_s || t.at_ns;
	at = sum(now[wb_clock_of(t.clock)], t.at_s, t.at_ns);
	t.at_s = at.tv_sec < 0 ? 0 : at.tv_sec;
	t.at_ns = at.tv_nsec;
	*ret = t;
	return 1;
}

static int note(
	const struct wb_files *files, int64_t pid, const char *fd, struct wb_criu_image *image)
{
	static const clockid_t clocks[WB_CLOCKS] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
	struct wb_criu_timer t = {}, *item;
	struct timespec now[WB_CLOCKS], more[WB_CLOCKS];
	WB_CLEAN_BLOB b = {};
	char path[64];
	int r;

	read_offsets(files, pid, more);
	for (size_t i = 0; i < WB_CLOCKS; i++) {
		clock_gettime(clocks[i], &now[i]);
		now[i] = sum(now[i], more[i].tv_sec, more[i].tv_nsec);
	}
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/fdinfo/%.20s", pid, fd);
	r = files->read(files->ctx, path, LARGEST, &b, NULL);
	if (r == 0)
		r = wb_timer_parse((const char *)b.data, now, &t);
	if (r <= 0)
		return r;
	if (image->timers.n >= WB_CRIU_TIMERS)
		return -E2BIG;
	item = wb_list_add(&image->timers, sizeof(*item));
	if (!item)
		return -ENOMEM;
	*item = t;
	item->pid = pid;
	item->fd = strtoll(fd, NULL, 10);
	return 0;
}

int wb_timers_note(const struct wb_files *files, int64_t pid, struct wb_criu_image *image)
{
	WB_CLEAN_STRV fds = {};
	char path[64];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd", pid);
	if (files->list(files->ctx, path, &fds, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < fds.n; i++) {
		WB_CLEAN_STR link = NULL;

		snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd/%.20s", pid, fds.items[i]);
		r = files->readlink(files->ctx, path, &link, NULL);
		r = r == -ENOMEM ? r : 0;
		if (link && !strncmp(link, "anon_inode:[timerfd", 19))
			r = note(files, pid, fds.items[i], image);
	}
	return r;
}

/*
 * To set a timer forgets how often it has gone off. The time is that of this process, which is in another time namespace.
 */
static int set(int fd, const struct wb_criu_timer *t, const struct timespec *more)
{
	struct timespec time =
		sum((struct timespec){t->at_s, t->at_ns}, -more->tv_sec, -more->tv_nsec);
	struct itimerspec at = {};
	uint64_t ticks = (uint64_t)t->ticks;

	if (t->set) {
		/* Before the kernel began: it goes off at once. */
		at.it_value = time.tv_sec < 0 ? (struct timespec){0, 1} : time;
		at.it_interval = (struct timespec){t->every_s, t->every_ns};
	}
	if (timerfd_settime(fd, (int)t->flags, &at, NULL) < 0)
		return -errno;
	return ticks && ioctl(fd, TFD_IOC_SET_TICKS, &ticks) < 0 ? -errno : 0;
}

static int give(const struct wb_files *files, const struct wb_criu_timer *t)
{
	int process = (int)syscall(SYS_pidfd_open, (pid_t)t->pid, 0), fd, r;
	struct timespec more[WB_CLOCKS];

	if (process < 0)
		return -errno;
	read_offsets(files, t->pid, more);
	fd = (int)syscall(SYS_pidfd_getfd, process, (int)t->fd, 0);
	r = fd < 0 ? -errno : set(fd, t, &more[wb_clock_of(t->clock)]);
	if (fd >= 0)
		close(fd);
	close(process);
	return r;
}

int wb_timers_give(
	const struct wb_files *files, const struct wb_criu_image *image, struct wb_error *err)
{
	for (size_t i = 0; i < image->timers.n; i++) {
		const struct wb_criu_timer *t = &image->timers.items[i];
		int r = wb_clock_of(t->clock) < 0 ? -EINVAL : give(files, t);

		if (r < 0)
			return wb_fail(err, r,
				"the timer on descriptor %" PRId64 " of its process %" PRId64
				" cannot be set: %s",
				t->fd, t->pid, strerror(-r));
	}
	return 0;
}
