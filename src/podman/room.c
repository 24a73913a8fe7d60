// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where the images of a container lie while podman writes or reads them: memory that never reaches a disk. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "podman/run.h"
#include "sys/below.h"
#include "sys/machine.h"
#include "sys/namespaces.h"
#include "sys/paging.h"

char *wb_podman_images(const char *bundle)
{
	return wb_strf("%s/checkpoint", bundle);
}

/* The options of the tmpfs; without "noswap" (Linux 6.4) for a machine that swaps to no disk in the clear. */
struct options {
	char with[64], without[64];
	bool may_swap;
};

static int choose(const struct wb_files *files, struct options *ret, struct wb_error *err)
{
	uint64_t left = wb_available_memory(files);
	struct wb_error why = {};
	int r = wb_swap_in_the_clear(files, &why);

	if (r < 0)
		return wb_oom(err);
	ret->may_swap = r == 0;
	/* A write that does not fit fails, and the system does not run out of memory. */
	if (left == UINT64_MAX)
		snprintf(ret->without, sizeof(ret->without), "mode=0700");
	else
		snprintf(ret->without, sizeof(ret->without), "mode=0700,size=%" PRIu64,
			left / 10 * 9);
	snprintf(ret->with, sizeof(ret->with), "%s,noswap", ret->without);
	return 0;
}

/* Negative errno. */
static int mount_at(const char *path, const struct options *o)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (mount("tmpfs", path, "tmpfs", flags, o->with) == 0)
		return 0;
	if (errno != EINVAL || !o->may_swap)
		return -errno;
	return mount("tmpfs", path, "tmpfs", flags, o->without) < 0 ? -errno : 0;
}

/* The work of the thread, which alone is in the new namespace. */
struct making {
	const char *path;
	const struct options *options;
	int r; /* a descriptor of the namespace, or a negative errno */
};

static void *make(void *arg)
{
	struct making *m = arg;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		m->r = -errno;
	else
		m->r = mount_at(m->path, m->options);
	if (m->r == 0)
		m->r = wb_ns_open_own("mnt");
	return NULL;
}

static int no_room(int r, struct wb_error *err)
{
	return wb_fail(err, r, "cannot make room in memory for its images: %s", strerror(-r));
}

int wb_podman_make_room(const struct wb_files *files, const char *bundle, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_podman_images(bundle);
	struct making m = {.path = path};
	struct options o;
	pthread_t thread;
	int r;

	if (!path)
		return wb_oom(err);
	r = choose(files, &o, err);
	if (r < 0)
		return r;
	m.options = &o;
	r = -pthread_create(&thread, NULL, make, &m);
	if (r == 0) {
		pthread_join(thread, NULL);
		r = m.r;
	}
	return r < 0 ? no_room(r, err) : r;
}

void wb_podman_tidy(const char *bundle)
{
	static const char *const names[] = {"devshm-checkpoint.tar", "network.status"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s", bundle, names[i]);

		if (path)
			unlink(path);
	}
}

/* The directory of a container that podman has removed, and "userdata" in it. */
static int make_bundle(const char *bundle)
{
	WB_CLEAN_STR above = strdup(bundle);

	if (!above)
		return -ENOMEM;
	*strrchr(above, '/') = 0;
	if (mkdir(above, 0700) < 0 && errno != EEXIST)
		return -errno;
	return mkdir(bundle, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int wb_podman_mount(const struct wb_files *files, const char *bundle, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_podman_images(bundle);
	struct options o;
	int r;

	if (!path)
		return wb_oom(err);
	r = choose(files, &o, err);
	if (r < 0)
		return r;
	r = make_bundle(bundle);
	if (r == 0)
		r = mount_at(path, &o);
	return r < 0 ? no_room(r, err) : 0;
}

/* A tmpfs that is mounted nowhere. */
static int open_tmpfs(bool noswap)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -1;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) == 0 &&
		(!noswap || fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0) == 0) &&
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (fs >= 0)
		close(fs);
	return fd;
}

int wb_podman_file(const struct wb_files *files, struct wb_error *err)
{
	WB_CLEAN_FD dir = open_tmpfs(true);
	struct options o;
	int fd, r = choose(files, &o, err);

	if (r < 0)
		return r;
	if (dir < 0 && o.may_swap)
		dir = open_tmpfs(false);
	fd = dir < 0 ? -1 : openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? wb_fail(err, -errno, "cannot make a file in memory: %s", strerror(errno))
		      : fd;
}

void wb_podman_unmount(const char *bundle)
{
	WB_CLEAN_STR path = wb_podman_images(bundle);

	if (!path || umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return;
	/* The directories above it, if podman has put nothing there. */
	for (int i = 0; i < 3 && rmdir(path) == 0; i++)
		*strrchr(path, '/') = 0;
}
