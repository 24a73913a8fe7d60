// SPDX-License-Identifier: LGPL-2.1-or-later
/* files/groups.c: control groups below that of a unit. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/valid.h"
#include "fake-files.h"
#include "files/groups.h"
#include "unit.h"

#define G "/sys/fs/cgroup/system.slice/t.service/"

static struct wb_manifest_unit *add_unit(struct wb_manifest *m)
{
	struct wb_manifest_unit *u = wb_list_add(&m->units, sizeof(*u));

	u->unit = strdup("t.service");
	u->cgroup = strdup("/system.slice/t.service");
	return u;
}

/* ---- before ---- */

static void test_note(void **state)
{
	static const struct fake_file tree[] = {
		{G "cgroup.procs", ""},
		{G "cgroup.subtree_control", "memory pids\n"},
		{G "memory.max", "1000000\n"},
		{G ".control/cgroup.procs", ""},
		{G "a/cgroup.procs", ""},
		{G "a/cgroup.type", "domain\n"},
		{G "a/cgroup.subtree_control", "pids\n"},
		{G "a/memory.max", "4096\n"},
		{G "a/memory.high", "max\n"},
		{G "a/memory.pressure", "some\n"},
		{G "a/b/cgroup.procs", "12\n13\n"},
		{G "a/b/pids.max", "7\n"},
		{G "c/cgroup.procs", "14\n"},
		{G "c/cpu.idle", "1\n"},
		{G "c/cpu.weight", "0\n"},
		{},
	};
	const struct wb_files files = fake_files(tree);
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = add_unit(&m);
	struct wb_error err = {};

	(void)state;
	/* Twice: the second time, the first is forgotten. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_groups_note(&files, u, &err), 0);
	assert_int_equal(u->groups.n, 4);
	assert_string_equal(u->groups.items[0].path, "/");
	/* systemd sets again what it has set in the unit's own group. */
	assert_int_equal(u->groups.items[0].settings.n, 1);
	assert_string_equal(u->groups.items[0].settings.items[0].value, "memory pids");
	assert_string_equal(u->groups.items[1].path, "/a");
	assert_int_equal(u->groups.items[1].settings.n, 2);
	assert_string_equal(u->groups.items[1].settings.items[1].name, "memory.max");
	assert_string_equal(u->groups.items[1].settings.items[1].value, "4096");
	assert_string_equal(u->groups.items[2].path, "/a/b");
	assert_int_equal(u->groups.items[2].pids.n, 2);
	assert_int_equal(u->groups.items[2].pids.items[1], 13);
	assert_string_equal(u->groups.items[2].settings.items[0].value, "7");
	assert_string_equal(u->groups.items[3].path, "/c");
	assert_int_equal(u->groups.items[3].settings.n, 1);
	assert_string_equal(u->groups.items[3].settings.items[0].name, "cpu.idle");
}

static void test_none(void **state)
{
	static const struct fake_file tree[] = {
		{G "cgroup.procs", "12\n"}, {G ".control/cgroup.procs", ""}, {}};
	const struct wb_files files = fake_files(tree);
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = add_unit(&m);

	(void)state;
	assert_int_equal(wb_groups_note(&files, u, NULL), 0);
	assert_int_equal(u->groups.n, 0);
}

static void test_refused(void **state)
{
	static const struct {
		struct fake_file file;
		const char *why;
	} cases[] = {
		{{G "a/cgroup.type", "threaded\n"}, "/a is not of the type \"domain\": threaded"},
		{{G "cgroup.type", "domain threaded\n"}, "/ is not of the type"},
		{{G "a/cgroup.freeze", "1\n"}, "/a is frozen"},
		{{G "a/cgroup.procs", "0\n"}, "/a has a process of another pid namespace"},
		{{G "a/memory.max", "1\n2\n"}, "more set in it than is carried over: memory.max"},
		{{G "a/x\ny/cgroup.procs", ""}, "has one below it with an odd name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file tree[] = {
			cases[i].file, {G "cgroup.procs", ""}, {G "a/cgroup.procs", ""}, {}};
		const struct wb_files files = fake_files(tree);
		WB_CLEAN_MANIFEST m = {};
		struct wb_manifest_unit *u = add_unit(&m);
		struct wb_error err = {};

		assert_int_equal(wb_groups_note(&files, u, &err), -EOPNOTSUPP);
		assert_non_null(strstr(err.text, cases[i].why));
	}
}

/* A service may make as many as it likes. */
static void test_many(void **state)
{
	static char paths[WB_MANIFEST_GROUPS + 2][96];
	static struct fake_file tree[WB_MANIFEST_GROUPS + 3];
	const struct wb_files files = fake_files(tree);
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = add_unit(&m);
	struct wb_error err = {};

	(void)state;
	for (size_t i = 0; i < WB_MANIFEST_GROUPS + 2; i++) {
		snprintf(paths[i], sizeof(paths[i]), G "%zu/cgroup.procs", i);
		tree[i] = (struct fake_file){paths[i], ""};
	}
	assert_int_equal(wb_groups_note(&files, u, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "more than are carried over"));
}

/* ---- after; a directory stands for the kernel's ---- */

struct place {
	char path[64];
	int fd;
};

static void put(const struct place *p, const char *name, const char *text)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void expect(const struct place *p, const char *name, const char *want)
{
	char got[64] = "";
	int fd = openat(p->fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, want);
}

static void begin(struct place *p)
{
	strcpy(p->path, "/tmp/groups-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(p->fd, ".control", 0755), 0);
	put(p, ".control/cgroup.procs", "");
	put(p, "cgroup.procs", "");
	put(p, "cgroup.subtree_control", "");
}

static void end(struct place *p)
{
	WB_CLEAN_STR command = wb_strf("rm -r %s", p->path);

	close(p->fd);
	assert_int_equal(system(command), 0);
}

static struct wb_manifest_group *add(struct wb_manifest_unit *u, const char *path, int64_t pid)
{
	struct wb_manifest_group *g = wb_list_add(&u->groups, sizeof(*g));

	g->path = strdup(path);
	g->mode = 0700;
	g->uid = getuid();
	g->gid = getgid();
	if (pid)
		*(int64_t *)wb_list_add(&g->pids, sizeof(int64_t)) = pid;
	return g;
}

static void set(struct wb_manifest_group *g, const char *name, const char *value)
{
	struct wb_manifest_setting *s = wb_list_add(&g->settings, sizeof(*s));

	s->name = strdup(name);
	s->value = strdup(value);
}

static void test_make(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = add_unit(&m);
	struct wb_error err = {};
	struct place p;
	struct stat st;
	char own[16];

	(void)state;
	begin(&p);
	set(add(u, "/", 0), "cgroup.subtree_control", "memory pids");
	add(u, "/a", 0);
	set(add(u, "/a/b", getpid()), "pids.max", "7");
	assert_int_equal(wb_groups_make(u, p.fd, &err), 0);
	expect(&p, ".control/cgroup.procs", "0");
	/* One after the other, into a file that does not understand them. */
	expect(&p, "cgroup.subtree_control", "+pidsry");
	put(&p, "a/b/cgroup.procs", "");
	put(&p, "a/b/pids.max", "");
	assert_int_equal(wb_groups_fill(u, p.fd, &err), 0);
	snprintf(own, sizeof(own), "%d", (int)getpid());
	expect(&p, "a/b/cgroup.procs", own);
	expect(&p, "a/b/pids.max", "7");
	assert_int_equal(fstatat(p.fd, "a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* The kernel has taken another value. */
	put(&p, "a/b/pids.max", "77");
	assert_int_equal(wb_groups_fill(u, p.fd, &err), -ERANGE);
	assert_non_null(strstr(err.text, "cannot set pids.max in its control group /a/b"));
	unlinkat(p.fd, "a/b/pids.max", 0);
	assert_int_equal(wb_groups_fill(u, p.fd, &err), -ENOENT);
	unlinkat(p.fd, "a/b/cgroup.procs", 0);
	assert_int_equal(wb_groups_fill(u, p.fd, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot put process"));
	/* A number that no process of the unit has is written nowhere. */
	put(&p, "a/b/cgroup.procs", "");
	u->groups.items[2].pids.items[0] = 4194303;
	assert_int_equal(wb_groups_fill(u, p.fd, &err), -ESRCH);
	expect(&p, "a/b/cgroup.procs", "");
	end(&p);
}

/* A link in the place of a group leads nowhere, and neither does a path out of the tree. */
static void test_links(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = add_unit(&m);
	struct wb_error err = {};
	struct place p;

	(void)state;
	begin(&p);
	assert_int_equal(symlinkat("/tmp", p.fd, "a"), 0);
	add(u, "/a", 0);
	assert_int_equal(wb_groups_make(u, p.fd, &err), -ENOTDIR);
	free(u->groups.items[0].path);
	u->groups.items[0].path = strdup("/../x");
	assert_int_equal(wb_groups_make(u, p.fd, &err), -EINVAL);
	end(&p);
}

static void test_nothing_to_do(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = add_unit(&m);

	(void)state;
	assert_int_equal(wb_groups_make(u, -1, NULL), 0);
	assert_int_equal(wb_groups_fill(u, -1, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
