/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text files of the Boot Loader Specification: their keys and their names. */
#pragma once

#include "bls/entry.h"

/*
 * A BLS type 1 file: keys in file order, nothing resolved or expanded. For a single string the last
 * line wins.
 */
struct wb_bls_file {
	char *title, *version, *machine_id, *sort_key; /* NULL absent */
	char *linux_path;                              /* of "linux" or "uki"; NULL absent */
	char *efi_path, *url;                          /* of "efi" and "uki-url" */
	char *options;          /* all "options" joined by a space; NULL absent */
	struct wb_strv initrds; /* the values unchanged */
	char *architecture, *profile, *devicetree, *overlay, *extra;
	bool has_linux, has_uki, efi; /* whether it has these keys */
};

/*
 * Parse `text`, which is changed. The quotes around a whole value are removed, as by systemd-boot.
 * -ENOMEM.
 */
int wb_bls_parse(char *text, struct wb_bls_file *ret);
void wb_bls_file_deinit(struct wb_bls_file *f);

/*
 * Split NAME[+LEFT[-DONE]]SUFFIX (UAPI boot loader spec, "boot counting") into the entry's id
 * (NAME, and SUFFIX when keep_suffix) and counters. False when `file` does not end in SUFFIX or
 * has no NAME. *ret_id is to be freed; it is NULL when out of memory.
 */
bool wb_bls_name(const char *file, const char *suffix, bool keep_suffix, char **ret_id,
	struct wb_entry *counters);
