// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "keep/early.h"
#include "keep/revive.h"
#include "keep/thaw.h"
#include "sys/handoff.h"

/* An address that comes later than this is not waited for any longer. */
#define ADDRESS_SECONDS 20
#define MOST_NAMESPACES 8

enum { OPT_ANCHOR = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_ANCHOR, 0, "anchor", .help = "only hand the sandbox's namespaces to systemd"},
	{},
};

/* ---- the anchor: runs in the sandbox ---- */

static int hand_over(const char *name, struct wb_error *err)
{
	char path[64], state[64];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=warmboot-%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", path, strerror(errno));
	r = sd_pid_notify_with_fds(0, 0, state, &fd, 1);
	close(fd);
	if (r < 0)
		return wb_fail(err, r, "cannot hand %s to systemd: %s", path, strerror(-r));
	if (r == 0)
		return wb_fail(
			err, -EOPNOTSUPP, "systemd did not start this: it is its own to call");
	return 0;
}

static int run_anchor(const struct cmd_args *args)
{
	struct wb_error err = {};

	for (const char *const *name = wb_anchor_names; *name; name++)
		if (hand_over(*name, &err) < 0)
			return cmd_fail(args, &err);
	/* It must have been read before this process is gone, or nobody knows whose it was. */
	sd_notify_barrier(0, 5 * 1000 * 1000);
	return CMD_DONE;
}

/* ---- the thaw: runs beside it ---- */

/* The anchor's, mount namespace last; how many there are. */
static size_t find_namespaces(int *ret)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	size_t found = 0;

	for (const char *const *want = wb_anchor_names; *want; want++)
		for (int i = 0; i < n && found < MOST_NAMESPACES; i++)
			if (!strncmp(names[i], "warmboot-", 9) && !strcmp(names[i] + 9, *want))
				ret[found++] = SD_LISTEN_FDS_START + i;
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return found;
}

/* systemd would give them to the service's next start, too. */
static void forget_namespaces(void)
{
	for (const char *const *name = wb_anchor_names; *name; name++) {
		char state[64];

		snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=warmboot-%s", *name);
		sd_notify(0, state);
	}
}

/* What systemd made ready: the namespaces of the unit's sandbox. */
static int thaw_in_sandbox(struct wb_thaw *t, struct wb_error *ret_warning, struct wb_error *err)
{
	int namespaces[MOST_NAMESPACES], r;

	t->namespaces = namespaces;
	t->n_namespaces = find_namespaces(namespaces);
	if (!t->n_namespaces)
		return wb_fail(
			err, -EINVAL, "systemd gave no namespace of %s's sandbox", t->unit->unit);
	r = wb_thaw(t, ret_warning, err);
	return r;
}

static int run_thaw(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	struct wb_thaw t = {.sys = sys, .address_seconds = ADDRESS_SECONDS};
	struct wb_error err = {}, warning = {};
	WB_CLEAN_MANIFEST m = {};
	struct wb_handoff handoff;
	int r;

	if (cmd_has(args, OPT_ANCHOR))
		return run_anchor(args);
	if (wb_revive_read(sys->files, &m, &err) < 0)
		return cmd_fail(args, &err);
	t.manifest = &m;
	t.unit = wb_manifest_find(&m, args->words[0]);
	if (!t.unit || !wb_manifest_is_process(t.unit)) {
		wb_fail(&err, -ENOENT, "nothing of %s was kept over the jump", args->words[0]);
		return cmd_fail(args, &err);
	}
	if (!m.tsc_hz && wb_handoff_read(sys->files, &handoff))
		m.tsc_hz = (int64_t)handoff.tsc_hz;
	r = wb_early_adopt(sys, t.unit, &warning, &err);
	if (r == -ENOENT) {
		err = (struct wb_error){};
		r = thaw_in_sandbox(&t, &warning, &err);
	} else if (r < 0) {
		wb_thaw_failed(&t, &err, &warning);
	}
	forget_namespaces();
	if (warning.code)
		cmd_fail(args, &warning);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

const struct cmd_row cmd_thaw = {
	.name = "thaw",
	.args = "UNIT",
	.min_args = 1,
	.max_args = 1,
	.help = "bring a kept service's processes back; its replacement unit calls this",
	.options = {own_options},
	.run = run_thaw,
};
