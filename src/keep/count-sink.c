// SPDX-License-Identifier: LGPL-2.1-or-later
/* A sink for CRIU's images that keeps none of them. */
#include "keep/count-sink.h"

/* CRIU writes in pieces of this size at most. */
#define PIECE (1u << 20)

static int count_begin(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	*ret = ctx;
	return 0;
}

static int count_space(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	*ret = ctx;
	*ret_n = PIECE;
	return 0;
}

static void count_commit(void *ctx, void *image, size_t n)
{
}

static int count_end(void *ctx, void *image, struct wb_error *err)
{
	return 0;
}

static void count_abort(void *ctx, void *image)
{
}

int wb_count_sink_init(struct wb_count_sink *ret)
{
	int r = wb_blob_reserve(&ret->piece, PIECE);

	if (r < 0)
		return r;
	ret->sink = (struct wb_stream_sink){
		ret->piece.data, count_begin, count_space, count_commit, count_end, count_abort};
	return 0;
}

void wb_count_sink_deinit(struct wb_count_sink *s)
{
	wb_blob_deinit(&s->piece);
}
