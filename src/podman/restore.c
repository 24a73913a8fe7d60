// SPDX-License-Identifier: LGPL-2.1-or-later
/* A restore through podman. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "podman/run.h"
#include "sys/below.h"

/* The archive by a path: podman does not inherit it, or conmon would have it, too, and its memory would stay in use. */
static void path_of(int archive, char ret[64])
{
	snprintf(ret, 64, "/proc/%d/fd/%d", (int)getpid(), archive);
}

static int untar(const struct wb_podman_host *host, const struct wb_podman_target *t, int archive,
	const char *first, const char *second, struct wb_error *err)
{
	char file[64];
	const char *const argv[] = {"tar", "-x", "-f", file, "-C", t->bundle, "--no-same-owner",
		"--", first, second, NULL};

	path_of(archive, file);
	return host->runner->run(host->runner->ctx, &(struct wb_spawn){.argv = argv}, NULL, err);
}

/*
 * The parts of the archive that a restore of an existing container reads: the images, the addresses, and the files of
 * its /dev/shm.
 */
static int unpack(const struct wb_podman_host *host, const struct wb_podman_target *t, int archive,
	struct wb_error *err)
{
	int r = untar(host, t, archive, "checkpoint", "network.status", err);

	if (r > 0)
		return wb_fail(err, -EBADMSG, "the archive of its container cannot be unpacked");
	/* A container with the machine's /dev/shm has none of these files. */
	if (r == 0)
		r = untar(host, t, archive, "devshm-checkpoint.tar", NULL, err);
	return r < 0 ? r : 0;
}

static int restore_argv(const struct wb_podman_target *t, int archive, struct wb_strv *v)
{
	static const char *const words[] = {
		"container", "restore", "--tcp-established", "--file-locks", NULL};
	char file[64];
	int r = wb_podman_argv(true, v);

	for (const char *const *w = words; r == 0 && *w; w++)
		r = wb_strv_add(v, *w);
	if (r < 0 || !t->removed)
		return r < 0 ? r : wb_strv_add(v, t->id);
	path_of(archive, file);
	r = wb_strv_add(v, "--ignore-volumes");
	return r == 0 ? wb_strv_addf(v, "--import=%s", file) : r;
}

static int run(const struct wb_podman_host *host, const struct wb_podman_target *t, int archive,
	struct wb_error *err)
{
	WB_CLEAN_STRV argv = {};
	int r;

	if (restore_argv(t, archive, &argv) < 0)
		return wb_oom(err);
	r = wb_podman_run(host->runner, &argv, -1, err);
	if (r == -EIO)
		wb_podman_reason(host->files, t->bundle, "restore.log", err);
	return r;
}

/* The remains of a container that was imported, and did not come back, would be in the way of its ordinary start. */
static void remove_imported(const struct wb_podman_host *host, const struct wb_podman_target *t)
{
	static const char *const words[] = {
		"container", "rm", "--force", "--ignore", "--time=0", NULL};
	WB_CLEAN_STRV argv = {};
	int r = wb_podman_argv(false, &argv);

	for (const char *const *w = words; r == 0 && *w; w++)
		r = wb_strv_add(&argv, *w);
	if (r == 0 && wb_strv_add(&argv, t->id) == 0)
		wb_podman_run(host->runner, &argv, -1, NULL);
}

char *wb_podman_answers(const struct wb_container_answer *answers, size_t n)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	/* Before podman's own rules (srcnat, 100). The first packet of a connection of its own making has SYN. */
	fputs("add table ip warmboot_answers\n"
	      "add chain ip warmboot_answers leaving { type nat hook postrouting priority 99; "
	      "policy accept; }\n",
		out);
	for (size_t i = 0; i < n; i++)
		fprintf(out,
			"add rule ip warmboot_answers leaving ip saddr %s tcp sport %lld tcp flags "
			"& syn == 0 "
			"masquerade to :%lld\n",
			answers[i].address, (long long)answers[i].inner,
			(long long)answers[i].outer);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* They stay until the next boot: a connection may be silent for as long. */
static int add_answers(
	const struct wb_podman_host *host, const struct wb_podman_target *t, struct wb_error *err)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	WB_CLEAN_STR text = wb_podman_answers(t->answers, t->n_answers);

	if (!text)
		return wb_oom(err);
	return t->n_answers ? wb_run(host->runner, argv, wb_text(text), NULL, err) : 0;
}

/* Both files are new ones of this restore. If they tell nothing, podman is asked, for as long as another command needs. */
static int find_numbers(const struct wb_podman_host *host, const struct wb_podman_target *t,
	struct wb_container *ret, struct wb_error *err)
{
	if (t->pid_file && t->monitor_file) {
		ret->pid = (int64_t)wb_read_number(host->files, t->pid_file);
		ret->monitor = (int64_t)wb_read_number(host->files, t->monitor_file);
	}
	if (ret->pid > 1 && ret->monitor > 1)
		return 0;
	return wb_container_inspect(host->runner, t->id, ret, err);
}

int wb_podman_restore(const struct wb_podman_host *given, const struct wb_podman_target *t,
	int archive, struct wb_container *ret, struct wb_error *err)
{
	const struct wb_podman_host host = {
		given->runner ? given->runner : &wb_runner_host, given->files};
	WB_CLEAN_CONTAINER before = {};
	int r;

	/*
	 * podman's first command of a boot forgets what ran before, and removes containers with --rm with all that is in
	 * their directories. So it is asked something before anything is put there.
	 */
	wb_container_inspect(host.runner, t->id, &before, NULL);
	r = wb_podman_mount(host.files, t->bundle, err);
	if (r < 0)
		return r;
	if (!t->removed)
		r = unpack(&host, t, archive, err);
	if (r == 0)
		r = add_answers(&host, t, err);
	if (r == 0)
		r = run(&host, t, archive, err);
	wb_podman_unmount(t->bundle);
	if (r == 0)
		r = find_numbers(&host, t, ret, err);
	if (r < 0 && t->removed)
		remove_imported(&host, t);
	return r;
}
