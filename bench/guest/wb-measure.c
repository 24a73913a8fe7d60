// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Run a command and print how much time and memory it and its children took: "MEASURED wall cpu
 * peak status tsc" in seconds, seconds, KiB, exit status, TSC ticks.
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <x86intrin.h>

extern char **environ;

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double cpu(const struct rusage *u)
{
	return u->ru_utime.tv_sec + u->ru_stime.tv_sec +
	       (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage usage = {0};
	unsigned long long ticks;
	double start, end;
	int status = 0;
	pid_t pid;

	if (argc < 2)
		return 2;
	start = seconds();
	ticks = __rdtsc();
	if (posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ) ||
		wait4(pid, &status, 0, &usage) != pid) {
		perror(argv[1]);
		return 127;
	}
	ticks = __rdtsc() - ticks;
	end = seconds();
	printf("\nMEASURED %.4f %.4f %ld %d %llu\n", end - start, cpu(&usage), usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), ticks);
	return 0;
}
