// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which boot entry is the running kernel's, so that a firmware boot can be led back to it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "jump/record.h"
#include "session/trial.h"
#include "sys/machine.h"

/* The head of a bzImage: the magic, and where its version is (the kernel's Documentation/arch/x86/boot.rst). */
#define HEAD (64 << 10)
#define MAGIC 0x202
#define VERSION_AT 0x20e

/* The version that a bzImage names; NULL: the file is none, or names none. To be freed. */
static char *version_of(const struct wb_files *files, const char *kernel)
{
	WB_CLEAN_BLOB head = {};
	size_t at;

	if (files->read_at(files->ctx, kernel, 0, HEAD, &head, NULL) < 0 ||
		head.size < VERSION_AT + 2 ||
		!wb_bytes_equal(wb_blob_view(&head), MAGIC, "HdrS", 4))
		return NULL;
	at = (size_t)head.data[VERSION_AT] + ((size_t)head.data[VERSION_AT + 1] << 8);
	if (!at || at + 0x200 >= head.size)
		return NULL;
	return strndup((const char *)head.data + at + 0x200, head.size - at - 0x200);
}

/* A package may have replaced the file with a build of the same release, which is not what runs. */
static int check_build(const struct wb_files *files, const struct wb_entry *e, struct wb_error *err)
{
	WB_CLEAN_STR there = version_of(files, e->kernel);
	WB_CLEAN_BLOB build = {};
	size_t n;

	if (!files->exists(files->ctx, e->kernel))
		return wb_fail(err, -ENOENT, "the running kernel's file %s is gone", e->kernel);
	if (!there || files->read(files->ctx, "/proc/sys/kernel/version", WB_SMALL_FILE, &build,
			      NULL) < 0)
		return 0;
	n = strcspn((const char *)build.data, "\n");
	/* A bzImage has its builder's name between release and build. */
	if (!n || memmem(there, strlen(there), build.data, n))
		return 0;
	return wb_fail(err, -ESTALE,
		"%s was replaced since the running kernel was started: it is another build of the "
		"same "
		"release",
		e->kernel);
}

/* The entry of the jump that started this boot; NULL: none did, or it is gone. */
static const struct wb_entry *entry_of_jump(
	const struct wb_files *files, const struct wb_entries *all, const char *release)
{
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_TRACES traces = {};

	if (wb_record_read(files, WB_RECORD_JUMP, &rec, NULL) < 0 ||
		wb_traces_read(files, &traces) < 0 || !rec.entry || !rec.to ||
		strcmp(rec.to, release) || wb_judge(&rec, &traces).outcome != WB_OUTCOME_JUMPED)
		return NULL;
	if (rec.judged_boot && traces.boot_id && strcmp(rec.judged_boot, traces.boot_id))
		return NULL;
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].id, rec.entry))
			return &all->items[i];
	return NULL;
}

/*
 * The same by a name that stays: GRUB's first entry is a copy of the newest kernel's, and its name means another kernel
 * as soon as one is installed.
 */
static const struct wb_entry *with_stable_name(
	const struct wb_entries *all, const struct wb_entry *e, const char *release)
{
	for (size_t i = 0; !strstr(e->id, release) && i < all->n; i++)
		if (strstr(all->items[i].id, release) && wb_entry_boots_the_same(&all->items[i], e))
			return &all->items[i];
	return e;
}

int wb_trial_running_entry(const struct wb_files *files, const struct wb_entries *all,
	const struct wb_entry **ret, struct wb_error *err)
{
	WB_CLEAN_STR release = wb_running_release(files);
	const struct wb_entry *e;
	int r = 0;

	if (!release)
		return wb_fail(err, -ENOENT, "the running kernel does not tell its release");
	e = entry_of_jump(files, all, release);
	if (!e)
		r = wb_entries_choose(all, release, &e, err);
	if (r == 0)
		r = check_build(files, e, err);
	if (r == 0)
		*ret = with_stable_name(all, e, release);
	return r;
}
