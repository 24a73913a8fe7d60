// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The real implementation of struct wb_runner: running programs, and writing to files of /proc and
 * /sys.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "sys/runner.h"

#define DEADLINE_MS 30000
/* ip(8) with -j -d prints 1.5 KiB for a link. */
#define DATA_LIMIT (16 << 20)

static int host_run(
	void *ctx, const struct wb_spawn *how, struct wb_blob *ret_output, struct wb_error *err)
{
	return wb_spawn(how, ret_output, err);
}

int wb_poke_at(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int host_poke(void *ctx, const char *path, const char *text)
{
	return wb_poke_at(AT_FDCWD, path, text);
}

const struct wb_runner wb_runner_host = {.run = host_run, .poke = host_poke};

const char *wb_last_line(struct wb_blob *said)
{
	char *text = (char *)said->data;
	size_t n = said->size;

	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		text[--n] = 0;
	while (n && text[n - 1] != '\n')
		n--;
	return text ? text + n : "";
}

static int run(const struct wb_runner *runner, const struct wb_spawn *how, struct wb_blob *ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB said = {};
	int r = runner->run(runner->ctx, how, &said, err);

	if (r < 0)
		return r;
	if (r > 0)
		return wb_fail(err, -EIO, "%s failed: %s", how->argv[0], wb_last_line(&said));
	if (ret)
		*ret = wb_blob_take(&said);
	return 0;
}

int wb_run(const struct wb_runner *runner, const char *const *argv, struct wb_bytes input,
	struct wb_blob *ret, struct wb_error *err)
{
	const struct wb_spawn how = {.argv = argv, .input = input, .deadline_ms = DEADLINE_MS};

	return run(runner, &how, ret, err);
}

int wb_run_for(const struct wb_runner *runner, const char *const *argv, long ms,
	struct wb_blob *ret, struct wb_error *err)
{
	const struct wb_spawn how = {.argv = argv, .deadline_ms = ms ? ms : DEADLINE_MS};

	return run(runner, &how, ret, err);
}

int wb_run_data(const struct wb_runner *runner, const char *const *argv, struct wb_blob *ret,
	struct wb_error *err)
{
	const struct wb_spawn how = {
		.argv = argv, .deadline_ms = DEADLINE_MS, .data_limit = DATA_LIMIT};

	return run(runner, &how, ret, err);
}
