// SPDX-License-Identifier: LGPL-2.1-or-later
/* A service must not gain anything by being kept: no rights of root, and no more than it has. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sample-service.h"

static void private_users(struct wb_service *s)
{
	s->private_users = strdup("self");
}

/* As systemd before 257 says it. */
static void private_users_of_old(struct wb_service *s)
{
	s->private_users_on = true;
}

#define RIGHTS(uid, prm, bnd, nnp) INHERITS("0000000000000000", uid, prm, bnd, nnp)
#define INHERITS(inh, uid, prm, bnd, nnp)                                       \
	"Name:\tm\nThreads:\t1\nUid:\t" uid "\nCapInh:\t" inh "\nCapPrm:\t" prm \
	"\nCapEff:\t0000000000000000\nCapBnd:\t" bnd                            \
	"\nCapAmb:\t0000000000000000\nNoNewPrivs:\t" nnp "\n"
#define NONE "0000000000000000"
#define ALL "000001ffffffffff"
#define USER "107\t107\t107\t107"
#define IDENTITY "0 0 1\n101 101 1\n"

static void user_namespaces(void **state)
{
	static const struct {
		void (*change)(struct wb_service *s);
		const char *map, *status, *want;
	} cases[] = {
		{private_users, IDENTITY, STATUS, NULL},
		{private_users_of_old, IDENTITY, STATUS, NULL},
		{private_users, "0 100000 65536\n", STATUS, "maps them to others"},
		{private_users, "nonsense\n", STATUS, "maps them to others"},
		{NULL, IDENTITY, STATUS, "a user namespace that PrivateUsers= has not made"},
		/* Rights that they have there they would have on the machine. */
		{private_users, IDENTITY, RIGHTS(USER, "0000000000000001", NONE, "1"),
			"has capabilities in a user namespace"},
		{private_users, IDENTITY, RIGHTS("107\t107\t0\t107", NONE, NONE, "1"),
			"is root in a user namespace"},
		{private_users, IDENTITY, RIGHTS(USER, NONE, ALL, "0"),
			"could get capabilities on the machine"},
		{private_users, IDENTITY, RIGHTS(USER, NONE, ALL, "1"), NULL},
		{private_users, IDENTITY, RIGHTS(USER, NONE, NONE, "0"), NULL},
		/* A kernel that does not show them. */
		{private_users, IDENTITY, "Name:\tm\nThreads:\t1\n", "has capabilities"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {{"/proc/452/ns/user", .link = "user:[4026532300]"},
			{"/proc/452/uid_map", cases[i].map}, {"/proc/452/gid_map", cases[i].map},
			{"/proc/452/status", cases[i].status}, MEMCACHED, {"/proc/452/maps", MAPS},
			ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, cases[i].change, NULL, &v, &err), 0);
		assert_int_equal(v.how, cases[i].want ? WB_KEEP_RESTART : WB_KEEP_PROCESS);
		assert_int_equal(v.breaches.n > 0, !!cases[i].want);
		if (cases[i].want)
			assert_true(mentions(&v.reasons, cases[i].want));
		else
			assert_true(v.image.own_users);
	}
}

/* CRIU opens descriptors in each process. vsftpd forbids itself to. */
static void a_process_that_may_open_nothing(void **state)
{
	static const struct {
		const char *limits, *want;
	} cases[] = {
		{"Limit  Soft  Hard  Units\nMax open files            5                    5      "
		 "files\n",
			"may open no more files"},
		{"Limit  Soft  Hard  Units\nMax open files            1024                 4096   "
		 "files\n",
			NULL},
		{"Limit  Soft  Hard  Units\nMax open files            unlimited            "
		 "unlimited files\n",
			NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {{"/proc/452/limits", cases[i].limits}, MEMCACHED,
			{"/proc/452/maps", MAPS}, ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.how, cases[i].want ? WB_KEEP_RESTART : WB_KEEP_PROCESS);
		if (cases[i].want)
			assert_true(mentions(&v.reasons, cases[i].want));
	}
}

/* Each thread has its own. */
static void rights_of_all_threads(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/452/task/452/status", RIGHTS(USER, NONE, ALL, "1")},
		{"/proc/452/task/460/status", RIGHTS(USER, "0000000000200000", NONE, "0")},
		{"/proc/452/task/461/status", .error = -ESRCH},
		{"/proc/453/task/453/status", RIGHTS("0\t0\t0\t0", ALL, ALL, "0")},
		{"/proc/454/status", RIGHTS(USER, "12x", NONE, "0")},
		/* An inheritable one is of use only where an execve(2) may gain rights. */
		{"/proc/456/status", INHERITS("0000000000200000", USER, NONE, ALL, "1")},
		{"/proc/457/status", INHERITS("0000000000200000", USER, NONE, NONE, "0")}, {}};
	struct wb_files files = fake_files(disk);
	struct wb_rights r = {};

	assert_int_equal(wb_rights_read(&files, 452, &r), 0);
	assert_int_equal(r.held, 0x200000);
	assert_int_equal(r.limited, 0x200000);
	assert_int_equal(r.bounding, 0);
	assert_false(r.root);
	assert_int_equal(wb_rights_read(&files, 453, &r), 0);
	assert_int_equal(r.held, 0x1ffffffffff);
	assert_int_equal(r.bounding, 0x1ffffffffff);
	assert_int_equal(r.limited, 0);
	assert_true(r.root);
	assert_int_equal(wb_rights_read(&files, 454, &r), -EBADMSG);
	assert_int_equal(wb_rights_read(&files, 455, &r), -ESRCH);
	assert_int_equal(wb_rights_read(&files, 456, &r), 0);
	assert_int_equal(r.held, 0);
	assert_int_equal(wb_rights_read(&files, 457, &r), 0);
	assert_int_equal(r.limited, 0x200000);
}

/*
 * A service that may mount decides in its own mount namespace which files CRIU opens there, without
 * being root.
 */
static void who_may_mount_in_its_sandbox(void **state)
{
	static const struct {
		const char *status, *mnt;
		bool can;
	} cases[] = {
		{RIGHTS(USER, "0000000000200000", ALL, "1"), "4026532200", false},
		{RIGHTS(USER, "0000000000200000", ALL, "1"), "4026531841", true},
		{RIGHTS("0\t0\t0\t0", ALL, ALL, "0"), "4026532200", true},
		{RIGHTS(USER, "0000000000000400", ALL, "0"), "4026532200", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char mnt[32];
		const struct fake_file disk[] = {{"/proc/452/ns/mnt", .link = mnt},
			{"/proc/452/status", cases[i].status}, MEMCACHED, {"/proc/452/maps", MAPS},
			ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		snprintf(mnt, sizeof(mnt), "mnt:[%s]", cases[i].mnt);
		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.breaches.n, cases[i].can ? 0 : 1);
		if (!cases[i].can)
			assert_true(mentions(&v.reasons, "has CAP_SYS_ADMIN in a mount namespace"));
	}
}

/* So does a service with other files in the place of the machine's. */
static void what_lies_over_the_machines_files(void **state)
{
#define OF_MACHINE                                \
	"24 1 254:2 / / rw - ext4 /dev/vda2 rw\n" \
	"25 24 0:23 / /run rw - tmpfs tmpfs rw\n" \
	"26 24 254:3 /srv/usr /usr rw - ext4 /dev/vda3 rw\n"
#define OF_UNIT                                     \
	"300 1 254:2 / / rw - ext4 /dev/vda2 rw\n"  \
	"302 300 0:23 / /run rw - tmpfs tmpfs rw\n" \
	"303 300 254:3 /srv/usr /usr rw - ext4 /dev/vda3 rw\n"
	static const struct {
		const char *more, *point;
	} cases[] = {
		{"", NULL},
		{"304 300 254:2 /etc /etc ro - ext4 /dev/vda2 rw\n", NULL},
		{"304 303 254:3 /srv/usr/share /usr/share ro - ext4 /dev/vda3 rw\n", NULL},
		{"304 303 0:23 /systemd/inaccessible/dir /usr/lib/modules ro - tmpfs tmpfs rw\n",
			NULL},
		{"304 300 0:50 / /etc/ssl ro - tmpfs tmpfs rw\n", NULL},
		{"304 300 0:50 / /etc ro - tmpfs tmpfs rw\n", "/etc"},
		{"304 300 254:2 /home/x /etc/ld.so.preload ro - ext4 /dev/vda2 rw\n",
			"/etc/ld.so.preload"},
		{"304 303 254:2 /srv/x /usr/local/lib rw - ext4 /dev/vda2 rw\n", "/usr/local/lib"},
		{"304 303 254:3 /share /usr/share rw - ext4 /dev/vda3 rw\n", "/usr/share"},
		{"304 300 0:50 /systemd/inaccessible/dir /usr/lib ro - tmpfs x rw\n", "/usr/lib"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char mounts[1024], want[128];
		const struct fake_file disk[] = {{"/proc/452/mountinfo", mounts},
			{"/proc/1/mountinfo", OF_MACHINE}, MEMCACHED, {"/proc/452/maps", MAPS},
			ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		snprintf(mounts, sizeof(mounts), "%s%s", OF_UNIT, cases[i].more);
		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.breaches.n, cases[i].point ? 1 : 0);
		snprintf(want, sizeof(want),
			"it finds other files at %s than the machine has there",
			cases[i].point ?: "");
		if (cases[i].point)
			assert_string_equal(v.reasons.items[0], want);
	}
}

/* A process of the unit, whichever, in namespaces that it has made itself. */
static void what_it_has_made_itself_is_not_entered(void **state)
{
	static const struct fake_ns_one ones[] = {
		{1, WB_NS_USER, .owner = FAKE_NS_MACHINE + WB_NS_USER,
			.parent = FAKE_NS_MACHINE + WB_NS_USER, .uid = 107},
		{}};
	static const struct fake_ns_proc procs[] = {{453, .ns = {[WB_NS_USER] = 1}}, {}};
	static const struct fake_file disk[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n453\n454\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/453/stat", "453 (worker) S 452 452 452 0 -1 4194560"},
		{"/proc/453/status", STATUS}, {"/proc/453/mountinfo", MOUNTS},
		{"/proc/453/maps", MAPS}, {"/proc/453/fd/3", .link = "socket:[2534]"},
		/* Only its threads are left, and they cannot be examined. */
		{"/proc/454/stat", "454 (gone) Z 452 452 452 0 -1 4194560"},
		{"/proc/454/status", STATUS}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};
	int r;

	trusted.procs = procs;
	trusted.ones = ones;
	r = look_at(disk, private_users, NULL, &v, &err);
	trusted.procs = NULL;
	trusted.ones = NULL;
	assert_int_equal(r, 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(v.breaches.n, 2);
	assert_string_equal(v.reasons.items[0],
		"its process 453 has made a user namespace of its own, which root does not enter");
	assert_true(mentions(
		&v.reasons, "its process 454 (gone) has ended except for some of its threads"));
}

static void unit_of_etc(struct wb_service *s)
{
	s->fragment = strdup("/etc/systemd/system/m.service");
}

static void none_is_the_machines(struct wb_procs *procs, const struct wb_unit_texts *definition,
	const struct wb_ns_ops *machine)
{
}

/*
 * A file is opened again by its name only if systemd opened it for the service, and if it is the
 * same.
 */
static void files_of_other_mounts(void **state)
{
	static const struct {
		const char *link, *unit;
		bool same;
		const char *want;
	} cases[] = {
		{"/dev/null", "", true, NULL},
		{"/dev/null", "", false, "is not the one that the machine has there"},
		{"/var/log/x.log", "StandardOutput=append:/var/log/x.log\n", true, NULL},
		{"/var/log/x.log", "StandardError=file:/var/log/%N.log\n", true, NULL},
		{"/var/log/x.log", "StandardInput=truncate:/var/log/x.log\n", false,
			"called /var/log/x.log outside of its sandbox, and is not the one"},
		{"/etc/shadow", "StandardOutput=append:/var/log/x.log\n", true,
			"called /etc/shadow outside of its sandbox, which no Standard"},
		{"/etc/shadow", "# StandardOutput=file:/etc/shadow\n", true, "which no Standard"},
		{"/var/log/x.log (deleted)", "StandardOutput=file:/var/log/x.log (deleted)\n", true,
			"which no Standard"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[128];
		const struct fake_file disk[] = {{"/proc/452/fd/0", .link = cases[i].link},
			MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
			{"/etc/systemd/system/m.service", text}, {}};
		struct wb_files files = fake_files(disk);
		struct wb_services services = {(void *)unit_of_etc, fake_read};
		const struct wb_ns_ops ns = fake_ns_ops(&trusted);
		const struct wb_keep_look look = {.files = &files,
			.units = &services,
			.namespaces = &ns,
			.find_externals =
				cases[i].same ? all_are_the_machines : none_is_the_machines,
			.criu = "4.1.1"};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		snprintf(text, sizeof(text), "[Service]\n%s", cases[i].unit);
		assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &v, &err), 0);
		assert_int_equal(v.breaches.n, cases[i].want ? 1 : 0);
		if (cases[i].want) {
			assert_true(mentions(&v.reasons, cases[i].want));
			continue;
		}
		assert_string_equal(v.image.externals.items[1].path, cases[i].link);
		assert_int_equal(v.image.externals.items[1].identity.inode, 7);
	}
}

/* To look at such a file is to wait for the program, and it may make us wait for ever. */
static void files_of_other_programs(void **state)
{
#define FUSE MOUNTS "305 300 0:77 / /srv/f rw - fuse.evil evil rw\n"
	static const struct {
		struct fake_file file;
		const char *want;
	} cases[] = {
		{{"/proc/452/cwd", .link = "/srv/f/x"}, "/srv/f/x is in use by it"},
		{{"/proc/452/exe", .link = "/srv/f/x"}, "/srv/f/x is in use by it"},
		{{"/proc/452/fdinfo/28", INFO("305", "9")},
			"/run/memcached/notes open, on a file system"},
		{{"/proc/452/maps", "7f02-7f03 r--s 00000000 00:4d 77 /srv/f/m\n"},
			"/srv/f/m mapped, on a file system of another program"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {cases[i].file, {"/proc/452/mountinfo", FUSE},
			MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.breaches.n, 1);
		assert_true(mentions(&v.reasons, cases[i].want));
	}
}

/* Descriptors in a message are in no list of open files. */
static void descriptors_on_their_way(void **state)
{
	static const struct fake_file disk[] = {{"/proc/452/fd/50", .link = "socket:[2700]"},
		{"/proc/452/fdinfo/50", INFO("9", "2700") "scm_fds: 1\n"}, MEMCACHED,
		{"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.breaches.n, 1);
	assert_true(mentions(&v.reasons, "descriptors to a Unix socket that nobody has received"));
}

/* A table of any length costs others their time: each is compared with those before. */
static void what_is_too_much_is_refused(void **state)
{
	enum { MANY = 5000 };
	struct fake_file *disk = calloc(64, sizeof(*disk));
	const struct fake_file base[] = {MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES};
	const size_t n = sizeof(base) / sizeof(*base);
	WB_CLEAN_STR maps = NULL;
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};
	size_t size;
	FILE *out = open_memstream(&maps, &size);

	for (int i = 0; i < MANY; i++)
		fprintf(out, "7f02-7f03 r--s 00000000 00:17 %d /run/m/%d\n", 100 + i, i);
	for (int i = 0; i < 1000; i++)
		fprintf(out, "7f02-7f03 r--s 00000000 00:17 %d /dev/d%d\n", 100000 + i, i);
	assert_int_equal(fclose(out), 0);
	disk[0] = (struct fake_file){"/proc/452/maps", maps};
	memcpy(disk + 1, base, n * sizeof(*base));
	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(v.files.n, 4096);
	assert_int_equal(v.reasons.n, 64);
	assert_true(mentions(&v.reasons, "more than 4096 files"));
	free(disk);
}

static int read_many(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	char text[64];
	int pid, r = 0;

	if (!strcmp(path, "/sys/fs/cgroup/a.service/cgroup.procs")) {
		for (pid = 10000; r == 0 && pid >= 100; pid--) {
			snprintf(text, sizeof(text), "%d\n", pid);
			r = wb_blob_append(ret, text, strlen(text));
		}
	} else if (sscanf(path, "/proc/%d/stat", &pid) == 1 &&
		   !strcmp(strrchr(path, '/'), "/stat")) {
		snprintf(text, sizeof(text), "%d (m) S %d 100 100 0 -1 0", pid, pid - 1);
		r = wb_blob_append(ret, text, strlen(text));
	} else if (!strcmp(path, "/proc/5000/maps")) {
		for (int i = 0; r == 0 && i <= (int)WB_PROC_MOST; i++) {
			snprintf(
				text, sizeof(text), "1-2 r--s 00000000 00:17 %d /m/%d\n", i + 1, i);
			r = wb_blob_append(ret, text, strlen(text));
		}
	} else if (!strstr(path, "/status") && !strstr(path, "/mountinfo") &&
		   !strstr(path, "/maps")) {
		return -ENOENT;
	}
	return r < 0 ? r : wb_blob_append(ret, "", 1);
}

static int nothing_listed(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	return 0;
}

static int no_link(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	return -ENOENT;
}

static bool nothing_exists(void *ctx, const char *path)
{
	return false;
}

/* A chain of processes, each the child of the one before, and one with more than anybody has. */
static void processes_are_found_by_their_order(void **state)
{
	const struct wb_files files = {.read = read_many,
		.list = nothing_listed,
		.readlink = no_link,
		.exists = nothing_exists};
	WB_CLEAN_PROCS all = {};
	struct wb_error err = {};

	assert_int_equal(wb_procs_read(&files, "/a.service", &all, &err), 0);
	assert_true(all.excess && all.sorted);
	assert_int_equal(all.n, 5001);
	for (int64_t pid = 5000; pid <= 10000; pid++)
		assert_int_equal(wb_procs_find(&all, pid)->parent, pid - 1);
	assert_null(wb_procs_find(&all, 4999));
}

/* CRIU removes and makes a socket by its name, as root: the directory is looked at before. */
static void names_of_sockets(void **state)
{
#define SOCKET(name)                                                                    \
	{                                                                               \
		"/proc/452/net/unix",                                                   \
			UNIX "0000: 00000002 00000000 00010000 0001 01 2700 " name "\n" \
	}
	static const struct {
		struct fake_file table;
		const char *place, *want;
	} cases[] = {
		{SOCKET("/var/lib/m/d/shadow"), "/var/lib/m/d", NULL},
		{SOCKET("@var/lib/m/d/shadow"), NULL, NULL},
		{SOCKET("/shadow"), NULL, NULL},
		{SOCKET("/var/lib/m/d/./shadow"), NULL,
			"it has /var/lib/m/d/./shadow open, whose place"},
		{SOCKET("/var/lib/m/d/../d/shadow"), NULL,
			"it has /var/lib/m/d/../d/shadow open, whose place"},
		/* The directory may have moved since the socket got its name. */
		{SOCKET("d/shadow"), NULL, "it has d/shadow open, whose place"},
		{SOCKET("shadow"), NULL, "it has shadow open, whose place"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {cases[i].table,
			{"/proc/452/fd/50", .link = "socket:[2700]"},
			{"/proc/452/cwd", .link = "/var/lib/m"}, MEMCACHED,
			{"/proc/452/maps", MAPS}, ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.breaches.n, !!cases[i].want);
		assert_int_equal(v.places.n, !!cases[i].place);
		if (cases[i].want)
			assert_true(mentions(&v.reasons, cases[i].want));
		if (cases[i].place)
			assert_string_equal(v.places.items[0], cases[i].place);
	}
}

static void put16(uint8_t *at, size_t n)
{
	at[0] = (uint8_t)n;
	at[1] = (uint8_t)(n >> 8);
}

/* A name may hold a line of /proc/net/unix for the socket that it is the name of, or for another. */
static void names_that_forge_lines(void **state)
{
	static const char forged[] =
		UNIX_HEAD "0000: 00000002 00000000 00000000 0002 01 2503 /run/safe/x\n"
			  "0000: 00000002 00000000 00010000 0001 01 2503 /var/a\n"
			  "b/shadow\n";
	static const struct {
		const char *name;
		size_t n;
		const char *want;
		bool bound;
	} cases[] = {
		{"/var/a\nb/shadow", 16, "/var/a\nb/shadow", true},
		{"@d/shadow", 10, "@d/shadow", true},
		{"\0d\0e", 4, "@d@e", false},
		{NULL, 0, NULL, false},
	};
	static const struct fake_file disk[] = {{"/proc/452/net/unix", forged}, {}};
	struct wb_files files = fake_files(disk);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* nlmsghdr, unix_diag_msg (stream, listening, ino 2503), UNIX_DIAG_NAME */
		uint8_t answer[128] = {
			[4] = 20, [16] = 1, [17] = 1, [18] = 10, [20] = 0xc7, [21] = 9};
		WB_CLEAN_SOCKETS s = {};
		struct wb_error err = {};

		put16(answer, 32 + 4 + cases[i].n);
		put16(answer + 32, 4 + cases[i].n);
		if (cases[i].n)
			memcpy(answer + 36, cases[i].name, cases[i].n);
		assert_int_equal(wb_sockets_read(&files, 452, &s, &err), 0);
		assert_int_equal(s.n, 2);
		assert_int_equal(
			wb_sockets_parse_peers((struct wb_bytes){answer, 32 + 4 + cases[i].n}, &s),
			0);
		for (size_t k = 0; k < s.n; k++) {
			assert_int_equal(s.items[k].kind, WB_SOCKET_UNIX_STREAM);
			assert_int_equal(s.items[k].bound, cases[i].bound);
			if (cases[i].want)
				assert_string_equal(s.items[k].path, cases[i].want);
			else
				assert_null(s.items[k].path);
		}
	}
}

static int no_names(struct wb_sockets *s)
{
	return -ENOENT;
}

/* A frozen unit is judged by those names alone. */
static void without_names_nothing_is_kept(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, {}};
	struct wb_files files = fake_files(disk);
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_look still = {.files = &files,
		.namespaces = &ns,
		.add_peers = no_names,
		.find_externals = all_are_the_machines};
	struct wb_manifest_unit u = {.unit = (char *)"memcached.service",
		.main_pid = 452,
		.cgroup = (char *)"/system.slice/memcached.service"};
	WB_CLEAN_STRV paths = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look_still(&still, -1, &u, &paths, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the names of its Unix sockets"));
}

/* Until it stood still, it ran on. */
static void what_stands_still_is_looked_at_again(void **state)
{
	static const struct fake_ns_proc procs[] = {{452, .pid_for_children = -1}, {}};
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, {}};
	struct wb_files files = fake_files(disk);
	struct fake_ns fake = {"0::/system.slice/memcached.service\n", procs};
	const struct wb_ns_ops ns = fake_ns_ops(&fake);
	const struct wb_keep_look still = {
		.files = &files, .namespaces = &ns, .find_externals = all_are_the_machines};
	struct wb_manifest_unit u = {.unit = (char *)"memcached.service",
		.main_pid = 452,
		.cgroup = (char *)"/system.slice/memcached.service"};
	WB_CLEAN_STRV paths = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look_still(&still, -1, &u, &paths, &err), -EPERM);
	assert_non_null(strstr(err.text, "has made a process number namespace for its children"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_namespaces),
		cmocka_unit_test(a_process_that_may_open_nothing),
		cmocka_unit_test(rights_of_all_threads),
		cmocka_unit_test(who_may_mount_in_its_sandbox),
		cmocka_unit_test(what_lies_over_the_machines_files),
		cmocka_unit_test(what_it_has_made_itself_is_not_entered),
		cmocka_unit_test(files_of_other_mounts),
		cmocka_unit_test(files_of_other_programs),
		cmocka_unit_test(descriptors_on_their_way),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(processes_are_found_by_their_order),
		cmocka_unit_test(names_of_sockets),
		cmocka_unit_test(names_that_forge_lines),
		cmocka_unit_test(without_names_nothing_is_kept),
		cmocka_unit_test(what_stands_still_is_looked_at_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
