/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner sees of purgatory: a flat, position-independent image with patchable args. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "purgatory/handoff.h"

/*
 * The built image, embedded in the library. Entered at its first byte in 64-bit mode with
 * identity-mapped memory; needs `wb_purgatory_memsz` bytes (>= size: stack and bss), 4 KiB aligned.
 */
extern const uint8_t wb_purgatory_image[];
extern const size_t wb_purgatory_size;
extern const size_t wb_purgatory_memsz;
/* Byte offset of struct wb_purgatory_args within the image. */
extern const size_t wb_purgatory_args_offset;

/*
 * What the image does between its first and its last instructions; built hosted only for tests.
 * Checks the ranges and fills in the handoff. 0: go on to args->entry. Negative: something is not
 * what it was; args->serial_port has been told and the machine's resets have been tried.
 */
int wb_purgatory_run(const struct wb_purgatory_args *args, uint64_t tsc_enter);
