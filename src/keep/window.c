// SPDX-License-Identifier: LGPL-2.1-or-later
/* A view of the store whose files are opened outside of the caller's control group. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keep/window.h"
#include "sys/outside.h"

/* A descriptor of the file, which the window keeps open. */
static int reach(struct wb_window *w, const char *path, bool write)
{
	int fd;

	for (size_t i = 0; i < w->n; i++)
		if (w->files[i].write == write && !strcmp(w->files[i].path, path))
			return w->files[i].fd;
	if (w->n == WB_WINDOW_FILES || strlen(path) >= sizeof(w->files[0].path))
		return -EMFILE;
	fd = w->open(path, write ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	snprintf(w->files[w->n].path, sizeof(w->files[0].path), "%s", path);
	w->files[w->n].write = write;
	w->files[w->n++].fd = fd;
	return fd;
}

static int window_map(
	void *ctx, const char *path, uint64_t off, uint64_t size, bool write, uint8_t *at)
{
	int fd = reach(ctx, path, write);

	if (fd < 0)
		return fd;
	return mmap(at, size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED, fd,
		       (off_t)off) == MAP_FAILED
		       ? -errno
		       : 0;
}

void wb_window_init(struct wb_window *w, int (*open)(const char *path, int flags))
{
	/* The other functions of wb_store_io_host do not use the context. */
	*w = (struct wb_window){.env = *wb_store_env_real(),
		.io = wb_store_io_host,
		.open = open ? open : wb_open_outside};
	w->io.ctx = w;
	w->io.map = window_map;
	w->env.io = &w->io;
}

void wb_window_deinit(struct wb_window *w)
{
	for (size_t i = 0; i < w->n; i++)
		close(w->files[i].fd);
	w->n = 0;
}
