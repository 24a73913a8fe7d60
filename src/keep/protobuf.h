/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As much of protobuf's wire format as CRIU's image protocol and its small images need: walking the
 * fields of a message, and writing one. https://protobuf.dev/programming-guides/encoding/
 */
#pragma once

#include "core/bytes.h"

enum {
	WB_PB_VARINT = 0,
	WB_PB_I64 = 1,
	WB_PB_BYTES = 2,
	WB_PB_I32 = 5,
};

struct wb_pb_field {
	uint32_t number;
	unsigned wire;         /* WB_PB_… */
	uint64_t value;        /* of all but WB_PB_BYTES */
	struct wb_bytes bytes; /* of WB_PB_BYTES; borrowed from the message */
};

/*
 * The field at *off, which moves behind it. 1; 0 at the end of the message; -EBADMSG when it is
 * none. Start with *off == 0.
 */
int wb_pb_next(struct wb_bytes message, size_t *off, struct wb_pb_field *ret);
/* The last field with that number, as protobuf has it for one that may stand once. -ENOENT. */
int wb_pb_find(struct wb_bytes message, uint32_t number, unsigned wire, struct wb_pb_field *ret);
/* Append a field as it was read. -ENOMEM. */
int wb_pb_put(struct wb_blob *out, const struct wb_pb_field *field);
