/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The release of kernels whose header does not name it. */
#pragma once

#include "core/bytes.h"

/*
 * The word after "Linux version " in the kernel's banner (init/version-timestamp.c), in an
 * uncompressed kernel; "" when it is not found.
 */
void wb_release_find(struct wb_bytes kernel, char *ret, size_t size);
/* Copy the first word of printable characters at the start of `text`. */
void wb_release_copy(struct wb_bytes text, char *ret, size_t size);
