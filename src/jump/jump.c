// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jump/jump.h"

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

/* What /etc/init.d/rc does on the way to runlevel 6, but without the script that reboots. */
static const char *const sysvinit_argv[] = {"/bin/sh", "-c",
	"RUNLEVEL=6 PREVLEVEL=2; export RUNLEVEL PREVLEVEL\n"
	"for s in /etc/rc6.d/K* /etc/rc6.d/S*; do\n"
	"	case $s in *reboot | *halt | *kexec*) continue ;; esac\n"
	"	[ -x \"$s\" ] && \"$s\" stop\n"
	"done",
	NULL};

static const char *const reboot_argv[] = {"/sbin/reboot", "-f", NULL};

static const struct wb_init openrc = {"OpenRC", openrc_here, .argv = openrc_argv};
static const struct wb_init sysvinit = {"sysvinit", sysvinit_here, .argv = sysvinit_argv};

static const struct wb_init *const inits[] = {&wb_init_systemd, &openrc, &sysvinit, NULL};

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
	if (r < 0)
		return wb_fail(err, r, "cannot run %s: %s", init->argv[0], strerror(-r));
	/* A script that failed to stop its service is no reason to stay: everything else is gone. */
	quiesce->sync(quiesce->ctx);
	r = sys->reboot_kexec(sys->ctx);
	fail_jump(err, r);
	/* With everything stopped, a machine that comes back is worth more than one that hangs. */
	quiesce->run(quiesce->ctx, reboot_argv);
	return -ESHUTDOWN;
}

/* The next blank-separated field, cut out in place; "" at the end. */
static char *next_field(char **at)
{
	char *field = *at + strspn(*at, " ");
	char *end = field + strcspn(field, " ");

	*at = *end ? end + 1 : end;
	*end = '\0';
	return field;
}

/* Blanks and the like are written \ooo (fs/proc_namespace.c, mangle()). */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
			s[3] >= '0' && s[3] <= '7') {
			*out++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Documentation/filesystems/proc.rst, 3.5: fields of a line, until " - " in no fixed number. */
static int take_mount(char *line, struct wb_strv *seen, struct wb_strv *paths)
{
	char *device, *path, *field;

	next_field(&line);
	next_field(&line);
	device = next_field(&line);
	next_field(&line);
	path = next_field(&line);
	do
		field = next_field(&line);
	while (*field && strcmp(field, "-"));
	next_field(&line);
	if (strncmp(next_field(&line), "/dev/", 5))
		return 0;
	field = next_field(&line);
	if (strncmp(field, "rw", 2) || (field[2] && field[2] != ','))
		return 0;
	for (size_t i = 0; i < seen->n; i++)
		if (!strcmp(seen->items[i], device))
			return 0;
	unescape(path);
	if (wb_strv_add(seen, device) < 0)
		return -ENOMEM;
	return wb_strv_add(paths, path);
}

int wb_writable_mounts(const char *mountinfo, struct wb_strv *ret)
{
	WB_CLEAN_STR copy = strdup(mountinfo);
	WB_CLEAN_STRV seen = {};
	WB_CLEAN_STRV paths = {};
	char *line, *rest = copy;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (line = strsep(&rest, "\n")))
		r = take_mount(line, &seen, &paths);
	/* A file system on a loop device must be frozen before the one that holds its file. */
	for (size_t i = paths.n; r == 0 && i > 0; i--)
		r = wb_strv_add(ret, paths.items[i - 1]);
	return r;
}

enum rest { AWAKE = 0, FROZEN, READ_ONLY };

int wb_jump_now(const struct wb_sys *sys, const struct wb_quiesce *quiesce, struct wb_error *err)
{
	WB_CLEAN_BLOB mountinfo = {};
	WB_CLEAN_STRV paths = {};
	WB_CLEAN_STR state = NULL; /* one enum rest for each path */
	int r;

	r = sys->files->read(sys->files->ctx, "/proc/self/mountinfo", 0, &mountinfo, err);
	if (r < 0)
		return r;
	r = wb_writable_mounts((const char *)mountinfo.data, &paths);
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
		/* Else it stays as sync() left it, which is the best there is for it. */
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
