// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The row of arm64. It only plans: purgatory and device tree edits are not built for this machine
 * yet.
 */
#include <errno.h>
#include <string.h>

#include "arch/arch.h"

#define MIB (1ull << 20)

/*
 * The image lies at text_offset from a 2 MiB aligned base, the initrd within 32 GiB of it, the
 * device tree within a 2 MiB block (Documentation/arch/arm64/booting.rst).
 */
static int arm64_plan(const struct wb_machine *m, const struct wb_plan_wish *wish,
	struct wb_plan *plan, struct wb_error *err)
{
	const struct wb_arm64_image *im = &wish->image->arm64;
	struct wb_bytes dtb = wish->dtb.size ? wish->dtb : wb_blob_view(&m->dtb);
	struct wb_fit kernel = {.align = 2 * MIB, .max = UINT64_MAX};
	struct wb_fit rest = {.max = UINT64_MAX};
	uint64_t at;
	int r;

	if (wish->image->kind != WB_IMAGE_ARM64)
		return wb_fail(err, -EOPNOTSUPP, "only the Image format can be planned for arm64");
	if (!dtb.size)
		return wb_fail(
			err, -EOPNOTSUPP, "no device tree to hand on; \"kexec --dtb\" gives one");
	kernel.size = im->text_offset + (im->image_size > wish->image->bytes.size
							? im->image_size
							: wish->image->bytes.size);
	r = wb_plan_place(plan, kernel, "kernel", &at, err);
	if (r < 0)
		return r;
	plan->kernel_at = at + im->text_offset;
	plan->entry = plan->kernel_at;
	r = wb_plan_add(plan, "kernel", wish->image->bytes.data, wish->image->bytes.size,
		plan->kernel_at, kernel.size - im->text_offset, wish->image->bytes.size, err);
	rest.max = plan->kernel_at + (32ull << 30) - 1;
	rest.size = wish->initrd.size;
	if (r == 0 && rest.size)
		r = wb_plan_place(plan, rest, "initrd", &at, err);
	if (r == 0 && rest.size)
		r = wb_plan_add(plan, "initrd", wish->initrd.data, wish->initrd.size, at,
			wish->initrd.size, wish->initrd.size, err);
	rest.size = dtb.size;
	rest.align = 2 * MIB;
	if (r == 0)
		r = wb_plan_place(plan, rest, "device tree", &at, err);
	return r < 0 ? r
		     : wb_plan_add(plan, "dtb", dtb.data, dtb.size, at, dtb.size, dtb.size, err);
}

static const char *const types[] = {"Image", "vmlinuz", "uki", NULL};

/* arch/arm64/kernel/cpuinfo.c */
static const char *const cpu_keys[] = {
	"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", NULL};

const struct wb_arch wb_arch_arm64 = {
	.name = "aarch64",
	.id = WB_ARCH_ARM64,
	.kexec_flag = 183ul << 16, /* KEXEC_ARCH_AARCH64 */
	.loads = false,
	.types = types,
	.cpu_keys = cpu_keys,
	.plan = arm64_plan,
};
