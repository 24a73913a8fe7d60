// SPDX-License-Identifier: LGPL-2.1-or-later
/* The open and mapped files of a unit: noting them, and comparing them after the restore. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/sort.h"
#include "files/opened.h"

/* A process that is examined. */
struct looking {
	int64_t pid;
	int dir;                              /* /proc/PID */
	struct wb_manifest_unit *note;        /* note its files here; NULL: compare them instead */
	const struct wb_manifest_unit *check; /* with those of this unit */
};

static bool ends_deleted(const char *path)
{
	static const char gone[] = " (deleted)";
	size_t n = strlen(path), m = strlen(gone);

	return n > m && !strcmp(path + n - m, gone);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct wb_manifest_open *)a)->path,
		((const struct wb_manifest_open *)b)->path);
}

static int by_all(const void *a, const void *b)
{
	const struct wb_manifest_open *x = a, *y = b;
	int c = by_path(a, b);

	if (!c)
		c = (x->access > y->access) - (x->access < y->access);
	return c ? c : memcmp(&x->identity, &y->identity, sizeof(x->identity));
}

/* The index of the first file with a path that is not less than this one. */
static size_t first_at(const struct wb_manifest_unit *u, const char *path)
{
	size_t low = 0, high = u->opened.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(u->opened.items[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Files that are saved and put back have another inode then, on a tmpfs, wherever they were before:
 * a unit's PrivateTmp= may be on a disk.
 */
bool wb_opened_travels(
	const struct wb_manifest_unit *u, const char *path, const struct wb_identity *now)
{
	if (wb_identity_lasts(now))
		return false;
	for (size_t i = 0; i < u->files.n; i++)
		if (!strcmp(u->files.items[i].path, path))
			return true;
	return false;
}

static bool allows(const struct wb_manifest_unit *u, const struct wb_manifest_open *had,
	const struct wb_manifest_open *file)
{
	if (file->access & ~had->access)
		return false;
	if (wb_identity_same(&had->identity, &file->identity))
		return true;
	return had->identity.kind == file->identity.kind && !strcmp(had->path, file->path) &&
	       wb_opened_travels(u, file->path, &file->identity);
}

bool wb_opened_has(const struct wb_manifest_unit *u, const struct wb_manifest_open *file, bool gone)
{
	/* CRIU gives the file a temporary name, so it must be the same inode. */
	bool renamed = gone && wb_identity_lasts(&file->identity);

	for (size_t i = renamed ? 0 : first_at(u, file->path); i < u->opened.n; i++) {
		const struct wb_manifest_open *o = &u->opened.items[i];

		if (!renamed && strcmp(o->path, file->path) != 0)
			return false;
		if (allows(u, o, file))
			return true;
	}
	return false;
}

static int note(struct wb_manifest_unit *u, const struct wb_manifest_open *file)
{
	struct wb_manifest_open *o = wb_list_add(&u->opened, sizeof(*o));

	if (!o)
		return -ENOMEM;
	*o = *file;
	o->path = strdup(file->path);
	if (o->path)
		return 0;
	u->opened.n--;
	return -ENOMEM;
}

/* Sort, and keep each file once: processes share most of their mapped files. */
static void sort(struct wb_manifest_unit *u)
{
	struct wb_manifest_open *all = u->opened.items;
	size_t n = 0;

	if (!u->opened.n)
		return;
	wb_sort(all, u->opened.n, sizeof(*all), by_all);
	for (size_t i = 0; i < u->opened.n; i++) {
		if (n && !by_all(&all[n - 1], &all[i]))
			free(all[i].path);
		else
			all[n++] = all[i];
	}
	u->opened.n = n;
}

/* Documentation/admin-guide/devices.txt: /dev/tty, /dev/ptmx, and the devices of /dev/pts. */
static bool is_terminal(dev_t device)
{
	unsigned n = major(device);

	return n == 5 ? minor(device) == 0 || minor(device) == 2 : n >= 136 && n <= 143;
}

/*
 * Examine one link in a directory of /proc/PID. Its permissions say for what the file is open
 * (proc_pid_fd(5)), for mapped files as well (fs/proc/base.c, proc_map_files_instantiate()).
 */
static int look_at(
	const struct looking *l, int dir, const char *name, bool has_access, struct wb_error *err)
{
	struct wb_manifest_open file = {};
	char path[PATH_MAX];
	uint64_t links = 0;
	struct stat st;
	ssize_t n = readlinkat(dir, name, path, sizeof(path) - 1);
	int fd, r;
	bool gone;

	/* Closed or unmapped meanwhile, which happens only in a unit that runs. */
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	path[n] = '\0';
	/* Pipes and sockets have no path, and CRIU restores memory without a name itself. */
	if (*path != '/' || !strncmp(path, "/memfd:", 7) || !strncmp(path, "/SYSV", 5))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	fd = openat(dir, name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = wb_identity_of(fd, &file.identity, &links);
	close(fd);
	if (r < 0)
		return r;
	/* CRIU makes the unit's own terminals again, so the paths may differ. */
	if (file.identity.kind == S_IFCHR && is_terminal((dev_t)file.identity.device))
		return 0;
	gone = ends_deleted(path);
	/*
	 * The images hold a file without any name, and a file on a tmpfs to which CRIU gave a name.
	 */
	if (gone && (!links || !wb_identity_lasts(&file.identity)))
		return 0;
	file.path = path;
	file.access = has_access ? st.st_mode >> 6 & 6 : 0;
	if (l->note)
		return note(l->note, &file);
	if (wb_opened_has(l->check, &file, gone))
		return 0;
	return wb_fail(err, -EPERM,
		"its process %lld came back with %s, which is not the file that it had open before",
		(long long)l->pid, path);
}

/* Examine each link in a directory of /proc/PID. */
static int look_below(const struct looking *l, const char *name, struct wb_error *err)
{
	int fd = openat(l->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (const struct dirent *d; r == 0 && (d = readdir(dir));)
		if (*d->d_name != '.')
			r = look_at(l, fd, d->d_name, true, err);
	closedir(dir);
	return r;
}

/* Open the directory of a process. It never becomes that of another process. */
static int open_process(int64_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%lld", (long long)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

static ssize_t read_groups(int process, char *ret, size_t n)
{
	int fd = openat(process, "cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, ret, n);

	if (fd >= 0)
		close(fd);
	return got;
}

bool wb_opened_is_below(const char *ours, const char *theirs)
{
	static const char control[] = "/.control";

	while (*ours && *theirs) {
		size_t line = strcspn(ours, "\n"), k = strlen(control);
		size_t n = line > k && !strncmp(ours + line - k, control, k) ? line - k : line;

		if (strncmp(ours, theirs, n) || !strchr("/\n", theirs[n]))
			return false;
		theirs += strcspn(theirs, "\n");
		ours += line;
		ours += *ours == '\n';
		theirs += *theirs == '\n';
	}
	return !*ours && !*theirs;
}

/* Is the process in the caller's control group, or in one that its unit has made below? */
static bool is_ours(int process)
{
	char ours[8192], theirs[8192];
	int self = open_process(getpid());
	ssize_t n = self < 0 ? -1 : read_groups(self, ours, sizeof(ours) - 1), m;

	if (self >= 0)
		close(self);
	m = n > 0 ? read_groups(process, theirs, sizeof(theirs) - 1) : -1;
	if (m <= 0)
		return false;
	ours[n] = theirs[m] = '\0';
	return wb_opened_is_below(ours, theirs);
}

bool wb_opened_is_own(int64_t pid)
{
	int process = open_process(pid);
	bool own = process >= 0 && is_ours(process);

	if (process >= 0)
		close(process);
	return own;
}

static int look_at_process(struct looking *l, int64_t pid, struct wb_error *err)
{
	static const char *const links[] = {"cwd", "root", "exe"};
	int r = 0;

	l->pid = pid;
	l->dir = open_process(pid);
	if (l->dir < 0)
		return l->dir;
	/* Another process has this pid now. */
	if (l->check && !is_ours(l->dir))
		r = -ESRCH;
	for (size_t i = 0; r == 0 && i < sizeof(links) / sizeof(*links); i++)
		r = look_at(l, l->dir, links[i], false, err);
	if (r == 0)
		r = look_below(l, "fd", err);
	if (r == 0)
		r = look_below(l, "map_files", err);
	close(l->dir);
	return r;
}

static int look_at_all(struct looking *l, const struct wb_manifest_unit *u, struct wb_error *err)
{
	for (size_t i = 0; i < u->pids.n; i++) {
		struct wb_error why = {};
		int r = look_at_process(l, u->pids.items[i], &why);

		if (l->note)
			sort(l->note);
		/* A child that has ended is still listed, and has no files. */
		if (r == 0 || (r == -ESRCH && u->pids.items[i] != u->main_pid))
			continue;
		if (why.code)
			return wb_fail(err, r, "%s", why.text);
		return wb_fail(err, r, "cannot look at what process %lld has open: %s",
			(long long)u->pids.items[i], strerror(-r));
	}
	return 0;
}

static void forget(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->opened.n; i++)
		free(u->opened.items[i].path);
	free(u->opened.items);
	u->opened.items = NULL;
	u->opened.n = 0;
}

int wb_opened_note(struct wb_manifest_unit *u, struct wb_error *err)
{
	struct looking l = {.note = u};

	forget(u);
	return look_at_all(&l, u, err);
}

int wb_opened_check(const struct wb_manifest_unit *u, struct wb_error *err)
{
	struct looking l = {.check = u};

	return look_at_all(&l, u, err);
}

void wb_opened_kill(const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->pids.n; i++) {
		int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)u->pids.items[i], 0);
		int process = pidfd < 0 ? -1 : open_process(u->pids.items[i]);

		/*
		 * The directory was opened before the check, so the check and the signal are for
		 * the same process.
		 */
		if (process >= 0 && is_ours(process) && u->pids.items[i] != getpid())
			(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		if (process >= 0)
			close(process);
		if (pidfd >= 0)
			close(pidfd);
	}
}
