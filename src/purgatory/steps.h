/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking and running a list of register steps. The library, purgatory and the warm init share it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "purgatory/handoff.h"

/* Memory is mapped in pages of this size for the steps, and a list touches at most so many of them. */
#define WB_REG_PAGE (2ull << 20)
#define WB_REG_PAGES_MOST 4
/* Physical addresses of registers lie below this one; every page table reaches so far. */
#define WB_REG_MEMORY_END (1ull << 46)

/* Is every step of a kind that can be run, and is the list not too long? Pure. */
bool wb_steps_valid(const struct wb_reg_step *steps, uint32_t n);
/*
 * Run valid steps in their order. Functions and not a table of them, because addresses in data would
 * need relocating in purgatory.
 */
void wb_steps_run(const struct wb_reg_step *steps, uint32_t n,
	uint32_t (*read)(void *arg, const struct wb_reg_step *step),
	void (*write)(void *arg, const struct wb_reg_step *step, uint32_t value), void *arg);
