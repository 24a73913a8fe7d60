// SPDX-License-Identifier: LGPL-2.1-or-later
/* Saving a unit's files into a store; a directory is the unit's root here. */
#define _GNU_SOURCE
#include "unit.h"
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "fake-store.h"
#include "core/valid.h"
#include "files/take.h"
#include "sys/below.h"

struct fixture {
	struct fake_store machine;
	struct wb_store *store;
	struct wb_manifest m;
	struct wb_manifest_unit *u;
	struct wb_strv paths;
	struct wb_error err;
	char dir[64], root[72]; /* the unit's root lies in the first */
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fake_store_init(&f->machine);
	strcpy(f->dir, "/dev/shm/wb-test-take.XXXXXX");
	if (!mkdtemp(f->dir)) {
		strcpy(f->dir, "/tmp/wb-test-take.XXXXXX");
		assert_non_null(mkdtemp(f->dir));
	}
	snprintf(f->root, sizeof(f->root), "%s/root", f->dir);
	assert_int_equal(mkdir(f->root, 0755), 0);
	f->fd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	if (wb_store_create(&f->machine.env, "carve", 1 << 20, &f->store, &f->err) < 0)
		fail_msg("%s", f->err.text);
	f->u = wb_list_add(&f->m.units, sizeof(*f->u));
	f->u->images = strdup("u0/");
	*state = f;
	return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	nftw(f->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
	close(f->fd);
	wb_strv_deinit(&f->paths);
	wb_manifest_deinit(&f->m);
	wb_store_close(f->store);
	fake_store_deinit(&f->machine);
	free(f);
	return 0;
}

/* On this machine; of the few that were asked for last. */
static const char *at(const struct fixture *f, const char *path)
{
	static char text[4][4400];
	static int next;

	next = (next + 1) % 4;
	snprintf(text[next], sizeof(text[next]), "%s%s", f->root, path);
	return text[next];
}

static void put_file(const struct fixture *f, const char *name, const char *text)
{
	int fd = open(at(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void put_directory(const struct fixture *f, const char *name, mode_t mode)
{
	assert_int_equal(mkdir(at(f, name), mode), 0);
}

static void name(struct fixture *f, const char *path)
{
	assert_int_equal(wb_strv_add(&f->paths, path), 0);
}

static int take(struct fixture *f)
{
	return wb_take_files(f->fd, &f->paths, f->u, f->store, &f->err);
}

static uint64_t measure(struct fixture *f)
{
	uint64_t bytes = UINT64_MAX;

	if (wb_take_measure(f->fd, &f->paths, &bytes, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return bytes;
}

static void taken(struct fixture *f)
{
	if (take(f) < 0)
		fail_msg("%s", f->err.text);
}

/* The line of the list with this path; it must be there once. */
static const struct wb_manifest_file *line(const struct fixture *f, const char *path)
{
	const struct wb_manifest_file *found = NULL;

	for (size_t i = 0; i < f->u->files.n; i++) {
		if (strcmp(f->u->files.items[i].path, path) != 0)
			continue;
		if (found)
			fail_msg("%s is listed twice", path);
		found = &f->u->files.items[i];
	}
	if (!found)
		fail_msg("%s is not listed", path);
	return found;
}

static bool listed(const struct fixture *f, const char *path)
{
	for (size_t i = 0; i < f->u->files.n; i++)
		if (!strcmp(f->u->files.items[i].path, path))
			return true;
	return false;
}

static void holds(struct fixture *f, const char *path, const char *text)
{
	const struct wb_manifest_file *file = line(f, path);
	WB_CLEAN_BLOB got = {};

	assert_non_null(file->object);
	assert_int_equal(wb_store_read(f->store, file->object, 100, &got, &f->err), 0);
	assert_int_equal(got.size, strlen(text));
	assert_memory_equal(got.data, text, got.size);
}

static void needs_tmpfs(const struct fixture *f)
{
	if (!wb_is_volatile(f->fd))
		skip();
}

/* A semaphore: of its names one is gone, and two are left. */
static void names_of_one_file_are_taken_together(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	put_file(f, "/sem.a", "contents");
	put_file(f, "/sem.b", "");
	assert_int_equal(link(at(f, "/sem.a"), at(f, "/link_remap.1")), 0);
	assert_int_equal(stat(at(f, "/sem.a"), &st), 0);
	name(f, "/sem.a");
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_take_other_names(f->fd, "/sem.x", (int64_t)st.st_dev,
					 (int64_t)st.st_ino, &f->paths),
			0);
	assert_int_equal(wb_take_other_names(f->fd, "/gone/x", 1, 1, &f->paths), 0);
	assert_int_equal(f->paths.n, 2);
	assert_string_equal(f->paths.items[0], "/sem.a");
	assert_string_equal(f->paths.items[1], "/link_remap.1");
	/* Named twice, it is taken once. */
	name(f, "/sem.a");
	taken(f);
	assert_int_equal(f->u->files.n, 2);
	holds(f, "/sem.a", "contents");
	assert_null(line(f, "/sem.a")->link);
	assert_null(line(f, "/link_remap.1")->object);
	assert_string_equal(line(f, "/link_remap.1")->link, "/sem.a");
	assert_int_equal(measure(f), 4096);
}

static void files_are_taken_with_all_that_is_below(void **state)
{
	/* A second and a half before 1970. */
	const struct timespec before[] = {{-2, 500000000}, {-2, 500000000}};
	struct fixture *f = *state;

	put_directory(f, "/d", 0750);
	put_file(f, "/d/one", "contents");
	put_file(f, "/d/empty", "");
	assert_int_equal(utimensat(AT_FDCWD, at(f, "/d/empty"), before, 0), 0);
	assert_int_equal(symlink("one", at(f, "/d/link")), 0);
	assert_int_equal(mkfifo(at(f, "/d/fifo"), 0600), 0);
	assert_int_equal(chmod(at(f, "/d/fifo"), 0620), 0);
	name(f, "/d");
	name(f, "/gone");
	name(f, "/gone/too");
	assert_int_equal(measure(f), 4096);
	taken(f);
	assert_int_equal(f->u->files.n, 5);
	assert_true(line(f, "/d")->directory);
	assert_false(line(f, "/d")->parent);
	assert_int_equal(line(f, "/d")->mode, 0750);
	holds(f, "/d/one", "contents");
	assert_string_equal(line(f, "/d/link")->target, "one");
	assert_true(line(f, "/d/fifo")->fifo);
	assert_int_equal(line(f, "/d/fifo")->mode, 0620);
	assert_null(line(f, "/d/fifo")->object);
	assert_null(line(f, "/d/empty")->object);
	assert_int_equal(line(f, "/d/empty")->mtime_ns, -1500000000);
}

/* A directory without its entries; it must be a directory. */
static void a_directory_alone(void **state)
{
	struct fixture *f = *state;

	put_directory(f, "/d", 0750);
	put_file(f, "/d/one", "contents");
	name(f, "/d/");
	name(f, "/d/one/");
	assert_int_equal(measure(f), 0);
	taken(f);
	assert_int_equal(f->u->files.n, 1);
	assert_string_equal(f->u->files.items[0].path, "/d");
	assert_int_equal(f->u->files.items[0].mode, 0750);
	assert_false(f->u->files.items[0].parent);
}

/* As the open files of a unit with PrivateTmp= are: by themselves, and with all of /tmp. */
static void named_twice_it_travels_once(void **state)
{
	struct fixture *f = *state;

	put_directory(f, "/tmp", 0755);
	put_directory(f, "/tmp/sub", 0755);
	put_file(f, "/tmp/one", "contents");
	put_file(f, "/tmp/sub/two", "more");
	name(f, "/tmp/sub/two");
	name(f, "/tmp/one");
	name(f, "/tmp/sub/");
	name(f, "/tmp");
	name(f, "/tmp/sub");
	name(f, "/tmp/one");
	assert_int_equal(measure(f), 2 * 4096);
	taken(f);
	assert_int_equal(f->u->files.n, 4);
	holds(f, "/tmp/one", "contents");
	holds(f, "/tmp/sub/two", "more");
	assert_true(line(f, "/tmp")->directory);
	assert_true(line(f, "/tmp/sub")->directory);
	assert_false(line(f, "/tmp/sub")->parent);
}

/* The next boot may not make the directories that a service has made, and not with its owner. */
static void the_directories_on_the_way_travel(void **state)
{
	struct fixture *f = *state;

	needs_tmpfs(f);
	put_directory(f, "/run", 0755);
	put_directory(f, "/run/own", 0700);
	put_directory(f, "/run/own/sub", 0711);
	put_file(f, "/run/own/sub/file", "x");
	put_file(f, "/run/own/other", "x");
	name(f, "/run/own/sub/file");
	taken(f);
	assert_int_equal(f->u->files.n, 4);
	assert_true(line(f, "/run")->parent);
	assert_true(line(f, "/run/own")->parent);
	assert_int_equal(line(f, "/run/own")->mode, 0700);
	assert_int_equal(line(f, "/run/own/sub")->mode, 0711);
	assert_false(listed(f, "/run/own/other"));
	assert_string_equal(f->u->files.items[3].path, "/run/own/sub/file");
}

/*
 * A link leads out of the unit's root, by its own name or by ".."; root must not read its target.
 */
static void no_link_is_followed(void **state)
{
	static const char *const ways[] = {"/absolute/secret", "/climbing/secret"};
	struct fixture *f = *state;
	char outside[128];
	FILE *file;

	snprintf(outside, sizeof(outside), "%s/outside", f->dir);
	assert_int_equal(mkdir(outside, 0700), 0);
	assert_int_equal(symlink(outside, at(f, "/absolute")), 0);
	assert_int_equal(symlink("../outside", at(f, "/climbing")), 0);
	strcat(outside, "/secret");
	file = fopen(outside, "w");
	assert_non_null(file);
	fputs("of root alone", file);
	fclose(file);
	for (int i = 0; i < 2; i++) {
		wb_strv_deinit(&f->paths);
		name(f, ways[i]);
		assert_int_equal(take(f), -ELOOP);
		assert_non_null(strstr(f->err.text, "a link or a file is in the way"));
		assert_int_equal(f->u->files.n, 0);
	}
	/* At the end of a path it is taken as the link that it is. */
	wb_strv_deinit(&f->paths);
	name(f, "/absolute");
	taken(f);
	assert_int_equal(f->u->files.n, 1);
	assert_non_null(line(f, "/absolute")->target);
	wb_strv_deinit(&f->paths);
	name(f, "/../outside/secret");
	assert_int_equal(take(f), -EINVAL);
}

/* A process that exchanges two names for as long as the test runs. */
static pid_t exchange(const struct fixture *f, const char *a, const char *b)
{
	char x[200], y[200];
	pid_t pid;

	snprintf(x, sizeof(x), "%s%s", f->root, a);
	snprintf(y, sizeof(y), "%s%s", f->root, b);
	pid = fork();
	if (pid == 0) {
		/* A test that fails does not end it. */
		alarm(30);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (renameat2(AT_FDCWD, x, AT_FDCWD, y, RENAME_EXCHANGE) == 0)
			continue;
		_exit(1);
	}
	assert_true(pid > 0);
	return pid;
}

static bool lasts(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - since->tv_sec < 2;
}

static void forget(struct fixture *f)
{
	wb_manifest_deinit(&f->m);
	f->u = wb_list_add(&f->m.units, sizeof(*f->u));
	f->u->images = strdup("u0/");
	wb_store_forget(f->store, "u0/", NULL);
}

/* A directory and a link to where only root can read, under one name in turn. */
static void a_directory_that_is_swapped_leads_nowhere(void **state)
{
	struct fixture *f = *state;
	struct timespec start;
	char outside[128];
	pid_t other;
	FILE *file;

	snprintf(outside, sizeof(outside), "%s/outside", f->dir);
	assert_int_equal(mkdir(outside, 0700), 0);
	put_directory(f, "/d", 0755);
	put_directory(f, "/d/sub", 0755);
	put_file(f, "/d/sub/x", "own");
	assert_int_equal(symlink(outside, at(f, "/link")), 0);
	strcat(outside, "/x");
	file = fopen(outside, "w");
	assert_non_null(file);
	fputs("of root alone", file);
	fclose(file);
	name(f, "/d");
	name(f, "/d/sub/x");
	other = exchange(f, "/d/sub", "/link");
	for (clock_gettime(CLOCK_MONOTONIC, &start); lasts(&start); forget(f)) {
		int r = take(f);

		if (r < 0 && r != -ELOOP && r != -EIO)
			fail_msg("%d: %s", r, f->err.text);
		for (size_t i = 0; r == 0 && i < f->u->files.n; i++)
			if (f->u->files.items[i].object)
				holds(f, f->u->files.items[i].path, "own");
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

/* A file for all users and one for its owner alone, in turn under one name. */
static void mode_and_contents_are_of_one_file(void **state)
{
	struct fixture *f = *state;
	struct timespec start;
	pid_t other;

	put_directory(f, "/d", 0755);
	put_file(f, "/d/x", "for everybody");
	put_file(f, "/d/y", "secret");
	assert_int_equal(chmod(at(f, "/d/x"), 0644), 0);
	assert_int_equal(chmod(at(f, "/d/y"), 0600), 0);
	name(f, "/d");
	other = exchange(f, "/d/x", "/d/y");
	for (clock_gettime(CLOCK_MONOTONIC, &start); lasts(&start); forget(f)) {
		taken(f);
		for (size_t i = 0; i < f->u->files.n; i++)
			if (f->u->files.items[i].object)
				holds(f, f->u->files.items[i].path,
					f->u->files.items[i].mode == 0644 ? "for everybody"
									  : "secret");
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

/* Below `depth` directories, each named "d". */
static void dig(const struct fixture *f, int depth)
{
	int dir = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		next = openat(dir, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(dir);
		dir = next;
	}
	close(dir);
}

/* nftw(3) cannot: the paths are too long. */
static void fill_in(const struct fixture *f)
{
	int dir = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), out;

	while (renameat(dir, "d", dir, "above") == 0) {
		out = openat(dir, "above", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (renameat(out, "d", dir, "d") < 0)
			assert_int_equal(errno, ENOENT);
		close(out);
		assert_int_equal(unlinkat(dir, "above", AT_REMOVEDIR), 0);
	}
	close(dir);
}

/* As deep as a path can be; the number of open files does not grow with it. */
static void a_deep_tree(void **state)
{
	struct rlimit old, few = {32, 32};
	struct fixture *f = *state;
	int r;

	dig(f, 2000);
	name(f, "/d");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = take(f);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	fill_in(f);
	if (r < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(f->u->files.n, 2000);
}

/* Deeper than that it is refused, not shortened. */
static void a_tree_that_is_too_deep(void **state)
{
	struct fixture *f = *state;
	uint64_t bytes = 0;
	int r, s;

	dig(f, 2100);
	name(f, "/d");
	s = wb_take_measure(f->fd, &f->paths, &bytes, &f->err);
	r = take(f);
	fill_in(f);
	assert_int_equal(s, -EINVAL);
	assert_int_equal(r, -EINVAL);
	assert_non_null(strstr(f->err.text, "is too long"));
	for (size_t i = 0; i < f->u->files.n; i++)
		assert_true(wb_valid_path(f->u->files.items[i].path));
}

static void any_name_travels(void **state)
{
	struct fixture *f = *state;
	char path[1 + NAME_MAX + 1] = "/";

	memset(path + 1, 'n', NAME_MAX);
	put_directory(f, "/two\nlines \\012", 0755);
	put_file(f, "/two\nlines \\012/\xff (deleted)", "strange");
	put_file(f, path, "long");
	name(f, "/two\nlines \\012");
	name(f, path);
	taken(f);
	holds(f, "/two\nlines \\012/\xff (deleted)", "strange");
	holds(f, path, "long");
}

/* The group bits are the mask then, the most that named users can have. */
static void a_list_of_who_may_does_not_open_a_file(void **state)
{
	/* linux/posix_acl_xattr.h: version 2; the owner, user 12345, the group, the mask, others. */
	static const uint8_t list[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 0x39,
		0x30, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0,
		0, 0, 255, 255, 255, 255};
	struct fixture *f = *state;
	struct stat st;

	put_file(f, "/x", "x");
	if (setxattr(at(f, "/x"), "system.posix_acl_access", list, sizeof(list), 0) < 0)
		skip();
	assert_int_equal(stat(at(f, "/x"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	name(f, "/x");
	taken(f);
	assert_int_equal(line(f, "/x")->mode, 0600);
}

/* In a mount namespace of its own; a failure there is a failure of the test. */
static void in_other_mounts(struct fixture *f, void (*then)(struct fixture *f))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		then(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("see above");
}

#define MUST(condition)                                                         \
	do {                                                                    \
		if (!(condition)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			_exit(1);                                               \
		}                                                               \
	} while (0)

static size_t count(const struct fixture *f, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < f->u->files.n; i++) {
		const struct wb_manifest_file *file = &f->u->files.items[i];
		WB_CLEAN_BLOB got = {};

		if (file->object && wb_store_read(f->store, file->object, 100, &got, NULL) == 0 &&
			got.size == strlen(text) && !memcmp(got.data, text, got.size))
			n++;
	}
	return n;
}

static void bound(struct fixture *f)
{
	/* A descriptor opened earlier shows the earlier mounts. */
	close(f->fd);
	f->fd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	MUST(mount(at(f, "/d"), at(f, "/e"), NULL, MS_BIND, NULL) == 0);
	MUST(mount(at(f, "/d"), at(f, "/d/round"), NULL, MS_BIND, NULL) == 0);
	MUST(mount("none", at(f, "/d/other"), "tmpfs", 0, NULL) == 0);
	put_file(f, "/d/other/x", "of another file system");
	MUST(mount(at(f, "/d/other/x"), at(f, "/d/covered"), NULL, MS_BIND, NULL) == 0);
	MUST(take(f) == 0);
	MUST(count(f, "contents") == 1);
	MUST(count(f, "of another file system") == 0);
	MUST(line(f, "/d/other")->parent);
	MUST(count(f, "of two names") == 1);
	MUST(!line(f, "/d/two")->link != !line(f, "/d/three")->link);
	/* Unless it is named itself. */
	forget(f);
	name(f, "/d/other/x");
	MUST(take(f) == 0);
	MUST(count(f, "of another file system") == 1);
}

/* By two mounts, in a circle of mounts, and below another file system. */
static void what_two_mounts_show_travels_once(void **state)
{
	struct fixture *f = *state;

	put_directory(f, "/d", 0755);
	put_directory(f, "/d/round", 0755);
	put_directory(f, "/d/other", 0755);
	put_directory(f, "/e", 0755);
	put_file(f, "/d/one", "contents");
	put_file(f, "/d/two", "of two names");
	put_file(f, "/d/covered", "");
	assert_int_equal(link(at(f, "/d/two"), at(f, "/d/three")), 0);
	name(f, "/e/one");
	name(f, "/e/two");
	name(f, "/d/one");
	name(f, "/d");
	name(f, "/e");
	in_other_mounts(f, bound);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_of_one_file_are_taken_together),
		TEST(files_are_taken_with_all_that_is_below),
		TEST(a_directory_alone),
		TEST(named_twice_it_travels_once),
		TEST(the_directories_on_the_way_travel),
		TEST(no_link_is_followed),
		TEST(a_directory_that_is_swapped_leads_nowhere),
		TEST(mode_and_contents_are_of_one_file),
		TEST(a_deep_tree),
		TEST(a_tree_that_is_too_deep),
		TEST(any_name_travels),
		TEST(a_list_of_who_may_does_not_open_a_file),
		TEST(what_two_mounts_show_travels_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
