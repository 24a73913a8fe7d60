// SPDX-License-Identifier: LGPL-2.1-or-later
/* sys/namespaces.c: which namespaces may be entered. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-ns.h"

#define MACHINE(kind) (FAKE_NS_MACHINE + (kind))
#define GROUP "0::/system.slice/x.service\n"

/*
 * Namespaces of others: of systemd (root, on the machine), and of a service in its own user
 * namespace.
 */
enum { SANDBOX = 1, USERS, OF_USERS, USERS_OF_SERVICE, BELOW_USERS, LATER, STRANGE, UTS, TIME };

static const struct fake_ns_one ones[] = {
	{SANDBOX, WB_NS_MNT, .owner = MACHINE(WB_NS_USER)},
	{USERS, WB_NS_USER, .owner = MACHINE(WB_NS_USER), .parent = MACHINE(WB_NS_USER), .uid = 0},
	{OF_USERS, WB_NS_MNT, .owner = USERS},
	{USERS_OF_SERVICE, WB_NS_USER, .owner = MACHINE(WB_NS_USER), .parent = MACHINE(WB_NS_USER),
		.uid = 65534},
	{BELOW_USERS, WB_NS_USER, .owner = USERS, .parent = USERS, .uid = 0},
	{LATER, WB_NS_PID, .owner = MACHINE(WB_NS_USER)},
	{STRANGE, WB_NS_NET, .owner = 0},
	{UTS, WB_NS_UTS, .owner = USERS_OF_SERVICE},
	{TIME, WB_NS_TIME, .owner = MACHINE(WB_NS_USER)},
	{},
};

static int open_of(const struct fake_ns_proc *proc, bool private_users, struct wb_error *err)
{
	const struct fake_ns_proc procs[] = {*proc, {}};
	struct fake_ns fake = {GROUP, procs, ones};
	const struct wb_ns_ops ops = fake_ns_ops(&fake);
	const struct wb_ns_whose whose = {
		"x.service", "/system.slice/x.service", private_users, proc->pid};
	struct wb_ns_set set = {};
	int r = wb_ns_open(&ops, &whose, &set, err);

	if (r == 0)
		assert_true(set.own[WB_NS_MNT] == !!proc->ns[WB_NS_MNT]);
	wb_ns_close(&set);
	wb_ns_close(&set);
	assert_int_equal(fake.fds, 0);
	return r;
}

static void only_what_root_has_made_is_entered(void **state)
{
	static const struct {
		struct fake_ns_proc proc;
		bool private_users;
		int result;
		const char *sentence;
	} cases[] = {
		{{7}, false, 0, NULL},
		{{7, .ns = {[WB_NS_MNT] = SANDBOX, [WB_NS_TIME] = TIME}}, false, 0, NULL},
		{{7, .ns = {[WB_NS_USER] = USERS, [WB_NS_MNT] = SANDBOX}}, true, 0, NULL},
		/* The unit does not ask for one. */
		{{7, .ns = {[WB_NS_USER] = USERS}}, false, -EPERM,
			"its process 7 has made a user namespace of its own"},
		/* A service makes its own, in the machine's, or in the one that it has. */
		{{7, .ns = {[WB_NS_USER] = USERS_OF_SERVICE}}, true, -EPERM,
			"made a user namespace"},
		{{7, .ns = {[WB_NS_USER] = BELOW_USERS}}, true, -EPERM, "made a user namespace"},
		/* A namespace that the user namespace of the unit owns is the service's. */
		{{7, .ns = {[WB_NS_USER] = USERS, [WB_NS_MNT] = OF_USERS}}, true, -EPERM,
			"its process 7 has made a mount namespace of its own"},
		/* And one that it makes, and stays in when it leaves the user namespace. */
		{{7, .ns = {[WB_NS_UTS] = UTS}}, false, -EPERM, "made a host name namespace"},
		{{7, .ns = {[WB_NS_NET] = STRANGE}}, false, -EPERM, "made a network namespace"},
		/* For those to come. */
		{{7, .pid_for_children = LATER}, false, -EPERM,
			"made a process number namespace for its children"},
		{{7, .pid_for_children = -1}, false, -EPERM, "namespace for its children"},
		/* It is no longer the one that was meant. */
		{{7, .gone = true}, false, -ESRCH, "no such process"},
		{{7, .cgroup = "0::/system.slice/y.service\n"}, false, -ESRCH,
			"is not one of x.service"},
		{{7, .cgroup = "0::/system.slice/x.service2\n"}, false, -ESRCH, "is not one of"},
		{{7, .cgroup = "0::/\n"}, false, -ESRCH, "is not one of"},
		{{7, .cgroup = ""}, false, -ESRCH, "is not one of"},
		{{7, .cgroup = "0::/system.slice/x.service/below\n"}, false, 0, NULL},
		{{7, .cgroup = "3:cpu:/\n1:name=systemd:/system.slice/x.service\n0::/\n"}, false, 0,
			NULL},
		{{7, .cgroup = "3:cpu:/system.slice/x.service\n0::/\n"}, false, -ESRCH,
			"is not one of"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_error err = {};

		assert_int_equal(
			open_of(&cases[i].proc, cases[i].private_users, &err), cases[i].result);
		if (cases[i].sentence)
			assert_non_null(strstr(err.text, cases[i].sentence));
	}
}

static void old_kernels_have_fewer(void **state)
{
	struct fake_ns fake = {GROUP, NULL, ones, .no_time = true};
	const struct wb_ns_ops ops = fake_ns_ops(&fake);
	const struct wb_ns_whose whose = {"x.service", "/system.slice/x.service", false, 7};
	struct wb_ns_set set = {};

	assert_int_equal(wb_ns_open(&ops, &whose, &set, NULL), 0);
	assert_int_equal(set.fds[WB_NS_TIME], -1);
	assert_int_equal(wb_ns_to_enter(&set, WB_NS_TIME), -1);
	wb_ns_close(&set);
}

static void what_the_caller_is_in_is_not_entered(void **state)
{
	const struct fake_ns_proc procs[] = {{7, .ns = {[WB_NS_MNT] = SANDBOX}}, {}};
	struct fake_ns fake = {GROUP, procs, ones};
	const struct wb_ns_ops ops = fake_ns_ops(&fake);
	const struct wb_ns_whose whose = {"x.service", "/system.slice/x.service", false, 7};
	struct wb_ns_set set = {};
	int root = -1;

	assert_int_equal(wb_ns_open(&ops, &whose, &set, NULL), 0);
	assert_int_equal(wb_ns_to_enter(&set, WB_NS_UTS), -1);
	assert_int_equal(wb_ns_to_enter(&set, WB_NS_MNT), set.fds[WB_NS_MNT]);
	wb_ns_close(&set);
	assert_int_equal(wb_ns_open_root(&ops, &whose, &root, NULL), 0);
	assert_true(root >= 0);
	assert_int_equal(fake.fds, 1);
}

static void no_root_of_who_is_not_trusted(void **state)
{
	const struct fake_ns_proc procs[] = {{7, .ns = {[WB_NS_USER] = USERS_OF_SERVICE}}, {}};
	struct fake_ns fake = {GROUP, procs, ones};
	const struct wb_ns_ops ops = fake_ns_ops(&fake);
	const struct wb_ns_whose whose = {"x.service", "/system.slice/x.service", true, 7};
	int root = -1;

	assert_int_equal(wb_ns_open_root(&ops, &whose, &root, NULL), -EPERM);
	assert_int_equal(root, -1);
	assert_int_equal(fake.fds, 0);
}

/* As systemd hands them over. */
static void what_was_kept_is_looked_at(void **state)
{
	struct fake_ns fake = {GROUP, NULL, ones};
	const struct wb_ns_ops ops = fake_ns_ops(&fake);
	const int at = 1 << 24;
	struct wb_error err = {};

	assert_int_equal(wb_ns_check(&ops, at | SANDBOX, WB_NS_MNT, "x.service", &err), 0);
	assert_int_equal(
		wb_ns_check(&ops, at | MACHINE(WB_NS_UTS), WB_NS_UTS, "x.service", &err), 0);
	assert_int_equal(wb_ns_check(&ops, at | SANDBOX, WB_NS_UTS, "x.service", &err), -EPERM);
	assert_non_null(strstr(err.text, "is no host name namespace"));
	assert_int_equal(wb_ns_check(&ops, at | OF_USERS, WB_NS_MNT, "x.service", &err), -EPERM);
	assert_int_equal(wb_ns_check(&ops, at | USERS, WB_NS_USER, "x.service", &err), -EPERM);
	assert_int_equal(wb_ns_check(&ops, 3, WB_NS_MNT, "x.service", &err), -EPERM);
}

/* This process is the machine here, because not every user may examine process 1. */
static int this_is_the_machine(void *ctx, int64_t pid)
{
	return wb_ns_ops_host.process(ctx, pid == 1 ? getpid() : pid);
}

/* The real thing: a child in namespaces of its own, as a service makes them. */
static void the_kernel_says_so_too(void **state)
{
	struct wb_ns_ops ops = wb_ns_ops_host;
	struct wb_ns_whose whose = {"x.service", NULL, false, 0};
	WB_CLEAN_BLOB text = {};
	struct wb_ns_set set = {};
	struct wb_error err = {};
	char group[4096] = "";
	int pipes[2], self, r;
	char c = 0;

	ops.process = this_is_the_machine;
	assert_int_equal(pipe(pipes), 0);
	whose.pid = fork();
	if (whose.pid == 0) {
		c = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
		if (write(pipes[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	self = ops.process(NULL, 1);
	assert_true(self >= 0);
	assert_int_equal(ops.read(NULL, self, "cgroup", &text), 0);
	close(self);
	(void)sscanf(strstr((char *)text.data, "::") ?: "", "::%4095s", group);
	whose.cgroup = group;
	r = wb_ns_open(&ops, &whose, &set, &err);
	kill((pid_t)whose.pid, SIGKILL);
	waitpid((pid_t)whose.pid, NULL, 0);
	if (!c)
		skip();
	assert_int_equal(r, -EPERM);
	assert_non_null(strstr(err.text, "has made a user namespace of its own"));
	assert_int_equal(wb_ns_open(&ops, &whose, &set, &err), -ESRCH);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_root_has_made_is_entered),
		cmocka_unit_test(old_kernels_have_fewer),
		cmocka_unit_test(what_the_caller_is_in_is_not_entered),
		cmocka_unit_test(no_root_of_who_is_not_trusted),
		cmocka_unit_test(what_was_kept_is_looked_at),
		cmocka_unit_test(the_kernel_says_so_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
