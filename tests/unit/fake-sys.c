// SPDX-License-Identifier: LGPL-2.1-or-later
/* A fake struct wb_sys that records calls with an effect. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake-sys.h"

static int load(void *ctx, uint64_t entry, const struct wb_sys_segment *segments, size_t n,
	unsigned long flags)
{
	struct fake_sys *f = ctx;

	if (!n) {
		f->unloads++;
		f->unload_flags = flags;
		return 0;
	}
	f->loads++;
	f->entry = entry;
	f->n_segments = n;
	f->flags = flags;
	return f->load_result;
}

static int file_load(
	void *ctx, int kernel_fd, int initrd_fd, const char *cmdline, unsigned long flags)
{
	struct fake_sys *f = ctx;

	if (kernel_fd < 0) {
		f->unloads += f->file_unload_result == 0;
		f->unload_flags = flags;
		return f->file_unload_result;
	}
	f->file_loads++;
	f->kernel_fd = kernel_fd;
	f->initrd_fd = initrd_fd;
	snprintf(f->cmdline, sizeof(f->cmdline), "%s", cmdline);
	return f->file_load_result;
}

static int jump(void *ctx)
{
	return -EINVAL;
}

static int may_boot(void *ctx)
{
	return !((struct fake_sys *)ctx)->no_privilege;
}

static int some_random(void *ctx, void *ret, size_t n)
{
	memset(ret, 0x5a, n);
	return 0;
}

static int memfd(void *ctx, const char *name, struct wb_bytes contents)
{
	struct fake_sys *f = ctx;

	f->fds++;
	wb_blob_append(&f->contents[f->memfds], contents.data, contents.size);
	return FAKE_MEMFD + f->memfds++;
}

static int open_read(void *ctx, const char *path)
{
	struct fake_sys *f = ctx;
	int i = f->opened[0][0] != 0;

	snprintf(f->opened[i], sizeof(f->opened[i]), "%s", path);
	f->fds++;
	return FAKE_FILE + i;
}

static int close_fd(void *ctx, int fd)
{
	((struct fake_sys *)ctx)->fds--;
	return 0;
}

static int make_dir(void *ctx, const char *path, unsigned mode)
{
	return 0;
}

static uint64_t counter(void *ctx)
{
	return 12345;
}

void fake_sys_init(struct fake_sys *fake, const struct fake_file *list)
{
	*fake = (struct fake_sys){.files = fake_files(list)};
	fake->sys = (struct wb_sys){
		.size = sizeof(struct wb_sys),
		.ctx = fake,
		.files = &fake->files,
		.kexec_load = load,
		.kexec_file_load = file_load,
		.reboot_kexec = jump,
		.may_boot = may_boot,
		.random = some_random,
		.memfd = memfd,
		.open_read = open_read,
		.close_fd = close_fd,
		.tsc = counter,
		.wall_ns = counter,
		.mono_ns = counter,
		.raw_ns = counter,
		.boot_ns = counter,
		.make_dir = make_dir,
	};
}

void fake_sys_deinit(struct fake_sys *fake)
{
	wb_blob_deinit(&fake->contents[0]);
	wb_blob_deinit(&fake->contents[1]);
}
