// SPDX-License-Identifier: LGPL-2.1-or-later
/* Putting files of a unit back that do not outlive a reboot by themselves. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files/put.h"
#include "sys/below.h"
#include "sys/spawn.h"

/* The files are small and go to memory, so this is long enough. */
#define FILES_MS 30000

/*
 * A directory on the path of a file. Up to here the path leads to the same place in the sandbox and
 * outside.
 */
struct pin {
	bool needed;  /* the file is on a read-only mount there, and is written from outside */
	size_t depth; /* length of the path to the directory */
	dev_t device;
	ino_t inode;
};

/* One pass over the files of a unit. */
struct putting {
	const struct wb_store *store;
	const struct wb_manifest_unit *u;
	const struct pin *pins; /* one for each file; NULL: this pass is made inside the sandbox */
	bool has_dev;
	dev_t dev;   /* of /dev */
	void *named; /* struct named, by tsearch(3) */
	struct wb_error *why;
};

/* A file with further names in the list. */
struct named {
	const char *path;
	bool back; /* it was put back in this pass, as: */
	dev_t device;
	ino_t inode;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static struct named *find_named(const struct putting *p, const char *path)
{
	const struct named key = {.path = path};
	void **found = tfind(&key, &p->named, compare_named);

	return found ? *found : NULL;
}

static int note_named(struct putting *p)
{
	for (size_t i = 0; i < p->u->files.n; i++) {
		const char *path = p->u->files.items[i].link;
		struct named *new;

		if (!path || find_named(p, path))
			continue;
		new = calloc(1, sizeof(*new));
		if (!new)
			return -ENOMEM;
		new->path = path;
		if (!tsearch(new, &p->named, compare_named)) {
			free(new);
			return -ENOMEM;
		}
	}
	return 0;
}

/* ---- the path to a file ---- */

/* The directory that holds a file, or the last one on the path that exists. */
struct place {
	int dir;
	size_t depth; /* length of the path to the directory */
	struct stat st;
	const char *name; /* of the file, in its path */
};

/* Follow no links, since any user may have put them there. Makes no directories. */
static int open_place(const struct pin *pin, const char *path, struct place *p)
{
	size_t at = strspn(path, "/");

	p->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return -errno;
	for (;;) {
		size_t n = strcspn(path + at, "/"), next = n + strspn(path + at + n, "/");
		char name[NAME_MAX + 1];
		int below;

		p->depth = at;
		if (fstat(p->dir, &p->st) < 0)
			return -errno;
		if (pin && pin->depth == at &&
			(p->st.st_dev != pin->device || p->st.st_ino != pin->inode))
			return -EXDEV;
		p->name = path + at;
		if (!path[at + next])
			return 0;
		snprintf(name, sizeof(name), "%.*s", (int)n, path + at);
		below = wb_open_entry(p->dir, name, O_PATH | O_DIRECTORY);
		if (below < 0)
			return below == -ENOTDIR ? -ELOOP : below;
		close(p->dir);
		p->dir = below;
		at += next;
	}
}

/* ---- the file that is there already ---- */

/*
 * Does the file belong to the unit's processes? They could write it themselves, so root may
 * overwrite it for them.
 */
static bool is_own(const struct wb_manifest_unit *u, const struct wb_manifest_file *f)
{
	for (size_t i = 0; i < u->uids.n; i++)
		if (u->uids.items[i] == f->uid || u->uids.items[i] == 0)
			return true;
	return false;
}

static int refuse(const struct putting *p, const char *what)
{
	return wb_fail(p->why, -EEXIST, "%s", what);
}

static int refuse_owner(const struct putting *p, const struct stat *st)
{
	return wb_fail(p->why, -EEXIST, "what is there belongs to user %u", (unsigned)st->st_uid);
}

/* Write to no disk, and not to the machine's /dev, which statfs(2) calls a tmpfs, too. */
static int check_target(const struct putting *p, int fd, const struct stat *st)
{
	if (!wb_is_volatile(fd) || (p->has_dev && st->st_dev == p->dev))
		return wb_fail(p->why, -EXDEV, "it would not lie on a tmpfs any more");
	return 0;
}

/* Open the entry with O_PATH. -ENOENT: there is none. */
static int look(const struct place *at, struct stat *st)
{
	int fd = wb_open_entry(at->dir, at->name, O_PATH), r;

	if (fd < 0 || fstat(fd, st) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* ---- putting back ---- */

static int fill(int fd, const struct wb_store *store, const char *object, struct wb_error *err)
{
	struct wb_store_reader reader;
	struct wb_bytes piece;
	int r = wb_store_get(store, object, &reader, err);

	while (r == 0 && wb_store_next(&reader, &piece)) {
		while (piece.size) {
			ssize_t put = write(fd, piece.data, piece.size);

			if (put < 0 && errno == EINTR)
				continue;
			if (put < 0)
				return -errno;
			piece.data += put;
			piece.size -= (size_t)put;
		}
	}
	return r;
}

static struct timespec mtime(const struct wb_manifest_file *f)
{
	int64_t seconds = f->mtime_ns / 1000000000, rest = f->mtime_ns % 1000000000;

	/* Nanoseconds count upwards before 1970, too. */
	return rest < 0 ? (struct timespec){seconds - 1, rest + 1000000000}
			: (struct timespec){seconds, rest};
}

/* ENODATA: there is no list; EOPNOTSUPP: the file system has none. */
static int drop_list(int fd, const char *name)
{
	if (fremovexattr(fd, name) == 0 || errno == ENODATA || errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

/*
 * Set the owner before the mode, because a change of owner clears the set-user-ID bit. Drop the access
 * control list that a new file inherits from its directory: it would give the group's bits of the mode
 * to the users that it names.
 */
static int dress(int fd, const struct wb_manifest_file *f)
{
	const struct timespec times[] = {mtime(f), mtime(f)};
	int r = drop_list(fd, "system.posix_acl_access");

	if (r == 0 && f->directory)
		r = drop_list(fd, "system.posix_acl_default");
	if (r < 0)
		return r;
	if (fchown(fd, (uid_t)f->uid, (gid_t)f->gid) < 0 || fchmod(fd, (mode_t)f->mode) < 0)
		return -errno;
	if (futimens(fd, times) < 0)
		return -errno;
	return 0;
}

/*
 * Is the directory root's, so that no other user can have made it or can enter it? A directory
 * passes its set-group-ID bit on to directories in it, and with an access control list there may be
 * fewer bits than asked for.
 */
static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_ISUID | S_ISVTX | 077));
}

/*
 * systemd and tmpfiles.d(5) make directories for root, and a service then gives them to its user.
 * Do that again if only root can have made the directory.
 */
static int keep_directory(const struct putting *p, const struct place *at, int fd,
	const struct stat *st, const struct wb_manifest_file *f)
{
	bool roots = st->st_uid == 0 && at->st.st_uid == 0 && !(at->st.st_mode & 022);

	if (st->st_uid != f->uid && !roots && !(f->parent && st->st_uid == 0))
		return refuse_owner(p, st);
	if (f->parent || p->pins || !is_own(p->u, f))
		return 0;
	return wb_is_volatile(fd) ? dress(fd, f) : check_target(p, fd, st);
}

static int put_directory(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	WB_CLEAN_FD there = wb_open_entry(at->dir, at->name, O_RDONLY | O_DIRECTORY);
	WB_CLEAN_FD fd = -1;
	struct stat st;
	int r;

	if (there == -ENOTDIR || there == -ELOOP)
		return refuse(p, "what is there is no directory");
	if (there >= 0)
		return fstat(there, &st) < 0 ? -errno : keep_directory(p, at, there, &st, f);
	if (there != -ENOENT)
		return there;
	r = check_target(p, at->dir, &at->st);
	if (r < 0)
		return r;
	if (mkdirat(at->dir, at->name, 0700) < 0)
		return -errno;
	fd = wb_open_entry(at->dir, at->name, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	if (!is_ours(&st))
		return refuse(p, "something else has taken its place");
	return dress(fd, f);
}

/* Make room for a link, a FIFO or a name. Remove only an entry of the same kind and owner. */
static int clear_place(const struct putting *p, const struct place *at,
	const struct wb_manifest_file *f, mode_t kind)
{
	struct stat st;
	WB_CLEAN_FD there = look(at, &st);
	int r;

	if (there == -ENOENT)
		return check_target(p, at->dir, &at->st);
	if (there < 0)
		return there;
	if ((st.st_mode & S_IFMT) != kind)
		return refuse(p, "what is there is of another kind");
	if (st.st_uid != f->uid)
		return refuse_owner(p, &st);
	r = check_target(p, at->dir, &at->st);
	if (r < 0)
		return r;
	return unlinkat(at->dir, at->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Is the entry left as it is, because the unit's processes could not have written it? */
static bool is_left(const struct putting *p, const struct place *at,
	const struct wb_manifest_file *f, mode_t kind)
{
	struct stat st;
	WB_CLEAN_FD there = p->pins || !is_own(p->u, f) ? look(at, &st) : -ENOENT;

	return there >= 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == f->uid;
}

static int put_link(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	WB_CLEAN_FD fd = -1;
	struct stat st;
	int r;

	if (is_left(p, at, f, S_IFLNK))
		return 0;
	r = clear_place(p, at, f, S_IFLNK);
	if (r < 0)
		return r;
	if (symlinkat(f->target, at->dir, at->name) < 0)
		return -errno;
	fd = look(at, &st);
	if (fd < 0)
		return fd;
	if (!S_ISLNK(st.st_mode) || st.st_uid != geteuid())
		return refuse(p, "something else has taken its place");
	return fchownat(fd, "", (uid_t)f->uid, (gid_t)f->gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Make the FIFO only: CRIU restores the contents together with the processes that have it open. */
static int put_fifo(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	WB_CLEAN_FD fd = -1;
	struct stat st;
	int r;

	if (is_left(p, at, f, S_IFIFO))
		return 0;
	r = clear_place(p, at, f, S_IFIFO);
	if (r < 0)
		return r;
	if (mkfifoat(at->dir, at->name, 0600) < 0)
		return -errno;
	/* Without O_NONBLOCK the call would wait for a writer. */
	fd = wb_open_entry(at->dir, at->name, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	if (!S_ISFIFO(st.st_mode) || !is_ours(&st))
		return refuse(p, "something else has taken its place");
	return dress(fd, f);
}

/*
 * Link a further name to the file that was put back before. Refuse if its first name leads to
 * another file by now.
 */
static int put_name(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	const struct named *first = find_named(p, f->link);
	struct place from = {.dir = -1};
	char by_number[64];
	struct stat st;
	int fd = -1, r;

	if (is_left(p, at, f, S_IFREG))
		return 0;
	if (!first || !first->back)
		return wb_fail(p->why, -ENOENT, "%s was not put back before it", f->link);
	r = open_place(NULL, f->link, &from);
	if (r == 0)
		r = fd = look(&from, &st);
	if (r >= 0 && (st.st_dev != first->device || st.st_ino != first->inode))
		r = wb_fail(p->why, -EEXIST, "something else is %s now", f->link);
	if (r >= 0)
		r = clear_place(p, at, f, S_IFREG);
	/* The first call needs a right that only root has (linkat(2)), the second needs /proc. */
	snprintf(by_number, sizeof(by_number), "/proc/self/fd/%d", fd);
	if (r == 0 && linkat(fd, "", at->dir, at->name, AT_EMPTY_PATH) < 0 &&
		(errno != ENOENT ||
			linkat(AT_FDCWD, by_number, at->dir, at->name, AT_SYMLINK_FOLLOW) < 0))
		r = -errno;
	wb_closep(&fd);
	wb_closep(&from.dir);
	return r < 0 ? r : 0;
}

/*
 * Several units may have the same file of /dev/shm, and a process that has mapped it must never see
 * it shorter than it will be. So a file that only this user can have made is reused. A file with
 * names elsewhere is not written to.
 */
static int open_regular(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	struct stat st, again;
	WB_CLEAN_FD there = look(at, &st);
	int fd, r;

	if (there == -ENOENT) {
		r = check_target(p, at->dir, &at->st);
		return r < 0 ? r : wb_make_entry(at->dir, at->name);
	}
	if (there < 0)
		return there;
	if (!S_ISREG(st.st_mode))
		return refuse(p, "what is there is no file");
	if (st.st_uid != f->uid)
		return refuse_owner(p, &st);
	r = check_target(p, there, &st);
	if (r < 0)
		return r;
	if (st.st_nlink > 1) {
		r = clear_place(p, at, f, S_IFREG);
		return r < 0 ? r : wb_make_entry(at->dir, at->name);
	}
	/*
	 * Without O_CREAT, which fs.protected_regular refuses even for root in /dev/shm and /tmp.
	 */
	fd = wb_open_entry(at->dir, at->name, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstat(fd, &again) == 0 && again.st_dev == st.st_dev && again.st_ino == st.st_ino &&
		again.st_nlink == 1)
		return fd;
	close(fd);
	return refuse(p, "something else has taken its place");
}

static int put_regular(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	struct named *named = find_named(p, f->path);
	WB_CLEAN_FD fd = -1;
	struct stat st;
	int r;

	if (is_left(p, at, f, S_IFREG))
		return 0;
	fd = open_regular(p, at, f);
	/* Another unit that has the file, too, has put it back meanwhile. */
	if (fd == -EEXIST && !p->why->code)
		fd = open_regular(p, at, f);
	if (fd < 0)
		return fd;
	r = f->object ? fill(fd, p->store, f->object, p->why) : 0;
	if (r == 0 && ftruncate(fd, lseek(fd, 0, SEEK_CUR)) < 0)
		r = -errno;
	if (r == 0)
		r = dress(fd, f);
	if (r == 0 && named && fstat(fd, &st) == 0) {
		named->back = true;
		named->device = st.st_dev;
		named->inode = st.st_ino;
	}
	return r;
}

/*
 * systemd acts on the files that it finds in these directories, and many boots have none. If a unit
 * has only read such a file of root's in the last boot, the file must not be put into this one.
 */
static bool is_managers(
	const struct putting *p, const struct place *at, const struct wb_manifest_file *f)
{
	static const char *const dirs[] = {"/run/systemd/", "/run/udev/", "/run/warmboot/"};
	struct stat st;

	for (size_t i = 0; !is_own(p->u, f) && i < sizeof(dirs) / sizeof(*dirs); i++)
		if (!strncmp(f->path, dirs[i], strlen(dirs[i]))) {
			WB_CLEAN_FD there = look(at, &st);

			return there == -ENOENT;
		}
	return false;
}

/* On failure there is always a sentence. */
static int put(struct putting *p, size_t i, struct place *at, struct wb_error *err)
{
	const struct wb_manifest_file *f = &p->u->files.items[i];
	struct wb_error why = {};
	int r = open_place(p->pins ? &p->pins[i] : NULL, f->path, at);

	p->why = &why;
	if (r == -EXDEV)
		wb_fail(&why, r, "the sandbox has another directory there");
	else if (r == -ENOENT)
		wb_fail(&why, r, "its directory is not there");
	else if (r == -ELOOP)
		wb_fail(&why, r, "a link or a file is on the way");
	else if (r == 0 && is_managers(p, at, f))
		r = wb_fail(&why, -EPERM, "it is not the service's to make there");
	else if (r == 0 && f->directory)
		r = put_directory(p, at, f);
	else if (r == 0 && f->target)
		r = put_link(p, at, f);
	else if (r == 0 && f->fifo)
		r = put_fifo(p, at, f);
	else if (r == 0 && f->link)
		r = put_name(p, at, f);
	else if (r == 0)
		r = put_regular(p, at, f);
	wb_closep(&at->dir);
	if (r == 0)
		return 0;
	return wb_fail(
		err, r, "cannot put %s back: %s", f->path, why.code ? why.text : strerror(-r));
}

static int begin(struct putting *p, struct wb_error *err)
{
	struct stat st;

	p->has_dev = stat("/dev", &st) == 0;
	p->dev = st.st_dev;
	return note_named(p) < 0 ? wb_oom(err) : 0;
}

/* ---- inside the sandbox, and from outside ---- */

/* Memory that the child in the namespace shares with this process. */
struct shared {
	struct wb_error err;
	int result;
	struct pin pins[];
};

/* The directories of PrivateTmp=, by their names outside. */
static const char *const own_tmp[] = {"/tmp", "/var/tmp"};
#define N_OWN_TMP (sizeof(own_tmp) / sizeof(*own_tmp))

static void look_at_tmp(dev_t ret[N_OWN_TMP])
{
	for (size_t i = 0; i < N_OWN_TMP; i++) {
		struct stat st;

		ret[i] = stat(own_tmp[i], &st) == 0 ? st.st_dev : 0;
	}
}

/*
 * When a shutdown unmounts the machine's /tmp, a sandbox's own mount at the same place goes with it
 * (propagate_umount() in fs/pnode.c), unless another mount covers it. `machine` has the devices
 * outside: if the sandbox has the same, it has no mount of its own.
 */
static void cover_own_tmp(const struct wb_manifest_unit *u, const dev_t machine[N_OWN_TMP])
{
	WB_CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < u->files.n; i++) {
		const struct wb_manifest_file *f = &u->files.items[i];

		for (size_t k = 0; f->directory && !f->parent && k < N_OWN_TMP; k++) {
			WB_CLEAN_FD at =
				strcmp(f->path, own_tmp[k])
					? -1
					: wb_open_below(root, f->path, O_PATH | O_DIRECTORY);
			WB_CLEAN_FD tree = -1;
			struct stat st;

			if (at < 0 || fstat(at, &st) < 0 || st.st_dev == machine[k] ||
				!wb_is_volatile(at))
				continue;
			tree = open_tree(
				at, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
			if (tree >= 0)
				move_mount(tree, "", at, "",
					MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
		}
	}
}

/*
 * Put the files back inside. Note a file that can be written only from outside, with the directory
 * where that showed.
 */
static void put_inside(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	const dev_t machine[N_OWN_TMP], struct shared *s)
{
	struct putting p = {.store = store, .u = u};
	bool any = false;

	if (mount_ns >= 0 && setns(mount_ns, CLONE_NEWNS) < 0) {
		s->result = wb_fail(&s->err, -errno, "cannot enter the sandbox of %s: %s", u->unit,
			strerror(errno));
		return;
	}
	if (mount_ns >= 0)
		cover_own_tmp(u, machine);
	s->result = begin(&p, &s->err);
	for (size_t i = 0; s->result == 0 && i < u->files.n; i++) {
		struct place at = {.dir = -1};
		int r = put(&p, i, &at, &s->err);

		/* If a directory could not be made, its files are made from outside, too. */
		if (mount_ns >= 0 && (r == -EROFS || (r == -ENOENT && any))) {
			s->pins[i] = (struct pin){true, at.depth, at.st.st_dev, at.st.st_ino};
			any = true;
		} else {
			s->result = r;
		}
	}
}

static int run_inside(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct shared *s, struct wb_error *err)
{
	dev_t machine[N_OWN_TMP];
	int status, r;
	pid_t pid;

	look_at_tmp(machine);
	pid = fork();
	if (pid < 0)
		return wb_fail(err, -errno, "cannot fork: %s", strerror(errno));
	if (pid == 0) {
		put_inside(store, u, mount_ns, machine, s);
		_exit(0);
	}
	/* The file system may not answer. */
	r = wb_reap(pid, FILES_MS, &status);
	if (r == -ETIME)
		wb_kill_and_reap(pid, NULL);
	if (r == -ETIME)
		return wb_fail(err, r, "putting the files of %s back took longer than %d s",
			u->unit, FILES_MS / 1000);
	if (r < 0)
		return wb_fail(err, r, "cannot wait: %s", strerror(-r));
	if (!WIFEXITED(status))
		return wb_fail(err, -EIO, "putting the files of %s back was ended by signal %d",
			u->unit, WTERMSIG(status));
	if (s->result < 0)
		return wb_fail(err, s->result, "%s", s->err.text);
	return 0;
}

/*
 * A file on a mount that is read-only in the sandbox is made through the machine's own mount, in
 * exactly the directory that the sandbox shows. Existing files stay, because the unit's processes
 * could not have written them.
 */
static int run_outside(const struct wb_store *store, const struct wb_manifest_unit *u,
	const struct shared *s, struct wb_error *err)
{
	struct putting p = {.store = store, .u = u, .pins = s->pins};
	int r = begin(&p, err);

	for (size_t i = 0; r == 0 && i < u->files.n; i++) {
		struct place at = {.dir = -1};

		if (s->pins[i].needed)
			r = put(&p, i, &at, err);
	}
	tdestroy(p.named, free);
	return r;
}

int wb_put_files(const struct wb_store *store, const struct wb_manifest_unit *u, int mount_ns,
	struct wb_error *err)
{
	size_t size = sizeof(struct shared) + u->files.n * sizeof(struct pin);
	struct shared *s;
	int r;

	if (!u->files.n)
		return 0;
	/* Read the objects now, since inside there may be no /dev/mem to reach the store. */
	for (size_t i = 0; i < u->files.n; i++) {
		struct wb_store_reader reader;

		if (!u->files.items[i].object)
			continue;
		r = wb_store_get(store, u->files.items[i].object, &reader, err);
		if (r < 0)
			return r;
	}
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return wb_oom(err);
	r = run_inside(store, u, mount_ns, s, err);
	if (r == 0)
		r = run_outside(store, u, s, err);
	munmap(s, size);
	return r;
}
