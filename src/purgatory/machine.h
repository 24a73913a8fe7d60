/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine functions that purgatory needs. The image links the files of the CPU's folder, the
 * unit test a fake. There is no table of functions, because addresses in data would need
 * relocating.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "purgatory/handoff.h"

/* The cycle counter that both kernels read; 0 if there is none. */
uint64_t wb_machine_cycles(void);
/* The memory at a physical address. */
void *wb_machine_memory(uint64_t address);
/*
 * Send a character to the console of struct wb_purgatory_args; false: the console did not accept it
 * for a long time.
 */
bool wb_machine_put(uint64_t console, char c);
/* Wait until the console has sent everything, but not for ever. */
void wb_machine_flush(uint64_t console);
/* Try every way to reset this machine, one after the other; returns in tests only. */
void wb_machine_reset(void);
/*
 * Make the registers of these valid steps reachable, until wb_machine_leave_registers(). Between the two,
 * no memory is reachable but the image and the registers. false: it cannot be done, and nothing has changed.
 */
bool wb_machine_reach_registers(const struct wb_reg_step *steps, uint32_t n);
void wb_machine_leave_registers(void);
/* The value of a step's register, and a new one for it; `arg` is not used. */
uint32_t wb_machine_read(void *arg, const struct wb_reg_step *step);
void wb_machine_write(void *arg, const struct wb_reg_step *step, uint32_t value);
