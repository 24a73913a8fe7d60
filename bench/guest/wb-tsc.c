// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Print "WB-TSC name value". Written to /dev/kmsg it ties the kernel's clock, which starts anew with
 * each kernel, to the TSC, which does not; under -icount shift=0 the TSC counts instructions.
 */
#include <stdio.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	printf("WB-TSC %s %llu\n", argc > 1 ? argv[1] : "-", (unsigned long long)__rdtsc());
	return 0;
}
