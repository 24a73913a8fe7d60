// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Kernel parameters from the maker of a virtual machine: OEM strings of SMBIOS (type 11), which
 * systemd-stub and systemd-boot append (smbios_find_oem_string() of systemd's src/boot/smbios.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/smbios.h"
#include "core/cmdline.h"

#define ENTRIES "/sys/firmware/dmi/entries"

/*
 * Search the strings of a structure. Its header has as many bytes as its second byte says; each
 * string ends in a NUL.
 */
static int find_string(struct wb_bytes in, const char *prefix, char **ret)
{
	const size_t n = strlen(prefix);
	uint8_t length;

	if (!wb_get_u8(in, 1, &length))
		return 0;
	for (size_t at = length; at < in.size;) {
		size_t len = strnlen((const char *)in.data + at, in.size - at);

		if (!len)
			return 0;
		if (len > n && wb_bytes_equal(in, at, prefix, n)) {
			*ret = strndup((const char *)in.data + at + n, len - n);
			return *ret ? 1 : -ENOMEM;
		}
		at += len + 1;
	}
	return 0;
}

/*
 * Search all structures of type 11. 1: found. The kernel's directories are called TYPE-INSTANCE
 * (drivers/firmware/dmi-sysfs.c).
 */
static int find_words(const struct wb_files *files, const char *prefix, char **ret)
{
	WB_CLEAN_STRV names = {};
	struct wb_error err = {};
	int r = files->list(files->ctx, ENTRIES, &names, &err);

	for (size_t i = 0; i < names.n && r == 0; i++) {
		WB_CLEAN_BLOB raw = {};
		char path[128];

		if (strncmp(names.items[i], "11-", 3) != 0)
			continue;
		snprintf(path, sizeof(path), ENTRIES "/%.32s/raw", names.items[i]);
		r = files->read(files->ctx, path, 65536, &raw, &err);
		r = r < 0 ? (r == -ENOMEM ? r : 0) : find_string(wb_blob_view(&raw), prefix, ret);
	}
	return r == -ENOMEM || r == 1 ? r : 0;
}

bool wb_words_in_force(const struct wb_files *files, const char *words)
{
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_STR want = NULL;
	WB_CLEAN_STR running = NULL;
	struct wb_error err = {};

	if (files->read(files->ctx, "/proc/cmdline", 65536, &text, &err) < 0)
		return false;
	if (asprintf(&want, " %s ", words) < 0)
		want = NULL;
	if (asprintf(&running, " %.*s ", (int)strcspn((char *)text.data, "\n"), (char *)text.data) <
		0)
		running = NULL;
	return want && running && strstr(running, want);
}

int wb_smbios_words(const struct wb_files *files, const char *prefix, struct wb_entry *e)
{
	WB_CLEAN_STR words = NULL;
	char *joined, *end;
	int r = find_words(files, prefix, &words);

	if (r <= 0)
		return r;
	for (end = words; *end; end++)
		if ((unsigned char)*end < ' ')
			*end = ' ';
	while (end > words && end[-1] == ' ')
		*--end = 0;
	if (!words[strspn(words, " ")])
		return 0;
	/* Old versions ignore it, and confidential guests do not trust it. */
	if (!wb_words_in_force(files, words + strspn(words, " ")))
		return wb_entry_lacks(e,
			"it is not known whether the parameters from SMBIOS (%s) are used for its "
			"command line",
			words);
	r = wb_cmdline_append(e->cmdline, words + strspn(words, " "), &joined);
	if (r < 0)
		return r;
	free(e->cmdline);
	e->cmdline = joined;
	return 0;
}
