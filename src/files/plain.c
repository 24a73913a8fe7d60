// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ordinary files that a user carries over the jump, into a store of their own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "files/plain.h"
#include "store/backend.h"

static int file_size(const char *path, uint64_t *ret, struct wb_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return wb_fail(err, -EINVAL, "%s is no regular file", path);
	*ret += wb_align_up((uint64_t)st.st_size, 4096);
	return 0;
}

/* The file is read straight into the store's memory. */
static int copy_in(struct wb_store_writer *w, int fd, const char *path, struct wb_error *err)
{
	for (;;) {
		uint8_t *to;
		size_t room;
		ssize_t got;
		int r = wb_store_space(w, &to, &room, err);

		if (r < 0)
			return r;
		got = read(fd, to, room > (256 << 10) ? 256 << 10 : room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
		if (got == 0)
			return 0;
		wb_store_commit(w, (size_t)got);
	}
}

static int put_file(struct wb_store *s, const char *path, struct wb_error *err)
{
	struct wb_store_writer *w;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	r = wb_store_begin(s, path, &w, err);
	if (r == 0) {
		r = copy_in(w, fd, path, err);
		if (r == 0)
			r = wb_store_end(w, err);
		else
			wb_store_abort(w);
	}
	close(fd);
	return r;
}

int wb_files_put(const struct wb_store_env *env, const char *backend, const char *const *paths,
	size_t n, struct wb_error *err)
{
	const struct wb_store_backend *idle = backend ? NULL : wb_store_idle(env);
	WB_CLEAN_STORE s = NULL;
	uint64_t size = 4096;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = file_size(paths[i], &size, err);
	if (r < 0)
		return r;
	r = wb_store_create(env, idle ? idle->name : backend, size, &s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = put_file(s, paths[i], err);
	if (r == 0)
		r = wb_store_seal(s, err);
	if (r < 0)
		wb_store_drop(env, NULL);
	return r;
}
