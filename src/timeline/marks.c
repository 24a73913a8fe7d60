// SPDX-License-Identifier: LGPL-2.1-or-later
/* Taking, writing and reading marks, and the stamp of the last instant before the jump. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/json-table.h"
#include "core/sha256.h"
#include "timeline/lines.h"
#include "timeline/marks.h"

#define LAST_MAGIC 0x74736c77u /* "wlst" */

static void read_boot_id(const struct wb_files *files, char ret[40])
{
	WB_CLEAN_BLOB b = {};

	ret[0] = '\0';
	if (files->read(files->ctx, "/proc/sys/kernel/random/boot_id", 4096, &b, NULL) == 0)
		snprintf(ret, 40, "%.*s", (int)strcspn((const char *)b.data, "\n"),
			(const char *)b.data);
}

void wb_mark_take(const struct wb_sys *sys, const char *name, struct wb_mark *ret)
{
	struct wb_mark m = {};
	uint64_t before = sys->tsc(sys->ctx), after;

	/*
	 * Read the clocks between two readings of the counter; the mark has their distance as its
	 * accuracy.
	 */
	m.mono_ns = (int64_t)sys->mono_ns(sys->ctx);
	m.wall_ns = (int64_t)sys->wall_ns(sys->ctx);
	m.boot_ns = (int64_t)sys->boot_ns(sys->ctx);
	after = sys->tsc(sys->ctx);
	m.window = after - before;
	m.tsc = before + m.window / 2;
	snprintf(m.name, sizeof(m.name), "%s", name);
	*ret = m;
}

#define ROW_AS(key, member, kind) WB_JSON_ROW_AS(key, struct wb_mark, member, kind, .needed = true)
#define ROW(member, kind) ROW_AS(#member, member, kind)

static const struct wb_json_field fields[] = {
	ROW_AS("mark", name, WB_JSON_CHARS),
	ROW(boot, WB_JSON_CHARS),
	ROW(tsc, WB_JSON_INT),
	ROW(wall_ns, WB_JSON_INT),
	ROW(mono_ns, WB_JSON_INT),
	ROW(boot_ns, WB_JSON_INT),
	ROW(window, WB_JSON_INT),
	{},
};

char *wb_mark_format(const struct wb_mark *m)
{
	return wb_json_text(fields, m, JSON_COMPACT);
}

int wb_mark_parse(const char *text, struct wb_mark *ret)
{
	struct wb_mark m = {};
	int r = wb_json_parse(
		(struct wb_bytes){(const uint8_t *)text, strlen(text)}, fields, "a mark", &m, NULL);

	if (r == 0)
		*ret = m;
	return r;
}

static int append(const struct wb_sys *sys, const struct wb_mark *m)
{
	WB_CLEAN_STR json = wb_mark_format(m);
	WB_CLEAN_STR line = NULL;
	WB_CLEAN_STR text = NULL;
	struct wb_bytes bytes;
	int r;

	if (!json || wb_line_format(json, &line) < 0)
		return -ENOMEM;
	/* Start a new line, because the file may end in the middle of one. */
	if (asprintf(&text, "\n%s", line) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	bytes = (struct wb_bytes){(const uint8_t *)text, strlen(text)};
	r = sys->append_file(sys->ctx, WB_MARKS, bytes, 0600, WB_MARKS_MAX);
	if (r != -EFBIG)
		return r;
	/* No boot has been recorded for a long time; keep the newest marks. */
	sys->remove_file(sys->ctx, WB_MARKS);
	return sys->append_file(sys->ctx, WB_MARKS, bytes, 0600, WB_MARKS_MAX);
}

int wb_mark(const struct wb_sys *sys, const char *name)
{
	struct wb_mark m;

	if (!sys->append_file || !sys->mono_ns || !sys->boot_ns)
		return -EOPNOTSUPP;
	wb_mark_take(sys, name, &m);
	read_boot_id(sys->files, m.boot);
	return append(sys, &m);
}

static void name_of_unit(const char *kind, const char *unit, char ret[WB_MARK_NAME])
{
	snprintf(ret, WB_MARK_NAME, "%s%s", kind, unit);
}

int wb_mark_unit(const struct wb_sys *sys, const char *kind, const char *unit)
{
	char name[WB_MARK_NAME];

	name_of_unit(kind, unit, name);
	return wb_mark(sys, name);
}

int wb_marks_read(const struct wb_files *files, struct wb_marks *ret, struct wb_error *err)
{
	WB_CLEAN_STRV lines = {};
	struct wb_marks marks = {};
	size_t damaged;
	int r = wb_lines_read(files, WB_MARKS, &lines, &damaged, err);

	if (r < 0)
		return r;
	if (lines.n) {
		marks.items = calloc(lines.n, sizeof(*marks.items));
		if (!marks.items)
			return wb_oom(err);
	}
	for (size_t i = 0; i < lines.n; i++)
		if (wb_mark_parse(lines.items[i], &marks.items[marks.n]) == 0)
			marks.n++;
	*ret = marks;
	return 0;
}

void wb_marks_deinit(struct wb_marks *marks)
{
	free(marks->items);
	*marks = (struct wb_marks){};
}

const struct wb_mark *wb_marks_find(
	const struct wb_marks *marks, const char *boot, const char *name)
{
	for (size_t i = marks->n; i > 0; i--) {
		const struct wb_mark *m = &marks->items[i - 1];

		if (!strcmp(m->name, name) && !strcmp(m->boot, boot))
			return m;
	}
	return NULL;
}

bool wb_marks_have_unit(const struct wb_files *files, const struct wb_marks *marks,
	const char *kind, const char *unit)
{
	char name[WB_MARK_NAME], boot[40];

	name_of_unit(kind, unit, name);
	read_boot_id(files, boot);
	return wb_marks_find(marks, boot, name);
}

int wb_marks_keep_only(const struct wb_sys *sys, const char *boot, struct wb_error *err)
{
	WB_CLEAN_MARKS marks = {};
	WB_CLEAN_BLOB all = {};
	int r = wb_marks_read(sys->files, &marks, err);

	for (size_t i = 0; r == 0 && i < marks.n; i++) {
		WB_CLEAN_STR json = NULL;
		WB_CLEAN_STR line = NULL;

		if (strcmp(marks.items[i].boot, boot))
			continue;
		json = wb_mark_format(&marks.items[i]);
		if (!json || wb_line_format(json, &line) < 0 ||
			wb_blob_append(&all, line, strlen(line)) < 0)
			return wb_oom(err);
	}
	if (r < 0)
		return r;
	r = sys->write_file(sys->ctx, WB_MARKS, wb_blob_view(&all), 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_MARKS, strerror(-r));
	return 0;
}

static uint32_t last_sum(uint64_t tsc, const char *boot)
{
	uint8_t digest[32];
	char text[80];
	uint32_t sum;

	snprintf(text, sizeof(text), "%llu %.40s", (unsigned long long)tsc, boot);
	wb_sha256(text, strlen(text), digest);
	memcpy(&sum, digest, sizeof(sum));
	return sum;
}

struct wb_last wb_last_make(uint64_t tsc, const char *boot)
{
	return (struct wb_last){tsc, LAST_MAGIC, last_sum(tsc, boot)};
}

int wb_last_check(const struct wb_last *last, const char *boot)
{
	return last->magic == LAST_MAGIC && last->check == last_sum(last->tsc, boot);
}

int wb_last_mark(const struct wb_sys *sys)
{
	const struct wb_arch_stamp *stamp = wb_arch_of(sys->files)->stamp;
	struct wb_last last;
	char boot[40];

	if (!stamp)
		return -EOPNOTSUPP;
	read_boot_id(sys->files, boot);
	last = wb_last_make(sys->tsc(sys->ctx), boot);
	return sys->write_at(sys->ctx, stamp->path, stamp->offset,
		(struct wb_bytes){(const uint8_t *)&last, sizeof(last)});
}

uint64_t wb_last_read(const struct wb_files *files, const char *boot)
{
	const struct wb_arch_stamp *stamp = wb_arch_of(files)->stamp;
	WB_CLEAN_BLOB b = {};
	struct wb_last last;

	if (!stamp ||
		files->read_at(files->ctx, stamp->path, stamp->offset, sizeof(last), &b, NULL) <
			0 ||
		!wb_get_struct(wb_blob_view(&b), 0, &last, sizeof(last)))
		return 0;
	return wb_last_check(&last, boot) ? last.tsc : 0;
}
