/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes of the buffers in the warm init. The builder refuses longer values (fits.c), and the
 * entry's own initramfs is used. The init checks them as well, since a command line can be edited
 * later. Sizes include the NUL.
 */
#pragma once

#define WB_WARM_PLAN_MOST 32768
#define WB_WARM_CMDLINE_MOST 4097 /* no machine has a larger COMMAND_LINE_SIZE */
#define WB_WARM_PARAMS_MOST 2048  /* of one module, from modprobe.d and the command line */
/* Modules that are loaded beside the init: their number, and their bytes together. */
#define WB_WARM_BESIDE_MOST 128
#define WB_WARM_BESIDE_BYTES_MOST (8u << 20)
#define WB_WARM_BESIDE_PARAMS_MOST 512
#define WB_WARM_EARLY_MOST 256
/* Parameters of the command line. */
#define WB_WARM_INIT_MOST 256
#define WB_WARM_RUNSIZE_MOST 32
#define WB_WARM_TYPE_MOST 16
#define WB_WARM_FLAGS_MOST 1024
