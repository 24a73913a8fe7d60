// SPDX-License-Identifier: LGPL-2.1-or-later
/* Paths by which CRIU acts lead where they led. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-files.h"
#include "files/places.h"

struct world {
	struct fake_file disk[4];
	struct wb_files files;
	char dir[64];
	struct wb_manifest m;
	struct wb_strv externals;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->files = fake_files(w->disk);
	strcpy(w->dir, "/var/tmp/wb-test.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_non_null(wb_list_add(&w->m.units, sizeof(*w->m.units.items)));
	w->m.units.items[0].unit = strdup("x.service");
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	assert_int_equal(system(cmd), 0);
	wb_strv_deinit(&w->externals);
	wb_manifest_deinit(&w->m);
	free(w);
	return 0;
}

static const char *in(const struct world *w, const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, 128, "%s/%s", w->dir, name);
	return path;
}

static void note(struct world *w)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct wb_error err = {};

	assert_int_equal(wb_places_note(root, &w->m.units.items[0], &err), 0);
	close(root);
}

static int check(struct world *w, struct wb_error *err)
{
	*err = (struct wb_error){};
	return wb_places_check(&w->files, &w->m, &w->m.units.items[0], &w->externals, -1, err);
}

/* CRIU removes a file in the place of a socket, but not in another directory. */
static void a_directory_is_not_exchanged(void **state)
{
	struct world *w = *state;
	struct wb_manifest_unit *u = &w->m.units.items[0];
	struct wb_error err;

	assert_int_equal(mkdir(in(w, "sockets"), 0700), 0);
	assert_int_equal(mkdir(in(w, "of-root"), 0700), 0);
	assert_int_equal(symlink("sockets", in(w, "by-link")), 0);
	assert_int_equal(wb_places_add(u, in(w, "sockets")), 0);
	assert_int_equal(wb_places_add(u, in(w, "by-link")), 0);
	assert_int_equal(wb_places_add(u, in(w, "sockets")), 0);
	note(w);
	assert_int_equal(u->places.n, 2);
	assert_string_equal(u->places.items[1].path, in(w, "by-link"));
	assert_string_equal(u->places.items[1].real, in(w, "sockets"));
	assert_int_equal(check(w, &err), 0);
	assert_int_equal(unlink(in(w, "by-link")), 0);
	assert_int_equal(symlink("of-root", in(w, "by-link")), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_non_null(strstr(err.text, in(w, "by-link")));
	assert_int_equal(unlink(in(w, "by-link")), 0);
	assert_int_equal(rename(in(w, "sockets"), in(w, "elsewhere")), 0);
	/* A missing file is left to CRIU, which reports it. */
	assert_int_equal(check(w, &err), 0);
	assert_int_equal(symlink("of-root", in(w, "sockets")), 0);
	assert_int_equal(check(w, &err), -EPERM);
}

/* CRIU makes a directory again that was gone, and then acts in it. */
static void a_directory_that_was_gone_is_not_made_by_others(void **state)
{
	struct world *w = *state;
	struct wb_manifest_unit *u = &w->m.units.items[0];
	struct wb_error err;

	assert_int_equal(mkdir(in(w, "mine"), 0700), 0);
	assert_int_equal(mkdir(in(w, "of-root"), 0700), 0);
	assert_int_equal(wb_places_add(u, in(w, "mine/gone/deep")), 0);
	note(w);
	assert_int_equal(u->places.n, 3);
	assert_null(u->places.items[0].real);
	assert_string_equal(u->places.items[1].path, in(w, "mine/gone"));
	assert_null(u->places.items[1].real);
	assert_string_equal(u->places.items[2].path, in(w, "mine"));
	assert_string_equal(u->places.items[2].real, in(w, "mine"));
	assert_int_equal(check(w, &err), 0);
	assert_int_equal(symlink("../of-root", in(w, "mine/gone")), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_non_null(strstr(err.text, in(w, "mine/gone")));
	assert_int_equal(unlink(in(w, "mine/gone")), 0);
	assert_int_equal(check(w, &err), 0);
	assert_int_equal(rmdir(in(w, "mine")), 0);
	assert_int_equal(symlink("of-root", in(w, "mine")), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_non_null(strstr(err.text, in(w, "mine")));
}

#define PROCESS(state, uid, groups)                                                 \
	"Name:\tm\\nUid:\nState:\t" state "\nUid:\t" uid "\t" uid "\t" uid "\t" uid \
	"\nGid:\t50\t50\t50\t50\n"                                                  \
	"Groups:\t" groups " \n"

/* A process that may write to a directory on the way could exchange it while CRIU works there. */
static void nobody_else_may_write_there(void **state)
{
	static const struct {
		uid_t owner;
		mode_t mode;
		int64_t kept; /* the user of another unit that is kept */
		const char *status, *want;
	} cases[] = {
		{0, 0755, 1000, PROCESS("S (sleeping)", "1000", "60"), NULL},
		{1000, 0755, 0, PROCESS("S (sleeping)", "1001", "60"), NULL},
		{1000, 0755, 0, PROCESS("R (running)", "1000", "60"), "process 7, which runs"},
		{1000, 0755, 0, PROCESS("Z (zombie)", "1000", "60"), NULL},
		{1000, 0755, 1001, PROCESS("S (sleeping)", "0", "60"), NULL},
		{1000, 0755, 1000, PROCESS("S (sleeping)", "0", "60"), "y.service is kept, too"},
		{0, 0775, 0, PROCESS("S (sleeping)", "1000", "60"), "process 7, which runs"},
		{0, 0775, 0, PROCESS("S (sleeping)", "1000", "61"), NULL},
		{0, 0775, 0, PROCESS("S (sleeping)", "0", "60"), NULL},
		{0, 0777, 0, PROCESS("S (sleeping)", "1000", "61"), "process 7, which runs"},
		{0, 0777, 1000, PROCESS("S (sleeping)", "0", "61"), "y.service is kept, too"},
		{0, 01777, 1000, PROCESS("S (sleeping)", "1000", "61"), NULL},
	};
	struct world *w = *state;
	struct wb_manifest_unit *other = wb_list_add(&w->m.units, sizeof(*other));
	int64_t *uid = wb_list_add(&other->uids, sizeof(*uid));
	struct wb_error err;

	if (geteuid())
		skip();
	other->unit = strdup("y.service");
	other->how = WB_KEEP_PROCESS;
	assert_int_equal(chmod(w->dir, 0755), 0);
	assert_int_equal(mkdir(in(w, "way"), 0755), 0);
	assert_int_equal(mkdir(in(w, "way/deep"), 0755), 0);
	assert_int_equal(symlink("way/deep", in(w, "link")), 0);
	assert_int_equal(wb_places_add(&w->m.units.items[0], in(w, "link")), 0);
	note(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		w->disk[0] = (struct fake_file){"/proc/7/status", cases[i].status};
		*uid = cases[i].kept;
		assert_int_equal(chown(in(w, "way"), cases[i].owner, 60), 0);
		assert_int_equal(chmod(in(w, "way"), cases[i].mode), 0);
		assert_int_equal(check(w, &err), cases[i].want ? -EPERM : 0);
		if (cases[i].want)
			assert_non_null(strstr(err.text, cases[i].want));
	}
}

/* A service's socket lies in a directory of its user, as that of PHP for a web server of the same user. */
static void a_sockets_own_directory_may_be_its_users(void **state)
{
	struct world *w = *state;
	struct wb_manifest_unit *other = wb_list_add(&w->m.units, sizeof(*other));
	int64_t *uid = wb_list_add(&other->uids, sizeof(*uid));
	struct wb_error err;

	if (geteuid())
		skip();
	other->unit = strdup("y.service");
	other->how = WB_KEEP_PROCESS;
	*uid = 1000;
	assert_int_equal(chmod(w->dir, 0755), 0);
	assert_int_equal(mkdir(in(w, "way"), 0755), 0);
	assert_int_equal(mkdir(in(w, "way/run"), 0755), 0);
	assert_int_equal(chown(in(w, "way/run"), 1000, 60), 0);
	assert_int_equal(wb_places_add_binding(&w->m.units.items[0], in(w, "way/run")), 0);
	note(w);
	assert_int_equal(check(w, &err), 0);
	/* Others' names are protected from him in a sticky directory, and not from CRIU. */
	assert_int_equal(chmod(in(w, "way/run"), 01777), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_int_equal(chmod(in(w, "way/run"), 0755), 0);
	/* He could exchange the directory. */
	assert_int_equal(chown(in(w, "way"), 1000, 60), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_int_equal(chown(in(w, "way"), 0, 60), 0);
	/* A file that has lost its name is made there, too. */
	assert_int_equal(wb_places_add(&w->m.units.items[0], in(w, "way/run")), 0);
	w->m.units.items[0].places.items[0].binds = false;
	assert_int_equal(check(w, &err), -EPERM);
}

static void add_opened(struct world *w, const char *path)
{
	struct wb_manifest_unit *u = &w->m.units.items[0];
	struct wb_manifest_open *o = wb_list_add(&u->opened, sizeof(*o));
	int fd = open(path, O_PATH | O_CLOEXEC);

	o->path = strdup(path);
	o->access = 6;
	assert_int_equal(wb_identity_of(fd, &o->identity, NULL), 0);
	close(fd);
}

/* CRIU does not open another file in its place: opening some devices has an effect. */
static void a_file_is_not_exchanged(void **state)
{
	struct world *w = *state;
	struct wb_error err;

	close(open(in(w, "mine"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	close(open(in(w, "secret"), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	add_opened(w, in(w, "mine"));
	add_opened(w, "/dev/null");
	assert_int_equal(check(w, &err), 0);
	assert_int_equal(unlink(in(w, "mine")), 0);
	assert_int_equal(symlink("secret", in(w, "mine")), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_non_null(strstr(err.text, in(w, "mine")));
	assert_non_null(strstr(err.text, "leads to another file than it did before the jump"));
	assert_int_equal(unlink(in(w, "mine")), 0);
	assert_int_equal(symlink("/dev/zero", in(w, "mine")), 0);
	assert_int_equal(check(w, &err), -EPERM);
	/* In the sandbox the name of an external may lead to any file. */
	assert_int_equal(wb_strv_add(&w->externals, in(w, "mine")), 0);
	assert_int_equal(check(w, &err), 0);
}

/* A file that was put back has another inode at the same path. */
static void what_travelled_is_known_by_its_place(void **state)
{
	struct world *w = *state;
	struct wb_manifest_unit *u = &w->m.units.items[0];
	struct wb_manifest_file *f;
	char dir[] = "/dev/shm/wb-test.XXXXXX", path[64];
	struct wb_error err;

	if (!mkdtemp(dir))
		skip();
	snprintf(path, sizeof(path), "%s/a", dir);
	close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	add_opened(w, path);
	/* It lay on a disk then. */
	u->opened.items[0].identity.fs = 0xef53;
	assert_int_equal(check(w, &err), -EPERM);
	f = wb_list_add(&u->files, sizeof(*f));
	f->path = strdup(path);
	assert_int_equal(check(w, &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/shm", path), 0);
	assert_int_equal(check(w, &err), -EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_directory_is_not_exchanged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_directory_that_was_gone_is_not_made_by_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_else_may_write_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_sockets_own_directory_may_be_its_users, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_is_not_exchanged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_travelled_is_known_by_its_place, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
