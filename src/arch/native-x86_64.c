// SPDX-License-Identifier: LGPL-2.1-or-later
/* The functions of the machine that this program was built for: x86-64. */
#include <cpuid.h>

#include "arch/arch.h"

const struct wb_arch *wb_arch_native(void)
{
	return &wb_arch_x86_64;
}

uint64_t wb_arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* XCR0, the parts of the state that XSAVE saves: without one of them, instructions such as AVX are not valid. */
uint64_t wb_arch_features(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (uint64_t)d << 32 | a;
}

/* The same copy as in swap_pages of relocate_kernel_64.S. */
void wb_arch_copy_page(void *to, const void *from)
{
	unsigned long n = 512;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
