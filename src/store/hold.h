/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process that holds a carved store's memory until the jump ("warmboot store hold"). */
#pragma once

#include "store/store.h"

/*
 * Take the huge pages that the state file asks for, and answer there. 0: the caller has to stay
 * alive, with its file descriptors, until the jump. Negative: nothing is held; the state file has
 * the reason.
 */
int wb_store_hold(const struct wb_store_env *env, struct wb_error *err);
