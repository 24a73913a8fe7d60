// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which files of a unit the preflight lets travel, and which paths it refuses. */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-files.h"
#include "files/owners.h"
#include "keep/judge.h"
#include "sys/below.h"
#include "sys/sys.h"

#define MOUNTS                                                         \
	"300 299 254:2 / / ro,relatime shared:1 - ext4 /dev/vda2 rw\n" \
	"302 300 0:23 / /run rw - tmpfs tmpfs rw\n"
#define INFO(mnt, ino) "pos:\t0\nflags:\t02\nmnt_id:\t" mnt "\nino:\t" ino "\n"
#define NAMESPACES(pid, mnt)                                                     \
	{"/proc/" pid "/ns/mnt", .link = "mnt:[" mnt "]"},                       \
		{"/proc/" pid "/ns/pid", .link = "pid:[4026531836]"},            \
		{"/proc/" pid "/ns/net", .link = "net:[4026531840]"},            \
		{"/proc/" pid "/ns/user", .link = "user:[4026531837]"},          \
		{"/proc/" pid "/uid_map", "         0          0 4294967295\n"}, \
	{                                                                        \
		"/proc/" pid "/gid_map", "         0          0 4294967295\n"    \
	}
#define FOO                                                                                       \
	{"/sys/fs/cgroup/system.slice/foo.service/cgroup.procs", "52\n"},                         \
		{"/proc/52/stat", "52 (foo) S 1 52 52 0 -1 4194560"},                             \
		{"/proc/52/status", "Name:\tfoo\nThreads:\t1\n"}, {"/proc/52/mountinfo", MOUNTS}, \
		{"/proc/52/maps", ""}, {"/proc/52/fd/28", .link = "/run/foo/notes"},              \
		{"/proc/52/fdinfo/28", INFO("302", "99")}, NAMESPACES("52", "4026532200"),        \
		{"/proc/sys/kernel/osrelease", "6.12.1\n"},                                       \
		{"/proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 1 2"},                         \
		{"/proc/1/status", "Name:\tsystemd\nThreads:\t1\n"},                              \
		{"/proc/1/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n"},                 \
		{"/proc/1/maps", ""}, {"/proc/1/fd/0", .link = "/dev/null"},                      \
		NAMESPACES("1", "4026531841")

static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	void (*change)(struct wb_service * s) = ctx;

	*ret = (struct wb_service){
		.id = strdup("foo.service"),
		.load = strdup("loaded"),
		.active = strdup("active"),
		.type = strdup("simple"),
		.cgroup = strdup("/system.slice/foo.service"),
		.main_pid = 52,
	};
	if (change)
		change(ret);
	return 0;
}

static int look_at(const struct fake_file *disk, void (*change)(struct wb_service *s),
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);
	struct wb_services services = {(void *)change, read_service};
	const struct wb_keep_look look = {.files = &files, .units = &services, .criu = "4.1.1"};

	return wb_keep_look(NULL, &look, "foo.service", NULL, ret, err);
}

static bool mentions(const struct wb_strv *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++)
		if (strstr(v->items[i], text))
			return true;
	return false;
}

static void private_tmp(struct wb_service *s)
{
	s->private_tmp = true;
}

/* PrivateTmp= on a tmpfs: its open files are saved only once, except those of mounts below it. */
static void what_is_open_travels_once(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/52/mountinfo", MOUNTS "303 300 0:25 /systemd-private-1/tmp /tmp rw - "
					      "tmpfs tmpfs rw\n"
					      "304 303 0:26 / /tmp/other rw - tmpfs tmpfs rw\n"
					      "305 303 0:25 /systemd-private-1/tmp/x /tmp/x rw - "
					      "tmpfs tmpfs rw\n"},
		FOO, {"/proc/52/maps", "7f00-7f01 rw-s 00000000 00:19 12 /tmp/mapped\n"},
		{"/proc/52/fd/40", .link = "/tmp/open"}, {"/proc/52/fdinfo/40", INFO("303", "7")},
		{"/proc/52/fd/41", .link = "/tmp/other/open"},
		{"/proc/52/fdinfo/41", INFO("304", "8")}, {"/proc/52/fd/42", .link = "/tmp/x/y"},
		{"/proc/52/fdinfo/42", INFO("305", "9")}, {"/proc/52/fd/43", .link = "/tmpx"},
		{"/proc/52/fdinfo/43", INFO("303", "10")}, {}};
	static const char *const want[] = {
		"/tmp/other/open", "/tmpx", "/run/foo/notes", "/tmp", "/var/tmp"};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, private_tmp, &v, &err), 0);
	assert_int_equal(v.files.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(wb_strv_has(&v.files, want[i]));
}

static void runtime_directory(struct wb_service *s)
{
	wb_strv_add(&s->runtime_directories, "foo");
}

/*
 * Everybody may open /run, and files in it belong to others. A directory that the unit's settings
 * name travels as a whole.
 */
static void what_lies_in_an_open_directory_stays(void **state)
{
	static const struct fake_file disk[] = {FOO, {"/proc/52/fd/40", .link = "/run"},
		{"/run/others", ""}, {"/proc/52/fdinfo/40", INFO("302", "1")},
		{"/proc/52/fd/41", .link = "/run/foo/d"}, {"/run/foo/d/x", ""},
		{"/proc/52/fdinfo/41", INFO("302", "2")}, {}};
	WB_CLEAN_KEEP_VERDICT v = {}, own = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, &v, &err), 0);
	assert_int_equal(v.files.n, 3);
	assert_true(wb_strv_has(&v.files, "/run/"));
	assert_true(wb_strv_has(&v.files, "/run/foo/d/"));
	assert_true(wb_strv_has(&v.files, "/run/foo/notes"));
	assert_int_equal(v.named.n, 0);
	assert_int_equal(look_at(disk, runtime_directory, &own, &err), 0);
	assert_int_equal(own.files.n, 2);
	assert_true(wb_strv_has(&own.files, "/run/"));
	assert_true(wb_strv_has(&own.files, "/run/foo"));
	assert_int_equal(own.named.n, 1);
	assert_string_equal(own.named.items[0], "/run/foo");
}

/* ---- the directories of sockets ---- */

/* The kernel's answers about the sockets of foo.service: a name, and the file that it leads to. */
static const struct {
	int64_t inode;
	const char *name, *file;
} bound[] = {
	{71, "/run/s", "/run/s"},
	{72, "/var/run/foo/deep/s", "/run/foo/deep/s"},
	{73, "/run/foo/deep/t", "/run/foo/deep/t (deleted)"},
	{74, "/srv/s", "/srv/s"},
	{75, "public/s", "/run/spool/public/s"},
	{76, "public/t", "/srv/spool/public/t"},
	{77, "/run/link/s", "/run/foo/s"},
	{78, "./u", "/run/spool/u"},
	{79, "v", NULL},
	{80, "/run/untold/s", NULL},
};

static int bind_them(struct wb_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < sizeof(bound) / sizeof(*bound); k++)
			if (s->items[i].inode == bound[k].inode) {
				s->items[i].path = strdup(bound[k].name);
				s->items[i].bound = true;
			}
	return 0;
}

static int tell_files(const struct wb_procs *procs, struct wb_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < sizeof(bound) / sizeof(*bound); k++)
			if (s->items[i].inode == bound[k].inode && bound[k].file)
				s->items[i].file = strdup(bound[k].file);
	return 0;
}

static void look_at_sockets(
	const struct fake_file *disk, struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);
	struct wb_services services = {NULL, read_service};
	const struct wb_keep_look look = {.files = &files,
		.units = &services,
		.add_peers = bind_them,
		.add_kinds = tell_files,
		.criu = "4.1.1"};

	assert_int_equal(wb_keep_look(NULL, &look, "foo.service", NULL, ret, err), 0);
}

#define UNIX_LINE(inode) "0000: 00000002 00000000 00010000 0001 01 " inode "\n"
#define UNIX_TABLE                                                                              \
	{                                                                                       \
		"/proc/52/net/unix",                                                            \
			"Num RefCount Protocol Flags Type St Inode Path\n" UNIX_LINE("71")      \
				UNIX_LINE("72") UNIX_LINE("73") UNIX_LINE("74") UNIX_LINE("75") \
					UNIX_LINE("76") UNIX_LINE("77") UNIX_LINE("78")         \
						UNIX_LINE("79") UNIX_LINE("80")                 \
	}

/* The other reasons are that there are no namespaces of these processes. */
static size_t about_sockets(const struct wb_strv *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += !strstr(v->items[i], "namespace");
	return n;
}

/*
 * CRIU makes a socket again where it was, so that directory travels, whatever name leads there; and if no other process
 * has anything in the directory above, all of that.
 */
static void the_directory_of_a_socket_travels(void **state)
{
	static const struct fake_file disk[] = {FOO, UNIX_TABLE,
		{"/proc/60/fd/5", .link = "/run/spool/other"}, {"/proc/60/maps", ""},
		{"/proc/52/cwd", .link = "/run/foo/home"}, {"/proc/52/root", .link = "/"},
		{"/proc/52/fd/30", .link = "socket:[71]"},
		{"/proc/52/fd/31", .link = "socket:[72]"},
		{"/proc/52/fd/32", .link = "socket:[73]"},
		{"/proc/52/fd/33", .link = "socket:[74]"},
		{"/proc/52/fd/34", .link = "socket:[75]"},
		{"/proc/52/fd/35", .link = "socket:[76]"},
		{"/proc/52/fd/36", .link = "socket:[80]"}, {}};
	static const char *const travel[] = {"/run/foo", "/run/spool/public/", "/run/untold/"},
				 *const places[] = {"/run", "/var/run/foo/deep", "/run/foo/deep",
					 "/srv", "/run/spool/public", "/srv/spool/public",
					 "/run/untold"};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	look_at_sockets(disk, &v, &err);
	assert_int_equal(about_sockets(&v.reasons), 0);
	assert_int_equal(v.files.n, sizeof(travel) / sizeof(*travel));
	for (size_t i = 0; i < v.files.n; i++)
		assert_true(wb_strv_has(&v.files, travel[i]));
	assert_int_equal(v.places.n + v.bindings.n, sizeof(places) / sizeof(*places));
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		assert_true(
			wb_strv_has(&v.places, places[i]) != wb_strv_has(&v.bindings, places[i]));
}

/* Many sockets of one kind are one reason and a number. */
static void a_socket_whose_place_is_not_known(void **state)
{
	static const struct fake_file disk[] = {FOO, UNIX_TABLE,
		{"/proc/52/fd/30", .link = "socket:[77]"},
		{"/proc/52/fd/31", .link = "socket:[78]"},
		{"/proc/52/fd/32", .link = "socket:[79]"},
		{"/proc/52/fd/33", .link = "socket:[79]"}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	look_at_sockets(disk, &v, &err);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(about_sockets(&v.reasons), 3);
	assert_true(mentions(&v.reasons, "its socket /run/link/s is behind a link on a tmpfs"));
	assert_true(mentions(&v.reasons, "it has ./u open, whose place in the next boot"));
	assert_true(mentions(&v.reasons, "it has 2 more descriptors of such sockets"));
	assert_int_equal(about_sockets(&v.breaches), 1);
}

static int bind_in(const char *dir, const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void check_second_name(const struct wb_socket *s, const char *dir, const char *name)
{
	char want[64];

	snprintf(want, sizeof(want), "%s/%s", dir, name);
	assert_non_null(s);
	assert_false(s->elsewhere);
	assert_non_null(s->now);
	assert_string_equal(s->now, want);
	assert_int_equal(s->owner, getuid());
}

/* The kernel is asked for the file, which the name alone does not tell. */
static void the_kernel_tells_the_file_of_a_socket(void **state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "sub/s"};
	char dir[] = "/tmp/wb-test.XXXXXX", want[64], before[PATH_MAX], name[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), unbound, asked, moved, after,
	    renamed, linked;
	struct wb_procs procs = {};
	struct wb_sockets all = {};
	struct wb_proc *self = calloc(2, sizeof(*self));
	struct wb_error err = {};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char b[64];
	struct stat st, sm, sa, sr, sl;

	assert_non_null(mkdtemp(dir));
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("sub", 0700), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(chdir("sub"), 0);
	assert_int_equal(fstat(fd, &st), 0);
	unbound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The name of this one leads to another socket by now. */
	moved = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	after = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	assert_int_equal(bind(moved, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(rename(a.sun_path, b), 0);
	assert_int_equal(bind(after, (struct sockaddr *)&a, sizeof(a)), 0);
	/* These two were renamed and linked; nothing has their first names. */
	renamed = bind_in(dir, "r.1");
	linked = bind_in(dir, "l.1");
	assert_int_equal(rename("../r.1", "../r"), 0);
	assert_int_equal(link("../l.1", "../l"), 0);
	assert_int_equal(unlink("../l.1"), 0);
	assert_int_equal(fstat(renamed, &sr), 0);
	assert_int_equal(fstat(linked, &sl), 0);
	assert_int_equal(fstat(moved, &sm), 0);
	assert_int_equal(fstat(after, &sa), 0);
	/* SIOCUNIXFILE: this right is needed, or there is no such call. */
	asked = ioctl(fd, 0x89e0);
	if (asked >= 0)
		close(asked);
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_proc_read(wb_sys_real()->files, getpid(), &self[i], &err), 0);
	/* The first has changed its root directory: it sees no mount, and names lead elsewhere there. */
	free(self->root);
	self->root = strdup("/nowhere");
	wb_mounts_deinit(&self->mounts);
	procs.items = self;
	procs.n = 2;
	assert_int_equal(wb_sockets_read(wb_sys_real()->files, getpid(), &all, &err), 0);
	for (size_t i = 0; i < 5; i++) {
		const ino_t of[] = {st.st_ino, sm.st_ino, sa.st_ino, sr.st_ino, sl.st_ino};
		struct wb_socket *s = wb_sockets_find(&all, (int64_t)of[i]);

		assert_non_null(s);
		s->bound = true;
	}
	all.may_walk = true;
	assert_int_equal(wb_sockets_add_kinds(&procs, &all), 0);
	snprintf(want, sizeof(want), "%s/sub/s", dir);
	snprintf(name, sizeof(name), "%s/sub", dir);
	unlink(want);
	unlink(a.sun_path);
	unlink(b);
	unlink("../r");
	unlink("../l");
	assert_int_equal(chdir(before), 0);
	rmdir(name);
	rmdir(dir);
	close(fd);
	close(unbound);
	close(moved);
	close(after);
	close(renamed);
	close(linked);
	if (asked >= 0) {
		check_second_name(wb_sockets_find(&all, (int64_t)sr.st_ino), dir, "r");
		check_second_name(wb_sockets_find(&all, (int64_t)sl.st_ino), dir, "l");
		assert_null(wb_sockets_find(&all, (int64_t)sa.st_ino)->now);
	}
	if (asked >= 0) {
		const struct wb_socket *s = wb_sockets_find(&all, (int64_t)st.st_ino);

		assert_non_null(s);
		assert_non_null(s->file);
		assert_string_equal(s->file, want);
		assert_false(s->elsewhere);
		assert_true(wb_sockets_find(&all, (int64_t)sm.st_ino)->elsewhere);
		assert_false(wb_sockets_find(&all, (int64_t)sa.st_ino)->elsewhere);
	}
	wb_sockets_deinit(&all);
	wb_procs_deinit(&procs);
	if (asked < 0)
		skip();
}

/* By the descriptor, however it was opened. */
static void a_directory_is_known_by_its_descriptor(void **state)
{
	int plain = open("/dev/shm", O_RDONLY | O_CLOEXEC),
	    path = open("/dev/shm", O_PATH | O_CLOEXEC);
	char name[] = "/dev/shm/wb-test.XXXXXX";
	int file = mkstemp(name), seen = 0;
	struct wb_proc self = {};
	struct wb_error err = {};

	if (plain < 0 || path < 0 || file < 0)
		skip();
	unlink(name);
	assert_int_equal(wb_proc_read(wb_sys_real()->files, getpid(), &self, &err), 0);
	for (size_t i = 0; i < self.fds.n; i++) {
		const struct wb_proc_fd *fd = &self.fds.items[i];

		if (fd->fd == plain || fd->fd == path || fd->fd == file) {
			assert_int_equal(fd->directory, fd->fd != file);
			seen++;
		}
	}
	wb_proc_deinit(&self);
	close(plain);
	close(path);
	close(file);
	assert_int_equal(seen, 3);
}

/* A path is passed to the next kernel whole, or not at all. */
static void a_path_that_cannot_be_told(void **state)
{
	static char longest[5000] = "/run";
	static const struct fake_file cases[] = {{"/proc/52/fd/40", .link = longest},
		{"/proc/52/maps", "7f00-7f01 rw-s 00000000 00:17 12 /run/two\\012lines\n"},
		{"/proc/52/fd/40", .link = WB_PROC_UNREAD}};
	static const char *const want[] = {"has a path that cannot be passed to the next kernel",
		"a line break in its name", "has a file open whose name cannot be read"};

	while (strlen(longest) < 4200)
		strcat(longest, "/a-directory");
	for (size_t i = 0; i < 3; i++) {
		const struct fake_file disk[] = {
			cases[i], {"/proc/52/fdinfo/40", INFO("302", "7")}, FOO, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, &v, &err), 0);
		assert_int_equal(v.how, WB_KEEP_RESTART);
		assert_true(mentions(&v.reasons, want[i]));
	}
}

/* The path of a file is too long for the kernel to print, but its descriptor is seen. */
static void what_the_kernel_cannot_name(void **state)
{
	char root[] = "/tmp/wb-test.XXXXXX", name[201];
	int dir, fd, depth = 0;
	struct wb_proc self = {};
	struct wb_error err = {};
	bool found = false;

	memset(name, 'n', 200);
	name[200] = 0;
	assert_non_null(mkdtemp(root));
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (; depth < 21; depth++) {
		int next;

		assert_int_equal(mkdirat(dir, name, 0700), 0);
		next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(dir);
		dir = next;
	}
	fd = openat(dir, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(wb_proc_read(wb_sys_real()->files, getpid(), &self, &err), 0);
	for (size_t i = 0; i < self.fds.n; i++)
		found |= self.fds.items[i].fd == fd &&
			 !strcmp(self.fds.items[i].link, WB_PROC_UNREAD);
	wb_proc_deinit(&self);
	close(fd);
	unlinkat(dir, "x", 0);
	for (; depth; depth--) {
		int above = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(dir);
		dir = above;
		unlinkat(dir, name, AT_REMOVEDIR);
	}
	close(dir);
	rmdir(root);
	assert_true(found);
}

/* A length costs its maker nothing. */
static void files_larger_than_the_machine(void **state)
{
	char path[] = "/dev/shm/wb-test.XXXXXX", other[] = "/dev/shm/wb-test.XXXXXX";
	struct wb_keep_verdict v = {.image = {.main_pid = getpid()}};
	int fd = mkstemp(path), more = mkstemp(other), r;
	WB_CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct wb_error err = {};
	uint64_t bytes = 7;

	if (fd < 0 || more < 0)
		skip();
	assert_int_equal(wb_strv_add(&v.files, path), 0);
	assert_int_equal(wb_strv_add(&v.files, other), 0);
	assert_int_equal(ftruncate(fd, 5000), 0);
	r = wb_keep_measure(root, &v, &bytes, &err);
	if (r == 0 && bytes == 8192 && ftruncate(fd, INT64_MAX - 4096) == 0 &&
		ftruncate(more, INT64_MAX - 4096) == 0)
		r = wb_keep_measure(root, &v, &bytes, &err);
	close(fd);
	close(more);
	unlink(path);
	unlink(other);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(bytes, 8192);
	assert_non_null(strstr(err.text, "MiB of memory"));
	wb_keep_verdict_deinit(&v);
}

/*
 * sudo(8) that waits for a password does not make a service root's, so root's files are not
 * overwritten.
 */
static void a_set_user_id_program_makes_nobody_root(void **state)
{
	static const struct {
		const char *main;
		size_t n;
		int64_t first, last;
	} cases[] = {
		{"Name:\tfoo\nUid:\t107\t107\t107\t107\n", 1, 107, 107},
		{"Name:\tfoo\nUid:\t0\t0\t0\t0\n", 3, 0, 1000},
		{"Name:\tfoo\nUid:\t107\t0\t0\t0\n", 3, 107, 1000},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {{"/proc/52/status", cases[i].main},
			{"/proc/53/status", "Name:\tsudo\nUid:\t107\t0\t0\t0\n"},
			{"/proc/54/status", "Name:\tworker\nUid:\t1000\t1000\t1000\t1000\n"}, {}};
		struct wb_files files = fake_files(disk);
		struct wb_manifest m = {};
		struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
		struct wb_error err = {};

		u->main_pid = 52;
		for (int64_t pid = 52; pid < 56; pid++)
			*(int64_t *)wb_list_add(&u->pids, sizeof(pid)) = pid;
		assert_int_equal(wb_owners_note(&files, u, &err), 0);
		assert_int_equal(u->uids.n, cases[i].n);
		assert_int_equal(u->uids.items[0], cases[i].first);
		assert_int_equal(u->uids.items[u->uids.n - 1], cases[i].last);
		wb_manifest_deinit(&m);
	}
}

/* A memfd of huge pages has the name of any other, so their number tells. */
static void huge_pages_by_their_number(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/52/status", "Name:\tfoo\nThreads:\t1\nHugetlbPages:\t    2048 kB\n"}, FOO,
		{"/proc/52/maps", "7f00-7f01 rw-s 00000000 00:10 7 /memfd:x (deleted)\n"}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_true(mentions(&v.reasons, "memory of huge pages"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_open_travels_once),
		cmocka_unit_test(what_lies_in_an_open_directory_stays),
		cmocka_unit_test(the_directory_of_a_socket_travels),
		cmocka_unit_test(a_socket_whose_place_is_not_known),
		cmocka_unit_test(the_kernel_tells_the_file_of_a_socket),
		cmocka_unit_test(a_directory_is_known_by_its_descriptor),
		cmocka_unit_test(a_path_that_cannot_be_told),
		cmocka_unit_test(what_the_kernel_cannot_name),
		cmocka_unit_test(files_larger_than_the_machine),
		cmocka_unit_test(a_set_user_id_program_makes_nobody_root),
		cmocka_unit_test(huge_pages_by_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
