// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cmdline.h"
#include "stage/policy.h"

#define SMALL (1 << 20)

static int read_text(const struct wb_sys *sys, const char *path, struct wb_blob *ret)
{
	return sys->files->read(sys->files->ctx, path, SMALL, ret, NULL);
}

/* The file shows all modes and brackets the one in force: "none [integrity] confidentiality". */
static void read_lockdown(const struct wb_sys *sys, struct wb_policy *p)
{
	WB_CLEAN_BLOB b = {};
	const char *open, *close;

	if (read_text(sys, "/sys/kernel/security/lockdown", &b) < 0)
		return;
	open = strchr((char *)b.data, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close)
		snprintf(p->lockdown, sizeof(p->lockdown), "%.*s", (int)(close - open - 1),
			open + 1);
}

/* KEXEC_SIG_FORCE leaves no trace but the configuration that the distribution installs. */
static bool signature_forced(const struct wb_sys *sys)
{
	WB_CLEAN_BLOB release = {}, config = {};
	char path[256];

	if (read_text(sys, "/proc/sys/kernel/osrelease", &release) < 0)
		return false;
	snprintf(path, sizeof(path), "/boot/config-%.*s", (int)strcspn((char *)release.data, "\n"),
		(char *)release.data);
	return read_text(sys, path, &config) == 0 &&
	       strstr((char *)config.data, "\nCONFIG_KEXEC_SIG_FORCE=y") != NULL;
}

void wb_policy_read(const struct wb_sys *sys, struct wb_policy *ret)
{
	struct wb_policy p = {};
	WB_CLEAN_BLOB disabled = {}, limit = {}, cmdline = {};
	WB_CLEAN_STR kho = NULL;

	p.may_boot = sys->may_boot(sys->ctx);
	if (read_text(sys, "/proc/sys/kernel/kexec_load_disabled", &disabled) < 0)
		p.no_kexec = !sys->files->exists(sys->files->ctx, "/sys/kernel/kexec_loaded");
	else
		p.disabled = disabled.data[0] == '1';
	p.spent = read_text(sys, "/proc/sys/kernel/kexec_load_limit_reboot", &limit) == 0 &&
		  limit.data[0] == '0';
	read_lockdown(sys, &p);
	if (p.lockdown[0] && strcmp(p.lockdown, "none") != 0) {
		p.signature = true;
		snprintf(p.signature_why, sizeof(p.signature_why), "kernel lockdown is in %s mode",
			p.lockdown);
	} else if (signature_forced(sys)) {
		p.signature = true;
		snprintf(p.signature_why, sizeof(p.signature_why),
			"the kernel enforces signatures (CONFIG_KEXEC_SIG_FORCE)");
	}
	if (read_text(sys, "/proc/cmdline", &cmdline) == 0 &&
		wb_cmdline_get((char *)cmdline.data, "kho", &kho) == 0)
		p.kho = strcmp(kho, "on") == 0 || strcmp(kho, "1") == 0 || strcmp(kho, "y") == 0;
	*ret = p;
}

int wb_policy_check(const struct wb_policy *p, bool file, struct wb_error *err)
{
	if (!p->may_boot)
		return wb_fail(err, -EPERM,
			"loading a kernel needs the capability CAP_SYS_BOOT; run this as root or "
			"with sudo");
	if (p->no_kexec)
		return wb_fail(err, -ENOSYS,
			"the running kernel was built without kexec (CONFIG_KEXEC); boot one that "
			"has it");
	if (p->disabled)
		return wb_fail(err, -EPERM,
			"kernel.kexec_load_disabled is 1, which holds until the next boot; reboot "
			"through "
			"the firmware, and take the setting out of sysctl.d to load kernels");
	if (p->spent)
		return wb_fail(err, -EPERM,
			"kernel.kexec_load_limit_reboot is 0: this boot may load no more kernels; "
			"reboot through the firmware, and raise the setting in sysctl.d");
	if (p->signature && !file)
		return wb_fail(err, -EPERM,
			"%s, so kexec_load(2) is refused; load a signed kernel with "
			"kexec_file_load(2) (the method \"file\")",
			p->signature_why);
	return 0;
}
