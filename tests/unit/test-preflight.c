// SPDX-License-Identifier: LGPL-2.1-or-later
/* survey/preflight.c: which units can be kept, and the reasons against it. */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "criu/modules.h"
#include "proc/watches.h"
#include "sample-service.h"

static void keeps_a_sandboxed_service(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.reasons.n, 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	assert_int_equal(v.image.main_pid, 452);
	assert_int_equal(v.image.pids.n, 1);
	assert_int_equal(v.bytes, 3072 << 10);
	assert_int_equal(v.threads, 10);
	assert_int_equal(v.highest_pid, 462);
	/* The journal's stream once, though it is open twice; /dev/null of outside. */
	assert_int_equal(v.image.externals.n, 2);
	assert_string_equal(v.image.externals.items[0].id, "unix[2503]");
	assert_int_equal(v.image.externals.items[0].fd, 1);
	assert_null(v.image.externals.items[0].path);
	assert_string_equal(v.image.externals.items[1].id, "file[1a:4]");
	assert_string_equal(v.image.externals.items[1].path, "/dev/null");
	assert_int_equal(v.image.externals.items[1].flags, 2);
	assert_int_equal(v.ends.ports.n, 1);
	assert_int_equal(v.ends.ports.items[0].port, 11211);
	assert_string_equal(v.ends.ports.items[0].address, "127.0.0.1");
	/* The client's own end is not the service's. */
	assert_int_equal(v.ends.connections.n, 1);
	assert_int_equal(v.ends.connections.items[0].remote_port, 0xbbec);
	assert_int_equal(v.files.n, 1);
	assert_string_equal(v.files.items[0], "/run/memcached/notes");
}

/* Twice in one process, and once more in its child. */
static void lists_a_shared_socket_once(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n453\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/fd/29", .link = "socket:[2600]"},
		{"/proc/452/fd/30", .link = "socket:[2601]"},
		{"/proc/453/stat", "453 (worker) S 452 452 452 0 -1 4194560"},
		{"/proc/453/status", STATUS}, {"/proc/453/mountinfo", MOUNTS},
		{"/proc/453/maps", MAPS}, {"/proc/453/fd/3", .link = "socket:[2534]"},
		{"/proc/453/fd/4", .link = "socket:[2600]"}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.processes, 2);
	assert_int_equal(v.ends.ports.n, 1);
	assert_int_equal(v.ends.connections.n, 2);
	assert_int_equal(v.ends.connections.items[0].remote_port, 11211);
	assert_int_equal(v.ends.connections.items[1].remote_port, 0xbbec);
	assert_int_equal(v.ends.connections.items[1].local_port, 11211);
}

/* Which it has made by Delegate=, with a process in it or without; systemd's own is no matter. */
static void lower_rung_by_its_own_cgroups(void **state)
{
#define GROUP "/sys/fs/cgroup/system.slice/memcached.service/"
	static const struct {
		const char *file, *reason;
	} cases[] = {
		{GROUP "child/cgroup.procs",
			"it has control groups of its own (child) without Delegate="},
		{GROUP ".control/cgroup.procs", NULL},
		{GROUP "child/no-group", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {
			MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {cases[i].file, ""}, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.reasons.n, cases[i].reason ? 1 : 0);
		if (cases[i].reason)
			assert_string_equal(v.reasons.items[0], cases[i].reason);
	}
}

/* A child that is about to end has no mounts any more, and no place. */
static void passes_over_who_ends(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n453\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/453/stat", "453 (worker) R 452 452 452 0 -1 4194564"},
		{"/proc/453/status", STATUS}, {"/proc/453/mountinfo", .error = -EINVAL}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	assert_int_equal(v.processes, 1);
}

static void tells_the_manifest(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_CRIU_IMAGE image = {};
	struct wb_manifest m = {};
	struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	u->how = WB_KEEP_RESTART;
	u->why = strdup("nobody knows");
	/* Twice, because the freeze examines again the files of the first look. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_keep_record(NULL, &v, u, &err), 0);
	assert_int_equal(u->how, WB_KEEP_PROCESS);
	assert_null(u->why);
	assert_int_equal(u->main_pid, 452);
	assert_int_equal(u->pids.n, 1);
	assert_int_equal(u->streams.n, 1);
	assert_int_equal(u->streams.items[0].inode, 2503);
	assert_int_equal(u->ends.ports.n, 1);
	assert_int_equal(u->ends.connections.n, 1);
	assert_int_equal(wb_criu_image_read(u->image, &image, &err), 0);
	assert_string_equal(image.version, "4.1.1");
	wb_manifest_deinit(&m);
}

/* Under CRIU, which traces it: it has forked, and begun and opened something, since it was looked at. */
static void looks_at_what_stands_still(void **state)
{
	const struct wb_ns_ops trusting = fake_ns_ops(&trusted);
	static const struct fake_file before[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	static const struct fake_file after[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n453\n"},
		{"/proc/452/status", "Name:\tx\nTracerPid:\t77\n" STATUS},
		{"/proc/452/net/udp",
			TCP_HEAD "   1: 00000000:0035 00000000:0000 07 00000000:00000000 "
				 "00:00000000 00000000   100        0 2700 2 0000 0\n"},
		MEMCACHED, {"/proc/452/maps", MAPS},
		{"/proc/453/stat", "453 (worker) t 452 452 452 0 -1 4194560"},
		{"/proc/453/status", STATUS}, {"/proc/453/mountinfo", MOUNTS},
		{"/proc/453/maps", MAPS}, {"/proc/453/fd/4", .link = "socket:[2601]"},
		{"/proc/453/fd/5", .link = "/run/memcached/new"},
		{"/proc/453/fdinfo/5", INFO("302", "98")},
		{"/proc/453/fd/6", .link = "socket:[2700]"}, {}};
	struct wb_files files = fake_files(after);
	const struct wb_keep_look still = {
		.files = &files, .namespaces = &trusting, .find_externals = all_are_the_machines};
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_STRV paths = {};
	struct wb_manifest m = {};
	struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
	struct wb_error err = {};

	assert_int_equal(look_at(before, NULL, NULL, &v, &err), 0);
	assert_int_equal(wb_keep_record(NULL, &v, u, &err), 0);
	u->unit = strdup("memcached.service");
	assert_int_equal(wb_strv_add(&paths, "/run/memcached.pid"), 0);
	assert_int_equal(wb_strv_add(&paths, "/run/memcached/notes"), 0);
	if (wb_keep_look_still(&still, -1, u, &paths, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(u->how, WB_KEEP_PROCESS);
	assert_null(u->why);
	assert_int_equal(u->main_pid, 452);
	assert_int_equal(u->streams.n, 1);
	assert_int_equal(u->pids.n, 2);
	assert_int_equal(u->pids.items[1], 453);
	assert_int_equal(u->ends.ports.n, 2);
	assert_int_equal(u->ends.ports.items[1].port, 53);
	assert_int_equal(u->ends.connections.n, 2);
	assert_int_equal(u->ends.connections.items[0].remote_port, 11211);
	assert_int_equal(paths.n, 3);
	assert_string_equal(paths.items[2], "/run/memcached/new");
	wb_manifest_deinit(&m);
}

/* The maker of a semaphore has it open by a name that is gone; it travels by the one that is there. */
static void finds_the_other_names_of_what_is_open(void **state)
{
	const struct wb_ns_ops trusting = fake_ns_ops(&trusted);
	char root[] = "/tmp/wb-test.XXXXXX", path[64], mounts[192], info[128];
	const struct fake_file disk[] = {{"/proc/452/mountinfo", mounts},
		{"/proc/1/mountinfo", mounts}, {"/proc/452/fd/40", .link = "/sem.Xy1 (deleted)"},
		{"/proc/452/fdinfo/40", info}, {"/proc/452/maps", ""}, MEMCACHED, {}};
	struct wb_files files = fake_files(disk);
	const struct wb_keep_look still = {
		.files = &files, .namespaces = &trusting, .find_externals = all_are_the_machines};
	struct wb_manifest_unit u = {.unit = (char *)"memcached.service",
		.main_pid = 452,
		.cgroup = (char *)"/system.slice/memcached.service"};
	struct wb_manifest m = {};
	WB_CLEAN_STRV paths = {};
	struct wb_error err = {};
	struct stat st;
	FILE *file;
	int dir;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/sem.a", root);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(stat(path, &st), 0);
	snprintf(mounts, sizeof(mounts),
		"303 300 %u:%u / / rw - tmpfs tmpfs rw\n302 303 8:1 / /run rw - ext4 x rw\n",
		major(st.st_dev), minor(st.st_dev));
	snprintf(info, sizeof(info), "pos:\t0\nflags:\t02\nmnt_id:\t303\nino:\t%llu\n",
		(unsigned long long)st.st_ino);
	*(struct wb_manifest_unit *)wb_list_add(&m.units, sizeof(u)) = u;
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(wb_keep_look_still(&still, dir, &m.units.items[0], &paths, &err), 0);
	close(dir);
	unlink(path);
	rmdir(root);
	assert_int_equal(paths.n, 1);
	assert_string_equal(paths.items[0], "/sem.a");
	m.units.items[0].unit = m.units.items[0].cgroup = NULL;
	wb_manifest_deinit(&m);
}

/* Facts read earlier are kept when nothing can be read any more. */
static void says_when_nothing_stands_there(void **state)
{
	const struct wb_ns_ops trusting = fake_ns_ops(&trusted);
	static const struct fake_file gone[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", ""}, INIT, {}};
	struct wb_files files = fake_files(gone);
	const struct wb_keep_look still = {
		.files = &files, .namespaces = &trusting, .find_externals = all_are_the_machines};
	WB_CLEAN_STRV paths = {};
	struct wb_net_connection c = {(char *)"10.0.0.2", (char *)"10.0.0.1", 80, 40000};
	struct wb_manifest_unit u = {.unit = "memcached.service",
		.how = WB_KEEP_PROCESS,
		.main_pid = 452,
		.cgroup = "/system.slice/memcached.service",
		.ends.connections = {&c, 1}};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look_still(&still, -1, &u, &paths, &err), -ESRCH);
	assert_non_null(strstr(err.text, "no main process"));
	assert_int_equal(u.ends.connections.n, 1);
}

/*
 * shm_open(3) and sem_open(3): open, or only mapped. In a sandbox of PrivateDevices=, where /dev is a
 * tmpfs itself, its devices are none of it, and what has no name is in the images.
 */
static void shared_memory_by_name_travels(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/452/mountinfo", MOUNTS "303 301 0:24 / /dev/shm rw - "
					       "tmpfs tmpfs rw\n"},
		MEMCACHED, ALL_MODULES, {"/proc/452/fd/40", .link = "/dev/shm/open"},
		{"/proc/452/fdinfo/40", INFO("303", "7")},
		{"/proc/452/fd/41", .link = "/dev/shm/gone (deleted)"},
		{"/proc/452/fdinfo/41", INFO("303", "8")}, {"/proc/452/fd/42", .link = "/dev/null"},
		{"/proc/452/fdinfo/42", INFO("301", "9")},
		{"/proc/452/maps",
			"7f00-7f01 rw-s 00000000 00:18 7      /dev/shm/open\n"
			"7f01-7f02 rw-s 00000000 00:18 10     /dev/shm/sem.a b\n"
			"7f02-7f03 rw-s 00001000 00:18 10     /dev/shm/sem.a b\n"
			"7f03-7f04 rw-s 00000000 00:18 11     /dev/shm/sem.Xy1 (deleted)\n"
			"7f04-7f05 rw-s 00000000 00:17 12     /run/memcached/mapped\n"
			"7f05-7f06 rw-s 00000000 00:28 9      /dev/null\n"
			"7f06-7f07 rw-s 00000000 00:01 13     /memfd:x (deleted)\n"
			"7f07-7f08 rw-s 00000000 fe:02 14     /var/lib/data\n"},
		{}};
	static const char *const want[] = {"/dev/shm/open", "/dev/shm/sem.a b",
		"/run/memcached/mapped", "/run/memcached/notes"};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	assert_int_equal(v.files.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(mentions(&v.files, want[i]));
	/* But for what its maker knows by a name that is gone, and others by the one that it has. */
	assert_int_equal(v.nameless.n, 2);
	assert_string_equal(v.nameless.items[0].path, "/dev/shm/sem.Xy1");
	assert_int_equal(v.nameless.items[0].device, 0x18);
	assert_int_equal(v.nameless.items[0].inode, 11);
	assert_string_equal(v.nameless.items[1].path, "/dev/shm/gone");
	assert_int_equal(v.nameless.items[1].inode, 8);
}

/*
 * By another unit, which would come back with a copy of its own, and may know it by another name; or by
 * nobody, but of a like name.
 */
static void memory_shared_with_others_stays(void **state)
{
	static const struct {
		const char *others;
		bool can;
	} cases[] = {
		{"7e00-7e01 rw-s 00000000 00:18 7      /dev/shm/ring\n", false},
		{"7e00-7e01 rw-s 00000000 00:18 7      /dev/shm/sem.Xy1 (deleted)\n", false},
		{"7e00-7e01 rw-s 00000000 00:18 77     /dev/shm/rings\n"
		 "7e01-7e02 rw-s 00000000 00:18 8      /tmp/dev/shm/ring\n",
			true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {
			{"/proc/452/mountinfo", MOUNTS "303 301 0:24 / /dev/shm rw - "
						       "tmpfs tmpfs rw\n"},
			MEMCACHED, ALL_MODULES,
			{"/proc/452/maps", "7f00-7f01 rw-s 00000000 00:18 7      /dev/shm/ring\n"},
			{"/proc/900/maps", cases[i].others}, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.how, cases[i].can ? WB_KEEP_PROCESS : WB_KEEP_RESTART);
		if (!cases[i].can)
			assert_true(mentions(&v.reasons, "/dev/shm/ring with process 900, which"));
	}
}

static void lower_rung_by_what_is_open(void **state)
{
	static const struct {
		const char *link, *map, *want;
	} cases[] = {
		{"anon_inode:[io_uring]", "", "it has an io_uring"},
		{"anon_inode:[fanotify]", "", "fanotify"},
		{"anon_inode:kvm-vm", "", "criu does not know: kvm-vm"},
		{"/dev/rtc0", "", "it has the device /dev/rtc0 open"},
		{"/dev/kmsg", "", "it has the device /dev/kmsg open"},
		{"socket:[2700]", "", "it has a packet socket, which cannot be looked at"},
		{"/x", "7f00-7f01 rw-s 00000000 00:01 32768    /SYSV0052e2c1 (deleted)\n",
			"System V shared memory"},
		{"/x", "7f00-7f01 rw-s 00000000 00:05 12    /dev/dri/card0\n",
			"the device /dev/dri/card0 mapped"},
		/* Even if none of its pages was touched. */
		{"/x", "7f00-7f01 rw-s 00000000 00:05 12    /dev/hugepages/v.ram\n",
			"it has memory of huge pages"},
		{"/x", "7f00-7f01 rw-s 00000000 00:05 12    anon_inode:[io_uring]\n",
			"it has an io_uring"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {MEMCACHED, ALL_MODULES,
			{"/proc/452/maps", cases[i].map},
			{"/proc/452/fd/40", .link = cases[i].link},
			{"/proc/452/fdinfo/40", INFO("300", "7")},
			{"/proc/452/net/packet", "sk RefCnt Type Proto Iface R Rmem User Inode\n"
						 "0000 3 3 0003 2 1 0 0 2700\n"},
			{}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.how, WB_KEEP_RESTART);
		if (!mentions(&v.reasons, cases[i].want))
			fail_msg("%s: not \"%s\" but \"%s\"", cases[i].link, cases[i].want,
				v.reasons.items[0]);
	}
}

static void dynamic_user(struct wb_service *s)
{
	s->user = strdup("t-dyn"); /* which has the number 63645 */
	s->uid = s->gid = 63645 + !s->dynamic_user;
	s->dynamic_user = true;
}

static void own_root(struct wb_service *s)
{
	s->root_directory = strdup("/srv/root");
}

static void few_proc(struct wb_service *s)
{
	s->proc_subset = strdup("pid");
}

static void own_network(struct wb_service *s)
{
	s->network_namespace = strdup("/run/netns/x");
}

static void stored(struct wb_service *s)
{
	s->stored_fds = 2;
}

static void tied(struct wb_service *s)
{
	wb_strv_add(&s->bound, "a.device");
}

static void harmless_settings(struct wb_service *s)
{
	s->root_directory = strdup("");
	s->proc_subset = strdup("all");
	s->private_pids = strdup("no");
	s->pid_file = strdup("/run/memcached.pid");
	wb_strv_add(&s->runtime_directories, "memcached");
	s->private_tmp = s->dynamic_user = true;
	dynamic_user(s);
	wb_strv_add(&s->triggered_by, "a.timer");
	wb_strv_add(&s->required, "-.mount");
}

static void lower_rung_by_settings(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	static const struct {
		void (*change)(struct wb_service *s);
		const char *want;
	} cases[] = {
		{dynamic_user, "DynamicUser= has given it the user 63646"},
		{own_root, "RootDirectory="},
		{own_network, "made (NetworkNamespacePath=)"},
		{stored, "2 file descriptors"},
		{tied, "BindsTo= would stop it as long as a.device is not there again"},
	};
	WB_CLEAN_KEEP_VERDICT fine = {}, few = {};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_KEEP_VERDICT v = {};

		assert_int_equal(look_at(disk, cases[i].change, NULL, &v, &err), 0);
		assert_int_equal(v.how, WB_KEEP_RESTART);
		assert_true(mentions(&v.reasons, cases[i].want));
	}
	assert_int_equal(look_at(disk, harmless_settings, NULL, &fine, &err), 0);
	assert_int_equal(fine.how, WB_KEEP_PROCESS);
	assert_false(fine.image.part_of_proc);
	assert_int_equal(look_at(disk, few_proc, NULL, &few, &err), 0);
	assert_int_equal(few.how, WB_KEEP_PROCESS);
	assert_true(few.image.part_of_proc);
	assert_int_equal(fine.bound.n, 0);
	/* Its open files in /run/memcached travel with that directory. */
	assert_int_equal(fine.files.n, 4);
	assert_string_equal(fine.files.items[0], "/run/memcached.pid");
	assert_string_equal(fine.files.items[1], "/tmp");
	assert_string_equal(fine.files.items[2], "/var/tmp");
	assert_string_equal(fine.files.items[3], "/run/memcached");
}

static void private_tmp(struct wb_service *s)
{
	s->private_tmp = true;
}

/*
 * Whatever its settings are: a unit without namespaces of its own has the machine's /tmp, which
 * stays.
 */
static void the_machines_own_tmp_stays(void **state)
{
	static const struct fake_file disk[] = {NS("452", "4026531841"),
		{"/proc/452/ns/uts", .link = "uts:[1]"}, {"/proc/1/ns/uts", .link = "uts:[1]"},
		{"/proc/452/ns/ipc", .link = "ipc:[2]"}, {"/proc/1/ns/ipc", .link = "ipc:[2]"},
		{"/proc/452/ns/cgroup", .link = "cgroup:[3]"},
		{"/proc/1/ns/cgroup", .link = "cgroup:[3]"}, MEMCACHED, {"/proc/452/maps", MAPS},
		ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, private_tmp, NULL, &v, &err), 0);
	assert_true(v.plain);
	assert_int_equal(v.files.n, 1);
}

/* Its /proc shows no mount, but another process of the unit sees all of them. */
static void a_process_in_another_root_directory_has_the_same_files(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n453\n"},
		{"/proc/452/root", .link = "/"}, {"/proc/453/root", .link = "/var/spool/x"},
		{"/proc/453/stat", "453 (child) S 452 452 452 0 -1 4194560"},
		{"/proc/453/status", STATUS}, {"/proc/453/mountinfo", ""}, {"/proc/453/maps", ""},
		{"/proc/453/fd/0", .link = "/dev/null"}, {"/proc/453/fdinfo/0", INFO("301", "4")},
		{"/proc/453/fd/3", .link = "/var/spool/x/queue"},
		{"/proc/453/fdinfo/3", INFO("300", "77")}, NS("453", "4026532200"), MEMCACHED,
		{"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_false(mentions(&v.reasons, "outside of its sandbox"));
	assert_int_equal(v.how, WB_KEEP_PROCESS);
}

/* A way that a unit is not for gives a reason only if just that way was asked for. */
static void a_service_is_no_container(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, INIT, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_KEEP_VERDICT plain = {};
	struct wb_keep_config config = {.how = WB_KEEP_CONTAINER};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, &config, &v, &err), 0);
	assert_true(mentions(&v.reasons, "it runs no container of podman's"));
	assert_int_equal(look_at(disk, NULL, NULL, &plain, &err), 0);
	assert_false(mentions(&plain.reasons, "container"));
}

static void configuration_has_its_say(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/root/run/extra", "x"}, {}};
	WB_CLEAN_KEEP_CONFIG config = {.how = WB_KEEP_RESTART};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(wb_strv_add(&config.files, "/run/extra"), 0);
	assert_int_equal(look_at(disk, NULL, &config, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(v.reasons.n, 1);
	assert_true(mentions(&v.reasons, "configured to be restarted"));
	assert_true(mentions(&v.files, "/run/extra"));
	/* New connections to restarted units are held, too. */
	assert_int_equal(v.ends.ports.n, 1);
}

/* As its processes see it: what the sandbox hides is not there. */
static void what_is_not_there_does_not_travel(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/root/run/there", "x"}, {"/proc/452/root/run/dir/file", "x"},
		{"/proc/452/root/run/link", .link = "/nowhere"}, {"/run/hidden", "x"}, {}};
	static const char *const names[] = {"/run/there", "/run/dir", "/run/link", "/run/hidden"};
	WB_CLEAN_KEEP_CONFIG config = {};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(wb_strv_add(&config.files, names[i]), 0);
	assert_int_equal(look_at(disk, NULL, &config, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	for (size_t i = 0; i < 3; i++)
		assert_true(mentions(&v.files, names[i]));
	assert_false(mentions(&v.files, "/run/hidden"));
	assert_int_equal(v.warnings.n, 1);
	assert_string_equal(v.warnings.items[0], "/run/hidden, which is to travel, does not exist");
}

#define TEXT_60 "a name that is longer than any file system that there is has"
#define TEXT_300 TEXT_60 TEXT_60 TEXT_60 TEXT_60 TEXT_60

/*
 * The next boot has what is on a disk, and maybe newer; a copy of all that the root holds would not fit
 * into memory. A name that leads through links is followed as its processes see them.
 */
static void what_lies_on_a_disk_stays(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/452/mountinfo",
			MOUNTS "303 300 0:5 / /proc rw - proc proc rw\n"
			       "304 302 254:3 / /run/disk\\040a rw - ext4 /dev/vda3 rw\n"
			       "305 300 254:2 /var/tmp/systemd-private-1-a-b/tmp /var/tmp rw "
			       "- ext4 /dev/vda2 rw\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/root/var/lib/on", "x"}, {"/proc/452/root/proc/1/stat", "x"},
		{"/proc/452/root/run/disk a/x", "x"}, {"/proc/452/root/var/tmp/x", "x"},
		{"/proc/452/root/var/run", .link = "/run"}, {"/proc/452/root/run/there", "x"},
		{"/proc/452/root/runs", "x"}, {"/proc/452/root/run/far", .link = "../var/lib"},
		{"/proc/452/root/run/round", .link = "round"},
		{"/proc/452/root/run/long", .link = TEXT_300}, {}};
	static const char *const stay[] = {"/var/lib/on", "/proc/1", "/", "/runs", "/run/disk a/x",
		"/run/far/on", "/run/disk a"};
	static const char *const go[] = {"/run/there", "/run/later", "/var/tmp/x", "/run/far"};
	WB_CLEAN_KEEP_CONFIG config = {};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	for (size_t i = 0; i < 7; i++)
		assert_int_equal(wb_strv_add(&config.files, stay[i]), 0);
	assert_int_equal(wb_strv_add(&config.files, "/var/run/there/"), 0);
	assert_int_equal(wb_strv_add(&config.files, "/var/run/later"), 0);
	assert_int_equal(wb_strv_add(&config.files, "/var/tmp/x"), 0);
	assert_int_equal(wb_strv_add(&config.files, "/run/far"), 0);
	assert_int_equal(wb_strv_add(&config.files, "/run/round/x"), 0);
	assert_int_equal(wb_strv_add(&config.files, "/run/long/x"), 0);
	assert_int_equal(look_at(disk, NULL, &config, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	/* And the notes that it has open. */
	assert_int_equal(v.files.n, 4);
	assert_true(wb_strv_has(&v.files, go[0]));
	assert_true(wb_strv_has(&v.files, go[2]));
	assert_true(wb_strv_has(&v.files, go[3]));
	assert_int_equal(v.later.n, 3);
	assert_string_equal(v.later.items[0], go[1]);
	assert_string_equal(v.later.items[1], "/run/round/x");
	assert_string_equal(v.later.items[2], "/run/long/x");
	assert_int_equal(v.warnings.n, 10);
	assert_string_equal(v.warnings.items[0], "/var/lib/on, which is to travel, lies on no "
						 "tmpfs (but ext4) and stays where it is");
	assert_string_equal(v.warnings.items[1], "/proc/1, which is to travel, lies on no "
						 "tmpfs (but proc) and stays where it is");
}

/* The same for a file that its unit file names. */
static void pid_file_on_a_disk(struct wb_service *s)
{
	s->pid_file = strdup("/var/lib/memcached.pid");
}

static void pid_file_on_a_disk_stays(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, pid_file_on_a_disk, NULL, &v, &err), 0);
	assert_int_equal(v.files.n, 1);
	assert_int_equal(v.warnings.n, 0);
}

static void programs_and_trees(void **state)
{
	static const struct {
		struct fake_file file;
		const char *want;
	} cases[] = {
		{{"/proc/452/exe", .link = "/usr/bin/memcached (deleted)"},
			"/usr/bin/memcached has been replaced on disk"},
		{{"/proc/452/stat", "452 (m) S 1 460 460 0 -1"},
			"in the session of another one, 460"},
		{{"/proc/452/status", "Name:\tm\nTracerPid:\t77\nThreads:\t1\n"},
			"is being debugged"},
		{{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n460\n"},
			"460 (lost) does not descend from the main one"},
		{{"/proc/452/ns/net", .link = "net:[4026532999]"}, "a network namespace"},
		{{"/proc/452/ns/pid", .link = "pid:[4026532999]"}, "a pid namespace"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* Of two files with one name the first counts. */
		const struct fake_file disk[] = {cases[i].file, MEMCACHED, {"/proc/452/maps", MAPS},
			{"/proc/460/stat", "460 (lost) S 1 452 452 0 -1"},
			{"/proc/460/status", STATUS}, {"/proc/460/mountinfo", MOUNTS},
			{"/proc/460/maps", MAPS}, {"/proc/460/fd/0", .link = "pipe:[1]"},
			NS("460", "4026532200"), ALL_MODULES, {}};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
		assert_int_equal(v.how, WB_KEEP_RESTART);
		if (!mentions(&v.reasons, cases[i].want))
			fail_msg("not \"%s\" but \"%s\"", cases[i].want, v.reasons.items[0]);
	}
}

/* fork(), setsid(), fork(): the leader of the session has ended long ago. */
static void daemon_that_forked_twice(void **state)
{
	static const struct fake_file disk[] = {{"/proc/452/stat", "452 (m) S 1 400 400 0 -1"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	assert_true(v.image.foreign_session);
}

static void inactive(struct wb_service *s)
{
	free(s->active);
	s->active = strdup("inactive");
	s->main_pid = 0;
}

static void nothing_to_keep(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, inactive, NULL, &v, &err), -ESRCH);
	assert_string_equal(err.text, "memcached.service is inactive: there is nothing to keep");
}

static void starting(struct wb_service *s)
{
	free(s->active);
	s->active = strdup("activating");
}

static void no_main_process(struct wb_service *s)
{
	s->main_pid = 0;
}

static void all_has_ended(struct wb_service *s)
{
	s->main_pid = 0;
	free(s->cgroup);
	s->cgroup = strdup("/system.slice/once.service");
}

static void no_cgroup(struct wb_service *s)
{
	s->main_pid = 0;
	s->cgroup[0] = '\0';
}

static void nothing_to_keep_but_active(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	static const struct {
		void (*change)(struct wb_service *s);
		const char *want;
		size_t ports;
	} cases[] = {
		{starting, "it is still starting (activating)", 1},
		{no_main_process, "it has no main process that could be kept", 1},
		{all_has_ended, "it has no main process that could be kept", 0},
		{no_cgroup, "it has no main process that could be kept", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_manifest m = {};
		struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(look_at(disk, cases[i].change, NULL, &v, &err), 0);
		assert_int_equal(v.how, WB_KEEP_RESTART);
		assert_string_equal(v.reasons.items[0], cases[i].want);
		/* A new connection is not to be refused meanwhile. */
		assert_int_equal(v.ends.ports.n, cases[i].ports);
		assert_int_equal(wb_keep_record(NULL, &v, u, &err), 0);
		assert_int_equal(u->how, WB_KEEP_RESTART);
		assert_string_equal(u->why, cases[i].want);
		wb_manifest_deinit(&m);
	}
}

static void modules_of_the_kernel_to_come(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS},
		{"/usr/lib/modules/6.12.1/modules.dep",
			"kernel/net/unix/unix_diag.ko:\nkernel/net/ipv4/inet_diag.ko:\n"
			"kernel/x/xtcp_diag.ko:\n"},
		{}};
	static const char dep[] = MODULES;
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_STRV none = {}, some = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_true(mentions(&v.reasons, "the kernel 6.12.1 has no module nf_tables"));
	assert_true(mentions(&v.reasons, "tcp_diag"));
	assert_false(mentions(&v.reasons, "unix_diag"));
	assert_int_equal(
		wb_criu_missing_modules((struct wb_bytes){(const uint8_t *)dep, sizeof(dep) - 1},
			(struct wb_bytes){}, &none),
		0);
	assert_int_equal(none.n, 0);
	assert_int_equal(
		wb_criu_missing_modules((struct wb_bytes){}, (struct wb_bytes){}, &some), 0);
	assert_int_equal(some.n, 7);
}

/* ---- sock_diag ---- */

static void peers_from_the_kernel(void **state)
{
	/* nlmsghdr, unix_diag_msg (ino 2503), attribute UNIX_DIAG_PEER 2504; then NLMSG_DONE */
	static const uint8_t answer[] = {40, 0, 0, 0, 20, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1,
		0, 0xc7, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0xc8, 9, 0, 0, 20, 0, 0, 0, 3,
		0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct wb_socket one = {.kind = WB_SOCKET_UNIX_STREAM, .inode = 2503};
	struct wb_sockets s = {&one, 1};
	struct wb_bytes in = {answer, sizeof(answer)};

	assert_int_equal(wb_sockets_parse_peers(in, &s), 1);
	assert_int_equal(one.peer, 2504);
	in.size = 40;
	assert_int_equal(wb_sockets_parse_peers(in, &s), 0);
	in.size = 39;
	assert_int_equal(wb_sockets_parse_peers(in, &s), -EBADMSG);
}

/* One message: nlmsghdr and a number. */
static void put_message(uint8_t at[20], uint8_t type, int32_t number)
{
	memset(at, 0, 20);
	at[0] = 20;
	at[4] = type;
	memcpy(at + 16, &number, 4);
}

/* A refusal is not the end of the answer: without it, names in /proc would count as the kernel's. */
static void errors_from_the_kernel(void **state)
{
	static const struct {
		uint8_t type;
		int32_t number;
		size_t cut;
		int want;
	} cases[] = {
		{NLMSG_ERROR, -ENOENT, 0, -ENOENT},
		{NLMSG_ERROR, -EPERM, 0, -EPERM},
		{NLMSG_ERROR, 0, 0, 0}, /* an ACK */
		{NLMSG_ERROR, 7, 0, -EBADMSG},
		{NLMSG_ERROR, INT32_MIN, 0, -EBADMSG},
		{NLMSG_ERROR, -ENOENT, 4, -EBADMSG},
		{NLMSG_DONE, -ENOBUFS, 0, -ENOBUFS},
		{NLMSG_DONE, 0, 0, 1},
		{NLMSG_DONE, 0, 4, -EBADMSG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_sockets s = {};
		uint8_t in[20];

		put_message(in, cases[i].type, cases[i].number);
		in[0] -= (uint8_t)cases[i].cut;
		assert_int_equal(wb_sockets_parse_peers(
					 (struct wb_bytes){in, sizeof(in) - cases[i].cut}, &s),
			cases[i].want);
	}
}

/* The answer goes on after an ACK. */
static void answer_after_an_ack(void **state)
{
	struct wb_sockets s = {};
	uint8_t in[40];

	put_message(in, NLMSG_ERROR, 0);
	put_message(in + 20, NLMSG_DONE, -ENOBUFS);
	assert_int_equal(wb_sockets_parse_peers((struct wb_bytes){in, 40}, &s), -ENOBUFS);
	put_message(in + 20, NLMSG_DONE, 0);
	assert_int_equal(wb_sockets_parse_peers((struct wb_bytes){in, 40}, &s), 1);
}

/* ---- inotify ---- */

/* Names for inodes, as the file system would have them. */
static int find_by_inode(
	struct wb_procs *procs, const struct wb_ns_ops *namespaces, const struct wb_ns_whose *unit)
{
	static const struct {
		int64_t inode;
		const char *path;
		bool directory;
	} names[] = {
		{1, "/run", true},
		{2, "/run/tree-in", true},
		{3, "/run/a-file", false},
		{5, "/run/memcached/below", true},
		{6, "/dev/made-by-systemd", true},
	};
	struct wb_proc *p = &procs->items[0];

	for (size_t i = 0; i < p->watches.n; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			if (p->watches.items[i].inode == names[k].inode) {
				p->watches.items[i].path = strdup(names[k].path);
				p->watches.items[i].directory = names[k].directory;
			}
	if (p->watches.n) {
		assert_int_equal(p->watches.items[0].device, makedev(0, 0x17));
		assert_int_equal(p->watches.items[0].handle_type, 1);
		assert_int_equal(p->watches.items[0].handle_size, 3);
		assert_memory_equal(p->watches.items[0].handle, "\x0a\xff\x00", 3);
	}
	return 0;
}

#define WATCH(ino, sdev)                                                                  \
	"inotify wd:1 ino:" ino " sdev:" sdev " mask:fce ignored_mask:0 fhandle-bytes:3 " \
	"fhandle-type:1 f_handle:0aff00 \n"

static void runtime_directory(struct wb_service *s)
{
	wb_strv_add(&s->runtime_directories, "memcached");
}

static void what_is_watched_has_to_be_there(void **state)
{
	static const struct {
		const char *watch, *travels, *reason;
	} cases[] = {
		{WATCH("1", "17"), NULL, NULL}, /* the root of /run */
		{WATCH("2", "17"), "/run/tree-in/", NULL},
		{WATCH("2", "17") WATCH("2", "17"), "/run/tree-in/", NULL},
		{WATCH("3", "17"), "/run/a-file", NULL},
		{WATCH("4", "17"), NULL, "inotify(7) whose name is not found"},
		{WATCH("5", "17"), NULL, NULL},                       /* in its RuntimeDirectory= */
		{WATCH("1", "17") WATCH("6", "28"), NULL, NULL},      /* of a sandbox's /dev */
		{WATCH("1", "17") WATCH("4", "fe00002"), NULL, NULL}, /* on a disk */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
			{"/proc/452/fd/40", .link = "anon_inode:inotify"},
			{"/proc/452/fdinfo/40", cases[i].watch}, {}};
		struct wb_files files = fake_files(disk);
		struct wb_services services = {(void *)runtime_directory, fake_read};
		const struct wb_ns_ops ns = fake_ns_ops(&trusted);
		const struct wb_keep_look look = {.files = &files,
			.units = &services,
			.namespaces = &ns,
			.find_externals = all_are_the_machines,
			.find_watched = find_by_inode,
			.criu = "4.1.1"};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &v, &err), 0);
		assert_int_equal(v.reasons.n, cases[i].reason ? 1 : 0);
		if (cases[i].reason)
			assert_true(mentions(&v.reasons, cases[i].reason));
		/* Its directory, with the notes that it has open, and: */
		assert_int_equal(v.files.n, cases[i].travels ? 2 : 1);
		assert_string_equal(v.files.items[0], "/run/memcached");
		if (cases[i].travels)
			assert_string_equal(v.files.items[1], cases[i].travels);
	}
}

/* A container's root may not. */
static bool may_open_by_handle(const char *path)
{
	struct {
		struct file_handle head;
		uint8_t bytes[MAX_HANDLE_SZ];
	} h = {.head = {.handle_bytes = MAX_HANDLE_SZ}};
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), id, fd = -1;

	if (dir >= 0 && name_to_handle_at(AT_FDCWD, path, &h.head, &id, 0) == 0)
		fd = open_by_handle_at(dir, &h.head, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return fd >= 0;
}

static int open_own_root(void *ctx, int process, const char *name)
{
	struct wb_ns_ops fake = fake_ns_ops(&trusted);

	if (strcmp(name, "root"))
		return fake.open(ctx, process, name);
	return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The real thing: this process watches a directory in /dev/shm. */
static void finds_what_is_watched(void **state)
{
	char dir[] = "/dev/shm/wb-test.XXXXXX";
	struct wb_proc self = {};
	struct wb_procs procs = {&self, 1};
	/* Only its root is looked for really. */
	struct wb_ns_ops own = fake_ns_ops(&trusted);
	const struct wb_ns_whose whose = {"memcached.service", "/system.slice/memcached.service"};
	const struct wb_proc_watch *w;
	struct wb_error err = {};
	struct stat st;
	int fd;

	own.open = open_own_root;

	if (!mkdtemp(dir))
		skip();
	if (!may_open_by_handle(dir)) {
		rmdir(dir);
		skip();
	}
	fd = inotify_init1(IN_CLOEXEC);
	assert_true(inotify_add_watch(fd, dir, IN_CREATE) >= 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(wb_proc_read(wb_sys_real()->files, getpid(), &self, &err), 0);
	assert_int_equal(wb_watches_find(&procs, &own, &whose), 0);
	close(fd);
	rmdir(dir);
	assert_int_equal(self.watches.n, 1);
	w = &self.watches.items[0];
	assert_int_equal(w->device, st.st_dev);
	assert_int_equal(w->inode, st.st_ino);
	assert_non_null(w->path);
	assert_string_equal(w->path, dir);
	assert_true(w->directory);
	wb_proc_deinit(&self);
}

static int peers_of_two(struct wb_sockets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i].inode == 2503)
			s->items[i].peer = 2504;
		if (s->items[i].inode == 2701)
			s->items[i].peer = 2702;
		if (s->items[i].inode == 2710)
			s->items[i].peer = 2711;
		if (s->items[i].inode == 2711)
			s->items[i].peer = 2710;
		if (s->items[i].inode == 2720)
			s->items[i].peer = 2721;
	}
	return 0;
}

static void streams_inside_and_outside(void **state)
{
#define MORE                                                                           \
	"0000: 00000003 00000000 00000000 0001 03  2701\n"                             \
	"0000: 00000003 00000000 00000000 0001 03  2702 /run/dbus/system_bus_socket\n" \
	"0000: 00000003 00000000 00000000 0001 03  2710\n"                             \
	"0000: 00000003 00000000 00000000 0001 03  2711\n"                             \
	"0000: 00000003 00000000 00000000 0002 01  2720\n"                             \
	"0000: 00000003 00000000 00000000 0002 01  2721 /run/systemd/journal/dev-log\n"
	static const struct fake_file inside[] = {{"/proc/452/net/unix", UNIX MORE}, MEMCACHED,
		{"/proc/452/maps", MAPS}, {"/proc/452/fd/50", .link = "socket:[2710]"},
		{"/proc/452/fd/51", .link = "socket:[2711]"},
		{"/proc/452/fd/52", .link = "socket:[2720]"}, ALL_MODULES, {}};
	static const struct fake_file outside[] = {{"/proc/452/net/unix", UNIX MORE}, MEMCACHED,
		{"/proc/452/maps", MAPS}, {"/proc/452/fd/50", .link = "socket:[2701]"}, ALL_MODULES,
		{}};
	struct wb_services services = {NULL, fake_read};
	WB_CLEAN_KEEP_VERDICT a = {}, b = {}, c = {};
	const struct wb_keep_config reset = {.how = WB_KEEP_AUTO, .reset_peers = true};
	WB_CLEAN_MANIFEST m = {};
	struct wb_manifest_unit *u = wb_list_add(&m.units, sizeof(*u));
	WB_CLEAN_CRIU_IMAGE image = {};
	int found = 0;
	struct wb_files files = fake_files(inside);
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	struct wb_keep_look look = {.files = &files,
		.units = &services,
		.namespaces = &ns,
		.find_externals = all_are_the_machines,
		.add_peers = peers_of_two,
		.criu = "4.1.1"};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &a, &err), 0);
	assert_int_equal(a.how, WB_KEEP_PROCESS);
	/* CRIU connects it to that one again. */
	assert_string_equal(a.speaks_to, "/run/systemd/journal/dev-log");
	assert_int_equal(wb_survey_to_manifest(&a, u), 0);
	assert_int_equal(wb_process_to_manifest(&a, u), 0);
	assert_string_equal(u->speaks_to, "/run/systemd/journal/dev-log");
	files = fake_files(outside);
	assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &b, &err), 0);
	assert_int_equal(b.how, WB_KEEP_RESTART);
	assert_true(mentions(&b.reasons, "is connected to /run/dbus/system_bus_socket"));
	/* Peers=reset: it is kept, and told that it loses this connection. */
	assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", &reset, &c, &err), 0);
	assert_int_equal(c.how, WB_KEEP_PROCESS);
	assert_true(mentions(&c.warnings,
		"its connection to /run/dbus/system_bus_socket is closed for it by the jump"));
	assert_int_equal(wb_survey_to_manifest(&c, u), 0);
	assert_int_equal(wb_process_to_manifest(&c, u), 0);
	assert_null(u->speaks_to);
	for (size_t i = 0; i < u->streams.n; i++)
		assert_int_not_equal(u->streams.items[i].inode, 2701);
	assert_int_equal(wb_criu_image_read(u->image, &image, &err), 0);
	for (size_t i = 0; i < image.externals.n; i++)
		if (!strcmp(image.externals.items[i].id, "unix[2701]"))
			found += image.externals.items[i].reset && !image.externals.items[i].fd;
		else
			assert_false(image.externals.items[i].reset);
	assert_int_equal(found, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_sandboxed_service),
		cmocka_unit_test(lists_a_shared_socket_once),
		cmocka_unit_test(lower_rung_by_its_own_cgroups),
		cmocka_unit_test(passes_over_who_ends),
		cmocka_unit_test(tells_the_manifest),
		cmocka_unit_test(looks_at_what_stands_still),
		cmocka_unit_test(finds_the_other_names_of_what_is_open),
		cmocka_unit_test(says_when_nothing_stands_there),
		cmocka_unit_test(shared_memory_by_name_travels),
		cmocka_unit_test(memory_shared_with_others_stays),
		cmocka_unit_test(lower_rung_by_what_is_open),
		cmocka_unit_test(lower_rung_by_settings),
		cmocka_unit_test(the_machines_own_tmp_stays),
		cmocka_unit_test(a_process_in_another_root_directory_has_the_same_files),
		cmocka_unit_test(a_service_is_no_container),
		cmocka_unit_test(configuration_has_its_say),
		cmocka_unit_test(what_is_not_there_does_not_travel),
		cmocka_unit_test(what_lies_on_a_disk_stays),
		cmocka_unit_test(pid_file_on_a_disk_stays),
		cmocka_unit_test(programs_and_trees),
		cmocka_unit_test(daemon_that_forked_twice),
		cmocka_unit_test(nothing_to_keep),
		cmocka_unit_test(nothing_to_keep_but_active),
		cmocka_unit_test(modules_of_the_kernel_to_come),
		cmocka_unit_test(peers_from_the_kernel),
		cmocka_unit_test(errors_from_the_kernel),
		cmocka_unit_test(answer_after_an_ack),
		cmocka_unit_test(streams_inside_and_outside),
		cmocka_unit_test(what_is_watched_has_to_be_there),
		cmocka_unit_test(finds_what_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
