// SPDX-License-Identifier: LGPL-2.1-or-later
/* Runs of CRIU with fake-criu: checkpoint, pre-copy, restore, and their failures. */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-ns.h"
#include "criu/criu.h"

/* ---- pure parts ---- */

static struct wb_criu_external some_externals[] = {
	{.id = "unix[2503]", .fd = 1},
	{.id = "file[1a:4]", .path = "/dev/null", .flags = O_RDONLY},
};
static const struct wb_criu_image some_image = {
	.main_pid = 451,
	.externals = {some_externals, 2},
};

static void assert_words(const struct wb_strv *v, const char *text)
{
	char buf[1024] = "";

	for (size_t i = 0; i < v->n; i++)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s%s", i ? " " : "",
			v->items[i]);
	assert_string_equal(buf, text);
}

static void tells_criu_what_to_dump(void **state)
{
	const struct wb_criu_dump dump = {.unit = "memcached.service", .image = &some_image};
	WB_CLEAN_STRV running = {}, held = {};

	assert_int_equal(wb_criu_dump_argv(&dump, "/proc/self/fd/9", NULL, &running), 0);
	assert_words(&running,
		"criu dump -t 451 --network-lock nftables --skip-in-flight --leave-running "
		"--stream -D /proc/self/fd/9 -W /proc/self/fd/9 -o dump.log --no-default-config "
		"--tcp-established "
		"--ext-unix-sk "
		"--manage-cgroups=ignore "
		"--file-locks --link-remap --ghost-limit 2047M "
		"--external unix[2503] --external file[1a:4]");
	assert_int_equal(wb_criu_dump_argv(&dump, "/d", "/proc/7/fd/8", &held), 0);
	assert_words(&held,
		"criu dump -t 451 --network-lock nftables --skip-in-flight --action-script "
		"/proc/7/fd/8 "
		"--stream -D /d -W /d -o dump.log --no-default-config --tcp-established "
		"--ext-unix-sk "
		"--manage-cgroups=ignore "
		"--file-locks --link-remap --ghost-limit 2047M "
		"--external unix[2503] --external file[1a:4]");
}

static void tells_criu_what_to_dump_in_two_steps(void **state)
{
	const struct wb_criu_dump dump = {.unit = "memcached.service", .image = &some_image};
	WB_CLEAN_STRV before = {}, last = {};

	assert_int_equal(wb_criu_predump_argv(&dump, "/w", "/i", &before), 0);
	assert_words(&before,
		"criu pre-dump -t 451 --track-mem -D /i -W /w -o predump.log --no-default-config "
		"--tcp-established "
		"--ext-unix-sk "
		"--manage-cgroups=ignore --file-locks --link-remap --ghost-limit 2047M "
		"--external unix[2503] --external file[1a:4]");
	assert_int_equal(wb_criu_incremental_argv(&dump, "/w", "/i/last", "/h", &last), 0);
	assert_words(&last,
		"criu dump -t 451 --network-lock nftables --skip-in-flight --action-script /h "
		"--track-mem --prev-images-dir ../before -D /i/last -W /w -o dump.log "
		"--no-default-config --tcp-established --ext-unix-sk "
		"--manage-cgroups=ignore --file-locks --link-remap --ghost-limit 2047M "
		"--external unix[2503] --external file[1a:4]");
}

static void tells_criu_what_to_restore(void **state)
{
	const struct wb_criu_restore restore = {
		.unit = "memcached.service", .image = &some_image, .pidfile = "/run/x.pid"};
	const int fds[] = {1, 7};
	WB_CLEAN_STRV v = {};

	assert_int_equal(wb_criu_restore_argv(&restore, "/d", "/h", fds, &v), 0);
	assert_words(&v, "criu restore --restore-detached --pidfile pid --action-script /h "
			 "--stream -D /d -W /d -o restore.log --no-default-config "
			 "--tcp-established --ext-unix-sk "
			 "--manage-cgroups=ignore "
			 "--file-locks --link-remap --ghost-limit 2047M "
			 "--external unix[2503] --external file[1a:4] "
			 "--inherit-fd fd[1]:socket:[2503] --inherit-fd fd[7]:file[1a:4]");
}

static struct wb_bytes bytes_of(const char *s)
{
	return (struct wb_bytes){(const uint8_t *)s, strlen(s)};
}

static void finds_the_error_that_counts(void **state)
{
	static const struct {
		const char *log, *want;
	} cases[] = {
		{"(00.08) Error (criu/tun.c:85): tun: Unable to create tun: No such file\n"
		 "(00.86) Error (criu/files-reg.c:1790): Can't lookup mount=26 for fd=0 "
		 "path=/dev/null\n"
		 "(00.97) Error (criu/cr-dump.c:2111): Dumping FAILED.\n",
			"Can't lookup mount=26 for fd=0 path=/dev/null"},
		{"(00.3)     451: Error (criu/sk-inet.c:1): inet: Can't bind inet socket (id 5): "
		 "Address already in use.\n",
			"inet: Can't bind inet socket (id 5): Address already in use"},
		{"(00.1) Warn  (criu/x.c:1): nothing\n(00.2) Info\n", ""},
		{"", ""},
		{"(00.1) Error (criu/x.c:1): ", ""},
		{"(00.1) Error (", ""},
		/* No newline at the end, and bytes that a terminal must not get. */
		{"(00.1) Error (criu/x.c:1): \033[2J bad", "?[2J bad"},
	};
	char buf[100], small[8];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			wb_criu_reason(bytes_of(cases[i].log), buf, sizeof(buf)), cases[i].want);
	assert_string_equal(wb_criu_reason((struct wb_bytes){}, buf, sizeof(buf)), "");
	assert_string_equal(
		wb_criu_reason(bytes_of(cases[0].log), small, sizeof(small)), "Can't l");
}

static void reads_version_and_stats(void **state)
{
	static const uint8_t stats[] = "\x40\x59\x10\x55\x06\x33\x09\x57\x08\x00\x00\x00"
				       "\x0a\x06\x08\x2a\x10\x90\xa1\x0f";
	char *version = NULL;
	int64_t us = -1;

	assert_int_equal(
		wb_criu_parse_version(bytes_of("Version: 4.1.1\nGitID: v4\n"), &version), 0);
	assert_string_equal(version, "4.1.1");
	free(version);
	version = NULL;
	assert_int_equal(wb_criu_parse_version(bytes_of("criu\n"), &version), -EBADMSG);
	assert_int_equal(wb_criu_parse_version(bytes_of("Version: x\n"), &version), -EBADMSG);
	assert_int_equal(wb_criu_parse_version(bytes_of("Version: "), &version), -EBADMSG);
	assert_null(version);
	assert_int_equal(wb_criu_parse_stats((struct wb_bytes){stats, sizeof(stats) - 1}, &us), 0);
	assert_int_equal(us, 250000);
	for (size_t n = 0; n < sizeof(stats) - 1; n++)
		assert_int_equal(wb_criu_parse_stats((struct wb_bytes){stats, n}, &us), -EBADMSG);
}

static void image_round_trip(void **state)
{
	WB_CLEAN_CRIU_IMAGE back = {};
	WB_CLEAN_STRV paths = {};
	struct wb_error err = {};
	json_t *json = wb_criu_image_write(&some_image);

	assert_non_null(json);
	assert_int_equal(wb_criu_image_read(json, &back, &err), 0);
	json_decref(json);
	assert_int_equal(back.main_pid, 451);
	assert_int_equal(back.externals.n, 2);
	assert_string_equal(back.externals.items[1].id, "file[1a:4]");
	assert_string_equal(back.externals.items[1].path, "/dev/null");
	assert_int_equal(back.externals.items[0].fd, 1);
	/* The other one is the stream to the journal, which has no path. */
	assert_int_equal(wb_criu_external_paths(&back, &paths), 0);
	assert_int_equal(paths.n, 1);
	assert_string_equal(paths.items[0], "/dev/null");
}

/* Values from a store become arguments of a program that runs as root. */
static void refuses_bad_images(void **state)
{
	static const char *const bad[] = {
		"{\"main_pid\": 1}",
		"{}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"--tcp-close\"}]}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"unix[]\"}]}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"unix[1]x\"}]}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"file[1a]\"}]}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"file[1a:]\"}]}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"file[1a:4]\", \"path\": \"a\"}]}",
		"{\"main_pid\": 5, \"externals\": [{\"id\": \"file[1a:4]\", \"fd\": 7}]}",
		"{\"main_pid\": 5, \"version\": \"4;x\"}",
		"{\"main_pid\": 5, \"pids\": [1]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_criu_image image = {};
		struct wb_error err = {};
		json_t *json = json_loads(bad[i], 0, NULL);

		assert_non_null(json);
		assert_int_equal(wb_criu_image_read(json, &image, &err), -EBADMSG);
		assert_true(strlen(err.text) > 0);
		json_decref(json);
	}
}

/* ---- runs, with a program that touches no process ---- */

struct world {
	char dir[64];
	/* images, in the order of their beginning */
	struct {
		char name[64];
		struct wb_blob data;
		bool whole, aborted, given;
	} images[8];
	size_t n;
	bool full;
};

static int sink_begin(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct world *w = ctx;

	snprintf(w->images[w->n].name, sizeof(w->images[0].name), "%s", name);
	*ret = &w->images[w->n++];
	return 0;
}

static int sink_space(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	struct wb_blob *b = &((typeof(&((struct world *)0)->images[0]))image)->data;

	if (((struct world *)ctx)->full)
		return wb_fail(err, -ENOSPC, "the store is full");
	assert_int_equal(wb_blob_reserve(b, b->size + 4096), 0);
	*ret = b->data + b->size;
	*ret_n = 4096;
	return 0;
}

static void sink_commit(void *ctx, void *image, size_t n)
{
	((typeof(&((struct world *)0)->images[0]))image)->data.size += n;
}

static int sink_end(void *ctx, void *image, struct wb_error *err)
{
	((typeof(&((struct world *)0)->images[0]))image)->whole = true;
	return 0;
}

static void sink_abort(void *ctx, void *image)
{
	((typeof(&((struct world *)0)->images[0]))image)->aborted = true;
}

static int source_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct world *w = ctx;

	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->images[i].name, name))
			continue;
		w->images[i].given = false;
		*ret = &w->images[i];
		return 0;
	}
	return -ENOENT;
}

static bool source_next(void *ctx, void *image, struct wb_bytes *ret)
{
	typeof(&((struct world *)0)->images[0]) i = image;

	if (i->given)
		return false;
	i->given = true;
	*ret = wb_blob_view(&i->data);
	return true;
}

static void source_close(void *ctx, void *image)
{
}

/* All are the machine's namespaces, so none is entered. */
static const struct fake_ns_proc ended[] = {{1 << 30, .gone = true}, {}};
static struct fake_ns trusted = {.cgroup = "0::/x.service\n", .procs = ended};
static struct wb_ns_ops namespaces;

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	namespaces = fake_ns_ops(&trusted);
	strcpy(w->dir, "/tmp/wb-test-criu.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	*state = w;
	return 0;
}

static void run_shell(const char *fmt, const char *dir)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), fmt, dir);
	assert_int_equal(system(cmd), 0);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	run_shell("rm -rf %s", w->dir);
	for (size_t i = 0; i < w->n; i++)
		wb_blob_deinit(&w->images[i].data);
	free(w);
	return 0;
}

static void set_mode(const struct world *w, const char *mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/x.service", w->dir);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/x.service/mode", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(mode, f);
	fclose(f);
}

static struct wb_stream_sink sink_of(struct world *w)
{
	return (struct wb_stream_sink){
		w, sink_begin, sink_space, sink_commit, sink_end, sink_abort};
}

#define DUMP(w, image_, sink_)                                                                 \
	(struct wb_criu_dump)                                                                  \
	{                                                                                      \
		.program = FAKE_CRIU, .unit = "x.service", .image = (image_), .sink = (sink_), \
		.dir = (w)->dir, .timeout_seconds = 10, .cgroup = "/x.service",                \
		.namespaces = &namespaces                                                      \
	}

static struct wb_criu_image own_process(void)
{
	return (struct wb_criu_image){.main_pid = getpid()};
}

static void rehearsal_takes_everything(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int64_t us = 0;

	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), 0);
	assert_int_equal(stats.images, 2);
	assert_int_equal(us, 250000);
	assert_int_equal(w->n, 2);
	assert_true(w->images[0].whole && w->images[1].whole);
}

static void criu_that_refuses_is_quoted(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_criu_frozen *frozen = NULL;
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int64_t us = 0;

	set_mode(w, "refuse");
	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "Can't dump half of stream unix connection"));
	assert_non_null(strstr(err.text, "x.service"));
	assert_non_null(strstr(err.text, "/dump.log"));
	set_mode(w, "die");
	assert_int_equal(wb_criu_freeze(wb_sys_real(), &dump, &stats, &frozen, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "a task changed its mind"));
	assert_null(frozen);
}

static void full_store_ends_a_dump(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_criu_frozen *frozen = NULL;
	struct wb_stream_stats stats = {};
	struct wb_error err = {};

	w->full = true;
	assert_int_equal(wb_criu_freeze(wb_sys_real(), &dump, &stats, &frozen, &err), -ENOSPC);
	assert_string_equal(err.text, "the store is full");
	assert_null(frozen);
}

static void dump_waits_for_the_word(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	char path[128];

	snprintf(path, sizeof(path), "%s/x.service/stats-dump", w->dir);
	for (int commit = 0; commit < 2; commit++) {
		struct wb_criu_frozen *frozen = NULL;

		assert_int_equal(wb_criu_freeze(wb_sys_real(), &dump, &stats, &frozen, &err), 0);
		assert_non_null(frozen);
		assert_int_equal(stats.images, 2);
		/* fake-criu writes that file only after it got the answer. */
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(
			commit ? wb_criu_commit(frozen, &err) : wb_criu_cancel(frozen, &err), 0);
		assert_int_equal(access(path, F_OK), commit ? 0 : -1);
	}
	assert_int_equal(wb_criu_cancel(NULL, &err), 0);
}

static void unit_that_is_gone(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_criu_image image = {.main_pid = 1 << 30};
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int64_t us;

	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), -ESRCH);
	dump.program = "/nonexistent/criu";
	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), -ENOENT);
}

static int users_told(const struct world *w)
{
	char path[128];
	int users = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/x.service/users", w->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &users), 1);
	fclose(f);
	return users;
}

/* The callback that checks the tasks before they run. */
struct looker {
	int result;
	int looked, killed;
};

static int look_at_tasks(void *ctx, struct wb_error *err)
{
	struct looker *l = ctx;

	l->looked++;
	return l->result < 0 ? wb_fail(err, l->result, "a file is another one") : 0;
}

static void kill_tasks(void *ctx)
{
	((struct looker *)ctx)->killed++;
}

static void tasks_are_looked_at_before_they_run(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_stream_source source = {w, source_open, source_next, source_close};
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct looker good = {}, bad = {.result = -EPERM}, late = {}, failed = {};
	struct wb_criu_restore restore = {.program = FAKE_CRIU,
		.unit = "x.service",
		.image = &image,
		.source = &source,
		.dir = w->dir,
		.timeout_seconds = 10,
		.check = look_at_tasks,
		.kill = kill_tasks,
		.ctx = &good};
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int64_t us;

	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), 0);
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	assert_int_equal(good.looked, 1);
	assert_int_equal(good.killed, 0);
	restore.ctx = &bad;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EPERM);
	assert_string_equal(err.text, "a file is another one");
	assert_int_equal(bad.killed, 1);
	/* A criu that is told with which rights tasks had netlink sockets. */
	set_mode(w, "rights");
	restore.netlink_rights = 0x3000;
	restore.ctx = &good;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	/* A criu that lets them run at once. */
	set_mode(w, "hasty");
	restore.ctx = &late;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "let x.service run before it could be looked at"));
	assert_int_equal(late.looked, 0);
	assert_int_equal(late.killed, 1);
	/* After a failed restore there is no task to kill. */
	set_mode(w, "refuse");
	restore.ctx = &failed;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "Can't fork for 4711"));
	assert_int_equal(failed.looked + failed.killed, 0);
}

static struct wb_identity identity_at(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct wb_identity id = {};

	assert_int_equal(wb_identity_of(fd, &id, NULL), 0);
	close(fd);
	return id;
}

static void restores_what_was_dumped(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_stream_source source = {w, source_open, source_next, source_close};
	struct wb_criu_external null = {
		.id = "file[1a:4]", .path = "/dev/null", .identity = identity_at("/dev/null")};
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_criu_restore restore = {.program = FAKE_CRIU,
		.unit = "x.service",
		.image = &image,
		.source = &source,
		.dir = w->dir,
		.timeout_seconds = 10,
		.machine = &namespaces};
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	char pidfile[128];
	int64_t us;

	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), 0);
	snprintf(pidfile, sizeof(pidfile), "%s/pid", w->dir);
	image.externals.items = &null;
	image.externals.n = 1;
	restore.pidfile = pidfile;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	assert_int_equal(access(pidfile, R_OK), 0);
	assert_int_equal(users_told(w), 9);
	/* fake-criu looks whether the other end of this one is closed. */
	image.externals.items = (struct wb_criu_external[]){{.id = "unix[7777]", .reset = true}};
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	image.externals.items[0].packets = true;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	image.externals.items[0].reset = false;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EREMOTEIO);
	image.externals.items = &null;
	/* Tasks of a user namespace of their own are moved into the machine's. */
	image.own_users = true;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	assert_int_equal(users_told(w), 7);
	set_mode(w, "refuse");
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "Can't fork for 4711: File exists"));
	null.path = "/nonexistent/file";
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/file"));
	/* Another file than before, or another device. */
	null.path = "/dev/zero";
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EPERM);
	assert_non_null(strstr(err.text, "/dev/zero is not the file that was open any more"));
	null.path = "/etc/passwd";
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EPERM);
}

/* Of an IPC namespace, which is dumped as a whole, the unit gets its own segments. */
static void others_memory_stays_away(void **state)
{
	static const char segments[] = "\x19\x43\x56\x54\x44\x30\x28\x46"
				       "\x08\x00\x00\x00\x0a\x04\x08\x01\x38\x02\x10\x09"
				       "\x08\x00\x00\x00\x10\x09\x0a\x04\x08\x01\x38\x03";
	struct world *w = *state;
	struct wb_stream_source source = {w, source_open, source_next, source_close};
	struct wb_criu_image image = own_process();
	struct wb_criu_restore restore = {.program = FAKE_CRIU,
		.unit = "x.service",
		.image = &image,
		.source = &source,
		.dir = w->dir,
		.timeout_seconds = 10};
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int64_t own = 3;

	set_mode(w, "segments");
	snprintf(w->images[0].name, sizeof(w->images[0].name), "ipcns-shm-9.img");
	wb_blob_append(&w->images[0].data, segments, sizeof(segments) - 1);
	w->n = 1;
	image.segments.items = &own;
	image.segments.n = 1;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EREMOTEIO);
	image.own_ipc = true;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	image.segments.n = 0;
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), -EREMOTEIO);
}

static void memory_goes_ahead(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_stream_source source = {w, source_open, source_next, source_close};
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_criu_restore restore = {.program = FAKE_CRIU,
		.unit = "x.service",
		.image = &image,
		.source = &source,
		.dir = w->dir,
		.timeout_seconds = 10};
	struct wb_criu_frozen *frozen = NULL;
	struct wb_stream_stats stats = {};
	struct wb_error err = {};

	dump.incremental = true;
	assert_int_equal(wb_criu_freeze(wb_sys_real(), &dump, &stats, &frozen, &err), -ENOENT);
	assert_non_null(strstr(err.text, "has not been dumped before"));
	for (int commit = 0; commit < 2; commit++) {
		for (size_t i = 0; i < w->n; i++)
			wb_blob_deinit(&w->images[i].data);
		w->n = 0;
		assert_int_equal(wb_criu_predump(wb_sys_real(), &dump, &stats, &err), 0);
		assert_int_equal(stats.images, 2);
		assert_true(stats.bytes > 8192);
		assert_int_equal(wb_criu_freeze(wb_sys_real(), &dump, &stats, &frozen, &err), 0);
		assert_int_equal(stats.images, 2);
		assert_true(stats.bytes < 8192);
		assert_int_equal(
			commit ? wb_criu_commit(frozen, &err) : wb_criu_cancel(frozen, &err), 0);
		/* A second incremental dump would miss the changes in between. */
		assert_int_equal(
			wb_criu_freeze(wb_sys_real(), &dump, &stats, &frozen, &err), -ENOENT);
	}
	assert_int_equal(w->n, 4);
	assert_int_equal(strncmp(w->images[0].name, "before.", 7), 0);
	image.incremental = true;
	set_mode(w, "merged");
	assert_int_equal(wb_criu_restore(wb_sys_real(), &restore, &stats, &err), 0);
	set_mode(w, "refuse");
	assert_int_equal(wb_criu_predump(wb_sys_real(), &dump, &stats, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "the kernel does not track memory"));
}

static void foreign_directory_is_refused(void **state)
{
	struct world *w = *state;
	struct wb_stream_sink sink = sink_of(w);
	struct wb_criu_image image = own_process();
	struct wb_criu_dump dump = DUMP(w, &image, &sink);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int64_t us;

	run_shell("mkdir -m 755 %s/x.service", w->dir);
	assert_int_equal(wb_criu_rehearse(wb_sys_real(), &dump, &stats, &us, &err), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_criu_what_to_dump),
		cmocka_unit_test(tells_criu_what_to_dump_in_two_steps),
		cmocka_unit_test(tells_criu_what_to_restore),
		cmocka_unit_test(finds_the_error_that_counts),
		cmocka_unit_test(reads_version_and_stats),
		cmocka_unit_test(image_round_trip),
		cmocka_unit_test(refuses_bad_images),
		cmocka_unit_test_setup_teardown(rehearsal_takes_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(criu_that_refuses_is_quoted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full_store_ends_a_dump, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dump_waits_for_the_word, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unit_that_is_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(restores_what_was_dumped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			tasks_are_looked_at_before_they_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others_memory_stays_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_goes_ahead, set_up, tear_down),
		cmocka_unit_test_setup_teardown(foreign_directory_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
