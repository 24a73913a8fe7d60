// SPDX-License-Identifier: LGPL-2.1-or-later
/* The early thaw on the machine itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keep/config.h"
#include "keep/definition.h"
#include "keep/early.h"
#include "keep/revive.h"
#include "keep/thaw.h"
#include "sys/handoff.h"
#include "sys/swap.h"

/* The warm initramfs has mounted them. */
#define CGROUPS "/sys/fs/cgroup"
/* A card that comes later is waited for by systemd's own units, beside the rest of the boot. */
#define LINK_SECONDS 3
/* Nobody takes the descriptors after this. */
#define STAY_SECONDS 300
/* What processes may write before the journal reads it. */
#define BACKLOG (8 << 20)

static void pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static bool is_there(const struct wb_sys *sys, const char *path)
{
	return sys->files->exists(sys->files->ctx, path);
}

/* The journal does not run yet; the kernel's log is what is read later. */
static void tell(int level, const char *unit, const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	dprintf(fd, "<%d>warmboot: %s%s%s\n", level, unit ? unit : "",
		unit ? " is left to systemd: " : "", text);
	close(fd);
}

/* ---- the machine, before systemd ---- */

struct root {
	char source[256], type[32];
};

/* The last line of mountinfo for "/" counts: "… / / OPTIONS … - TYPE SOURCE OPTIONS". */
static bool find_root(const struct wb_sys *sys, struct root *ret)
{
	WB_CLEAN_BLOB text = {};
	char *save = NULL;
	bool found = false;

	if (sys->files->read(sys->files->ctx, "/proc/self/mountinfo", 1 << 20, &text, NULL) < 0)
		return false;
	for (char *l = strtok_r((char *)text.data, "\n", &save); l;
		l = strtok_r(NULL, "\n", &save)) {
		char where[256];
		const char *dash = strstr(l, " - ");

		if (dash && sscanf(l, "%*s %*s %*s %*s %255s", where) == 1 && !strcmp(where, "/"))
			found = sscanf(dash + 3, "%31s %255s", ret->type, ret->source) == 2;
	}
	return found;
}

/* Documentation/filesystems/ext4: s_magic and s_state of the superblock, which lies at 1024. */
static bool has_errors(const struct root *root)
{
	uint8_t sb[2];
	int fd;
	bool bad;

	if (strncmp(root->type, "ext", 3))
		return false;
	fd = open(root->source, O_RDONLY | O_CLOEXEC);
	bad = fd < 0 || pread(fd, sb, 2, 1024 + 0x3a) != 2 || (sb[0] & 2) || !(sb[0] & 1);
	if (fd >= 0)
		close(fd);
	return bad;
}

/* Does fstab(5) want the root to stay read-only? */
static bool stays_read_only(const char *fstab)
{
	char where[256], options[512];

	for (const char *l = fstab; *l; l += strcspn(l, "\n"), l += !!*l) {
		if (*l == '#' || sscanf(l, "%*s %255s %*s %511s", where, options) != 2 ||
			strcmp(where, "/"))
			continue;
		for (char *save = NULL, *o = strtok_r(options, ",", &save); o;
			o = strtok_r(NULL, ",", &save))
			if (!strcmp(o, "ro"))
				return true;
	}
	return false;
}

/*
 * What systemd-remount-fs.service does, when systemd-fsck-root.service would find nothing to do: the
 * file system was left in order by the shutdown just before the jump.
 */
static int make_root_writable(const struct wb_sys *sys, const char *fstab, struct wb_error *err)
{
	static const struct {
		unsigned long have, want;
	} kept[] = {{ST_NOSUID, MS_NOSUID}, {ST_NODEV, MS_NODEV}, {ST_NOEXEC, MS_NOEXEC},
		{ST_NOATIME, MS_NOATIME}, {ST_NODIRATIME, MS_NODIRATIME},
		{ST_RELATIME, MS_RELATIME}, {ST_SYNCHRONOUS, MS_SYNCHRONOUS}};
	unsigned long flags = MS_REMOUNT;
	struct root root = {};
	struct statvfs fs;

	if (statvfs("/", &fs) < 0)
		return wb_fail(err, -errno, "cannot look at the root: %s", strerror(errno));
	if (!(fs.f_flag & ST_RDONLY))
		return 0;
	if (stays_read_only(fstab))
		return wb_fail(err, -EROFS, "the root stays read-only");
	if (!find_root(sys, &root) || has_errors(&root))
		return wb_fail(err, -EROFS, "the root has to be checked first");
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (fs.f_flag & kept[i].have)
			flags |= kept[i].want;
	if (mount(NULL, "/", NULL, flags, NULL) < 0)
		return wb_fail(err, -errno, "cannot make the root writable: %s", strerror(errno));
	return 0;
}

/* ---- one unit ---- */

/*
 * systemd has memory counted for each unit, but comes after what is restored: pages stay with the group
 * that they were counted for when they came, and MemoryMax= would know nothing of them. It makes the
 * thaw slower by a third, so only for who has a limit. A kernel without the controller refuses, and has
 * no such limits.
 */
static void count_memory_below(const char *group)
{
	static const char on[] = "+memory";
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/cgroup.subtree_control", group) >= (int)sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, on, strlen(on)) < 0)
		tell(6, NULL, "memory is not counted for control groups");
	close(fd);
}

static int enter_cgroup(const char *cgroup, bool count)
{
	char path[4096], pid[16];
	int fd, n = snprintf(path, sizeof(path), CGROUPS "%s/cgroup.procs", cgroup), r = 0;

	if (n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *parent = path + strlen(CGROUPS), *p; (p = strchr(parent + 1, '/')); parent = p) {
		*parent = 0;
		if (count)
			count_memory_below(path);
		*parent = '/';
		*p = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (write(fd, pid, (size_t)n) < 0)
		r = -errno;
	close(fd);
	return r;
}

/*
 * With CRIU and all that it has made so far, which would be in the way of systemd's attempt; they are in
 * the unit's control group, whose like ends its processes at once (cgroup.kill, since Linux 5.14).
 */
static void end_all(const char *cgroup)
{
	char path[4096], c;
	int fd;

	snprintf(path, sizeof(path), CGROUPS "%s/cgroup.kill", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		tell(4, NULL, "a control group's processes cannot be ended");
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), CGROUPS "%s/cgroup.procs", cgroup);
	for (int tick = 0; tick < 400; tick++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (read(fd, &c, 1) != 1)
			tick = 400;
		close(fd);
		pause_ms(5);
	}
}

struct job {
	const struct wb_manifest_unit *unit;
	pid_t pid;         /* of the child that thaws it */
	int ours[2];       /* ends of the streams */
	int64_t inodes[2]; /* of theirs */
	bool back;
};

static int thaw_here(
	const struct wb_sys *sys, const struct wb_manifest *m, struct job *j, const int theirs[2])
{
	const struct wb_thaw t = {.sys = sys, .manifest = m, .unit = j->unit};
	struct wb_error err = {}, warning = {};
	int r = enter_cgroup(j->unit->cgroup, wb_definition_limits_memory(j->unit));

	if (r < 0)
		wb_fail(&err, r, "cannot enter its control group: %s", strerror(-r));
	if (r == 0 && (dup2(theirs[0], 1) < 0 || dup2(theirs[1], 2) < 0))
		r = wb_fail(&err, -errno, "cannot set its output up: %s", strerror(errno));
	if (r == 0)
		r = wb_thaw(&t, &warning, &err);
	if (r < 0)
		tell(4, j->unit->unit, err.text);
	if (warning.code)
		tell(4, NULL, warning.text);
	return r;
}

static int begin(const struct wb_sys *sys, const struct wb_manifest *m, struct job *j)
{
	int theirs[2], size = BACKLOG;
	struct stat st;

	for (int i = 0; i < 2; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
			fstat(pair[1], &st) < 0)
			return -errno;
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		j->ours[i] = pair[0];
		theirs[i] = pair[1];
		j->inodes[i] = (int64_t)st.st_ino;
	}
	j->pid = fork();
	if (j->pid == 0)
		_exit(thaw_here(sys, m, j, theirs) < 0);
	close(theirs[0]);
	close(theirs[1]);
	return j->pid < 0 ? -errno : 0;
}

/* When a service answers again is to be known from its first moment on. */
static void start_probes(const struct wb_sys *sys)
{
	WB_CLEAN_KEEP_CONFIGS all = {};
	bool any = false;

	if (wb_keep_configs_read(sys->files, &all, NULL) == 0)
		for (size_t i = 0; i < all.n; i++)
			any |= !!all.items[i].probe;
	if (!any || fork() != 0)
		return;
	setpriority(PRIO_PROCESS, 0, 0);
	execl("/proc/self/exe", "warmboot", "probe", (char *)NULL);
	_exit(127);
}

/* Until all have ended; who has not by then is as dead to us as to systemd's own deadline. */
static void wait_for(const struct wb_sys *sys, struct job *jobs, size_t n)
{
	bool asked = false;

	for (int tick = 0; tick < WB_EARLY_SECONDS * 200; tick++) {
		size_t left = 0;
		int status;

		for (size_t i = 0; i < n; i++) {
			if (jobs[i].pid <= 0)
				continue;
			if (waitpid(jobs[i].pid, &status, WNOHANG) == jobs[i].pid) {
				jobs[i].pid = 0;
				jobs[i].back = status == 0;
				if (jobs[i].back && !asked)
					start_probes(sys);
				asked |= jobs[i].back;
			} else {
				left++;
			}
		}
		if (!left)
			return;
		pause_ms(5);
	}
	for (size_t i = 0; i < n; i++)
		if (jobs[i].pid > 0) {
			tell(4, jobs[i].unit->unit,
				"its thaw takes too long, and is tried again later");
			kill(jobs[i].pid, SIGKILL);
			end_all(jobs[i].unit->cgroup);
		}
}

static int thaw_all(const struct wb_sys *sys, const struct wb_manifest *m, const char *fstab,
	struct wb_early *state)
{
	struct job *jobs = calloc(m->units.n + 1, sizeof(*jobs));
	size_t n = 0;
	int r = jobs ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];
		struct wb_error why = {};

		if (!wb_manifest_is_process(u))
			continue;
		if (wb_early_allows(m, u, fstab, &why) < 0) {
			tell(6, u->unit, why.text);
			continue;
		}
		jobs[n].unit = u;
		if (begin(sys, m, &jobs[n]) == 0)
			n++;
	}
	wait_for(sys, jobs, n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct wb_early_unit *u =
			jobs[i].back ? wb_list_add(&state->units, sizeof(*u)) : NULL;

		if (!u)
			continue;
		u->unit = strdup(jobs[i].unit->unit);
		for (int k = 0; k < 2; k++) {
			u->fds[k] = jobs[i].ours[k];
			u->inodes[k] = jobs[i].inodes[k];
		}
		if (!u->unit)
			r = -ENOMEM;
	}
	free(jobs);
	return r;
}

/* ---- all ---- */

static int find_manifest(const struct wb_sys *sys, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_STORE store = NULL;
	struct wb_handoff handoff;
	int r = wb_store_attach(wb_store_env_real(), &store, err);

	if (r == 0)
		r = wb_revive_open(sys, store, ret, err);
	if (r == 0 && !ret->tsc_hz && wb_handoff_read(sys->files, &handoff))
		ret->tsc_hz = (int64_t)handoff.tsc_hz;
	return r;
}

/* systemd does so too, and may not have come to it yet; the kernel adds the addresses. */
static void raise_loopback(void)
{
	struct ifreq lo = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &lo) == 0 && !(lo.ifr_flags & IFF_UP)) {
		lo.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &lo);
	}
	if (fd >= 0)
		close(fd);
}

static bool hold(const struct wb_sys *sys, const struct wb_manifest *m, bool *ret_complete)
{
	struct wb_error err = {}, warning = {};
	pid_t modules = fork();
	int r;

	if (modules == 0) {
		wb_revive_modules(sys->files, &wb_runner_host);
		_exit(0);
	}
	r = wb_revive_hold(sys->files, &wb_runner_host, m, LINK_SECONDS, &warning, &err);
	if (r == 0)
		raise_loopback();
	if (modules > 0)
		waitpid(modules, NULL, 0);
	if (r < 0 || warning.code)
		tell(4, NULL, r < 0 ? err.text : warning.text);
	*ret_complete = r == 0 && !warning.code;
	return r == 0;
}

static int write_state(const struct wb_sys *sys, const struct wb_early *state, struct wb_error *err)
{
	char *text = wb_early_text(state);
	int r;

	if (!text)
		return wb_oom(err);
	r = sys->write_file(sys->ctx, WB_EARLY, wb_text(text), 0600);
	free(text);
	return r < 0 ? wb_fail(err, r, "cannot write " WB_EARLY ": %s", strerror(-r)) : 0;
}

/* How long each step took, for the kernel's log. */
struct laps {
	struct timespec last;
	char text[256];
};

static void lap(struct laps *l, const char *what)
{
	struct timespec now;
	size_t n = strlen(l->text);

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (l->last.tv_sec)
		snprintf(l->text + n, sizeof(l->text) - n, "%s %s %ld ms", n ? "," : "", what,
			(now.tv_sec - l->last.tv_sec) * 1000 +
				(now.tv_nsec - l->last.tv_nsec) / 1000000);
	l->last = now;
}

static int thaw_early(const struct wb_sys *sys, const struct wb_manifest *m, struct wb_early *state,
	struct laps *laps)
{
	struct wb_error why = {};
	WB_CLEAN_BLOB fstab = {};
	int r = sys->files->read(sys->files->ctx, "/etc/fstab", 1 << 20, &fstab, NULL);

	if (r < 0)
		r = wb_blob_append(&fstab, "", 1);
	if (r < 0)
		return r;
	if (!hold(sys, m, &state->held))
		return 0;
	lap(laps, "hold and network");
	r = make_root_writable(sys, (const char *)fstab.data, &why);
	if (r < 0) {
		tell(4, NULL, why.text);
		return 0;
	}
	lap(laps, "mounts");
	r = thaw_all(sys, m, (const char *)fstab.data, state);
	lap(laps, "thaw");
	return r;
}

int wb_early_run(const struct wb_sys *sys, struct wb_error *err)
{
	WB_CLEAN_EARLY state = {.pid = getpid()};
	WB_CLEAN_MANIFEST m = {};
	struct laps laps = {};
	char text[320];
	int r;

	/* Before everything else that wants the CPUs; CRIU gives its tasks their own back. */
	setpriority(PRIO_PROCESS, 0, -20);
	lap(&laps, "");
	r = find_manifest(sys, &m, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	lap(&laps, "store");
	if (thaw_early(sys, &m, &state, &laps) == -ENOMEM)
		return wb_oom(err);
	snprintf(text, sizeof(text), "early thaw of %zu units:%s", state.units.n, laps.text);
	tell(6, NULL, text);
	r = write_state(sys, &state, err);
	for (int i = 0; r == 0 && i < STAY_SECONDS * 5 && !is_there(sys, WB_THAW_DONE); i++)
		pause_ms(200);
	return r;
}

/* ---- those who come later ---- */

/* -ENOENT: it is gone. */
static int early_process(const struct wb_sys *sys)
{
	WB_CLEAN_BLOB text = {};
	int pid, fd;

	if (sys->files->read(sys->files->ctx, WB_EARLY_PID, 64, &text, NULL) < 0)
		return -ENOENT;
	pid = atoi((const char *)text.data);
	fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	return fd < 0 ? -ENOENT : fd;
}

int wb_early_read(const struct wb_sys *sys, struct wb_early *ret, struct wb_error *err)
{
	int process = early_process(sys), r = 0;

	if (process < 0)
		return wb_fail(err, -ENOENT, "there was no early thaw");
	for (int i = 0; r == 0 && !is_there(sys, WB_EARLY); i++) {
		if (i >= (WB_EARLY_SECONDS + 10) * 100)
			r = wb_fail(err, -ETIME, "the early thaw does not end");
		else if (syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) < 0)
			r = wb_fail(err, -ENOENT, "the early thaw ended before its time");
		pause_ms(10);
	}
	close(process);
	if (r == 0) {
		WB_CLEAN_BLOB text = {};

		r = sys->files->read(sys->files->ctx, WB_EARLY, 1 << 20, &text, err);
		if (r == 0)
			r = wb_early_parse(wb_blob_view(&text), ret, err);
	}
	return r;
}

/* ---- taking a unit over ---- */

/* All processes of the caller's control group but itself, and those below it. */
static size_t read_cgroup(int64_t *ret, size_t most)
{
	char line[4096], path[4200];
	size_t n = 0;
	FILE *f = fopen("/proc/self/cgroup", "re");
	long long pid;

	*path = 0;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "0::", 3))
			snprintf(path, sizeof(path), CGROUPS "%.*s/cgroup.procs",
				(int)strcspn(line + 3, "\n"), line + 3);
	if (f)
		fclose(f);
	f = *path ? fopen(path, "re") : NULL;
	while (f && n < most && fscanf(f, "%lld", &pid) == 1)
		if (pid > 0 && pid != getpid())
			ret[n++] = pid;
	if (f)
		fclose(f);
	return n;
}

/* What came until now. */
static void pass_on(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(from, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (ssize_t at = 0, w; at < n; at += w) {
			w = write(to, buf + at, (size_t)(n - at));
			if (w <= 0)
				return;
		}
}

/* The last resort: somebody has to read what they write. */
static void stay_between(const int from[2])
{
	for (int i = 0; i < 2; i++) {
		char buf[4096];
		ssize_t n;

		if (fork() != 0)
			continue;
		while ((n = read(from[i], buf, sizeof(buf))) > 0)
			if (write(i + 1, buf, (size_t)n) < 0)
				break;
		_exit(0);
	}
}

static bool swap_all(
	const struct wb_early_unit *e, const int peers[2], struct wb_error *ret_warning)
{
	int64_t pids[4096];
	bool good = true;

	/* One that was forked meanwhile has the old one again: until there is none. */
	for (int round = 0; round < 10; round++) {
		size_t n = read_cgroup(pids, sizeof(pids) / sizeof(*pids));
		int swapped = 0;

		good = true;
		for (size_t i = 0; i < n; i++)
			for (int k = 0; k < 2; k++) {
				int r = wb_swap_fds(
					pids[i], e->inodes[k], peers[k], k + 1, ret_warning);

				if (r > 0)
					swapped += r;
				else if (r < 0 && r != -ESRCH)
					good = false;
			}
		if (!swapped)
			return good;
	}
	return false;
}

static int take_over(const struct wb_early *early, const struct wb_early_unit *e, int ret[2],
	struct wb_error *err)
{
	int process = (int)syscall(SYS_pidfd_open, (pid_t)early->pid, 0);

	if (process < 0)
		return wb_fail(err, -errno, "the early thaw's process is gone");
	for (int i = 0; i < 2; i++) {
		ret[i] = (int)syscall(SYS_pidfd_getfd, process, (int)e->fds[i], 0);
		if (ret[i] < 0) {
			int r = wb_fail(err, -errno, "cannot take over the output of %s: %s",
				e->unit, strerror(errno));

			close(process);
			return r;
		}
	}
	close(process);
	return 0;
}

static bool lives_here(int64_t main_pid)
{
	int64_t pids[4096];
	size_t n = read_cgroup(pids, sizeof(pids) / sizeof(*pids));

	for (size_t i = 0; i < n; i++)
		if (pids[i] == main_pid)
			return true;
	return false;
}

int wb_early_adopt(const struct wb_sys *sys, const struct wb_manifest_unit *u,
	struct wb_error *ret_warning, struct wb_error *err)
{
	WB_CLEAN_EARLY early = {};
	const struct wb_early_unit *e;
	int peers[2], r = wb_early_read(sys, &early, err);

	if (r < 0)
		return -ENOENT;
	e = wb_early_find(&early, u->unit);
	if (!e)
		return wb_fail(err, -ENOENT, "%s was not thawed early", u->unit);
	if (!lives_here(u->main_pid))
		return wb_fail(err, -ESRCH, "it came back, and ended soon after");
	r = take_over(&early, e, peers, err);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		pass_on(peers[i], i + 1);
	if (!swap_all(e, peers, ret_warning)) {
		if (ret_warning && !ret_warning->code)
			wb_fail(ret_warning, -EAGAIN,
				"what %s writes goes through a process of warmboot", u->unit);
		stay_between(peers);
	} else if (ret_warning) {
		*ret_warning = (struct wb_error){};
	}
	for (int i = 0; i < 2; i++) {
		pass_on(peers[i], i + 1);
		close(peers[i]);
	}
	return 0;
}
