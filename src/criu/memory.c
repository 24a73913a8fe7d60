// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CRIU's images as files, for dumps that cannot be streamed, and the files that a later dump needs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "criu/run.h"
#include "sys/machine.h"
#include "sys/paging.h"

int wb_criu_memory_allowed(const struct wb_files *files, bool noswap, struct wb_error *err)
{
	struct wb_error why = {};
	int r = noswap ? 0 : wb_swap_in_the_clear(files, &why);

	if (r < 0)
		return wb_oom(err);
	return r ? wb_fail(err, -EOPNOTSUPP,
			   "its memory might reach a disk: %s, and this kernel's tmpfs has no "
			   "option "
			   "\"noswap\"",
			   why.text)
		 : 0;
}

/* -1: it cannot be made. *ret_noswap: its pages are never swapped out (Linux 6.4). */
static int open_tmpfs(const char *size, bool *ret_noswap)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -1;

	*ret_noswap = false;
	if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) == 0 &&
		fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) == 0) {
		bool noswap = fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0) == 0;

		if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
			fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
		*ret_noswap = noswap && fd >= 0;
	}
	wb_criu_close(&fs);
	return fd;
}

/*
 * Make a tmpfs that is mounted nowhere: closing the descriptor removes it, and no shutdown can
 * unmount it. If that is not possible, make a directory beside the others.
 */
int wb_criu_make_memory(struct wb_criu_run *r, struct wb_error *err)
{
	uint64_t left = wb_available_memory(r->sys->files);
	char size[32] = "100%";
	bool noswap;
	int e;

	/*
	 * Limit the size: a write that does not fit then fails, and the system does not run out of
	 * memory.
	 */
	if (left != UINT64_MAX)
		snprintf(size, sizeof(size), "%" PRIu64, left / 10 * 9);
	r->memory = open_tmpfs(size, &noswap);
	e = wb_criu_memory_allowed(r->sys->files, noswap, err);
	if (e < 0) {
		wb_criu_close(&r->memory);
		return e;
	}
	if (r->memory >= 0)
		return 0;
	if (mkdirat(r->dir_fd, "memory", 0700) < 0 && errno != EEXIST)
		return wb_criu_failed(err, "make a directory in memory");
	r->memory = openat(r->dir_fd, "memory", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->memory < 0 ? wb_criu_failed(err, "open a directory in memory") : 0;
}

/* Open an empty directory below `dir`. */
int wb_criu_open_below(int dir, const char *name, int *ret, struct wb_error *err)
{
	struct dirent *d;
	DIR *list;
	int fd;

	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return wb_criu_failed(err, "make a directory for CRIU");
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (!list) {
		wb_criu_close(&fd);
		return wb_criu_failed(err, "open a directory for CRIU");
	}
	while ((d = readdir(list)))
		unlinkat(fd, d->d_name, 0);
	closedir(list);
	*ret = fd;
	return 0;
}

/* Call `one` for each regular file of a directory. */
int wb_criu_for_files(int dir,
	int (*one)(void *ctx, int fd, const char *name, struct wb_error *err), void *ctx,
	struct wb_error *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!list) {
		wb_criu_close(&fd);
		return wb_criu_failed(err, "list CRIU's images");
	}
	while (r == 0 && (d = readdir(list))) {
		struct stat st;
		int file;

		if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		file = openat(dir, d->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (file < 0)
			r = wb_criu_failed(err, "open an image of CRIU's");
		else
			r = one(ctx, file, d->d_name, err);
		wb_criu_close(&file);
	}
	closedir(list);
	return r;
}

static int feed_image(struct wb_criu_feeding *f, int fd, void *image, struct wb_error *err)
{
	const struct wb_stream_sink *sink = f->sink;

	for (;;) {
		uint8_t *room;
		size_t n;
		ssize_t got;
		int r = sink->space(sink->ctx, image, &room, &n, err);

		if (r < 0)
			return r;
		got = read(fd, room, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wb_criu_failed(err, "read an image of CRIU's");
		if (got == 0)
			return 0;
		sink->commit(sink->ctx, image, (size_t)got);
		f->stats.bytes += (uint64_t)got;
	}
}

int wb_criu_feed_file(void *ctx, int fd, const char *name, struct wb_error *err)
{
	struct wb_criu_feeding *f = ctx;
	char full[300];
	void *image;
	int r;

	snprintf(full, sizeof(full), "%s%s", f->prefix, name);
	r = f->sink->begin(f->sink->ctx, full, &image, err);
	if (r < 0)
		return r;
	r = feed_image(f, fd, image, err);
	if (r < 0) {
		f->sink->abort(f->sink->ctx, image);
		return r;
	}
	f->stats.images++;
	return f->sink->end(f->sink->ctx, image, err);
}

/*
 * Copy lists of pages as they are, and files of pages by their length only: CRIU opens those but
 * does not read them.
 */
int wb_criu_copy_known(void *ctx, int fd, const char *name, struct wb_error *err)
{
	int dir = *(int *)ctx, out, r = 0;
	struct stat st;

	out = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0 || fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		r = wb_criu_failed(err, "note what was dumped");
	if (r == 0 && !strncmp(name, "pages-", 6) && ftruncate(out, st.st_size) < 0)
		r = wb_criu_failed(err, "note what was dumped");
	while (r == 0 && strncmp(name, "pages-", 6) != 0) {
		char buf[65536];
		ssize_t got = read(fd, buf, sizeof(buf));

		if (got == 0)
			break;
		if (got < 0 || write(out, buf, (size_t)got) != got)
			r = wb_criu_failed(err, "note what was dumped");
	}
	wb_criu_close(&out);
	return r;
}
