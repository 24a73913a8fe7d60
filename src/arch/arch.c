// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding the row of a machine. */
#include "arch/arch.h"

const struct wb_arch *wb_arch_of(const struct wb_files *files)
{
	return files->arch ? files->arch : wb_arch_native();
}

bool wb_arch_sets_aside(
	const struct wb_arch *arch, const char *cmdline, uint64_t start, uint64_t size)
{
	uint64_t at, n;

	for (size_t i = 0; arch->region_find && arch->region_find(cmdline, i, &at, &n); i++)
		if (at == start && n == size)
			return true;
	return false;
}
