/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface between a fuzz target and its driver (driver.c, or libFuzzer). */
#pragma once

#include "core/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: inputs to start from; the target's own storage, asked for once. */
const struct wb_blob *wb_fuzz_seeds(size_t *ret_n) __attribute__((weak));
