// SPDX-License-Identifier: LGPL-2.1-or-later
/* The two files of staging by itself: what the last run did, and what the last shutdown was. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/json-table.h"
#include "core/text.h"
#include "session/auto.h"

/* A larger file is none of these. */
#define LARGEST (1 << 16)

static const struct wb_name state_names[] = {
	{"nothing", WB_AUTO_NOTHING},
	{"off", WB_AUTO_OFF},
	{"staged", WB_AUTO_STAGED},
	{"refused", WB_AUTO_REFUSED},
	{"busy", WB_AUTO_BUSY},
	{"foreign", WB_AUTO_FOREIGN},
	{},
};

const char *wb_auto_state_name(enum wb_auto_state state)
{
	return wb_name_of(state_names, state);
}

#define ROW(...) WB_JSON_ROW(struct wb_auto_record, __VA_ARGS__)
static const struct wb_json_field record_fields[] = {
	ROW(state, WB_JSON_ENUM, .names = state_names, .needed = true),
	ROW(entry, WB_JSON_STRING),
	ROW(kernel, WB_JSON_STRING),
	ROW(release, WB_JSON_STRING),
	ROW(nonce, WB_JSON_STRING),
	ROW(print, WB_JSON_STRING),
	ROW(why, WB_JSON_STRING),
	ROW(bytes, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	{},
};
#undef ROW

#define ROW(...) WB_JSON_ROW(struct wb_auto_note, __VA_ARGS__)
static const struct wb_json_field note_fields[] = {
	ROW(boot_id, WB_JSON_STRING, .needed = true),
	ROW(firmware, WB_JSON_STRING),
	ROW(keeping, WB_JSON_STRING),
	{},
};

int wb_auto_record_read(
	const struct wb_files *files, struct wb_auto_record *ret, struct wb_error *err)
{
	struct wb_auto_record rec = {};
	int r = wb_json_read_file(files, WB_AUTO_RECORD, LARGEST, record_fields, &rec, err);

	if (r == 0)
		*ret = rec;
	return r;
}

static int write_file(const struct wb_sys *sys, const char *path,
	const struct wb_json_field *fields, const void *from, struct wb_error *err)
{
	WB_CLEAN_STR text = wb_json_text(fields, from, JSON_INDENT(2));
	int r;

	if (!text)
		return wb_oom(err);
	r = sys->write_file(sys->ctx, path, wb_text(text), 0600);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

int wb_auto_record_write(
	const struct wb_sys *sys, const struct wb_auto_record *rec, struct wb_error *err)
{
	return write_file(sys, WB_AUTO_RECORD, record_fields, rec, err);
}

void wb_auto_record_deinit(struct wb_auto_record *rec)
{
	wb_json_free(record_fields, rec);
	*rec = (struct wb_auto_record){};
}

int wb_auto_note_read(const struct wb_files *files, struct wb_auto_note *ret, struct wb_error *err)
{
	struct wb_auto_note note = {};
	int r = wb_json_read_file(files, WB_AUTO_NOTE, LARGEST, note_fields, &note, err);

	if (r == 0)
		*ret = note;
	return r;
}

void wb_auto_note_deinit(struct wb_auto_note *note)
{
	wb_json_free(note_fields, note);
	*note = (struct wb_auto_note){};
}

int wb_auto_boot_id(const struct wb_files *files, char **ret)
{
	WB_CLEAN_BLOB b = {};
	int r = files->read(files->ctx, "/proc/sys/kernel/random/boot_id", 256, &b, NULL);

	if (r < 0)
		return r;
	*ret = wb_span_copy(
		(struct wb_span){(const char *)b.data, strcspn((const char *)b.data, "\n")});
	return *ret ? 0 : -ENOMEM;
}

void wb_auto_note_add(const struct wb_session_host *h, const char *firmware, const char *keeping)
{
	WB_CLEAN_AUTO_NOTE note = {};
	WB_CLEAN_STR boot = NULL;
	struct wb_error why = {};

	if (wb_auto_boot_id(h->sys->files, &boot) < 0)
		return;
	/* A note of an earlier boot is no news any more. */
	if (wb_auto_note_read(h->sys->files, &note, NULL) < 0 || strcmp(note.boot_id, boot)) {
		wb_auto_note_deinit(&note);
		note.boot_id = boot;
		boot = NULL;
	}
	if (firmware)
		wb_text_replace(&note.firmware, firmware);
	if (keeping)
		wb_text_replace(&note.keeping, keeping);
	if (write_file(h->sys, WB_AUTO_NOTE, note_fields, &note, &why) < 0)
		wb_tell_warning(h, "%s", why.text);
}

void wb_auto_note_age(const struct wb_session_host *h)
{
	WB_CLEAN_AUTO_NOTE note = {};
	WB_CLEAN_STR boot = NULL;

	if (!h->sys->files->exists(h->sys->files->ctx, WB_AUTO_NOTE) ||
		wb_auto_boot_id(h->sys->files, &boot) < 0)
		return;
	if (wb_auto_note_read(h->sys->files, &note, NULL) < 0 || strcmp(note.boot_id, boot))
		h->sys->remove_file(h->sys->ctx, WB_AUTO_NOTE);
}
