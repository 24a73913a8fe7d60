// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading and checking the gates in front of kexec: lockdown, configuration, sysctl, Secure Boot.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/codec.h"
#include "sys/policy.h"

#define SMALL (1 << 20)

static int read_text(const struct wb_sys *sys, const char *path, struct wb_blob *ret)
{
	return sys->files->read(sys->files->ctx, path, SMALL, ret, NULL);
}

/* The file has all modes, with the one in force in brackets: "none [integrity] confidentiality". */
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

/* ---- the running kernel's configuration ---- */

/*
 * Read the kernel's configuration: from the kernel itself, else from the places of distributions.
 */
static int read_config(const struct wb_sys *sys, struct wb_blob *ret)
{
	static const char *const before[] = {"/lib/modules/", "/boot/config-"};
	static const char *const behind[] = {"/config", ""};
	WB_CLEAN_BLOB packed = {}, release = {};
	int r = -ENOENT;

	if (read_text(sys, "/proc/config.gz", &packed) == 0) {
		const struct wb_codec *gzip = wb_codec_by_name("gzip");

		r = gzip ? gzip->decompress(wb_blob_view(&packed), 8 * SMALL, ret, NULL, NULL)
			 : -EOPNOTSUPP;
		if (r == 0)
			return wb_blob_append(ret, "", 1);
	}
	if (read_text(sys, "/proc/sys/kernel/osrelease", &release) < 0)
		return r;
	for (size_t i = 0; i < 2; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s%.*s%s", before[i],
			(int)strcspn((char *)release.data, "\n"), (char *)release.data, behind[i]);
		r = read_text(sys, path, ret);
		if (r == 0)
			break;
	}
	return r;
}

/* Is the option "y" in the configuration? */
static bool is_set(const char *config, const char *name)
{
	size_t n = strlen(name);

	for (; config; config = strchr(config, '\n'), config += !!config)
		if (!strncmp(config, name, n) && !strncmp(config + n, "=y", 2))
			return true;
	return false;
}

/* Only the configuration shows KEXEC_SIG_FORCE, or a kernel without KEXEC_SIG. */
static void read_signatures(const struct wb_sys *sys, struct wb_policy *p)
{
	WB_CLEAN_BLOB b = {};
	const char *config;

	if (read_config(sys, &b) < 0)
		return;
	config = (const char *)b.data;
	if (is_set(config, "CONFIG_KEXEC_SIG_FORCE") && !p->signature) {
		p->signature = true;
		snprintf(p->signature_why, sizeof(p->signature_why),
			"the kernel enforces signatures (CONFIG_KEXEC_SIG_FORCE)");
	}
	/* The second name is that before Linux 5.4. */
	p->unverified =
		!is_set(config, "CONFIG_KEXEC_FILE") ||
		!(is_set(config, "CONFIG_KEXEC_SIG") || is_set(config, "CONFIG_KEXEC_VERIFY_SIG"));
}

/* Is the variable SecureBoot 1 (UEFI specification, 3.3)? Four bytes of attributes precede it. */
static bool has_secure_boot(const struct wb_sys *sys)
{
	WB_CLEAN_BLOB b = {};

	return read_text(sys,
		       "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		       &b) == 0 &&
	       b.size == 5 && b.data[4] == 1;
}

/* Does the kernel let this boot load nothing more for this target? */
static bool is_spent(const struct wb_sys *sys, const char *limit)
{
	WB_CLEAN_BLOB b = {};
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", limit);
	return read_text(sys, path, &b) == 0 && b.data[0] == '0';
}

void wb_policy_read(const struct wb_sys *sys, enum wb_target_id target, struct wb_policy *ret)
{
	struct wb_policy p = {.limit = wb_target(target)->load_limit};
	WB_CLEAN_BLOB disabled = {}, cmdline = {};
	WB_CLEAN_STR kho = NULL;

	p.may_boot = sys->may_boot(sys->ctx);
	if (read_text(sys, "/proc/sys/kernel/kexec_load_disabled", &disabled) < 0)
		p.no_kexec = !sys->files->exists(sys->files->ctx, "/sys/kernel/kexec_loaded");
	else
		p.disabled = disabled.data[0] == '1';
	p.spent = is_spent(sys, p.limit);
	read_lockdown(sys, &p);
	if (p.lockdown[0] && strcmp(p.lockdown, "none") != 0) {
		p.signature = true;
		snprintf(p.signature_why, sizeof(p.signature_why), "kernel lockdown is in %s mode",
			p.lockdown);
	}
	read_signatures(sys, &p);
	p.secure_boot = !p.signature && has_secure_boot(sys);
	if (read_text(sys, "/proc/cmdline", &cmdline) == 0 &&
		wb_cmdline_get((char *)cmdline.data, "kho", &kho) == 0)
		p.kho = strcmp(kho, "on") == 0 || strcmp(kho, "1") == 0 || strcmp(kho, "y") == 0;
	*ret = p;
}

bool wb_policy_wants_file(const struct wb_policy *p, bool placed, char ret_why[WB_POLICY_WHY])
{
	bool file = p->signature || p->kho || (p->secure_boot && !p->unverified && !placed);
	const char *why = "";

	if (p->signature)
		why = p->signature_why;
	else if (p->kho)
		why = "kexec handover (kho=on) works with kexec_file_load only";
	else if (p->secure_boot && p->unverified)
		why = "Secure Boot is on, but no signature is checked: the running kernel's "
		      "configuration has no CONFIG_KEXEC_SIG";
	else if (p->secure_boot && placed)
		why = "Secure Boot is on, but no signature is checked: kexec_file_load, which "
		      "would check it, supports no store in memory, addresses or device tree";
	else if (p->secure_boot)
		why = "Secure Boot is on, so the running kernel checks the signature";
	snprintf(ret_why, WB_POLICY_WHY, "%s", why);
	return file;
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
			"kernel.%s is 0: this boot may load no more kernels; "
			"reboot through the firmware, and raise the setting in sysctl.d",
			p->limit);
	if (p->signature && !file)
		return wb_fail(err, -EPERM,
			"%s, so kexec_load(2) is refused; load a signed kernel with "
			"kexec_file_load(2) (the method \"file\")",
			p->signature_why);
	return 0;
}
