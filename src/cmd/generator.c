// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "keep/revive.h"

#define SETUP_DATA "/sys/kernel/boot_params/setup_data"

static int make_parents(const char *path)
{
	char dir[4096];

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int host_symlink(void *ctx, const char *target, const char *path)
{
	int r = make_parents(path);

	if (r < 0)
		return r;
	if (symlink(target, path) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (unlink(path) < 0 || symlink(target, path) < 0)
		return -errno;
	return 0;
}

/* -ENOENT: nothing was kept over a jump to this boot. */
static int find_manifest(const struct wb_sys *sys, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_STORE store = NULL;
	int r = wb_revive_read(sys->files, ret, err);

	if (r != -ENOENT)
		return r;
	r = wb_store_attach(wb_store_env_real(), &store, err);
	return r < 0 ? r : wb_revive_open(sys, store, ret, err);
}

static bool in_other_hands(const struct wb_files *files)
{
	/* An initramfs of systemd's runs generators, too; what is kept comes back in the real root. */
	if (files->exists(files->ctx, "/etc/initrd-release"))
		return true;
	return files->exists(files->ctx, WB_THAW_DONE) || !files->exists(files->ctx, SETUP_DATA);
}

static int run_generator(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	const struct wb_generator_ops ops = {NULL, sys, host_symlink};
	const char *early = args->n_words > 1 ? args->words[1] : args->words[0];
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	int r;

	if (in_other_hands(sys->files))
		return CMD_DONE;
	r = find_manifest(sys, &m, &err);
	if (r == -ENOENT)
		return CMD_DONE;
	if (r == 0) {
		wb_revive_raise_pids(sys->files, &wb_runner_host, &m);
		r = wb_generator_write(&ops, &m, WB_PROGRAM, early, &err);
	}
	if (r == 0)
		return CMD_DONE;
	cmd_tell_kernel(err.text);
	return CMD_FAILED;
}

const struct cmd_row cmd_generator = {
	.name = "generator",
	.args = "NORMAL [EARLY LATE]",
	.min_args = 1,
	.max_args = 3,
	.help = "systemd's generator: write the units that bring kept services back",
	.run = run_generator,
};
