/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of protobuf's wire format that CRIU's image protocol and small images need: walking
 * through the fields of a message, and writing one.
 * https://protobuf.dev/programming-guides/encoding/
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
 * Get the field at *off and move *off behind it. 1: got it; 0: end of the message; -EBADMSG: the
 * message is damaged. Start with *off == 0.
 */
int wb_pb_next(struct wb_bytes message, size_t *off, struct wb_pb_field *ret);
/* Find the last field with this number: protobuf lets the last one count. -ENOENT. */
int wb_pb_find(struct wb_bytes message, uint32_t number, unsigned wire, struct wb_pb_field *ret);
/* Append a field that was read. -ENOMEM. */
int wb_pb_put(struct wb_blob *out, const struct wb_pb_field *field);
