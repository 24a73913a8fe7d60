// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keep/threads.h"

/* Of a file in /proc or a cgroup. */
#define LARGEST (1u << 20)
#define CPUS WB_MANIFEST_CPUS
#define BITS (8 * sizeof(unsigned long))

/* A set as the kernel takes it. */
struct cpus {
	unsigned long bits[CPUS / BITS];
};

static void add_cpu(struct cpus *set, size_t cpu)
{
	set->bits[cpu / BITS] |= 1ul << cpu % BITS;
}

/* Does it have all that are in the other? */
static bool has_all(const struct cpus *set, const struct cpus *of)
{
	for (size_t i = 0; i < CPUS / BITS; i++)
		if (of->bits[i] & ~set->bits[i])
			return false;
	return true;
}

/* "0-3,8", as cpuset(7) calls the list format. */
static bool parse_list(const char *s, struct cpus *ret)
{
	*ret = (struct cpus){};
	for (;;) {
		char *end;
		unsigned long first = strtoul(s, &end, 10), last = first;

		if (end == s)
			return false;
		if (*end == '-') {
			s = end + 1;
			last = strtoul(s, &end, 10);
			if (end == s)
				return false;
		}
		if (first > last || last >= CPUS)
			return false;
		for (; first <= last; first++)
			add_cpu(ret, first);
		if (*end != ',')
			return true;
		s = end + 1;
	}
}

/* The digits of a mask, the highest first, as the manifest has them. */
static void parse_mask(const char *s, struct cpus *ret)
{
	size_t n = strlen(s);

	*ret = (struct cpus){};
	for (size_t i = 0; i < n; i++) {
		char c = s[n - 1 - i];
		int digit = c <= '9' ? c - '0' : c - 'a' + 10;

		for (size_t k = 0; k < 4; k++)
			if (digit & 1 << k)
				add_cpu(ret, 4 * i + k);
	}
}

typedef typeof(((struct wb_manifest_unit *)0)->timer_slacks) values_list;

/* linux/ioprio.h: the number is a thread's; and what a thread has until it asks for another. */
#define IOPRIO_WHO_PROCESS 1
#define NO_IO_PRIORITY 0
/* include/linux/init_task.h. Threads with a real-time policy have none, and take none. */
#define USUAL_SLACK 50000

/* ---- before ---- */

static bool read_list(const struct wb_files *files, const char *path, struct cpus *ret)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, LARGEST, &b, NULL) == 0 &&
	       parse_list((const char *)b.data, ret);
}

/*
 * What its threads have unless somebody chose. A cgroup without the controller has no such file and the
 * CPUs of the one above.
 */
static bool cpus_of_unit(
	const struct wb_files *files, const struct wb_manifest_unit *u, struct cpus *ret)
{
	WB_CLEAN_STR group = strdup(u->cgroup ? u->cgroup : "");

	for (char *end; group; *end = 0) {
		WB_CLEAN_STR path = NULL;

		if (asprintf(&path, "/sys/fs/cgroup%s/cpuset.cpus.effective", group) < 0) {
			path = NULL;
			return false;
		}
		if (read_list(files, path, ret))
			return true;
		end = strrchr(group, '/');
		if (!end)
			break;
	}
	return read_list(files, "/sys/devices/system/cpu/online", ret);
}

/* proc_pid_status(5): "Cpus_allowed:\tff,ffffffff"; without what says nothing. */
static bool read_mask(const struct wb_files *files, int64_t pid, const char *thread,
	char ret[WB_MANIFEST_CPUS / 4 + 1])
{
	static const char key[] = "\nCpus_allowed:\t";
	WB_CLEAN_BLOB b = {};
	const char *p;
	char path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%lld/task/%.20s/status", (long long)pid, thread);
	if (files->read(files->ctx, path, LARGEST, &b, NULL) < 0)
		return false;
	p = strstr((const char *)b.data, key);
	if (!p)
		return false;
	for (p += strlen(key); *p && *p != '\n'; p++) {
		if (*p == ',' || (*p == '0' && !n))
			continue;
		if (n == WB_MANIFEST_CPUS / 4)
			return false;
		ret[n++] = *p;
	}
	ret[n] = 0;
	return wb_valid_cpus(ret);
}

static int append(void *threads, size_t n, int64_t thread)
{
	int64_t *item = n < WB_MANIFEST_THREADS ? wb_list_add(threads, sizeof(*item)) : NULL;

	if (!item)
		return -ENOMEM;
	*item = thread;
	return 0;
}

static int add_thread(struct wb_manifest_unit *u, const char *mask, int64_t thread)
{
	struct wb_manifest_affinity *a = NULL;

	for (size_t i = 0; !a && i < u->affinity.n; i++)
		if (!strcmp(u->affinity.items[i].cpus, mask))
			a = &u->affinity.items[i];
	if (!a) {
		char *cpus = u->affinity.n < WB_MANIFEST_MASKS ? strdup(mask) : NULL;

		a = cpus ? wb_list_add(&u->affinity, sizeof(*a)) : NULL;
		if (!a) {
			free(cpus);
			return -ENOMEM;
		}
		a->cpus = cpus;
	}
	return append(&a->threads, a->threads.n, thread);
}

/* To the threads with this value. */
static int add_value(values_list *all, int64_t value, int64_t thread)
{
	struct wb_manifest_threads *t = NULL;

	for (size_t i = 0; !t && i < all->n; i++)
		if (all->items[i].value == value)
			t = &all->items[i];
	if (!t) {
		t = all->n < WB_MANIFEST_MASKS ? wb_list_add(all, sizeof(*t)) : NULL;
		if (!t)
			return -ENOMEM;
		t->value = value;
	}
	return append(&t->threads, t->threads.n, thread);
}

/* proc_pid_timerslack_ns(5), which every thread has. */
static void slack_path(int64_t thread, char ret[64])
{
	snprintf(ret, 64, "/proc/%lld/timerslack_ns", (long long)thread);
}

static int64_t timer_slack(const struct wb_files *files, int64_t thread)
{
	WB_CLEAN_BLOB b = {};
	char path[64];

	slack_path(thread, path);
	if (files->read(files->ctx, path, LARGEST, &b, NULL) < 0)
		return 0;
	return strtoll((const char *)b.data, NULL, 10);
}

static void note_values(const struct wb_files *files, struct wb_manifest_unit *u, int64_t thread)
{
	long priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, (int)thread);
	int64_t slack = timer_slack(files, thread);

	if (priority > NO_IO_PRIORITY)
		(void)add_value(&u->io_priorities, priority, thread);
	if (slack > 0 && slack != USUAL_SLACK)
		(void)add_value(&u->timer_slacks, slack, thread);
}

static void note_process(const struct wb_files *files, struct wb_manifest_unit *u, int64_t pid,
	const struct cpus *all)
{
	WB_CLEAN_STRV threads = {};
	char dir[64];

	snprintf(dir, sizeof(dir), "/proc/%lld/task", (long long)pid);
	if (files->list(files->ctx, dir, &threads, NULL) < 0)
		return;
	for (size_t i = 0; i < threads.n; i++) {
		int64_t thread = strtoll(threads.items[i], NULL, 10);
		char mask[WB_MANIFEST_CPUS / 4 + 1];
		struct cpus set;

		if (thread < 2)
			continue;
		note_values(files, u, thread);
		if (!read_mask(files, pid, threads.items[i], mask))
			continue;
		parse_mask(mask, &set);
		if ((!all || !has_all(&set, all)) && add_thread(u, mask, thread) < 0)
			return;
	}
}

static void forget_values(values_list *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->items[i].threads.items);
	free(all->items);
	*all = (values_list){};
}

static void forget(struct wb_manifest_unit *u)
{
	forget_values(&u->io_priorities);
	forget_values(&u->timer_slacks);
	for (size_t i = 0; i < u->affinity.n; i++) {
		free(u->affinity.items[i].cpus);
		free(u->affinity.items[i].threads.items);
	}
	free(u->affinity.items);
	u->affinity.items = NULL;
	u->affinity.n = 0;
}

void wb_threads_note(const struct wb_files *files, struct wb_manifest_unit *u)
{
	struct cpus all;
	/* Where nobody tells what is usual, nothing is. */
	bool known = cpus_of_unit(files, u, &all);

	forget(u);
	for (size_t i = 0; i < u->pids.n; i++)
		note_process(files, u, u->pids.items[i], known ? &all : NULL);
}

/* ---- after ---- */

/* The kernel takes of a set what is there, and refuses one of which nothing is. */
static void set(int64_t thread, const struct cpus *cpus)
{
	(void)sched_setaffinity(
		(pid_t)thread, sizeof(*cpus), (const cpu_set_t *)(const void *)cpus->bits);
}

void wb_threads_reset(void)
{
	struct cpus all;

	memset(&all, 0xff, sizeof(all));
	set(0, &all);
}

static void set_slack(int64_t thread, int64_t ns)
{
	char path[64];
	FILE *f;

	slack_path(thread, path);
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%lld\n", (long long)ns);
	fclose(f);
}

void wb_threads_restore(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->affinity.n; i++) {
		const struct wb_manifest_affinity *a = &u->affinity.items[i];
		struct cpus cpus;

		parse_mask(a->cpus, &cpus);
		for (size_t k = 0; k < a->threads.n; k++)
			set(a->threads.items[k], &cpus);
	}
	for (size_t i = 0; i < u->io_priorities.n; i++) {
		const struct wb_manifest_threads *t = &u->io_priorities.items[i];

		for (size_t k = 0; k < t->threads.n; k++)
			(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, (int)t->threads.items[k],
				(int)t->value);
	}
	for (size_t i = 0; i < u->timer_slacks.n; i++) {
		const struct wb_manifest_threads *t = &u->timer_slacks.items[i];

		for (size_t k = 0; k < t->threads.n; k++)
			set_slack(t->threads.items[k], t->value);
	}
}
