// SPDX-License-Identifier: LGPL-2.1-or-later
/* Directories in which CRIU makes and removes files by path: noting and checking them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files/opened.h"
#include "files/places.h"
#include "files/writers.h"
#include "sys/spawn.h"

/* Timeout, because the file system may not answer. */
#define LOOK_MS 20000

int wb_places_add(struct wb_manifest_unit *u, const char *path)
{
	struct wb_manifest_place *p;

	for (size_t i = 0; i < u->places.n; i++)
		if (!strcmp(u->places.items[i].path, path))
			return 0;
	p = wb_list_add(&u->places, sizeof(*p));
	if (p)
		p->path = strdup(path);
	return p && p->path ? 0 : -ENOMEM;
}

int wb_places_add_binding(struct wb_manifest_unit *u, const char *path)
{
	size_t n = u->places.n;
	int r = wb_places_add(u, path);

	if (r == 0 && u->places.n > n)
		u->places.items[n].binds = true;
	return r;
}

/* The real path of an open file; false: it is unknown. */
static bool real_of(int fd, char ret[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return *ret == '/';
}

/* Returns 0 also if there is no such directory. */
static int note(int root, struct wb_manifest_place *p)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, root, p->path, &how, sizeof(how)), r = 0;
	char real[PATH_MAX];

	if (fd < 0)
		return 0;
	if (wb_identity_of(fd, &p->identity, NULL) == 0 && real_of(fd, real)) {
		p->real = strdup(real);
		r = p->real ? 1 : -ENOMEM;
	}
	close(fd);
	return r;
}

/* Add the directory above, because CRIU makes a missing directory again there. */
static int add_above(struct wb_manifest_unit *u, const char *path)
{
	const char *slash = strrchr(path, '/');
	WB_CLEAN_STR above = slash > path ? strndup(path, (size_t)(slash - path)) : strdup("/");

	return above ? wb_places_add(u, above) : -ENOMEM;
}

int wb_places_note(int root, struct wb_manifest_unit *u, struct wb_error *err)
{
	/* The list grows while it is processed. */
	for (size_t i = 0; i < u->places.n; i++) {
		int r = note(root, &u->places.items[i]);

		if (r == 0 && strcmp(u->places.items[i].path, "/") != 0)
			r = add_above(u, u->places.items[i].path);
		if (r < 0)
			return wb_oom(err);
	}
	return 0;
}

/* ---- before the restore ---- */

/*
 * Does `path` lead to this file? If its identity is not enough, the real path must be the same,
 * too. A path that leads nowhere is accepted.
 */
static bool leads_to(const struct wb_manifest_unit *u, const char *path, int flags,
	const struct wb_identity *want, const char *want_real)
{
	int fd = open(path, flags | O_PATH | O_CLOEXEC);
	struct wb_identity now;
	char real[PATH_MAX];
	bool same;

	if (fd < 0)
		return true;
	same = wb_identity_of(fd, &now, NULL) == 0;
	if (same && wb_identity_same(&now, want) && wb_identity_lasts(want))
		want_real = NULL;
	else if (same && now.kind != S_IFCHR && now.kind != S_IFBLK)
		same = now.kind == want->kind &&
		       (wb_identity_same(&now, want) || wb_opened_travels(u, want_real, &now));
	else if (same)
		same = wb_identity_same(&now, want);
	if (same && want_real)
		same = real_of(fd, real) && !strcmp(real, want_real);
	close(fd);
	return same;
}

static bool is_gone(const char *path)
{
	static const char gone[] = " (deleted)";
	size_t n = strlen(path), m = strlen(gone);

	return n > m && !strcmp(path + n - m, gone);
}

/* A path that led nowhere must still lead nowhere: another user may have put a link there. */
static bool is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0;
}

/* The first path that leads elsewhere; NULL: there is none. */
static const char *find_moved(const struct wb_manifest_unit *u, const struct wb_strv *externals)
{
	for (size_t i = 0; i < u->places.n; i++) {
		const struct wb_manifest_place *p = &u->places.items[i];

		if (p->real ? !leads_to(u, p->path, O_DIRECTORY, &p->identity, p->real)
			    : !is_missing(p->path))
			return p->path;
	}
	for (size_t i = 0; i < u->opened.n; i++) {
		const struct wb_manifest_open *o = &u->opened.items[i];

		if (!is_gone(o->path) && !wb_strv_has(externals, o->path) &&
			!leads_to(u, o->path, 0, &o->identity, o->path))
			return o->path;
	}
	return NULL;
}

/*
 * The directory of a bound socket may be its service's own: what others may do there to the socket's name they may do
 * anyway, and the library in CRIU makes owner and mode those of the socket's file, whatever its name leads to by then
 * (shim/sockets.c). In a sticky directory the name is protected from others, and CRIU would not respect that.
 */
static int add_writers(struct wb_writers *writers, const struct wb_manifest_place *p)
{
	const char *slash = strrchr(p->path, '/');
	WB_CLEAN_STR above = NULL;
	struct stat st;

	if (!p->binds || lstat(p->path, &st) < 0 || !S_ISDIR(st.st_mode) ||
		(st.st_mode & S_ISVTX) || slash == p->path)
		return wb_writers_add(writers, p->path);
	above = strndup(p->path, (size_t)(slash - p->path));
	return above ? wb_writers_add(writers, above) : -ENOMEM;
}

/* Refuse if a process could exchange these directories while CRIU works there. */
static int find_writers(const struct wb_files *files, const struct wb_manifest *m,
	const struct wb_manifest_unit *u, struct wb_error *err)
{
	const struct wb_manifest_unit *other;
	WB_CLEAN_WRITERS writers = {};
	int64_t pid;

	for (size_t i = 0; i < u->places.n; i++)
		if (add_writers(&writers, &u->places.items[i]) < 0)
			return wb_oom(err);
	other = wb_writers_kept(&writers, m, u);
	if (other)
		return wb_fail(err, -EPERM,
			"%s is kept, too, and may write where a Unix socket or a file of this one "
			"is "
			"made anew",
			other->unit);
	pid = wb_writers_running(&writers, files);
	if (pid < 0)
		return wb_fail(err, (int)pid, "cannot tell who runs: %s", strerror((int)-pid));
	if (pid)
		return wb_fail(err, -EPERM,
			"process %lld, which runs already, may write where a Unix socket or a file "
			"of "
			"it is made anew",
			(long long)pid);
	return 0;
}

static int look(const struct wb_files *files, const struct wb_manifest *m,
	const struct wb_manifest_unit *u, const struct wb_strv *externals, int mount_ns,
	struct wb_error *err)
{
	const char *moved;

	if (mount_ns >= 0 && setns(mount_ns, CLONE_NEWNS) < 0)
		return wb_fail(err, -errno, "cannot enter the sandbox: %s", strerror(errno));
	moved = find_moved(u, externals);
	if (moved)
		return wb_fail(
			err, -EPERM, "%s leads to another file than it did before the jump", moved);
	return find_writers(files, m, u, err);
}

int wb_places_check(const struct wb_files *files, const struct wb_manifest *m,
	const struct wb_manifest_unit *u, const struct wb_strv *externals, int mount_ns,
	struct wb_error *err)
{
	struct wb_error why = {};
	int pipes[2], status = 0, r;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return wb_fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		r = look(files, m, u, externals, mount_ns, &why);
		_exit(r < 0 && write(pipes[1], &why, sizeof(why)) != (ssize_t)sizeof(why));
	}
	close(pipes[1]);
	r = pid < 0 ? -errno : wb_reap(pid, LOOK_MS, &status);
	if (r == -ETIME)
		wb_kill_and_reap(pid, NULL);
	n = r == 0 ? read(pipes[0], &why, sizeof(why)) : 0;
	close(pipes[0]);
	if (r < 0 || n < 0 || status)
		return wb_fail(err, r < 0 ? r : -EIO,
			"cannot look at the files of %s before it comes back", u->unit);
	if (!n)
		return 0;
	return wb_fail(err, why.code, "%s", why.text);
}
