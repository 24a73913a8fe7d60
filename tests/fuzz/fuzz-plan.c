// SPDX-License-Identifier: LGPL-2.1-or-later
/* A hostile vmlinux through the linker and the planner. */
#include <string.h>

#include "arch/arch.h"
#include "plan/plan.h"
#include "../unit/tiny-vmlinux.h"

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_MACHINE machine = {.arch = &wb_arch_x86_64};
	WB_CLEAN_BLOB vmlinux = {};
	static const uint8_t setup[0x70];
	struct wb_image image = tiny_bzimage(setup, (struct wb_bytes){setup, sizeof(setup)});
	struct wb_plan_wish wish = {
		.method = WB_METHOD_FAST,
		.image = &image,
		.vmlinux = &vmlinux,
		.cmdline = "root=/dev/vda1",
		.entropy = {3, 5},
	};
	struct wb_error err = {};
	struct wb_plan plan;

	if (wb_blob_append(&vmlinux, data, size) < 0 ||
		wb_ranges_set(&machine.memory, 0, 256 << 20, WB_MEMORY_RAM) < 0)
		return 0;
	if (wb_plan_make(&machine, &wish, &plan, &err) == 0)
		wb_plan_deinit(&plan);
	return 0;
}
