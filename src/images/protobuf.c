// SPDX-License-Identifier: LGPL-2.1-or-later
/* Walking through the fields of a protobuf message, and writing one. */
#include <errno.h>

#include "images/protobuf.h"

static bool get_varint(struct wb_bytes in, size_t *off, uint64_t *ret)
{
	uint64_t v = 0;

	/* A number has at most ten groups of seven bits. */
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b;

		if (!wb_get_u8(in, *off, &b))
			return false;
		(*off)++;
		v |= (uint64_t)(b & 0x7f) << (shift < 64 ? shift : 63);
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool get_value(struct wb_bytes in, size_t *off, struct wb_pb_field *f)
{
	uint32_t narrow;
	uint64_t n;

	switch (f->wire) {
	case WB_PB_VARINT:
		return get_varint(in, off, &f->value);
	case WB_PB_I64:
		if (!wb_get_le64(in, *off, &f->value))
			return false;
		*off += 8;
		return true;
	case WB_PB_I32:
		if (!wb_get_le32(in, *off, &narrow))
			return false;
		f->value = narrow;
		*off += 4;
		return true;
	case WB_PB_BYTES:
		if (!get_varint(in, off, &n) || !wb_bytes_sub(in, *off, n, &f->bytes))
			return false;
		*off += n;
		return true;
	}
	return false;
}

int wb_pb_next(struct wb_bytes message, size_t *off, struct wb_pb_field *ret)
{
	struct wb_pb_field f = {};
	size_t at = *off;
	uint64_t key;

	if (at == message.size)
		return 0;
	if (!get_varint(message, &at, &key) || key >> 3 == 0 || key >> 3 >= 1u << 29)
		return -EBADMSG;
	f.number = (uint32_t)(key >> 3);
	f.wire = key & 7;
	if (!get_value(message, &at, &f))
		return -EBADMSG;
	*off = at;
	*ret = f;
	return 1;
}

int wb_pb_find(struct wb_bytes message, uint32_t number, unsigned wire, struct wb_pb_field *ret)
{
	struct wb_pb_field f;
	bool found = false;
	size_t off = 0;
	int r;

	while ((r = wb_pb_next(message, &off, &f)) > 0) {
		if (f.number != number || f.wire != wire)
			continue;
		*ret = f;
		found = true;
	}
	if (r < 0)
		return r;
	return found ? 0 : -ENOENT;
}

static int put_varint(struct wb_blob *out, uint64_t v)
{
	uint8_t buf[10];
	size_t n = 0;

	do {
		buf[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
	return wb_blob_append(out, buf, n);
}

static int put_fixed(struct wb_blob *out, uint64_t v, size_t n)
{
	uint8_t buf[8];

	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)(v >> (8 * i));
	return wb_blob_append(out, buf, n);
}

int wb_pb_put(struct wb_blob *out, const struct wb_pb_field *f)
{
	int r = put_varint(out, (uint64_t)f->number << 3 | f->wire);

	if (r < 0)
		return r;
	switch (f->wire) {
	case WB_PB_VARINT:
		return put_varint(out, f->value);
	case WB_PB_I64:
		return put_fixed(out, f->value, 8);
	case WB_PB_I32:
		return put_fixed(out, f->value, 4);
	case WB_PB_BYTES:
		r = put_varint(out, f->bytes.size);
		if (r == 0 && f->bytes.size)
			r = wb_blob_append(out, f->bytes.data, f->bytes.size);
		return r;
	}
	return -EINVAL;
}
