// SPDX-License-Identifier: LGPL-2.1-or-later
/* The library that is loaded into CRIU. `cat` stands in for CRIU. */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criu/run.h"
#include "fake-files.h"
#include "sys/sys.h"

static const struct fake_file linux_6_12[] = {{"/proc/net/udp", ""}, {"/proc/net/udplite", ""}, {}};
static const struct fake_file linux_7_2[] = {{"/proc/net/udp", ""}, {}};

/* On the real machine, but for what lies in /proc. */
static void preload(struct wb_criu_run *r, const struct fake_file *proc,
	const struct wb_criu_image *image, struct wb_strv *env)
{
	struct wb_files files = fake_files(proc);
	struct wb_sys sys = *wb_sys_real();

	sys.files = &files;
	wb_criu_run_init(r);
	r->sys = &sys;
	assert_int_equal(wb_criu_add_preload(r, image, env, NULL), 0);
	r->sys = wb_sys_real();
}

static void tells_whether_the_kernel_has_udp_lite(void **state)
{
	static const struct fake_file hidden[] = {{}};
	static const struct wb_criu_image image = {.main_pid = 451};
	const struct fake_file *cases[] = {linux_6_12, hidden, linux_7_2};

	for (int i = 0; i < 3; i++) {
		WB_CLEAN_STRV env = {};
		WB_CLEAN_CRIU_RUN r;

		preload(&r, cases[i], &image, &env);
		assert_int_equal(wb_strv_has(&env, "WARMBOOT_NO_UDP_LITE=1"), i == 2);
	}
}

static void needs_no_proc_as_a_rule(void **state)
{
	static const struct wb_criu_image image = {.main_pid = 451};
	WB_CLEAN_STRV env = {};
	WB_CLEAN_CRIU_RUN r;

	preload(&r, linux_6_12, &image, &env);
	assert_int_equal(env.n, 1);
	assert_int_equal(strncmp(env.items[0], "LD_PRELOAD=", 11), 0);
	assert_int_equal(r.proc, -1);
}

static void tells_criu_of_sockets(void **state)
{
	int64_t inodes[] = {12, 345};
	const struct wb_criu_image image = {.main_pid = 451, .unread = {inodes, 2}};
	const int fds[] = {3, 17};
	WB_CLEAN_STRV env = {}, none = {};
	WB_CLEAN_CRIU_RUN r;
	char want[64];

	wb_criu_run_init(&r);
	r.sys = wb_sys_real();
	assert_int_equal(wb_criu_add_handed(NULL, 0, &none), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(wb_criu_add_handed(fds, 2, &env), 0);
	assert_int_equal(wb_criu_add_preload(&r, &image, &env, NULL), 0);
	snprintf(want, sizeof(want), "WARMBOOT_SOCKETS=%d:3,17", (int)getpid());
	assert_string_equal(env.items[0], want);
	assert_string_equal(env.items[1], "WARMBOOT_UNREAD=12,345");
}

/* In the child: a mount namespace with a /proc as ProcSubset=pid makes it. */
static void enter_sandbox(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("proc", "/proc", "proc", 0, "subset=pid") < 0)
		_exit(99);
}

/* The output of "cat PATH" in such a sandbox; the status of cat, 99: there are no such sandboxes here. */
static int cat(const struct wb_criu_run *r, char *const *env, const char *path, char *buf, size_t n)
{
	char *argv[] = {(char *)"cat", (char *)path, NULL};
	int out[2], status;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		enter_sandbox();
		dup2(out[1], 1);
		close(2);
		if (r->proc >= 0)
			fcntl(r->proc, F_SETFD, 0);
		execve("/bin/cat", argv, env);
		_exit(98);
	}
	close(out[1]);
	got = read(out[0], buf, n - 1);
	buf[got > 0 ? got : 0] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void shows_criu_a_whole_proc(void **state)
{
	static const struct wb_criu_image image = {.main_pid = 451, .part_of_proc = true};
	static char *const none[] = {NULL};
	WB_CLEAN_STRV env = {};
	struct wb_error err = {};
	WB_CLEAN_CRIU_RUN r;
	char text[64];

	wb_criu_run_init(&r);
	r.sys = wb_sys_real();
	if (geteuid() || cat(&r, none, "/etc/os-release", text, sizeof(text)) == 99)
		skip();
	/* The sandbox hides it without the library. */
	assert_int_equal(cat(&r, none, "/proc/sys/kernel/ostype", text, sizeof(text)), 1);
	assert_int_equal(wb_criu_add_preload(&r, &image, &env, &err), 0);
	assert_int_equal(cat(&r, env.items, "/proc/sys/kernel/ostype", text, sizeof(text)), 0);
	assert_string_equal(text, "Linux\n");
	/* A process is itself in it, and other paths are as before. */
	assert_int_equal(cat(&r, env.items, "/proc/self/comm", text, sizeof(text)), 0);
	assert_string_equal(text, "cat\n");
	assert_int_equal(cat(&r, env.items, "/procession", text, sizeof(text)), 1);
}

/* A task of CRIU's has closed the descriptor, and the number is that of a file of the unit. */
static void trusts_no_other_file_under_that_number(void **state)
{
	static char *const none[] = {NULL};
	WB_CLEAN_STRV env = {};
	static const struct wb_criu_image image = {.main_pid = 451, .part_of_proc = true};
	struct wb_error err = {};
	WB_CLEAN_CRIU_RUN r;
	char text[64];
	int root;

	wb_criu_run_init(&r);
	r.sys = wb_sys_real();
	if (geteuid() || cat(&r, none, "/etc/os-release", text, sizeof(text)) == 99)
		skip();
	assert_int_equal(wb_criu_add_preload(&r, &image, &env, &err), 0);
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0 && dup2(root, r.proc) == r.proc);
	close(root);
	assert_int_equal(cat(&r, env.items, "/proc/etc/os-release", text, sizeof(text)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_whether_the_kernel_has_udp_lite),
		cmocka_unit_test(needs_no_proc_as_a_rule),
		cmocka_unit_test(tells_criu_of_sockets),
		cmocka_unit_test(shows_criu_a_whole_proc),
		cmocka_unit_test(trusts_no_other_file_under_that_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
