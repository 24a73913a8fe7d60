// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rules about what a process has open or mapped. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/valid.h"
#include "survey/externals.h"
#include "survey/judging.h"

static const struct wb_mount *mount_of(const struct wb_proc *p, int64_t id)
{
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.items[i].id == id)
			return &p->mounts.items[i];
	return NULL;
}

static void refuse_huge(struct wb_judging *j)
{
	wb_refuse(j, "it has memory of huge pages, which the next boot may not have in time (in "
		     "PostgreSQL, huge_pages=off)");
}

static void judge_map(struct wb_judging *j, const char *name)
{
	static const char *const devices[] = {"/dev/zero", "/dev/null", "/dev/shm/"};

	if (starts(name, "/SYSV")) {
		if (!j->f->ipc)
			wb_refuse(j, "it has System V shared memory");
	} else if (starts(name, "/anon_hugepage") || starts(name, "/dev/hugepages/")) {
		refuse_huge(j);
	} else if (strstr(name, "[io_uring]")) {
		wb_refuse(j, "it has an io_uring");
	} else if (starts(name, "/secretmem")) {
		wb_refuse(j, "it has memory that nobody else may read (memfd_secret)");
	} else if (starts(name, "anon_inode:") || starts(name, "/anon_inode:")) {
		wb_refuse(j, "it has memory of the kernel mapped (%s)", name);
	} else if (starts(name, "/dev/")) {
		for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
			if (starts(name, devices[i]))
				return;
		wb_refuse(j, "it has the device %s mapped", name);
	}
}

/* A mapped file must be there at the restore, even if no descriptor of it is open any more. */
static void take_mapped_file(
	struct wb_judging *j, const struct wb_proc *p, const struct wb_proc_map *map)
{
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct wb_mount *m = &p->mounts.items[i];

		if (m->device != map->device || !wb_volatile_fs(m->fstype))
			continue;
		/* maps(5) writes a line break like this, but a name may also contain these four characters. */
		if (strstr(map->name, "\\012"))
			wb_refuse(j, "it has a file on a tmpfs mapped that has a line break in its "
				     "name");
		else if (wb_travel_must(m->fstype, map->name))
			wb_travel_add_file(j, map->name);
		else
			wb_travel_add_nameless(j, map->name, map->device, map->inode);
		return;
	}
}

/*
 * The file was opened before the sandbox was made, on a mount that the sandbox does not have. The restore can
 * open it only by its name, as root. So it must be a file that systemd opens for this unit.
 */
static void take_outside_file(struct wb_judging *j, const struct wb_proc_fd *fd)
{
	struct wb_criu_external *e;
	char id[64];

	if (!wb_valid_path(fd->link) || wb_text_ends(fd->link, " (deleted)") ||
		!wb_externals_may(j->f->definition, fd->link)) {
		wb_distrust(j,
			"it has a file open that was called %s outside of its sandbox, which no "
			"Standard…= of its unit names",
			fd->link);
		return;
	}
	if (!fd->machines) {
		wb_distrust(j,
			"it has a file open that was called %s outside of its sandbox, and is not "
			"the "
			"one that the machine has there",
			fd->link);
		return;
	}
	snprintf(id, sizeof(id), "file[%" PRIx64 ":%" PRIx64 "]", fd->mount, fd->inode);
	e = wb_judging_add_external(j, id);
	if (!e || e->path)
		return;
	e->path = strdup(fd->link);
	e->flags = fd->flags;
	e->position = fd->position;
	e->identity = fd->identity;
	if (!e->path)
		j->error = -ENOMEM;
}

static void judge_device(struct wb_judging *j, const char *path)
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
	if (starts(path, "/dev/watchdog"))
		wb_refuse(j,
			"it has the device %s open, and nobody would feed that watchdog during the "
			"jump; closing it may not stop it, and then it resets the machine",
			path);
	else
		wb_refuse(j, "it has the device %s open", path);
}

static void judge_anonymous(struct wb_judging *j, const char *kind)
{
	static const char *const can[] = {"[eventfd]", "[eventpoll]", "[signalfd]", "[timerfd]",
		"inotify", "[pidfd]", "[eventfd", "[timerfd"};

	for (size_t i = 0; i < sizeof(can) / sizeof(*can); i++)
		if (starts(kind, can[i]))
			return;
	if (is(kind, "[io_uring]"))
		wb_refuse(j, "it has an io_uring");
	else if (is(kind, "[fanotify]"))
		wb_refuse(j, "it watches files by fanotify(7)");
	else
		wb_refuse(
			j, "it has something of the kernel open that criu does not know: %s", kind);
}

/* On FUSE, a look at a file waits for the program that serves the file system, perhaps for ever. */
static bool is_of_a_program(const struct wb_mount *m)
{
	return is(m->fstype, "fuse") || is(m->fstype, "fuseblk") || starts(m->fstype, "fuse.");
}

/* Its mapped files, and its program, root and working directory. */
static void judge_programs_files(struct wb_judging *j, const struct wb_proc *p)
{
	const char *const places[] = {p->cwd, p->root, p->exe};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const struct wb_mount *m =
			places[i] && *places[i] == '/' ? wb_mounts_at(&p->mounts, places[i]) : NULL;

		if (m && is_of_a_program(m))
			wb_distrust(j, "%s is in use by it, on a file system of another program",
				places[i]);
		/* The restore enters its directories; a program on a tmpfs is among the mapped files. */
		if (m && places[i] != p->exe)
			wb_travel_add_needed(j, p, places[i]);
	}
	for (size_t i = 0; i < p->mounts.n; i++)
		for (size_t k = 0; is_of_a_program(&p->mounts.items[i]) && k < p->maps.n; k++)
			if (p->maps.items[k].device == p->mounts.items[i].device)
				wb_distrust(j,
					"it has the file %s mapped, on a file system of another "
					"program",
					p->maps.items[k].name);
}

static void judge_file(struct wb_judging *j, const struct wb_proc *p, const struct wb_proc_fd *fd)
{
	const struct wb_mount *m = mount_of(p, fd->mount);

	if (starts(fd->link, "/dev/"))
		judge_device(j, fd->link);
	if (starts(fd->link, "/memfd:"))
		return;
	if (!m) {
		take_outside_file(j, fd);
		return;
	}
	if (wb_text_ends(fd->link, " (deleted)"))
		wb_judging_add_place(j, fd->link);
	if (wb_travel_must(m->fstype, fd->link) && fd->directory)
		wb_travel_add_directory(j, fd->link);
	else if (wb_travel_must(m->fstype, fd->link))
		wb_travel_add_file(j, fd->link);
	else if (wb_volatile_fs(m->fstype))
		wb_travel_add_nameless(j, fd->link, m->device, fd->inode);
	if (is_of_a_program(m))
		wb_distrust(j, "it has the file %s open, on a file system of another program",
			fd->link);
	if (is(m->fstype, "nfs") || is(m->fstype, "nfs4") || is(m->fstype, "cifs"))
		wb_warn(j,
			"its file %s is on a network file system, which has to be there when it "
			"comes back",
			fd->link);
}

static void judge_fd(struct wb_judging *j, const struct wb_proc *p, const struct wb_proc_fd *fd)
{
	int64_t inode;

	/*
	 * /proc does not show descriptors that wait in a socket, so no check sees them; but CRIU would open them again
	 * by their names.
	 */
	if (fd->passed)
		wb_distrust_process(
			j, p, "has sent descriptors to a Unix socket that nobody has received yet");
	if (wb_socket_inode(fd->link, &inode) || starts(fd->link, "pipe:"))
		return;
	if (is(fd->link, WB_PROC_UNREAD))
		wb_refuse(j,
			"its process %" PRId64 " (%s) has a file open whose name cannot be read",
			p->pid, p->name);
	if (starts(fd->link, "anon_inode:"))
		judge_anonymous(j, fd->link + strlen("anon_inode:"));
	else if (*fd->link == '/')
		judge_file(j, p, fd);
}

void wb_rules_files(struct wb_judging *j, const struct wb_proc *p)
{
	/* A memfd of such pages looks like any other. */
	if (p->huge)
		refuse_huge(j);
	for (size_t k = 0; k < p->maps.n; k++) {
		judge_map(j, p->maps.items[k].name);
		take_mapped_file(j, p, &p->maps.items[k]);
		if (*p->maps.items[k].name == '/' &&
			wb_text_ends(p->maps.items[k].name, " (deleted)"))
			wb_judging_add_place(j, p->maps.items[k].name);
	}
	for (size_t k = 0; k < p->fds.n; k++)
		judge_fd(j, p, &p->fds.items[k]);
	judge_programs_files(j, p);
	/* Whether it is for a time or for a while, the kernel does not tell. */
	if (p->alarm)
		wb_refuse(j, "it has a timer that wakes the machine (CLOCK_REALTIME_ALARM or "
			     "CLOCK_BOOTTIME_ALARM), which is not carried over");
	if (p->day_timer)
		wb_warn(j, "a timer of it for a time of day (timer_create) goes off late by the "
			   "length of "
			   "the outage");
}
