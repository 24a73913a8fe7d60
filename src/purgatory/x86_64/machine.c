// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The functions of machine.h and ports.h for the image, its arguments, and the libc functions that
 * compilers call by themselves.
 */
#include "purgatory/machine.h"

#include <stddef.h>

#include "purgatory/handoff.h"
#include "purgatory/steps.h"
#include "purgatory/x86_64/ports.h"
#include "purgatory/x86_64/tables.h"

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

void wb_port_out16(uint16_t port, uint16_t value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

uint16_t wb_port_in16(uint16_t port)
{
	uint16_t value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void wb_port_out32(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

uint32_t wb_port_in32(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

#define CR4_LA57 0x1000u

/* The first and the last byte of the image, its stack and its bss included (purgatory.lds). */
extern const char wb_purgatory_entry[], wb_purgatory_end[];
static uint64_t tables[WB_TABLES_MOST][512] __attribute__((aligned(4096)));
static uint64_t old_tables;

static void use_tables(uint64_t root)
{
	asm volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

bool wb_machine_reach_registers(const struct wb_reg_step *steps, uint32_t n)
{
	struct wb_tables t;
	uint64_t at = (uint64_t)wb_purgatory_entry & ~(WB_REG_PAGE - 1), cr4;

	/* One by one: a constant of it all would hold an address. */
	t.pages = tables;
	t.n = 1;
	asm volatile("movq %%cr4, %0" : "=r"(cr4));
	t.levels = cr4 & CR4_LA57 ? 5 : 4;
	for (; at < (uint64_t)wb_purgatory_end; at += WB_REG_PAGE)
		if (!wb_tables_map(&t, at, false))
			return false;
	for (uint32_t i = 0; i < n; i++)
		if (steps[i].space == WB_REG_MEMORY && !wb_tables_map(&t, steps[i].address, true))
			return false;
	asm volatile("movq %%cr3, %0" : "=r"(old_tables));
	use_tables((uint64_t)tables[0]);
	return true;
}

void wb_machine_leave_registers(void)
{
	use_tables(old_tables);
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
