// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading the files of a load within the memory that is available. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/sha256.h"
#include "core/text.h"
#include "stage/stage.h"
#include "sys/machine.h"

void wb_stage_progress(const struct wb_stage *s, const char *what)
{
	if (s->options.progress)
		s->options.progress(s->options.progress_arg, what);
}

#define AMOUNT_SIZE 32

/* "700 KiB" or, from 10 MiB on, "25 MiB"; returns buf. */
static const char *amount(uint64_t bytes, char buf[AMOUNT_SIZE])
{
	bool small = bytes < 10 << 20;

	snprintf(buf, AMOUNT_SIZE, "%llu %s", (unsigned long long)(bytes >> (small ? 10 : 20)),
		small ? "KiB" : "MiB");
	return buf;
}

int wb_stage_no_spare(uint64_t spare, const char *what, struct wb_error *err)
{
	char half[AMOUNT_SIZE], all[AMOUNT_SIZE];

	return wb_fail(err, -ENOMEM,
		"too little memory to %s: it takes more than %s, which is half of the %s that are "
		"available, and the running kernel keeps a copy; stop something or use a smaller "
		"file",
		what, amount(spare, half), amount(spare * 2, all));
}

int wb_stage_check_memory(
	const struct wb_sys *sys, uint64_t bytes, const char *what, struct wb_error *err)
{
	uint64_t available = wb_available_memory(sys->files);
	char takes[AMOUNT_SIZE], has[AMOUNT_SIZE];

	if (available >= bytes)
		return 0;
	return wb_fail(err, -ENOMEM,
		"too little memory to %s: it takes %s and %s are available; stop something or use "
		"a smaller initrd",
		what, amount(bytes, takes), amount(available, has));
}

uint64_t wb_stage_spare(const struct wb_sys *sys, uint64_t most)
{
	uint64_t half = wb_available_memory(sys->files) / 2;

	return half < most ? half : most;
}

int wb_stage_read(const struct wb_sys *sys, const char *path, uint64_t most, struct wb_blob *ret,
	struct wb_error *err)
{
	uint64_t limit = wb_stage_spare(sys, most);
	char what[320];
	/* files->read() takes 0 as "no limit". */
	int r = sys->files->read(sys->files->ctx, path, limit ? limit : 1, ret, err);

	if (r != -EFBIG || limit == most)
		return r;
	snprintf(what, sizeof(what), "read %.300s", path);
	return wb_stage_no_spare(limit, what, err);
}

int wb_stage_check_digest(
	struct wb_bytes file, const char *path, const char *hex, struct wb_error *err)
{
	uint8_t want[32], is[32];

	if (!hex)
		return 0;
	if (!wb_hex_read(hex, sizeof(want), want))
		return wb_fail(err, -EINVAL, "'%s' is no SHA-256 of %s", hex, path);
	wb_sha256(file.data, file.size, is);
	if (memcmp(is, want, sizeof(is)) == 0)
		return 0;
	return wb_fail(err, -EBADMSG,
		"%s is not the file that its boot entry was made for (its SHA-256 is another), and "
		"the boot loader would refuse it; install the boot entry anew",
		path);
}
