// SPDX-License-Identifier: LGPL-2.1-or-later
/* The parts of kexec-tools' interface that a session does not have. */
#include <errno.h>
#include <string.h>

#include "session/kexec.h"
#include "session/once.h"
#include "session/record.h"

static bool exists(const struct wb_sys *sys, const char *path)
{
	return sys->files->exists(sys->files->ctx, path);
}

int wb_kexec_reuse_initrd(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err)
{
	static const char kept[] = "/sys/firmware/initrd";

	if (!exists(sys, kept))
		return wb_fail(err, -ENOENT,
			"--reuseinitrd: the running kernel kept no initrd (%s); boot it with "
			"retain_initrd",
			kept);
	req->initrds[req->options.n_initrds++] = kept;
	return 0;
}

/* As the kernel does for KEXEC_FILE_FORCE_DTB on a machine where few have a tree. */
void wb_kexec_reuse_dtb(const struct wb_sys *sys, struct wb_request *req)
{
	static const char running[] = "/sys/firmware/fdt";
	struct wb_load_options *o = &req->options;

	if (o->dtb || !exists(sys, running))
		return;
	o->dtb = running;
	if (o->legacy_fallback) {
		o->method = WB_METHOD_SEGMENTS;
		o->legacy_fallback = false;
	}
}

int wb_kexec_now(const struct wb_session_host *h, bool sync, bool net_down, struct wb_error *err)
{
	const struct wb_quiesce *quiesce = h->quiesce;
	const struct wb_sys *sys = h->sys;
	WB_CLEAN_BLOB b = {};
	WB_CLEAN_ONCE once = {};
	int r;

	/* Without /sys only the kernel itself knows whether one is loaded. */
	if (sys->files->read(
		    sys->files->ctx, "/sys/kernel/kexec_loaded", WB_SMALL_FILE, &b, NULL) == 0 &&
		b.data[0] == '0')
		return wb_fail(
			err, -ENOENT, "nothing has been loaded; load a kernel first (kexec -l)");
	wb_jump_record_others(sys);
	wb_once_clear(h, &once);
	if (sync)
		quiesce->sync(quiesce->ctx);
	if (net_down)
		quiesce->net_down(quiesce->ctx);
	r = sys->reboot_kexec(sys->ctx);
	wb_once_undo(h, &once);
	return wb_fail(err, r, "the kernel refused to jump: %s", strerror(-r));
}
