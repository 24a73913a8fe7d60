// SPDX-License-Identifier: LGPL-2.1-or-later
/* Descriptors in systemd's store: finding them in the unit's processes, and giving them to systemd again. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/strv.h"
#include "sys/below.h"
#include "systemd/stored.h"

void wb_stored_deinit(wb_stored_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		free(list->items[i].link);
	}
	free(list->items);
	*list = (wb_stored_list){};
}

bool wb_stored_has(const wb_stored_list *list, int64_t inode)
{
	char link[32];

	snprintf(link, sizeof(link), "socket:[%lld]", (long long)inode);
	for (size_t i = 0; list && i < list->n; i++)
		if (!strcmp(list->items[i].link, link))
			return true;
	return false;
}

static int add(wb_stored_list *list, const struct wb_stored *stored)
{
	struct wb_stored *s = wb_list_add(list, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct wb_stored){.name = strdup(stored->name),
		.link = strdup(stored->link),
		.pid = stored->pid,
		.fd = stored->fd};
	return s->name && s->link ? 0 : -ENOMEM;
}

int wb_stored_copy(const wb_stored_list *list, wb_stored_list *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = add(ret, &list->items[i]);
	return r;
}

/* ---- finding ---- */

static bool leads_to(int dir, const char *name, const char *link, int64_t inode)
{
	char text[512];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);
	struct stat st;

	if (n < 0)
		return false;
	text[n] = '\0';
	return !strcmp(text, link) && fstatat(dir, name, &st, 0) == 0 &&
	       (int64_t)st.st_ino == inode;
}

/*
 * The first descriptor of a process that leads there; of two processes (`than` >= 0), the first that is the same open
 * file as descriptor `fd` of process `than`. -1: there is none.
 */
static int first_fd(int64_t pid, const char *link, int64_t inode, int64_t than, int fd)
{
	int found = -1;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)pid);
	dir = opendir(path);
	for (const struct dirent *d; dir && found < 0 && (d = readdir(dir));)
		if (*d->d_name != '.' && leads_to(dirfd(dir), d->d_name, link, inode) &&
			(than < 0 || syscall(SYS_kcmp, (pid_t)pid, (pid_t)than, KCMP_FILE,
					     atol(d->d_name), (long)fd) == 0))
			found = atoi(d->d_name);
	if (dir)
		closedir(dir);
	return found;
}

/* A socket or a file in memory. Other kinds have no name of their own, or one that may lead elsewhere. */
static bool is_known_again(const char *link)
{
	return !strncmp(link, "socket:[", strlen("socket:[")) ||
	       !strncmp(link, "/memfd:", strlen("/memfd:"));
}

static int find(const struct wb_service_stored_fd *s, const int64_t *pids, size_t n,
	int64_t systemd, wb_stored_list *ret, struct wb_error *err)
{
	if (!is_known_again(s->link) || !strncmp(s->name, "warmboot-", strlen("warmboot-")))
		return wb_fail(err, -EOPNOTSUPP, "%.64s does not travel (%.64s)", s->name, s->link);
	for (size_t i = 0; i < n; i++) {
		int fd = first_fd(pids[i], s->link, s->inode, -1, -1);

		if (fd < 0 || first_fd(systemd, s->link, s->inode, pids[i], fd) < 0)
			continue;
		return add(ret, &(struct wb_stored){s->name, s->link, pids[i], fd}) < 0
			       ? wb_oom(err)
			       : 0;
	}
	return wb_fail(err, -EOPNOTSUPP, "it has not open %.64s itself (%.64s)", s->name, s->link);
}

int wb_stored_find(const struct wb_service *service, const int64_t *pids, size_t n, int64_t systemd,
	wb_stored_list *ret, struct wb_error *err)
{
	const wb_service_stored *stored = &service->stored;
	wb_stored_list found = {};
	int r = 0;

	if (stored->n < service->stored_fds)
		r = wb_fail(err, -EOPNOTSUPP, "it does not tell which");
	for (size_t i = 0; r == 0 && i < stored->n; i++)
		r = find(&stored->items[i], pids, n, systemd, &found, err);
	if (r < 0)
		wb_stored_deinit(&found);
	else
		*ret = found;
	return r;
}

int wb_stored_check(const struct wb_stored *all, size_t n_all, struct wb_error *err)
{
	for (size_t i = 0; i < n_all; i++) {
		const struct wb_stored *s = &all[i];
		char path[64], link[512];
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%lld/fd/%lld", (long long)s->pid,
			(long long)s->fd);
		n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		if (strcmp(link, s->link) != 0)
			return wb_fail(err, -EOPNOTSUPP,
				"it has closed the file descriptor %.64s, which systemd holds for "
				"it",
				s->name);
	}
	return 0;
}

/* ---- the next boot ---- */

int wb_stored_give(const struct wb_stored *all, size_t n,
	int (*push)(const char *name, int fd, struct wb_error *err), struct wb_error *err)
{
	int r = 0;

	/* systemd lists the latest first. */
	for (size_t i = n; r == 0 && i-- > 0;) {
		const struct wb_stored *s = &all[i];
		WB_CLEAN_FD process = (int)syscall(SYS_pidfd_open, (pid_t)s->pid, 0);
		WB_CLEAN_FD fd =
			process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)s->fd, 0);

		if (fd < 0)
			return wb_fail(err, -errno, "cannot give systemd %s again: %s", s->name,
				strerror(errno));
		r = push(s->name, fd, err);
	}
	return r;
}
