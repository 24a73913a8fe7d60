/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions for the CPU's instructions that board.c and regs.c need: machine.c implements them, the unit test
 * has a fake.
 */
#pragma once

#include <stdint.h>

void wb_port_out8(uint16_t port, uint8_t value);
uint8_t wb_port_in8(uint16_t port);
void wb_port_out16(uint16_t port, uint16_t value);
uint16_t wb_port_in16(uint16_t port);
void wb_port_out32(uint16_t port, uint32_t value);
uint32_t wb_port_in32(uint16_t port);
/* Load an empty interrupt table and trap: the last resort when no reset line works. */
void wb_triple_fault(void);
