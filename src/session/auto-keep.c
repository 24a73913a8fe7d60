// SPDX-License-Identifier: LGPL-2.1-or-later
/* A session whose jump logind makes, and the time that logind gives it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "choice/config.h"
#include "keep/freeze.h"
#include "session/auto.h"
#include "session/auto-keep.h"
#include "session/auto-target.h"
#include "systemd/delay.h"
#include "systemd/systemctl.h"

bool wb_auto_keeps(const struct wb_files *files)
{
	WB_CLEAN_KEEP_CONFIGS all = {};

	return wb_keep_configs_read(files, &all, NULL) < 0 || all.n;
}

int wb_auto_delay_settle(const struct wb_session_host *h, bool on, struct wb_error *err)
{
	const struct wb_sys *sys = h->sys;
	bool wanted = on && wb_auto_keeps(sys->files);
	WB_CLEAN_STR text = NULL;
	int r;

	if (wanted == sys->files->exists(sys->files->ctx, WB_AUTO_DELAY_FILE))
		return 0;
	/* An older one announces nothing, so there is no reason to wait. */
	if (wanted && wb_systemd_version(h->runner) < WB_DELAY_SINCE)
		return 0;
	text = wb_strf("# Written by warmboot: kept services are made ready in this time.\n"
		       "[Login]\nInhibitDelayMaxSec=%d\n",
		WB_AUTO_DELAY_S);
	if (!text)
		return wb_oom(err);
	if (wanted)
		r = sys->write_file(sys->ctx, WB_AUTO_DELAY_FILE, wb_text(text), 0644);
	else
		r = sys->remove_file(sys->ctx, WB_AUTO_DELAY_FILE);
	if (r < 0)
		return wb_fail(err, r, "cannot change %s: %s", WB_AUTO_DELAY_FILE, strerror(-r));
	return wb_systemctl(h->runner,
		&(struct wb_systemctl){.verb = "reload", .unit = "systemd-logind.service"}, err);
}

int wb_auto_is_to_prepare(const struct wb_sys *sys, struct wb_error *err)
{
	const char *asked;

	if (!wb_is_loaded(sys) || wb_jump_is_recorded(sys))
		return 0;
	switch (wb_auto_fits(sys, err)) {
	case 0:
		/* A person has staged it, and it is jumped to in any case. */
		return 1;
	case 1:
		break;
	default:
		return -ESTALE;
	}
	if (wb_auto_firmware_is_asked(sys->files, &asked))
		return wb_fail(err, -ESTALE, "%s", asked);
	return 1;
}

void wb_auto_note_unready(const struct wb_session_host *h)
{
	unsigned version = wb_systemd_version(h->runner);
	WB_CLEAN_AUTO_NOTE note = {};
	WB_CLEAN_STR boot = NULL;
	WB_CLEAN_STR why = NULL;

	/* With a read-only /var there is no record, but a draft. */
	if (wb_jump_is_recorded(h->sys) || !wb_auto_keeps(h->sys->files) ||
		h->sys->files->exists(h->sys->files->ctx, WB_FREEZE_DRAFT))
		return;
	if (wb_auto_boot_id(h->sys->files, &boot) == 0 &&
		wb_auto_note_read(h->sys->files, &note, NULL) == 0 && !strcmp(note.boot_id, boot) &&
		note.keeping)
		return;
	if (version && version < WB_DELAY_SINCE)
		why = wb_strf("systemd %u does not announce beforehand that a shutdown leads to a "
			      "jump; \"warmboot reboot\" keeps them",
			version);
	wb_auto_note_add(h, NULL,
		why ? why
		    : "the shutdown was asked for past systemd-logind, which announces it; "
		      "\"warmboot reboot\" keeps them");
}

int wb_auto_prepare(struct wb_session *s, uint64_t limit_us, struct wb_error *err)
{
	const struct wb_sys *sys = s->host.sys;

	s->by_others = true;
	s->end_ns = sys->mono_ns(sys->ctx) + limit_us * 1000;
	return wb_session_run(s, err);
}
