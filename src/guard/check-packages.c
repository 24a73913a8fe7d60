// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: is a package manager at work, or was it interrupted? */
#include <errno.h>
#include <string.h>

#include "guard/checks.h"

int wb_package_manager(const struct wb_check_ops *ops, void *ctx, const char **ret_lock)
{
	static const char *const locks[] = {"/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
		"/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock", NULL};

	for (const char *const *path = locks; *path; path++) {
		int pid = ops->locked_by(ctx, *path);

		if (pid != -EACCES && pid <= 0)
			continue;
		*ret_lock = *path;
		return pid;
	}
	return 0;
}

static int check_lock(const struct wb_check_facts *f, struct wb_check_report *r)
{
	const char *path;
	int pid = wb_package_manager(f->ops, f->ctx, &path);

	if (pid <= 0)
		return pid;
	return wb_finding_add(r, WB_SEVERITY_SEVERE, path, "wait until it is done",
		"a package manager is at work (process %d), and a jump would leave packages half "
		"installed",
		pid);
}

/* dpkg(1) writes its steps there, and clears them when it has written its database. */
static int check_dpkg(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STRV steps = {};
	int e = wb_check_list(f, "/var/lib/dpkg/updates", &steps, err);

	if (e <= 0 || !steps.n)
		return e < 0 ? e : 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, "/var/lib/dpkg/updates",
		"run \"dpkg --configure -a\"",
		"dpkg was interrupted, so the next kernel or its initramfs may be incomplete");
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	int e = check_lock(f, r);

	if (e == -EACCES)
		return wb_fail(err, e, "only root sees the locks of package managers");
	return e < 0 ? e : check_dpkg(f, r, err);
}

const struct wb_check wb_check_packages = {
	.id = "packages",
	.about = "whether dpkg or rpm is at work, or was interrupted",
	.look = look,
};
