// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Registers of devices: ports, PCI configuration by mechanism 1 (PCI Local Bus Specification 3.0,
 * 3.2.2.3.2), and memory.
 */
#include "purgatory/machine.h"
#include "purgatory/x86_64/ports.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE 0x80000000u

static uint32_t port_in(uint16_t port, uint8_t width)
{
	if (width == 1)
		return wb_port_in8(port);
	return width == 2 ? wb_port_in16(port) : wb_port_in32(port);
}

static void port_out(uint16_t port, uint8_t width, uint32_t value)
{
	if (width == 1)
		wb_port_out8(port, (uint8_t)value);
	else if (width == 2)
		wb_port_out16(port, (uint16_t)value);
	else
		wb_port_out32(port, value);
}

/* The port of a step's register. */
static uint16_t port_of(const struct wb_reg_step *step)
{
	if (step->space == WB_REG_PORT)
		return (uint16_t)step->address;
	wb_port_out32(PCI_ADDRESS, PCI_ENABLE | ((uint32_t)step->address & ~3u));
	return PCI_DATA + (step->address & 3);
}

uint32_t wb_machine_read(void *arg, const struct wb_reg_step *step)
{
	volatile void *at;

	(void)arg;
	if (step->space != WB_REG_MEMORY)
		return port_in(port_of(step), step->width);
	at = wb_machine_memory(step->address);
	if (step->width == 1)
		return *(volatile uint8_t *)at;
	return step->width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

void wb_machine_write(void *arg, const struct wb_reg_step *step, uint32_t value)
{
	volatile void *at;

	(void)arg;
	if (step->space != WB_REG_MEMORY) {
		port_out(port_of(step), step->width, value);
		return;
	}
	at = wb_machine_memory(step->address);
	if (step->width == 1)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (step->width == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}
