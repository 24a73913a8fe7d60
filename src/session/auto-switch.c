// SPDX-License-Identifier: LGPL-2.1-or-later
/* The switch of staging by itself, and its units. */
#include <errno.h>
#include <string.h>

#include "session/auto-keep.h"
#include "session/auto-switch.h"
#include "session/program.h"
#include "systemd/systemctl.h"

static int may_switch(const struct wb_sys *sys, struct wb_error *err)
{
	if (!sys->may_boot(sys->ctx))
		return wb_fail(err, -EPERM, "only root can switch staging by itself; use sudo");
	if (!wb_systemd_here(sys->files))
		return wb_fail(err, -EOPNOTSUPP,
			"this machine's init is not systemd, and no other makes a jump of a "
			"reboot");
	return 0;
}

static int put(const struct wb_sys *sys, const char *path, const char *text, struct wb_error *err)
{
	int r = sys->write_file(sys->ctx, path, wb_text(text), 0644);

	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static int take_away(const struct wb_sys *sys, const char *path, struct wb_error *err)
{
	int r = sys->remove_file(sys->ctx, path);

	return r < 0 ? wb_fail(err, r, "cannot remove %s: %s", path, strerror(-r)) : 0;
}

const struct wb_auto_hook wb_auto_hooks[] = {
	{"/etc/kernel/postinst.d/zzz-warmboot", "/etc/kernel/postinst.d"},
	{"/etc/kernel/postrm.d/zzz-warmboot", "/etc/kernel/postrm.d"},
	/* Its package leaves it to others to make the directory. */
	{"/etc/initramfs/post-update.d/zzz-warmboot", "/usr/sbin/update-initramfs"},
	{},
};

static void put_hooks(const struct wb_session_host *h)
{
	static const char text[] =
		"#!/bin/sh\n"
		"# Written by \"warmboot stage-auto on\", and removed by \"off\".\n"
		"[ -x " WB_KERNEL_HOOK " ] && exec " WB_KERNEL_HOOK "\n"
		"exit 0\n";
	const struct wb_sys *sys = h->sys;

	for (const struct wb_auto_hook *hook = wb_auto_hooks; hook->path; hook++) {
		int r = sys->files->exists(sys->files->ctx, hook->caller)
				? sys->write_file(sys->ctx, hook->path, wb_text(text), 0755)
				: 0;

		if (r < 0)
			wb_tell_warning(h, "cannot write %s: %s", hook->path, strerror(-r));
	}
}

static void take_hooks(const struct wb_session_host *h)
{
	for (const struct wb_auto_hook *hook = wb_auto_hooks; hook->path; hook++)
		h->sys->remove_file(h->sys->ctx, hook->path);
}

static int tell(
	const struct wb_session_host *h, const char *verb, const char *unit, struct wb_error *err)
{
	return wb_systemctl(h->runner, &(struct wb_systemctl){.verb = verb, .unit = unit}, err);
}

static void stop_units(const struct wb_session_host *h)
{
	static const char *const units[] = {WB_AUTO_SHUTDOWN, WB_AUTO_UNIT};

	/* The first one takes its path units with it. Without the switch none of them does anything. */
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		tell(h, "stop", units[i], NULL);
}

int wb_auto_switch_on(
	const struct wb_auto_host *a, struct wb_auto_record *ret, struct wb_error *err)
{
	const struct wb_session_host *h = a->session;
	bool was_on = h->sys->files->exists(h->sys->files->ctx, WB_AUTO_SWITCH);
	struct wb_error why = {};
	int r = may_switch(h->sys, err);

	if (r == 0)
		r = put(h->sys, WB_AUTO_SWITCH,
			"# warmboot stages what a plain reboot would boot while this file is "
			"there.\n",
			err);
	if (r == 0)
		r = take_away(h->sys, WB_AUTO_OFF_ONCE, err);
	if (r < 0)
		return r;
	put_hooks(h);
	r = tell(h, "start", WB_AUTO_SHUTDOWN, err);
	if (r < 0) {
		if (!was_on) {
			h->sys->remove_file(h->sys->ctx, WB_AUTO_SWITCH);
			take_hooks(h);
			stop_units(h);
		}
		return r;
	}
	if (wb_auto_delay_settle(h, true, &why) < 0)
		wb_tell_warning(h, "%s", why.text);
	return wb_auto_run(a, ret, err);
}

int wb_auto_switch_off(
	const struct wb_session_host *h, bool once, bool *ret_left, struct wb_error *err)
{
	struct wb_error why = {};
	int r = may_switch(h->sys, err);

	if (r == 0 && once)
		r = put(h->sys, WB_AUTO_OFF_ONCE, "", err);
	else if (r == 0)
		r = take_away(h->sys, WB_AUTO_SWITCH, err);
	if (r < 0)
		return r;
	if (!once) {
		stop_units(h);
		take_hooks(h);
		if (wb_auto_delay_settle(h, false, &why) < 0)
			wb_tell_warning(h, "%s", why.text);
	}
	return wb_auto_drop(h, WB_AUTO_OFF, once ? "it is off until the next boot" : "it is off",
		ret_left, err);
}
