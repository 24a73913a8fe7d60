/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel before left in setup_data for this one. */
#pragma once

#include <stdbool.h>

#include "core/files.h"
#include "core/ranges.h"
#include "purgatory/handoff.h"

/* False where this boot bears no handoff block. */
bool wb_handoff_read(const struct wb_files *files, struct wb_handoff *ret);
/*
 * The memory of the store that was handed on, in the store's own order; to be freed. -ENOENT none,
 * -EBADMSG it makes no sense, -ENOMEM. No sentence.
 */
int wb_handoff_store_read(
	const struct wb_files *files, struct wb_handoff_range **ret, size_t *ret_n);
/* The same from a node's bytes. Pure. */
int wb_handoff_store_parse(struct wb_bytes in, struct wb_handoff_range **ret, size_t *ret_n);
