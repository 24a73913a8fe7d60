// SPDX-License-Identifier: LGPL-2.1-or-later
/* The init systems that warmboot knows, and the two ways to jump. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jump/jump.h"
#include "systemd/shutdown.h"
#include "systemd/systemctl.h"

static bool openrc_here(const struct wb_files *files)
{
	return files->exists(files->ctx, "/run/openrc/softlevel");
}

static bool sysvinit_here(const struct wb_files *files)
{
	return files->exists(files->ctx, "/etc/inittab") && files->exists(files->ctx, "/etc/rc6.d");
}

/* The runlevel that OpenRC's own inittab enters before it calls halt or reboot. */
static const char *const openrc_argv[] = {"/sbin/openrc", "shutdown", NULL};

/* The steps of /etc/init.d/rc for runlevel 6, without the script that reboots. */
static const char *const sysvinit_argv[] = {"/bin/sh", "-c",
	"RUNLEVEL=6 PREVLEVEL=2; export RUNLEVEL PREVLEVEL\n"
	"for s in /etc/rc6.d/K* /etc/rc6.d/S*; do\n"
	"	case $s in *reboot | *halt | *kexec*) continue ;; esac\n"
	"	[ -x \"$s\" ] && \"$s\" stop\n"
	"done",
	NULL};

static const char *const reboot_argv[] = {"/sbin/reboot", "-f", NULL};

static const struct wb_init systemd = {
	.name = "systemd",
	.here = wb_systemd_here,
	.inhibitors = wb_systemd_inhibitors,
	.kexec = wb_systemd_kexec,
	.stopping = wb_systemd_stopping,
};
static const struct wb_init openrc = {"OpenRC", openrc_here, .argv = openrc_argv};
static const struct wb_init sysvinit = {"sysvinit", sysvinit_here, .argv = sysvinit_argv};

static const struct wb_init *const inits[] = {&systemd, &openrc, &sysvinit, NULL};

const struct wb_init *wb_init_find(const struct wb_files *files)
{
	for (size_t i = 0; inits[i]; i++)
		if (inits[i]->here(files))
			return inits[i];
	return NULL;
}

static int fail_jump(struct wb_error *err, int r)
{
	if (r == -EINVAL)
		return wb_fail(err, r, "the kernel has nothing loaded to jump to");
	if (r == -EPERM)
		return wb_fail(err, r,
			"the kernel does not let this process jump: it needs CAP_SYS_BOOT "
			"in the first user namespace");
	return wb_fail(err, r, "the kernel refused to jump: %s", strerror(-r));
}

int wb_jump_allowed(const struct wb_init *init, struct wb_error *err)
{
	WB_CLEAN_STRV locks = {};
	int r;

	if (!init->inhibitors)
		return 0;
	r = init->inhibitors(&locks, err);
	if (r < 0 || !locks.n)
		return r;
	return wb_fail(err, -EBUSY,
		"%s%s (\"warmboot reboot --ignore-inhibitors\" goes on regardless)", locks.items[0],
		locks.n > 1 ? ", and there are more" : "");
}

int wb_jump_under_way(const struct wb_files *files, struct wb_error *err)
{
	const struct wb_init *init = wb_init_find(files);

	return init && init->stopping ? init->stopping(err) : 0;
}

int wb_jump_orderly(const struct wb_init *init, const struct wb_sys *sys,
	const struct wb_quiesce *quiesce, bool ignore_inhibitors, struct wb_error *err)
{
	int r = ignore_inhibitors ? 0 : wb_jump_allowed(init, err);

	if (r < 0)
		return r;
	if (init->kexec)
		return init->kexec(ignore_inhibitors, err);

	r = quiesce->detach(quiesce->ctx);
	if (r < 0)
		return wb_fail(err, r, "cannot leave the session: %s", strerror(-r));
	r = quiesce->run(quiesce->ctx, init->argv);
	/* A script that hangs does not stop the jump. */
	if (r < 0 && r != -ETIME)
		return wb_fail(err, r, "cannot run %s: %s", init->argv[0], strerror(-r));
	/* A script that failed does not stop the jump either: everything else has been stopped. */
	quiesce->sync(quiesce->ctx);
	r = sys->reboot_kexec(sys->ctx);
	fail_jump(err, r);
	/*
	 * Everything is stopped, so reboot: a machine that comes back is better than one that
	 * hangs.
	 */
	quiesce->run(quiesce->ctx, reboot_argv);
	return -ESHUTDOWN;
}

/* Is the file system writable and on a block device? */
static bool is_to_be_frozen(const struct wb_mount *m)
{
	return !strncmp(m->source, "/dev/", 5) && !strncmp(m->super_options, "rw", 2) &&
	       (!m->super_options[2] || m->super_options[2] == ',');
}

static bool is_seen(const struct wb_mounts *mounts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (mounts->items[i].device == mounts->items[n].device &&
			is_to_be_frozen(&mounts->items[i]))
			return true;
	return false;
}

int wb_writable_mounts(const struct wb_mounts *mounts, struct wb_strv *ret)
{
	WB_CLEAN_STRV paths = {};
	int r = 0;

	/* A file system on a loop device must be frozen before the one that holds its file. */
	for (size_t i = mounts->n; r == 0 && i > 0; i--)
		if (is_to_be_frozen(&mounts->items[i - 1]) && !is_seen(mounts, i - 1))
			r = wb_strv_add(&paths, mounts->items[i - 1].point);
	if (r < 0)
		return r;
	*ret = paths;
	paths = (struct wb_strv){};
	return 0;
}

enum rest { AWAKE = 0, FROZEN, READ_ONLY };

int wb_jump_now(const struct wb_sys *sys, const struct wb_quiesce *quiesce, struct wb_error *err)
{
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV paths = {};
	WB_CLEAN_STR state = NULL; /* one enum rest for each path */
	int r;

	r = wb_mounts_read(sys->files, "/proc/self/mountinfo", &mounts, err);
	if (r < 0)
		return r;
	r = wb_writable_mounts(&mounts, &paths);
	if (r == 0)
		state = calloc(paths.n + 1, 1);
	if (!state)
		return wb_oom(err);

	quiesce->sync(quiesce->ctx);
	for (size_t i = 0; i < paths.n; i++) {
		if (quiesce->freeze(quiesce->ctx, paths.items[i]) == 0)
			state[i] = FROZEN;
		else if (quiesce->remount(quiesce->ctx, paths.items[i], true) == 0)
			state[i] = READ_ONLY;
		/* If both fail, sync() has at least written its data. */
	}
	r = sys->reboot_kexec(sys->ctx);
	for (size_t i = paths.n; i > 0; i--) {
		if (state[i - 1] == FROZEN)
			quiesce->thaw(quiesce->ctx, paths.items[i - 1]);
		else if (state[i - 1] == READ_ONLY)
			quiesce->remount(quiesce->ctx, paths.items[i - 1], false);
	}
	return fail_jump(err, r);
}
