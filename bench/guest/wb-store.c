// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Measures how long it takes to keep memory.
 *
 * "wb-store put MIB" puts memory into a store and seals it; "wb-store get", in the next kernel,
 * takes it out again. Between the pieces, each copies as much with memcpy(), into memory that was
 * touched before. "wb-store idle MIB" is a service with so much memory, most of which does not
 * change; it notes how long it was frozen. "wb-store freeze UNIT ROUNDS" checkpoints it with all
 * memory, and then after a pre-copy. Prints "STORE name seconds" lines. Linked with libwarmboot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "keep/freeze.h"
#include "keep/judge.h"
#include "store/store.h"

/* Size of a piece: store and memcpy() take turns, so that a busy machine slows both. */
#define PIECE (64ull << 20)
/*
 * The idle service writes to this memory all the time. A page of 2 MiB counts as changed when one
 * byte of it has changed.
 */
#define HOT (16u << 20)
#define NOTE "/var/tmp/wb-idle"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void report(const char *name, double seconds)
{
	printf("STORE %s %.4f\n", name, seconds);
	fflush(stdout);
}

/* Memory that was touched, as that of a process. */
static uint8_t *memory(size_t n)
{
	uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("memory");
		exit(1);
	}
	memset(p, 1, n);
	return p;
}

static void fill(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i += 8)
		*(uint64_t *)(p + i) = (seed + i) * 0x9e3779b97f4a7c15ull;
}

static bool is_filled(const uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i += 8)
		if (*(const uint64_t *)(p + i) != (seed + i) * 0x9e3779b97f4a7c15ull)
			return false;
	return true;
}

static double copy(uint8_t *to, const uint8_t *from, size_t n)
{
	double t = now();

	memcpy(to, from, n);
	/* The compiler must not leave out a copy that is never read. */
	__asm__ volatile("" : : "r"(to) : "memory");
	return now() - t;
}

static int failed(const struct wb_error *err)
{
	fprintf(stderr, "%s\n", err->text);
	return 1;
}

/* ---- the store ---- */

static int put(size_t pieces)
{
	uint8_t *from = memory(PIECE), *to = memory(PIECE);
	double plain = 0, stored = 0, t = now();
	struct wb_error err = {};
	WB_CLEAN_STORE s = NULL;

	if (wb_store_create(wb_store_env_real(), NULL, pieces * PIECE, &s, &err) < 0)
		return failed(&err);
	report("create", now() - t);
	for (size_t i = 0; i < pieces; i++) {
		char name[32];

		fill(from, PIECE, i * PIECE);
		plain += copy(to, from, PIECE);
		snprintf(name, sizeof(name), "memory-%zu", i);
		t = now();
		if (wb_store_put(s, name, (struct wb_bytes){from, PIECE}, &err) < 0)
			return failed(&err);
		stored += now() - t;
	}
	report("copy before", plain);
	report("put", stored);
	t = now();
	if (wb_store_seal(s, &err) < 0)
		return failed(&err);
	report("seal", now() - t);
	return 0;
}

static int get(void)
{
	uint8_t *to = memory(PIECE), *from = memory(PIECE);
	double plain = 0, taken = 0, t = now();
	struct wb_error err = {};
	WB_CLEAN_STORE s = NULL;

	if (wb_store_attach(wb_store_env_real(), &s, &err) < 0)
		return failed(&err);
	report("attach", now() - t);
	for (size_t i = 0; i < wb_store_info(s).objects; i++) {
		struct wb_store_reader reader;
		struct wb_bytes piece;
		char name[32];
		size_t at = 0;

		plain += copy(to, from, PIECE);
		snprintf(name, sizeof(name), "memory-%zu", i);
		t = now();
		if (wb_store_get(s, name, &reader, &err) < 0)
			return failed(&err);
		for (; wb_store_next(&reader, &piece); at += piece.size)
			memcpy(to + at, piece.data, piece.size);
		taken += now() - t;
		if (at != PIECE || !is_filled(to, at, i * PIECE)) {
			fprintf(stderr, "%s is not what was put into the store\n", name);
			return 1;
		}
	}
	report("copy after", plain);
	report("get", taken);
	if (wb_store_wipe(s, &err) < 0)
		return failed(&err);
	return 0;
}

/* ---- the freeze ---- */

/*
 * The longest time between two readings of the clock, in seconds, in a file that both processes
 * map.
 */
static volatile double *note(void)
{
	int fd = open(NOTE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	double *p;

	if (fd < 0 || ftruncate(fd, 4096) < 0) {
		perror(NOTE);
		exit(1);
	}
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		exit(1);
	return p;
}

__attribute__((noreturn)) static void idle(size_t n)
{
	volatile double *longest = note();
	uint8_t *p = memory(n);
	uint64_t page = 0;
	double last;

	fill(p, n, 0);
	puts("ready");
	fflush(stdout);
	for (last = now();;) {
		double t;

		usleep(2000);
		t = now();
		if (t - last > *longest)
			*longest = t - last;
		last = t;
		page = (page * 6364136223846793005ull + 1442695040888963407ull);
		p[(page >> 16) % (HOT / 4096) * 4096]++;
	}
}

static int look(const char *unit, const char *criu, struct wb_manifest_unit *u, uint64_t *ret_bytes,
	struct wb_error *err)
{
	const struct wb_keep_look look = {.files = wb_sys_real()->files,
		.units = &wb_services_systemd,
		.add_peers = wb_sockets_add_peers,
		.add_kinds = wb_sockets_add_kinds,
		.criu = criu};
	WB_CLEAN_KEEP_VERDICT v = {};
	int r = wb_keep_look(NULL, &look, unit, NULL, &v, err);

	if (r == 0 && v.how != WB_KEEP_PROCESS)
		r = wb_fail(err, -EOPNOTSUPP, "%s", v.reasons.items[0]);
	*ret_bytes = v.bytes;
	return r == 0 ? wb_keep_record(NULL, &v, u, err) : r;
}

static double still(volatile double *longest)
{
	double s;

	/* Give the service time for one more reading. */
	usleep(200000);
	s = *longest;
	*longest = 0;
	return s;
}

static int freeze_once(struct wb_manifest_unit *u, struct wb_store *s, volatile double *longest,
	struct wb_error *err)
{
	int64_t us;

	still(longest);
	if (wb_freeze_rehearse(NULL, wb_sys_real(), u, s, &us, err) < 0)
		return failed(err);
	report("frozen whole", still(longest));
	if (wb_freeze_ahead(NULL, wb_sys_real(), u, s, err) < 0)
		return failed(err);
	report("going ahead", still(longest));
	if (wb_freeze_rehearse(NULL, wb_sys_real(), u, s, &us, err) < 0)
		return failed(err);
	report("frozen changes", still(longest));
	return 0;
}

static int freeze_unit(const char *unit, int rounds)
{
	WB_CLEAN_STR criu = wb_criu_version(&wb_runner_host, NULL);
	struct wb_manifest_unit u = {.unit = strdup(unit), .images = strdup("u0/")};
	volatile double *longest = note();
	struct wb_error err = {};
	WB_CLEAN_STORE s = NULL;
	uint64_t bytes;
	int bad = 0;

	if (look(unit, criu, &u, &bytes, &err) < 0 ||
		wb_store_create(
			wb_store_env_real(), NULL, bytes + bytes / 4 + (16 << 20), &s, &err) < 0)
		return failed(&err);
	for (int i = 0; i < rounds && !bad; i++)
		bad = freeze_once(&u, s, longest, &err);
	wb_store_close(s);
	s = NULL;
	wb_store_drop(wb_store_env_real(), NULL);
	return bad;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 3 && !strcmp(verb, "put"))
		return put(strtoull(argv[2], NULL, 10) * (1 << 20) / PIECE);
	if (argc == 2 && !strcmp(verb, "get"))
		return get();
	if (argc == 3 && !strcmp(verb, "idle"))
		idle(strtoull(argv[2], NULL, 10) << 20);
	if (argc == 4 && !strcmp(verb, "freeze"))
		return freeze_unit(argv[2], atoi(argv[3]));
	return 2;
}
