// SPDX-License-Identifier: LGPL-2.1-or-later
/* Asking threads for what the kernel tells nobody else. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files/opened.h"
#include "keep/bystander.h"
#include "keep/inward.h"
#include "sys/trace.h"

/* A thread in a restartable sequence (rseq(2)) is asked again, a millisecond later. */
#define TRIES 100
/* Threads of so many different users are compared with a bystander. */
#define MOST_BYSTANDERS 8
#define LARGEST (1u << 16)

/* ---- settings that can be made again ---- */

#define WB_PR_SET_MDWE 65 /* linux/prctl.h, of Linux 6.3 */
#define WB_PR_GET_MDWE 66

/* May it ask the CPU for its features (arch_prctl(2))? */
#ifdef SYS_arch_prctl
#define ASKS_CPU {"cpuid", SYS_arch_prctl, {0x1011}, 1, {0x1012}, 1, false},
#else
#define ASKS_CPU
#endif

static const struct setting {
	const char *what;
	long number; /* of both system calls */
	uint64_t get[2];
	long usual;
	uint64_t set[2]; /* the arguments before the value */
	size_t n_set;
	bool whole; /* it is of the process, not of each thread */
} settings[] = {{"write-execute", SYS_prctl, {WB_PR_GET_MDWE}, 0, {WB_PR_SET_MDWE}, 1, true},
	{"machine-check", SYS_prctl, {PR_MCE_KILL_GET}, PR_MCE_KILL_DEFAULT,
		{PR_MCE_KILL, PR_MCE_KILL_SET}, 2, false},
	{"personality", SYS_personality, {0xffffffff}, 0, {}, 0, false}, ASKS_CPU};
#define N_SETTINGS (sizeof(settings) / sizeof(*settings))

static int append_thread(struct wb_manifest_unit *u, const char *what, int64_t value, pid_t tid)
{
	struct wb_manifest_inward *in = NULL;
	int64_t *thread;

	for (size_t i = 0; !in && i < u->inward.n; i++)
		if (!strcmp(u->inward.items[i].what, what) && u->inward.items[i].value == value)
			in = &u->inward.items[i];
	if (!in) {
		char *name;

		if (u->inward.n >= WB_MANIFEST_MASKS)
			return -E2BIG;
		name = strdup(what);
		in = name ? wb_list_add(&u->inward, sizeof(*in)) : NULL;
		if (!in) {
			free(name);
			return -ENOMEM;
		}
		in->what = name;
		in->value = value;
	}
	if (in->threads.n >= WB_MANIFEST_THREADS)
		return -E2BIG;
	thread = wb_list_add(&in->threads, sizeof(*thread));
	if (!thread)
		return -ENOMEM;
	*thread = tid;
	return 0;
}

static void forget(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->inward.n; i++) {
		free(u->inward.items[i].what);
		free(u->inward.items[i].threads.items);
	}
	free(u->inward.items);
	u->inward.items = NULL;
	u->inward.n = 0;
}

/* ---- asking one thread ---- */

struct asking {
	const struct wb_sys *sys;
	const struct wb_ns_set *namespaces; /* NULL: those of this process */
	bool landlock;                      /* the kernel has it */
	struct wb_bystander bystanders[MOST_BYSTANDERS];
	size_t n_bystanders;
	struct wb_manifest_unit *u;
	pid_t pid;
	int result;
	struct wb_error *err;
};

/* The thread could not be made to do a call. No call has this result. */
#define NOT_MADE LONG_MIN

static long ask(struct wb_hand *h, long number, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t args[6] = {a, b, c};
	long ret;

	return wb_hand_call(h, number, args, &ret) < 0 ? NOT_MADE : ret;
}

static int refuse(const struct asking *a, const struct wb_hand *h, const char *what)
{
	return wb_fail(a->err, -EOPNOTSUPP, "its process %d (thread %d) %s", (int)a->pid,
		(int)h->tid, what);
}

/* A process must not get round the question by its behaviour. */
static int refuse_silence(const struct asking *a, const struct wb_hand *h)
{
	return refuse(a, h, "cannot be asked for what only it is told");
}

/*
 * The session keyring that systemd makes for a unit (KeyringMode=private) holds one key, the number of the invocation,
 * and the next boot makes another. keyctl_read(3) gives the numbers of the keys, of four bytes each.
 */
static int ask_keyrings(const struct asking *a, struct wb_hand *h)
{
	static const struct {
		int ring;
		long usual; /* so many bytes may be in it */
		const char *what;
	} rings[] = {
		{KEY_SPEC_SESSION_KEYRING, 4,
			"has keys in its session keyring, which the next kernel does not have"},
		{KEY_SPEC_PROCESS_KEYRING, 0,
			"has keys in its process keyring, which the next kernel does not have"},
		{KEY_SPEC_THREAD_KEYRING, 0,
			"has keys in its thread keyring, which the next kernel does not have"},
		/* The kernel does not tell which service has made a key. */
		{KEY_SPEC_USER_KEYRING, 0,
			"has keys in the keyring of its user, which the next kernel does not have"},
		/* The user's keyring is in it. */
		{KEY_SPEC_USER_SESSION_KEYRING, 4,
			"has keys in the session keyring of its user, which the next kernel does "
			"not have"},
	};

	for (size_t i = 0; i < sizeof(rings) / sizeof(*rings); i++) {
		long id = ask(h, SYS_keyctl, KEYCTL_GET_KEYRING_ID, (uint64_t)rings[i].ring, 0);
		long size = id > 0 ? ask(h, SYS_keyctl, KEYCTL_READ, (uint64_t)id, 0) : 0;

		if (id == NOT_MADE || size == NOT_MADE)
			return refuse_silence(a, h);
		/* One that its own thread may not read may have anything in it. */
		if (size > rings[i].usual || size == -EACCES)
			return refuse(a, h, rings[i].what);
	}
	return 0;
}

/* From "Uid:\t1\t1\t1\t1" in proc_pid_status(5), the real one. */
static bool ids_of(const struct asking *a, pid_t tid, uid_t *uid, gid_t *gid)
{
	WB_CLEAN_BLOB b = {};
	char path[64];
	const char *u, *g;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)a->pid, (int)tid);
	if (a->sys->files->read(a->sys->files->ctx, path, LARGEST, &b, NULL) < 0)
		return false;
	u = strstr((const char *)b.data, "\nUid:");
	g = strstr((const char *)b.data, "\nGid:");
	if (!u || !g)
		return false;
	*uid = (uid_t)strtoul(u + 5, NULL, 10);
	*gid = (gid_t)strtoul(g + 5, NULL, 10);
	return true;
}

/*
 * Another security module, such as AppArmor, may forbid a look at the bystander just as well, and what it does is
 * visible (proc_pid_attr_current(5)).
 */
static bool is_labelled(const struct asking *a, pid_t tid)
{
	WB_CLEAN_BLOB b = {};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/attr/current", (int)a->pid, (int)tid);
	return a->sys->files->read(a->sys->files->ctx, path, LARGEST, &b, NULL) == 0 && b.size &&
	       strncmp((const char *)b.data, "unconfined", 10);
}

static struct wb_bystander *bystander_of(struct asking *a, pid_t tid)
{
	struct wb_bystander *b;
	uid_t uid;
	gid_t gid;

	if (!ids_of(a, tid, &uid, &gid))
		return NULL;
	for (size_t i = 0; i < a->n_bystanders; i++)
		if (a->bystanders[i].uid == uid && a->bystanders[i].gid == gid)
			return &a->bystanders[i];
	if (a->n_bystanders == MOST_BYSTANDERS)
		return NULL;
	b = &a->bystanders[a->n_bystanders];
	if (wb_bystander_begin(a->sys, a->namespaces, uid, gid, b) < 0)
		return NULL;
	a->n_bystanders++;
	return b;
}

static int ask_landlock(struct asking *a, struct wb_hand *h)
{
	const struct wb_bystander *b;
	long answer;

	if (!a->landlock)
		return 0;
	b = bystander_of(a, h->tid);
	if (!b)
		return wb_fail(a->err, -EOPNOTSUPP,
			"whether Landlock restricts its process %d cannot be found out",
			(int)a->pid);
	/* kcmp(2) of two processes needs the right to look at both. */
	answer = ask(h, SYS_kcmp, (uint64_t)a->pid, (uint64_t)b->pid, KCMP_VM);
	if (answer >= 0 || (answer == -EPERM && is_labelled(a, h->tid)))
		return 0;
	if (answer != -EPERM)
		return refuse_silence(a, h);
	return refuse(
		a, h, "is restricted by Landlock, and the next kernel does not have its rules");
}

static int ask_settings(struct asking *a, struct wb_hand *h)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		long value;

		if (s->whole && h->tid != a->pid)
			continue;
		value = ask(h, s->number, s->get[0], s->get[1], 0);
		if (value == NOT_MADE)
			return refuse_silence(a, h);
		if (value >= 0 && value != s->usual)
			r = append_thread(a->u, s->what, value, h->tid);
	}
	return r;
}

/*
 * CRIU gives all threads of a process the same descriptors, and the same root and working directory
 * (criu/files.c: those of the first thread).
 */
static int compare(const struct asking *a, const struct wb_hand *h)
{
	static const struct {
		int type;
		const char *what;
	} kinds[] = {
		{KCMP_FILES, "does not share the descriptors of its process (unshare(2)), and criu "
			     "would not restore its own"},
		{KCMP_FS, "does not share the working directory of its process (unshare(2)), and "
			  "criu would not restore its own"},
	};

	for (size_t i = 0; h->tid != a->pid && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (syscall(SYS_kcmp, a->pid, h->tid, kinds[i].type, 0, 0) > 0)
			return refuse(a, h, kinds[i].what);
	return 0;
}

static int ask_thread(struct asking *a, struct wb_trace *t, pid_t tid)
{
	struct wb_hand h;
	int r = wb_hand_begin(&h, t, tid), ended;

	if (r == 0)
		r = compare(a, &h);
	if (r == 0)
		r = ask_keyrings(a, &h);
	if (r == 0)
		r = ask_landlock(a, &h);
	if (r == 0)
		r = ask_settings(a, &h);
	ended = wb_hand_end(&h);
	return ended < 0 ? ended : r;
}

static void each_thread(
	struct asking *a, int (*use)(struct asking *a, struct wb_trace *t, pid_t tid))
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};

	for (int i = 0; i < TRIES; i++) {
		struct wb_trace t;
		int r = wb_trace_stop(&t, a->pid);

		/* Threads that could not be let go are taken out of the list while it is walked. */
		for (size_t k = 0, n = t.n; r == 0 && k < n && k < t.n; k++) {
			r = use(a, &t, t.tids[k]);
			/* The others are still to be asked. */
			if (r == -ESRCH)
				r = 0;
		}
		wb_trace_end(&t);
		a->result = r;
		if (r != -EAGAIN)
			return;
		nanosleep(&pause, NULL);
	}
}

static void *ask_process(void *arg)
{
	each_thread(arg, ask_thread);
	return NULL;
}

/* In a thread of this process, with whose end the kernel releases everything that it traces, in any state. */
static int in_thread(struct asking *a, void *(*work)(void *arg))
{
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, work, a);

	if (r < 0)
		return r;
	pthread_join(thread, NULL);
	return a->result;
}

/* ---- all of a unit ---- */

/* landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION; the number is the same on every CPU. */
static bool kernel_has_landlock(void)
{
	return syscall(444, NULL, 0, 1) > 0;
}

static int ask_all(struct asking *a)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->u->pids.n; i++) {
		a->pid = (pid_t)a->u->pids.items[i];
		r = in_thread(a, ask_process);
		/* It has ended. */
		if (r == -ESRCH)
			r = 0;
		if (r < 0 && r != -EOPNOTSUPP && r != -E2BIG && r != -ENOMEM)
			r = wb_fail(a->err, -EOPNOTSUPP,
				"its process %d cannot be asked for what only it is told: %s",
				(int)a->pid, strerror(-r));
	}
	for (size_t i = 0; i < a->n_bystanders; i++)
		wb_bystander_end(&a->bystanders[i]);
	if (r == -E2BIG)
		return wb_fail(a->err, r,
			"more of its threads have settings of their own (prctl(2)) than are "
			"carried over (%d)",
			WB_MANIFEST_THREADS);
	return r == -ENOMEM ? wb_oom(a->err) : r;
}

int wb_inward_note(const struct wb_sys *sys, const struct wb_ns_ops *namespaces,
	const struct wb_ns_whose *whose, struct wb_manifest_unit *u, struct wb_error *err)
{
	struct asking a = {.sys = sys, .landlock = kernel_has_landlock(), .u = u, .err = err};
	WB_CLEAN_NS_SET set = {};
	int r = 0;

	forget(u);
	if (whose) {
		r = wb_ns_open(namespaces ? namespaces : &wb_ns_ops_host, whose, &set, err);
		a.namespaces = &set;
	}
	return r < 0 ? r : ask_all(&a);
}

/* ---- after the restore ---- */

struct making {
	struct asking a; /* pid, result */
	const struct setting *setting;
	int64_t value;
	pid_t tid;
};

static int make(struct asking *a, struct wb_trace *t, pid_t tid)
{
	const struct making *m = (const struct making *)a;
	const struct setting *s = m->setting;
	uint64_t args[6] = {s->set[0], s->set[1]};
	struct wb_hand h;
	long ret = 0;
	int r, ended;

	if (tid != m->tid)
		return 0;
	/* It is stopped, so its number cannot become another's. */
	if (!wb_opened_is_own(a->pid))
		return -ESRCH;
	args[s->n_set] = (uint64_t)m->value;
	r = wb_hand_begin(&h, t, tid);
	if (r == 0)
		r = wb_hand_call(&h, s->number, args, &ret);
	ended = wb_hand_end(&h);
	if (ended < 0)
		return ended;
	return r < 0 ? r : ret < 0 ? (int)ret : 0;
}

static void *make_in_process(void *arg)
{
	each_thread(arg, make);
	return NULL;
}

/* The process of a thread, from "Tgid:\t1". */
static pid_t process_of(int64_t tid)
{
	char path[64], line[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

static const struct setting *find_setting(const char *what)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (!strcmp(settings[i].what, what))
			return &settings[i];
	return NULL;
}

static int make_again(
	const struct wb_manifest_inward *in, int64_t tid, const char *unit, struct wb_error *err)
{
	struct making m = {
		.setting = find_setting(in->what), .value = in->value, .tid = (pid_t)tid};
	int r = m.setting ? 0 : -EINVAL;

	m.a.pid = process_of(tid);
	if (m.a.pid <= 0)
		return 0;
	if (r == 0)
		r = in_thread(&m.a, make_in_process);
	if (r < 0 && r != -ESRCH)
		return wb_fail(err, -EREMOTEIO,
			"the setting \"%s\" of thread %" PRId64
			" of %s could not be made again: %s",
			in->what, tid, unit, strerror(-r));
	return 0;
}

int wb_inward_restore(const struct wb_manifest_unit *u, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < u->inward.n; i++)
		for (size_t k = 0; r == 0 && k < u->inward.items[i].threads.n; k++)
			r = make_again(&u->inward.items[i], u->inward.items[i].threads.items[k],
				u->unit, err);
	return r;
}
