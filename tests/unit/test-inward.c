// SPDX-License-Identifier: LGPL-2.1-or-later
/* keep/inward.c: what only a thread itself is told. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep/inward.h"
#include "unit.h"

#define SKIP 's' /* what a process says if the machine does not let it become what it should be */

/* A process that becomes something by `become`, and goes on until it is killed. */
static pid_t begin(char (*become)(void))
{
	int ready[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Keys that the caller's session has are none of the test's. */
		syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
		c = become();
		(void)!write(ready[1], &c, 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	if (c != SKIP)
		return pid;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static void end(pid_t pid)
{
	/* It goes on as before. */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int note(pid_t pid, struct wb_manifest *m, struct wb_error *err)
{
	struct wb_manifest_unit *u = wb_list_add(&m->units, sizeof(*u));
	int64_t *p = wb_list_add(&u->pids, sizeof(*p));

	*p = pid;
	u->unit = strdup("t.service");
	return wb_inward_note(wb_sys_real(), NULL, NULL, u, err);
}

static void expect_refusal(char (*become)(void), const char *why)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	pid_t pid = begin(become);

	if (!pid)
		skip();
	assert_int_equal(note(pid, &m, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, why));
	end(pid);
}

static char nothing(void)
{
	return 'x';
}

static void test_ordinary(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	pid_t pid = begin(nothing);

	(void)state;
	assert_int_equal(note(pid, &m, &err), 0);
	assert_int_equal(m.units.items[0].inward.n, 0);
	end(pid);
}

/* One that has ended is no reason. */
static void test_gone(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	pid_t pid = begin(nothing);

	(void)state;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(note(pid, &m, &err), 0);
}

static char add_keys(int ring)
{
	static const char *const names[] = {"a", "b"};

	for (size_t i = 0; i < 2; i++)
		if (syscall(SYS_add_key, "user", names[i], "v", 1, ring) < 0)
			return SKIP;
	return 'x';
}

static char session_keys(void)
{
	return add_keys(KEY_SPEC_SESSION_KEYRING);
}

static char process_keys(void)
{
	return add_keys(KEY_SPEC_PROCESS_KEYRING);
}

static char thread_keys(void)
{
	return add_keys(KEY_SPEC_THREAD_KEYRING);
}

static char systemds_key(void)
{
	return syscall(SYS_add_key, "user", "invocation_id", "v", 1, KEY_SPEC_SESSION_KEYRING) < 0
		       ? SKIP
		       : 'x';
}

static void test_keyrings(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	pid_t pid = begin(systemds_key);

	(void)state;
	if (!pid)
		skip();
	assert_int_equal(note(pid, &m, &err), 0);
	end(pid);
	expect_refusal(session_keys, "session keyring");
	expect_refusal(process_keys, "process keyring");
	expect_refusal(thread_keys, "thread keyring");
}

/* Only connections are restricted, so that no file is. */
static char landlock(void)
{
	const struct {
		uint64_t fs, net;
	} rules = {.net = 1};
	long fd = syscall(444, &rules, sizeof(rules), 0);

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return fd < 0 || syscall(446, fd, 0) < 0 ? SKIP : 'x';
}

static void test_landlock(void **state)
{
	(void)state;
	expect_refusal(landlock, "restricted by Landlock");
}

static void *apart(void *arg)
{
	const int *args = arg;

	unshare(args[0]);
	(void)!write(args[1], "x", 1);
	for (;;)
		pause();
	return NULL;
}

static char split(int flags)
{
	static int args[2];
	int done[2];
	pthread_t t;
	char c;

	if (pipe(done) < 0)
		return SKIP;
	args[0] = flags;
	args[1] = done[1];
	if (pthread_create(&t, NULL, apart, args) || read(done[0], &c, 1) != 1)
		return SKIP;
	return 'x';
}

static char own_files(void)
{
	return split(CLONE_FILES);
}

static char own_directory(void)
{
	return split(CLONE_FS);
}

static char own_nothing(void)
{
	return split(0);
}

static void test_threads(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	pid_t pid = begin(own_nothing);

	(void)state;
	assert_int_equal(note(pid, &m, &err), 0);
	end(pid);
	expect_refusal(own_files, "does not share the descriptors");
	expect_refusal(own_directory, "does not share the working directory");
}

static char has_settings(void)
{
	personality(ADDR_NO_RANDOMIZE);
	/* PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN */
	return prctl(65, 1, 0, 0, 0) < 0 ? SKIP : 'x';
}

static void test_settings(void **state)
{
	WB_CLEAN_MANIFEST m = {}, again = {};
	struct wb_error err = {};
	pid_t pid = begin(has_settings), other;
	struct wb_manifest_unit *u;

	(void)state;
	if (!pid)
		skip();
	assert_int_equal(note(pid, &m, &err), 0);
	end(pid);
	u = &m.units.items[0];
	assert_int_equal(u->inward.n, 2);
	assert_string_equal(u->inward.items[0].what, "write-execute");
	assert_int_equal(u->inward.items[0].value, 1);
	assert_int_equal(u->inward.items[0].threads.items[0], pid);
	assert_string_equal(u->inward.items[1].what, "personality");
	assert_int_equal(u->inward.items[1].value, ADDR_NO_RANDOMIZE);
	/* A restored process, which has none of them. */
	other = begin(nothing);
	u->inward.items[0].threads.items[0] = u->inward.items[1].threads.items[0] = other;
	assert_int_equal(wb_inward_restore(u, &err), 0);
	assert_int_equal(note(other, &again, &err), 0);
	assert_int_equal(again.units.items[0].inward.n, 2);
	/* This one is for ever, so taking it back fails. */
	u->inward.items[0].value = 0;
	assert_int_equal(wb_inward_restore(u, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "write-execute"));
	end(other);
	/* A thread that has ended needs none. */
	assert_int_equal(wb_inward_restore(u, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_keyrings),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
