// SPDX-License-Identifier: LGPL-2.1-or-later
/* The service in which a virtual machine runs, by the name that QEMU has for it (-name). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/valid.h"
#include "keep/domain.h"
#include "keep/find-vm.h"
#include "qemu/look.h"

static bool has_name(pid_t pid, const char *name, int *ret_r, struct wb_error *err)
{
	struct wb_qemu_facts f = {};
	bool is;

	*ret_r = wb_qemu_look_at_words(pid, &f, err);
	is = *ret_r > 0 && f.args.name && !strcmp(f.args.name, name);
	wb_qemu_facts_deinit(&f);
	return is;
}

/* libvirt's groups: a scope of systemd's, or one of its own without systemd-machined. */
static bool is_of_libvirt(const char *groups)
{
	return strstr(groups, "/machine-qemu") || strstr(groups, ".libvirt-qemu") ||
	       strstr(groups, "/libvirtd.service") || strstr(groups, "/virtqemud.service");
}

/* Its group may say anything: what counts is that the machine's libvirt has a domain of this name. */
static int unit_of_domain(
	const struct wb_keep_finding *with, const char *name, char **ret, struct wb_error *err)
{
	WB_CLEAN_DOMAIN d = {};
	int r = wb_domain_find(with->runner, name, &d, err);

	if (r == -ENOENT)
		return wb_fail(err, -EOPNOTSUPP,
			"vm:%s is a domain of a user's own libvirt (qemu:///session), or of one "
			"that root cannot ask, and these are not kept: %s",
			name, err ? err->text : "");
	if (r < 0)
		return r;
	*ret = wb_domain_unit(name);
	return *ret ? 0
		    : wb_fail(err, -EOPNOTSUPP,
			      "vm:%s: no unit of systemd can have the name of this domain", name);
}

/* "0::/system.slice/web.service" of cgroup(7). */
static int unit_of(const struct wb_keep_finding *with, pid_t pid, const char *name, char **ret,
	struct wb_error *err)
{
	const struct wb_files *files = with->sys->files;
	WB_CLEAN_BLOB text = {};
	char path[64], *line, *rest, *last = NULL;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	r = files->read(files->ctx, path, 1 << 16, &text, err);
	if (r < 0)
		return r;
	if (is_of_libvirt((const char *)text.data))
		return unit_of_domain(with, name, ret, err);
	for (rest = (char *)text.data; rest && (line = strsep(&rest, "\n"));)
		if (!strncmp(line, "0::/", 4) || strstr(line, ":name=systemd:/"))
			last = strrchr(line, '/') + 1;
	if (!last || !wb_valid_service_name(last))
		return wb_fail(err, -EOPNOTSUPP,
			"vm:%s (process %d) runs in no service, and only a service is started "
			"again after a jump",
			name, (int)pid);
	*ret = strdup(last);
	return *ret ? 0 : wb_oom(err);
}

static int find(
	const struct wb_keep_finding *with, const char *bare, char **ret, struct wb_error *err)
{
	const struct wb_files *files = with->sys->files;
	WB_CLEAN_STRV names = {};
	pid_t found = 0;
	int r = files->list(files->ctx, "/proc", &names, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.n; i++) {
		pid_t pid = (pid_t)strtol(names.items[i], NULL, 10);

		if (pid < 2 || !has_name(pid, bare, &r, err)) {
			if (r < 0)
				return r;
			continue;
		}
		if (found)
			return wb_fail(err, -EOPNOTSUPP,
				"two virtual machines are called %s: processes %d and %d", bare,
				(int)found, (int)pid);
		found = pid;
	}
	if (!found)
		return wb_fail(err, -ENOENT,
			"no virtual machine \"%s\" runs (a QEMU with \"-name %s\")", bare, bare);
	return unit_of(with, found, bare, ret, err);
}

const struct wb_keep_finder wb_find_vm = {"vm", find};
