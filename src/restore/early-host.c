// SPDX-License-Identifier: LGPL-2.1-or-later
/* The early restore on the real machine, before systemd's first unit and beside it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/crew.h"
#include "core/fstab.h"
#include "core/mountinfo.h"
#include "restore/early-weight.h"
#include "restore/early.h"
#include "restore/revive.h"
#include "keep/thaw.h"
#include "net/silence.h"
#include "choice/config.h"
#include "sys/clock.h"
#include "sys/handoff.h"
#include "sys/spawn.h"
#include "systemd/definition.h"

/* The warm initramfs has mounted the control groups there. */
/* The weights are looked at once in so many turns of five milliseconds. */
#define WEIGHT_TURNS 20
#define CGROUPS "/sys/fs/cgroup"
/* Units of systemd wait for a network card that needs longer, while the rest of the boot goes on. */
#define LINK_SECONDS 3
/* modprobe waits until a driver has looked for its hardware. */
#define MODULES_MS 20000
/* So long, at most, the process stays to hand its descriptors over. */
#define STAY_SECONDS 300
/* Room for output that processes write before the journal reads it, in bytes. */
#define BACKLOG (8 << 20)

static void pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* Into the kernel's log, because the journal does not run yet. */
static void tell(int level, const char *unit, const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	dprintf(fd, "<%d>warmboot: %s%s%s\n", level, unit ? unit : "",
		unit ? " is left to systemd: " : "", text);
	close(fd);
}

/*
 * The warm init has started this before everything else that needs the CPUs. Restored tasks get their own niceness from
 * CRIU, but those of the session of their restorer have the niceness of its autogroup (sched(7)).
 */
static void go_last(void)
{
	int r = wb_poke_at(AT_FDCWD, "/proc/self/autogroup", "0");

	setpriority(PRIO_PROCESS, 0, 0);
	/* A kernel without autogroups has no such file. */
	if (r < 0 && r != -ENOENT)
		tell(4, NULL, "the early restore keeps its niceness");
}

/* ---- the machine, before systemd ---- */

/* Documentation/filesystems/ext4: s_magic and s_state of the superblock, which lies at 1024. */
static bool has_errors(const struct wb_mount *root)
{
	uint8_t sb[2];
	int fd;
	bool bad;

	if (strncmp(root->fstype, "ext", 3))
		return false;
	fd = open(root->source, O_RDONLY | O_CLOEXEC);
	bad = fd < 0 || pread(fd, sb, 2, 1024 + 0x3a) != 2 || (sb[0] & 2) || !(sb[0] & 1);
	if (fd >= 0)
		close(fd);
	return bad;
}

/* Does fstab(5) want the root to stay read-only? 1, 0, -ENOMEM. */
static int stays_read_only(const char *fstab)
{
	WB_CLEAN_FSTAB all = {};
	int r = wb_fstab_parse(fstab, &all);

	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (!strcmp(all.items[i].where, "/") && wb_fstab_has_option(&all.items[i], "ro"))
			return 1;
	return r;
}

/*
 * Do the work of systemd-remount-fs.service, if systemd-fsck-root.service would find nothing to repair. As a
 * rule it would not: the shutdown before the jump left the file system in order.
 */
static int make_root_writable(const struct wb_sys *sys, const char *fstab, struct wb_error *err)
{
	static const struct {
		unsigned long have, want;
	} kept[] = {{ST_NOSUID, MS_NOSUID}, {ST_NODEV, MS_NODEV}, {ST_NOEXEC, MS_NOEXEC},
		{ST_NOATIME, MS_NOATIME}, {ST_NODIRATIME, MS_NODIRATIME},
		{ST_RELATIME, MS_RELATIME}, {ST_SYNCHRONOUS, MS_SYNCHRONOUS}};
	unsigned long flags = MS_REMOUNT;
	WB_CLEAN_MOUNTS mounts = {};
	const struct wb_mount *root;
	struct statvfs fs;
	int r;

	if (statvfs("/", &fs) < 0)
		return wb_fail(err, -errno, "cannot look at the root: %s", strerror(errno));
	if (!(fs.f_flag & ST_RDONLY))
		return 0;
	r = stays_read_only(fstab);
	if (r)
		return r < 0 ? wb_oom(err) : wb_fail(err, -EROFS, "the root stays read-only");
	r = wb_mounts_read(sys->files, "/proc/self/mountinfo", &mounts, err);
	if (r < 0)
		return r;
	root = wb_mounts_at(&mounts, "/");
	if (!root || has_errors(root))
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
 * Count memory for the groups below, which systemd would do too late: a page stays counted for the group
 * that first used it, so MemoryMax= would not apply to restored memory. Counting makes the restore slower by
 * a third, so only units with a limit get it. A kernel without the controller refuses, and has no limits.
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
 * Kill the restorer and all processes that it has made so far, because a second attempt under systemd needs
 * their numbers. They are in the unit's control group (cgroup.kill, since Linux 5.14).
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
	int64_t since;     /* when it was begun, in milliseconds */
	int ours[2];       /* our ends of the streams for standard output and error */
	int64_t inodes[2]; /* of the unit's ends */
	bool back;
};

/* All restores. */
struct jobs {
	const struct wb_sys *sys;
	const struct wb_manifest *manifest;
	struct wb_store *store; /* claimed; the children inherit its mapping */
	struct job *items;      /* in the order in which they begin */
	size_t n, begun, running;
	wb_early_weights weights;
	int64_t longest; /* of those that have succeeded, in milliseconds */
	bool probed;
};

static int thaw_here(const struct jobs *all, struct job *j, const int theirs[2])
{
	const struct wb_thaw t = {
		.sys = all->sys, .manifest = all->manifest, .unit = j->unit, .store = all->store};
	struct wb_error err = {}, warning = {};
	int r = enter_cgroup(j->unit->cgroup, wb_definition_limits_memory(&j->unit->definition));

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

static int begin(const struct jobs *all, struct job *j)
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
		_exit(thaw_here(all, j, theirs) < 0);
	close(theirs[0]);
	close(theirs[1]);
	return j->pid < 0 ? -errno : 0;
}

/* Probe from the first restored unit on, to measure when each service answers again. */
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

/*
 * A restore that takes longer, and so many times longer than the longest before, has probably hung, and keeps no others
 * waiting. On a slow machine all of them take long, and more at a time would make each of them slower still.
 */
#define SLOW_MS 10000
#define SLOW_TIMES 3
/* With less time left, none is begun: it would be killed half-way. */
#define LEAST_MS 8000

static size_t quick_ones(const struct jobs *all)
{
	const int64_t now = wb_now_ms(), known = all->longest * SLOW_TIMES;
	const int64_t slow = known > SLOW_MS ? known : SLOW_MS;
	size_t n = 0;

	for (size_t i = 0; i < all->begun; i++)
		n += all->items[i].pid > 0 && now - all->items[i].since < slow;
	return n;
}

/* Begin the next restores, only so many at a time: so the first ones are back soon. */
static void begin_some(struct jobs *all, unsigned slots)
{
	while (all->begun < all->n && quick_ones(all) < slots) {
		struct job *j = &all->items[all->begun++];

		j->since = wb_now_ms();
		if (begin(all, j) == 0)
			all->running++;
		else
			tell(4, j->unit->unit, "its thaw cannot be begun");
	}
}

static void reap_some(struct jobs *all)
{
	int status;

	for (size_t i = 0; i < all->begun; i++) {
		struct job *j = &all->items[i];

		if (j->pid <= 0 || waitpid(j->pid, &status, WNOHANG) != j->pid)
			continue;
		j->pid = 0;
		j->back = status == 0;
		all->running--;
		if (j->back && wb_now_ms() - j->since > all->longest)
			all->longest = wb_now_ms() - j->since;
		if (j->back && !all->probed)
			start_probes(all->sys);
		all->probed |= j->back;
	}
}

static void raise_weights(struct jobs *all)
{
	for (size_t i = 0; i < all->begun; i++)
		if (all->items[i].pid > 0)
			wb_early_weights_raise(all->sys->files, &wb_runner_host, &all->weights,
				CGROUPS, all->items[i].unit->cgroup);
}

/* Run all restores. When the time is over, kill those that have not ended, and do not begin others. */
static void run_all(struct jobs *all)
{
	const int64_t end = wb_now_ms() + WB_EARLY_SECONDS * 1000;
	const unsigned slots = wb_crew_waiters();
	unsigned turn = 0;

	while (wb_now_ms() < end) {
		bool late = wb_now_ms() > end - LEAST_MS;

		if (turn++ % WEIGHT_TURNS == 0)
			raise_weights(all);

		if (!late)
			begin_some(all, slots);
		reap_some(all);
		if (!all->running && (late || all->begun == all->n))
			break;
		pause_ms(5);
	}
	for (size_t i = 0; i < all->begun; i++)
		if (all->items[i].pid > 0) {
			tell(4, all->items[i].unit->unit,
				"its thaw takes too long, and is tried again later");
			kill(all->items[i].pid, SIGKILL);
			end_all(all->items[i].unit->cgroup);
		}
	for (size_t i = all->begun; i < all->n; i++)
		tell(4, all->items[i].unit->unit, "the time for early thaws is over");
}

static int note_back(const struct jobs *all, struct wb_early *state)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct job *j = &all->items[i];
		struct wb_early_unit *u;

		if (!j->back)
			continue;
		u = wb_list_add(&state->units, sizeof(*u));
		if (!u)
			return -ENOMEM;
		u->unit = strdup(j->unit->unit);
		for (int k = 0; k < 2; k++) {
			u->fds[k] = j->ours[k];
			u->inodes[k] = j->inodes[k];
		}
		if (!u->unit)
			return -ENOMEM;
	}
	return 0;
}

static int thaw_all(const struct wb_sys *sys, const struct wb_manifest *m, struct wb_store *store,
	const char *fstab, struct wb_early *state)
{
	struct jobs all = {.sys = sys, .manifest = m, .store = store};
	WB_CLEAN_UNIT_LIST turns = {};
	struct wb_error why = {};
	int r = wb_early_turns(m, &turns);

	if (r == 0)
		all.items = calloc(turns.n + 1, sizeof(*all.items));
	if (!all.items)
		return -ENOMEM;
	for (size_t i = 0; i < turns.n; i++) {
		why = (struct wb_error){};
		if (wb_early_allows(m, turns.items[i], fstab, &why) < 0)
			tell(6, turns.items[i]->unit, why.text);
		else
			all.items[all.n++].unit = turns.items[i];
	}
	if (all.n)
		r = wb_store_claim(store, &why);
	if (r < 0) {
		tell(4, NULL, why.text);
		free(all.items);
		return 0;
	}
	run_all(&all);
	wb_early_weights_back(sys->files, &wb_runner_host, &all.weights);
	r = note_back(&all, state);
	free(all.items);
	return r;
}

/* ---- all ---- */

static int find_manifest(const struct wb_sys *sys, struct wb_store **ret_store,
	struct wb_manifest *ret, struct wb_error *err)
{
	struct wb_handoff handoff;
	int r = wb_store_attach(wb_store_env_real(), ret_store, err);

	if (r == 0)
		r = wb_revive_open(sys, *ret_store, ret, err);
	if (r == 0 && !ret->tsc_hz && wb_handoff_read(sys->files, &handoff))
		ret->tsc_hz = (int64_t)handoff.tsc_hz;
	return r;
}

/* systemd does so later. The kernel adds the addresses. */
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

/*
 * CRIU makes directories in /tmp to find out what the kernel can do, and the root is still read-only. So it gets a /tmp
 * of its own, which is gone when it has ended. In the file system of security modules it looks for AppArmor; systemd
 * mounts that later, and all runs of CRIU in this boot go by what the first one has found.
 */
static void find_out_about_kernel(const struct wb_sys *sys)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
		mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=1m") < 0)
		tell(6, NULL, "there is no /tmp in which CRIU can look at the kernel");
	if (mount("securityfs", "/sys/kernel/security", "securityfs",
		    MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
		errno != EBUSY)
		tell(6, NULL, "CRIU cannot look for security modules");
	wb_revive_modules(sys, &wb_runner_host);
}

static bool hold(const struct wb_sys *sys, const struct wb_manifest *m, bool *ret_complete)
{
	struct wb_error err = {}, warning = {};
	WB_CLEAN_UNIT_LIST all = {};
	pid_t modules;
	int r;

	/* CRIU connects to itself when it looks at the kernel (criu/kerndat.c, kerndat_tcp_repair()). */
	raise_loopback();
	modules = fork();
	if (modules == 0) {
		find_out_about_kernel(sys);
		_exit(0);
	}
	r = wb_unit_list_select(m, NULL, &all);
	if (r < 0)
		wb_oom(&err);
	else
		r = wb_revive_hold(sys->files, &wb_runner_host, m, &all,
			wb_silence_left(sys, &m->silent, m->tsc_hz), LINK_SECONDS, &warning, &err);
	if (modules > 0 && wb_reap(modules, MODULES_MS, NULL) == -ETIME)
		wb_kill_and_reap(modules, NULL);
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

/* Milliseconds of CPU of this process and of those that it has waited for, CRIU above all. */
static long cpu_ms(void)
{
	static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
	struct rusage u;
	long ms = 0;

	for (size_t i = 0; i < sizeof(whose) / sizeof(*whose); i++)
		if (getrusage(whose[i], &u) == 0)
			ms += (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
			      (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
	return ms;
}

static int thaw_early(const struct wb_sys *sys, const struct wb_manifest *m, struct wb_store *store,
	struct wb_early *state, struct laps *laps)
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
	r = thaw_all(sys, m, store, (const char *)fstab.data, state);
	lap(laps, "thaw");
	return r;
}

int wb_early_run(const struct wb_sys *sys, struct wb_error *err)
{
	WB_CLEAN_EARLY state = {.pid = getpid()};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_STORE store = NULL;
	struct laps laps = {};
	char text[352];
	int64_t stay;
	int r;

	lap(&laps, "");
	r = find_manifest(sys, &store, &m, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	lap(&laps, "store");
	if (thaw_early(sys, &m, store, &state, &laps) == -ENOMEM)
		return wb_oom(err);
	go_last();
	/* This process stays, and must not keep memory mapped that is wiped and given back. */
	wb_store_close(store);
	store = NULL;
	snprintf(text, sizeof(text), "early thaw of %zu units:%s; %ld ms of CPU", state.units.n,
		laps.text, cpu_ms());
	tell(6, NULL, text);
	r = write_state(sys, &state, err);
	stay = wb_now_ms() + STAY_SECONDS * 1000;
	while (r == 0 && wb_now_ms() < stay && !sys->files->exists(sys->files->ctx, WB_THAW_DONE))
		pause_ms(200);
	return r;
}
