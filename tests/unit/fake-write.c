// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording files that are written, linked and removed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake-write.h"

static int write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct fake_write *f = ctx;

	if (f->result < 0)
		return f->result;
	if (f->n == FAKE_WRITE_MOST)
		return -ENOSPC;
	snprintf(f->written[f->n].path, sizeof(f->written[f->n].path), "%s", path);
	snprintf(f->written[f->n].text, sizeof(f->written[f->n].text), "%.*s", (int)contents.size,
		(const char *)contents.data);
	f->written[f->n++].mode = mode;
	return 0;
}

static int remove_file(void *ctx, const char *path)
{
	return 0;
}

static uint64_t counter(void *ctx)
{
	return 12345;
}

void fake_write_init(struct fake_write *fake, const struct fake_file *list)
{
	*fake = (struct fake_write){.files = fake_files(list)};
	fake->sys = (struct wb_sys){
		.size = sizeof(struct wb_sys),
		.ctx = fake,
		.files = &fake->files,
		.write_file = write_file,
		.remove_file = remove_file,
		.tsc = counter,
		.wall_ns = counter,
		.mono_ns = counter,
		.raw_ns = counter,
		.boot_ns = counter,
	};
}

const char *fake_written(const struct fake_write *fake, const char *path)
{
	for (size_t i = fake->n; i > 0; i--)
		if (!strcmp(fake->written[i - 1].path, path))
			return fake->written[i - 1].text;
	return NULL;
}

int fake_symlink(void *ctx, const char *target, const char *path)
{
	struct fake_write *f = ctx;
	size_t have = strlen(f->links);

	snprintf(f->links + have, sizeof(f->links) - have, "%s -> %s\n", path, target);
	return 0;
}
