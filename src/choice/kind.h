/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kinds of what can be kept. A kind has a word, and its name is WORD:NAME ("vm:web1"); a service has only its
 * own name. A name that ends in ".service" is always that of a service, since a colon may be part of one.
 */
#pragma once

#include <stdbool.h>

#include "core/error.h"

struct wb_keep_kind {
	const char *word; /* before the colon; NULL: a service, which has none */
	const char *one;  /* "a virtual machine", for sentences */
};

/* The rows; the last has no word and is that of services. */
extern const struct wb_keep_kind wb_keep_kinds[];

/* The kind of a full name, and *ret_bare the name without its kind. Never NULL. ret_bare may be NULL. */
const struct wb_keep_kind *wb_keep_kind_of(const char *name, const char **ret_bare);

/*
 * The full name of what a user typed: "memcached" is "memcached.service", "vm:web1" is itself. -EINVAL with a
 * sentence: it is no name of anything that can be kept. *ret to be freed.
 */
int wb_keep_name(const char *typed, char **ret, struct wb_error *err);
