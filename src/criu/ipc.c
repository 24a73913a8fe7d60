// SPDX-License-Identifier: LGPL-2.1-or-later
/* System V IPC: the tables in /proc, what of it is a unit's own, and CRIU's images of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "criu/ipc.h"
#include "images/protobuf.h"
#include "sys/spawn.h"

/* 32,768 segments, the most of one namespace by default, have 7 MiB of text. */
#define LARGEST (16u << 20)
#define READ_MS 10000
/* CRIU also copies what others have. More than this is not accepted. */
#define MOST_OF_OTHERS (64ull << 20)
/* CRIU looks at each page of a segment, also at those that nobody has touched. So much of others is accepted. */
#define MOST_SCANNED (64ull << 30)
/* CRIU's images have less than this for one object beside its contents. */
#define OBJECT 128

/* sys/shm.h; the table shows them beside the permissions. */
#define DEST 01000
#define LOCKED 02000

void wb_ipc_deinit(struct wb_ipc *ipc)
{
	free(ipc->segments.items);
	free(ipc->semaphores.items);
	free(ipc->queues.items);
	*ipc = (struct wb_ipc){};
}

void wb_ipc_verdict_deinit(struct wb_ipc_verdict *v)
{
	free(v->segments.items);
	wb_strv_deinit(&v->reasons);
	*v = (struct wb_ipc_verdict){};
}

/* ---- the tables ---- */

/* ipc/shm.c, ipc/sem.c and ipc/msg.c: sysvipc_*_proc_show(). Times at the end are not read. */
static bool parse_line(enum wb_ipc_kind kind, const char *line, struct wb_ipc_object *o)
{
	unsigned long long resident, swapped;

	switch (kind) {
	case WB_IPC_SHM:
		if (sscanf(line,
			    "%*d %" SCNd64 " %o %" SCNu64 " %" SCNd64 " %*u %" SCNu64 " %" SCNd64
			    " %" SCNd64 " %" SCNd64 " %" SCNd64 " %*u %*u %*u %llu %llu",
			    &o->id, &o->mode, &o->size, &o->pids[0], &o->attached, &o->uid, &o->gid,
			    &o->maker, &o->maker_group, &resident, &swapped) != 11)
			return false;
		o->bytes = resident + swapped;
		return o->bytes >= resident;
	case WB_IPC_SEM:
		return sscanf(line,
			       "%*d %" SCNd64 " %o %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64
			       " %" SCNd64,
			       &o->id, &o->mode, &o->bytes, &o->uid, &o->gid, &o->maker,
			       &o->maker_group) == 7;
	case WB_IPC_MSG:
		return sscanf(line,
			       "%*d %" SCNd64 " %o %" SCNu64 " %*u %" SCNd64 " %" SCNd64 " %" SCNd64
			       " %" SCNd64 " %" SCNd64 " %" SCNd64,
			       &o->id, &o->mode, &o->bytes, &o->pids[0], &o->pids[1], &o->uid,
			       &o->gid, &o->maker, &o->maker_group) == 9;
	}
	return false;
}

int wb_ipc_parse(enum wb_ipc_kind kind, const char *text, wb_ipc_objects *ret)
{
	wb_ipc_objects all = {};
	const char *line = strchr(text, '\n');

	/* The first line has the names of the columns. */
	for (line = line ? line + 1 : ""; *line; line = strchr(line, '\n') + 1) {
		struct wb_ipc_object *o = wb_list_add(&all, sizeof(*o));

		if (o && strchr(line, '\n') && parse_line(kind, line, o))
			continue;
		free(all.items);
		return o ? -EBADMSG : -ENOMEM;
	}
	*ret = all;
	return 0;
}

/* The child enters the namespace: the tables are those of the process that opens them (ipc/util.c). */
static void copy_inside(int ns, const char *path, int to)
{
	char buf[4096];
	ssize_t n;
	int fd;

	if (setns(ns, CLONE_NEWIPC) < 0)
		_exit(1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		_exit(errno == ENOENT ? 0 : 1);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			_exit(1);
	_exit(n < 0);
}

static int take(int from, struct wb_blob *ret)
{
	struct pollfd p = {.fd = from, .events = POLLIN};
	char buf[4096];
	ssize_t n;

	while (poll(&p, 1, READ_MS) > 0 && (n = read(from, buf, sizeof(buf))) >= 0) {
		if (n == 0)
			return wb_blob_append(ret, "", 1);
		if (ret->size + (size_t)n > LARGEST)
			return -EFBIG;
		if (wb_blob_append(ret, buf, (size_t)n) < 0)
			return -ENOMEM;
	}
	return -EIO;
}

static int read_inside(int ns, const char *path, struct wb_blob *ret)
{
	int ends[2], status = 1, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		copy_inside(ns, path, ends[1]);
	r = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (r == 0)
		r = take(ends[0], ret);
	close(ends[0]);
	if (pid > 0 && r < 0)
		wb_kill_and_reap(pid, NULL);
	else if (pid > 0 && (wb_reap(pid, READ_MS, &status) < 0 || status))
		r = -EIO;
	return r;
}

/* Ordinary segments and memfds are files of one file system inside of the kernel (mm/shmem.c). */
static int64_t device_of_memory(void)
{
	int fd = memfd_create("warmboot", MFD_CLOEXEC);
	struct stat st = {};

	if (fd >= 0 && fstat(fd, &st) < 0)
		st.st_dev = 0;
	if (fd >= 0)
		close(fd);
	return (int64_t)st.st_dev;
}

int wb_ipc_read(const struct wb_files *files, int ns, struct wb_ipc *ret)
{
	static const char *const paths[] = {
		"/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"};
	WB_CLEAN_IPC ipc = {.device = device_of_memory()};
	wb_ipc_objects *const lists[] = {&ipc.segments, &ipc.semaphores, &ipc.queues};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(paths) / sizeof(*paths); i++) {
		WB_CLEAN_BLOB text = {};

		r = ns < 0 ? files->read(files->ctx, paths[i], LARGEST, &text, NULL)
			   : read_inside(ns, paths[i], &text);
		if (r == 0)
			r = wb_ipc_parse((enum wb_ipc_kind)i, (const char *)text.data, lists[i]);
		else if (r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		return r;
	*ret = ipc;
	ipc = (struct wb_ipc){};
	return 0;
}

/* ---- what is the unit's own ---- */

static bool has(const int64_t *list, size_t n, int64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

static bool is_users(const struct wb_ipc_unit *u, const struct wb_ipc_object *o)
{
	return has(u->users, u->n_users, o->uid) || has(u->users, u->n_users, o->maker);
}

static const struct wb_ipc_attached *find_attached(const struct wb_ipc_unit *u, int64_t id)
{
	for (size_t i = 0; i < u->n_attached; i++)
		if (u->attached[i].id == id)
			return &u->attached[i];
	return NULL;
}

/* The segment is the unit's: may it travel? */
static int judge_segment(const struct wb_ipc *ipc, const struct wb_ipc_object *o,
	const struct wb_ipc_attached *a, const struct wb_ipc_unit *unit, struct wb_ipc_verdict *v)
{
	const char *why = NULL;
	int64_t *id;

	if (o->attached > (a ? a->maps : 0))
		why = "processes of others have attached, too";
	else if (!has(unit->users, unit->n_users, o->uid))
		why = "belongs to a user who is none of its own";
	/* CRIU sets owner and group; maker is who restores, which is root. */
	else if ((o->maker != o->uid && o->maker) || (o->maker_group != o->gid && o->maker_group))
		why = "was made by another user than its owner, and criu does not restore its "
		      "maker";
	else if (o->mode & DEST)
		why = "is to be removed when nobody has it attached, which criu does not restore";
	else if (o->mode & LOCKED)
		why = "is locked in memory, which criu does not restore";
	else if (a && ipc->device && a->device != ipc->device)
		why = "is of huge pages, which the next boot may not have in time";
	if (why)
		return wb_strv_addf(&v->reasons,
			"it has System V shared memory (%" PRId64 ") that %s", o->id, why);
	id = wb_list_add(&v->segments, sizeof(*id));
	if (!id)
		return -ENOMEM;
	*id = o->id;
	return 0;
}

/* CRIU copies it, though it is none of the unit's. */
static void add_others(struct wb_ipc_verdict *v, const struct wb_ipc_object *o)
{
	if (__builtin_add_overflow(v->others, o->bytes, &v->others) ||
		__builtin_add_overflow(v->others, OBJECT, &v->others))
		v->others = UINT64_MAX;
}

/*
 * A segment that nobody has attached is the unit's if it may be: it has the right to it anyway. It alone is no reason
 * for a namespace unless a process of the unit has made it.
 */
static int judge_segments(
	const struct wb_ipc *ipc, const struct wb_ipc_unit *unit, struct wb_ipc_verdict *v)
{
	int r = 0;

	uint64_t scanned = 0;

	v->needed = unit->own_namespace || unit->n_attached;
	for (size_t i = 0; i < ipc->segments.n; i++) {
		const struct wb_ipc_object *o = &ipc->segments.items[i];

		v->needed |= !o->attached && is_users(unit, o) &&
			     has(unit->pids, unit->n_pids, o->pids[0]);
	}
	for (size_t i = 0; r == 0 && v->needed && i < ipc->segments.n; i++) {
		const struct wb_ipc_object *o = &ipc->segments.items[i];
		const struct wb_ipc_attached *a = find_attached(unit, o->id);

		if (a || (!o->attached && is_users(unit, o)) || unit->own_namespace)
			r = judge_segment(ipc, o, a, unit, v);
		else if (__builtin_add_overflow(scanned, o->size, &scanned) ||
			 scanned > MOST_SCANNED)
			v->others = UINT64_MAX;
		else
			add_others(v, o);
	}
	return r;
}

/*
 * Which process uses a set of semaphores is not known, and what the kernel undoes when a process ends (SEM_UNDO) is
 * shown nowhere.
 */
static int judge_others(const wb_ipc_objects *objects, const char *what,
	const struct wb_ipc_unit *unit, struct wb_ipc_verdict *v)
{
	for (size_t i = 0; i < objects->n; i++) {
		const struct wb_ipc_object *o = &objects->items[i];

		if (unit->own_namespace || is_users(unit, o) ||
			(o->pids[0] && has(unit->pids, unit->n_pids, o->pids[0])) ||
			(o->pids[1] && has(unit->pids, unit->n_pids, o->pids[1])))
			return wb_strv_addf(&v->reasons,
				"it has System V %s, or its user has (%" PRId64
				"), and criu does not restore all of their state",
				what, o->id);
		if (v->needed)
			add_others(v, o);
	}
	return 0;
}

int wb_ipc_judge(
	const struct wb_ipc *ipc, const struct wb_ipc_unit *unit, struct wb_ipc_verdict *ret)
{
	struct wb_ipc_verdict v = {};
	int r = judge_segments(ipc, unit, &v);

	if (r == 0)
		r = judge_others(&ipc->semaphores, "semaphores", unit, &v);
	if (r == 0)
		r = judge_others(&ipc->queues, "message queues", unit, &v);
	for (size_t i = 0; r == 0 && i < unit->n_attached; i++)
		if (!has(v.segments.items, v.segments.n, unit->attached[i].id) && !v.reasons.n)
			r = wb_strv_addf(&v.reasons,
				"it has System V shared memory (%" PRId64
				") that its IPC namespace does not have",
				unit->attached[i].id);
	if (r == 0 && v.others > MOST_OF_OTHERS)
		r = wb_strv_addf(&v.reasons,
			"it has System V shared memory, and others have too much of it in the "
			"same IPC namespace, which criu would copy, too");
	if (r < 0) {
		wb_ipc_verdict_deinit(&v);
		return r;
	}
	*ret = v;
	return 0;
}

/* ---- CRIU's images ---- */

/* criu/include/magic.h; images/ipc-shm.proto, images/ipc-desc.proto */
#define COMMON_MAGIC 0x54564319
#define SHM_MAGIC 0x46283044
#define SHM_DESC 1
#define DESC_ID 7

static int filter_segments(
	struct wb_bytes image, const int64_t *segments, size_t n_segments, struct wb_blob *out)
{
	struct wb_pb_field desc, id;
	struct wb_bytes message, whole;
	uint64_t off = 8;
	uint32_t n;
	int r = 0;

	while (r == 0 && off < image.size) {
		if (!wb_get_le32(image, off, &n) || !wb_bytes_sub(image, off + 4, n, &message) ||
			!wb_bytes_sub(image, off, 4 + (uint64_t)n, &whole) ||
			wb_pb_find(message, SHM_DESC, WB_PB_BYTES, &desc) < 0 ||
			wb_pb_find(desc.bytes, DESC_ID, WB_PB_VARINT, &id) < 0)
			return -EBADMSG;
		if (id.value <= INT32_MAX && has(segments, n_segments, (int64_t)id.value))
			r = wb_blob_append(out, whole.data, whole.size);
		off += whole.size;
	}
	return r;
}

int wb_ipc_filter(const char *name, struct wb_bytes image, const int64_t *segments, size_t n,
	struct wb_blob *ret)
{
	static const char shm[] = "ipcns-shm-", sem[] = "ipcns-sem-", msg[] = "ipcns-msg-";
	bool is_shm = !strncmp(name, shm, strlen(shm));
	WB_CLEAN_BLOB out = {};
	uint32_t common, magic;
	int r;

	if (!is_shm && strncmp(name, sem, strlen(sem)) && strncmp(name, msg, strlen(msg)))
		return 0;
	if (!wb_get_le32(image, 0, &common) || common != COMMON_MAGIC ||
		!wb_get_le32(image, 4, &magic) || (is_shm && magic != SHM_MAGIC))
		return -EBADMSG;
	/* Without a message after the magic numbers, there is no object. */
	r = wb_blob_append(&out, image.data, 8);
	if (r == 0 && is_shm)
		r = filter_segments(image, segments, n, &out);
	if (r < 0)
		return r;
	*ret = wb_blob_take(&out);
	return 1;
}
