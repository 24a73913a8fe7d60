// SPDX-License-Identifier: LGPL-2.1-or-later
/* sys/trace.c: stopping threads, and making one do system calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/trace.h"
#include "unit.h"

/*
 * A process that waits for a byte and ends with success when it comes, as if nothing had been done
 * to it.
 */
struct subject {
	pid_t pid;
	int in, never; /* `never` is a pipe of its own in which nothing comes */
	struct wb_trace trace;
	struct wb_hand hand;
};

static void begin(struct subject *s)
{
	int in[2], never[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(never, O_CLOEXEC), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		char c;

		_exit(read(in[0], &c, 1) == 1 && c == 'x' ? 0 : 1);
	}
	close(in[0]);
	s->in = in[1];
	/* The child has both ends, too, so no end of file wakes it. */
	s->never = never[0];
	close(never[1]);
	usleep(20000);
}

static void stop(struct subject *s)
{
	assert_int_equal(wb_trace_stop(&s->trace, s->pid), 0);
	assert_int_equal(s->trace.n, 1);
	assert_int_equal(wb_hand_begin(&s->hand, &s->trace, s->pid), 0);
}

static void let_go(struct subject *s)
{
	assert_int_equal(wb_hand_end(&s->hand), 0);
	wb_trace_end(&s->trace);
}

static void goes_on(struct subject *s)
{
	int status;

	assert_int_equal(write(s->in, "x", 1), 1);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_int_equal(status, 0);
	close(s->in);
	close(s->never);
}

static int call(struct subject *s, long number, uint64_t first, long *ret)
{
	return wb_hand_call(&s->hand, number, (const uint64_t[6]){first}, ret);
}

static char state_of(pid_t pid)
{
	char path[64], line[256], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "State: %c", &state) == 1)
			break;
	if (f)
		fclose(f);
	return state;
}

static void test_calls(void **state)
{
	struct subject s;
	long got;

	(void)state;
	begin(&s);
	stop(&s);
	assert_int_equal(call(&s, SYS_getpid, 0, &got), 0);
	assert_int_equal(got, s.pid);
	assert_int_equal(call(&s, SYS_close, 99, &got), 0);
	assert_int_equal(got, -EBADF);
	let_go(&s);
	goes_on(&s);
}

/* A call that would not end is interrupted, and the registers are restored after it. */
static void test_blocks(void **state)
{
	struct subject s;
	long got = 0;

	(void)state;
	begin(&s);
	stop(&s);
	assert_int_equal(
		wb_hand_call(&s.hand, SYS_read, (const uint64_t[6]){(uint64_t)s.never, 0, 1}, &got),
		0);
	/* ERESTARTSYS, as the kernel has it before it looks for a handler */
	if (got != -512 && got != -EINTR)
		fail_msg("%ld", got);
	let_go(&s);
	goes_on(&s);
}

static void test_stopped_before(void **state)
{
	struct subject s;
	int status;
	long got;

	(void)state;
	begin(&s);
	kill(s.pid, SIGSTOP);
	assert_int_equal(waitpid(s.pid, &status, WUNTRACED), s.pid);
	stop(&s);
	assert_int_equal(call(&s, SYS_getpid, 0, &got), 0);
	assert_int_equal(got, s.pid);
	let_go(&s);
	usleep(20000);
	assert_int_equal(state_of(s.pid), 'T');
	kill(s.pid, SIGCONT);
	goes_on(&s);
}

static void test_stopped_between(void **state)
{
	struct subject s;
	long got;

	(void)state;
	begin(&s);
	stop(&s);
	kill(s.pid, SIGSTOP);
	kill(s.pid, SIGUSR2);
	assert_int_equal(call(&s, SYS_getpid, 0, &got), 0);
	assert_int_equal(got, s.pid);
	assert_int_equal(call(&s, SYS_getppid, 0, &got), 0);
	assert_int_equal(got, getpid());
	let_go(&s);
	usleep(20000);
	assert_int_equal(state_of(s.pid), 'T');
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
}

static void test_killed(void **state)
{
	struct subject s;
	long got;

	(void)state;
	begin(&s);
	stop(&s);
	kill(s.pid, SIGKILL);
	usleep(20000);
	assert_int_equal(call(&s, SYS_getpid, 0, &got), -ESRCH);
	assert_true(wb_hand_end(&s.hand) < 0);
	wb_trace_end(&s.trace);
	assert_int_equal(wb_trace_stop(&s.trace, s.pid), -ESRCH);
	wb_trace_end(&s.trace);
}

static void poke(struct subject *s, const char *code, size_t n, char *ret_old)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)s->pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	if (ret_old)
		assert_int_equal(pread(fd, ret_old, n, (off_t)s->hand.inject.insn), n);
	assert_int_equal(pwrite(fd, code, n, (off_t)s->hand.inject.insn), n);
	close(fd);
}

/* A process that shares the memory has written another call to that place: the call is not made. */
static void test_other_call(void **state)
{
	static const char exits[] = "\xb8\xe7\x00\x00\x00\x0f\x05"; /* mov $SYS_exit_group, %eax */
	char old[sizeof(exits) - 1];
	struct subject s;
	long got = 7;

	(void)state;
	begin(&s);
	stop(&s);
	poke(&s, exits, sizeof(old), old);
	assert_int_equal(call(&s, SYS_getpid, 0, &got), -EPERM);
	assert_int_equal(got, 7);
	poke(&s, old, sizeof(old), NULL);
	let_go(&s);
	goes_on(&s);
}

static void test_no_call(void **state)
{
	static const char loop[] = "\xeb\xfe";
	struct subject s;
	char old[2];
	long got = 7;

	(void)state;
	begin(&s);
	stop(&s);
	poke(&s, loop, 2, old);
	assert_int_equal(call(&s, SYS_getpid, 0, &got), -EIO);
	assert_int_equal(got, 7);
	poke(&s, old, 2, NULL);
	let_go(&s);
	goes_on(&s);
}

static void *end_at_once(void *arg)
{
	volatile unsigned *count = arg;

	(*count)++;
	return NULL;
}

static void *make_threads(void *arg)
{
	for (;;) {
		pthread_t t;

		if (pthread_create(&t, NULL, end_at_once, arg) == 0)
			pthread_join(t, NULL);
	}
	return arg;
}

/* Threads that make threads: in the end all are stopped. */
static void test_all(void **state)
{
	volatile unsigned *count =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct wb_trace t;
	unsigned before;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pthread_t more;

		for (int i = 0; i < 3; i++)
			pthread_create(&more, NULL, make_threads, (void *)&count[i + 1]);
		make_threads((void *)count);
	}
	usleep(20000);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(wb_trace_stop(&t, pid), 0);
		assert_true(t.n >= 4);
		before = count[0] + count[1] + count[2] + count[3];
		usleep(5000);
		assert_int_equal(before, count[0] + count[1] + count[2] + count[3]);
		wb_trace_end(&t);
		usleep(2000);
	}
	assert_true(before > 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap((void *)count, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_stopped_before),
		cmocka_unit_test(test_stopped_between),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_other_call),
		cmocka_unit_test(test_no_call),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
