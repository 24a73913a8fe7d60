// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a store costs, against plain copies of the same memory. "wb-store put MIB" copies twice with
 * memcpy(), and then makes a store, puts the memory into it and seals it; "wb-store get", in the
 * kernel after, takes it out again. Prints "STORE name seconds" lines. Linked with libwarmboot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "store/store.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double report(const char *name, double since)
{
	printf("STORE %s %.4f\n", name, now() - since);
	return now();
}

/* Memory as a process has it: pages of its own, in no cache. */
static uint8_t *memory(size_t n)
{
	uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void copy(const uint8_t *from, size_t n, const char *name)
{
	uint8_t *to = memory(n);
	double t;

	if (!to)
		exit(1);
	t = now();
	memcpy(to, from, n);
	report(name, t);
	munmap(to, n);
}

static int put(size_t n)
{
	struct wb_store *s = NULL;
	struct wb_error err = {};
	uint8_t *from = memory(n);
	double t;
	int r;

	if (!from)
		return 1;
	for (size_t i = 0; i < n; i += 8)
		*(uint64_t *)(from + i) = i * 0x9e3779b97f4a7c15ull;
	copy(from, n, "memcpy");
	copy(from, n, "memcpy");
	t = now();
	r = wb_store_create(wb_store_env_real(), NULL, n, &s, &err);
	t = report("create", t);
	if (r == 0)
		r = wb_store_put(s, "memory", (struct wb_bytes){from, n}, &err);
	t = report("put", t);
	if (r == 0)
		r = wb_store_seal(s, &err);
	report("seal", t);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	wb_store_close(s);
	return r < 0;
}

static int get(void)
{
	struct wb_store *s = NULL;
	struct wb_store_reader reader;
	struct wb_error err = {};
	struct wb_bytes piece;
	double t = now();
	uint8_t *to;
	size_t at = 0;
	int r = wb_store_attach(wb_store_env_real(), &s, &err);

	t = report("attach", t);
	if (r == 0)
		r = wb_store_get(s, "memory", &reader, &err);
	t = report("check", t);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	to = memory(wb_store_info(s).size);
	while (to && wb_store_next(&reader, &piece)) {
		memcpy(to + at, piece.data, piece.size);
		at += piece.size;
	}
	report("copy out", t);
	for (size_t i = 0; i < at; i += 8)
		if (*(uint64_t *)(to + i) != i * 0x9e3779b97f4a7c15ull)
			return 1;
	copy(to, at, "memcpy");
	copy(to, at, "memcpy");
	wb_store_close(s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "put"))
		return put(strtoull(argv[2], NULL, 10) << 20);
	return argc == 2 && !strcmp(argv[1], "get") ? get() : 2;
}
