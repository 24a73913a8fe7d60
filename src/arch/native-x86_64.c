// SPDX-License-Identifier: LGPL-2.1-or-later
/* The functions of the machine that this program was built for: x86-64. */
#include "arch/arch.h"

const struct wb_arch *wb_arch_native(void)
{
	return &wb_arch_x86_64;
}

uint64_t wb_arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* The same copy as in swap_pages of relocate_kernel_64.S. */
void wb_arch_copy_page(void *to, const void *from)
{
	unsigned long n = 512;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
