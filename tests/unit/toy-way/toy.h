/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A made-up way of keeping, for tests of the interface between the conductor and a way. It keeps units of
 * Type=toy, whose whole memory is one file. It stands in the place of "process".
 */
#pragma once

#include "keep/ways.h"

/* "awake WORD", "asleep WORD" or "gone". */
#define TOY_MEMORY "/toy/memory"
#define TOY_PID 77
#define TOY_BYTES (1u << 20)

extern const struct wb_keep_means toy_way;
