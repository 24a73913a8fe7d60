/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The notes that the old kernel's user space left for this one's. */
#pragma once

#include <stdbool.h>

#include "core/files.h"
#include "core/ranges.h"
#include "purgatory/handoff.h"

/* Can there be notes for this boot? Cheap. */
bool wb_handoff_possible(const struct wb_files *files);
/* Read the handoff block. False: there is none. */
bool wb_handoff_read(const struct wb_files *files, struct wb_handoff *ret);
/*
 * The memory of the store from the old kernel, in the store's own order; to be freed. -ENOENT none,
 * -EBADMSG it makes no sense, -ENOMEM. No sentence.
 */
int wb_handoff_store_read(
	const struct wb_files *files, struct wb_handoff_range **ret, size_t *ret_n);
/* Parse such a note. Pure. */
int wb_handoff_store_parse(struct wb_bytes in, struct wb_handoff_range **ret, size_t *ret_n);
