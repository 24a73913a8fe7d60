// SPDX-License-Identifier: LGPL-2.1-or-later
/* The table of codecs, their magic numbers, and the loop and sentences that they share. */
#include <errno.h>
#include <string.h>

#include "core/codec-impl.h"

/* First room for an output whose size is not known. */
#define FIRST_ROOM (1u << 20)

const struct wb_codec *const wb_codecs[] = {
	&wb_codec_zstd,
	&wb_codec_gzip,
	&wb_codec_xz,
	&wb_codec_lz4,
	&wb_codec_lzo,
	&wb_codec_bzip2,
	&wb_codec_lzma, /* last: its magic is the weakest */
	NULL,
};

bool wb_probe_gzip(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "\x1f\x8b\x08", 3);
}

bool wb_probe_bzip2(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "BZh", 3);
}

/* The properties byte that all encoders write, and a dictionary of a multiple of 64 KiB. */
bool wb_probe_lzma(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "\x5d\x00\x00", 3);
}

bool wb_probe_xz(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0,
		"\xfd"
		"7zXZ\0",
		6);
}

bool wb_probe_lzo(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "\x89LZO\0\r\n\x1a\n", 9);
}

/*
 * The kernel's lib/decompress_unlz4.c reads only the legacy frame; today's lz4 writes the other
 * one.
 */
bool wb_probe_lz4(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "\x02\x21\x4c\x18", 4) ||
	       wb_bytes_equal(in, 0, "\x04\x22\x4d\x18", 4);
}

bool wb_probe_zstd(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, "\x28\xb5\x2f\xfd", 4);
}

const struct wb_codec *wb_codec_find(struct wb_bytes in)
{
	for (size_t i = 0; wb_codecs[i]; i++)
		if (wb_codecs[i]->probe(in))
			return wb_codecs[i];
	return NULL;
}

const struct wb_codec *wb_codec_by_name(const char *name)
{
	for (size_t i = 0; wb_codecs[i]; i++)
		if (strcmp(wb_codecs[i]->name, name) == 0)
			return wb_codecs[i];
	return NULL;
}

int wb_codec_damaged(
	const char *name, struct wb_bytes in, size_t at, const char *why, struct wb_error *err)
{
	return wb_fail(err, -EBADMSG,
		"%s data is damaged at byte %zu of %zu: %s; get the file again", name, at, in.size,
		why);
}

int wb_codec_bomb(const char *name, size_t limit, struct wb_error *err)
{
	return wb_fail(err, -E2BIG,
		"%s data unpacks to more than the %zu bytes that are allowed here; not unpacked",
		name, limit);
}

int wb_codec_nomem(const char *name, struct wb_error *err)
{
	return wb_fail(err, -ENOMEM, "not enough memory to unpack %s data", name);
}

/* Point `out` at free bytes of the blob, at most `left` of them. */
static int find_room(struct wb_blob *ret, size_t left, struct wb_codec_io *io)
{
	if (ret->capacity == ret->size) {
		size_t more = ret->size / 2 > FIRST_ROOM ? ret->size / 2 : FIRST_ROOM;
		int r = wb_blob_reserve(ret, ret->size + (more < left ? more : left));

		if (r < 0)
			return r;
	}
	io->out = ret->data + ret->size;
	io->out_left = ret->capacity - ret->size;
	if (io->out_left > left)
		io->out_left = left;
	return 0;
}

static int pump(const char *name, wb_codec_step step, void *lib, struct wb_bytes in, size_t limit,
	struct wb_blob *ret, size_t *ret_used, struct wb_error *err)
{
	const size_t start = ret->size;
	struct wb_codec_io io = {.in = in};

	for (;;) {
		const size_t left = limit - (ret->size - start), in_left = io.in.size;
		const char *why = "it is not valid";
		size_t offered, made;
		uint8_t beyond;
		int r = 0;

		/* A full output is an error only if one more byte follows. */
		if (left == 0) {
			io.out = &beyond;
			io.out_left = 1;
		} else {
			r = find_room(ret, left, &io);
		}
		if (r < 0)
			return wb_codec_nomem(name, err);
		offered = io.out_left;
		r = step(lib, &io, &why);
		made = offered - io.out_left;
		if (r == -ENOMEM)
			return wb_codec_nomem(name, err);
		if (r < 0)
			return wb_codec_damaged(name, in, in.size - io.in.size, why, err);
		if (made && left == 0)
			return wb_codec_bomb(name, limit, err);
		ret->size += made;
		if (r == 1)
			break;
		if (!made && io.in.size == in_left)
			return wb_codec_damaged(
				name, in, in.size - io.in.size, "it ends before its end mark", err);
	}
	if (ret_used)
		*ret_used = in.size - io.in.size;
	return 0;
}

int wb_codec_pump(const char *name, wb_codec_step step, void *lib, struct wb_bytes in, size_t limit,
	struct wb_blob *ret, size_t *ret_used, struct wb_error *err)
{
	const size_t start = ret->size;
	int r = pump(name, step, lib, in, limit, ret, ret_used, err);

	if (r < 0)
		ret->size = start;
	return r;
}
