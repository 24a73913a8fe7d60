/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What purgatory needs of the machine. The image has machine.c behind it, the unit test a fake.
 * Found by the linker and not through a table: addresses in data would need relocating.
 */
#pragma once

#include <stdint.h>

uint64_t wb_machine_tsc(void);
void wb_machine_out8(uint16_t port, uint8_t value);
uint8_t wb_machine_in8(uint16_t port);
/* The memory at a physical address. */
void *wb_machine_memory(uint64_t address);
/* The interrupt table goes and a trap comes: what is left when no reset line answers. */
void wb_machine_triple_fault(void);
