// SPDX-License-Identifier: LGPL-2.1-or-later
/* Features of the CPU that the running kernel lets programs use. */
#include <sys/auxv.h>

#include "arch/arch.h"
#include "sys/cpu.h"

void wb_cpu_offers(int64_t ret[WB_CPU_OFFERS])
{
	ret[0] = (int64_t)getauxval(AT_HWCAP);
	ret[1] = (int64_t)getauxval(AT_HWCAP2);
	ret[2] = (int64_t)wb_arch_features();
}
