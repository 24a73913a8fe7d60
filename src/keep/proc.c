// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "keep/proc.h"

/* Of any file in /proc; maps and mountinfo can be long. */
#define LARGEST (64u << 20)
/* cgroups below a unit's, one in the other. */
#define DEEPEST 16

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
	for (size_t i = 0; i < p->mounts.n; i++) {
		free(p->mounts.items[i].root);
		free(p->mounts.items[i].point);
		free(p->mounts.items[i].fstype);
	}
	free(p->mounts.items);
	for (size_t i = 0; i < p->maps.n; i++)
		free(p->maps.items[i].name);
	free(p->maps.items);
	for (size_t i = 0; i < p->watches.n; i++)
		free(p->watches.items[i].path);
	free(p->watches.items);
	*p = (struct wb_proc){};
}

void wb_procs_deinit(struct wb_procs *p)
{
	for (size_t i = 0; i < p->n; i++)
		wb_proc_deinit(&p->items[i]);
	free(p->items);
	free(p->group);
	*p = (struct wb_procs){};
}

const struct wb_proc *wb_procs_find(const struct wb_procs *procs, int64_t pid)
{
	for (size_t i = 0; i < procs->n; i++)
		if (procs->items[i].pid == pid)
			return &procs->items[i];
	return NULL;
}

bool wb_volatile_fs(const char *fstype)
{
	return !strcmp(fstype, "tmpfs") || !strcmp(fstype, "ramfs");
}

bool wb_socket_inode(const char *link, int64_t *ret)
{
	static const char head[] = "socket:[";
	char *end;

	if (strncmp(link, head, strlen(head)))
		return false;
	errno = 0;
	*ret = strtoll(link + strlen(head), &end, 10);
	return *end == ']' && !errno && *ret > 0;
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

/* A link's target; NULL when there is none, which a kernel thread has. */
static char *read_link(const struct reader *r, const char *name)
{
	char path[128], *target;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	return r->files->readlink(r->files->ctx, path, &target, NULL) < 0 ? NULL : target;
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

/* proc_pid_stat(5). The name may hold anything, parentheses too; what follows the last one cannot. */
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
	p->resident = number_after(text, "VmRSS") << 10;
	p->swapped = number_after(text, "VmSwap") << 10;
	p->locked = number_after(text, "VmLck") << 10;
	p->filtered = number_after(text, "Seccomp") != 0;
	return 0;
}

/* A blank, a tab, an end of line and a backslash in a name are written "\040" and the like there. */
static char *plain_name(const char *escaped)
{
	char *name = strdup(escaped), *to = name;

	for (const char *from = name; name && *from;) {
		unsigned c;

		if (*from == '\\' && sscanf(from, "\\%3o", &c) == 1) {
			*to++ = (char)c;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	if (name)
		*to = '\0';
	return name;
}

/* proc_pid_mountinfo(5): "36 35 98:0 /root /point options [tags] - fstype source options" */
static int add_mount(struct wb_proc *p, const char *line)
{
	struct wb_proc_mount *m;
	char root[4096], point[4096], fstype[256];
	unsigned major, minor;
	const char *dash;
	long long id;

	if (sscanf(line, "%lld %*d %u:%u %4095s %4095s", &id, &major, &minor, root, point) != 5)
		return -EBADMSG;
	dash = strstr(line, " - ");
	if (!dash || sscanf(dash + 3, "%255s", fstype) != 1)
		return -EBADMSG;
	m = wb_list_add(&p->mounts, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->id = id;
	m->device = (int64_t)makedev(major, minor);
	m->root = plain_name(root);
	m->point = plain_name(point);
	m->fstype = strdup(fstype);
	return m->root && m->point && m->fstype ? 0 : -ENOMEM;
}

static bool has_map(const struct wb_proc *p, const struct wb_proc_map *map)
{
	for (size_t i = 0; i < p->maps.n; i++) {
		const struct wb_proc_map *m = &p->maps.items[i];

		if (m->device == map->device && m->inode == map->inode &&
			!strcmp(m->name, map->name))
			return true;
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
	if (has_map(p, &map))
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
	at += strlen(key);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		if (sscanf(at + 2 * i, "%2x", &byte) != 1)
			return;
		w->handle[i] = (uint8_t)byte;
	}
	w->handle_type = (int64_t)hex_after(line, " fhandle-type:");
	w->handle_size = n;
}

/*
 * proc_pid_fdinfo(5): "inotify wd:1 ino:2e sdev:17 mask:3 ignored_mask:0 fhandle-bytes:c fhandle-type:1
 * f_handle:0a…", all in hex, and the device in the kernel's own way.
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

static int add_fd(const struct reader *r, struct wb_proc *p, const char *number)
{
	struct wb_proc_fd *fd;
	WB_CLEAN_BLOB info = {};
	char name[64], *link, *end;
	long long n = strtoll(number, &end, 10);

	if (*end || end == number || strlen(number) > 20)
		return 0;
	snprintf(name, sizeof(name), "fd/%s", number);
	link = read_link(r, name);
	/* It was closed between the two looks. */
	if (!link)
		return 0;
	fd = wb_list_add(&p->fds, sizeof(*fd));
	if (!fd) {
		free(link);
		return -ENOMEM;
	}
	fd->fd = n;
	fd->link = link;
	if (read_text(r, &info, "/fdinfo/%s", number) == 0) {
		const char *text = (const char *)info.data;

		fd->position = number_after(text, "pos");
		fd->flags = number_after(text, "flags"); /* octal, with its leading zero */
		fd->mount = number_after(text, "mnt_id");
		fd->inode = number_after(text, "ino");
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
	for (size_t i = 0; e == 0 && i < names.n; i++)
		e = add_fd(r, p, names.items[i]);
	return e;
}

static char *read_map(const struct reader *r, const char *name)
{
	WB_CLEAN_BLOB b = {};

	if (read_text(r, &b, "/%s", name) < 0)
		return NULL;
	return strndup((const char *)b.data, b.size);
}

static int read_all(const struct reader *r, struct wb_proc *p)
{
	int e = read_stat(r, p);

	if (e == 0)
		e = read_status(r, p);
	if (e < 0 || p->zombie)
		return e;
	p->exe = read_link(r, "exe");
	p->root = read_link(r, "root");
	p->cwd = read_link(r, "cwd");
	for (size_t i = 0; i < WB_NS_COUNT; i++) {
		char name[16];

		snprintf(name, sizeof(name), "ns/%s", ns_names[i]);
		p->ns[i] = read_link(r, name);
	}
	p->uid_map = read_map(r, "uid_map");
	p->gid_map = read_map(r, "gid_map");
	e = for_lines(r, "mountinfo", p, add_mount);
	if (e == 0)
		e = for_lines(r, "maps", p, add_map);
	if (e == 0)
		e = read_fds(r, p);
	return e;
}

int wb_proc_read(
	const struct wb_files *files, int64_t pid, struct wb_proc *ret, struct wb_error *err)
{
	struct reader r = {.files = files};
	struct wb_proc p = {.pid = pid};
	int e;

	snprintf(r.dir, sizeof(r.dir), "/proc/%" PRId64, pid);
	e = read_all(&r, &p);
	if (e == 0) {
		*ret = p;
		return 0;
	}
	wb_proc_deinit(&p);
	/* EINVAL: its mounts are gone already, and it is about to be. */
	if (e == -ENOENT || e == -ESRCH || e == -EINVAL)
		return wb_fail(err, -ESRCH, "there is no process %" PRId64 " any more", pid);
	if (e == -ENOMEM)
		return wb_oom(err);
	return wb_fail(err, e, "cannot read %s: %s", r.dir, strerror(-e));
}

/* ---- a cgroup ---- */

static int add_proc(
	const struct wb_files *files, int64_t pid, struct wb_procs *all, struct wb_error *err)
{
	struct wb_proc p, *items;
	int e = wb_proc_read(files, pid, &p, err);

	if (e == -ESRCH)
		return 0;
	if (e < 0)
		return e;
	items = reallocarray(all->items, all->n + 1, sizeof(*items));
	if (!items) {
		wb_proc_deinit(&p);
		return wb_oom(err);
	}
	all->items = items;
	items[all->n++] = p;
	return 0;
}

/* ".control" is systemd's own, for the commands that it runs in a unit with Delegate=. */
static int note_group(struct wb_procs *all, const char *name)
{
	if (all->group || !strcmp(name, ".control"))
		return 0;
	all->group = strdup(name);
	return all->group ? 0 : -ENOMEM;
}

static int add_cgroup(const struct wb_files *files, const char *dir, unsigned depth,
	struct wb_procs *all, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	WB_CLEAN_BLOB b = {};
	WB_CLEAN_STR path = NULL;
	char *rest;
	int e;

	if (asprintf(&path, "%s/cgroup.procs", dir) < 0) {
		path = NULL;
		return wb_oom(err);
	}
	e = files->read(files->ctx, path, LARGEST, &b, err);
	if (e < 0)
		return e;
	rest = (char *)b.data;
	while (e == 0 && rest && *rest) {
		int64_t pid = strtoll(strsep(&rest, "\n"), NULL, 10);

		/* 0 stands for a process that is not in our pid namespace. */
		if (pid > 0)
			e = add_proc(files, pid, all, err);
	}
	if (e < 0 || depth == DEEPEST || files->list(files->ctx, dir, &names, NULL) < 0)
		return e;
	for (size_t i = 0; e == 0 && i < names.n; i++) {
		WB_CLEAN_STR below = NULL;
		WB_CLEAN_STR probe = NULL;

		/* Files of a cgroup have a dot in their names, and a unit's own has none often. */
		if (asprintf(&below, "%s/%s", dir, names.items[i]) < 0 ||
			asprintf(&probe, "%s/cgroup.procs", below) < 0)
			return wb_oom(err);
		if (!files->exists(files->ctx, probe))
			continue;
		if (note_group(all, names.items[i]) < 0)
			return wb_oom(err);
		e = add_cgroup(files, below, depth + 1, all, err);
	}
	return e;
}

int wb_procs_read(const struct wb_files *files, const char *cgroup, struct wb_procs *ret,
	struct wb_error *err)
{
	/* Unified, and systemd's own hierarchy beside older ones. */
	static const char *const mounts[] = {
		"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"};
	int e = -ENOENT;

	for (size_t i = 0; e == -ENOENT && i < sizeof(mounts) / sizeof(*mounts); i++) {
		WB_CLEAN_PROCS all = {};
		WB_CLEAN_STR dir = NULL;

		if (asprintf(&dir, "%s%s", mounts[i], cgroup) < 0) {
			dir = NULL;
			return wb_oom(err);
		}
		e = add_cgroup(files, dir, 0, &all, err);
		if (e < 0)
			continue;
		*ret = all;
		all = (struct wb_procs){};
	}
	return e;
}
