// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sockets that a unit shares with systemd: noting, finding and checking them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/strv.h"
#include "files/handed.h"
#include "sys/below.h"

/* ---- the key ---- */

int wb_handed_key(int fd, char *ret)
{
	static const int what[] = {SO_DOMAIN, SO_TYPE, SO_PROTOCOL};
	struct sockaddr_storage address = {};
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	socklen_t n = sizeof(address);
	size_t at = 0;

	for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
		socklen_t size = sizeof(int);
		int v;

		if (getsockopt(fd, SOL_SOCKET, what[i], &v, &size) < 0)
			return -errno;
		at += (size_t)snprintf(ret + at, 12, "%x ", (unsigned)v);
	}
	if (getsockname(fd, (struct sockaddr *)&address, &n) < 0)
		return -errno;
	if (n > sizeof(address) || n <= sizeof(sa_family_t))
		return -EDESTADDRREQ;
	/* A link may have another number in the next boot. */
	if (address.ss_family == AF_INET6)
		six->sin6_flowinfo = six->sin6_scope_id = 0;
	for (socklen_t i = 0; i < n; i++)
		at += (size_t)snprintf(ret + at, 3, "%02x", ((const uint8_t *)&address)[i]);
	return 0;
}

/* ---- the descriptors of a process ---- */

struct socket {
	int64_t pid, fd;
	uint64_t inode;
};
typedef WB_LIST(struct socket) sockets;

static bool has_inode(const sockets *s, uint64_t inode)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].inode == inode)
			return true;
	return false;
}

/* Add the sockets that a process has open; `of`: only those that are in that list. */
static int add_sockets(int64_t pid, const sockets *of, sockets *ret)
{
	char path[64];
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	for (const struct dirent *d; r == 0 && (d = readdir(dir));) {
		unsigned long long inode;
		char link[64];
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
		struct socket *s;

		link[n > 0 ? n : 0] = '\0';
		if (sscanf(link, "socket:[%llu]", &inode) != 1 || (of && !has_inode(of, inode)))
			continue;
		s = wb_list_add(ret, sizeof(*s));
		if (s)
			*s = (struct socket){pid, atoll(d->d_name), inode};
		else
			r = -ENOMEM;
	}
	closedir(dir);
	return r;
}

/* All of a unit's that are in the list `of`. A child that has ended is still listed in u->pids, and has none. */
static int add_all(
	const struct wb_manifest_unit *u, const sockets *of, sockets *ret, struct wb_error *err)
{
	for (size_t i = 0; i < u->pids.n; i++) {
		int r = add_sockets(u->pids.items[i], of, ret);

		if (r < 0 && (r != -ESRCH || u->pids.items[i] == u->main_pid))
			return wb_fail(err, r, "cannot look at the sockets of process %lld: %s",
				(long long)u->pids.items[i], strerror(-r));
	}
	return 0;
}

/* ---- note ---- */

static void forget(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->handed.n; i++)
		free(u->handed.items[i].key);
	free(u->handed.items);
	u->handed.items = NULL;
	u->handed.n = 0;
}

static int key_of(const struct socket *s, char *ret)
{
	WB_CLEAN_FD process = (int)syscall(SYS_pidfd_open, (pid_t)s->pid, 0);
	WB_CLEAN_FD fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)s->fd, 0);

	return fd < 0 ? -errno : wb_handed_key(fd, ret);
}

static int note(struct wb_manifest_unit *u, const sockets *all, size_t i, struct wb_error *err)
{
	char key[WB_MANIFEST_KEY + 1];
	struct wb_manifest_handed *h;
	int r = key_of(&all->items[i], key);

	if (r < 0)
		return wb_fail(err, r, "cannot look at a socket that systemd handed to it: %s",
			strerror(-r));
	for (size_t k = 0; k < i; k++)
		if (all->items[k].inode != all->items[i].inode &&
			!strcmp(u->handed.items[k].key, key))
			return wb_fail(err, -EOPNOTSUPP,
				"two of the sockets that systemd handed to it have the same "
				"address");
	h = wb_list_add(&u->handed, sizeof(*h));
	if (h)
		*h = (struct wb_manifest_handed){all->items[i].pid, all->items[i].fd, strdup(key)};
	return h && h->key ? 0 : wb_oom(err);
}

/* Sockets that it has given to systemd are its own. */
static void drop_stored(sockets *its, const wb_stored_list *stored)
{
	size_t n = 0;

	for (size_t i = 0; i < its->n; i++)
		if (!wb_stored_has(stored, (int64_t)its->items[i].inode))
			its->items[n++] = its->items[i];
	its->n = n;
}

int wb_handed_note(struct wb_manifest_unit *u, int64_t systemd, struct wb_error *err)
{
	sockets its = {}, ours = {};
	int r = add_sockets(systemd, NULL, &its);

	forget(u);
	drop_stored(&its, &u->stored);
	if (r < 0)
		wb_fail(err, r, "cannot look at the sockets of systemd: %s", strerror(-r));
	else
		r = add_all(u, &its, &ours, err);
	for (size_t i = 0; r == 0 && i < ours.n; i++)
		r = note(u, &ours, i, err);
	free(its.items);
	free(ours.items);
	return r;
}

/* ---- the next boot ---- */

static int find(const char *key, const int *fds, size_t n)
{
	char other[WB_MANIFEST_KEY + 1];

	for (size_t i = 0; i < n; i++)
		if (wb_handed_key(fds[i], other) == 0 && !strcmp(other, key))
			return fds[i];
	return -ENOENT;
}

int wb_handed_match(const struct wb_manifest_unit *u, const int *fds, size_t n, wb_handed_fds *ret,
	struct wb_error *err)
{
	wb_handed_fds found = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->handed.n; i++) {
		int fd = find(u->handed.items[i].key, fds, n), *item;
		bool known = false;

		for (size_t k = 0; k < found.n; k++)
			known |= found.items[k] == fd;
		if (known)
			continue;
		item = fd < 0 ? NULL : wb_list_add(&found, sizeof(*item));
		if (item)
			*item = fd;
		else
			r = fd < 0 ? wb_fail(err, -ENOENT,
					     "systemd has not handed over again a socket that it "
					     "had: %s does not run, or listens elsewhere now",
					     u->sockets.n == 1 ? u->sockets.items[0]
							       : "its socket unit")
				   : wb_oom(err);
	}
	if (r < 0)
		free(found.items);
	else
		*ret = found;
	return r;
}

static bool was_handed(const struct wb_manifest_unit *u, const struct socket *s)
{
	for (size_t i = 0; i < u->handed.n; i++)
		if (u->handed.items[i].pid == s->pid && u->handed.items[i].fd == s->fd)
			return true;
	return false;
}

static int by_inode(const wb_handed_fds *fds, sockets *ret)
{
	for (size_t i = 0; i < fds->n; i++) {
		struct socket *s = wb_list_add(ret, sizeof(*s));
		struct stat st;

		if (!s)
			return -ENOMEM;
		if (fstat(fds->items[i], &st) < 0)
			return -errno;
		*s = (struct socket){.fd = fds->items[i], .inode = st.st_ino};
	}
	return 0;
}

int wb_handed_check(
	const struct wb_manifest_unit *u, const wb_handed_fds *fds, struct wb_error *err)
{
	sockets its = {}, ours = {};
	int r = by_inode(fds, &its);
	bool same;

	if (r < 0)
		wb_fail(err, r, "cannot look at the sockets of systemd: %s", strerror(-r));
	else
		r = add_all(u, &its, &ours, err);
	same = ours.n == u->handed.n;
	for (size_t i = 0; r == 0 && same && i < ours.n; i++)
		same = was_handed(u, &ours.items[i]);
	if (r == 0 && !same)
		r = wb_fail(err, -EPERM,
			"its processes have not come back with the sockets that systemd had handed "
			"to them");
	free(its.items);
	free(ours.items);
	return r;
}
