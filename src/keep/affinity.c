// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/affinity.h"

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

static int add_thread(struct wb_manifest_unit *u, const char *mask, int64_t thread)
{
	struct wb_manifest_affinity *a = NULL;
	int64_t *item;

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
	item = a->threads.n < WB_MANIFEST_THREADS ? wb_list_add(&a->threads, sizeof(*item)) : NULL;
	if (!item)
		return -ENOMEM;
	*item = thread;
	return 0;
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

		if (thread < 2 || !read_mask(files, pid, threads.items[i], mask))
			continue;
		parse_mask(mask, &set);
		if ((!all || !has_all(&set, all)) && add_thread(u, mask, thread) < 0)
			return;
	}
}

static void forget(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->affinity.n; i++) {
		free(u->affinity.items[i].cpus);
		free(u->affinity.items[i].threads.items);
	}
	free(u->affinity.items);
	u->affinity.items = NULL;
	u->affinity.n = 0;
}

void wb_affinity_note(const struct wb_files *files, struct wb_manifest_unit *u)
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

void wb_affinity_reset(void)
{
	struct cpus all;

	memset(&all, 0xff, sizeof(all));
	set(0, &all);
}

void wb_affinity_restore(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->affinity.n; i++) {
		const struct wb_manifest_affinity *a = &u->affinity.items[i];
		struct cpus cpus;

		parse_mask(a->cpus, &cpus);
		for (size_t k = 0; k < a->threads.n; k++)
			set(a->threads.items[k], &cpus);
	}
}
