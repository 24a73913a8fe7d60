// SPDX-License-Identifier: LGPL-2.1-or-later
/* struct wb_session_host for the real machine, and the calls of the callbacks. */
#include <stdarg.h>
#include <stdio.h>

#include "core/crew.h"
#include "keep/judge.h"
#include "session/host.h"
#include "sys/below.h"
#include "systemd/watchdog.h"

static int real_look(const struct wb_session_host *h, const char *unit,
	const struct wb_keep_config *config, const char *criu, const char *release,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct wb_keep_look look = wb_keep_look_host(h->sys->files, criu, release);

	look.machine = h->machine;
	look.units = h->services;
	return wb_keep_look(h->ways, &look, unit, config, ret, err);
}

static int real_measure(const char *unit, const struct wb_keep_verdict *verdict,
	uint64_t *ret_bytes, struct wb_error *err)
{
	WB_CLEAN_FD root = wb_keep_open_root(unit, verdict, err);

	return root < 0 ? root : wb_keep_measure(root, verdict, ret_bytes, err);
}

struct wb_session_host wb_session_host_real(
	const struct wb_replay_host *replay, const struct wb_teller *tell)
{
	return (struct wb_session_host){
		.sys = wb_sys_real(),
		.store = wb_store_env_real(),
		.quiesce = &wb_quiesce_host,
		.runner = &wb_runner_host,
		.services = &wb_services_systemd,
		.replay = replay,
		.cache = WB_CACHE_DIR,
		.checks = &wb_check_ops_host,
		.tell = tell,
		.init = wb_init_find,
		.under_way = wb_jump_under_way,
		.workers = wb_crew_workers(),
		.look = real_look,
		.measure = real_measure,
		.init_watchdog = wb_systemd_feeds_watchdog,
		.arm_at_shutdown = wb_systemd_set_kexec_watchdog,
		.freezing = wb_freeze_ops_host,
	};
}

void wb_tell_progress(const struct wb_session_host *h, const char *what)
{
	if (h->tell && h->tell->progress)
		h->tell->progress(h->tell->arg, what);
}

void wb_tell_warning(const struct wb_session_host *h, const char *fmt, ...)
{
	struct wb_error text = {};
	va_list ap;

	if (!h->tell || !h->tell->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(text.text, sizeof(text.text), fmt, ap);
	va_end(ap);
	wb_make_plain(text.text);
	h->tell->warn(h->tell->arg, text.text);
}

int wb_tell_interrupted(const struct wb_session_host *h, struct wb_error *err)
{
	return h->tell && h->tell->interrupted ? h->tell->interrupted(h->tell->arg, err) : 0;
}
