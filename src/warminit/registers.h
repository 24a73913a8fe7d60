/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registers of devices without a driver, from user space with all rights: ports, PCI configuration through
 * sysfs, and memory through /dev/mem. For wb_steps_run().
 */
#pragma once

#include <stdint.h>

#include "purgatory/handoff.h"

/* arg: an int; it becomes a negative errno if a register cannot be reached, which reads as 0. */
uint32_t wb_registers_read(void *arg, const struct wb_reg_step *step);
void wb_registers_write(void *arg, const struct wb_reg_step *step, uint32_t value);
