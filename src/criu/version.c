// SPDX-License-Identifier: LGPL-2.1-or-later
/* The installed CRIU: its version, and what it finds out about a kernel. */
#include "criu/criu.h"
#include "criu/hook.h"
#include "core/files.h"

char *wb_criu_version(const struct wb_runner *runner, const char *program)
{
	const char *const argv[] = {program ? program : "criu", "--version", NULL};
	const struct wb_spawn how = {.argv = argv, .deadline_ms = 30000, .mount_ns = -1};
	WB_CLEAN_BLOB out = {};
	char *version;

	if (runner->run(runner->ctx, &how, &out, NULL) != 0 ||
		wb_criu_parse_version(wb_blob_view(&out), &version) < 0)
		return NULL;
	return version;
}

void wb_criu_probe(const struct wb_sys *sys, const struct wb_runner *runner)
{
	/* CRIU begins each command by finding out what it does not know yet. If one feature is asked for, CRIU checks no others. */
	static const char *const argv[] = {"env", "LD_PRELOAD=/proc/self/fd/3", WB_HOOK_BRIEF "=1",
		"criu", "check", "--feature", "sk_unix_file", NULL};
	struct wb_spawn how = {.argv = argv, .deadline_ms = 10000, .mount_ns = -1};
	WB_CLEAN_BLOB out = {};
	int fds[1][2] = {{-1, 3}};

	if (sys->files->exists(sys->files->ctx, "/run/criu.kdat"))
		return;
	fds[0][0] = sys->memfd(
		sys->ctx, "warmboot-shim", (struct wb_bytes){wb_criu_shim, wb_criu_shim_size});
	how.fds = fds;
	how.n_fds = 1;
	if (fds[0][0] < 0)
		return;
	runner->run(runner->ctx, &how, &out, NULL);
	sys->close_fd(sys->ctx, fds[0][0]);
}
