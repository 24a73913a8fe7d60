// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bounds-checked reads of untrusted bytes, and buffers that give their memory back at once. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bytes.h"

bool wb_bytes_sub(struct wb_bytes in, uint64_t off, uint64_t len, struct wb_bytes *ret)
{
	if (off > in.size || len > in.size - off)
		return false;
	*ret = (struct wb_bytes){in.data + off, (size_t)len};
	return true;
}

bool wb_get_struct(struct wb_bytes in, uint64_t off, void *ret, size_t len)
{
	struct wb_bytes s;

	if (!wb_bytes_sub(in, off, len, &s))
		return false;
	memcpy(ret, s.data, len);
	return true;
}

bool wb_bytes_equal(struct wb_bytes in, uint64_t off, const void *want, size_t len)
{
	struct wb_bytes s;

	return wb_bytes_sub(in, off, len, &s) && memcmp(s.data, want, len) == 0;
}

bool wb_get_u8(struct wb_bytes in, uint64_t off, uint8_t *ret)
{
	return wb_get_struct(in, off, ret, 1);
}

bool wb_get_le16(struct wb_bytes in, uint64_t off, uint16_t *ret)
{
	struct wb_bytes s;

	if (!wb_bytes_sub(in, off, 2, &s))
		return false;
	*ret = (uint16_t)(s.data[0] | s.data[1] << 8);
	return true;
}

bool wb_get_le64(struct wb_bytes in, uint64_t off, uint64_t *ret)
{
	uint32_t lo, hi;

	if (!wb_get_le32(in, off, &lo) || off > UINT64_MAX - 4 || !wb_get_le32(in, off + 4, &hi))
		return false;
	*ret = (uint64_t)hi << 32 | lo;
	return true;
}

static size_t page_up(size_t n)
{
	return (n + 4095) & ~(size_t)4095;
}

/* Most files of /proc are smaller. A mapping for each would be made, filled with zeroes and removed again. */
#define SMALL 32768

static bool is_small(size_t capacity)
{
	return capacity <= SMALL;
}

int wb_blob_init(struct wb_blob *blob, size_t capacity)
{
	struct wb_blob b = {};
	int r = wb_blob_reserve(&b, capacity);

	if (r < 0)
		return r;
	*blob = b;
	return 0;
}

static void give_back(uint8_t *data, size_t capacity)
{
	if (is_small(capacity))
		free(data);
	else
		munmap(data, capacity);
}

void wb_blob_deinit(struct wb_blob *blob)
{
	if (!blob)
		return;
	if (blob->data)
		give_back(blob->data, blob->capacity);
	*blob = (struct wb_blob){};
}

static void *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *move(struct wb_blob *blob, size_t want)
{
	uint8_t *p;

	if (blob->data && !is_small(blob->capacity)) {
		p = mremap(blob->data, blob->capacity, want, MREMAP_MAYMOVE);
		return p == MAP_FAILED ? NULL : p;
	}
	p = is_small(want) ? calloc(1, want) : map(want);
	if (p && blob->data) {
		memcpy(p, blob->data, blob->capacity);
		free(blob->data);
	}
	return p;
}

int wb_blob_reserve(struct wb_blob *blob, size_t capacity)
{
	size_t want;
	void *p;

	if (capacity <= blob->capacity)
		return 0;
	if (capacity > SIZE_MAX / 2)
		return -ENOMEM;
	want = page_up(capacity);
	p = move(blob, want);
	if (!p)
		return -ENOMEM;
	blob->data = p;
	blob->capacity = want;
	return 0;
}

int wb_blob_append(struct wb_blob *blob, const void *data, size_t n)
{
	int r;

	if (n > SIZE_MAX / 4 - blob->size)
		return -ENOMEM;
	if (blob->size + n > blob->capacity) {
		size_t want = blob->size + n;

		if (want < blob->capacity + blob->capacity / 2)
			want = blob->capacity + blob->capacity / 2;
		r = wb_blob_reserve(blob, want);
		if (r < 0)
			return r;
	}
	if (!n)
		return 0;
	if (data)
		memcpy(blob->data + blob->size, data, n);
	else
		memset(blob->data + blob->size, 0, n);
	blob->size += n;
	return 0;
}

int wb_blob_pad(struct wb_blob *blob, size_t align)
{
	size_t rest = blob->size % align;

	return rest ? wb_blob_append(blob, NULL, align - rest) : 0;
}

void wb_blob_trim(struct wb_blob *blob)
{
	size_t keep = page_up(blob->size);

	if (!blob->data || keep >= blob->capacity)
		return;
	if (!keep) {
		wb_blob_deinit(blob);
		return;
	}
	if (is_small(blob->capacity))
		return;
	/* By its capacity it is known what the buffer is. */
	if (is_small(keep))
		keep = page_up(SMALL + 1);
	munmap(blob->data + keep, blob->capacity - keep);
	blob->capacity = keep;
}

struct wb_blob wb_blob_take(struct wb_blob *blob)
{
	struct wb_blob b = *blob;

	*blob = (struct wb_blob){};
	return b;
}

struct wb_bytes wb_blob_view(const struct wb_blob *blob)
{
	return (struct wb_bytes){blob->data, blob->size};
}
