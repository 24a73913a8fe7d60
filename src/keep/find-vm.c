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

/* The search for one name. */
struct finding {
	const struct wb_keep_finding *with;
	const char *name;
	pid_t found, of_user; /* 0: none */
};

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

static int read_groups(
	const struct wb_files *files, pid_t pid, struct wb_blob *ret, struct wb_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	return files->read(files->ctx, path, 1 << 16, ret, err);
}

/* Sessions of users and the services of their own managers: user@.service(5). */
static bool is_of_user(const char *groups)
{
	static const char slice[] = "::/user.slice/";
	const char *at = strstr(groups, "0::/");

	return at && !strncmp(at + 1, slice, strlen(slice));
}

/* "0::/system.slice/web.service" of cgroup(7). */
static int unit_of(const struct wb_keep_finding *with, pid_t pid, const char *name, char **ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	char *line, *rest, *last = NULL;
	int r = read_groups(with->sys->files, pid, &text, err);

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

/* Any user can call a program so, and is not to be in the way of a guest of the machine's. */
static int take(struct finding *f, pid_t pid, struct wb_error *err)
{
	WB_CLEAN_BLOB groups = {};

	/* It may have ended meanwhile. */
	if (read_groups(f->with->sys->files, pid, &groups, NULL) < 0)
		return 0;
	if (is_of_user((const char *)groups.data)) {
		f->of_user = pid;
		return 0;
	}
	if (f->found)
		return wb_fail(err, -EOPNOTSUPP,
			"two virtual machines are called %s: processes %d and %d", f->name,
			(int)f->found, (int)pid);
	f->found = pid;
	return 0;
}

static int find_all(struct finding *f, struct wb_error *err)
{
	const struct wb_files *files = f->with->sys->files;
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, "/proc", &names, err);

	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		pid_t pid = (pid_t)strtol(names.items[i], NULL, 10);

		if (pid > 1 && has_name(pid, f->name, &r, err))
			r = take(f, pid, err);
	}
	return r < 0 ? r : 0;
}

static int find(
	const struct wb_keep_finding *with, const char *bare, char **ret, struct wb_error *err)
{
	struct finding f = {.with = with, .name = bare};
	int r = find_all(&f, err);

	if (r < 0)
		return r;
	if (f.found)
		return unit_of(with, f.found, bare, ret, err);
	if (f.of_user)
		return wb_fail(err, -EOPNOTSUPP,
			"vm:%s is a virtual machine of a user (process %d), and root speaks to no "
			"program of a user: let it run in a service of the machine, or as a domain "
			"of the machine's libvirt (qemu:///system)",
			bare, (int)f.of_user);
	return wb_fail(err, -ENOENT, "no virtual machine \"%s\" runs (a QEMU with \"-name %s\")",
		bare, bare);
}

const struct wb_keep_finder wb_find_vm = {"vm", find};
