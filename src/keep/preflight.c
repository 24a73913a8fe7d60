// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/preflight.h"

#define JOURNAL_SOCKET "/run/systemd/journal/stdout"

void wb_keep_verdict_deinit(struct wb_keep_verdict *v)
{
	wb_strv_deinit(&v->reasons);
	wb_strv_deinit(&v->warnings);
	wb_criu_image_deinit(&v->image);
	free(v->cgroup);
	wb_strv_deinit(&v->files);
	wb_strv_deinit(&v->later);
	wb_strv_deinit(&v->bound);
	for (size_t i = 0; i < v->nameless.n; i++)
		free(v->nameless.items[i].path);
	free(v->nameless.items);
	for (size_t i = 0; i < v->ports.n; i++) {
		free(v->ports.items[i].protocol);
		free(v->ports.items[i].address);
	}
	free(v->ports.items);
	for (size_t i = 0; i < v->connections.n; i++) {
		free(v->connections.items[i].local);
		free(v->connections.items[i].remote);
	}
	free(v->connections.items);
	*v = (struct wb_keep_verdict){};
}

/* One unit under judgement. A failed allocation is remembered, so that the rules stay readable. */
struct judge {
	const struct wb_keep_facts *f;
	struct wb_keep_verdict v;
	int error;
};

static void add_line(struct judge *j, struct wb_strv *to, const char *fmt, va_list ap)
{
	WB_CLEAN_STR s = NULL;

	if (vasprintf(&s, fmt, ap) < 0) {
		s = NULL;
		j->error = -ENOMEM;
		return;
	}
	if (wb_strv_add_once(to, s) < 0)
		j->error = -ENOMEM;
}

static void refuse(struct judge *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct judge *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void refuse(struct judge *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(j, &j->v.reasons, fmt, ap);
	va_end(ap);
}

static void warn(struct judge *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(j, &j->v.warnings, fmt, ap);
	va_end(ap);
}

static bool is(const char *s, const char *want)
{
	return s && !strcmp(s, want);
}

static bool is_set(const char *s)
{
	return s && *s && strcmp(s, "no") && strcmp(s, "/");
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && !strcmp(s + n - m, with);
}

/* ---- what systemd says ---- */

/* A shutdown spares the unit, its slices and the root; sysinit.target is a default dependency. */
static void add_bound(struct judge *j, const struct wb_strv *units)
{
	for (size_t i = 0; i < units->n; i++) {
		const char *unit = units->items[i];

		if (is(unit, "sysinit.target") || is(unit, "-.mount") || ends(unit, ".slice"))
			continue;
		if (wb_strv_add(&j->v.bound, unit) < 0)
			j->error = -ENOMEM;
		warn(j, "%s stops it in a shutdown, unless that is kept, too", unit);
	}
}

static void judge_unit(struct judge *j)
{
	const struct wb_service *s = j->f->systemd;

	if (!j->f->criu)
		refuse(j, "criu is not installed");
	for (size_t i = 0; j->f->missing_modules && i < j->f->missing_modules->n; i++)
		refuse(j, "the kernel %s has no module %s, which criu needs",
			j->f->release ? j->f->release : "to come", j->f->missing_modules->items[i]);
	if (is(s->type, "dbus"))
		refuse(j, "it is of Type=dbus, and a connection to the bus cannot be taken along");
	if (s->dynamic_user)
		refuse(j, "DynamicUser= gives it another user in the next boot");
	if (is_set(s->root_directory) || is_set(s->root_image))
		refuse(j, "RootDirectory= or RootImage= gives it another root, where criu is not");
	if (is(s->proc_subset, "pid"))
		refuse(j, "ProcSubset=pid hides from criu what it reads in /proc");
	if (is_set(s->private_pids))
		refuse(j, "PrivatePIDs= gives it process numbers of its own");
	if (s->private_network || is_set(s->network_namespace))
		refuse(j, "it has a network of its own (PrivateNetwork= or NetworkNamespacePath=)");
	if (is_set(s->tty) && starts(s->standard_input ? s->standard_input : "", "tty"))
		refuse(j, "it has the terminal %s", s->tty);
	if (s->stored_fds)
		refuse(j, "systemd holds %u file descriptors for it, which do not travel",
			s->stored_fds);
	if (s->memory_deny_write_execute)
		warn(j, "MemoryDenyWriteExecute= is not in force again before its next restart");
	if (s->protect_hostname)
		warn(j, "ProtectHostname= is not in force again before its next restart");
	if (s->private_ipc)
		warn(j, "PrivateIPC= is not in force again before its next restart");
	if (s->watchdog_us)
		warn(j, "WatchdogSec= is not in force again before its next restart");
	for (size_t i = 0; i < s->triggered_by.n; i++)
		if (ends(s->triggered_by.items[i], ".socket"))
			refuse(j,
				"%s activates it, and would listen in its place before it is back",
				s->triggered_by.items[i]);
	if (j->f->procs->group)
		refuse(j, "it has control groups of its own (%s), which would be lost",
			j->f->procs->group);
	for (size_t i = 0; j->f->shared && i < j->f->shared->n; i++)
		refuse(j, "it shares the memory %s, which is not of this unit",
			j->f->shared->items[i]);
	add_bound(j, &s->required);
	add_bound(j, &s->requisite);
	add_bound(j, &s->bound);
	add_bound(j, &s->part_of);
}

/* ---- processes and their namespaces ---- */

static const struct wb_proc *main_process(const struct wb_keep_facts *f)
{
	return wb_procs_find(f->procs, f->systemd->main_pid);
}

/* Is `pid` the main process, or below it? CRIU takes one tree. */
static bool in_tree(const struct wb_procs *procs, int64_t pid, int64_t root)
{
	for (size_t steps = 0; steps <= procs->n; steps++) {
		const struct wb_proc *p = wb_procs_find(procs, pid);

		if (pid == root)
			return true;
		if (!p)
			return false;
		pid = p->parent;
	}
	return false;
}

static void judge_tree(struct judge *j)
{
	const struct wb_procs *procs = j->f->procs;
	const struct wb_proc *root = main_process(j->f);

	for (size_t i = 0; i < procs->n; i++) {
		const struct wb_proc *p = &procs->items[i];

		if (!in_tree(procs, p->pid, root->pid))
			refuse(j, "its process %" PRId64 " (%s) does not descend from the main one",
				p->pid, p->name);
		if (p->tracer)
			refuse(j, "its process %" PRId64 " (%s) is being debugged", p->pid,
				p->name);
		if (p->pid != root->pid && p->session != root->session &&
			!wb_procs_find(procs, p->session))
			refuse(j,
				"its process %" PRId64 " (%s) is in a session whose leader is gone",
				p->pid, p->name);
		if (p->exe && ends(p->exe, " (deleted)"))
			refuse(j, "its program %.*s has been replaced on disk: restart it first",
				(int)(strlen(p->exe) - strlen(" (deleted)")), p->exe);
	}
	if (root->session == root->pid)
		return;
	/* A leader that lives, but not in the unit, would be left behind. */
	if (j->f->foreign_leader || wb_procs_find(procs, root->session))
		refuse(j, "its main process is in the session of another one, %" PRId64,
			root->session);
	else
		j->v.image.foreign_session = true;
}

static bool same_ns(const struct wb_proc *a, const struct wb_proc *b, enum wb_ns ns)
{
	return !a->ns[ns] || !b->ns[ns] || !strcmp(a->ns[ns], b->ns[ns]);
}

/* user_namespaces(7): lines of "inside outside count", all mapping onto themselves? */
static bool maps_onto_itself(const char *map)
{
	while (map && *map) {
		unsigned long long inside, outside, count;
		const char *next = strchr(map, '\n');

		if (sscanf(map, "%llu %llu %llu", &inside, &outside, &count) != 3 ||
			inside != outside)
			return false;
		map = next ? next + 1 : NULL;
	}
	return true;
}

static void judge_namespaces(struct judge *j)
{
	static const struct {
		enum wb_ns ns;
		const char *what;
	} kinds[] = {
		{WB_NS_MNT, "mount"},
		{WB_NS_UTS, "host name"},
		{WB_NS_IPC, "IPC"},
		{WB_NS_NET, "network"},
		{WB_NS_USER, "user"},
		{WB_NS_PID, "process number"},
		{WB_NS_TIME, "time"},
	};
	const struct wb_proc *root = main_process(j->f), *init = j->f->init;

	for (size_t i = 0; i < j->f->procs->n; i++) {
		const struct wb_proc *p = &j->f->procs->items[i];

		for (size_t k = 0; !p->zombie && k < sizeof(kinds) / sizeof(*kinds); k++)
			if (!same_ns(p, root, kinds[k].ns))
				refuse(j, "its processes are in several %s namespaces",
					kinds[k].what);
	}
	/* CRIU itself gives what it restores a time namespace, so that monotonic clocks go on. */
	j->v.plain = true;
	for (size_t k = 0; kinds[k].ns != WB_NS_TIME; k++)
		j->v.plain &= root->ns[kinds[k].ns] && init->ns[kinds[k].ns] &&
			      same_ns(root, init, kinds[k].ns);
	if (!same_ns(root, init, WB_NS_PID))
		refuse(j, "it has process numbers of its own (a pid namespace)");
	if (!same_ns(root, init, WB_NS_NET))
		refuse(j, "it has a network of its own (a network namespace)");
	if (same_ns(root, init, WB_NS_USER))
		return;
	if (!maps_onto_itself(root->uid_map) || !maps_onto_itself(root->gid_map)) {
		refuse(j, "it has users of its own (a user namespace that maps them to others)");
		return;
	}
	j->v.image.own_users = true;
	warn(j, "PrivateUsers= is not in force again before its next restart");
}

/* ---- what travels ---- */

static const struct wb_proc_mount *mount_of(const struct wb_proc *p, int64_t id)
{
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.items[i].id == id)
			return &p->mounts.items[i];
	return NULL;
}

/*
 * Would the next boot not have it? A deleted one travels in CRIU's images, and in a /dev that is a
 * sandbox's own tmpfs are devices, but for the shared memory of shm_open(3) and sem_open(3).
 */
static bool has_to_travel(const char *fstype, const char *path)
{
	if (!wb_volatile_fs(fstype) || *path != '/' || ends(path, " (deleted)"))
		return false;
	return !starts(path, "/dev/") || starts(path, "/dev/shm/");
}

static void add_file(struct judge *j, const char *path)
{
	if (wb_strv_add_once(&j->v.files, path) < 0)
		j->error = -ENOMEM;
}

/* ---- what they have mapped ---- */

static void judge_map(struct judge *j, const char *name)
{
	static const char *const devices[] = {
		"/dev/zero", "/dev/null", "/dev/shm/", "/dev/hugepages/"};

	if (starts(name, "/SYSV")) {
		refuse(j, "it has System V shared memory");
	} else if (strstr(name, "[io_uring]")) {
		refuse(j, "it has an io_uring");
	} else if (starts(name, "/secretmem")) {
		refuse(j, "it has memory that nobody else may read (memfd_secret)");
	} else if (starts(name, "anon_inode:") || starts(name, "/anon_inode:")) {
		refuse(j, "it has memory of the kernel mapped (%s)", name);
	} else if (starts(name, "/dev/")) {
		for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
			if (starts(name, devices[i]))
				return;
		refuse(j, "it has the device %s mapped", name);
	}
}

/*
 * sem_open(3) makes a semaphore under another name, links it to its own and removes the first, which
 * stays the one that its maker's mapping has.
 */
static void add_nameless(struct judge *j, const char *path, int64_t device, int64_t inode)
{
	static const char gone[] = " (deleted)";
	struct wb_keep_nameless *n;

	if (!ends(path, gone))
		return;
	for (size_t i = 0; i < j->v.nameless.n; i++)
		if (j->v.nameless.items[i].device == device &&
			j->v.nameless.items[i].inode == inode)
			return;
	n = wb_list_add(&j->v.nameless, sizeof(*n));
	if (n)
		n->path = strndup(path, strlen(path) - strlen(gone));
	if (!n || !n->path) {
		j->error = -ENOMEM;
		return;
	}
	n->device = device;
	n->inode = inode;
}

/* A mapping outlives its descriptor, and the file has to be there to be mapped again. */
static void take_mapped_file(
	struct judge *j, const struct wb_proc *p, const struct wb_proc_map *map)
{
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct wb_proc_mount *m = &p->mounts.items[i];

		if (m->device != map->device || !wb_volatile_fs(m->fstype))
			continue;
		if (has_to_travel(m->fstype, map->name))
			add_file(j, map->name);
		else
			add_nameless(j, map->name, map->device, map->inode);
		return;
	}
}

/* ---- what they have open ---- */

static struct wb_criu_external *find_external(struct judge *j, const char *id)
{
	for (size_t i = 0; i < j->v.image.externals.n; i++)
		if (!strcmp(j->v.image.externals.items[i].id, id))
			return &j->v.image.externals.items[i];
	return NULL;
}

static struct wb_criu_external *add_external(struct judge *j, const char *id)
{
	struct wb_criu_external *e = find_external(j, id);

	if (e)
		return e;
	e = wb_list_add(&j->v.image.externals, sizeof(*e));
	if (e)
		e->id = strdup(id);
	if (!e || !e->id) {
		j->error = -ENOMEM;
		return NULL;
	}
	return e;
}

/* Opened before the sandbox was made: the mount that it is on is not in there. */
static void take_outside_file(struct judge *j, const struct wb_proc_fd *fd)
{
	struct wb_criu_external *e;
	char id[64];

	if (!wb_valid_path(fd->link) || ends(fd->link, " (deleted)")) {
		refuse(j, "it has the file %s open, which was opened outside of its sandbox",
			fd->link);
		return;
	}
	snprintf(id, sizeof(id), "file[%" PRIx64 ":%" PRIx64 "]", fd->mount, fd->inode);
	e = add_external(j, id);
	if (!e || e->path)
		return;
	e->path = strdup(fd->link);
	e->flags = fd->flags;
	e->position = fd->position;
	if (!e->path)
		j->error = -ENOMEM;
}

static void judge_device(struct judge *j, const char *path)
{
	static const char *const can[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
		"/dev/urandom", "/dev/ptmx", "/dev/pts/ptmx"};
	static const char *const below[] = {"/dev/pts/", "/dev/shm/", "/dev/hugepages/"};

	for (size_t i = 0; i < sizeof(can) / sizeof(*can); i++)
		if (is(path, can[i]))
			return;
	for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++)
		if (starts(path, below[i]))
			return;
	refuse(j, "it has the device %s open", path);
}

static void judge_anonymous(struct judge *j, const char *kind)
{
	static const char *const can[] = {"[eventfd]", "[eventpoll]", "[signalfd]", "[timerfd]",
		"inotify", "[pidfd]", "[eventfd", "[timerfd"};

	for (size_t i = 0; i < sizeof(can) / sizeof(*can); i++)
		if (starts(kind, can[i]))
			return;
	if (is(kind, "[io_uring]"))
		refuse(j, "it has an io_uring");
	else if (is(kind, "[fanotify]"))
		refuse(j, "it watches files by fanotify(7)");
	else
		refuse(j, "it has something of the kernel open that criu does not know: %s", kind);
}

static void judge_file(struct judge *j, const struct wb_proc *p, const struct wb_proc_fd *fd)
{
	const struct wb_proc_mount *m = mount_of(p, fd->mount);

	if (starts(fd->link, "/dev/"))
		judge_device(j, fd->link);
	if (starts(fd->link, "/memfd:"))
		return;
	if (!m) {
		take_outside_file(j, fd);
		return;
	}
	if (has_to_travel(m->fstype, fd->link))
		add_file(j, fd->link);
	else if (wb_volatile_fs(m->fstype))
		add_nameless(j, fd->link, m->device, fd->inode);
	if (is(m->fstype, "fuse") || starts(m->fstype, "fuse."))
		refuse(j, "it has the file %s open, on a file system of another program", fd->link);
	if (is(m->fstype, "nfs") || is(m->fstype, "nfs4") || is(m->fstype, "cifs"))
		warn(j,
			"its file %s is on a network file system, which has to be there when it "
			"comes back",
			fd->link);
}

static void judge_fd(struct judge *j, const struct wb_proc *p, const struct wb_proc_fd *fd)
{
	int64_t inode;

	if (wb_socket_inode(fd->link, &inode) || starts(fd->link, "pipe:"))
		return;
	if (starts(fd->link, "anon_inode:"))
		judge_anonymous(j, fd->link + strlen("anon_inode:"));
	else if (*fd->link == '/')
		judge_file(j, p, fd);
}

/* ---- sockets ---- */

/* Does any process of the unit have it? */
static bool owns(const struct wb_keep_facts *f, int64_t wanted)
{
	for (size_t i = 0; i < f->procs->n; i++)
		for (size_t k = 0; k < f->procs->items[i].fds.n; k++) {
			int64_t inode;

			if (wb_socket_inode(f->procs->items[i].fds.items[k].link, &inode) &&
				inode == wanted)
				return true;
		}
	return false;
}

static void add_port(struct judge *j, const struct wb_socket *s)
{
	const char *protocol = s->kind == WB_SOCKET_TCP ? "tcp" : "udp";
	struct wb_manifest_port *p;

	for (size_t i = 0; i < j->v.ports.n; i++) {
		p = &j->v.ports.items[i];
		if (p->port == s->local_port && is(p->protocol, protocol) &&
			(p->address ? is(s->local, p->address) : !s->local))
			return;
	}
	p = wb_list_add(&j->v.ports, sizeof(*p));
	if (!p) {
		j->error = -ENOMEM;
		return;
	}
	p->port = s->local_port;
	p->protocol = strdup(protocol);
	p->address = s->local ? strdup(s->local) : NULL;
	if (!p->protocol || !p->address != !s->local)
		j->error = -ENOMEM;
}

static void add_connection(struct judge *j, const struct wb_socket *s)
{
	struct wb_manifest_connection *c;

	if (!s->local || !s->remote)
		return;
	c = wb_list_add(&j->v.connections, sizeof(*c));
	if (!c) {
		j->error = -ENOMEM;
		return;
	}
	c->local = strdup(s->local);
	c->remote = strdup(s->remote);
	c->local_port = s->local_port;
	c->remote_port = s->remote_port;
	if (!c->local || !c->remote)
		j->error = -ENOMEM;
}

static int compare_connections(const void *a, const void *b)
{
	const struct wb_manifest_connection *x = a, *y = b;
	int c = (x->remote_port > y->remote_port) - (x->remote_port < y->remote_port);

	if (!c)
		c = (x->local_port > y->local_port) - (x->local_port < y->local_port);
	if (!c)
		c = strcmp(x->remote, y->remote);
	return c ? c : strcmp(x->local, y->local);
}

/*
 * One socket may be open in several processes, and often in one: its connection is listed once, as a
 * set of nft(8) has it. There may be tens of thousands.
 */
static void drop_repeated_connections(struct judge *j)
{
	struct wb_manifest_connection *all = j->v.connections.items;
	size_t n = 0;

	if (j->error < 0 || !j->v.connections.n)
		return;
	qsort(all, j->v.connections.n, sizeof(*all), compare_connections);
	for (size_t i = 0; i < j->v.connections.n; i++) {
		if (n && !compare_connections(&all[n - 1], &all[i])) {
			free(all[i].local);
			free(all[i].remote);
		} else {
			all[n++] = all[i];
		}
	}
	j->v.connections.n = n;
}

/* A stream whose other end is not the unit's. */
static void judge_stream(
	struct judge *j, const struct wb_proc *p, int64_t fd, const struct wb_socket *s)
{
	const struct wb_socket *peer = s->peer ? wb_sockets_find(j->f->sockets, s->peer) : NULL;
	bool standard = fd == 1 || fd == 2;
	struct wb_criu_external *e;
	char id[64];

	snprintf(id, sizeof(id), "unix[%" PRId64 "]", s->inode);
	/* Who is at the other end only a kernel with unix_diag tells; then standard output decides. */
	if (s->peer ? peer && is(peer->path, JOURNAL_SOCKET) : standard && !s->path) {
		e = add_external(j, id);
		if (e && (!e->fd || fd == 1) && standard)
			e->fd = fd;
		else if (e && !e->fd)
			e->fd = 1;
		return;
	}
	if (find_external(j, id) || !s->peer || owns(j->f, s->peer))
		return;
	if (peer && peer->path)
		refuse(j, "its process %" PRId64 " (%s) is connected to %s", p->pid, p->name,
			peer->path);
	else
		refuse(j,
			"its process %" PRId64
			" (%s) is connected to a program outside by a Unix socket",
			p->pid, p->name);
}

static void judge_socket(
	struct judge *j, const struct wb_proc *p, const struct wb_proc_fd *fd, int64_t inode)
{
	const struct wb_socket *s = wb_sockets_find(j->f->sockets, inode);

	/* One that is neither bound nor connected is in no table; others of its kind tell at a dump. */
	if (!s)
		return;
	switch (s->kind) {
	case WB_SOCKET_TCP:
	case WB_SOCKET_UDP:
		if (s->listening)
			add_port(j, s);
		else if (s->connected && s->kind == WB_SOCKET_TCP)
			add_connection(j, s);
		if (s->tls)
			refuse(j, "the kernel encrypts a connection of it (kTLS)");
		break;
	case WB_SOCKET_UNIX_STREAM:
		if (s->connected)
			judge_stream(j, p, fd->fd, s);
		break;
	case WB_SOCKET_PACKET:
		refuse(j, "it has a packet socket");
		break;
	case WB_SOCKET_NETLINK:
		refuse(j, "it has a netlink socket");
		break;
	case WB_SOCKET_OTHER:
		refuse(j, "it has a socket that criu cannot take along: %s", s->path);
		break;
	case WB_SOCKET_UNIX_DGRAM:
	case WB_SOCKET_RAW:
		break;
	}
}

static int compare_socket_fds(const void *a, const void *b)
{
	const struct wb_proc_fd *x = a, *y = b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Standard output first, so that a stream to the journal is known by it. */
static void judge_sockets(struct judge *j)
{
	for (size_t i = 0; i < j->f->procs->n; i++) {
		struct wb_proc *p = &j->f->procs->items[i];
		WB_LIST(struct wb_proc_fd)
		sorted = {calloc(p->fds.n + 1, sizeof(*p->fds.items)), p->fds.n};

		if (!sorted.items) {
			j->error = -ENOMEM;
			return;
		}
		for (size_t k = 0; k < sorted.n; k++)
			sorted.items[k] = p->fds.items[k];
		qsort(sorted.items, sorted.n, sizeof(*sorted.items), compare_socket_fds);
		for (size_t k = 0; k < sorted.n; k++) {
			int64_t inode;

			if (wb_socket_inode(sorted.items[k].link, &inode))
				judge_socket(j, p, &sorted.items[k], inode);
		}
		free(sorted.items);
	}
	drop_repeated_connections(j);
}

/* ---- all of it ---- */

static void count(struct judge *j)
{
	const struct wb_procs *procs = j->f->procs;

	j->v.image.main_pid = j->f->systemd->main_pid;
	for (size_t i = 0; i < procs->n; i++) {
		const struct wb_proc *p = &procs->items[i];
		int64_t *pid = wb_list_add(&j->v.image.pids, sizeof(*pid));

		if (!pid)
			j->error = -ENOMEM;
		else
			*pid = p->pid;
		j->v.processes++;
		j->v.threads += (size_t)p->threads;
		j->v.bytes += (uint64_t)(p->resident + p->swapped);
		/* Threads have numbers too, which follow their process's. */
		if (p->pid + p->threads > j->v.highest_pid)
			j->v.highest_pid = p->pid + p->threads;
	}
}

/* The mount that a path leads to: the innermost, and of those the topmost. */
static const struct wb_proc_mount *mount_at(const struct wb_proc *p, const char *path)
{
	const struct wb_proc_mount *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct wb_proc_mount *m = &p->mounts.items[i];
		size_t n = is(m->point, "/") ? 0 : strlen(m->point);

		if (n < longest || strncmp(path, m->point, n) || (path[n] && path[n] != '/'))
			continue;
		best = m;
		longest = n;
	}
	return best;
}

/* PrivateTmp= has a new directory at each start, on whatever file system. */
static bool is_lasting(const struct wb_proc_mount *m)
{
	return !wb_volatile_fs(m->fstype) && !strstr(m->root, "/systemd-private-");
}

/* On a disk an old copy would be written over what is there; it is there in the next boot anyway. */
static void add_named_file(struct judge *j, const char *path)
{
	const struct wb_proc_mount *m = mount_at(main_process(j->f), path);

	if (m && !is_lasting(m))
		add_file(j, path);
}

static void add_configured_file(struct judge *j, const char *typed, const char *path)
{
	const struct wb_proc_mount *m = mount_at(main_process(j->f), path);

	bool lasting = m && is_lasting(m);

	if (j->f->absent_files && wb_strv_has(j->f->absent_files, path)) {
		warn(j, "%s, which is to travel, does not exist", typed);
		if (!lasting && wb_strv_add_once(&j->v.later, path) < 0)
			j->error = -ENOMEM;
	} else if (lasting) {
		warn(j, "%s, which is to travel, lies on no tmpfs (but %s) and stays where it is",
			typed, m->fstype);
	} else {
		add_file(j, path);
	}
}

/* What nobody has open, but the service looks for. */
static void add_named_files(struct judge *j, const struct wb_keep_config *config)
{
	const struct wb_service *s = j->f->systemd;

	if (s->pid_file && *s->pid_file == '/' && wb_valid_path(s->pid_file))
		add_named_file(j, s->pid_file);
	/* Its own, one of them on a disk: the thaw makes them anew. Never the machine's. */
	if (s->private_tmp && !j->v.plain) {
		add_file(j, "/tmp");
		add_file(j, "/var/tmp");
	}
	for (size_t i = 0; i < s->runtime_directories.n; i++) {
		WB_CLEAN_STR path = NULL;

		if (asprintf(&path, "/run/%s", s->runtime_directories.items[i]) < 0) {
			path = NULL;
			j->error = -ENOMEM;
		} else if (wb_valid_path(path)) {
			add_named_file(j, path);
		}
	}
	for (size_t i = 0; config && i < config->files.n; i++) {
		const char *typed = config->files.items[i];

		add_configured_file(
			j, typed, j->f->real_files ? j->f->real_files->items[i] : typed);
	}
}

/* ---- what they watch ---- */

/* Does it go along with what travels already? */
static bool is_covered(const struct judge *j, const char *path)
{
	for (size_t i = 0; i < j->v.files.n; i++) {
		const char *file = j->v.files.items[i];
		size_t n = strlen(file);

		if (starts(path, file) && (!path[n] || (path[n] == '/' && file[n - 1] != '/')))
			return true;
	}
	return false;
}

/*
 * It is watched by name again. The root of a file system is there once that is mounted; any other
 * directory has to be, and what others have in it is not the unit's to bring along.
 */
static void take_watched(struct judge *j, const struct wb_proc *p, const struct wb_proc_watch *w)
{
	const struct wb_proc_mount *on = NULL;
	WB_CLEAN_STR alone = NULL;

	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct wb_proc_mount *m = &p->mounts.items[i];

		if (m->device != w->device || !wb_volatile_fs(m->fstype))
			continue;
		if (is(w->path, m->point) && is(m->root, "/"))
			return;
		on = m;
	}
	if (!on)
		return;
	if (!w->path) {
		refuse(j, "it watches something on a tmpfs by inotify(7) whose name is not found");
		return;
	}
	if (!has_to_travel(on->fstype, w->path) || is_covered(j, w->path))
		return;
	if (!w->directory)
		add_file(j, w->path);
	else if (asprintf(&alone, "%s/", w->path) < 0)
		alone = NULL;
	if (alone)
		add_file(j, alone);
	else if (w->directory)
		j->error = -ENOMEM;
}

static int no_longer_runs(const struct wb_keep_facts *f, struct wb_error *err)
{
	static const char *const up[] = {"active", "reloading", "refreshing", "activating"};

	for (size_t i = 0; i < sizeof(up) / sizeof(*up); i++)
		if (is(f->systemd->active, up[i]))
			return 0;
	return wb_fail(err, -ESRCH, "%s is %s: there is nothing to keep", f->unit,
		f->systemd->active ? f->systemd->active : "not there");
}

/* All that needs a main process to be looked at. */
static void judge_processes(struct judge *j, const struct wb_keep_config *config)
{
	judge_tree(j);
	judge_namespaces(j);
	for (size_t i = 0; i < j->f->procs->n; i++) {
		const struct wb_proc *p = &j->f->procs->items[i];

		for (size_t k = 0; k < p->maps.n; k++) {
			judge_map(j, p->maps.items[k].name);
			take_mapped_file(j, p, &p->maps.items[k]);
		}
		for (size_t k = 0; k < p->fds.n; k++)
			judge_fd(j, p, &p->fds.items[k]);
	}
	add_named_files(j, config);
	for (size_t i = 0; i < j->f->procs->n; i++)
		for (size_t k = 0; k < j->f->procs->items[i].watches.n; k++)
			take_watched(
				j, &j->f->procs->items[i], &j->f->procs->items[i].watches.items[k]);
}

int wb_keep_judge(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct judge j = {.f = facts};
	int r = no_longer_runs(facts, err);

	if (r < 0)
		return r;
	count(&j);
	if (is(facts->systemd->active, "activating"))
		refuse(&j, "it is still starting (activating)");
	else if (!main_process(facts))
		refuse(&j, "it has no main process that could be kept");
	judge_unit(&j);
	judge_sockets(&j);
	if (main_process(facts))
		judge_processes(&j, config);
	if (config && config->how == WB_KEEP_RESTART) {
		wb_strv_deinit(&j.v.reasons);
		refuse(&j, "it is configured to be restarted");
	}
	if (facts->criu && j.error == 0) {
		j.v.image.version = strdup(facts->criu);
		if (!j.v.image.version)
			j.error = -ENOMEM;
	}
	if (facts->systemd->cgroup && j.error == 0) {
		j.v.cgroup = strdup(facts->systemd->cgroup);
		if (!j.v.cgroup)
			j.error = -ENOMEM;
	}
	j.v.how = j.v.reasons.n ? WB_KEEP_RESTART : WB_KEEP_PROCESS;
	if (j.error < 0) {
		wb_keep_verdict_deinit(&j.v);
		return wb_fail(err, j.error, "out of memory");
	}
	*ret = j.v;
	return 0;
}

/* ---- modules ---- */

/*
 * Without these CRIU either refuses to start or cannot see a socket (field: a dump of one then
 * fails). tun and veth are missed only by who has such a device open.
 */
static const char *const needed_modules[] = {"nf_tables", "inet_diag", "tcp_diag", "udp_diag",
	"unix_diag", "netlink_diag", "af_packet_diag"};

/* Is "/NAME.ko", compressed or not, in the text? Dashes and underscores are the same. */
static bool lists_module(struct wb_bytes text, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n + 4 <= text.size; i++) {
		const char *p = (const char *)text.data + i;
		size_t k = 0;

		if (*p != '/')
			continue;
		while (k < n && (p[1 + k] == name[k] || (p[1 + k] == '-' && name[k] == '_')))
			k++;
		if (k == n && !memcmp(p + 1 + n, ".ko", 3))
			return true;
	}
	return false;
}

int wb_keep_missing_modules(struct wb_bytes dep, struct wb_bytes builtin, struct wb_strv *ret)
{
	WB_CLEAN_STRV missing = {};

	for (size_t i = 0; i < sizeof(needed_modules) / sizeof(*needed_modules); i++) {
		const char *name = needed_modules[i];

		if (lists_module(dep, name) || lists_module(builtin, name))
			continue;
		if (wb_strv_add(&missing, name) < 0)
			return -ENOMEM;
	}
	*ret = missing;
	missing = (struct wb_strv){};
	return 0;
}
