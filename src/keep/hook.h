/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the action script of CRIU (hook.c) and those who run CRIU agree about. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Environment: paths of two pipes. */
#define WB_HOOK_READY "WARMBOOT_HOOK_READY" /* gets a byte when all is dumped */
#define WB_HOOK_GO "WARMBOOT_HOOK_GO"       /* gives the word */
#define WB_HOOK_YES 'y'                     /* the tasks may end; anything else: they go on */

/* The static program, built from hook.c and embedded. */
extern const uint8_t wb_keep_hook[];
extern const size_t wb_keep_hook_size;

/* A library that CRIU is started with (shim.c). */
extern const uint8_t wb_keep_shim[];
extern const size_t wb_keep_shim_size;
