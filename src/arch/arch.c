// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stddef.h>

#include "arch/arch.h"

const struct wb_arch *wb_arch_find(enum wb_machine_arch id)
{
	static const struct wb_arch *const all[] = {&wb_arch_x86_64, &wb_arch_arm64};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i]->id == id)
			return all[i];
	return NULL;
}
