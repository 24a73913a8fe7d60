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
