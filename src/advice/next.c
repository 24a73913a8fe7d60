// SPDX-License-Identifier: LGPL-2.1-or-later
/* Services that get more of the CPU while the boot after the next jump starts. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice/next.h"
#include "core/json-table.h"
#include "core/valid.h"
#include "jump/record.h"
#include "sys/runner.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/*
 * Ten times the default of all units. systemd takes it back when the boot is done (StartupCPUWeight= in
 * systemd.resource-control(5)). The name comes first, so that an administrator's own drop-in decides.
 */
#define DROPIN "[Service]\nStartupCPUWeight=1000\n"
#define DROPIN_NAME "00-warmboot.conf"

struct next_boot {
	char boot[40]; /* the boot in which it was written */
	char first[WB_ADVICE_FIRST][96];
	size_t n_first;
};

static const struct wb_json_field fields[] = {
	WB_JSON_ROW(struct next_boot, boot, WB_JSON_CHARS, .needed = true),
	WB_JSON_ARRAY_OF(struct next_boot, first, n_first, NULL),
	{},
};

int wb_next_boot_write(
	const struct wb_sys *sys, const struct wb_advice_list *list, struct wb_error *err)
{
	struct next_boot next = {.n_first = list->n_first};
	WB_CLEAN_BLOB boot = {};
	WB_CLEAN_STR text = NULL;
	int r = sys->files->read(sys->files->ctx, BOOT_ID, 4096, &boot, err);

	if (r < 0)
		return r;
	snprintf(next.boot, sizeof(next.boot), "%.*s", (int)strcspn((const char *)boot.data, "\n"),
		(const char *)boot.data);
	memcpy(next.first, list->first, sizeof(next.first));
	text = wb_json_text(fields, &next, JSON_COMPACT);
	if (!text)
		return wb_oom(err);
	r = sys->write_file(sys->ctx, WB_NEXT_BOOT, wb_text(text), 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", WB_NEXT_BOOT, strerror(-r)) : 0;
}

int wb_next_boot_drop(const struct wb_sys *sys, struct wb_error *err)
{
	bool had = sys->files->exists(sys->files->ctx, WB_NEXT_BOOT);
	int r = sys->remove_file(sys->ctx, WB_NEXT_BOOT);

	if (r < 0)
		return wb_fail(err, r, "cannot remove %s: %s", WB_NEXT_BOOT, strerror(-r));
	return had;
}

/* Did the jump to this boot begin in the boot in which the file was written? 1: yes; -ENOMEM. */
static int is_due(const struct wb_files *files, const struct next_boot *next)
{
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_RECORD rec = {};

	if (wb_traces_read(files, &traces) < 0)
		return -ENOMEM;
	if (wb_record_read(files, WB_RECORD_JUMP, &rec, NULL) < 0)
		return 0;
	return wb_jump_number(&rec, &traces) && rec.boot_id && !strcmp(rec.boot_id, next->boot);
}

static int write_dropin(
	const struct wb_sys *sys, const char *early, const char *unit, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR own = NULL;
	int r;

	if (asprintf(&own, "%s/%s", early, unit) < 0 ||
		asprintf(&path, "%s/%s.d/" DROPIN_NAME, early, unit) < 0)
		return wb_oom(err);
	/* A kept unit has a file of its own there, with all its settings. */
	if (!wb_valid_service_name(unit) || sys->files->exists(sys->files->ctx, own))
		return 0;
	r = sys->write_file(sys->ctx, path, wb_text(DROPIN), 0644);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int wb_next_boot_generate(const struct wb_sys *sys, const char *early, struct wb_error *err)
{
	struct next_boot next = {};
	WB_CLEAN_BLOB text = {};
	int r = sys->files->read(sys->files->ctx, WB_NEXT_BOOT, 1 << 16, &text, NULL);

	if (r < 0)
		return 0;
	r = wb_json_parse(wb_blob_view(&text), fields, WB_NEXT_BOOT, &next, err);
	if (r == 0)
		r = is_due(sys->files, &next);
	if (r == -ENOMEM)
		return wb_oom(err);
	for (size_t i = 0; r > 0 && i < next.n_first; i++)
		if (write_dropin(sys, early, next.first[i], err) < 0)
			return -EIO;
	return r < 0 ? r : 0;
}
