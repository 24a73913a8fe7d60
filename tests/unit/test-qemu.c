// SPDX-License-Identifier: LGPL-2.1-or-later
/* src/qemu: command lines, the conversation with a QEMU that lies, and one with a real QEMU. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"
#include "qemu/cmdline.h"
#include "fake-store.h"
#include "keep/thaw.h"
#include "keep/ways.h"
#include "qemu/agent.h"
#include "qemu/cpu.h"
#include "qemu/guest.h"
#include "qemu/look.h"
#include "qemu/stream.h"
#include "sys/clock.h"
#include "unit.h"

#define PATIENCE_MS 60000

static char dir[64];

static char *in_dir(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", dir, name) >= 0);
	return path;
}

/* ---- command lines ---- */

static void words(struct wb_strv *v, const char *const *list)
{
	for (; *list; list++)
		assert_int_equal(wb_strv_add(v, *list), 0);
}

static void command_line_tells_the_guest(void **state)
{
	static const char *const list[] = {"/usr/bin/qemu-system-x86_64", "-name",
		"guest=web,debug-threads=on", "--machine",
		"pc-q35-10.0,accel=tcg,memory-backend=ram0", "-cpu", "max,x=y", "-object",
		"memory-backend-file,id=other,mem-path=/a", "-object",
		"memory-backend-file,size=1G,id=ram0,mem-path=/dev/hugepages/a,,b,share=on",
		"-chardev", "socket,id=mon,path=/run/web.qmp,server=on,wait=off", "-mon",
		"chardev=mon,mode=control", "-chardev", "socket,id=ga,path=/run/web.ga,server=on",
		"-device", "virtserialport,chardev=ga,name=org.qemu.guest_agent.0", "-incoming",
		"defer", NULL};
	WB_CLEAN_STRV argv = {}, again = {};
	WB_CLEAN_QEMU_ARGS a = {};
	struct wb_error err = {};

	words(&argv, list);
	assert_int_equal(wb_qemu_args_read(&argv, &a), 0);
	assert_string_equal(a.name, "web");
	assert_string_equal(a.machine, "pc-q35-10.0");
	assert_string_equal(a.cpu, "max");
	assert_string_equal(a.qmp, "/run/web.qmp");
	assert_string_equal(a.agent, "/run/web.ga");
	assert_string_equal(a.agent_chardev, "ga");
	assert_string_equal(a.backend, "ram0");
	assert_string_equal(a.kind, "memory-backend-file");
	assert_string_equal(a.mem_path, "/dev/hugepages/a,b");
	assert_true(a.share);
	assert_null(a.obstacle);
	assert_int_equal(wb_qemu_args_again(&argv, &a, "/run/x.ram", &again, &err), 0);
	/* The words that an earlier jump has added are not there twice. */
	assert_int_equal(again.n, argv.n);
	assert_string_equal(again.items[10],
		"memory-backend-file,size=1G,id=ram0,mem-path=/run/x.ram,share=on,align=2M");
	assert_string_equal(again.items[again.n - 2], "-incoming");
	assert_string_equal(again.items[again.n - 1], "defer");
}

/* QEMU takes JSON for some options. */
static void json_tells_the_guest(void **state)
{
	static const char *const list[] = {"qemu", "-machine", "pc-q35-10.0,memory-backend=ram0",
		"-object",
		"{\"qom-type\": \"memory-backend-file\", \"id\": \"ram0\", \"size\": 1073741824, "
		"\"mem-path\": \"/dev/hugepages/a,b\", \"share\": true}",
		"-netdev", "{\"type\": \"tap\", \"id\": \"n\"}", "-device",
		"{\"driver\": \"virtserialport\", \"chardev\": \"ga\", \"name\": "
		"\"org.qemu.guest_agent.0\"}",
		"-chardev", "socket,id=ga,path=/run/ga", "-loadvm", "monday", NULL};
	WB_CLEAN_STRV argv = {}, again = {};
	WB_CLEAN_QEMU_ARGS a = {};
	struct wb_error err = {};

	words(&argv, list);
	assert_int_equal(wb_qemu_args_read(&argv, &a), 0);
	assert_string_equal(a.kind, "memory-backend-file");
	assert_string_equal(a.mem_path, "/dev/hugepages/a,b");
	assert_string_equal(a.agent, "/run/ga");
	assert_true(a.share && a.network);
	assert_null(a.obstacle);
	assert_int_equal(wb_qemu_args_again(&argv, &a, "/run/x.ram", &again, &err), 0);
	assert_non_null(strstr(again.items[4], "\"mem-path\":\"/run/x.ram\""));
	assert_non_null(strstr(again.items[4], "\"align\":2097152"));
	/* QEMU takes no saved state besides another one. */
	assert_false(wb_strv_has(&again, "monday"));
}

static void devices_that_stay_behind_are_told(void **state)
{
	static const struct {
		const char *option, *value, *want;
	} devices[] = {
		{"-device", "vfio-pci,host=01:00.0", "a device of the host is passed through"},
		{"-device", "driver=vhost-user-fs-pci,chardev=c",
			"its device vhost-user-fs-pci lives"},
		{"-tpmdev", "emulator,id=t", "its TPM (emulator) lives outside"},
		{"-netdev", "vhost-user,id=n", "its network vhost-user lives"},
		{"-nic", "vhost-user,chardev=c", "its network vhost-user lives"},
		{"-device", "{\"driver\": \"vfio-pci\", \"host\": \"01:00.0\"}",
			"a device of the host is passed through"},
		{"-netdev", "{\"type\": \"vhost-vdpa\", \"id\": \"n\"}",
			"its network vhost-vdpa lives in a device"},
		{"-device", "vhost-vdpa-device-pci,vhostdev=/dev/vhost-vdpa-0",
			"its device vhost-vdpa-device-pci lives"},
		{"-object", "cryptodev-vhost-user,id=c", "its device cryptodev-vhost-user lives"},
		{"-object", "qom-type=x-remote-object,id=c", "a part of it runs in another"},
		{"-device", "{\"driver\": ", NULL},
		{"-device", "virtio-net-pci,netdev=n", NULL},
		{"-netdev", "tap,id=n,vhost=on", NULL},
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		const char *const list[] = {"qemu", devices[i].option, devices[i].value, NULL};
		WB_CLEAN_STRV argv = {};
		WB_CLEAN_QEMU_ARGS a = {};

		words(&argv, list);
		assert_int_equal(wb_qemu_args_read(&argv, &a), 0);
		if (devices[i].want)
			assert_non_null(strstr(a.obstacle, devices[i].want));
		else
			assert_null(a.obstacle);
	}
	assert_true(wb_qemu_is_program("/usr/bin/qemu-system-x86_64"));
	assert_true(wb_qemu_is_program("/usr/libexec/qemu-kvm"));
	assert_false(wb_qemu_is_program("/usr/bin/qemu-img"));
}

static void damaged_words_say_nothing(void **state)
{
	static const char *const list[] = {"qemu", "-name", "", "-machine", ",,=,", "-object", "=",
		"-mon", "", "-qmp", "unix:relative", "-chardev", NULL};
	WB_CLEAN_STRV argv = {}, none = {}, again = {};
	WB_CLEAN_QEMU_ARGS a = {}, b = {};
	struct wb_error err = {};

	words(&argv, list);
	assert_int_equal(wb_qemu_args_read(&argv, &a), 0);
	assert_null(a.qmp);
	assert_null(a.backend);
	assert_int_equal(wb_qemu_args_again(&argv, &a, "/x", &again, &err), -EINVAL);
	assert_int_equal(wb_qemu_args_read(&none, &b), 0);
}

/* ---- a QEMU that lies ---- */

struct liar {
	const char *says; /* all that it says, as soon as somebody connects */
	int fd;
	pthread_t thread;
};

static void *lie(void *arg)
{
	struct liar *l = arg;
	int fd = accept(l->fd, NULL, NULL);
	char buf[512];

	if (l->says && *l->says)
		(void)!write(fd, l->says, strlen(l->says));
	/* It hangs up when the client does. */
	while (l->says && read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	return NULL;
}

static char *listen_at(const char *name, struct liar *l)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char *path = in_dir(name);

	unlink(path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(l->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(l->fd, 1), 0);
	return path;
}

static char *begin_to_lie(struct liar *l)
{
	char *path = listen_at("liar", l);

	assert_int_equal(pthread_create(&l->thread, NULL, lie, l), 0);
	return path;
}

static void end_lie(struct liar *l)
{
	pthread_join(l->thread, NULL);
	close(l->fd);
}

#define HELLO "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n"
#define DONE(id) "{\"return\": {}, \"id\": " id "}\n"

static void lies_end_in_a_sentence(void **state)
{
	static const struct {
		const char *says;
		int want, asked;
		const char *text;
	} lies[] = {
		{"junk\n", -EPROTO, 0, "no QMP"},
		{"{}\n", -EPROTO, 0, "speaks no QMP"},
		{"[1]\n", -EPROTO, 0, "no QMP"},
		{NULL, -EPIPE, 0, "closed"},
		{"", -EBUSY, 0, "another program may be connected"},
		{HELLO "{\"error\": {\"desc\": \"no\\u001b[2J\"}, \"id\": 1}\n", -EREMOTEIO, 0,
			"QEMU refuses qmp_capabilities: no"},
		{HELLO DONE("1") "{\"id\": 2}\n", 0, -EPROTO, "no answer"},
		{HELLO DONE("1") "{\"event\": \"STOP\"}\n" DONE("7") DONE("2"), 0, 0, NULL},
		{HELLO DONE("1") "{\"return\": 1, \"return\": 2, \"id\": 2}\n", 0, -EPROTO,
			"no QMP"},
		{HELLO DONE("1") "{\"return\": 18446744073709551552, \"id\": 2}\n", 0, 0, NULL},
		{HELLO DONE("1"), 0, -ETIMEDOUT, "does not answer"},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct liar l = {.says = lies[i].says};
		WB_CLEAN_STR path = begin_to_lie(&l);
		struct wb_error err = {};
		struct wb_qmp *q = NULL;

		assert_int_equal(wb_qmp_open(getpid(), path, 300, &q, &err), lies[i].want);
		if (q)
			assert_int_equal(wb_qmp_call(q, "stop", NULL, NULL, &err), lies[i].asked);
		if (lies[i].text)
			assert_non_null(strstr(err.text, lies[i].text));
		assert_null(strchr(err.text, '\033'));
		wb_qmp_close(q);
		end_lie(&l);
	}
}

/* All sizes that come from memory are sums and products of this one. */
static void memory_that_cannot_be_is_refused(void **state)
{
	static const char *const sizes[] = {"-1", "9007199254740992", "9223372036854775807"};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		WB_CLEAN_STR says = wb_strf(
			HELLO DONE("1") "{\"return\": {\"type\": 1}, \"id\": 0}\n"
					"{\"return\": \"pc-q35-10.0-machine\", \"id\": 2}\n"
					"{\"return\": {\"status\": \"running\"}, \"id\": 3}\n"
					"{\"return\": {\"base-memory\": %s}, \"id\": 4}\n"
					"{\"return\": [], \"id\": 5}\n",
			sizes[i]);
		struct liar l = {.says = says};
		WB_CLEAN_STR path = begin_to_lie(&l);
		WB_CLEAN_QEMU_GUEST g = {};
		struct wb_error err = {};
		struct wb_qmp *q = NULL;

		assert_int_equal(wb_qmp_open(getpid(), path, 300, &q, &err), 0);
		assert_int_equal(wb_qemu_ask(q, NULL, &g, &err), -EPROTO);
		assert_non_null(strstr(err.text, "more memory than a machine can have"));
		wb_qmp_close(q);
		end_lie(&l);
	}
}

#define ANSWER(value, id) "{\"return\": " value ", \"id\": " id "}\n"

static void nested_virtualization_is_seen(void **state)
{
	struct liar l = {
		.says = HELLO DONE("1") ANSWER("\"pc-q35-10.0-machine\"", "2") ANSWER(
			"{\"status\": \"running\"}", "3") ANSWER("{\"base-memory\": 1048576}", "4")
			ANSWER("[]", "5") DONE("6") ANSWER("{\"enabled\": true}", "7")
				ANSWER("[{\"qom-path\": "
				       "\"/cpu\"}]",
					"8") "{\"error\": {\"desc\": \"no such property\"}, "
					     "\"id\": 9}\n" ANSWER("true", "10")};
	WB_CLEAN_STR path = begin_to_lie(&l);
	WB_CLEAN_QEMU_GUEST g = {};
	struct wb_error err = {};
	struct wb_qmp *q = NULL;

	assert_int_equal(wb_qmp_open(getpid(), path, 300, &q, &err), 0);
	if (wb_qemu_ask(q, NULL, &g, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(g.kvm && g.nested);
	wb_qmp_close(q);
	end_lie(&l);
}

/* A QEMU that says something all the time is not listened to any longer than a silent one. */
static void deadline_holds_for_a_talker(void **state)
{
	struct liar l = {.says = "{}\n{}\n"};
	WB_CLEAN_STR path = begin_to_lie(&l);
	struct wb_error err = {};
	struct wb_qmp *q = NULL;
	json_t *o = NULL;

	assert_int_equal(wb_qmp_open_agent(getpid(), path, 300, &q, &err), 0);
	assert_int_equal(wb_qmp_hear(q, wb_now_ms() + PATIENCE_MS, &o, &err), 0);
	json_decref(o);
	assert_int_equal(wb_qmp_hear(q, wb_now_ms() - 1, &o, &err), -ETIMEDOUT);
	wb_qmp_close(q);
	end_lie(&l);
}

static void only_qemu_itself_is_spoken_to(void **state)
{
	struct liar l = {.says = HELLO};
	WB_CLEAN_STR path = begin_to_lie(&l);
	WB_CLEAN_STR none = in_dir("none");
	struct wb_error err = {};
	struct wb_qmp *q = NULL;
	pid_t other = fork();

	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	/* This process listens there, and not the other one. */
	assert_int_equal(wb_qmp_open(other, path, 300, &q, &err), -EPERM);
	assert_non_null(strstr(err.text, "and not QEMU itself"));
	assert_int_equal(wb_qmp_open(other, none, 300, &q, &err), -ENOENT);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	end_lie(&l);
}

/* ---- the agent ---- */

/* A guest's agent: what it says to each line that it hears. `sync` stands for the answer to guest-sync. */
struct agent {
	const char *before, *set; /* NULL: nothing */
	bool sync;
	int fd;
	char heard[4096];
	pthread_t thread;
};

static void *act(void *arg)
{
	struct agent *a = arg;
	int fd = accept(a->fd, NULL, NULL);
	char buf[1024];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		char *id = strstr(buf, "\"id\": ");

		buf[n] = '\0';
		strncat(a->heard, buf, sizeof(a->heard) - strlen(a->heard) - 1);
		if (a->before)
			(void)!write(fd, a->before, strlen(a->before));
		if (strstr(buf, "guest-sync") && a->sync)
			dprintf(fd, "{\"return\": %ld}\n", strtol(id + 6, NULL, 10));
		if (strstr(buf, "guest-set-time") && a->set)
			(void)!write(fd, a->set, strlen(a->set));
		a->before = NULL;
	}
	close(fd);
	return NULL;
}

static uint64_t noon(void *ctx)
{
	return 1700000000123456789;
}

static int set_time(struct agent *a, const char *chardevs, struct wb_error *err)
{
	struct liar l = {.says = chardevs}, at = {};
	WB_CLEAN_STR qmp = begin_to_lie(&l);
	WB_CLEAN_STR path = listen_at("agent", &at);
	struct wb_qemu_args args = {.agent = path, .agent_chardev = (char *)"ga"};
	const struct wb_sys sys = {.wall_ns = noon};
	struct wb_qmp *q = NULL;
	int r;

	a->fd = at.fd;
	assert_int_equal(wb_qmp_open(getpid(), qmp, 2000, &q, err), 0);
	assert_int_equal(pthread_create(&a->thread, NULL, act, a), 0);
	r = wb_guest_set_time(q, getpid(), &args, &sys, err);
	shutdown(at.fd, SHUT_RDWR);
	pthread_join(a->thread, NULL);
	close(at.fd);
	wb_qmp_close(q);
	end_lie(&l);
	return r;
}

#define CHARDEVS(open)                                                                    \
	HELLO DONE("1") "{\"return\": [{\"label\": \"other\", \"frontend-open\": true}, " \
			"{\"label\": \"ga\", \"frontend-open\": " open "}], \"id\": 2}\n"

static void agent_sets_the_clock(void **state)
{
	struct agent good = {.before = "rest of\n{\"return\": 5}\n",
			     .sync = true,
			     .set = "{\"return\": {}}\n"},
		     refuses = {.sync = true,
			     .set = "{\"error\": {\"desc\": \"no\\u001b[2J clock\"}}\n"},
		     closed = {};
	struct wb_error err = {};

	if (set_time(&good, CHARDEVS("true"), &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(good.heard, "{\"execute\": \"guest-set-time\", \"arguments\": "
					   "{\"time\": 1700000000123456789}}\n"));
	/* Nobody in the guest has opened the channel, and nobody is asked. */
	assert_int_equal(set_time(&closed, CHARDEVS("false"), &err), 0);
	assert_string_equal(closed.heard, "");
	assert_int_equal(set_time(&refuses, CHARDEVS("true"), &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "agent refuses to set the clock: no?[2J clock"));
}

/* A guest that floods its channel, or says nothing, costs five seconds at most. */
static void hostile_agent_ends_in_time(void **state)
{
	static char flood[600000];
	struct agent silent = {}, noisy = {.before = flood};
	struct wb_error err = {};
	int64_t since = wb_now_ms();

	for (size_t i = 0; i < sizeof(flood) - 1; i++)
		flood[i] = "{}\n[\n"[i % 5];
	assert_int_equal(set_time(&silent, CHARDEVS("true"), &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "the guest's agent does not answer"));
	assert_true(wb_now_ms() - since < 9000);
	since = wb_now_ms();
	assert_int_equal(set_time(&noisy, CHARDEVS("true"), &err), -ETIMEDOUT);
	assert_true(wb_now_ms() - since < 9000);
}

/* ---- the CPU ---- */

static void another_cpu_is_told(void **state)
{
	static const char *const before[] = {"avx2", "family=6", "model=host", "sse", NULL};
	static const char *const less[] = {"family=6", "model=host", "sse", NULL};
	static const char *const more[] = {
		"amx", "avx2", "family=25", "model=host", "sse", "zzz", NULL};
	WB_CLEAN_STRV a = {}, b = {}, c = {}, none = {};
	struct wb_error err = {};

	words(&a, before);
	words(&b, less);
	words(&c, more);
	assert_int_equal(wb_qemu_cpu_compare(&a, &a, &err), 0);
	assert_int_equal(wb_qemu_cpu_compare(&a, &b, &err), -EXDEV);
	assert_non_null(strstr(err.text, "another CPU (without \"avx2\");"));
	assert_int_equal(wb_qemu_cpu_compare(&a, &c, &err), -EXDEV);
	assert_non_null(strstr(err.text, "(with \"amx\", with \"family=25\", without \"family=6\", "
					 "with \"zzz\");"));
	assert_int_equal(wb_qemu_cpu_compare(&a, &none, &err), -EXDEV);
	assert_int_equal(wb_qemu_cpu_compare(&none, &a, &err), -EXDEV);
	assert_int_equal(wb_qemu_cpu_compare(&none, &none, &err), -EXDEV);
}

/* ---- a real one ---- */

static const char *program(void)
{
	return access("/usr/bin/qemu-system-x86_64", X_OK) == 0 ? "/usr/bin/qemu-system-x86_64"
								: NULL;
}

/* `machine` names the `object` that is the guest's memory. */
static void execute(const char *machine, const char *memory, const char *object, bool incoming)
{
	WB_CLEAN_STR drive = NULL;
	WB_CLEAN_STR serial = NULL;
	WB_CLEAN_STR qmp = NULL;

	assert_true(asprintf(&drive, "file=%s,format=raw,if=none,id=d,readonly=on", COUNTER) > 0);
	assert_true(asprintf(&serial, "file:%s/%s", dir, incoming ? "after" : "before") > 0);
	assert_true(asprintf(&qmp, "unix:%s/qmp,server=on,wait=off", dir) > 0);
	/* A failed assertion leaves its test at once, and this program at the end must not outlive it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program(), program(), "-machine", machine, "-m", memory, "-object", object,
		"-nodefaults", "-display", "none", "-drive", drive, "-device", "virtio-blk,drive=d",
		"-serial", serial, "-qmp", qmp, incoming ? "-incoming" : NULL, "defer",
		(char *)NULL);
	_exit(127);
}

static pid_t start(bool incoming)
{
	WB_CLEAN_STR object = NULL;
	pid_t pid = fork();

	if (pid)
		return pid;
	assert_true(
		asprintf(&object, "memory-backend-file,id=ram0,size=64M,mem-path=%s/ram,share=on",
			dir) > 0);
	execute("pc-q35-7.2,memory-backend=ram0", "64M", object, incoming);
	return -1;
}

/* A whole line, "C%08X B%08X \n". Of a line that was cut by a save the rest may begin with C, too: it is a hex digit. */
static bool whole_line(const char *line, unsigned *count, unsigned *bad)
{
	return strlen(line) == 21 && line[20] == '\n' &&
	       sscanf(line, "C%8x B%8x ", count, bad) == 2;
}

/* The number of the last whole line, and that none has told of a mismatch; -1: there is no line yet. */
static long last_count(const char *name)
{
	WB_CLEAN_STR path = in_dir(name);
	FILE *f = fopen(path, "r");
	unsigned count = 0, bad = 0;
	char line[64];
	long last = -1;

	while (f && fgets(line, sizeof(line), f) && strchr(line, '\n')) {
		/* A guest that was saved in the middle of a line ends it first. */
		if (!whole_line(line, &count, &bad) && last < 0)
			continue;
		assert_int_equal(bad, 0);
		if (last >= 0 && count != last + 1)
			fail_msg("after %ld comes \"%s\" in %s", last, line, name);
		last = count;
	}
	if (f)
		fclose(f);
	return last;
}

static long first_count(const char *name)
{
	WB_CLEAN_STR path = in_dir(name);
	FILE *f = fopen(path, "r");
	unsigned count = 0, bad;
	char line[64];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && !whole_line(line, &count, &bad))
		;
	fclose(f);
	return count;
}

static long wait_for_more(const char *name, long than)
{
	int64_t end = wb_now_ms() + PATIENCE_MS;
	long now;

	while ((now = last_count(name)) <= than && wb_now_ms() < end)
		usleep(20000);
	assert_true(now > than);
	return now;
}

static struct wb_qmp *connect_to(pid_t pid)
{
	WB_CLEAN_STR path = in_dir("qmp");
	int64_t end = wb_now_ms() + PATIENCE_MS;
	struct wb_error err = {};
	struct wb_qmp *q = NULL;

	while (wb_qmp_open(pid, path, PATIENCE_MS, &q, &err) < 0 && wb_now_ms() < end)
		usleep(20000);
	if (!q)
		fail_msg("%s", err.text);
	return q;
}

/* The one that the tests start has its memory in a tmpfs, which a jump cannot leave in place. */
static void look_at_it(pid_t pid)
{
	struct wb_qemu_facts f = {};
	struct wb_error err = {};

	assert_int_equal(wb_qemu_look_at_words(getpid(), &f, &err), 0);
	assert_int_equal(wb_qemu_look(pid, &f, &err), 1);
	assert_true(f.asked);
	assert_string_equal(f.image.program, program());
	assert_string_equal(f.image.machine, "pc-q35-7.2");
	assert_int_equal(f.image.size, 64 << 20);
	assert_true(f.image.running);
	if (geteuid() == 0)
		assert_non_null(strstr(f.fault.text, "not in huge pages of hugetlbfs"));
	assert_int_equal(f.image.runs.n, 0);
	wb_qemu_facts_deinit(&f);
}

/* As after a freeze that was killed: the guest waits, and the next command lets it go on. */
static void wake(pid_t pid, bool ran)
{
	WB_CLEAN_STR qmp = in_dir("qmp");
	struct wb_manifest_unit u = {.main_pid = pid};
	struct wb_error err = {};

	u.image = json_pack("{s:s, s:s, s:i, s:b}", "program", program(), "qmp", qmp, "size", 1,
		"running", ran);
	if (wb_way_vm.wake(&(struct wb_way_host){}, &u, &err) < 0)
		fail_msg("%s", err.text);
	json_decref(u.image);
}

static void guest_goes_on_in_another_qemu(void **state)
{
	WB_CLEAN_QEMU_GUEST g = {}, waiting = {};
	WB_CLEAN_STRV cpu = {}, cpu_again = {};
	struct wb_error err = {};
	struct wb_qmp *q;
	uint64_t bytes = 0;
	long before, saved, first;
	int memory = -1, status;
	pid_t pid;

	if (!program())
		skip();
	pid = start(false);
	wb_qmp_close(connect_to(pid));
	look_at_it(pid);
	q = connect_to(pid);
	assert_int_equal(wb_qemu_ask(q, "ram0", &g, &err), 0);
	assert_string_equal(g.machine, "pc-q35-7.2");
	assert_true(g.running && g.has_backend && g.share);
	assert_int_equal(g.memory, 64 << 20);
	assert_int_equal(g.others, 0);
	assert_int_equal(g.blocked.n, 0);
	if (wb_qemu_cpu_ask(q, &cpu, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(wb_strv_has(&cpu, "model=qemu64") && wb_strv_has(&cpu, "sse2"));
	assert_true(wb_strv_has(&cpu, "family=15") && !wb_strv_has(&cpu, "avx512f"));
	before = wait_for_more("before", 2);

	/* Saved, and called off: it goes on in the old one. */
	if (wb_qemu_save(q, true, 60, &memory, &bytes, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(bytes > 1000 && bytes < 16 << 20);
	close(memory);
	saved = last_count("before");
	usleep(100000);
	assert_int_equal(last_count("before"), saved);
	wb_qmp_close(q);
	wake(pid, false);
	usleep(100000);
	assert_int_equal(last_count("before"), saved);
	wake(pid, true);
	q = connect_to(pid);
	wait_for_more("before", saved > before ? saved : before);

	/* Saved once more, and for good. */
	memory = -1;
	if (wb_qemu_save(q, true, 60, &memory, &bytes, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(wb_qemu_quit(q, &err), 0);
	wb_qmp_close(q);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	saved = last_count("before");

	pid = start(true);
	q = connect_to(pid);
	assert_int_equal(wb_qemu_ask(q, "ram0", &waiting, &err), 0);
	assert_false(waiting.running);
	assert_int_equal(wb_qemu_cpu_ask(q, &cpu_again, &err), 0);
	if (wb_qemu_cpu_compare(&cpu, &cpu_again, &err) < 0)
		fail_msg("%s", err.text);
	if (wb_qemu_take(q, memory, true, 60, &err) < 0)
		fail_msg("%s", err.text);
	wait_for_more("after", saved + 3);
	/* The line during which it was saved may be in two parts. */
	first = first_count("after");
	if (first != saved + 1 && first != saved + 2)
		fail_msg("after %ld it goes on with %ld", saved, first);
	wb_qmp_close(q);
	close(memory);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* QEMU tells that it cannot take such a state. */
static void damaged_state_is_told(void **state)
{
	struct wb_error err = {};
	struct wb_qmp *q;
	int memory, status;
	pid_t pid;

	if (!program())
		skip();
	pid = start(true);
	q = connect_to(pid);
	memory = memfd_create("damaged", MFD_CLOEXEC);
	assert_int_equal(write(memory, "this is no state", 16), 16);
	assert_int_equal(lseek(memory, 0, SEEK_SET), 0);
	assert_true(wb_qemu_take(q, memory, true, 60, &err) < 0);
	assert_non_null(strstr(err.text, "QEMU"));
	wb_qmp_close(q);
	close(memory);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* ---- with all of its memory, as a stream ---- */

/* Memory that belongs to nobody else: QEMU's own; `file`: with these contents in the beginning, or NULL. */
static pid_t start_plain(const char *memory, const char *file, bool incoming)
{
	WB_CLEAN_STR object = NULL;
	pid_t pid = fork();

	if (pid)
		return pid;
	object = file ? wb_strf("memory-backend-file,id=r,size=%s,mem-path=%s", memory, file)
		      : wb_strf("memory-backend-ram,id=r,size=%s", memory);
	execute("pc-q35-7.2,memory-backend=r", memory, object, incoming);
	return -1;
}

static void end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

struct tape {
	uint8_t *at;
	size_t most, used, taken;
};

static void tape_init(struct tape *t, size_t most)
{
	*t = (struct tape){.most = most,
		.at = mmap(NULL, most, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
	assert_true(t->at != MAP_FAILED);
}

static int tape_space(void *ctx, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	struct tape *t = ctx;

	if (t->used == t->most)
		return wb_fail(err, -ENOSPC, "the tape is full");
	*ret = t->at + t->used;
	*ret_n = t->most - t->used;
	return 0;
}

static void tape_commit(void *ctx, size_t n)
{
	((struct tape *)ctx)->used += n;
}

static bool tape_next(void *ctx, struct wb_bytes *ret)
{
	struct tape *t = ctx;
	size_t n = t->used - t->taken < (1 << 20) ? t->used - t->taken : 1 << 20;

	*ret = (struct wb_bytes){t->at + t->taken, n};
	t->taken += n;
	return n;
}

static int64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (int64_t)st.st_ino;
}

static void must(int r, const struct wb_error *err)
{
	if (r < 0)
		fail_msg("%s", err->text);
}

static struct wb_qmp *reach(pid_t pid, struct wb_qmp *before)
{
	wb_qmp_close(before);
	return connect_to(pid);
}

static void is_running(struct wb_qmp *q, bool want)
{
	WB_CLEAN_QEMU_GUEST g = {};
	struct wb_error err = {};

	must(wb_qemu_ask(q, NULL, &g, &err), &err);
	assert_int_equal(g.running, want);
}

static const struct wb_qemu_patience patient = {60000, UINT64_MAX};

static void guest_goes_on_from_a_stream(void **state)
{
	struct wb_qemu_streamed done = {};
	struct wb_error err = {};
	struct tape tape, other;
	const struct wb_room room = {&tape, tape_space, tape_commit},
			     small = {&other, tape_space, tape_commit};
	const struct wb_qemu_pieces pieces = {&tape, tape_next};
	struct wb_qmp *q;
	int peer = -1, other_socket, status;
	int64_t inode;
	long saved, first;
	pid_t pid;

	if (!program())
		skip();
	tape_init(&tape, 256 << 20);
	tape_init(&other, 1 << 20);
	pid = start_plain("64M", NULL, false);
	q = connect_to(pid);
	saved = wait_for_more("before", 2);

	/* There is too little room: the guest goes on, although it may have stood still already. */
	must(wb_qemu_stream_begin(q, &peer, &err), &err);
	assert_int_equal(wb_qemu_stream_finish(q, peer, &small, &patient, &done, &err), -ENOSPC);
	assert_string_equal(err.text, "the tape is full");
	must(wb_qemu_stream_end(q, peer, &err), &err);
	close(peer);
	is_running(q, true);
	saved = wait_for_more("before", saved);

	/* Whole, and called off. */
	must(wb_qemu_stream_begin(q, &peer, &err), &err);
	must(wb_qemu_stream_finish(q, peer, &room, &patient, &done, &err), &err);
	close(peer);
	assert_int_equal(done.bytes, tape.used);
	assert_true(done.bytes > 8 << 20 && done.bytes < 96 << 20);
	is_running(q, false);
	must(wb_qemu_go_on(q, &err), &err);
	saved = wait_for_more("before", last_count("before"));

	/* Begun by one process, ended by another one. */
	tape.used = 0;
	must(wb_qemu_stream_begin(q, &peer, &err), &err);
	inode = inode_of(peer);
	close(peer);
	q = reach(pid, q);
	if (geteuid() == 0) {
		/* A socket that QEMU surely does not have. The next number may be that of its own one. */
		other_socket = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(
			wb_qemu_stream_find(pid, inode_of(other_socket), &peer, &err), -ESTALE);
		close(other_socket);
		must(wb_qemu_stream_find(pid, inode, &peer, &err), &err);
	} else {
		must(wb_qemu_stream_begin(q, &peer, &err), &err);
	}
	must(wb_qemu_stream_finish(q, peer, &room, &patient, &done, &err), &err);
	close(peer);
	must(wb_qemu_quit(q, &err), &err);
	wb_qmp_close(q);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	saved = last_count("before");

	pid = start_plain("64M", NULL, true);
	q = connect_to(pid);
	must(wb_qemu_stream_take(q, &pieces, true, &err), &err);
	wait_for_more("after", saved + 3);
	first = first_count("after");
	if (first != saved + 1 && first != saved + 2)
		fail_msg("after %ld it goes on with %ld", saved, first);
	wb_qmp_close(q);
	end(pid);
	munmap(tape.at, tape.most);
	munmap(other.at, other.most);
}

/* Most of a large memory is read while the guest runs, and it runs on until the rest is read. */
static void large_memory_is_read_ahead(void **state)
{
	static const struct wb_qemu_patience none = {0, 0};
	struct wb_qemu_streamed done = {};
	struct wb_error err = {};
	struct tape tape;
	const struct wb_room room = {&tape, tape_space, tape_commit};
	struct wb_qmp *q;
	uint64_t bytes = 0;
	int peer = -1;
	long count;
	pid_t pid;

	if (!program())
		skip();
	tape_init(&tape, 512 << 20);
	pid = start_plain("640M", NULL, false);
	q = connect_to(pid);
	count = wait_for_more("before", 2);
	must(wb_qemu_stream_begin(q, &peer, &err), &err);
	must(wb_qemu_stream_ahead(q, peer, &room, &bytes, &err), &err);
	assert_int_equal(bytes, tape.used);
	assert_true(bytes > 1 << 20);
	is_running(q, true);
	count = wait_for_more("before", count);
	/* Given up by a process that does not know the socket. */
	close(peer);
	q = reach(pid, q);
	must(wb_qemu_stream_end(q, -1, &err), &err);
	must(wb_qemu_stream_end(q, -1, &err), &err);
	is_running(q, true);
	count = wait_for_more("before", count);

	tape.used = 0;
	must(wb_qemu_stream_begin(q, &peer, &err), &err);
	must(wb_qemu_stream_ahead(q, peer, &room, &bytes, &err), &err);
	wait_for_more("before", count);
	/* Without patience it is stopped at once. */
	must(wb_qemu_stream_finish(q, peer, &room, &none, &done, &err), &err);
	assert_true(done.hurried);
	is_running(q, false);
	close(peer);
	wb_qmp_close(q);
	end(pid);
	munmap(tape.at, tape.most);
}

/* A process that has begun to read to the end is killed: QEMU sees it, and the guest goes on by itself. */
static void killed_reader_lets_the_guest_go_on(void **state)
{
	struct wb_error err = {};
	struct wb_qmp *q;
	int peer = -1, status;
	long count;
	pid_t pid, reader;

	if (!program())
		skip();
	pid = start_plain("64M", NULL, false);
	q = connect_to(pid);
	count = wait_for_more("before", 1);
	must(wb_qemu_stream_begin(q, &peer, &err), &err);
	reader = fork();
	if (reader == 0) {
		struct wb_qemu_streamed done;
		struct tape tape;
		const struct wb_room room = {&tape, tape_space, tape_commit};

		tape_init(&tape, 1 << 20);
		/* The end comes before QEMU is told of it. */
		wb_qemu_stream_finish(q, peer, &room, &patient, &done, NULL);
		_exit(0);
	}
	close(peer);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	q = reach(pid, q);
	count = wait_for_more("before", count);
	is_running(q, true);
	wb_qmp_close(q);
	end(pid);
}

static struct wb_store *make_store(struct fake_store *machine)
{
	struct wb_store *store = NULL;
	struct wb_error err = {};

	fake_store_init(machine);
	must(wb_store_create(&machine->env, "carve", 96 << 20, &store, &err), &err);
	return store;
}

static void unit_init(struct wb_manifest_unit *u, pid_t pid, int64_t size)
{
	WB_CLEAN_STR qmp = in_dir("qmp");

	*u = (struct wb_manifest_unit){.unit = (char *)"v.service",
		.how = WB_KEEP_VM,
		.images = (char *)"u0/",
		.main_pid = pid,
		.image = json_pack("{s:s, s:s, s:I, s:b, s:b}", "program", program(), "qmp", qmp,
			"size", (json_int_t)size, "running", 1, "stored", 1)};
}

/* On a slow machine it also has a sentence about the copy that went ahead. */
static void unit_end(struct wb_manifest_unit *u)
{
	json_decref(u->image);
	free(u->ahead_why);
}

/*
 * The way of keeping itself: ahead (of so small a guest nothing is read before the freeze), a freeze that is called off, one
 * for good, and a jump.
 */
static void guest_goes_through_the_store(void **state)
{
	const struct wb_way_host host = {.sys = wb_sys_real()};
	struct wb_thaw thaw = {.sys = wb_sys_real()};
	struct wb_frozen *frozen = NULL;
	struct wb_rehearsed tried = {};
	struct wb_manifest_unit u;
	struct fake_store machine;
	struct wb_error err = {};
	struct wb_store *store;
	WB_CLEAN_STR number = NULL;
	int status;
	long saved, first;
	pid_t pid;

	if (!program() || geteuid() != 0)
		skip();
	store = make_store(&machine);
	pid = start_plain("64M", NULL, false);
	wb_qmp_close(connect_to(pid));
	unit_init(&u, pid, 64 << 20);
	saved = wait_for_more("before", 2);

	must(wb_way_vm.rehearse(&host, &u, NULL, &tried, &err), &err);
	assert_true(tried.bytes > 8 << 20 && tried.frozen_us > 0);
	saved = wait_for_more("before", saved);

	must(wb_way_vm.ahead(&host, &u, store, &err), &err);
	assert_int_equal(u.ahead_pid, pid);
	saved = wait_for_more("before", saved);
	must(wb_way_vm.freeze(&host, &u, store, &frozen, &err), &err);
	must(wb_way_vm.cancel(&host, frozen, &err), &err);
	saved = wait_for_more("before", last_count("before"));
	assert_int_equal(wb_store_forget(store, "u0/", &err), 0);

	/* As after a jump that is called off before the freeze. */
	must(wb_way_vm.ahead(&host, &u, store, &err), &err);
	must(wb_way_vm.wake(&host, &u, &err), &err);
	assert_true(wb_way_vm.freeze(&host, &u, store, &frozen, &err) == -ESTALE);
	saved = wait_for_more("before", last_count("before"));
	assert_int_equal(wb_store_forget(store, "u0/", &err), 0);

	must(wb_way_vm.ahead(&host, &u, store, &err), &err);
	must(wb_way_vm.freeze(&host, &u, store, &frozen, &err), &err);
	must(wb_store_seal(store, &err), &err);
	must(wb_way_vm.commit(&host, frozen, &err), &err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	saved = last_count("before");
	fake_store_jump(&machine, wb_store_load(store));
	wb_store_close(store);
	must(wb_store_attach(&machine.env, &store, &err), &err);

	pid = start_plain("64M", NULL, true);
	number = wb_strf("%d", (int)pid);
	setenv("MAINPID", number, 1);
	thaw.unit = &u;
	must(wb_way_vm.thaw(&thaw, store, &err), &err);
	wait_for_more("after", saved + 3);
	first = first_count("after");
	if (first != saved + 1 && first != saved + 2)
		fail_msg("after %ld it goes on with %ld", saved, first);
	end(pid);
	wb_store_close(store);
	fake_store_deinit(&machine);
	unit_end(&u);
}

/* Neither QEMU nor its guest gets more of the store than what was set aside for it. */
static void guest_gets_its_share_of_the_store(void **state)
{
	const struct wb_way_host host = {.sys = wb_sys_real()};
	WB_CLEAN_STR file = in_dir("ram");
	struct wb_frozen *frozen = NULL;
	struct wb_manifest_unit u;
	struct wb_error err = {};
	pid_t pid;
	FILE *f;

	if (!program())
		skip();
	f = fopen(file, "w");
	for (int i = 0; i < 16 << 20; i++)
		fwrite(&i, sizeof(i), 1, f);
	assert_int_equal(fclose(f), 0);
	pid = start_plain("64M", file, false);
	wb_qmp_close(connect_to(pid));
	/* As if it had said that it is small; the state of its devices alone has room for 32 MiB. */
	unit_init(&u, pid, 1 << 20);
	assert_int_equal(wb_way_vm.freeze(&host, &u, NULL, &frozen, &err), -ENOSPC);
	assert_string_equal(err.text, "QEMU writes much more than the guest's memory");
	wait_for_more("before", last_count("before"));
	end(pid);
	unit_end(&u);
}

/* A stream that is cut, or none: QEMU tells so, or has ended. */
static void damaged_stream_is_told(void **state)
{
	struct wb_error err = {};
	struct tape tape;
	const struct wb_qemu_pieces pieces = {&tape, tape_next};
	struct wb_qmp *q;
	pid_t pid;

	if (!program())
		skip();
	tape_init(&tape, 4096);
	tape.used = 4096;
	pid = start_plain("64M", NULL, true);
	q = connect_to(pid);
	assert_true(wb_qemu_stream_take(q, &pieces, true, &err) < 0);
	assert_non_null(strstr(err.text, "QEMU"));
	wb_qmp_close(q);
	end(pid);
	munmap(tape.at, tape.most);
}

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/dev/shm/warmboot-qemu.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"liar", "agent", "ram", "qmp", "before", "after"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		WB_CLEAN_STR path = in_dir(names[i]);

		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_line_tells_the_guest),
		cmocka_unit_test(json_tells_the_guest),
		cmocka_unit_test(devices_that_stay_behind_are_told),
		cmocka_unit_test(damaged_words_say_nothing),
		cmocka_unit_test(lies_end_in_a_sentence),
		cmocka_unit_test(memory_that_cannot_be_is_refused),
		cmocka_unit_test(nested_virtualization_is_seen),
		cmocka_unit_test(deadline_holds_for_a_talker),
		cmocka_unit_test(only_qemu_itself_is_spoken_to),
		cmocka_unit_test(agent_sets_the_clock),
		cmocka_unit_test(hostile_agent_ends_in_time),
		cmocka_unit_test(another_cpu_is_told),
		cmocka_unit_test(guest_goes_on_in_another_qemu),
		cmocka_unit_test(damaged_state_is_told),
		cmocka_unit_test(guest_goes_on_from_a_stream),
		cmocka_unit_test(large_memory_is_read_ahead),
		cmocka_unit_test(killed_reader_lets_the_guest_go_on),
		cmocka_unit_test(guest_goes_through_the_store),
		cmocka_unit_test(guest_gets_its_share_of_the_store),
		cmocka_unit_test(damaged_stream_is_told),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
