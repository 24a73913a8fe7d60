// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The functions of machine.h and ports.h for the image, its arguments, and the libc functions that
 * compilers call by themselves.
 */
#include "purgatory/machine.h"

#include <stddef.h>

#include "purgatory/handoff.h"
#include "purgatory/x86_64/ports.h"

/* entry.S uses these offsets. */
_Static_assert(offsetof(struct wb_purgatory_args, entry) == 8, "args layout");
_Static_assert(offsetof(struct wb_purgatory_args, boot_data) == 16, "args layout");

/* The planner fills in the copy in the image, not this variable. */
extern struct wb_purgatory_args wb_purgatory_args;
struct wb_purgatory_args wb_purgatory_args = {.magic = WB_PURGATORY_MAGIC};

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);

/* Assembly, because a compiler would turn a loop in C into a call of the same function. */
void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t n)
{
	void *at = to;

	asm volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
	return to;
}

uint64_t wb_machine_cycles(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

void wb_port_out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

uint8_t wb_port_in8(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void *wb_machine_memory(uint64_t address)
{
	return (void *)address;
}

void wb_triple_fault(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {};

	asm volatile("lidt %0\n\tint3" : : "m"(none));
	for (;;)
		asm volatile("hlt");
}
