// SPDX-License-Identifier: LGPL-2.1-or-later
/* The system calls of a load, and error messages for them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "stage/stage.h"
#include "sys/machine.h"

#define KEXEC_FILE_UNLOAD 1 /* linux/kexec.h */

#define SIGNED_ADVICE                                                                        \
	"; name a kernel that the distribution signed, or sign this one with a key that is " \
	"enrolled (mokutil --import)"

/* kexec_file_load(2) does not know the format: name the ways that are left. */
static int wrong_format(struct wb_error *err, int r, const struct wb_stage *s, const char *call)
{
	if (s->policy.signature)
		return wb_fail(err, r,
			"%s: %s does not know this image format, and %s, so there is no other "
			"way; name a signed kernel in the format that distributions ship (vmlinuz)",
			s->kernel_path, call, s->policy.signature_why);
	return wb_fail(err, r,
		"%s: %s does not know this image format; use kexec_load(2) (the method \"fast\"%s)",
		s->kernel_path, call, s->image.kind == WB_IMAGE_ELF ? "" : " or \"segments\"");
}

static int explain(struct wb_error *err, int r, const struct wb_stage *s, const char *call)
{
	switch (-r) {
	case EACCES: /* ima_load_data(), security/integrity/ima/ima_main.c */
		return wb_fail(err, r,
			"%s: a security module (IMA, perhaps for Secure Boot's sake) forbids %s%s",
			s->kernel_path, call,
			s->method == WB_METHOD_FILE
				? " of this file" SIGNED_ADVICE
				: "; load a signed kernel by the method \"file\", which goes with "
				  "a "
				  "store in a region of its own (\"warmboot store reserve\")");
	case EPERM:
		/* With lockdown, every problem with a signature gives EPERM. */
		if (s->policy.signature)
			return wb_fail(err, r,
				"%s: %s, and this file is not signed by a key that the running "
				"kernel trusts" SIGNED_ADVICE,
				s->kernel_path, s->policy.signature_why);
		return wb_fail(err, r,
			"%s was refused: no CAP_SYS_BOOT, or a security module or kernel lockdown "
			"forbids it",
			call);
	case ENOSYS:
		if (s->policy.signature)
			return wb_fail(err, r,
				"the running kernel has no %s, and %s; boot one that has it", call,
				s->policy.signature_why);
		return wb_fail(err, r, "the running kernel has no %s; use another method", call);
	case EBUSY:
		return wb_fail(err, r, "another kexec operation is going on; try again");
	case ENOMEM:
		return wb_fail(err, r, "the kernel has too little free memory to take the new one");
	case ENOEXEC:
		return wrong_format(err, r, s, call);
	case EKEYREJECTED:
	case ELIBBAD:
	case ENOKEY:
	case EBADMSG:
	case ENODATA: /* an unsigned PE file, crypto/asymmetric_keys/verify_pefile.c */
		return wb_fail(err, r,
			"%s: the signature is missing, damaged or by a key that the running kernel "
			"does not "
			"trust (%s)" SIGNED_ADVICE,
			s->kernel_path, strerror(-r));
	case EADDRNOTAVAIL:
	case EINVAL:
		return wb_fail(err, r,
			"%s refused the plan (%s): images may take at most half of the memory; see "
			"the "
			"kernel log",
			call, strerror(-r));
	default:
		return wb_fail(err, r, "%s failed: %s", call, strerror(-r));
	}
}

static int commit_segments(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	const struct wb_arch *arch = s->machine.arch;
	struct wb_sys_segment segments[WB_PLAN_SEGMENTS];
	uint64_t total = 0;
	int r;

	if (!arch->loads)
		return wb_fail(err, -EOPNOTSUPP, "kernels for %s can be planned but not loaded yet",
			arch->name);
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct wb_plan_segment *p = &s->plan.segments[i];

		segments[i] = (struct wb_sys_segment){p->buf, p->bufsz, p->mem, p->memsz};
		total += p->memsz;
	}
	r = wb_stage_check_memory(sys, total, "hand the kernel over", err);
	if (r < 0)
		return r;
	wb_stage_progress(s, "loading");
	r = sys->kexec_load(sys->ctx, s->plan.entry, segments, s->plan.n, s->plan.kexec_flags);
	return r < 0 ? explain(err, r, s, "kexec_load(2)") : 0;
}

static int commit_file(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	int kernel, initrd = -1, r;

	/*
	 * Pass the file itself if possible, because its signature or IMA attributes belong to it. A
	 * file that was checked against a digest is passed as a copy, because the file can change
	 * after the check.
	 */
	if (s->image.unwrapped || s->options.kernel_sha256)
		kernel = sys->memfd(sys->ctx, "kernel", s->image.bytes);
	else
		kernel = sys->open_read(sys->ctx, s->kernel_path);
	if (kernel < 0)
		return wb_fail(
			err, kernel, "cannot open %s: %s", s->kernel_path, strerror(-kernel));
	if (s->initrd.size) {
		initrd = s->initrd_path ? sys->open_read(sys->ctx, s->initrd_path)
					: sys->memfd(sys->ctx, "initrd", wb_blob_view(&s->initrd));
		if (initrd < 0) {
			sys->close_fd(sys->ctx, kernel);
			return wb_fail(
				err, initrd, "cannot pass the initrd: %s", strerror(-initrd));
		}
	}
	wb_stage_progress(s, "loading");
	r = sys->kexec_file_load(
		sys->ctx, kernel, initrd, s->cmdline, wb_target(s->target)->file_flags);
	sys->close_fd(sys->ctx, kernel);
	if (initrd >= 0)
		sys->close_fd(sys->ctx, initrd);
	return r < 0 ? explain(err, r, s, "kexec_file_load(2)") : 0;
}

/*
 * These errors mean to kexec-tools that the kernel cannot load files. kexec -a must behave alike.
 */
static bool file_not_supported(int r)
{
	return r == -ENOSYS || r == -EINVAL || r == -ENOEXEC || r == -EOPNOTSUPP;
}

int wb_stage_commit(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_error first = {};
	int r = wb_policy_check(&s->policy, s->method == WB_METHOD_FILE, err);

	if (r < 0)
		return r;
	if (s->method != WB_METHOD_FILE)
		return commit_segments(sys, s, err);
	r = commit_file(sys, s, &first);
	if (r < 0 && s->options.legacy_fallback && !s->policy.signature && file_not_supported(r)) {
		s->method = WB_METHOD_SEGMENTS;
		snprintf(s->method_why, sizeof(s->method_why), "%.500s", first.text);
		r = wb_machine_read(sys->files, &s->machine, err);
		if (r == 0)
			r = wb_stage_plan(sys, s, err);
		return r < 0 ? r : commit_segments(sys, s, err);
	}
	if (r < 0 && err)
		*err = first;
	return r;
}

int wb_stage_unload(const struct wb_sys *sys, enum wb_target_id target, struct wb_error *err)
{
	const struct wb_target *t = wb_target(target);
	struct wb_policy policy;
	int r;

	wb_policy_read(sys, target, &policy);
	/* kexec_load_disabled forbids unloading as well. */
	r = wb_policy_check(&policy, true, err);
	if (r < 0)
		return r;
	r = sys->kexec_file_load(sys->ctx, -1, -1, NULL, KEXEC_FILE_UNLOAD | t->file_flags);
	if (r < 0)
		r = sys->kexec_load(
			sys->ctx, 0, NULL, 0, wb_arch_of(sys->files)->kexec_flag | t->kexec_flags);
	return r < 0 ? wb_fail(err, r, "cannot unload: %s", strerror(-r)) : 0;
}

int wb_unload(const struct wb_sys *sys, struct wb_error *err)
{
	return wb_stage_unload(sys, WB_TARGET_REBOOT, err);
}
