// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of methods, and the facts that a load tells its caller. */
#include <string.h>

#include "stage/stage.h"

const char *wb_method_name(enum wb_method method)
{
	static const char *const names[] = {"auto", "fast", "segments", "file"};

	return names[method];
}

const char *wb_initramfs_name(enum wb_initramfs initramfs)
{
	static const char *const names[] = {"auto", "warm", "own"};

	return names[initramfs];
}

const char *wb_verify_name(enum wb_verify verify)
{
	static const char *const names[] = {"sha256", "none"};

	return names[verify];
}

struct wb_stage_info wb_stage_info(const struct wb_stage *s)
{
	struct wb_stage_info info = {
		.method = s->method,
		.method_why = s->method_why,
		.initramfs = s->initramfs,
		.initramfs_why = s->initramfs_why,
		.verify = s->options.verify,
		.release = s->release,
		.cmdline = s->cmdline,
		.no_cmdline = s->no_cmdline,
		.kernel_bytes = s->vmlinux.size ? s->vmlinux.size : s->image.bytes.size,
		.initrd_bytes = s->initrd.size,
		.cached = s->cached,
		.guarded = s->guarded,
		.guarded_late = s->guarded_late,
		.unguarded_why = s->unguarded_why[0] ? s->unguarded_why : NULL,
	};

	memcpy(info.nonce, s->handoff.nonce, sizeof(info.nonce));
	return info;
}

bool wb_stage_segment(const struct wb_stage *s, size_t i, struct wb_stage_segment *ret)
{
	const struct wb_plan_segment *seg = &s->plan.segments[i];

	if (i >= s->plan.n)
		return false;
	*ret = (struct wb_stage_segment){seg->name, seg->mem, seg->memsz, seg->bufsz};
	return true;
}

uint64_t wb_stage_entry(const struct wb_stage *s)
{
	return s->plan.entry;
}
