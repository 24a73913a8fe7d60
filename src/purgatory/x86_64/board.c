// SPDX-License-Identifier: LGPL-2.1-or-later
/* The PC around the CPU: its serial port, and its resets. */
#include "purgatory/machine.h"
#include "purgatory/x86_64/ports.h"

/*
 * A port read takes about 1 us and a character at 9600 baud 1 ms: this waits long enough, but not
 * for ever.
 */
#define SERIAL_TRIES 100000
#define RESET_TRIES 100000

/* 16550: transmitter holding register empty, transmitter all empty. */
#define SERIAL_LSR 5
#define SERIAL_THRE 0x20
#define SERIAL_TEMT 0x40

static bool wait_serial(uint16_t port, uint8_t bit)
{
	for (int i = 0; i < SERIAL_TRIES; i++)
		if (wb_port_in8(port + SERIAL_LSR) & bit)
			return true;
	return false;
}

bool wb_machine_put(uint64_t console, char c)
{
	if (!wait_serial((uint16_t)console, SERIAL_THRE))
		return false;
	wb_port_out8((uint16_t)console, (uint8_t)c);
	return true;
}

void wb_machine_flush(uint64_t console)
{
	wait_serial((uint16_t)console, SERIAL_TEMT);
}

/* Give a reset some time; reads of this port take as long as the bus does. */
static void let_it_work(void)
{
	for (int t = 0; t < RESET_TRIES; t++)
		wb_port_in8(0x80);
}

/*
 * Reset the machine in three ways: the chipset's reset control register, power cycled as by the
 * kernel (reboot=pci); the keyboard controller's reset line; a triple fault.
 */
void wb_machine_reset(void)
{
	static const uint8_t full[] = {0x02, 0x06, 0x0e};

	for (int i = 0; i < (int)sizeof(full); i++) {
		wb_port_out8(0xcf9, full[i]);
		let_it_work();
	}
	wb_port_out8(0x64, 0xfe);
	let_it_work();
	wb_triple_fault();
}
