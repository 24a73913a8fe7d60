// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files are known again by themselves, and not by their paths. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-ns.h"
#include "files/opened.h"
#include "manifest/manifest.h"
#include "survey/externals.h"
#include "sys/sys.h"

#define ID(fs_, inode_, made)                                                      \
	{                                                                          \
		.kind = S_IFREG, .fs = (fs_), .inode = (inode_), .made_ns = (made) \
	}

static void only_what_they_had(void **state)
{
	struct wb_manifest_open had[] = {
		{"/dev/null", 6, {.kind = S_IFCHR, .fs = TMPFS_MAGIC, .device = 0x103}},
		{"/etc/passwd", 4, ID(EXT4_SUPER_MAGIC, 12, 500)},
		{"/run/x/pid", 4, ID(TMPFS_MAGIC, 3, 900)},
		{"/run/x/pid", 6, ID(TMPFS_MAGIC, 3, 900)},
		{"/var/lib/x", 0,
			{.kind = S_IFDIR, .fs = EXT4_SUPER_MAGIC, .inode = 8, .made_ns = 1}},
		{"/var/lib/x/mine", 6, ID(EXT4_SUPER_MAGIC, 77, 1000)},
		{"/var/lib/x/old (deleted)", 6, ID(EXT4_SUPER_MAGIC, 78, 1000)},
	};
	const struct wb_manifest_unit u = {.opened = {had, sizeof(had) / sizeof(*had)}};
	static const struct {
		struct wb_manifest_open file;
		bool gone, has;
	} cases[] = {
		{{"/var/lib/x/mine", 6, ID(EXT4_SUPER_MAGIC, 77, 1000)}, false, true},
		{{"/var/lib/x/mine", 4, ID(EXT4_SUPER_MAGIC, 77, 1000)}, false, true},
		/* Another one in its place, even with the same number. */
		{{"/var/lib/x/mine", 6, ID(EXT4_SUPER_MAGIC, 79, 1000)}, false, false},
		{{"/var/lib/x/mine", 6, ID(EXT4_SUPER_MAGIC, 77, 2000)}, false, false},
		{{"/var/lib/x/mine", 6, ID(XFS_SUPER_MAGIC, 77, 1000)}, false, false},
		{{"/var/lib/x/mine", 6,
			 {.kind = S_IFIFO, .fs = EXT4_SUPER_MAGIC, .inode = 77, .made_ns = 1000}},
			false, false},
		/* A link leads to the file, but with less access. */
		{{"/etc/passwd", 4, ID(EXT4_SUPER_MAGIC, 12, 500)}, false, true},
		{{"/etc/passwd", 6, ID(EXT4_SUPER_MAGIC, 12, 500)}, false, false},
		{{"/etc/shadow", 6, ID(EXT4_SUPER_MAGIC, 13, 500)}, false, false},
		/* Files that each boot makes again are recognised by their path and file system. */
		{{"/run/x/pid", 6, ID(TMPFS_MAGIC, 9, 7000)}, false, true},
		{{"/run/x/secret", 6, ID(TMPFS_MAGIC, 9, 7000)}, false, false},
		{{"/run/x/pid", 6, ID(EXT4_SUPER_MAGIC, 9, 7000)}, false, false},
		{{"/dev/null", 2, {.kind = S_IFCHR, .fs = TMPFS_MAGIC, .device = 0x103}}, false,
			true},
		{{"/dev/null", 2, {.kind = S_IFCHR, .fs = TMPFS_MAGIC, .device = 0x101}}, false,
			false},
		/* CRIU uses another name, which is gone; the inode is the same. */
		{{"/var/lib/x/link_remap.4 (deleted)", 6, ID(EXT4_SUPER_MAGIC, 78, 1000)}, true,
			true},
		{{"/var/lib/x/link_remap.4 (deleted)", 6, ID(EXT4_SUPER_MAGIC, 80, 1000)}, true,
			false},
		{{"/var/lib/x/link_remap.4", 6, ID(EXT4_SUPER_MAGIC, 78, 1000)}, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(wb_opened_has(&u, &cases[i].file, cases[i].gone), cases[i].has);
}

static struct wb_identity at(const char *path)
{
	struct wb_identity id = {};
	uint64_t links = 0;
	int fd = open(path, O_PATH | O_CLOEXEC);

	assert_int_equal(wb_identity_of(fd, &id, &links), 0);
	assert_true(links > 0);
	close(fd);
	return id;
}

/*
 * The test may run on any file system: one that keeps inode numbers distinguishes a file from its
 * successor.
 */
static void a_file_is_not_its_successor(void **state)
{
	char path[] = "/var/tmp/wb-test.XXXXXX";
	int fd = mkstemp(path);
	struct wb_identity first, null;

	assert_true(fd >= 0);
	first = at(path);
	null = at("/dev/null");
	assert_int_equal(first.kind, S_IFREG);
	assert_int_equal(null.kind, S_IFCHR);
	assert_false(wb_identity_lasts(&null));
	assert_true(wb_identity_same(&first,
		&(struct wb_identity){first.kind, first.fs, first.inode, first.made_ns, 0}));
	assert_false(wb_identity_same(&first, &null));
	close(fd);
	unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	if (wb_identity_lasts(&first)) {
		struct wb_identity second = at(path);

		assert_false(wb_identity_same(&first, &second));
	}
	close(fd);
	unlink(path);
	assert_int_equal(wb_identity_of(-1, &first, NULL), -EBADF);
}

/* This process, whose mounts are not known: all its files are outside. */
static void what_lies_outside_is_compared_with_its_name(void **state)
{
	char same[] = "/tmp/wb-same.XXXXXX", other[] = "/tmp/wb-other.XXXXXX";
	struct fake_ns fake = {};
	const struct wb_ns_ops machine = fake_ns_ops(&fake);
	struct wb_proc_fd fds[3] = {{.fd = mkstemp(same)}, {.fd = mkstemp(other)}};
	struct wb_proc self = {.pid = getpid(), .fds = {fds, 3}};
	struct wb_procs procs = {&self, 1};
	char text[128];
	struct wb_unit_text definition = {.text = text};
	const struct wb_unit_texts texts = {&definition, 1};
	int taken;

	snprintf(text, sizeof(text), "[Service]\nStandardOutput=file:%s\nStandardError=file:%s\n",
		same, other);
	fds[0].link = same;
	fds[1].link = other;
	/* Closed meanwhile. */
	fds[2] = (struct wb_proc_fd){.fd = 1 << 20, .link = (char *)"/dev/null"};
	assert_true(fds[0].fd >= 0 && fds[1].fd >= 0);
	assert_int_equal(unlink(other), 0);
	taken = open(other, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	/* Nothing is opened by this name. */
	wb_externals_find(&procs, NULL, &machine);
	assert_false(fds[0].machines);
	wb_externals_find(&procs, &texts, &machine);
	unlink(same);
	unlink(other);
	assert_true(fds[0].machines);
	assert_true(fds[0].identity.inode != 0);
	assert_false(fds[1].machines);
	assert_false(fds[2].machines);
	close((int)fds[0].fd);
	close((int)fds[1].fd);
	close(taken);
}

static pid_t start(const char *path, int flags)
{
	pid_t pid;
	int pipes[2];
	char c;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, flags);

		if (fd >= 0 && write(pipes[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	close(pipes[0]);
	close(pipes[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A process is gone, and the restored one has opened another file by the same path. */
static void what_came_back_is_held_against_what_was(void **state)
{
	char dir[] = "/tmp/wb-test.XXXXXX", mine[64], secret[64], cmd[64];
	struct wb_manifest_unit u = {};
	struct wb_manifest m = {};
	struct wb_error err = {};
	pid_t pid;
	int r;

	assert_non_null(mkdtemp(dir));
	snprintf(mine, sizeof(mine), "%s/mine", dir);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	close(open(mine, O_CREAT | O_RDWR, 0600));
	close(open(secret, O_CREAT | O_RDWR, 0600));
	pid = start(mine, O_RDONLY);
	*(int64_t *)wb_list_add(&u.pids, sizeof(int64_t)) = u.main_pid = pid;
	r = wb_opened_note(&u, &err);
	if (r == 0) {
		assert_true(u.opened.n > 2);
		assert_int_equal(wb_opened_check(&u, &err), 0);
		end(pid);
		/* For more than it was. */
		u.pids.items[0] = u.main_pid = pid = start(mine, O_RDWR);
		assert_int_equal(wb_opened_check(&u, &err), -EPERM);
		assert_non_null(strstr(err.text, mine));
		end(pid);
		assert_int_equal(unlink(mine), 0);
		assert_int_equal(symlink(secret, mine), 0);
		u.pids.items[0] = u.main_pid = pid = start(mine, O_RDONLY);
		assert_int_equal(wb_opened_check(&u, &err), -EPERM);
		assert_non_null(strstr(err.text, secret));
		/* The child is in this control group, so it counts as restored. */
		wb_opened_kill(&u);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(wb_opened_check(&u, &err), -ESRCH);
	} else {
		/* Some roots may not examine mapped files (CAP_CHECKPOINT_RESTORE). */
		assert_int_equal(r, -EPERM);
		end(pid);
	}
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
	*(struct wb_manifest_unit *)wb_list_add(&m.units, sizeof(u)) = u;
	wb_manifest_deinit(&m);
	if (r < 0)
		skip();
}

static void groups_below_are_the_units_own(void **state)
{
	static const char ours[] = "0::/system.slice/x.service\n";

	assert_true(wb_opened_is_below(ours, ours));
	assert_true(wb_opened_is_below(ours, "0::/system.slice/x.service/job/a\n"));
	assert_true(wb_opened_is_below(
		"0::/system.slice/x.service/.control\n", "0::/system.slice/x.service/job\n"));
	assert_true(wb_opened_is_below("0::/system.slice/x.service/.control\n", ours));
	assert_false(wb_opened_is_below(ours, "0::/system.slice/x.service2\n"));
	assert_false(wb_opened_is_below(ours, "0::/system.slice\n"));
	assert_false(wb_opened_is_below(ours, ""));
	assert_false(wb_opened_is_below("0::/\n", "0::/system.slice\n"));
	assert_true(wb_opened_is_below("1:cpu:/a\n0::/a\n", "1:cpu:/a\n0::/a/b\n"));
	assert_false(wb_opened_is_below("1:cpu:/a\n0::/a\n", "1:cpu:/b\n0::/a/b\n"));
	assert_false(wb_opened_is_below("1:cpu:/a\n0::/a\n", "1:cpu:/a\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_below_are_the_units_own),
		cmocka_unit_test(only_what_they_had),
		cmocka_unit_test(a_file_is_not_its_successor),
		cmocka_unit_test(what_lies_outside_is_compared_with_its_name),
		cmocka_unit_test(what_came_back_is_held_against_what_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
