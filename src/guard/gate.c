// SPDX-License-Identifier: LGPL-2.1-or-later
/* The verdict of the health gate, and the programs that have a say in it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "guard/gate.h"

void wb_gate_facts_deinit(struct wb_gate_facts *facts)
{
	wb_strv_deinit(&facts->bad);
	wb_strv_deinit(&facts->degraded);
}

static char *tell(const struct wb_strv *list)
{
	if (list->n == 1)
		return strdup(list->items[0]);
	return wb_strf("%s, and %zu more", list->items[0], list->n - 1);
}

int wb_gate_judge(const struct wb_gate_facts *facts, enum wb_trial_verdict *ret, char **ret_why)
{
	const struct wb_strv *list = facts->bad.n ? &facts->bad : &facts->degraded;
	char *why = list->n ? tell(list) : strdup("all that ran before runs again");

	if (!why)
		return -ENOMEM;
	*ret = facts->bad.n ? WB_TRIAL_BAD : facts->degraded.n ? WB_TRIAL_DEGRADED : WB_TRIAL_GOOD;
	*ret_why = why;
	return 0;
}

/* ---- programs ---- */

const struct wb_gate_dir wb_gate_dirs[] = {
	{"/etc/warmboot/gate.d", true},
	{"/usr/lib/greenboot/check/required.d", true},
	{"/etc/greenboot/check/required.d", true},
	{"/usr/lib/greenboot/check/wanted.d", false},
	{"/etc/greenboot/check/wanted.d", false},
	{},
};

static int run_one(const struct wb_gate_ops *ops, const struct wb_runner *runner, const char *path,
	uint64_t until_ns, struct wb_strv *list)
{
	const char *const argv[] = {path, NULL};
	uint64_t now = ops->boot_ns(ops->ctx);
	WB_CLEAN_STR sentence = NULL;
	struct wb_error why = {};
	int r = ops->may_run(ops->ctx, path, &why);

	if (r == 0)
		return 0;
	if (r > 0 && now >= until_ns)
		r = wb_fail(&why, -ETIME, "there was no time left to run it");
	if (r > 0)
		r = wb_run_for(runner, argv, (long)((until_ns - now) / 1000000) + 1, NULL, &why);
	if (r == -ENOMEM || r >= 0)
		return r < 0 ? r : 0;
	/* A program that has run is named by the sentence itself. */
	sentence = !strncmp(why.text, path, strlen(path)) ? strdup(why.text)
							  : wb_strf("%s: %s", path, why.text);
	if (!sentence)
		return -ENOMEM;
	wb_make_plain(sentence);
	return wb_strv_add(list, sentence);
}

static int run_dir(const struct wb_files *files, const struct wb_gate_ops *ops,
	const struct wb_runner *runner, const struct wb_gate_dir *dir, uint64_t until_ns,
	struct wb_gate_facts *facts)
{
	struct wb_strv *list = dir->required ? &facts->bad : &facts->degraded;
	WB_CLEAN_STRV names = {};
	WB_CLEAN_STR sentence = NULL;
	struct wb_error why = {};
	int r = files->list(files->ctx, dir->path, &names, &why);

	if (r < 0 && r != -ENOENT && r != -ENOMEM) {
		sentence = wb_strf("%s", why.text);
		return sentence ? wb_strv_add(list, sentence) : -ENOMEM;
	}
	if (r == -ENOMEM)
		return r;
	for (size_t i = r == 0 ? 0 : names.n; i < names.n; i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s", dir->path, names.items[i]);

		if (!path)
			return -ENOMEM;
		if (*names.items[i] == '.')
			continue;
		r = run_one(ops, runner, path, until_ns, list);
		if (r < 0)
			return r;
	}
	return 0;
}

int wb_gate_programs(const struct wb_files *files, const struct wb_gate_ops *ops,
	const struct wb_runner *runner, uint64_t until_ns, struct wb_gate_facts *facts)
{
	int r = 0;

	for (const struct wb_gate_dir *dir = wb_gate_dirs; r == 0 && dir->path; dir++)
		r = run_dir(files, ops, runner, dir, until_ns, facts);
	return r;
}

/* ---- the real machine ---- */

static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int may_run(void *ctx, const char *path, struct wb_error *err)
{
	const char *slash = strrchr(path, '/');
	WB_CLEAN_STR dir = strndup(path, (size_t)(slash - path));
	struct stat st, above;
	int fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	int r = fd < 0 ? -errno : 0;

	if (!dir)
		return wb_oom(err);
	if (r == 0 &&
		(fstat(fd, &above) < 0 || fstatat(fd, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0))
		r = -errno;
	if (fd >= 0)
		close(fd);
	if (r < 0)
		return wb_fail(err, r, "it cannot be looked at: %s", strerror(-r));
	if (S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode))
		return wb_fail(err, -EACCES, "it is not run, since it is a link or no file");
	if (!is_roots(&st) || !is_roots(&above))
		return wb_fail(err, -EACCES,
			"it is not run, since somebody else than root can write it or its "
			"directory");
	return (st.st_mode & 0111) != 0;
}

static uint64_t boot_ns(void *ctx)
{
	return wb_sys_host.boot_ns(NULL);
}

static void pause_ms(void *ctx, unsigned ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

const struct wb_gate_ops wb_gate_ops_host = {
	.may_run = may_run,
	.boot_ns = boot_ns,
	.pause = pause_ms,
};
