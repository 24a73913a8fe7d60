// SPDX-License-Identifier: LGPL-2.1-or-later
/* Properties of threads that CRIU does not restore: CPUs, I/O priority, timer slack. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keep/threads.h"

/* The size limit of a file in /proc or of a cgroup. */
#define LARGEST (1u << 20)
#define CPUS WB_MANIFEST_CPUS
#define BITS (8 * sizeof(unsigned long))

/* A set of CPUs in the form of sched_setaffinity(2). */
struct cpus {
	unsigned long bits[CPUS / BITS];
};

static void add_cpu(struct cpus *set, size_t cpu)
{
	set->bits[cpu / BITS] |= 1ul << cpu % BITS;
}

/* Does `set` have all CPUs of `of`? */
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

/* linux/ioprio.h: the number is that of a thread; the value of a thread that has never set one. */
#define IOPRIO_WHO_PROCESS 1
#define NO_IO_PRIORITY 0
/* The default, from include/linux/init_task.h. Threads with a real-time policy have no slack. */
#define USUAL_SLACK 50000

/* ---- before ---- */

static bool read_list(const struct wb_files *files, const char *path, struct cpus *ret)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, LARGEST, &b, NULL) == 0 &&
	       parse_list((const char *)b.data, ret);
}

/*
 * The CPUs of threads without an affinity of their own. A cgroup without the controller has no such file, and
 * has the CPUs of its parent.
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

/* From "Cpus_allowed:\tff,ffffffff" in proc_pid_status(5), without commas and leading zeros. */
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
	int64_t *item;

	if (n >= WB_MANIFEST_THREADS)
		return -E2BIG;
	item = wb_list_add(threads, sizeof(*item));
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
		char *cpus;

		if (u->affinity.n >= WB_MANIFEST_MASKS)
			return -E2BIG;
		cpus = strdup(mask);
		a = cpus ? wb_list_add(&u->affinity, sizeof(*a)) : NULL;
		if (!a) {
			free(cpus);
			return -ENOMEM;
		}
		a->cpus = cpus;
	}
	return append(&a->threads, a->threads.n, thread);
}

/* Add a thread to those with this value. */
static int add_value(values_list *all, int64_t value, int64_t thread)
{
	struct wb_manifest_threads *t = NULL;

	for (size_t i = 0; !t && i < all->n; i++)
		if (all->items[i].value == value)
			t = &all->items[i];
	if (!t) {
		if (all->n >= WB_MANIFEST_MASKS)
			return -E2BIG;
		t = wb_list_add(all, sizeof(*t));
		if (!t)
			return -ENOMEM;
		t->value = value;
	}
	return append(&t->threads, t->threads.n, thread);
}

/* proc_pid_timerslack_ns(5). */
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

static int note_values(const struct wb_files *files, struct wb_manifest_unit *u, int64_t thread)
{
	long priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, (int)thread);
	int64_t slack = timer_slack(files, thread);

	int r = 0;

	if (priority > NO_IO_PRIORITY)
		r = add_value(&u->io_priorities, priority, thread);
	if (r == 0 && slack > 0 && slack != USUAL_SLACK)
		r = add_value(&u->timer_slacks, slack, thread);
	return r;
}

static int note_process(const struct wb_files *files, struct wb_manifest_unit *u, int64_t pid,
	const struct cpus *all)
{
	WB_CLEAN_STRV threads = {};
	char dir[64];
	int r = 0;

	snprintf(dir, sizeof(dir), "/proc/%lld/task", (long long)pid);
	if (files->list(files->ctx, dir, &threads, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < threads.n; i++) {
		int64_t thread = strtoll(threads.items[i], NULL, 10);
		char mask[WB_MANIFEST_CPUS / 4 + 1];
		struct cpus set;

		if (thread < 2)
			continue;
		r = note_values(files, u, thread);
		if (r < 0 || !read_mask(files, pid, threads.items[i], mask))
			continue;
		parse_mask(mask, &set);
		if (!all || !has_all(&set, all))
			r = add_thread(u, mask, thread);
	}
	return r;
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

int wb_threads_note(const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	struct cpus all;
	/* If the usual CPUs are not known, each thread's own are noted. */
	bool known = cpus_of_unit(files, u, &all);
	int r = 0;

	forget(u);
	for (size_t i = 0; r == 0 && i < u->pids.n; i++)
		r = note_process(files, u, u->pids.items[i], known ? &all : NULL);
	if (r == -E2BIG)
		return wb_fail(err, r,
			"more of its threads have CPUs, an I/O priority or a timer slack of their "
			"own than are carried over (%d with the same, %d different ones)",
			WB_MANIFEST_THREADS, WB_MANIFEST_MASKS);
	return r < 0 ? wb_oom(err) : 0;
}

/* ---- after ---- */

/* The kernel ignores missing CPUs of the set, and refuses a set without any existing CPU. */
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

/* The number of a thread may be much higher than that of its process. */
int64_t wb_threads_highest(const struct wb_files *files, const struct wb_manifest_unit *u)
{
	int64_t highest = 0;

	for (size_t i = 0; i < u->pids.n; i++) {
		WB_CLEAN_STRV threads = {};
		char path[64];

		snprintf(path, sizeof(path), "/proc/%lld/task", (long long)u->pids.items[i]);
		if (files->list(files->ctx, path, &threads, NULL) < 0)
			continue;
		for (size_t k = 0; k < threads.n; k++) {
			int64_t number = strtoll(threads.items[k], NULL, 10);

			if (number > highest)
				highest = number;
		}
	}
	return highest;
}
