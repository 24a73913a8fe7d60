// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mounts: a parsed mount is found again, and every walk ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mountinfo.h"
#include "core/mounts.h"
#include "core/strv.h"
#include "core/text.h"
#include "fuzz.h"

#define LONG 4000
#define MANY 2000

static bool any(const struct wb_mount *m)
{
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_STR text = strndup((const char *)data, size);
	WB_CLEAN_MOUNTS m = {};
	WB_CLEAN_STRV units = {};
	WB_CLEAN_STR value = NULL;

	if (!text)
		return 0;
	if (wb_mounts_parse(text, &m) < 0)
		return 0;
	wb_mount_units(&m, any, &units);
	for (size_t i = 0; i < m.n && i < 16; i++) {
		const struct wb_mount *at = wb_mounts_at(&m, m.items[i].point);

		/* The found mount is at that point, or at one above it. */
		if (at && strncmp(at->point, m.items[i].point, strlen(at->point)))
			__builtin_trap();
		free(value);
		value = NULL;
		wb_mount_option(&m.items[i], "subvol", &value);
	}
	return 0;
}

/* A path of escapes only, and as many mounts as a busy machine has. */
const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const texts[] = {
		"22 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
		"23 22 0:5 /@/a\\040b /a\\134b rw shared:2 master:1 - btrfs /dev/x "
		"rw,subvol=/@\\054\n",
		"1 1 0:1 / / rw - rootfs  rw\n2 1 0:2 / / rw - tmpfs - rw\n3 4 0:1 / /a rw - a b "
		"c\n"
		"4 3 0:1 / /a rw - a b c\n",
	};
	static struct wb_blob seeds[4];

	for (size_t i = 0; i < 2; i++)
		wb_blob_append(&seeds[i], texts[i], strlen(texts[i]));
	wb_blob_append(&seeds[2], "7 1 0:1 / /", 11);
	for (size_t i = 0; i < LONG; i++)
		wb_blob_append(&seeds[2], i % 2 ? "\\040" : "\\134", 4);
	wb_blob_append(&seeds[2], " rw - ext4 /dev/long rw\n", 24);
	for (size_t i = 0; i < MANY; i++) {
		char line[80];
		int n = snprintf(line, sizeof(line), "%zu %zu 0:%zu / /m%zu rw - tmpfs t rw\n",
			i + 2, i / 3 + 1, i, i);

		wb_blob_append(&seeds[3], line, (size_t)n);
	}
	*ret_n = 4;
	return seeds;
}
