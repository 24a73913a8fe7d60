// SPDX-License-Identifier: LGPL-2.1-or-later
/* CRIU's images as objects of the store: written by a dump, read by a restore. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "criu/images.h"

static int name_of(const struct wb_images *images, const char *name,
	char ret[WB_STORE_NAME_MAX + 1], struct wb_error *err)
{
	int n = snprintf(ret, WB_STORE_NAME_MAX + 1, "%s%s", images->prefix, name);

	if (n > WB_STORE_NAME_MAX)
		return wb_fail(err, -ENAMETOOLONG, "the image's name %s is too long", name);
	return 0;
}

static int sink_begin(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct wb_images *images = ctx;
	struct wb_store_writer *w;
	char full[WB_STORE_NAME_MAX + 1];
	int r = name_of(images, name, full, err);

	if (r == 0)
		r = wb_store_begin(images->store, full, &w, err);
	if (r == 0)
		*ret = w;
	return r;
}

static int sink_space(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	return wb_store_space(image, ret, ret_n, err);
}

static void sink_commit(void *ctx, void *image, size_t n)
{
	wb_store_commit(image, n);
}

static int sink_end(void *ctx, void *image, struct wb_error *err)
{
	return wb_store_end(image, err);
}

static void sink_abort(void *ctx, void *image)
{
	wb_store_abort(image);
}

struct wb_stream_sink wb_images_sink(struct wb_images *images)
{
	return (struct wb_stream_sink){
		.ctx = images,
		.begin = sink_begin,
		.space = sink_space,
		.commit = sink_commit,
		.end = sink_end,
		.abort = sink_abort,
	};
}

static int source_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct wb_images *images = ctx;
	struct wb_store_reader *reader;
	char full[WB_STORE_NAME_MAX + 1];
	struct wb_error local = {};
	int r = name_of(images, name, full, err);

	if (r < 0)
		return r;
	reader = malloc(sizeof(*reader));
	if (!reader)
		return wb_oom(err);
	r = wb_store_get(images->store, full, reader, &local);
	if (r < 0) {
		free(reader);
		/*
		 * CRIU asks for many images that no dump has. That is no failure, so there is no
		 * sentence.
		 */
		if (r != -ENOENT && err)
			*err = local;
		return r;
	}
	*ret = reader;
	return 0;
}

static bool source_next(void *ctx, void *image, struct wb_bytes *ret)
{
	return wb_store_next(image, ret);
}

static void source_close(void *ctx, void *image)
{
	free(image);
}

struct wb_stream_source wb_images_source(struct wb_images *images)
{
	return (struct wb_stream_source){
		.ctx = images,
		.open = source_open,
		.next = source_next,
		.close = source_close,
	};
}
