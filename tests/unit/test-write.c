// SPDX-License-Identifier: LGPL-2.1-or-later
/* How files are written on the machine itself, in a directory of the test's own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sys.h"
#include "unit.h"

static char dir[64], path[96];

static int setup(void **state)
{
	strcpy(dir, "/tmp/wb-write-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static int write_whole(char letter, size_t n, unsigned mode)
{
	char *text = malloc(n);
	int r;

	memset(text, letter, n);
	r = wb_sys_host.write_file(NULL, path, (struct wb_bytes){(const uint8_t *)text, n}, mode);
	free(text);
	return r;
}

static size_t names_in_dir(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static unsigned mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 07777;
}

#define SIZE 20000
#define WRITERS 4
#define TIMES 50

/* Each writer uses its own letters, so a whole file has only letters of one. */
static void writers_at_once_leave_a_whole_file(void **state)
{
	pid_t pids[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		for (int k = 0; pids[i] == 0 && k < TIMES; k++) {
			WB_CLEAN_BLOB b = {};

			if (write_whole((char)('a' + i), SIZE, 0600) < 0)
				_exit(1);
			if (wb_files_host.read(NULL, path, 0, &b, NULL) < 0 || b.size != SIZE)
				_exit(2);
			for (size_t at = 1; at < b.size; at++)
				if (b.data[at] != b.data[0])
					_exit(3);
		}
		if (pids[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		waitpid(pids[i], &status, 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(names_in_dir(), 1);
}

/* Another user's file under an expected name has its own mode and readers. */
static void nobody_elses_file_is_written_into(void **state)
{
	char planted[128];
	struct stat st;
	int fd;

	snprintf(planted, sizeof(planted), "%s.new", path);
	fd = open(planted, O_RDWR | O_CREAT, 0666);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0666), 0);
	assert_int_equal(write_whole('s', 10, 0600), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(mode_of(path), 0600);
	close(fd);
}

static void a_mode_is_never_looser_than_asked(void **state)
{
	mode_t mask = umask(0);

	assert_int_equal(write_whole('x', 1, 0600), 0);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(write_whole('x', 1, 0644), 0);
	assert_int_equal(mode_of(path), 0644);
	umask(077);
	assert_int_equal(write_whole('x', 1, 0644), 0);
	assert_int_equal(mode_of(path), 0600);
	umask(mask);
}

static void what_fails_leaves_nothing(void **state)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(write_whole('x', 1, 0600) < 0);
	assert_int_equal(names_in_dir(), 1);
}

/* A mount unit's drop-in may have a name as long as one can be. */
static void a_name_of_any_length_goes(void **state)
{
	char name[256], long_path[400];

	memset(name, 'n', 255);
	name[255] = 0;
	snprintf(long_path, sizeof(long_path), "%s/%s", dir, name);
	assert_int_equal(wb_sys_host.write_file(
				 NULL, long_path, (struct wb_bytes){(const uint8_t *)"x", 1}, 0600),
		0);
	assert_int_equal(names_in_dir(), 1);
}

/*
 * An existing directory with more permissions is closed; a link to another user's is not followed.
 */
static void a_directory_has_its_mode(void **state)
{
	char sub[300], under[400], link[300];

	snprintf(sub, sizeof(sub), "%s/a", dir);
	snprintf(under, sizeof(under), "%s/b", sub);
	assert_int_equal(wb_sys_host.make_dir(NULL, under, 0700), 0);
	assert_int_equal(mode_of(under), 0700);
	assert_int_equal(mode_of(sub), 0755);
	assert_int_equal(wb_sys_host.make_dir(NULL, sub, 0700), 0);
	assert_int_equal(mode_of(sub), 0700);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink("/", link), 0);
	assert_int_equal(wb_sys_host.make_dir(NULL, link, 0700), -ENOTDIR);
	assert_int_equal(write_whole('x', 1, 0600), 0);
	assert_int_equal(wb_sys_host.make_dir(NULL, path, 0700), -ENOTDIR);
	assert_int_equal(mode_of(path), 0600);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(writers_at_once_leave_a_whole_file),
		T(nobody_elses_file_is_written_into),
		T(a_mode_is_never_looser_than_asked),
		T(what_fails_leaves_nothing),
		T(a_name_of_any_length_goes),
		T(a_directory_has_its_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
