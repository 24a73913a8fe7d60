// SPDX-License-Identifier: LGPL-2.1-or-later
/* One process, as its files in /proc describe it. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/text.h"
#include "proc/proc.h"

/* The largest file in /proc that is read; maps and mountinfo can be long. */
#define LARGEST (64u << 20)

static const char *const ns_names[WB_NS_COUNT] = {
	[WB_NS_MNT] = "mnt",
	[WB_NS_UTS] = "uts",
	[WB_NS_IPC] = "ipc",
	[WB_NS_NET] = "net",
	[WB_NS_USER] = "user",
	[WB_NS_PID] = "pid",
	[WB_NS_CGROUP] = "cgroup",
	[WB_NS_TIME] = "time",
};

void wb_proc_deinit(struct wb_proc *p)
{
	free(p->name);
	free(p->exe);
	free(p->root);
	free(p->cwd);
	for (size_t i = 0; i < WB_NS_COUNT; i++)
		free(p->ns[i]);
	free(p->uid_map);
	free(p->gid_map);
	for (size_t i = 0; i < p->fds.n; i++)
		free(p->fds.items[i].link);
	free(p->fds.items);
	wb_mounts_deinit(&p->mounts);
	for (size_t i = 0; i < p->maps.n; i++)
		free(p->maps.items[i].name);
	free(p->maps.items);
	for (size_t i = 0; i < p->watches.n; i++)
		free(p->watches.items[i].path);
	free(p->watches.items);
	*p = (struct wb_proc){};
}

/* ---- the files of one process ---- */

struct reader {
	const struct wb_files *files;
	char dir[40]; /* "/proc/PID" */
};

static int read_text(const struct reader *r, struct wb_blob *ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int read_text(const struct reader *r, struct wb_blob *ret, const char *fmt, ...)
{
	char path[128];
	size_t n = strlen(r->dir);
	va_list ap;

	memcpy(path, r->dir, n);
	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - n, fmt, ap);
	va_end(ap);
	return r->files->read(r->files->ctx, path, LARGEST, ret, NULL);
}

/* A link's target; *ret stays NULL when there is none, as for a kernel thread's program. -ENOMEM. */
static int read_link(const struct reader *r, const char *name, char **ret)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	return r->files->readlink(r->files->ctx, path, ret, NULL) == -ENOMEM ? -ENOMEM : 0;
}

/* "Key:\t123 kB": the number, or 0. */
static int64_t number_after(const char *text, const char *key)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, strlen(key)) && p[strlen(key)] == ':')
			return strtoll(p + strlen(key) + 1, NULL, 0);
		if (!*p)
			break;
	}
	return 0;
}

/* A size in kB, converted to bytes; an impossible one is 0. */
static int64_t bytes_after(const char *text, const char *key)
{
	int64_t kib = number_after(text, key);

	return kib < 0 || kib > INT64_MAX >> 10 ? 0 : kib << 10;
}

/*
 * proc_pid_stat(5). The name is in parentheses and may contain some. The fields after it contain none, so the last
 * parenthesis ends the name.
 */
static int read_stat(const struct reader *r, struct wb_proc *p)
{
	WB_CLEAN_BLOB b = {};
	long long parent, group, session;
	const char *text, *open, *close;
	char state;
	int e = read_text(r, &b, "/stat");

	if (e < 0)
		return e;
	text = (const char *)b.data;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open ||
		sscanf(close + 1, " %c %lld %lld %lld", &state, &parent, &group, &session) != 4)
		return -EBADMSG;
	p->parent = parent;
	p->group = group;
	p->session = session;
	p->zombie = state == 'Z' || state == 'X';
	p->name = strndup(open + 1, close - open - 1);
	return p->name ? 0 : -ENOMEM;
}

static int read_status(const struct reader *r, struct wb_proc *p)
{
	WB_CLEAN_BLOB b = {};
	const char *text;
	int e = read_text(r, &b, "/status");

	if (e < 0)
		return e;
	text = (const char *)b.data;
	p->tracer = number_after(text, "TracerPid");
	p->threads = number_after(text, "Threads");
	p->resident = bytes_after(text, "VmRSS");
	p->swapped = bytes_after(text, "VmSwap");
	p->locked = bytes_after(text, "VmLck");
	p->huge = bytes_after(text, "HugetlbPages");
	p->filtered = number_after(text, "Seccomp") != 0;
	return 0;
}

/* Parts of a file are usually neighbours, so only the last 16 of perhaps tens of thousands are compared. */
static bool count_map(const struct wb_proc *p, const struct wb_proc_map *map)
{
	for (size_t i = p->maps.n; i-- > 0 && i + 16 >= p->maps.n;) {
		struct wb_proc_map *m = &p->maps.items[i];

		if (m->device == map->device && m->inode == map->inode &&
			!strcmp(m->name, map->name)) {
			m->parts++;
			return true;
		}
	}
	return false;
}

/* proc_pid_maps(5): "from-to perms offset major:minor inode name", the name to the end of the line. */
static int add_map(struct wb_proc *p, const char *line)
{
	struct wb_proc_map map = {}, *m;
	unsigned major = 0, minor = 0;
	long long inode = 0;
	int at = 0;

	(void)sscanf(line, "%*s %*s %*s %x:%x %lld %n", &major, &minor, &inode, &at);
	if (!at || !line[at])
		return 0;
	map.name = (char *)line + at;
	map.device = (int64_t)makedev(major, minor);
	map.inode = inode;
	map.parts = 1;
	if (count_map(p, &map))
		return 0;
	m = wb_list_add(&p->maps, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = map;
	m->name = strdup(map.name);
	return m->name ? 0 : -ENOMEM;
}

static int for_lines(const struct reader *r, const char *name, struct wb_proc *p,
	int (*one)(struct wb_proc *p, const char *line))
{
	WB_CLEAN_BLOB b = {};
	int e = read_text(r, &b, "/%s", name);
	char *rest;

	if (e < 0)
		return e;
	rest = (char *)b.data;
	while (e == 0 && rest && *rest) {
		char *line = strsep(&rest, "\n");

		if (*line)
			e = one(p, line);
	}
	return e;
}

/* " key:hex", the number; 0 when there is none. */
static uint64_t hex_after(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

static void read_handle(const char *line, struct wb_proc_watch *w)
{
	static const char key[] = " f_handle:";
	const char *at = strstr(line, key);
	size_t n = hex_after(line, " fhandle-bytes:");

	if (!at || n > sizeof(w->handle))
		return;
	if (!wb_hex_begins(at + strlen(key), n, w->handle))
		return;
	w->handle_type = (int64_t)hex_after(line, " fhandle-type:");
	w->handle_size = n;
}

/*
 * proc_pid_fdinfo(5): "inotify wd:1 ino:2e sdev:17 mask:3 ignored_mask:0 fhandle-bytes:c fhandle-type:1
 * f_handle:0a…", all in hex. The device is the kernel's own dev_t: 20 bits of it are the minor number.
 */
static int add_watches(struct wb_proc *p, char *text)
{
	while (text && *text) {
		const char *line = strsep(&text, "\n");
		struct wb_proc_watch *w;
		uint64_t device;

		if (strncmp(line, "inotify ", strlen("inotify ")))
			continue;
		w = wb_list_add(&p->watches, sizeof(*w));
		if (!w)
			return -ENOMEM;
		device = hex_after(line, " sdev:");
		w->device =
			(int64_t)makedev((unsigned)(device >> 20), (unsigned)(device & 0xfffff));
		w->inode = (int64_t)hex_after(line, " ino:");
		read_handle(line, w);
	}
	return 0;
}

/* Only for files on a tmpfs, because other file systems may block. */
static bool is_directory(
	const struct reader *r, const struct wb_proc *p, const struct wb_proc_fd *fd)
{
	char path[128];

	for (size_t i = 0; *fd->link == '/' && i < p->mounts.n; i++) {
		const struct wb_mount *m = &p->mounts.items[i];

		if (m->id != fd->mount || !wb_volatile_fs(m->fstype))
			continue;
		snprintf(path, sizeof(path), "%s/fd/%" PRId64 "/.", r->dir, fd->fd);
		return r->files->exists(r->files->ctx, path);
	}
	return false;
}

static int add_fd(const struct reader *r, struct wb_proc *p, const char *number)
{
	struct wb_proc_fd *fd;
	WB_CLEAN_BLOB info = {};
	char path[128], *link = NULL, *end;
	long long n = strtoll(number, &end, 10);
	int e;

	if (*end || end == number || strlen(number) > 20)
		return 0;
	snprintf(path, sizeof(path), "%s/fd/%s", r->dir, number);
	e = r->files->readlink(r->files->ctx, path, &link, NULL);
	/* It was closed between the two looks. */
	if (e == -ENOENT || e == -ESRCH)
		return 0;
	if (e == -ENOMEM)
		return e;
	if (e < 0)
		link = strdup(WB_PROC_UNREAD);
	if (!link)
		return -ENOMEM;
	fd = wb_list_add(&p->fds, sizeof(*fd));
	if (!fd) {
		free(link);
		return -ENOMEM;
	}
	fd->fd = n;
	fd->link = link;
	e = read_text(r, &info, "/fdinfo/%s", number);
	if (e == -ENOMEM)
		return e;
	if (e == 0) {
		const char *text = (const char *)info.data;

		fd->position = number_after(text, "pos");
		fd->flags = number_after(text, "flags"); /* its leading 0 says that it is octal */
		fd->mount = number_after(text, "mnt_id");
		fd->inode = number_after(text, "ino");
		fd->passed = number_after(text, "scm_fds"); /* net/unix/af_unix.c writes it */
		fd->directory = is_directory(r, p, fd);
		if (!strncmp(link, "anon_inode:[timerfd", 19))
			p->alarm |= number_after(text, "clockid") == 8 ||
				    number_after(text, "clockid") == 9;
		if (!strcmp(link, "anon_inode:inotify"))
			return add_watches(p, (char *)info.data);
	}
	return 0;
}

static int read_fds(const struct reader *r, struct wb_proc *p)
{
	WB_CLEAN_STRV names = {};
	char path[64];
	int e;

	snprintf(path, sizeof(path), "%s/fd", r->dir);
	e = r->files->list(r->files->ctx, path, &names, NULL);
	for (size_t i = 0; e == 0 && i < names.n && p->fds.n <= WB_PROC_MOST; i++)
		e = add_fd(r, p, names.items[i]);
	return e;
}

/* *ret stays NULL where the kernel has no such file. -ENOMEM. */
static int read_map(const struct reader *r, const char *name, char **ret)
{
	WB_CLEAN_BLOB b = {};
	int e = read_text(r, &b, "/%s", name);

	if (e < 0)
		return e == -ENOMEM ? e : 0;
	*ret = strndup((const char *)b.data, b.size);
	return *ret ? 0 : -ENOMEM;
}

static int read_mounts(const struct reader *r, struct wb_proc *p)
{
	WB_CLEAN_BLOB b = {};
	int e = read_text(r, &b, "/mountinfo");

	return e < 0 ? e : wb_mounts_parse((const char *)b.data, &p->mounts);
}

static int read_namespaces(const struct reader *r, struct wb_proc *p)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < WB_NS_COUNT; i++) {
		char name[16];

		snprintf(name, sizeof(name), "ns/%s", ns_names[i]);
		e = read_link(r, name, &p->ns[i]);
	}
	return e;
}

/* "Max open files            1024                 524288               files" */
static int read_limit(const struct reader *r, struct wb_proc *p)
{
	static const char name[] = "\nMax open files";
	WB_CLEAN_BLOB b = {};
	int e = read_text(r, &b, "/limits");
	const char *line = e < 0 ? NULL : strstr((const char *)b.data, name);
	long long n;

	p->most_files = line && sscanf(line + strlen(name), "%lld", &n) == 1 ? n : -1;
	return e == -ENOMEM ? e : 0;
}

/* "ClockID: 0" is CLOCK_REALTIME, 8 is CLOCK_REALTIME_ALARM. */
static int read_timers(const struct reader *r, struct wb_proc *p)
{
	WB_CLEAN_BLOB b = {};
	int e = read_text(r, &b, "/timers");

	p->day_timer = e == 0 && (strstr((char *)b.data, "ClockID: 0\n") ||
					 strstr((char *)b.data, "ClockID: 8\n"));
	p->alarm |= e == 0 && (strstr((char *)b.data, "ClockID: 8\n") ||
				      strstr((char *)b.data, "ClockID: 9\n"));
	return e == -ENOMEM ? e : 0;
}

static int read_label(const struct reader *r, struct wb_proc *p)
{
	WB_CLEAN_BLOB b = {};
	int e = read_text(r, &b, "/attr/current");

	p->labelled = e == 0 && b.size && *b.data && strncmp((char *)b.data, "unconfined", 10);
	return e == -ENOMEM ? e : 0;
}

static int read_all(const struct reader *r, struct wb_proc *p)
{
	int e = read_stat(r, p);

	if (e == 0)
		e = read_status(r, p);
	if (e < 0 || p->zombie)
		return e;
	e = read_link(r, "exe", &p->exe);
	if (e == 0)
		e = read_link(r, "root", &p->root);
	if (e == 0)
		e = read_link(r, "cwd", &p->cwd);
	if (e == 0)
		e = read_namespaces(r, p);
	if (e == 0)
		e = read_map(r, "uid_map", &p->uid_map);
	if (e == 0)
		e = read_map(r, "gid_map", &p->gid_map);
	if (e == 0)
		e = wb_rights_read(r->files, p->pid, &p->rights);
	if (e == 0)
		e = read_mounts(r, p);
	if (e == 0)
		e = read_label(r, p);
	if (e == 0)
		e = read_timers(r, p);
	if (e == 0)
		e = read_limit(r, p);
	if (e == 0)
		e = for_lines(r, "maps", p, add_map);
	if (e == 0)
		e = read_fds(r, p);
	return e;
}

static int read_process(const struct wb_files *files, int64_t pid,
	int (*what)(const struct reader *r, struct wb_proc *p), struct wb_proc *ret,
	struct wb_error *err)
{
	struct reader r = {.files = files};
	struct wb_proc p = {.pid = pid};
	int e;

	snprintf(r.dir, sizeof(r.dir), "/proc/%" PRId64, pid);
	e = what(&r, &p);
	if (e == 0) {
		*ret = p;
		return 0;
	}
	wb_proc_deinit(&p);
	/* EINVAL: the process is ending and has no mounts any more. */
	if (e == -ENOENT || e == -ESRCH || e == -EINVAL)
		return wb_fail(err, -ESRCH, "there is no process %" PRId64 " any more", pid);
	if (e == -ENOMEM)
		return wb_oom(err);
	return wb_fail(err, e, "cannot read %s: %s", r.dir, strerror(-e));
}

int wb_proc_network(const struct wb_files *files, int64_t pid, char **ret)
{
	struct reader r = {.files = files};

	*ret = NULL;
	snprintf(r.dir, sizeof(r.dir), "/proc/%" PRId64, pid);
	return read_link(&r, "ns/net", ret);
}

int wb_proc_read(
	const struct wb_files *files, int64_t pid, struct wb_proc *ret, struct wb_error *err)
{
	return read_process(files, pid, read_all, ret, err);
}

/* wb_procs_read(): a process with another root directory does not see the mounts on which its files are. */
int wb_proc_look_from(const struct wb_files *files, const struct wb_proc *whole, struct wb_proc *p)
{
	struct reader r = {.files = files};
	struct wb_proc seen = {};
	int e;

	snprintf(r.dir, sizeof(r.dir), "/proc/%" PRId64, whole->pid);
	e = read_mounts(&r, &seen);
	if (e < 0)
		return e;
	wb_mounts_deinit(&p->mounts);
	p->mounts = seen.mounts;
	snprintf(r.dir, sizeof(r.dir), "/proc/%" PRId64, p->pid);
	for (size_t i = 0; i < p->fds.n; i++)
		p->fds.items[i].directory = is_directory(&r, p, &p->fds.items[i]);
	return 0;
}
