// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Print "WB-TSC name value". In /dev/kmsg it relates the kernel's clock, which each kernel starts
 * again, to the TSC, which runs on. With -icount shift=0 the TSC counts instructions.
 */
#include <stdio.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	printf("WB-TSC %s %llu\n", argc > 1 ? argv[1] : "-", (unsigned long long)__rdtsc());
	return 0;
}
