// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rules about sockets, and the ports and connections for the packet hold. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sort.h"
#include "core/valid.h"
#include "survey/judging.h"

#define JOURNAL_SOCKET "/run/systemd/journal/stdout"

/* Does a process of the unit have the socket with this inode? */
static bool owns(const struct wb_keep_facts *f, int64_t wanted)
{
	const struct wb_socket *s = wb_sockets_find(f->sockets, wanted);

	return s && s->own;
}

static void add_port(struct wb_judging *j, const struct wb_socket *s)
{
	const char *protocol = s->kind == WB_SOCKET_TCP ? "tcp" : "udp";
	struct wb_net_port *p;

	for (size_t i = 0; i < j->v.ends.ports.n; i++) {
		p = &j->v.ends.ports.items[i];
		if (p->port == s->local_port && is(p->protocol, protocol) &&
			(p->address ? is(s->local, p->address) : !s->local))
			return;
	}
	p = wb_list_add(&j->v.ends.ports, sizeof(*p));
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

static void add_connection(struct wb_judging *j, const struct wb_socket *s)
{
	struct wb_net_connection *c;

	if (!s->local || !s->remote)
		return;
	c = wb_list_add(&j->v.ends.connections, sizeof(*c));
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

/*
 * A socket may be open several times, but a set of nft(8) lists each connection once. There may be tens of
 * thousands, so they are sorted first.
 */
static void drop_repeated_connections(struct wb_judging *j)
{
	struct wb_net_connection *all = j->v.ends.connections.items;
	size_t n = 0;

	if (j->error < 0 || !j->v.ends.connections.n)
		return;
	wb_sort(all, j->v.ends.connections.n, sizeof(*all), wb_net_compare_connections);
	for (size_t i = 0; i < j->v.ends.connections.n; i++) {
		if (n && !wb_net_compare_connections(&all[n - 1], &all[i])) {
			free(all[i].local);
			free(all[i].remote);
		} else {
			all[n++] = all[i];
		}
	}
	j->v.ends.connections.n = n;
}

/*
 * A connected stream: to the journal, which the restore replaces, to the unit itself, or to others, which is a
 * reason, unless the restore may leave the unit a closed one.
 */
static void judge_stream(
	struct wb_judging *j, const struct wb_proc *p, int64_t fd, const struct wb_socket *s)
{
	const struct wb_socket *peer = s->peer ? wb_sockets_find(j->f->sockets, s->peer) : NULL;
	bool standard = fd == 1 || fd == 2;
	struct wb_criu_external *e;
	char id[64];

	snprintf(id, sizeof(id), "unix[%" PRId64 "]", s->inode);
	/*
	 * A peer that waits to be accepted has no inode yet, so it is not known. An unnamed stream as standard output
	 * is then taken for the journal's.
	 */
	if (s->peer ? peer && is(peer->path, JOURNAL_SOCKET) : standard && !s->path) {
		e = wb_judging_add_external(j, id);
		if (e && (!e->fd || fd == 1) && standard)
			e->fd = fd;
		else if (e && !e->fd)
			e->fd = 1;
		return;
	}
	if (wb_judging_find_external(j, id) || !s->peer || owns(j->f, s->peer))
		return;
	if (j->config && j->config->reset_peers) {
		e = wb_judging_add_external(j, id);
		if (e) {
			e->reset = true;
			e->packets = s->packets;
		}
		wb_warn(j,
			"its connection to %s is closed for it by the jump: it has to connect "
			"again",
			peer && peer->path ? peer->path
			: s->path          ? s->path
					   : "a program outside by a Unix socket");
		return;
	}
	if (peer && peer->path)
		wb_refuse(j, "its process %" PRId64 " (%s) is connected to %s", p->pid, p->name,
			peer->path);
	else
		wb_refuse(j,
			"its process %" PRId64
			" (%s) is connected to a program outside by a Unix socket",
			p->pid, p->name);
}

/* CRIU connects it again by the peer's path. An unnamed peer of others fails the dump, which says so. */
static void judge_datagrams(struct wb_judging *j, const struct wb_socket *s)
{
	const struct wb_socket *peer = s->peer ? wb_sockets_find(j->f->sockets, s->peer) : NULL;

	if (!peer || !peer->path || peer->own || j->v.speaks_to)
		return;
	j->v.speaks_to = strdup(peer->path);
	if (!j->v.speaks_to)
		j->error = -ENOMEM;
}

/* Are two directories the same, but for the links that every system has in /var? */
static bool is_same_directory(const char *a, const char *b)
{
	static const char *const links[][2] = {{"/var/run", "/run"}, {"/var/lock", "/run/lock"}};

	if (is(a, b))
		return true;
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		size_t n = strlen(links[i][0]), m = strlen(links[i][1]);

		if (starts(a, links[i][0]) && starts(b, links[i][1]) && is(a + n, b + m))
			return true;
	}
	return false;
}

/* Cut the last part of a path off. "": it was in the root directory. */
static char *directory_of(const char *path)
{
	return strndup(path, (size_t)(strrchr(path, '/') - path));
}

/* The socket has its second name again when CRIU binds it by the first. */
static void keep_second_name(struct wb_judging *j, const struct wb_socket *s)
{
	struct wb_criu_name *name;

	for (size_t i = 0; i < j->v.image.names.n; i++)
		if (is(j->v.image.names.items[i].bound, s->path)) {
			if (!is(j->v.image.names.items[i].now, s->now))
				wb_distrust(j, "it has several sockets that were bound as %.100s",
					s->path);
			return;
		}
	if (j->v.image.names.n >= WB_CRIU_NAMES || !wb_valid_path(s->path) ||
		!wb_valid_path(s->now) || strchr(s->now, '\n') || strchr(s->path, '\n')) {
		wb_distrust(j, "it has sockets that were renamed, and their names are too many or "
			       "too odd");
		return;
	}
	name = wb_list_add(&j->v.image.names, sizeof(*name));
	if (!name) {
		j->error = -ENOMEM;
		return;
	}
	*name = (struct wb_criu_name){strdup(s->path), strdup(s->now), s->owner};
	if (!name->bound || !name->now)
		j->error = -ENOMEM;
}

/*
 * CRIU makes the socket again by its name; a relative one in the directory where the socket's file is. If that is on a
 * tmpfs, the next boot does not have it, and it travels. A link on a tmpfs does not.
 */
static void judge_bound(struct wb_judging *j, const struct wb_socket *s)
{
	static const char gone[] = " (deleted)";
	const struct wb_proc *main = wb_judging_main(j);
	WB_CLEAN_STR file = strdup(s->file ? s->file : s->path);
	WB_CLEAN_STR dir = NULL;
	WB_CLEAN_STR named = NULL;
	WB_CLEAN_STR top = NULL;
	const struct wb_mount *m;
	size_t n;

	if (s->elsewhere) {
		wb_distrust(
			j, "its socket %.100s is not the file that this name leads to", s->path);
		return;
	}
	if (s->now)
		keep_second_name(j, s);
	if (file && s->file && wb_text_ends(file, gone))
		file[strlen(file) - strlen(gone)] = '\0';
	n = file ? strlen(file) : 0;
	if (file && *s->path != '/' &&
		(*file != '/' || !wb_valid_path(file) || !wb_text_ends(file, s->path) ||
			file[n - strlen(s->path) - 1] != '/')) {
		if (!j->nowhere++)
			wb_distrust(j,
				"it has %.100s open, whose place in the next boot is not known",
				s->path);
		return;
	}
	if (file && *s->path == '/' && s->file && (s->now || !wb_text_ends(s->file, gone)))
		wb_judging_add_binding(j, s->path);
	else if (file)
		wb_judging_add_place(j, *s->path == '/' ? s->path : file);
	dir = file ? directory_of(file) : NULL;
	named = dir ? directory_of(*s->path == '/' ? s->path : file) : NULL;
	if (!named) {
		j->error = -ENOMEM;
		return;
	}
	top = main && s->file && j->f->common ? wb_top_of(&main->mounts, dir) : NULL;
	if (top && !wb_strv_has(j->f->common, top))
		wb_travel_add_whole(j, top);
	if (!main || !*dir || !wb_travel_add_needed(j, main, dir) || is_same_directory(named, dir))
		return;
	m = wb_mounts_at(&main->mounts, *named ? named : "/");
	if (m && wb_volatile_fs(m->fstype))
		wb_refuse(j, "its socket %.100s is behind a link on a tmpfs, which does not travel",
			s->path);
}

/* Systemd will bind it again, and CRIU gets a copy, whatever its name is. CRIU cannot read datagrams with credentials. */
static void judge_handed(struct wb_judging *j, const struct wb_socket *s)
{
	int64_t *unread;

	if (s->file && wb_text_ends(s->file, " (deleted)"))
		wb_refuse(j, "its socket %.100s, which systemd has bound, has no file any more",
			s->path);
	if (s->kind != WB_SOCKET_UNIX_DGRAM)
		return;
	for (size_t i = 0; i < j->v.image.unread.n; i++)
		if (j->v.image.unread.items[i] == s->inode)
			return;
	unread = wb_list_add(&j->v.image.unread, sizeof(*unread));
	if (!unread)
		j->error = -ENOMEM;
	else
		*unread = s->inode;
	wb_warn(j, "datagrams that it has not read from %.100s when it is frozen are lost",
		s->path ? s->path : "a socket of systemd's");
}

/* A netlink socket gives its opener's rights to messages, and all of the unit's are opened with the same ones. */
static void judge_opener(struct wb_judging *j, const struct wb_proc *p)
{
	if (!j->netlink)
		j->netlink = p;
	else if (j->netlink->rights.held != p->rights.held)
		wb_distrust(j, "its processes with netlink sockets have different capabilities");
}

/*
 * Systemd opens its output before it enters the unit's network namespace. CRIU would look for any other such socket in
 * vain, or make it anew in the wrong one.
 */
static void judge_origin(struct wb_judging *j, const struct wb_socket *s)
{
	char id[64];

	snprintf(id, sizeof(id), "unix[%" PRId64 "]", s->inode);
	if (s->foreign || (s->outer && !wb_judging_find_external(j, id)))
		wb_distrust(j, "it has a socket that was made in another network namespace");
}

static void judge_socket(
	struct wb_judging *j, const struct wb_proc *p, const struct wb_proc_fd *fd, int64_t inode)
{
	const struct wb_socket *s = wb_sockets_find(j->f->sockets, inode);
	bool apart = wb_judging_lives_apart(j);
	bool handed;

	/* A socket that is neither bound nor connected is in no table. If CRIU cannot take it, the dump says so. */
	if (!s)
		return;
	/* Its own it may have given to systemd, and their names matter. */
	handed = s->handed && !wb_stored_has(j->f->stored, s->inode);
	if (handed && !j->v.sockets.n && !j->f->systemd->stored_fds)
		wb_refuse(j, "systemd has a socket of it open, but no socket unit activates it");
	if (handed && j->v.sockets.n)
		judge_handed(j, s);
	else if (s->bound)
		judge_bound(j, s);
	if (s->unfit)
		wb_refuse(j, "%s", s->unfit);
	if (s->follows)
		wb_warn(j, "it does not hear what changes in the network or of devices during the "
			   "jump (netlink)");
	if (s->unread)
		wb_warn(j, "datagrams that it has not read when it is stopped are lost (UDP)");
	switch (s->kind) {
	case WB_SOCKET_TCP:
	case WB_SOCKET_UDP:
		/* The packet hold is in the machine's network, where the same ports are others'. */
		if (s->listening && !apart)
			add_port(j, s);
		else if (s->connected && s->kind == WB_SOCKET_TCP && !apart)
			add_connection(j, s);
		if (s->tls)
			wb_refuse(j, "the kernel encrypts a connection of it (kTLS)");
		break;
	case WB_SOCKET_UNIX_STREAM:
		if (s->connected)
			judge_stream(j, p, fd->fd, s);
		break;
	case WB_SOCKET_NETLINK:
	case WB_SOCKET_PACKET:
		if (s->kind == WB_SOCKET_NETLINK)
			judge_opener(j, p);
		if (!s->seen && !s->unfit)
			wb_refuse(j, "it has a %s socket, which cannot be looked at",
				s->kind == WB_SOCKET_PACKET ? "packet" : "netlink");
		break;
	case WB_SOCKET_OTHER:
		if (!s->unfit && !s->foreign)
			wb_refuse(j, "it has a socket that criu cannot take along: %s", s->path);
		break;
	case WB_SOCKET_UNIX_DGRAM:
		judge_datagrams(j, s);
		break;
	case WB_SOCKET_RAW:
		break;
	}
	judge_origin(j, s);
}

static int compare_socket_fds(const void *a, const void *b)
{
	const struct wb_proc_fd *x = a, *y = b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Descriptors in ascending order, so that standard output is seen before copies of it. */
void wb_rules_sockets(struct wb_judging *j)
{
	/* wb_keep_look_still() would refuse the unit for this, when its processes stand still. */
	if (j->f->peers_error < 0)
		wb_refuse(j,
			"the kernel does not tell the names of its Unix sockets (unix_diag): %s",
			strerror(-j->f->peers_error));
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
		wb_sort(sorted.items, sorted.n, sizeof(*sorted.items), compare_socket_fds);
		for (size_t k = 0; k < sorted.n; k++) {
			int64_t inode;

			if (wb_socket_inode(sorted.items[k].link, &inode))
				judge_socket(j, p, &sorted.items[k], inode);
		}
		free(sorted.items);
	}
	if (j->nowhere > 1)
		wb_refuse(j, "it has %zu more descriptors of such sockets", j->nowhere - 1);
	drop_repeated_connections(j);
}

void wb_rules_ends(struct wb_judging *j)
{
	for (size_t i = 0; i < j->f->sockets->n; i++) {
		const struct wb_socket *s = &j->f->sockets->items[i];

		if (!s->own || (s->kind != WB_SOCKET_TCP && s->kind != WB_SOCKET_UDP))
			continue;
		if (s->listening)
			add_port(j, s);
		else if (s->connected && s->kind == WB_SOCKET_TCP)
			add_connection(j, s);
	}
	drop_repeated_connections(j);
}
