// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The small stand-in for libFuzzer: fuzz-NAME [SECONDS [FILE|DIR]...] feeds the target its seeds
 * and then mutations of them, the same ones in every run, until it has used so much CPU time, or
 * six times as much of the clock on a busy machine. A failure is a signal; the driver then writes the input to stderr in hex, so that it can become a
 * test. With
 * WB_FUZZ_WRITE_SEEDS=DIR it only writes the seeds there.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_SIZE (1u << 16)
#define MAX_SEEDS 256

struct seed {
	uint8_t *data;
	size_t size;
};

static struct seed seeds[MAX_SEEDS];
static size_t n_seeds;
static uint64_t state = 0x9e3779b97f4a7c15ull;
/* For the signal handler. */
static uint8_t input[MAX_SIZE];
static size_t input_size;

/* xorshift64* */
static uint64_t rnd(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static size_t below(size_t n)
{
	return n ? rnd() % n : 0;
}

static void add_seed(const void *data, size_t size)
{
	struct seed *s = &seeds[n_seeds];

	if (n_seeds == MAX_SEEDS)
		return;
	if (size > MAX_SIZE)
		size = MAX_SIZE;
	s->data = malloc(size ? size : 1);
	if (!s->data)
		abort();
	if (size)
		memcpy(s->data, data, size);
	s->size = size;
	n_seeds++;
}

static void add_file(const char *path)
{
	static uint8_t buf[MAX_SIZE];
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		exit(2);
	}
	add_seed(buf, fread(buf, 1, sizeof(buf), f));
	fclose(f);
}

static void add_path(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d) {
		add_file(path);
		return;
	}
	while ((e = readdir(d))) {
		char file[4096];
		struct stat st;

		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
			add_file(file);
	}
	closedir(d);
}

static void say_input(int sig)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < input_size; i++) {
		char hex[2] = {digits[input[i] >> 4], digits[input[i] & 15]};

		if (write(2, hex, 2) != 2)
			break;
	}
	if (write(2, "\n", 1) == 1)
		_exit(1);
	_exit(1);
}

/* Write a number at the limit of a field's size. */
static void write_number(size_t at)
{
	static const uint64_t numbers[] = {0, 1, 4, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x7fffffff,
		0x80000000, 0xfffffff0, 0xffffffff, 0x7fffffffffffffff, 0xfffffffffffffff0,
		0xffffffffffffffff};
	uint64_t v = numbers[below(sizeof(numbers) / sizeof(*numbers))];
	size_t width = (size_t)1 << below(4);

	if (below(4) == 0)
		v = below(input_size + 8);
	for (size_t i = 0; i < width && at + i < input_size; i++)
		input[at + i] = (uint8_t)(v >> 8 * i);
}

static void move_block(void)
{
	const size_t from = below(input_size), to = below(input_size);
	size_t n = below(64) + 1;

	if (n > input_size - from)
		n = input_size - from;
	if (n > input_size - to)
		n = input_size - to;
	memmove(input + to, input + from, n);
}

static void splice(void)
{
	const struct seed *s = &seeds[below(n_seeds)];
	const size_t from = below(s->size), to = below(input_size);
	size_t n = s->size - from;

	if (n > MAX_SIZE - to)
		n = MAX_SIZE - to;
	memcpy(input + to, s->data + from, n);
	if (to + n > input_size)
		input_size = to + n;
}

static void mutate(void)
{
	switch (below(8)) {
	case 0:
		if (input_size)
			input[below(input_size)] ^= (uint8_t)(1u << below(8));
		break;
	case 1:
		if (input_size)
			input[below(input_size)] = (uint8_t)rnd();
		break;
	case 2:
	case 3:
		/* Prefer headers, which hold most fields. */
		write_number(below(below(2) && input_size > 1024 ? 1024 : input_size));
		break;
	case 4:
		input_size = below(input_size + 1);
		break;
	case 5:
		for (size_t n = below(64); n && input_size < MAX_SIZE; n--)
			input[input_size++] = (uint8_t)rnd();
		break;
	case 6:
		if (input_size)
			move_block();
		break;
	default:
		splice();
		break;
	}
}

/* Write the seeds for libFuzzer, which reads them from a directory. */
static void write_seeds(const char *dir)
{
	for (size_t i = 0; i < n_seeds; i++) {
		char path[4096];
		FILE *f;

		snprintf(path, sizeof(path), "%s/seed-%zu", dir, i);
		f = fopen(path, "wb");
		if (!f || fwrite(seeds[i].data, 1, seeds[i].size, f) != seeds[i].size ||
			fclose(f)) {
			perror(path);
			exit(2);
		}
	}
}

/* How many times as long a busy machine may take. */
#define BUSY 6

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	/* An input that takes this long is a failure, too. */
	static const struct itimerval too_long = {.it_value.tv_sec = 20};
	const char *dump = getenv("WB_FUZZ_WRITE_SEEDS");
	const double seconds = argc > 1 ? atof(argv[1]) : 10;
	const double latest = now(CLOCK_MONOTONIC) + BUSY * seconds;
	unsigned long runs = 0;
	size_t n_own = 0;

	for (int sig = 1; sig < 32; sig++)
		if (sig == SIGSEGV || sig == SIGABRT || sig == SIGBUS || sig == SIGFPE ||
			sig == SIGILL || sig == SIGPROF)
			signal(sig, say_input);
	for (int i = 2; i < argc; i++)
		add_path(argv[i]);
	if (wb_fuzz_seeds) {
		const struct wb_blob *own = wb_fuzz_seeds(&n_own);

		for (size_t i = 0; i < n_own; i++)
			add_seed(own[i].data, own[i].size);
	}
	if (!n_seeds)
		add_seed("", 0);
	if (dump) {
		write_seeds(dump);
		return 0;
	}
	do {
		const struct seed *s = &seeds[runs < n_seeds ? runs : below(n_seeds)];
		/* A copy of the exact size, so that a sanitizer sees a read past its end. */
		uint8_t *copy;

		input_size = s->size;
		memcpy(input, s->data, s->size);
		for (size_t n = runs < n_seeds ? 0 : below(6) + 1; n; n--)
			mutate();
		copy = malloc(input_size ? input_size : 1);
		if (!copy)
			abort();
		memcpy(copy, input, input_size);
		setitimer(ITIMER_PROF, &too_long, NULL);
		LLVMFuzzerTestOneInput(copy, input_size);
		free(copy);
		runs++;
	} while (now(CLOCK_PROCESS_CPUTIME_ID) < seconds && now(CLOCK_MONOTONIC) < latest);
	printf("%lu inputs from %zu seeds\n", runs, n_seeds);
	return 0;
}
