/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where bytes go that are read from another program: into memory that a function provides piece by piece. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct wb_room {
	void *ctx;
	/* Room for the next bytes, at least one; valid until the next call. -ENOSPC with a sentence. */
	int (*space)(void *ctx, uint8_t **ret, size_t *ret_n, struct wb_error *err);
	/* The first `n` bytes of that room are written. */
	void (*commit)(void *ctx, size_t n);
};
