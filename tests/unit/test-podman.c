// SPDX-License-Identifier: LGPL-2.1-or-later
/* podman/: what podman tells of a container, what hinders it, and how podman is run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"
#include "fake-files.h"
#include "fake-runner.h"
#include "podman/podman.h"
#include "podman/run.h"
#include "survey/container.h"
#include "unit.h"

#define ID "8407e8954f13428d4e29f006889445313f7cb863c76b31e69115541bcad6ee7f"
#define OTHER "0107e8954f13428d4e29f006889445313f7cb863c76b31e69115541bcad6ee7f"

/* Recorded from podman 5.4.2 for a quadlet with PublishPort=7001:7000, without the keys that nobody reads. */
#define STATE                                                                                   \
	"\"State\": {\"Status\": \"running\", \"Running\": true, \"Pid\": 586, \"ConmonPid\": " \
	"584}"
#define HOST                                                                                    \
	"\"CgroupMode\": \"private\", \"ContainerIDFile\": \"/run/web.cid\", \"NetworkMode\": " \
	"\"bridge\", "                                                                          \
	"\"AutoRemove\": true, \"IpcMode\": \"shareable\", \"PidMode\": \"private\", "          \
	"\"Privileged\": false, "                                                               \
	"\"UTSMode\": \"private\", \"UsernsMode\": \"\", \"Devices\": []"
#define PORTS "\"7000/tcp\": [{\"HostIp\": \"0.0.0.0\", \"HostPort\": \"7001\"}]"
#define CONFIG                                                                         \
	"\"Tty\": false, \"OpenStdin\": false, \"Labels\": {\"PODMAN_SYSTEMD_UNIT\": " \
	"\"web.service\"}"
#define NAMES                                                            \
	"\"Id\": \"" ID "\", \"Name\": \"systemd-web\", \"StaticDir\": " \
	"\"/var/lib/containers/storage/overlay-containers/" ID "/userdata\""
#define QUADLET                                                                                  \
	"[{" NAMES ", " STATE ", \"Pod\": \"\", \"OCIRuntime\": \"crun\", \"Mounts\": [], "      \
	"\"Dependencies\": [], \"IsInfra\": false, \"NetworkSettings\": {\"Ports\": {" PORTS     \
	"}, \"Networks\": {\"podman\": {\"IPAddress\": \"10.88.0.2\"}}}, \"HostConfig\": {" HOST \
	"}, \"Config\": {" CONFIG "}}]"

static int parse(const char *text, struct wb_container *ret)
{
	struct wb_error err = {};
	int r = wb_container_parse(wb_text(text), ret, &err);

	if (r < 0)
		assert_string_not_equal(err.text, "");
	return r;
}

/* The text with one part replaced, to be freed. */
static char *instead(const char *part, const char *by)
{
	const char *at = strstr(QUADLET, part);

	assert_non_null(at);
	return wb_strf("%.*s%s%s", (int)(at - QUADLET), QUADLET, by, at + strlen(part));
}

static void a_quadlet_is_understood(void **state)
{
	WB_CLEAN_CONTAINER c = {};

	assert_int_equal(parse(QUADLET, &c), 0);
	assert_string_equal(c.id, ID);
	assert_string_equal(c.name, "systemd-web");
	assert_string_equal(c.id_file, "/run/web.cid");
	assert_int_equal(c.pid, 586);
	assert_int_equal(c.monitor, 584);
	assert_true(c.removed && c.own_network);
	assert_int_equal(c.hindrances.n, 0);
	assert_int_equal(c.published.ports.n, 1);
	assert_string_equal(c.published.ports.items[0].protocol, "tcp");
	assert_int_equal(c.published.ports.items[0].port, 7001);
	assert_true(c.published.ports.items[0].forwarded);
	assert_int_equal(c.answers.n, 1);
	assert_string_equal(c.answers.items[0].address, "10.88.0.2");
	assert_int_equal(c.answers.items[0].inner, 7000);
	assert_int_equal(c.answers.items[0].outer, 7001);
}

/* Numbers of processes are read from files of podman's own only: a container may write to others (--pidfile=). */
static void numbers_come_from_podman(void **state)
{
	static const char own[] =
		"/run/containers/storage/overlay-containers/" ID "/userdata/pidfile";
	static const char *const others[] = {"/srv/web/pidfile", "/run/x/" ID "/userdata/pidfile",
		"/overlay-containers/" ID "/userdata/../pidfile",
		"/overlay-containers/" ID "/userdata/shm/pidfile",
		"/overlay-containers/" OTHER "/userdata/pidfile"};

	for (size_t i = 0; i <= sizeof(others) / sizeof(*others); i++) {
		const char *path = i ? others[i - 1] : own;
		WB_CLEAN_STR keys =
			wb_strf("\"Pod\": \"\", \"PidFile\": \"%s\", \"ConmonPidFile\": \"%s\"",
				path, path);
		WB_CLEAN_STR text = instead("\"Pod\": \"\"", keys);
		WB_CLEAN_CONTAINER c = {};

		assert_int_equal(parse(text, &c), 0);
		if (i) {
			assert_null(c.pid_file);
			assert_null(c.monitor_file);
			continue;
		}
		assert_string_equal(c.pid_file, own);
		assert_string_equal(c.monitor_file, own);
	}
}

static void what_hinders_is_told(void **state)
{
	static const struct {
		const char *part, *by, *why;
	} cases[] = {
		{"\"Status\": \"running\"", "\"Status\": \"paused\"", "its container is paused"},
		{"\"Pid\": 586", "\"Pid\": 0", "does not tell the processes"},
		{"\"Pid\": 586", "\"Pid\": -1", "does not tell the processes"},
		{"\"OCIRuntime\": \"crun\"", "\"OCIRuntime\": \"runc\"",
			"runtime of its container is runc"},
		{"\"Pod\": \"\"", "\"Pod\": \"x\"", "in a pod"},
		{"\"Dependencies\": []", "\"Dependencies\": [\"x\"]", "depends on another"},
		{"\"bridge\"", "\"pasta\"", "network of its container is \"pasta\""},
		{"\"bridge\"", "\"container:x\"", "network of its container is \"container:x\""},
		{"\"shareable\"", "\"host\"", "IPC namespace (host)"},
		{"\"PidMode\": \"private\"", "\"PidMode\": \"host\"", "PID namespace (host)"},
		{"\"UsernsMode\": \"\"", "\"UsernsMode\": \"private\"", "users of its own"},
		{"\"Privileged\": false", "\"Privileged\": true", "privileged"},
		{"\"Devices\": []", "\"Devices\": [{}]", "a device"},
		{"\"Tty\": false", "\"Tty\": true", "a terminal"},
		{"\"OpenStdin\": false", "\"OpenStdin\": true", "standard input"},
		{"\"Tty\": false", "\"SystemdMode\": true", "systemd runs in"},
		{"7000/tcp", "7000/sctp", "protocol sctp"},
		{"\"7001\"", "\"7001x\"", "no number: 7001x"},
		{"\"7001\"", "\"70010\"", "no number: 70010"},
		{"/userdata\"", "/../userdata\"", "not store its container on an overlay"},
		{"\"Mounts\": []", "\"Mounts\": [{\"Type\": \"image\"}]", "kind \"image\""},
		{"\"Mounts\": []",
			"\"Mounts\": [{\"Type\": \"volume\", \"Driver\": \"nfs\", \"Source\": "
			"\"/x\"}]",
			"driver \"nfs\""},
		{"\"Mounts\": []",
			"\"Mounts\": [{\"Type\": \"volume\", \"Driver\": \"local\", \"Source\": "
			"\"/x\", "
			"\"Name\": \"" OTHER "\"}]",
			"volume without a name"},
		{"\"Mounts\": []", "\"Mounts\": [{\"Type\": \"bind\", \"Source\": \"../x\"}]",
			"no plain path"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STR text = instead(cases[i].part, cases[i].by);
		WB_CLEAN_CONTAINER c = {};

		assert_int_equal(parse(text, &c), 0);
		if (c.hindrances.n != 1 || !strstr(c.hindrances.items[0], cases[i].why))
			fail_msg("%s: %zu, %s", cases[i].by, c.hindrances.n,
				c.hindrances.n ? c.hindrances.items[0] : "nothing");
	}
}

/* A volume that podman leaves, a container that it leaves, and networks without ports of the machine's. */
static void what_does_not_hinder(void **state)
{
	static const struct {
		const char *part, *by;
	} cases[] = {
		{"\"Mounts\": []", "\"Mounts\": [{\"Type\": \"volume\", \"Driver\": \"local\", "
				   "\"Source\": \"/x\", "
				   "\"Name\": \"data\"}]"},
		{"\"AutoRemove\": true", "\"AutoRemove\": false"},
		{"\"Mounts\": []", "\"Mounts\": [{\"Type\": \"bind\", \"Source\": \"/srv/data\"}]"},
		{"\"bridge\"", "\"none\""},
		{PORTS, "\"7000/tcp\": null"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STR text = instead(cases[i].part, cases[i].by);
		WB_CLEAN_CONTAINER c = {};

		assert_int_equal(parse(text, &c), 0);
		assert_int_equal(c.hindrances.n, 0);
	}
}

/* A container's maker chooses its name: no control character of it reaches a terminal. */
static void names_are_made_plain(void **state)
{
	WB_CLEAN_STR text = instead("systemd-web", "a\\u001b[2Jb\\n");
	WB_CLEAN_CONTAINER c = {};

	assert_int_equal(parse(text, &c), 0);
	for (const char *p = c.name; *p; p++)
		assert_true(*p >= ' ');
}

static void other_answers_are_refused(void **state)
{
	static const char *const texts[] = {"", "{}", "[]", "[1]", "[{}]", "[{}, {}]", "not json",
		"[{\"Id\": \"short\", \"Name\": \"x\"}]", "[{\"Id\": \"" ID "\", \"Name\": \"\"}]",
		"[{\"Id\": \"" ID "\", \"Name\": \"a\", \"Name\": \"b\"}]"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		WB_CLEAN_CONTAINER c = {};

		assert_int_equal(parse(texts[i], &c), -EBADMSG);
		assert_null(c.id);
	}
}

/* Only what another program would translate otherwise: the same number, IPv6 and UDP need no rule. */
static void answers_leave_by_the_published_port(void **state)
{
	static const struct {
		const char *part, *by;
	} none[] = {{"\"7001\"", "\"7000\""}, {"10.88.0.2", ""}, {"10.88.0.2", "fd00::2"},
		{"10.88.0.2", "10.88.0.2 accept"}, {"7000/tcp", "7000/udp"}, {"7000/tcp", "x/tcp"}};
	const struct wb_container_answer two[] = {
		{(char *)"10.88.0.2", 7000, 7001}, {(char *)"10.89.0.7", 80, 8080}};
	WB_CLEAN_STR text = wb_podman_answers(two, 2);

	assert_string_equal(text, "add table ip warmboot_answers\n"
				  "add chain ip warmboot_answers leaving { type nat hook "
				  "postrouting priority 99; policy accept; }\n"
				  "add rule ip warmboot_answers leaving ip saddr 10.88.0.2 tcp "
				  "sport 7000 tcp flags & syn == 0 "
				  "masquerade to :7001\n"
				  "add rule ip warmboot_answers leaving ip saddr 10.89.0.7 tcp "
				  "sport 80 tcp flags & syn == 0 "
				  "masquerade to :8080\n");
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		WB_CLEAN_STR json = instead(none[i].part, none[i].by);
		WB_CLEAN_CONTAINER c = {};

		assert_int_equal(parse(json, &c), 0);
		assert_int_equal(c.answers.n, 0);
	}
}

static void podman_is_asked_with_a_clean_environment(void **state)
{
	static const struct fake_answer answers[] = {{"env -i ", 0, QUADLET}, {}};
	struct fake_runner fake;
	WB_CLEAN_CONTAINER c = {};
	struct wb_error err = {};

	fake_runner_init(&fake, answers);
	assert_int_equal(wb_container_inspect(&fake.runner, "-x", &c, &err), 0);
	assert_string_equal(fake.log,
		"env -i HOME=/root LC_ALL=C "
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
		"/usr/bin/podman container inspect -- -x\n");
}

static void podman_fails(void **state)
{
	static const struct {
		struct fake_answer answer;
		int r;
		const char *says;
	} cases[] = {
		{{"env", 127, "env: '/usr/bin/podman': No such file or directory\n"}, -ENOENT,
			"not installed"},
		{{"env", 125, "Error: no such container x\n"}, -ENOENT, "no such container x"},
		{{"env", 125, "Error: database is locked\n\n"}, -EIO,
			"podman: Error: database is locked"},
		{{"env", -ETIME, NULL}, -ETIME, ""},
		{{"env", 0, "{}"}, -EBADMSG, "not about one"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_answer answers[] = {cases[i].answer, {}};
		struct fake_runner fake;
		WB_CLEAN_CONTAINER c = {};
		struct wb_error err = {};

		fake_runner_init(&fake, answers);
		assert_int_equal(wb_container_inspect(&fake.runner, "x", &c, &err), cases[i].r);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_null(c.id);
	}
}

/* ---- the container of a unit ---- */

#define GROUP "/sys/fs/cgroup/system.slice/web.service/libpod-payload-"

/* Facts about a unit with conmon as its main process, for one test to change. */
struct unit_facts {
	struct wb_service service;
	struct wb_proc list[2];
	struct wb_procs procs;
};

static void unit_init(struct unit_facts *u)
{
	*u = (struct unit_facts){
		.service = {.cgroup = (char *)"/system.slice/web.service", .main_pid = 584},
		.list = {{.pid = 584, .exe = (char *)"/usr/bin/conmon", .rights.root = true},
			{.pid = 586}}};
	u->procs = (struct wb_procs){.items = u->list, .n = 2, .sorted = true};
}

static int find(const struct unit_facts *u, const struct fake_file *disk, const char *answer,
	struct wb_error *err)
{
	const struct fake_answer answers[] = {{"env", 0, answer}, {}};
	struct wb_files files = fake_files(disk);
	struct fake_runner fake;
	WB_CLEAN_CONTAINER c = {};

	fake_runner_init(&fake, answers);
	return wb_container_of_unit(&files, &fake.runner, &u->service, &u->procs, &c, err);
}

static const struct fake_file one_group[] = {{GROUP ID "/cgroup.procs", "586\n"}, {}};

static void a_unit_with_a_container(void **state)
{
	WB_CLEAN_STR host = instead("\"bridge\"", "\"host\"");
	struct unit_facts u;
	struct wb_error err = {};

	unit_init(&u);
	assert_int_equal(find(&u, one_group, host, &err), 1);
}

/* Any unit with Delegate= can make a control group of that name: it is none of podman's without conmon. */
static void a_unit_that_only_looks_like_it(void **state)
{
	struct unit_facts u;
	struct wb_error err = {};

	unit_init(&u);
	u.list[0].exe = (char *)"/tmp/conmon-like";
	assert_int_equal(find(&u, one_group, QUADLET, &err), 0);
	u.list[0].exe = NULL;
	assert_int_equal(find(&u, one_group, QUADLET, &err), 0);
}

static void what_podman_says_is_compared_with_the_kernel(void **state)
{
	static const struct fake_file two[] = {
		{GROUP ID "/cgroup.procs", "586\n"}, {GROUP OTHER "/cgroup.procs", "587\n"}, {}};
	static const struct fake_file another[] = {{GROUP OTHER "/cgroup.procs", "586\n"}, {}};
	static const struct fake_file none[] = {
		{"/sys/fs/cgroup/system.slice/web.service/x/y", ""}, {}};
	struct unit_facts u;
	struct wb_error err = {};

	unit_init(&u);
	assert_int_equal(find(&u, two, QUADLET, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "several containers"));
	assert_int_equal(find(&u, none, QUADLET, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "--cgroups=split"));
	assert_int_equal(find(&u, another, QUADLET, &err), -EBADMSG);
	/* Another conmon, and a process that is not in the unit. */
	u.service.main_pid = 586;
	u.list[1].exe = (char *)"/usr/bin/conmon";
	u.list[1].rights.root = true;
	assert_int_equal(find(&u, one_group, QUADLET, &err), -EPERM);
	unit_init(&u);
	u.list[1].pid = 587;
	assert_int_equal(find(&u, one_group, QUADLET, &err), -EPERM);
	unit_init(&u);
	u.list[0].rights.root = false;
	assert_int_equal(find(&u, one_group, QUADLET, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "rootless"));
}

/* By the program itself: a service may call itself anything. */
static void other_engines(void **state)
{
	struct wb_proc list[] = {{.exe = (char *)"/usr/sbin/nginx", .name = (char *)"dockerd"},
		{.exe = (char *)"/usr/bin/containerd"}, {}};
	struct wb_procs procs = {.items = list, .n = 3};

	assert_null(wb_engine_of(&procs));
	list[2].exe = (char *)"/usr/bin/containerd-shim-runc-v2";
	assert_string_equal(wb_engine_of(&procs), "containerd");
	list[1].exe = (char *)"/usr/sbin/dockerd";
	assert_string_equal(wb_engine_of(&procs), "Docker");
}

static void the_image_is_read_as_it_was_written(void **state)
{
	static const char text[] =
		"{\"id\": \"" ID "\", \"name\": \"web\", \"bundle\": \"/x/userdata\", "
		"\"cgroup\": \"/system.slice/web.service/x\", \"pid\": 586, \"monitor\": 584, "
		"\"removed\": true, \"own_network\": true, \"answers\": [{\"address\": "
		"\"10.88.0.2\", \"inner\": 7000, \"outer\": 7001}]}";
	static const char *const bad[] = {"{}",
		"{\"id\": \"../x\", \"name\": \"web\", \"bundle\": \"/x\", \"cgroup\": \"/x\", "
		"\"pid\": 5, "
		"\"monitor\": 5}",
		"{\"id\": \"" ID
		"\", \"name\": \"web\", \"bundle\": \"x\", \"cgroup\": \"/x\", \"pid\": 5, "
		"\"monitor\": 5}",
		"{\"id\": \"" ID
		"\", \"name\": \"web\", \"bundle\": \"/x\", \"cgroup\": \"/x\", \"pid\": 1, "
		"\"monitor\": 5}",
		"{\"id\": \"" ID
		"\", \"name\": \"web\", \"bundle\": \"/x\", \"cgroup\": \"/x\", \"pid\": 5, "
		"\"monitor\": 5, \"answers\": [{\"address\": \"1.2.3.4 accept\", \"inner\": 1, "
		"\"outer\": 2}]}"};
	WB_CLEAN_CONTAINER_IMAGE image = {};
	struct wb_error err = {};
	json_t *json = json_loads(text, 0, NULL);

	assert_int_equal(wb_container_image_read(json, &image, &err), 0);
	assert_string_equal(image.id, ID);
	assert_true(image.removed && image.own_network && !image.id_file);
	assert_int_equal(image.answers.items[0].outer, 7001);
	json_decref(json);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		WB_CLEAN_CONTAINER_IMAGE none = {};

		json = json_loads(bad[i], 0, NULL);
		assert_int_equal(wb_container_image_read(json, &none, &err), -EBADMSG);
		json_decref(json);
	}
}

static void changes_of_an_image_are_measured(void **state)
{
	char dir[] = "/tmp/test-podman.XXXXXX";
	WB_CLEAN_STR below = NULL;
	WB_CLEAN_STR file = NULL;
	WB_CLEAN_STR link = NULL;
	static const char zeros[100000];
	uint64_t bytes = 0;
	int fd;

	assert_non_null(mkdtemp(dir));
	below = wb_strf("%s/a", dir);
	file = wb_strf("%s/f", below);
	link = wb_strf("%s/out", below);
	assert_int_equal(mkdir(below, 0700), 0);
	/* Files elsewhere do not count. */
	assert_int_equal(symlink("/usr", link), 0);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	fsync(fd);
	close(fd);
	assert_int_equal(wb_container_layer_bytes(dir, 100, &bytes), 0);
	assert_in_range(bytes, sizeof(zeros), 3 * sizeof(zeros));
	/* A container can make files without end. */
	assert_int_equal(wb_container_layer_bytes(dir, 2, &bytes), -E2BIG);
	assert_int_equal(wb_container_layer_bytes("/nonexistent", 100, &bytes), 0);
	assert_int_equal(bytes, 0);
	unlink(file);
	unlink(link);
	rmdir(below);
	rmdir(dir);
}

/* ---- its AppArmor profile ---- */

#define PROFILES "/sys/kernel/security/apparmor/policy/profiles"

static void profile_of_a_container_is_found(void **state)
{
	static const struct fake_file files[] = {
		{"/proc/7/attr/apparmor/current", "containers-default-1 (enforce)\n"},
		{"/proc/8/attr/apparmor/current", "unconfined\n"},
		{"/proc/9/attr/apparmor/current", "other (complain)\n"},
		{PROFILES "/a.1/name", "containers-default-11\n"}, {PROFILES "/a.1/raw_data", "no"},
		{PROFILES "/b.2/name", "containers-default-1\n"},
		{PROFILES "/b.2/raw_data", "policy"}, {}};
	static const struct fake_file none[] = {
		{"/proc/7/attr/apparmor/current", "containers-default-1 (enforce)\n"}, {}};
	const struct wb_files ops = fake_files(files), without = fake_files(none);
	WB_CLEAN_BLOB policy = {}, empty = {};
	struct wb_error err = {};

	assert_int_equal(wb_podman_policy_read(&ops, 7, &policy, &err), 0);
	assert_string_equal((char *)policy.data, "policy");
	assert_int_equal(wb_podman_policy_read(&ops, 8, &empty, &err), 0);
	assert_int_equal(wb_podman_policy_read(&ops, 10, &empty, &err), 0);
	/* A kernel without AppArmor. */
	assert_int_equal(wb_podman_policy_read(&without, 7, &empty, &err), 0);
	assert_int_equal(empty.size, 0);
	assert_int_equal(wb_podman_policy_read(&ops, 9, &empty, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "does not tell the AppArmor profile \"other\""));
}

/* ---- the restore ---- */

/* Root mounts the images' memory, in a mount namespace of the test's own. 0: this machine does not allow it. */
static int may_mount(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

struct trial {
	char dir[64];
	char *above, *bundle;
	struct fake_runner fake;
	int r;
	struct wb_error err;
};

static const struct fake_file no_swap[] = {
	{"/proc/swaps", "Filename Type Size Used Priority\n"}, {}};
static const struct wb_container_answer answer = {(char *)"10.88.0.2", 7000, 7001};

/* podman and conmon leave their numbers there. */
static const struct fake_file numbers[] = {{"/proc/swaps", "Filename Type Size Used Priority\n"},
	{"/run/c/pidfile", "77"}, {"/run/c/conmon.pid", "76\n"}, {}};

static void restore_on(struct trial *t, bool removed, const struct fake_answer *answers,
	const struct fake_file *list, struct wb_container *ret)
{
	struct wb_files files = fake_files(list);
	struct wb_podman_target target = {.id = ID,
		.removed = removed,
		.pid_file = "/run/c/pidfile",
		.monitor_file = "/run/c/conmon.pid",
		.own_network = true,
		.answers = &answer,
		.n_answers = 1};

	*t = (struct trial){.dir = "/tmp/test-podman.XXXXXX"};
	assert_non_null(mkdtemp(t->dir));
	t->above = wb_strf("%s/" ID, t->dir);
	target.bundle = t->bundle = wb_strf("%s/userdata", t->above);
	fake_runner_init(&t->fake, answers);
	t->r = wb_podman_restore(
		&(struct wb_podman_host){&t->fake.runner, &files}, &target, 9, ret, &t->err);
	/* Nothing is left of what it has made: podman itself is only played. */
	assert_int_equal(access(t->above, F_OK), -1);
	rmdir(t->dir);
}

static void restore(struct trial *t, bool removed, const struct fake_answer *answers)
{
	WB_CLEAN_CONTAINER c = {};

	restore_on(t, removed, answers, no_swap, &c);
	assert_int_equal(!!c.id, t->r == 0);
}

static void trial_end(struct trial *t)
{
	free(t->above);
	free(t->bundle);
}

/* Are these parts in the log, one after the other? */
static void in_order(const char *log, const char *const *parts)
{
	for (; *parts; parts++) {
		const char *at = strstr(log, *parts);

		if (!at)
			fail_msg("no %s in %s", *parts, log);
		log = at + strlen(*parts);
	}
}

/* podman forgets its last boot before anything lies in its directories, and the rules precede the first packet. */
static void a_container_is_imported(void **state)
{
	static const struct fake_answer answers[] = {
		{"env -i HOME=/root LC_ALL=C PATH", 0, QUADLET}, {}};
	struct trial t;

	if (!may_mount())
		skip();
	restore(&t, true, answers);
	assert_int_equal(t.r, 0);
	in_order(t.fake.log,
		(const char *const[]){"podman container inspect -- " ID, "nft -f - <<add table",
			"CONTAINERS_CONF_OVERRIDE=", "/podman/bin:",
			"podman container restore --tcp-established --file-locks --ignore-volumes "
			"--import=/proc/",
			"podman container inspect -- " ID, NULL});
	assert_null(strstr(t.fake.log, "tar "));
	trial_end(&t);
}

static void a_container_that_exists_gets_its_memory(void **state)
{
	static const struct fake_answer answers[] = {
		{"env -i HOME=/root LC_ALL=C PATH", 0, QUADLET}, {}};
	struct trial t;

	if (!may_mount())
		skip();
	restore(&t, false, answers);
	assert_int_equal(t.r, 0);
	in_order(t.fake.log,
		(const char *const[]){"inspect", "tar -x -f /proc/", "checkpoint network.status",
			"tar -x", "devshm-checkpoint.tar", "nft",
			"restore --tcp-established --file-locks " ID "\n", "inspect", NULL});
	trial_end(&t);
}

/* While peers wait, podman is not asked what its files tell. */
static void its_numbers_are_read(void **state)
{
	static const struct fake_answer answers[] = {
		{"env -i HOME=/root LC_ALL=C PATH", 0, QUADLET}, {}};
	WB_CLEAN_CONTAINER c = {};
	struct trial t;

	if (!may_mount())
		skip();
	restore_on(&t, false, answers, numbers, &c);
	assert_int_equal(t.r, 0);
	assert_int_equal(c.pid, 77);
	assert_int_equal(c.monitor, 76);
	assert_null(strstr(strstr(t.fake.log, "container restore"), "inspect"));
	trial_end(&t);
}

static void a_failed_restore_leaves_no_container_in_the_way(void **state)
{
	static const struct fake_answer fails[] = {
		{"env -i HOME=/root LC_ALL=C CONTAINERS_CONF_OVERRIDE", 125,
			"Error: CRIU restoring failed -52\n"},
		{"env", 0, QUADLET}, {}};
	static const struct fake_answer damaged[] = {
		{"tar", 2, "tar: damaged\n"}, {"env", 0, QUADLET}, {}};
	struct trial t;

	if (!may_mount())
		skip();
	restore(&t, true, fails);
	assert_int_equal(t.r, -EIO);
	assert_non_null(strstr(t.err.text, "CRIU restoring failed -52"));
	in_order(t.fake.log,
		(const char *const[]){"restore", "rm --force --ignore --time=0 " ID "\n", NULL});
	trial_end(&t);
	/* One that podman keeps stays, with its files. */
	restore(&t, false, fails);
	assert_int_equal(t.r, -EIO);
	assert_null(strstr(t.fake.log, "rm --force"));
	trial_end(&t);
	restore(&t, false, damaged);
	assert_int_equal(t.r, -EBADMSG);
	assert_null(strstr(t.fake.log, "container restore"));
	trial_end(&t);
}

/* ---- the guard ---- */

/* A directory that stands for a control group, with one file of it. */
static int make_group(char *dir)
{
	int group, fd;

	assert_non_null(mkdtemp(dir));
	group = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(group, "cgroup.freeze", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "1", 1), 1);
	close(fd);
	return group;
}

static char frozen(int group)
{
	int fd = openat(group, "cgroup.freeze", O_RDONLY | O_CLOEXEC);
	char c = 0;

	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	return c;
}

static void remove_group(const char *dir, int group)
{
	unlinkat(group, "cgroup.freeze", 0);
	close(group);
	rmdir(dir);
}

static void a_dead_caller_leaves_nothing_frozen(void **state)
{
	char dir[] = "/tmp/test-podman.XXXXXX";
	int group = make_group(dir), status;
	pid_t pid = fork();

	if (pid == 0) {
		struct wb_podman_guard guard = {.talk = -1};

		if (wb_podman_guard_begin(&guard, group, -1, NULL) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (int i = 0; i < 1000 && frozen(group) != '0'; i++)
		usleep(10000);
	assert_int_equal(frozen(group), '0');
	remove_group(dir, group);
}

static void a_guard_that_is_told_so_leaves_it(void **state)
{
	char dir[] = "/tmp/test-podman.XXXXXX";
	int group = make_group(dir);
	struct wb_podman_guard guard = {.talk = -1};
	struct wb_error err = {};

	assert_int_equal(wb_podman_guard_begin(&guard, group, -1, &err), 0);
	wb_podman_guard_end(&guard);
	wb_podman_guard_end(&guard);
	assert_int_equal(frozen(group), '1');
	/* It has ended, and was waited for. */
	assert_int_equal(waitpid(guard.pid, NULL, WNOHANG), -1);
	remove_group(dir, group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quadlet_is_understood),
		cmocka_unit_test(numbers_come_from_podman),
		cmocka_unit_test(profile_of_a_container_is_found),
		cmocka_unit_test(what_hinders_is_told),
		cmocka_unit_test(what_does_not_hinder),
		cmocka_unit_test(names_are_made_plain),
		cmocka_unit_test(other_answers_are_refused),
		cmocka_unit_test(answers_leave_by_the_published_port),
		cmocka_unit_test(podman_is_asked_with_a_clean_environment),
		cmocka_unit_test(podman_fails),
		cmocka_unit_test(a_unit_with_a_container),
		cmocka_unit_test(a_unit_that_only_looks_like_it),
		cmocka_unit_test(what_podman_says_is_compared_with_the_kernel),
		cmocka_unit_test(other_engines),
		cmocka_unit_test(changes_of_an_image_are_measured),
		cmocka_unit_test(a_container_is_imported),
		cmocka_unit_test(a_container_that_exists_gets_its_memory),
		cmocka_unit_test(its_numbers_are_read),
		cmocka_unit_test(a_failed_restore_leaves_no_container_in_the_way),
		cmocka_unit_test(a_dead_caller_leaves_nothing_frozen),
		cmocka_unit_test(a_guard_that_is_told_so_leaves_it),
		cmocka_unit_test(the_image_is_read_as_it_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
