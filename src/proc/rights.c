// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reads the rights of threads from their status files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc/rights.h"

/* The largest status file that is read. */
#define LARGEST (1u << 20)

/* The text after "Key:\t"; NULL: there is no such line. */
static const char *value_of(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *l = text; l && *l; l = strchr(l, '\n'), l = l ? l + 1 : NULL)
		if (!strncmp(l, key, n) && l[n] == ':')
			return l + n + 1 + strspn(l + n + 1, " \t");
	return NULL;
}

/* Add a set of capabilities, which is in hex; all of them if the line is missing. */
static int add_set(const char *text, const char *key, uint64_t *set)
{
	const char *value = value_of(text, key);
	char *end;
	uint64_t bits;

	if (!value) {
		*set = UINT64_MAX;
		return 0;
	}
	errno = 0;
	bits = strtoull(value, &end, 16);
	if (end == value || errno || !strchr("\n", *end))
		return -EBADMSG;
	*set |= bits;
	return 0;
}

/* "Uid:\t1000\t1000\t1000\t1000": real, effective, saved and file system's. Is one of them 0? */
static int has_root(const char *text, bool *ret)
{
	const char *value = value_of(text, "Uid");
	bool root = !value;

	for (int i = 0; value && i < 4; i++) {
		char *end;
		unsigned long uid = strtoul(value, &end, 10);

		if (end == value)
			return -EBADMSG;
		root |= uid == 0;
		value = end;
	}
	*ret = root;
	return 0;
}

int wb_rights_add(const char *status, struct wb_rights *rights)
{
	static const char *const sets[] = {"CapPrm", "CapEff", "CapAmb", "CapInh"};
	const char *no_gain = value_of(status, "NoNewPrivs");
	bool stays = no_gain && *no_gain == '1';
	/* An inheritable capability is of use only to an execve(2) that may gain rights (capabilities(7)). */
	size_t n = sizeof(sets) / sizeof(*sets) - stays;
	uint64_t held = 0, bounding = 0;
	bool root = false;
	int r = has_root(status, &root);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_set(status, sets[i], &held);
	if (r == 0)
		r = add_set(status, "CapBnd", &bounding);
	if (r < 0)
		return r;
	rights->held |= held;
	rights->root |= root;
	if (!root)
		rights->limited |= held;
	if (!stays)
		rights->bounding |= bounding;
	return 0;
}

static int add_status(const struct wb_files *files, const char *path, struct wb_rights *rights)
{
	WB_CLEAN_BLOB b = {};
	int r = files->read(files->ctx, path, LARGEST, &b, NULL);

	return r < 0 ? r : wb_rights_add((const char *)b.data, rights);
}

int wb_rights_read(const struct wb_files *files, int64_t pid, struct wb_rights *ret)
{
	struct wb_rights rights = {};
	WB_CLEAN_STRV threads = {};
	size_t seen = 0;
	char path[96];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/task", pid);
	(void)files->list(files->ctx, path, &threads, NULL);
	for (size_t i = 0; i < threads.n; i++) {
		snprintf(path, sizeof(path), "/proc/%" PRId64 "/task/%.20s/status", pid,
			threads.items[i]);
		r = add_status(files, path, &rights);
		/* A thread that has ended meanwhile has no rights. */
		if (r < 0 && r != -ENOENT && r != -ESRCH)
			return r;
		seen += r == 0;
	}
	if (!seen) {
		snprintf(path, sizeof(path), "/proc/%" PRId64 "/status", pid);
		r = add_status(files, path, &rights);
		if (r < 0)
			return r == -ENOENT ? -ESRCH : r;
	}
	*ret = rights;
	return 0;
}
