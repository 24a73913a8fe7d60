// SPDX-License-Identifier: LGPL-2.1-or-later
/* The systemd generator: it writes the replacement units of kept units, and drop-ins that they need. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mountinfo.h"
#include "keep/domain.h"
#include "qemu/image.h"
#include "restore/boot-units.h"
#include "restore/needs.h"
#include "restore/replacement.h"
#include "manifest/result.h"
#include "sys/runner.h"
#include "systemd/definition.h"

/* After so long a restore, clients are better served by an ordinary start. */
#define DEADLINE_S 90

/* Directories that may hold drop-ins, by systemd.unit(5); those of generators have none from others. */
static const char *const unit_dirs[] = {"/etc/systemd/system.control",
	"/run/systemd/system.control", "/run/systemd/transient", "/etc/systemd/system",
	"/etc/systemd/system.attached", "/run/systemd/system", "/run/systemd/system.attached",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", NULL};

/* ---- writing ---- */

struct job {
	const struct wb_generator_ops *ops;
	const struct wb_manifest *m;
	const char *program, *early;
	const char *fstab; /* its text; "" none */
	bool fstab_needs_udev, root_writable;
};

static int write_at(const struct job *j, const char *path, const char *text, struct wb_error *err)
{
	const struct wb_sys *sys = j->ops->sys;
	int r = sys->write_file(sys->ctx, path, wb_text(text), 0644);

	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static int write_text(const struct job *j, const char *name, const char *text, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;

	if (asprintf(&path, "%s/%s", j->early, name) < 0) {
		path = NULL;
		return wb_oom(err);
	}
	return write_at(j, path, text, err);
}

static int make_link(const struct job *j, const char *target, const char *dir, const char *name,
	struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	int r;

	if (asprintf(&path, "%s/%s/%s", j->early, dir, name) < 0) {
		path = NULL;
		return wb_oom(err);
	}
	r = j->ops->symlink(j->ops->ctx, target, path);
	return r < 0 ? wb_fail(err, r, "cannot make the link %s: %s", path, strerror(-r)) : 0;
}

/* Start the unit with the first units of the boot. */
static int want(const struct job *j, const char *unit, struct wb_error *err)
{
	WB_CLEAN_STR target = NULL;

	if (asprintf(&target, "../%s", unit) < 0) {
		target = NULL;
		return wb_oom(err);
	}
	return make_link(j, target, "sysinit.target.wants", unit, err);
}

/*
 * Existing drop-ins would apply to the replacement, which has their settings already. A link of the same name
 * in a directory with a higher priority hides each.
 */
static int hide_dropins_in(
	const struct job *j, const char *unit, const char *dir, struct wb_error *err)
{
	const struct wb_files *files = j->ops->sys->files;
	int r = 0;

	for (const char *const *top = unit_dirs; r == 0 && *top; top++) {
		WB_CLEAN_STRV names = {};
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR own = NULL;

		if (asprintf(&path, "%s/%s", *top, dir) < 0 || asprintf(&own, "%s.d", unit) < 0) {
			path = own = NULL;
			return wb_oom(err);
		}
		if (files->list(files->ctx, path, &names, NULL) < 0)
			continue;
		for (size_t i = 0; r == 0 && i < names.n; i++)
			if (strstr(names.items[i], ".conf"))
				r = make_link(j, "/dev/null", own, names.items[i], err);
	}
	return r;
}

static int hide_dropins(const struct job *j, const char *unit, struct wb_error *err)
{
	WB_CLEAN_STRV dirs = {};
	int r = 0;

	if (wb_definition_dropin_dirs(unit, &dirs) < 0)
		return wb_oom(err);
	for (size_t i = 0; r == 0 && i < dirs.n; i++)
		r = hide_dropins_in(j, unit, dirs.items[i], err);
	return r;
}

/* The unit starts in the ordinary way, and status shows the reason. */
static int give_up(const struct job *j, const struct wb_manifest_unit *u, const char *why,
	struct wb_error *err)
{
	const struct wb_unit_result part = {.unit = u->unit,
		.name = u->name,
		.asked = u->asked,
		.how = wb_keep_way(u->how)->fallback,
		.why = (char *)why};

	return wb_result_part_write(j->ops->sys, &part, err);
}

/* A guest's tap or bridge is made by the machine's network setup. */
static bool uses_network(const struct wb_manifest_unit *u)
{
	WB_CLEAN_VM_IMAGE image = {};

	return wb_keep_way(u->how)->anew && wb_vm_image_read(u->image, &image, NULL) == 0 &&
	       image.network;
}

/*
 * The memory of such a unit is wiped when it ends, also long after its own definition is in force again. The
 * drop-in lies where a daemon-reload leaves it.
 */
static int write_forget(const struct job *j, const struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_strf("/run/systemd/system/%s.d/50-warmboot.conf", u->unit);
	WB_CLEAN_STR text = NULL;

	if (!path || wb_replacement_drop_in(u->unit, j->program, &text) < 0)
		return wb_oom(err);
	return write_at(j, path, text, err);
}

/* A guest's memory may have to be copied first, at a quarter of a GiB a second at least. */
static unsigned copying_s(const struct wb_manifest_unit *u)
{
	WB_CLEAN_VM_IMAGE image = {};

	if (!wb_keep_way(u->how)->anew || wb_vm_image_read(u->image, &image, NULL) < 0 ||
		!image.stored)
		return 0;
	return (unsigned)(image.size >> 28);
}

/* Its units are installed; libvirt must not start it before the first of them runs. */
static int want_domain(const struct job *j, const struct wb_manifest_unit *u, struct wb_error *err)
{
	static const char *const templates[] = {"warmboot-image@", "warmboot-domain@"};
	WB_CLEAN_STR name = wb_domain_of_unit(u->unit);
	int r = 0;

	if (!name)
		return wb_fail(err, -EBADMSG, "%s is no unit of a domain", u->unit);
	for (size_t i = 0; r == 0 && i < sizeof(templates) / sizeof(*templates); i++) {
		WB_CLEAN_STR file = wb_strf("/usr/lib/systemd/system/%s.service", templates[i]);
		WB_CLEAN_STR unit = wb_strf("%s%s.service", templates[i], name);

		r = file && unit ? make_link(j, file, "multi-user.target.wants", unit, err)
				 : wb_oom(err);
	}
	return r;
}

static int write_unit(const struct job *j, const struct wb_manifest_unit *u, struct wb_error *err)
{
	struct wb_replacement_wishes wishes = {.program = j->program,
		.root_writable = j->root_writable,
		.wait_network = wb_needs_network(j->m, u) || uses_network(u),
		.deadline_s = DEADLINE_S + copying_s(u)};
	WB_CLEAN_STR text = NULL;
	struct wb_error why = {};
	int r;

	if (wb_keep_way(u->how)->managed)
		return want_domain(j, u, err);
	wishes.before_coldplug =
		!j->fstab_needs_udev && !wishes.wait_network && !wb_needs_mounts(u, j->fstab);
	r = wb_replacement_text(u, &wishes, &text, &why);
	if (r == -EOPNOTSUPP)
		return give_up(j, u, why.text, err);
	if (r < 0)
		return wb_oom(err);
	r = write_text(j, u->unit, text, err);
	if (r == 0 && wb_keep_way(u->how)->anew)
		r = write_forget(j, u, err);
	if (r == 0)
		r = hide_dropins(j, u->unit, err);
	if (r == 0)
		r = want(j, u->unit, err);
	return r;
}

/* The packet hold for units that are restarted ends for each one when it listens. */
static int want_unhold(const struct job *j, struct wb_error *err)
{
	if (!j->m->units.n)
		return 0;
	return make_link(j, "/usr/lib/systemd/system/warmboot-unhold.service",
		"multi-user.target.wants", "warmboot-unhold.service", err);
}

/*
 * The rules of nftables.service begin with "flush ruleset", which ends the packet hold too early, so the hold
 * is made again after it. The drop-in lies where a daemon-reload leaves it.
 */
static int write_nftables(const struct job *j, struct wb_error *err)
{
	static const char dropin[] = "/run/systemd/system/nftables.service.d/50-warmboot.conf";
	WB_CLEAN_STR text = NULL;

	if (asprintf(&text, "[Service]\nExecStartPost=-+%s hold --again\n", j->program) < 0) {
		text = NULL;
		return wb_oom(err);
	}
	return write_at(j, dropin, text, err);
}

/*
 * ifupdown fails with "File exists" on an address that exists already, and then skips the rest of the link's
 * configuration. So the addresses of its links are removed once before it runs, after the restores, which
 * need them. The drop-ins lie where a daemon-reload leaves them.
 */
static int write_ifupdown(const struct job *j, struct wb_error *err)
{
	static const struct {
		const char *unit, *links;
	} starts[] = {{"networking.service", "$$(ifquery --list)"}, {"ifup@.service", "%I"}};
	const struct wb_sys *sys = j->ops->sys;
	int r = 0;

	if (!sys->files->exists(sys->files->ctx, "/usr/sbin/ifup") || !j->m->net.links.n)
		return 0;
	/* ifupdown cannot wait for a unit that itself waits for the network. */
	for (size_t k = 0; k < j->m->units.n; k++)
		if (wb_unit_is_checkpointed(&j->m->units.items[k]) &&
			wb_needs_network(j->m, &j->m->units.items[k]))
			return 0;
	for (size_t i = 0; r == 0 && i < sizeof(starts) / sizeof(*starts); i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR text = NULL;
		size_t n;
		FILE *out = open_memstream(&text, &n);

		if (!out)
			return wb_oom(err);
		fprintf(out,
			"[Unit]\nAfter=warmboot-thawed.service\n"
			"[Service]\nExecStartPre=-/bin/sh -c 'for l in %s; do ifquery \"$$l\" 2>&- "
			"| "
			"grep -q ^address: && mkdir \"/run/warmboot/ifupdown.$$l\" && "
			"ip address flush dev \"$$l\" scope global permanent; done'\n",
			starts[i].links);
		if (fclose(out) || asprintf(&path, "/run/systemd/system/%s.d/50-warmboot.conf",
					   starts[i].unit) < 0) {
			path = NULL;
			return wb_oom(err);
		}
		r = write_at(j, path, text, err);
	}
	return r;
}

/* Has the early restore made it writable? */
static bool is_root_writable(const struct wb_files *files)
{
	WB_CLEAN_MOUNTS mounts = {};
	const struct wb_mount *root;

	if (wb_mounts_read(files, "/proc/self/mountinfo", &mounts, NULL) < 0)
		return false;
	root = wb_mounts_at(&mounts, "/");
	/*
	 * Those of the file system begin with "rw" or "ro" (show_mountinfo() in fs/proc_namespace.c). Its mount says
	 * nothing, because systemd shows generators a read-only one (do_spawn_and_execute() in manager.c).
	 */
	return root && !strncmp(root->super_options, "rw", 2);
}

int wb_generator_write(const struct wb_generator_ops *ops, const struct wb_manifest *m,
	const char *program, const char *early, struct wb_error *err)
{
	static const char *const ours[] = {"warmboot-modules.service", "warmboot-hold.service",
		"warmboot-thawed.service", NULL};
	struct job j = {.ops = ops, .m = m, .program = program, .early = early, .fstab = ""};
	WB_CLEAN_BLOB fstab = {};
	int r;

	if (ops->sys->files->read(ops->sys->files->ctx, "/etc/fstab", 1 << 20, &fstab, NULL) == 0)
		j.fstab = (const char *)fstab.data;
	j.fstab_needs_udev = wb_fstab_needs_udev(j.fstab);
	j.root_writable = is_root_writable(ops->sys->files);
	for (size_t i = 0; i < m->units.n; i++) {
		const struct wb_manifest_unit *u = &m->units.items[i];

		r = wb_unit_is_checkpointed(u) ? write_unit(&j, u, err) : 0;
		if (r < 0)
			return r;
	}
	r = want_unhold(&j, err);
	if (r == 0)
		r = write_nftables(&j, err);
	if (r == 0)
		r = write_ifupdown(&j, err);
	/* These come last: without them nothing above is started, and the boot is an ordinary one. */
	for (int i = 0; r == 0 && ours[i]; i++) {
		WB_CLEAN_STR target = NULL;

		if (asprintf(&target, "/usr/lib/systemd/system/%s", ours[i]) < 0) {
			target = NULL;
			return wb_oom(err);
		}
		r = make_link(&j, target, "sysinit.target.wants", ours[i], err);
	}
	return r;
}
