/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Features of the CPU that the running kernel lets programs use. */
#pragma once

#include <stdint.h>

#define WB_CPU_OFFERS 3
/* As bits: AT_HWCAP, AT_HWCAP2 (getauxval(3)) and wb_arch_features(). */
void wb_cpu_offers(int64_t ret[WB_CPU_OFFERS]);
