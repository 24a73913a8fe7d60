// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running CRIU: its namespaces, its images, its end. What it is told is in criu.c. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keep/criu.h"
#include "keep/hook.h"
#include "keep/merge.h"
#include "sys/machine.h"

#define DEFAULT_TIMEOUT 60
/* How long CRIU may take to put a unit back on its feet after a failure. */
#define CURE_SECONDS 60
/* Exit codes of our half of the child, outside of what CRIU uses. */
#define EXIT_SETNS 120
#define EXIT_EXEC 121
/* All that a log is searched in. */
#define LONGEST_LOG (64u << 20)
#define MOST_NAMESPACES 8
/* CRIU may dump so long without our seeing it move, when nothing is streamed. */
#define BLIND_SECONDS 600

static const char *const programs[] = {"/usr/sbin/criu", "/usr/local/sbin/criu", "/usr/bin/criu"};

struct run {
	const struct wb_sys *sys;
	const char *unit;
	char *dir;           /* work directory, as the caller sees it */
	char *inside;        /* and as CRIU does */
	const char *log;     /* "dump.log" */
	int dir_fd;          /* inherited by CRIU */
	int memory;          /* a tmpfs that only we see, for what cannot be streamed */
	int images;          /* the directory in it that CRIU writes to; inherited */
	int program;         /* CRIU itself */
	int listener;        /* the streamer's socket */
	int sock;            /* CRIU's connection to it */
	int shim;            /* the library that it is started with */
	int hook, ready, go; /* the action script; what it tells; what it is told */
	int hook_ready, hook_go;
	int namespaces[MOST_NAMESPACES];
	size_t n_namespaces;
	int pidfd;
	pid_t pid;
	int timeout; /* seconds */
};

struct wb_criu_frozen {
	struct run run;
	char *unit;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void run_init(struct run *r)
{
	*r = (struct run){.dir_fd = -1,
		.program = -1,
		.memory = -1,
		.images = -1,
		.listener = -1,
		.sock = -1,
		.shim = -1,
		.hook = -1,
		.ready = -1,
		.go = -1,
		.hook_ready = -1,
		.hook_go = -1,
		.pidfd = -1};
}

static void run_deinit(struct run *r)
{
	int *fds[] = {&r->dir_fd, &r->program, &r->listener, &r->sock, &r->shim, &r->hook,
		&r->ready, &r->go, &r->hook_ready, &r->hook_go, &r->pidfd, &r->memory, &r->images};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close_fd(fds[i]);
	for (size_t i = 0; i < r->n_namespaces; i++)
		close(r->namespaces[i]);
	free(r->dir);
	free(r->inside);
}

#define CLEAN_RUN __attribute__((cleanup(run_deinit))) struct run

static int failed(struct wb_error *err, const char *what)
{
	int e = errno;

	return wb_fail(err, -e, "cannot %s: %s", what, strerror(e));
}

/* ---- before ---- */

static int open_program(struct run *r, const char *program, struct wb_error *err)
{
	if (program) {
		r->program = open(program, O_RDONLY | O_CLOEXEC);
		if (r->program < 0)
			return wb_fail(err, -errno, "cannot open %s: %s", program, strerror(errno));
		return 0;
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		r->program = open(programs[i], O_RDONLY | O_CLOEXEC);
		if (r->program >= 0)
			return 0;
	}
	return wb_fail(err, -ENOENT,
		"criu is not installed (there is no %s), and nothing can be kept without it",
		programs[0]);
}

static int make_dir(const char *path, struct wb_error *err)
{
	WB_CLEAN_STR dir = strdup(path);

	if (!dir)
		return wb_fail(err, -ENOMEM, "out of memory");
	for (char *p = dir + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return wb_fail(err, -errno, "cannot create %s: %s", dir, strerror(errno));
		if (!c)
			return 0;
		*p = c;
	}
}

/* Images hold secrets, and so may a log: what is there is root's alone, whoever made it. */
static int open_dir(struct run *r, const char *base, struct wb_error *err)
{
	struct stat st;
	int e;

	if (asprintf(&r->dir, "%s/%s", base ? base : WB_CRIU_DIR, r->unit) < 0) {
		r->dir = NULL;
		return wb_fail(err, -ENOMEM, "out of memory");
	}
	e = make_dir(r->dir, err);
	if (e < 0)
		return e;
	r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->dir_fd < 0 || fstat(r->dir_fd, &st) < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", r->dir, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 0077))
		return wb_fail(err, -EPERM, "%s is open to others than root: remove it", r->dir);
	/* /proc's links lead to the directory from within every mount namespace. */
	if (asprintf(&r->inside, "/proc/self/fd/%d", r->dir_fd) < 0) {
		r->inside = NULL;
		return wb_fail(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int listen_for_streams(struct run *r, const char *name, struct wb_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	unlinkat(r->dir_fd, name, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", r->inside, name);
	r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->listener < 0 || bind(r->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(r->listener, 1) < 0)
		return failed(err, "make the socket for CRIU's images");
	return 0;
}

/* The target's namespaces that are not ours; the mount namespace last, since /proc goes with it. */
static int open_namespaces(struct run *r, int64_t pid, struct wb_error *err)
{
	static const char *const names[] = {"uts", "ipc", "net", "cgroup", "mnt"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64], own[64];
		struct stat theirs, ours;
		int fd;

		snprintf(path, sizeof(path), "/proc/%lld/ns/%s", (long long)pid, names[i]);
		snprintf(own, sizeof(own), "/proc/self/ns/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && (errno == ENOENT || errno == ESRCH))
			return wb_fail(err, -ESRCH, "%s has no process %lld any more", r->unit,
				(long long)pid);
		if (fd < 0 || fstat(fd, &theirs) < 0 || stat(own, &ours) < 0)
			return wb_fail(err, -errno, "cannot look at %s: %s", path, strerror(errno));
		if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
			close(fd);
		else
			r->namespaces[r->n_namespaces++] = fd;
	}
	return 0;
}

/* Two pipes between us and the action script, which lies in a file without a name. */
static int make_hook(struct run *r, struct wb_error *err)
{
	int ready[2], go[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return failed(err, "make a pipe");
	r->ready = ready[0];
	r->hook_ready = ready[1];
	if (pipe2(go, O_CLOEXEC) < 0)
		return failed(err, "make a pipe");
	r->hook_go = go[0];
	r->go = go[1];
	r->hook = r->sys->memfd(
		r->sys->ctx, "warmboot-hook", (struct wb_bytes){wb_keep_hook, wb_keep_hook_size});
	if (r->hook < 0)
		return wb_fail(
			err, r->hook, "cannot make a file in memory: %s", strerror(-r->hook));
	return 0;
}

static int hook_path(const struct run *r, int fd, char **ret)
{
	if (asprintf(ret, "/proc/%d/fd/%d", (int)getpid(), fd) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

/*
 * A tmpfs that is mounted nowhere: gone with its descriptor, and no shutdown can unmount it. Where
 * that may not be made, a directory beside the others.
 */
static int make_memory(struct run *r, struct wb_error *err)
{
	uint64_t left = wb_available_memory(r->sys->files);
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char size[32] = "100%";

	/* What does not fit is told when it is written; nobody is to be killed for lack of memory. */
	if (left != UINT64_MAX)
		snprintf(size, sizeof(size), "%" PRIu64, left / 10 * 9);
	if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) == 0 &&
		fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) == 0 &&
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		r->memory = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	close_fd(&fs);
	if (r->memory >= 0)
		return 0;
	if (mkdirat(r->dir_fd, "memory", 0700) < 0 && errno != EEXIST)
		return failed(err, "make a directory in memory");
	r->memory = openat(r->dir_fd, "memory", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->memory < 0 ? failed(err, "open a directory in memory") : 0;
}

/* A directory below, open and empty. */
static int open_below(int dir, const char *name, int *ret, struct wb_error *err)
{
	struct dirent *d;
	DIR *list;
	int fd;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return failed(err, "make a directory for CRIU");
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (!list) {
		close_fd(&fd);
		return failed(err, "open a directory for CRIU");
	}
	while ((d = readdir(list)))
		unlinkat(fd, d->d_name, 0);
	closedir(list);
	*ret = fd;
	return 0;
}

/* Call `one` for each regular file of a directory. */
static int for_files(int dir, int (*one)(void *ctx, int fd, const char *name, struct wb_error *err),
	void *ctx, struct wb_error *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!list) {
		close_fd(&fd);
		return failed(err, "list CRIU's images");
	}
	while (r == 0 && (d = readdir(list))) {
		struct stat st;
		int file;

		if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		file = openat(dir, d->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (file < 0)
			r = failed(err, "open an image of CRIU's");
		else
			r = one(ctx, file, d->d_name, err);
		close_fd(&file);
	}
	closedir(list);
	return r;
}

/* ---- files into a sink ---- */

struct feeding {
	const struct wb_stream_sink *sink;
	const char *prefix;
	struct wb_stream_stats stats;
};

static int feed_image(struct feeding *f, int fd, void *image, struct wb_error *err)
{
	const struct wb_stream_sink *sink = f->sink;

	for (;;) {
		uint8_t *room;
		size_t n;
		ssize_t got;
		int r = sink->space(sink->ctx, image, &room, &n, err);

		if (r < 0)
			return r;
		got = read(fd, room, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(err, "read an image of CRIU's");
		if (got == 0)
			return 0;
		sink->commit(sink->ctx, image, (size_t)got);
		f->stats.bytes += (uint64_t)got;
	}
}

static int feed_file(void *ctx, int fd, const char *name, struct wb_error *err)
{
	struct feeding *f = ctx;
	char full[300];
	void *image;
	int r;

	snprintf(full, sizeof(full), "%s%s", f->prefix, name);
	r = f->sink->begin(f->sink->ctx, full, &image, err);
	if (r < 0)
		return r;
	r = feed_image(f, fd, image, err);
	if (r < 0) {
		f->sink->abort(f->sink->ctx, image);
		return r;
	}
	f->stats.images++;
	return f->sink->end(f->sink->ctx, image, err);
}

/* ---- what a later dump must know of one before ---- */

/* Lists, whole; pages only in their length, for CRIU opens that file and does not read it. */
static int copy_known(void *ctx, int fd, const char *name, struct wb_error *err)
{
	int dir = *(int *)ctx, out, r = 0;
	struct stat st;

	out = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0 || fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		r = failed(err, "note what was dumped");
	if (r == 0 && !strncmp(name, "pages-", 6) && ftruncate(out, st.st_size) < 0)
		r = failed(err, "note what was dumped");
	while (r == 0 && strncmp(name, "pages-", 6) != 0) {
		char buf[65536];
		ssize_t got = read(fd, buf, sizeof(buf));

		if (got == 0)
			break;
		if (got < 0 || write(out, buf, (size_t)got) != got)
			r = failed(err, "note what was dumped");
	}
	close_fd(&out);
	return r;
}

/* ---- the child ---- */

static void keep_open(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags >= 0)
		fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
}

/* Only system calls from here on: the caller may have threads. */
static void child(const struct run *r, char *const *argv, char *const *env, const int *inherit,
	size_t n_inherit)
{
	sigset_t none;

	/* A service manager's restorer ignores nothing for its service. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	keep_open(r->dir_fd);
	keep_open(r->images);
	for (size_t i = 0; i < n_inherit; i++)
		keep_open(inherit[i]);
	for (size_t i = 0; i < r->n_namespaces; i++)
		if (setns(r->namespaces[i], 0) < 0)
			_exit(EXIT_SETNS);
	fexecve(r->program, argv, env);
	_exit(EXIT_EXEC);
}

static int start(struct run *r, char *const *argv, char *const *env, const int *inherit,
	size_t n_inherit, struct wb_error *err)
{
	r->pid = fork();
	if (r->pid < 0)
		return failed(err, "start criu");
	if (r->pid == 0)
		child(r, argv, env, inherit, n_inherit);
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->pidfd < 0) {
		int e = failed(err, "watch criu");

		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
		return e;
	}
	return 0;
}

/* ---- its end ---- */

/*
 * Wait for the end; -EIO when it had to be killed. CRIU is not killed lightly: a task that it has
 * its code in would go on in that code.
 */
static int reap(struct run *r, int seconds, int *ret_status, struct wb_error *err)
{
	struct pollfd p = {.fd = r->pidfd, .events = POLLIN};
	bool hung = false;
	int n;

	do {
		n = poll(&p, 1, seconds * 1000);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		hung = true;
		kill(r->pid, SIGKILL);
	}
	while (waitpid(r->pid, ret_status, 0) < 0 && errno == EINTR)
		;
	close_fd(&r->pidfd);
	if (!hung)
		return 0;
	return wb_fail(err, -EIO,
		"criu did not end within %d seconds and was killed; its log is %s/%s", seconds,
		r->dir, r->log);
}

static void read_log(const struct run *r, struct wb_blob *ret)
{
	WB_CLEAN_STR path = NULL;

	if (asprintf(&path, "%s/%s", r->dir, r->log) < 0)
		path = NULL;
	else
		r->sys->files->read(r->sys->files->ctx, path, LONGEST_LOG, ret, NULL);
}

/* The sentence for an exit that is not success. */
static int tell_exit(const struct run *r, int status, const char *what, struct wb_error *err)
{
	WB_CLEAN_BLOB log = {};
	char reason[300];

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SETNS)
		return wb_fail(err, -EREMOTEIO, "cannot enter the namespaces of %s", r->unit);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_EXEC)
		return wb_fail(err, -EREMOTEIO,
			"criu cannot be executed in the namespaces of %s: its libraries are "
			"missing there",
			r->unit);
	if (WIFSIGNALED(status))
		return wb_fail(err, -EREMOTEIO,
			"criu was killed by signal %d while it %s %s; its log is %s/%s",
			WTERMSIG(status), what, r->unit, r->dir, r->log);
	read_log(r, &log);
	wb_criu_reason(wb_blob_view(&log), reason, sizeof(reason));
	if (!*reason)
		return wb_fail(err, -EREMOTEIO,
			"criu gave up (%d) while it %s %s; its log is %s/%s", WEXITSTATUS(status),
			what, r->unit, r->dir, r->log);
	return wb_fail(err, -EREMOTEIO, "criu, while it %s %s: %s (its log is %s/%s)", what,
		r->unit, reason, r->dir, r->log);
}

/* CRIU's connection; 0 with r->sock < 0 when CRIU ended without one. */
static int accept_stream(struct run *r, struct wb_error *err)
{
	struct pollfd p[2] = {
		{.fd = r->listener, .events = POLLIN}, {.fd = r->pidfd, .events = POLLIN}};
	int n;

	do {
		n = poll(p, 2, r->timeout * 1000);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return wb_fail(err, -ETIMEDOUT, "criu did not begin within %d seconds", r->timeout);
	if (!p[0].revents)
		return 0;
	r->sock = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	return r->sock < 0 ? failed(err, "talk to criu") : 0;
}

/* Something of ours failed: let CRIU see broken pipes, and put the unit back on its feet. */
static int give_up(struct run *r, int e, struct wb_error *err)
{
	struct wb_error hung = {};
	int status;

	close_fd(&r->sock);
	close_fd(&r->listener);
	close_fd(&r->go);
	if (reap(r, CURE_SECONDS, &status, &hung) < 0)
		return wb_fail(err, -EIO, "%s", hung.text);
	return e;
}

/* ---- dump ---- */

static int begin_dump(struct run *r, const struct wb_sys *sys, const struct wb_criu_dump *dump,
	bool hold, struct wb_error *err)
{
	int e;

	run_init(r);
	r->sys = sys;
	r->unit = dump->unit;
	r->log = "dump.log";
	r->timeout = dump->timeout_seconds ? dump->timeout_seconds : DEFAULT_TIMEOUT;
	e = open_program(r, dump->program, err);
	if (e == 0)
		e = open_dir(r, dump->dir, err);
	if (e == 0)
		e = open_namespaces(r, dump->image->main_pid, err);
	if (e == 0 && !dump->incremental)
		e = listen_for_streams(r, WB_STREAM_CAPTURE_SOCKET, err);
	if (e == 0 && hold)
		e = make_hook(r, err);
	if (e < 0)
		return e;
	unlinkat(r->dir_fd, "stats-dump", 0);
	unlinkat(r->dir_fd, r->log, 0);
	return 0;
}

static int incremental_argv(
	const struct run *r, const struct wb_criu_dump *dump, const char *hook, struct wb_strv *ret)
{
	char images[64];

	snprintf(images, sizeof(images), "/proc/self/fd/%d", r->images);
	return wb_criu_incremental_argv(dump, r->inside, images, hook, ret);
}

/* CRIU 4.2 asks no socket for what it has not. */
static bool needs_shim(const char *version)
{
	unsigned major, minor;

	return version && sscanf(version, "%u.%u", &major, &minor) == 2 &&
	       (major < 4 || (major == 4 && minor < 2));
}

static int add_shim(struct run *r, struct wb_strv *env)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR s = NULL;
	int e;

	r->shim = r->sys->memfd(
		r->sys->ctx, "warmboot-shim", (struct wb_bytes){wb_keep_shim, wb_keep_shim_size});
	/* Without it a CRIU that is new enough does as well. */
	if (r->shim < 0)
		return 0;
	e = hook_path(r, r->shim, &path);
	if (e == 0 && asprintf(&s, "LD_PRELOAD=%s", path) < 0) {
		s = NULL;
		e = -ENOMEM;
	}
	return e < 0 ? e : wb_strv_add(env, s);
}

static int start_dump(
	struct run *r, const struct wb_criu_dump *dump, bool hold, struct wb_error *err)
{
	WB_CLEAN_STR hook = NULL;
	WB_CLEAN_STR ready = NULL;
	WB_CLEAN_STR go = NULL;
	WB_CLEAN_STRV argv = {}, env = {};
	int e = 0;

	if (hold) {
		e = hook_path(r, r->hook, &hook);
		if (e == 0)
			e = hook_path(r, r->hook_ready, &ready);
		if (e == 0)
			e = hook_path(r, r->hook_go, &go);
	}
	if (e == 0 && dump->incremental)
		e = incremental_argv(r, dump, hook, &argv);
	else if (e == 0)
		e = wb_criu_dump_argv(dump, r->inside, hook, &argv);
	if (e == 0)
		e = wb_strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	if (e == 0 && needs_shim(dump->image->version))
		e = add_shim(r, &env);
	for (int i = 0; e == 0 && hold && i < 2; i++) {
		WB_CLEAN_STR s = NULL;

		e = asprintf(&s, "%s=%s", i ? WB_HOOK_GO : WB_HOOK_READY, i ? go : ready);
		e = e < 0 ? -ENOMEM : wb_strv_add(&env, s);
	}
	if (e < 0)
		return wb_fail(err, e, "out of memory");
	return start(r, argv.items, env.items, NULL, 0, err);
}

/* Up to where CRIU waits for the word, or to its end when it has none to wait for. */
static int take_images(struct run *r, const struct wb_stream_sink *sink,
	struct wb_stream_stats *ret, struct wb_error *err)
{
	int e = accept_stream(r, err);

	if (e == 0 && r->sock >= 0)
		e = wb_stream_capture(r->sock, r->ready, r->timeout * 1000, sink, ret, err);
	return e < 0 ? give_up(r, e, err) : 0;
}

static int64_t frozen_time(const struct run *r)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_BLOB stats = {};
	int64_t us = 0;

	if (asprintf(&path, "%s/stats-dump", r->dir) < 0) {
		path = NULL;
		return 0;
	}
	if (r->sys->files->read(r->sys->files->ctx, path, 1 << 16, &stats, NULL) < 0 ||
		wb_criu_parse_stats(wb_blob_view(&stats), &us) < 0)
		return 0;
	return us;
}

int wb_criu_rehearse(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, int64_t *ret_frozen_us, struct wb_error *err)
{
	struct wb_stream_stats stats = {};
	CLEAN_RUN r;
	int status, e;

	e = begin_dump(&r, sys, dump, false, err);
	if (e == 0)
		e = start_dump(&r, dump, false, err);
	if (e == 0)
		e = take_images(&r, dump->sink, &stats, err);
	if (e == 0)
		e = reap(&r, CURE_SECONDS, &status, err);
	if (e < 0)
		return e;
	if (status)
		return tell_exit(&r, status, "checkpointed", err);
	*ret_stats = stats;
	*ret_frozen_us = frozen_time(&r);
	return 0;
}

/* Has the action script said that all is dumped? */
static bool is_ready(const struct run *r)
{
	char c;

	return poll(&(struct pollfd){.fd = r->ready, .events = POLLIN}, 1, 0) == 1 &&
	       read(r->ready, &c, 1) == 1;
}

/* The directory of the dump before, as CRIU expects it beside that of this one. */
static int lay_out_before(struct run *r, struct wb_error *err)
{
	int known = openat(r->dir_fd, "before", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int before = -1, e;

	if (known < 0)
		return wb_fail(err, -ENOENT, "%s has not been dumped before", r->unit);
	e = make_memory(r, err);
	if (e == 0)
		e = open_below(r->memory, "before", &before, err);
	if (e == 0)
		e = for_files(known, copy_known, &before, err);
	if (e == 0)
		e = open_below(r->memory, "last", &r->images, err);
	close_fd(&before);
	close_fd(&known);
	/*
	 * It is good for one dump: that makes the kernel forget what had changed before it, and so
	 * another one would miss what changed between the two.
	 */
	if (e == 0)
		e = open_below(r->dir_fd, "before", &known, err);
	close_fd(&known);
	if (e == 0 && unlinkat(r->dir_fd, "before", AT_REMOVEDIR) < 0)
		e = failed(err, "forget what was dumped");
	return e;
}

/* Until the action script says that all is dumped, or CRIU ends; then its files. */
static int take_files(struct run *r, const struct wb_stream_sink *sink, struct wb_stream_stats *ret,
	struct wb_error *err)
{
	struct pollfd p[2] = {
		{.fd = r->ready, .events = POLLIN}, {.fd = r->pidfd, .events = POLLIN}};
	struct feeding f = {.sink = sink, .prefix = ""};
	int n, e;

	do {
		n = poll(p, 2, BLIND_SECONDS * 1000);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return give_up(r,
			wb_fail(err, -ETIMEDOUT, "criu did not dump %s within %d seconds", r->unit,
				BLIND_SECONDS),
			err);
	if (!p[0].revents)
		return 0;
	e = for_files(r->images, feed_file, &f, err);
	if (e < 0)
		return give_up(r, e, err);
	*ret = f.stats;
	return 0;
}

int wb_criu_freeze(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_criu_frozen **ret, struct wb_error *err)
{
	struct wb_stream_stats stats = {};
	struct wb_criu_frozen *f;
	CLEAN_RUN r;
	int status, e;

	e = begin_dump(&r, sys, dump, true, err);
	if (e == 0 && dump->incremental)
		e = lay_out_before(&r, err);
	if (e == 0)
		e = start_dump(&r, dump, true, err);
	if (e == 0)
		e = dump->incremental ? take_files(&r, dump->sink, &stats, err)
				      : take_images(&r, dump->sink, &stats, err);
	if (e < 0)
		return e;
	if (!is_ready(&r)) {
		e = reap(&r, CURE_SECONDS, &status, err);
		return e < 0 ? e : tell_exit(&r, status, "checkpointed", err);
	}
	f = calloc(1, sizeof(*f));
	if (f)
		f->unit = strdup(dump->unit);
	if (!f || !f->unit) {
		free(f);
		return give_up(&r, wb_fail(err, -ENOMEM, "out of memory"), err);
	}
	f->run = r;
	f->run.unit = f->unit;
	run_init(&r);
	*ret_stats = stats;
	*ret = f;
	return 0;
}

int wb_criu_predump(const struct wb_sys *sys, const struct wb_criu_dump *dump,
	struct wb_stream_stats *ret_stats, struct wb_error *err)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct feeding f = {.sink = dump->sink, .prefix = WB_MERGE_BEFORE};
	struct wb_criu_dump quiet = *dump;
	WB_CLEAN_STRV argv = {};
	char images[64];
	int status, known = -1, e;
	CLEAN_RUN r;

	/* Nothing is streamed: pre-dump does not know how. */
	quiet.incremental = true;
	e = begin_dump(&r, sys, &quiet, false, err);
	r.log = "predump.log";
	if (e == 0)
		e = make_memory(&r, err);
	if (e == 0)
		e = open_below(r.memory, "last", &r.images, err);
	if (e < 0)
		return e;
	unlinkat(r.dir_fd, r.log, 0);
	snprintf(images, sizeof(images), "/proc/self/fd/%d", r.images);
	if (wb_criu_predump_argv(dump, r.inside, images, &argv) < 0)
		return wb_fail(err, -ENOMEM, "out of memory");
	e = start(&r, argv.items, env, NULL, 0, err);
	if (e == 0)
		e = reap(&r, BLIND_SECONDS, &status, err);
	if (e == 0 && status)
		e = tell_exit(&r, status, "dumped the memory of", err);
	if (e == 0)
		e = for_files(r.images, feed_file, &f, err);
	if (e == 0)
		e = open_below(r.dir_fd, "before", &known, err);
	if (e == 0)
		e = for_files(r.images, copy_known, &known, err);
	close_fd(&known);
	if (e == 0)
		*ret_stats = f.stats;
	return e;
}

static int finish(struct wb_criu_frozen *f, bool commit, struct wb_error *err)
{
	static const char yes = WB_HOOK_YES;
	int status = 0, e = 0;

	if (!f)
		return 0;
	if (commit && write(f->run.go, &yes, 1) != 1)
		e = failed(err, "tell criu to go on");
	close_fd(&f->run.go);
	if (e == 0)
		e = reap(&f->run, CURE_SECONDS, &status, err);
	else
		give_up(&f->run, e, err);
	/* Cancelled, CRIU ends with the script's answer: a failure that was wanted. */
	if (e == 0 && commit && status)
		e = tell_exit(&f->run, status, "ended", err);
	if (e == 0 && !commit && !WIFEXITED(status))
		e = tell_exit(&f->run, status, "resumed", err);
	run_deinit(&f->run);
	free(f->unit);
	free(f);
	return e;
}

int wb_criu_commit(struct wb_criu_frozen *frozen, struct wb_error *err)
{
	return finish(frozen, true, err);
}

int wb_criu_cancel(struct wb_criu_frozen *frozen, struct wb_error *err)
{
	return finish(frozen, false, err);
}

/* ---- restore ---- */

/* A source before the caller's, which has the tasks' user namespace be the machine's. */
struct adopting {
	const struct wb_stream_source *source;
	struct wb_blob inventory;
};

struct adopted {
	void *image; /* the caller's; NULL: `blob` instead */
	struct wb_blob blob;
	bool given;
};

static int read_image(const struct wb_stream_source *source, const char *name, struct wb_blob *ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	struct wb_bytes piece;
	void *image;
	int e = source->open(source->ctx, name, &image, err);

	if (e < 0)
		return e;
	while (e == 0 && source->next(source->ctx, image, &piece))
		e = wb_blob_append(&b, piece.data, piece.size);
	source->close(source->ctx, image);
	if (e < 0)
		return wb_fail(err, e, "out of memory");
	*ret = wb_blob_take(&b);
	return 0;
}

static int adopt(struct adopting *a, const char *name, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB ids = {};
	int e = 0;

	if (!a->inventory.size)
		e = read_image(a->source, "inventory.img", &a->inventory, err);
	if (e == 0)
		e = read_image(a->source, name, &ids, err);
	if (e < 0)
		return e;
	e = wb_criu_adopt_users(wb_blob_view(&ids), wb_blob_view(&a->inventory), ret);
	if (e < 0)
		return wb_fail(err, e, "%s is not as criu writes it", name);
	return 0;
}

static int adopting_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct adopting *a = ctx;
	struct adopted *image = calloc(1, sizeof(*image));
	int e;

	if (!image)
		return wb_fail(err, -ENOMEM, "out of memory");
	if (!strncmp(name, "ids-", 4))
		e = adopt(a, name, &image->blob, err);
	else
		e = a->source->open(a->source->ctx, name, &image->image, err);
	if (e < 0) {
		free(image);
		return e;
	}
	*ret = image;
	return 0;
}

static bool adopting_next(void *ctx, void *from, struct wb_bytes *ret)
{
	struct adopting *a = ctx;
	struct adopted *image = from;

	if (image->image)
		return a->source->next(a->source->ctx, image->image, ret);
	if (image->given)
		return false;
	image->given = true;
	*ret = wb_blob_view(&image->blob);
	return true;
}

static void adopting_close(void *ctx, void *from)
{
	struct adopting *a = ctx;
	struct adopted *image = from;

	if (image->image)
		a->source->close(a->source->ctx, image->image);
	wb_blob_deinit(&image->blob);
	free(image);
}

static int open_external(const struct wb_criu_external *e, int *ret, struct wb_error *err)
{
	/* What was open is opened again; it is neither made nor emptied. */
	int flags = (int)e->flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY);
	char path[PATH_MAX + 16];
	int fd;

	if (!e->path) {
		*ret = (int)e->fd;
		return 0;
	}
	/*
	 * From process 1, who opened it the first time, too: a command of a unit often has mounts
	 * of its own, which are gone when it has ended, and then nobody could name the file again.
	 */
	snprintf(path, sizeof(path), "/proc/1/root%s", e->path);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		fd = open(e->path, flags | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return wb_fail(err, -errno, "cannot open %s again: %s", e->path, strerror(errno));
	if (e->position)
		(void)lseek(fd, (off_t)e->position, SEEK_SET);
	*ret = fd;
	return 0;
}

static void close_externals(const struct wb_criu_image *image, int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (image->externals.items[i].path)
			close(fds[i]);
	free(fds);
}

static int begin_restore(struct run *r, const struct wb_sys *sys,
	const struct wb_criu_restore *restore, struct wb_error *err)
{
	int e;

	run_init(r);
	r->sys = sys;
	r->unit = restore->unit;
	r->log = "restore.log";
	r->timeout = restore->timeout_seconds ? restore->timeout_seconds : DEFAULT_TIMEOUT;
	if (restore->n_namespaces > MOST_NAMESPACES)
		return wb_fail(err, -E2BIG, "there are not so many namespaces");
	e = open_program(r, restore->program, err);
	if (e == 0)
		e = open_dir(r, restore->dir, err);
	if (e == 0)
		e = listen_for_streams(r, WB_STREAM_SERVE_SOCKET, err);
	if (e < 0)
		return e;
	for (size_t i = 0; i < restore->n_namespaces; i++) {
		int fd = fcntl(restore->namespaces[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return failed(err, "keep a namespace open");
		r->namespaces[r->n_namespaces++] = fd;
	}
	unlinkat(r->dir_fd, "pid", 0);
	unlinkat(r->dir_fd, r->log, 0);
	return 0;
}

/* CRIU writes it into its work directory; the reader wants it elsewhere, and whole. */
static int write_pidfile(const struct run *r, const char *path, int64_t pid, struct wb_error *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)pid), e;

	e = r->sys->write_file(
		r->sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, (size_t)n}, 0644);
	if (e < 0)
		return wb_fail(err, e, "cannot write %s: %s", path, strerror(-e));
	return 0;
}

static int start_restore(
	struct run *r, const struct wb_criu_restore *restore, const int *fds, struct wb_error *err)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	WB_CLEAN_STRV argv = {};

	if (wb_criu_restore_argv(restore, r->inside, fds, &argv) < 0)
		return wb_fail(err, -ENOMEM, "out of memory");
	return start(r, argv.items, env, fds, restore->image->externals.n, err);
}

static int serve(struct run *r, const struct wb_criu_restore *restore, struct wb_stream_stats *ret,
	struct wb_error *err)
{
	struct adopting a = {.source = restore->source};
	const struct wb_stream_source adopting = {&a, adopting_open, adopting_next, adopting_close};
	struct wb_stream_source merged;
	struct wb_merge *merge = NULL;
	int e = accept_stream(r, err);

	if (e == 0 && restore->image->incremental) {
		e = wb_merge_new(restore->source, &merge);
		if (e < 0)
			return give_up(r, wb_fail(err, e, "out of memory"), err);
		merged = wb_merge_source(merge);
		a.source = &merged;
	}
	if (e == 0 && r->sock >= 0)
		e = wb_stream_serve(r->sock, r->timeout * 1000,
			restore->image->own_users ? &adopting : a.source, ret, err);
	wb_blob_deinit(&a.inventory);
	wb_merge_free(merge);
	return e < 0 ? give_up(r, e, err) : 0;
}

int wb_criu_restore(const struct wb_sys *sys, const struct wb_criu_restore *restore,
	struct wb_stream_stats *ret_stats, struct wb_error *err)
{
	const struct wb_criu_image *image = restore->image;
	int *fds = calloc(image->externals.n + 1, sizeof(*fds));
	struct wb_stream_stats stats = {};
	int status = 0, e;
	size_t n = 0;
	CLEAN_RUN r;

	run_init(&r);
	if (!fds)
		return wb_fail(err, -ENOMEM, "out of memory");
	e = begin_restore(&r, sys, restore, err);
	for (; e == 0 && n < image->externals.n; n += e == 0)
		e = open_external(&image->externals.items[n], &fds[n], err);
	if (e == 0)
		e = start_restore(&r, restore, fds, err);
	if (e == 0)
		e = serve(&r, restore, &stats, err);
	if (e == 0)
		e = reap(&r, CURE_SECONDS, &status, err);
	if (e == 0 && status)
		e = tell_exit(&r, status, "restored", err);
	if (e == 0 && restore->pidfile)
		e = write_pidfile(&r, restore->pidfile, image->main_pid, err);
	close_externals(image, fds, n);
	if (e == 0)
		*ret_stats = stats;
	return e;
}
