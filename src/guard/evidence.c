// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A machine keeps two things of a kernel that died: the records of pstore, where firmware or RAM kept the end of
 * its log (Documentation/admin-guide/pstore-blk.rst), and the watchdog's word that it has bitten
 * (WDIOF_CARDRESET of include/uapi/linux/watchdog.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "guard/gate.h"

#define WATCHDOGS "/sys/class/watchdog"
#define CARD_RESET 0x20

/* systemd-pstore(8) moves the records; its directories have a number, and perhaps one for each boot. */
static const char *const pstores[] = {"/sys/fs/pstore", "/var/lib/systemd/pstore", NULL};
#define DEEPEST 3

/* The line of the log that says why. *ret stays NULL if there is none. */
static int find_line(const char *text, char **ret)
{
	static const char *const words[] = {"Kernel panic - not syncing",
		"BUG: ", "Oops: ", "soft lockup - CPU", "hard LOCKUP", NULL};
	struct wb_span line;

	for (size_t i = 0; words[i]; i++)
		for (const char *rest = text; wb_take_line(&rest, &line);) {
			const char *at = memmem(line.s, line.n, words[i], strlen(words[i]));

			if (!at)
				continue;
			*ret = strndup(at, line.n - (size_t)(at - line.s));
			if (!*ret)
				return -ENOMEM;
			wb_make_plain(*ret);
			return 0;
		}
	return 0;
}

/* Consoles and what user space wrote are no record of a death. ramoops uses a name again, so its stamp is part of it. */
static int add_record(const struct wb_files *files, const char *path, struct wb_strv *ret)
{
	const char *base = strrchr(path, '/') + 1;
	int64_t stamp[3] = {};

	if (strncmp(base, "dmesg", 5))
		return 0;
	if (files->stamp && files->stamp(files->ctx, path, stamp) < 0)
		return 0;
	return wb_strv_addf(ret, "%s %lld %lld", path, (long long)stamp[0], (long long)stamp[1]);
}

/* All files below a directory; one that is not there has none. */
static int list_below(
	const struct wb_files *files, const char *dir, unsigned depth, struct wb_strv *ret)
{
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, dir, &names, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : depth ? add_record(files, dir, ret) : 0;
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s", dir, names.items[i]);

		r = !path ? -ENOMEM : depth < DEEPEST ? list_below(files, path, depth + 1, ret) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int wb_gate_records(const struct wb_files *files, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && pstores[i]; i++)
		r = list_below(files, pstores[i], 0, ret);
	return r;
}

static int look_at_records(const struct wb_files *files, const struct wb_strv *before,
	char **ret_why, char **ret_evidence)
{
	WB_CLEAN_STRV records = {};
	int r = wb_gate_records(files, &records);

	for (size_t i = 0; r == 0 && i < records.n && !*ret_why; i++) {
		WB_CLEAN_BLOB text = {};
		WB_CLEAN_STR path = NULL;

		if (wb_strv_has(before, records.items[i]))
			continue;
		path = strndup(records.items[i], strcspn(records.items[i], " "));
		if (!path)
			return -ENOMEM;
		r = files->read(files->ctx, path, WB_TEXT_LIMIT, &text, NULL);
		r = r == 0 ? find_line((const char *)text.data, ret_why) : r == -ENOMEM ? r : 0;
		if (!*ret_why)
			continue;
		*ret_evidence = path;
		path = NULL;
	}
	return r;
}

static int look_at_watchdogs(const struct wb_files *files, char **ret_why, char **ret_evidence)
{
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, WATCHDOGS, &names, NULL);

	for (size_t i = 0; r == 0 && i < names.n && !*ret_why; i++) {
		WB_CLEAN_STR path = wb_strf(WATCHDOGS "/%s/bootstatus", names.items[i]);

		if (!path)
			return -ENOMEM;
		if (!(wb_read_number(files, path) & CARD_RESET))
			continue;
		*ret_why = strdup("the watchdog reset the machine");
		*ret_evidence = path;
		path = NULL;
		if (!*ret_why)
			return -ENOMEM;
	}
	return r == -ENOMEM ? r : 0;
}

int wb_gate_evidence(const struct wb_files *files, const struct wb_strv *before, char **ret_why,
	char **ret_evidence)
{
	WB_CLEAN_STR why = NULL;
	WB_CLEAN_STR evidence = NULL;
	int r = look_at_records(files, before, &why, &evidence);

	if (r == 0 && !why)
		r = look_at_watchdogs(files, &why, &evidence);
	if (r < 0)
		return r;
	*ret_why = why;
	*ret_evidence = evidence;
	why = evidence = NULL;
	return 0;
}
