// SPDX-License-Identifier: LGPL-2.1-or-later
/* The library that is loaded into CRIU, and the /proc that it opens. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "criu/hook.h"
#include "criu/run.h"

/*
 * A procfs of this process's own, with everything in it and mounted nowhere. Closing the descriptor removes it. The
 * unit's mount namespace stays as it is, so no process of the unit sees more than before.
 */
static int open_proc(struct wb_criu_run *r, struct wb_error *err)
{
	int fs = fsopen("proc", FSOPEN_CLOEXEC), e = 0;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		r->proc = fsmount(fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (r->proc < 0)
		e = wb_criu_failed(err, "make a whole /proc for criu, which ProcSubset=pid hides");
	wb_criu_close(&fs);
	return e;
}

int wb_criu_add_names(const struct wb_criu_image *image, struct wb_strv *env)
{
	WB_CLEAN_STR text = NULL;
	size_t n;
	FILE *out = image->names.n ? open_memstream(&text, &n) : NULL;

	if (!out)
		return image->names.n ? -ENOMEM : 0;
	for (size_t i = 0; i < image->names.n; i++)
		fprintf(out, "%lld\n%s\n%s\n", (long long)image->names.items[i].owner,
			image->names.items[i].bound, image->names.items[i].now);
	if (fclose(out))
		return -ENOMEM;
	return wb_strv_addf(env, WB_HOOK_NAMES "=%s", text);
}

/* Make the text longer by a number; it is freed, and NULL, if memory runs out. */
static void append_number(char **text, char separator, int64_t number)
{
	char *longer = *text ? wb_strf("%s%c%" PRId64, *text, separator, number) : NULL;

	free(*text);
	*text = longer;
}

static int add_unread(const struct wb_criu_image *image, struct wb_strv *env)
{
	WB_CLEAN_STR list = strdup(WB_HOOK_UNREAD);

	for (size_t i = 0; i < image->unread.n; i++)
		append_number(&list, i ? ',' : '=', image->unread.items[i]);
	if (!list)
		return -ENOMEM;
	return image->unread.n ? wb_strv_add(env, list) : 0;
}

int wb_criu_add_handed(const int *fds, size_t n, struct wb_strv *env)
{
	WB_CLEAN_STR list = wb_strf(WB_HOOK_SOCKETS "=%d", (int)getpid());

	for (size_t i = 0; i < n; i++)
		append_number(&list, i ? ',' : ':', fds[i]);
	if (!list)
		return -ENOMEM;
	return n ? wb_strv_add(env, list) : 0;
}

/*
 * Surely no UDP-Lite (removed in Linux 7.1). The library would have to try a socket, and for each the kernel runs
 * modprobe, twice for IPv4 and twice for IPv6, while the unit stands still. The unit's sandbox may hide these files.
 */
static bool lacks_udp_lite(const struct wb_files *files)
{
	return files->exists(files->ctx, "/proc/net/udp") &&
	       !files->exists(files->ctx, "/proc/net/udplite");
}

int wb_criu_add_preload(struct wb_criu_run *r, const struct wb_criu_image *image,
	struct wb_strv *env, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	int e = image->part_of_proc ? open_proc(r, err) : 0;

	if (e < 0)
		return e;
	r->shim = r->sys->memfd(
		r->sys->ctx, "warmboot-shim", (struct wb_bytes){wb_criu_shim, wb_criu_shim_size});
	if (r->shim < 0)
		return wb_fail(
			err, r->shim, "cannot make a library for criu: %s", strerror(-r->shim));
	if (image->part_of_proc && wb_strv_addf(env, WB_HOOK_PROC "=%d", r->proc) < 0)
		return wb_oom(err);
	if (r->outer >= 0 && wb_strv_addf(env, WB_HOOK_OUTER "=%d", r->outer) < 0)
		return wb_oom(err);
	if (add_unread(image, env) < 0)
		return wb_oom(err);
	if (wb_criu_fd_path(r->shim, &path) < 0 || wb_strv_addf(env, "LD_PRELOAD=%s", path) < 0)
		return wb_oom(err);
	if (lacks_udp_lite(r->sys->files) && wb_strv_add(env, WB_HOOK_NO_UDP_LITE "=1") < 0)
		return wb_oom(err);
	return 0;
}
