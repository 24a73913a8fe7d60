// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running podman's command. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "criu/criu.h"
#include "podman/podman-dir.h"
#include "podman/run.h"

/* An answer to "inspect" has some 10 KiB. */
#define LARGEST_ANSWER (4u << 20)
#define LARGEST_LOG (16u << 20)
#define INSPECT_MS 60000
/* Most of the time goes into memory that is copied. */
#define LONGEST_MS 300000

#define PLAIN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int wb_podman_argv(bool criu, struct wb_strv *ret)
{
	/* podman's own settings may be in root's home directory. */
	static const char *const words[] = {"env", "-i", "HOME=/root", "LC_ALL=C", NULL};
	int r = 0;

	for (const char *const *w = words; r == 0 && *w; w++)
		r = wb_strv_add(ret, *w);
	if (r == 0 && criu)
		r = wb_strv_add(ret, "CONTAINERS_CONF_OVERRIDE=" WB_PODMAN_DIR "/containers.conf");
	if (r == 0)
		r = wb_strv_add(
			ret, criu ? "PATH=" WB_PODMAN_DIR "/bin:" PLAIN_PATH : "PATH=" PLAIN_PATH);
	return r == 0 ? wb_strv_add(ret, WB_PODMAN) : r;
}

/* podman waits for its database as long as another one has it locked. */
static int no_answer(unsigned ms, struct wb_error *err)
{
	return wb_fail(err, -ETIME,
		"podman has not answered within %u s: its database may be locked by another "
		"command",
		ms / 1000);
}

int wb_podman_run(const struct wb_runner *runner, const struct wb_strv *argv, int mount_ns,
	struct wb_error *err)
{
	const struct wb_spawn how = {.argv = (const char *const *)argv->items,
		.deadline_ms = LONGEST_MS,
		.mount_ns = mount_ns};
	WB_CLEAN_BLOB said = {};
	int r = runner->run(runner->ctx, &how, &said, err);

	if (r == -ETIME)
		return no_answer(LONGEST_MS, err);
	return r > 0 ? wb_fail(err, -EIO, "podman: %s", wb_last_line(&said)) : r;
}

int wb_container_inspect(const struct wb_runner *runner, const char *name, struct wb_container *ret,
	struct wb_error *err)
{
	WB_CLEAN_STRV argv = {};
	WB_CLEAN_BLOB answer = {};
	int r = wb_podman_argv(false, &argv);

	if (r == 0)
		r = wb_strv_add(&argv, "container");
	if (r == 0)
		r = wb_strv_add(&argv, "inspect");
	/* A name that begins with a dash is none. */
	if (r == 0)
		r = wb_strv_add(&argv, "--");
	if (r == 0)
		r = wb_strv_add(&argv, name);
	if (r < 0)
		return wb_oom(err);
	r = runner->run(runner->ctx,
		&(struct wb_spawn){.argv = (const char *const *)argv.items,
			.deadline_ms = INSPECT_MS,
			.data_limit = LARGEST_ANSWER},
		&answer, err);
	if (r == -ETIME)
		return no_answer(INSPECT_MS, err);
	/* env(1) ends so if there is no such program. */
	if (r == 127)
		return wb_fail(err, -ENOENT, "podman is not installed");
	if (r > 0)
		return wb_fail(err, strstr((char *)answer.data, "no such") ? -ENOENT : -EIO,
			"podman: %s", wb_last_line(&answer));
	return r < 0 ? r : wb_container_parse(wb_blob_view(&answer), ret, err);
}

void wb_podman_reason(
	const struct wb_files *files, const char *bundle, const char *log, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_strf("%s/%s", bundle, log);
	WB_CLEAN_BLOB text = {};
	char reason[256];

	if (!path || !err || files->read(files->ctx, path, LARGEST_LOG, &text, NULL) < 0)
		return;
	if (*wb_criu_reason(wb_blob_view(&text), reason, sizeof(reason)))
		wb_fail(err, err->code, "criu: %s (%s)", reason, path);
}
