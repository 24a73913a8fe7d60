// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files of a kept unit, from a store that crossed a jump, onto the real file system. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fake-store.h"
#include "files/put.h"
#include "sys/below.h"
#include "unit.h"

struct fixture {
	struct fake_store machine;
	struct wb_store *store;
	char dir[64];
	char text[8192];
};

static bool on_tmpfs(const char *path)
{
	WB_CLEAN_FD fd = open(path, O_PATH | O_CLOEXEC);

	return fd >= 0 && wb_is_volatile(fd);
}

static int setup(void **state)
{
	static struct fixture f;
	struct wb_error err = {};

	f = (struct fixture){};
	fake_store_init(&f.machine);
	/* Files are put back on a tmpfs only. */
	snprintf(f.dir, sizeof(f.dir), "/dev/shm/wb-test.XXXXXX");
	if (!mkdtemp(f.dir) || !on_tmpfs(f.dir))
		return -1;
	if (wb_store_create(&f.machine.env, "carve", 1 << 20, &f.store, &err) < 0)
		fail_msg("%s", err.text);
	*state = &f;
	return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	wb_store_close(f->store);
	fake_store_deinit(&f->machine);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *contents)
{
	struct wb_error err = {};

	if (wb_store_put(f->store, name, wb_text(contents), &err) < 0)
		fail_msg("%s", err.text);
}

static void cross(struct fixture *f)
{
	struct wb_error err = {};

	assert_int_equal(wb_store_seal(f->store, &err), 0);
	fake_store_jump(&f->machine, wb_store_load(f->store));
	wb_store_close(f->store);
	f->store = NULL;
	if (wb_store_attach(&f->machine.env, &f->store, &err) < 0)
		fail_msg("%s", err.text);
}

/* A path below the test's own directory, in storage of the fixture. */
static char *path(struct fixture *f, const char *below)
{
	size_t have = 0;
	char *p;

	while (f->text[have])
		have += strlen(f->text + have) + 1;
	p = f->text + have;
	snprintf(p, sizeof(f->text) - have - 1, "%s/%s", f->dir, below);
	return p;
}

static void reads(const char *at, const char *want)
{
	char text[64] = "";
	FILE *file = fopen(at, "r");

	if (!file)
		fail_msg("no %s", at);
	assert_true(fread(text, 1, sizeof(text) - 1, file) == strlen(want));
	fclose(file);
	assert_string_equal(text, want);
}

#define ME .uid = (int64_t)getuid(), .gid = (int64_t)getgid()
#define UNIT(list, count)                                                        \
	{                                                                        \
		.unit = (char *)"foo.service", .files = {list, count}, .uids = { \
			(int64_t[]){(int64_t)getuid(), 12345},                   \
			2                                                        \
		}                                                                \
	}

static void write_text(const char *at, const char *text)
{
	FILE *file = fopen(at, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void revived(struct fixture *f, const struct wb_manifest_unit *u)
{
	struct wb_error err = {};

	if (wb_put_files(f->store, u, -1, &err) < 0)
		fail_msg("%s", err.text);
}

/* With this sentence. */
static void refused(struct fixture *f, const struct wb_manifest_unit *u, int code, const char *why)
{
	struct wb_error err = {};
	int r = wb_put_files(f->store, u, -1, &err);

	if (r != code || !strstr(err.text, why))
		fail_msg("%d: %s", r, err.text);
}

static void test_put_back(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "run"), .mode = 0700, ME, .directory = true, .parent = true},
		{.path = path(f, "run/foo"), .mode = 0750, ME, .directory = true},
		{.path = path(f, "run/foo/pid"),
			.mode = 0640,
			ME,
			.mtime_ns = 1500000000000000000,
			.object = "foo/file/0"},
		{.path = path(f, "run/foo/empty"), .mode = 0600, ME, .mtime_ns = -1500000000},
		{.path = path(f, "run/foo/link"), .mode = 0777, ME, .target = "pid"},
		{.path = path(f, "run/foo/again"),
			.mode = 0640,
			ME,
			.link = path(f, "run/foo/pid")},
		{.path = path(f, "run/foo/fifo"), .mode = 0620, ME, .fifo = true},
		{.path = path(f, "deep"), .mode = 0711, ME, .directory = true, .parent = true},
		{.path = path(f, "deep/er"), .mode = 02700, ME, .directory = true, .parent = true},
		{.path = path(f, "deep/er/that"), .mode = 0600, ME, .object = "foo/file/1"},
	};
	const struct wb_manifest_unit u = UNIT(files, 10);
	char target[64] = "";
	struct stat st;

	put(f, "foo/file/0", "4711\n");
	put(f, "foo/file/1", "deep");
	cross(f);
	/* One that is there already gives way. */
	assert_int_equal(mkdir(path(f, "run"), 0755), 0);
	assert_int_equal(mkdir(files[1].path, 0700), 0);
	assert_int_equal(symlink("/nowhere", files[4].path), 0);
	revived(f, &u);
	reads(files[2].path, "4711\n");
	reads(files[3].path, "");
	reads(files[5].path, "4711\n");
	reads(files[9].path, "deep");
	assert_int_equal(stat(files[6].path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_int_equal(stat(files[1].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(files[2].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_sec, 1500000000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(stat(files[3].path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	assert_int_equal(stat(files[9].path, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 0);
	assert_true(readlink(files[4].path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "pid");
	/* Existing directories on the way keep their mode; missing ones get the old one. */
	assert_int_equal(stat(files[0].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(files[7].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(stat(files[8].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02700);
}

/* Another unit that is back may have it mapped: the same file, and not a byte of the old one more. */
static void test_replaced_in_place(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "shm/full"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "shm/empty"), .mode = 0600, ME},
	};
	const struct wb_manifest_unit u = UNIT(files, 2);
	struct stat before[2], after;

	put(f, "foo/file/0", "new");
	cross(f);
	assert_int_equal(mkdir(path(f, "shm"), 0755), 0);
	for (int i = 0; i < 2; i++) {
		write_text(files[i].path, "what was there");
		assert_int_equal(stat(files[i].path, &before[i]), 0);
	}
	revived(f, &u);
	reads(files[0].path, "new");
	reads(files[1].path, "");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stat(files[i].path, &after), 0);
		assert_int_equal(after.st_ino, before[i].st_ino);
	}
}

static void test_no_links(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "way/pid"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "pid"), .mode = 0600, ME, .object = "foo/file/0"},
	};
	struct wb_manifest_unit u = UNIT(files, 1);

	put(f, "foo/file/0", "x");
	cross(f);
	/* The owner of a directory on the path must not lead root elsewhere. */
	assert_int_equal(mkdir(path(f, "real"), 0755), 0);
	assert_int_equal(symlink("real", path(f, "way")), 0);
	refused(f, &u, -ELOOP, "/way/pid back: a link or a file is on the way");
	assert_int_not_equal(access(path(f, "real/pid"), F_OK), 0);
	u.files.items = &files[1];
	assert_int_equal(symlink("elsewhere", files[1].path), 0);
	refused(f, &u, -EEXIST, "what is there is no file");
	assert_int_not_equal(access(path(f, "elsewhere"), F_OK), 0);
}

/* A directory with unknown owner and mode is not made. */
static void test_no_directory(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file file = {.path = path(f, "gone/x"), .mode = 0600, ME};
	const struct wb_manifest_unit u = UNIT(&file, 1);

	cross(f);
	refused(f, &u, -ENOENT, "its directory is not there");
	assert_int_not_equal(access(path(f, "gone"), F_OK), 0);
}

/* A place that was a tmpfs is a disk in this boot, or the machine's /dev, which has the type of one. */
static void test_on_a_disk(void **state)
{
	static const char *const disks[] = {"/tmp", "/var/tmp", "."};
	struct fixture *f = *state;
	char dir[4200] = "", below[4300], dev[] = "/dev/wb-test-file";
	struct wb_manifest_file files[] = {
		{.path = below, .mode = 0666, ME, .object = "foo/file/0"},
		{.path = below, .mode = 0777, ME, .directory = true},
		{.path = below, .mode = 0777, ME, .directory = true, .parent = true},
		{.path = below, .mode = 0777, ME, .target = "x"},
		{.path = below, .mode = 0666, ME, .fifo = true},
		{.path = dev, .mode = 0666, ME, .object = "foo/file/0"},
	};
	struct wb_manifest_unit u = UNIT(files, 1);

	put(f, "foo/file/0", "x");
	cross(f);
	for (int i = 0; i < 3 && !*dir; i++) {
		char *whole = realpath(disks[i], NULL);

		if (whole && !on_tmpfs(whole)) {
			snprintf(dir, sizeof(dir), "%s/wb-test.XXXXXX", whole);
			if (!mkdtemp(dir))
				*dir = 0;
		}
		free(whole);
	}
	if (!*dir)
		skip();
	snprintf(below, sizeof(below), "%s/x", dir);
	for (size_t i = 0; i < 5; i++) {
		u.files.items = &files[i];
		refused(f, &u, -EXDEV, "it would not lie on a tmpfs any more");
		assert_int_not_equal(access(below, F_OK), 0);
	}
	/* Nor is anything that is there changed. */
	write_text(below, "old");
	u.files.items = &files[0];
	refused(f, &u, -EXDEV, "it would not lie on a tmpfs any more");
	reads(below, "old");
	assert_int_equal(unlink(below), 0);
	snprintf(below, sizeof(below), "%s", dir);
	u.files.items = &files[1];
	refused(f, &u, -EXDEV, "it would not lie on a tmpfs any more");
	assert_int_equal(rmdir(dir), 0);
	if (access("/dev", W_OK) < 0)
		return;
	u.files.items = &files[5];
	refused(f, &u, -EXDEV, "it would not lie on a tmpfs any more");
	assert_int_not_equal(access(dev, F_OK), 0);
}

/* Another user has made a further name of a file of root's, or of the service's, at this path. */
static void test_further_names_are_not_written_to(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file file = {
		.path = path(f, "x"), .mode = 0606, ME, .object = "foo/file/0"};
	const struct wb_manifest_unit u = UNIT(&file, 1);
	struct stat st;

	put(f, "foo/file/0", "new");
	cross(f);
	write_text(path(f, "victim"), "precious");
	assert_int_equal(chmod(path(f, "victim"), 0600), 0);
	assert_int_equal(link(path(f, "victim"), file.path), 0);
	revived(f, &u);
	reads(path(f, "victim"), "precious");
	assert_int_equal(stat(path(f, "victim"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	reads(file.path, "new");
}

/*
 * A further name is linked to the file that was put back in this pass, and not to any other at its
 * first name.
 */
static void test_names_of_other_files(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "mine"), .mode = 0600, ME},
		{.path = path(f, "again"), .mode = 0600, ME, .link = path(f, "victim")},
	};
	const struct wb_manifest_unit u = UNIT(files, 2);
	struct stat st;

	cross(f);
	write_text(path(f, "victim"), "precious");
	refused(f, &u, -ENOENT, "/victim was not put back before it");
	assert_int_equal(stat(path(f, "victim"), &st), 0);
	assert_int_equal(st.st_nlink, 1);
}

/* A file of another kind at that path stays. */
static void test_another_kind(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "x"), .mode = 0777, ME, .target = "y"},
		{.path = path(f, "x"), .mode = 0600, ME, .fifo = true},
		{.path = path(f, "x"), .mode = 0600, ME, .directory = true},
		{.path = path(f, "d"), .mode = 0600, ME},
	};
	struct wb_manifest_unit u = UNIT(files, 1);

	cross(f);
	write_text(path(f, "x"), "precious");
	assert_int_equal(mkdir(path(f, "d"), 0700), 0);
	refused(f, &u, -EEXIST, "of another kind");
	u.files.items = &files[1];
	refused(f, &u, -EEXIST, "of another kind");
	u.files.items = &files[2];
	refused(f, &u, -EEXIST, "no directory");
	u.files.items = &files[3];
	refused(f, &u, -EEXIST, "no file");
	reads(path(f, "x"), "precious");
}

/* A user who can make files in /dev/shm or /tmp can make one beforehand, and keep it open. */
static void test_another_user(void **state)
{
	struct fixture *f = *state;
	const int64_t other = 12345;
	struct wb_manifest_file files[] = {
		{.path = path(f, "x"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "d"), .mode = 0700, ME, .directory = true},
		{.path = path(f, "d"), .mode = 0700, ME, .directory = true, .parent = true},
		{.path = path(f, "l"), .mode = 0777, ME, .target = "x"},
		{.path = path(f, "p"), .mode = 0600, ME, .fifo = true},
		{.path = path(f, "roots"),
			.mode = 0700,
			.uid = other,
			.gid = other,
			.directory = true},
	};
	struct wb_manifest_unit u = UNIT(files, 1);
	struct stat st;

	if (getuid())
		skip();
	put(f, "foo/file/0", "secret");
	cross(f);
	write_text(path(f, "x"), "old");
	assert_int_equal(mkdir(path(f, "d"), 0777), 0);
	assert_int_equal(mkfifo(path(f, "p"), 0666), 0);
	assert_int_equal(symlink("elsewhere", path(f, "l")), 0);
	for (size_t i = 0; i < 5; i++) {
		u.files.items = &files[i];
		assert_int_equal(lchown(files[i].path, (uid_t)other, (gid_t)other), 0);
		refused(f, &u, -EEXIST, "belongs to user 12345");
		assert_int_equal(lstat(files[i].path, &st), 0);
		assert_int_equal(st.st_uid, other);
	}
	reads(path(f, "x"), "old");
	/*
	 * A file that systemd has made for root goes to the service again, where nobody else could
	 * have made it.
	 */
	u.files.items = &files[5];
	assert_int_equal(mkdir(files[5].path, 0755), 0);
	assert_int_equal(chmod(f->dir, 01777), 0);
	refused(f, &u, -EEXIST, "belongs to user 0");
	assert_int_equal(chmod(f->dir, 0755), 0);
	revived(f, &u);
	assert_int_equal(stat(files[5].path, &st), 0);
	assert_int_equal(st.st_uid, other);
}

/* It had a file of root's open for reading: this boot's file is not replaced by the last boot's. */
static void test_files_of_others_stay(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "there"), .mode = 0666, ME, .object = "foo/file/0"},
		{.path = path(f, "d"), .mode = 0777, ME, .directory = true},
		{.path = path(f, "gone"), .mode = 0644, ME, .object = "foo/file/0"},
	};
	struct wb_manifest_unit u = UNIT(files, 3);
	struct stat st;

	put(f, "foo/file/0", "old");
	cross(f);
	write_text(files[0].path, "new");
	assert_int_equal(chmod(files[0].path, 0600), 0);
	assert_int_equal(mkdir(files[1].path, 0700), 0);
	u.uids.items[0] = 12346;
	revived(f, &u);
	reads(files[0].path, "new");
	assert_int_equal(stat(files[0].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(files[1].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	reads(files[2].path, "old");
}

/* A default access control list of a directory does not open new files to others. */
static void test_no_list_of_who_may(void **state)
{
	/* linux/posix_acl_xattr.h: version 2; the owner, user 12345, the group, the mask, others. */
	static const uint8_t list[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 0x39,
		0x30, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0,
		0, 0, 255, 255, 255, 255};
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "d/x"), .mode = 0660, ME},
		{.path = path(f, "d/sub"), .mode = 0770, ME, .directory = true},
		{.path = path(f, "d/fifo"), .mode = 0660, ME, .fifo = true},
	};
	const struct wb_manifest_unit u = UNIT(files, 3);

	cross(f);
	assert_int_equal(mkdir(path(f, "d"), 0755), 0);
	if (setxattr(path(f, "d"), "system.posix_acl_default", list, sizeof(list), 0) < 0)
		skip();
	revived(f, &u);
	for (int i = 0; i < 3; i++) {
		assert_true(getxattr(files[i].path, "system.posix_acl_access", NULL, 0) < 0);
		assert_true(getxattr(files[i].path, "system.posix_acl_default", NULL, 0) < 0);
	}
}

/* A sandbox: a process with mounts of its own, which `make` makes. *ret_pid to be killed. */
static int sandbox(struct fixture *f, bool (*make)(struct fixture *f), pid_t *ret_pid)
{
	int done[2], ns;
	char name[64], c;

	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		alarm(60);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !make(f) ||
			write(done[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(done[1]);
	if (read(done[0], &c, 1) != 1)
		skip();
	close(done[0]);
	snprintf(name, sizeof(name), "/proc/%d/ns/mnt", (int)*ret_pid);
	ns = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(ns >= 0);
	return ns;
}

static bool make_read_only(struct fixture *f)
{
	const char *run = path(f, "run");

	return mount(run, run, NULL, MS_BIND, NULL) == 0 &&
	       mount(NULL, run, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0;
}

static bool make_run(struct fixture *f)
{
	return mount("t", "/run", "tmpfs", 0, NULL) == 0 && mkdir("/run/systemd", 0755) == 0 &&
	       mkdir("/run/systemd/system", 0755) == 0;
}

/* systemd would load it, stale as it is, because an unprivileged service had it open. */
static void test_what_managers_act_on(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = (char *)"/run/systemd/system",
			.mode = 0755,
			.directory = true,
			.parent = true},
		{.path = (char *)"/run/systemd/system/x.service.d",
			.mode = 0755,
			.directory = true,
			.parent = true},
		{.path = (char *)"/run/systemd/system/x.service",
			.mode = 0644,
			.object = "foo/file/0"},
	};
	struct wb_manifest_unit u = {.unit = (char *)"foo.service", .files = {files, 1}};
	int64_t user = 12345;
	struct wb_error err = {};
	pid_t pid;
	int ns;

	put(f, "foo/file/0", "[Service]\nExecStart=/bin/true\n");
	cross(f);
	ns = sandbox(f, make_run, &pid);
	*(int64_t *)wb_list_add(&u.uids, sizeof(user)) = user;
	assert_int_equal(wb_put_files(f->store, &u, ns, &err), 0);
	for (size_t i = 1; i < 3; i++) {
		u.files.items = &files[i];
		err = (struct wb_error){};
		assert_int_equal(wb_put_files(f->store, &u, ns, &err), -EPERM);
		assert_non_null(strstr(err.text, "it is not the service's to make there"));
	}
	/* A service of root's made it itself. */
	u.uids.items[0] = 0;
	assert_int_equal(wb_put_files(f->store, &u, ns, &err), 0);
	free(u.uids.items);
	close(ns);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ProtectSystem=strict: only missing files are made from outside. */
static void test_read_only_inside(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file files[] = {
		{.path = path(f, "run"), .mode = 0755, ME, .directory = true, .parent = true},
		{.path = path(f, "run/there"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "run/gone"), .mode = 0600, ME, .object = "foo/file/0"},
		{.path = path(f, "run/d"), .mode = 0711, ME, .directory = true, .parent = true},
		{.path = path(f, "run/d/x"), .mode = 0600, ME, .object = "foo/file/0"},
	};
	const struct wb_manifest_unit u = UNIT(files, 5);
	struct wb_error err = {};
	struct stat st;
	pid_t pid;
	int ns, r;

	put(f, "foo/file/0", "old");
	cross(f);
	assert_int_equal(mkdir(files[0].path, 0755), 0);
	write_text(files[1].path, "new");
	ns = sandbox(f, make_read_only, &pid);
	r = wb_put_files(f->store, &u, ns, &err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ns);
	if (r < 0)
		fail_msg("%s", err.text);
	reads(files[1].path, "new");
	reads(files[2].path, "old");
	assert_int_equal(stat(files[3].path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	reads(files[4].path, "old");
}

static bool make_another(struct fixture *f)
{
	const char *run = path(f, "run");

	return mount("none", run, "tmpfs", 0, "mode=755") == 0 &&
	       mount(NULL, run, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

/* /run of the sandbox is not /run of the machine. */
static void test_elsewhere_inside(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file file = {
		.path = path(f, "run/x"), .mode = 0600, ME, .object = "foo/file/0"};
	const struct wb_manifest_unit u = UNIT(&file, 1);
	struct wb_error err = {};
	pid_t pid;
	int ns, r;

	put(f, "foo/file/0", "old");
	cross(f);
	assert_int_equal(mkdir(path(f, "run"), 0755), 0);
	ns = sandbox(f, make_another, &pid);
	r = wb_put_files(f->store, &u, ns, &err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ns);
	assert_int_not_equal(access(file.path, F_OK), 0);
	assert_int_equal(r, -EXDEV);
	assert_non_null(strstr(err.text, "the sandbox has another directory there"));
}

static void test_lost(void **state)
{
	struct fixture *f = *state;
	struct wb_manifest_file file = {
		.path = path(f, "pid"), .mode = 0600, ME, .object = "foo/file/7"};
	const struct wb_manifest_unit u = UNIT(&file, 1);
	struct wb_error err = {};

	put(f, "foo/file/0", "x");
	cross(f);
	assert_int_equal(wb_put_files(f->store, &u, -1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "foo/file/7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_on_a_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_further_names_are_not_written_to, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_of_other_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_user, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_of_others_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_list_of_who_may, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elsewhere_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_managers_act_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
