// SPDX-License-Identifier: LGPL-2.1-or-later
#include "arch/arch.h"

const struct wb_arch *wb_arch_native(void)
{
	return &wb_arch_x86_64;
}

uint64_t wb_arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* relocate_kernel_64.S, swap_pages */
void wb_arch_copy_page(void *to, const void *from)
{
	unsigned long n = 512;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
