/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A shutdown that others have asked for: logind announces it, and waits until all rows of a session but the jump
 * itself are done. So services are kept, and all else holds that "warmboot reboot" does before a jump.
 */
#pragma once

#include "session/session.h"

/* How long logind shall wait at most, and the file that tells it so while services are to be kept. */
#define WB_AUTO_DELAY_S 180
#define WB_AUTO_DELAY_FILE "/run/systemd/logind.conf.d/zz-warmboot.conf"

/* Are services chosen to be kept? Also if the files that say so have a mistake. */
bool wb_auto_keeps(const struct wb_files *files);
/*
 * Tell logind how long it may wait, if services are chosen and `on`; otherwise take that back. Does nothing if logind
 * knows already. Errors of writing the file and of wb_systemctl(), with a sentence.
 */
int wb_auto_delay_settle(const struct wb_session_host *h, bool on, struct wb_error *err);
/*
 * A shutdown that leads to a kexec is announced: is a session to be run for it? 1 yes. 0: no kernel is loaded,
 * or a session of warmboot has asked for the shutdown. -ESTALE with a sentence: wb_auto_last_look()
 * will make a reboot through the firmware of it.
 */
int wb_auto_is_to_prepare(const struct wb_sys *sys, struct wb_error *err);
/*
 * The shutdown has begun. If services are to be kept, and nobody has made them ready, note why, unless a reason is
 * noted already.
 */
void wb_auto_note_unready(const struct wb_session_host *h);
/*
 * Run a new session within `limit_us` microseconds, but leave the jump to logind. Its rows are undone with
 * wb_session_undo() if the shutdown does not come. Errors of wb_session_run(); everything is undone then. -ETIME: the
 * time is over.
 */
int wb_auto_prepare(struct wb_session *s, uint64_t limit_us, struct wb_error *err);
