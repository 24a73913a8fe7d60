/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists that grow at their end: an array of any type and its length. */
#pragma once

#include <stddef.h>

#define WB_LIST(T)        \
	struct {          \
		T *items; \
		size_t n; \
	}

/*
 * Grow a list by one zeroed element of `item` bytes and return it; NULL: out of memory. `list` is
 * the address of a WB_LIST().
 */
void *wb_list_add(void *list, size_t item);
