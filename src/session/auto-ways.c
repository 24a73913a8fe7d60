// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From the sources of systemd 252, 255, 257 and 262: src/systemctl (systemctl-compat-shutdown.c, systemctl-logind.c,
 * systemctl.c, systemctl-compat-telinit.c) and src/login/logind-dbus.c. The flag by which "systemctl reboot" leaves the
 * choice to logind is new in 255.
 */
#include "session/auto-ways.h"

static const struct wb_auto_way ways[] = {
	{"shutdown -r, also at a time (the choice is made when it is asked for)", 0},
	{"unattended-upgrades (Automatic-Reboot)", 0},
	{"reboot", 0},
	{"systemctl kexec", 0},
	{"systemctl reboot", 255},
	{"telinit 6", 255},
	{"systemctl reboot --when=TIME", WB_AUTO_NEVER},
	{"a desktop's menu, and every other caller of logind's method Reboot()", WB_AUTO_NEVER},
	{"Ctrl-Alt-Del, the reboot key, and reboot.target", WB_AUTO_NEVER},
	{"systemctl reboot --force, reboot --force", WB_AUTO_NEVER},
	{"SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot", WB_AUTO_NEVER},
	{},
};

const struct wb_auto_way *wb_auto_way(size_t i)
{
	return i < sizeof(ways) / sizeof(*ways) && ways[i].what ? &ways[i] : NULL;
}

bool wb_auto_way_jumps(const struct wb_auto_way *way, unsigned version)
{
	return way->since <= version;
}
