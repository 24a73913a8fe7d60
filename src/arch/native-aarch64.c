// SPDX-License-Identifier: LGPL-2.1-or-later
/* The functions of the machine that this program was built for: arm64. */
#include <string.h>

#include "arch/arch.h"

const struct wb_arch *wb_arch_native(void)
{
	return &wb_arch_arm64;
}

uint64_t wb_arch_cycles(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
}

uint64_t wb_arch_features(void)
{
	return 0;
}

void wb_arch_copy_page(void *to, const void *from)
{
	memcpy(to, from, 4096);
}
