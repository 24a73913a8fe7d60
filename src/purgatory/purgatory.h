/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The planner's view of purgatory: a flat, position-independent image with arguments to fill in. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "purgatory/handoff.h"

/*
 * The built image, embedded in the library. It is entered at its first byte, in the state that the
 * CPU's entry code states, on identity-mapped memory. It needs `wb_purgatory_memsz` bytes (>= size:
 * stack and bss), 4 KiB aligned.
 */
extern const uint8_t wb_purgatory_image[];
extern const size_t wb_purgatory_size;
extern const size_t wb_purgatory_memsz;
/* Byte offset of struct wb_purgatory_args within the image. */
extern const size_t wb_purgatory_args_offset;

/*
 * The work between the image's first and last instructions; built hosted only for tests. It
 * verifies the ranges and fills in the handoff block. 0: go on to args->entry. Negative: a range
 * has changed; the reason went to args->console, and the resets of the machine have been tried.
 */
int wb_purgatory_run(const struct wb_purgatory_args *args, uint64_t tsc_enter);
