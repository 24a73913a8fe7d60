/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes: borrowed views of untrusted input, and owned buffers.
 *
 * Every read of a file's bytes goes through wb_bytes_sub() or wb_get_*(), which check
 * offset + length without overflow. They return false and leave the output alone when the
 * range does not lie inside the view.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed view. The owner outlives it. */
struct wb_bytes {
	const uint8_t *data;
	size_t size;
};

bool wb_bytes_sub(struct wb_bytes in, uint64_t off, uint64_t len, struct wb_bytes *ret);
bool wb_get_u8(struct wb_bytes in, uint64_t off, uint8_t *ret);
bool wb_get_le16(struct wb_bytes in, uint64_t off, uint16_t *ret);
/* Inline: a kernel's relocation table has a million words, each of which is read three times. */
static inline bool wb_get_le32(struct wb_bytes in, uint64_t off, uint32_t *ret)
{
	uint32_t v;

	if (off > in.size || in.size - off < sizeof(v))
		return false;
	__builtin_memcpy(&v, in.data + off, sizeof(v));
	*ret = le32toh(v);
	return true;
}
bool wb_get_le64(struct wb_bytes in, uint64_t off, uint64_t *ret);
/* Copy `len` bytes out; for fixed-layout structs. */
bool wb_get_struct(struct wb_bytes in, uint64_t off, void *ret, size_t len);
bool wb_bytes_equal(struct wb_bytes in, uint64_t off, const void *want, size_t len);

/*
 * An owned buffer. One of more than 32 KiB is a mapping of its own, page-aligned, and its memory returns to the
 * system as soon as it is freed or shrunk, because peak memory decides whether a load fits at all. New memory is zero.
 * Zero-initialised `{}` is the valid empty blob.
 */
struct wb_blob {
	uint8_t *data;
	size_t size;     /* bytes in use */
	size_t capacity; /* bytes allocated */
};

/* -ENOMEM. */
int wb_blob_init(struct wb_blob *blob, size_t capacity);
/* Grow so that at least `capacity` bytes are allocated; data may move. -ENOMEM. */
int wb_blob_reserve(struct wb_blob *blob, size_t capacity);
/* Append, growing geometrically. `data` NULL appends zeroes. -ENOMEM. */
int wb_blob_append(struct wb_blob *blob, const void *data, size_t n);
/* Append zeroes up to the next multiple of `align`. -ENOMEM. */
int wb_blob_pad(struct wb_blob *blob, size_t align);
/* Unmap the pages beyond `size`, except in a small buffer. */
void wb_blob_trim(struct wb_blob *blob);
/* Move the contents out; the source becomes empty. */
struct wb_blob wb_blob_take(struct wb_blob *blob);
struct wb_bytes wb_blob_view(const struct wb_blob *blob);
/* Safe on an empty blob. */
void wb_blob_deinit(struct wb_blob *blob);

#define WB_CLEAN_BLOB __attribute__((cleanup(wb_blob_deinit))) struct wb_blob

static inline uint64_t wb_align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

static inline uint64_t wb_align_down(uint64_t v, uint64_t a)
{
	return v & ~(a - 1);
}
