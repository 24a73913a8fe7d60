/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the sources of entries share. */
#pragma once

#include "entry/entry.h"

/* Most bytes of a boot loader's text file that is read. */
#define WB_ENTRY_TEXT_LIMIT (4u << 20)

/* A BLS type 1 file: keys in file order, nothing resolved or expanded. */
struct wb_bls_file {
	char *title, *version, *machine_id, *sort_key, *linux_path; /* last one wins; NULL absent */
	char *options;          /* all "options" joined by a space; NULL absent */
	struct wb_strv initrds; /* the values as they stand */
	bool efi;               /* it has "efi": a program that is no kernel */
};

/* `text` is edited in place. -ENOMEM. */
int wb_bls_parse(char *text, struct wb_bls_file *ret);
void wb_bls_file_deinit(struct wb_bls_file *f);

/*
 * Split NAME[+LEFT[-DONE]]SUFFIX (UAPI boot loader spec, "boot counting") into the entry's id
 * (NAME, and SUFFIX when keep_suffix) and counters. False when `file` does not end in SUFFIX or
 * has no NAME. *ret_id is to be freed; it is NULL when out of memory.
 */
bool wb_bls_name(const char *file, const char *suffix, bool keep_suffix, char **ret_id,
	struct wb_entry *counters);

/*
 * Order as systemd-boot does and mark what it would boot: one-shot, default and preferred
 * settings of EFI variables and loader.conf. -ENOMEM.
 */
int wb_sdboot_settle(const struct wb_files *files, struct wb_entries *all, struct wb_error *err);

/*
 * A variable of the boot loader interface (systemd.io/BOOT_LOADER_INTERFACE) as UTF-8.
 * -ENOENT absent, -EBADMSG, -ENOMEM. *ret to be freed.
 */
int wb_loader_variable(const struct wb_files *files, const char *name, char **ret);

/* GRUB's menu as its script defines it. `config`: path of grub.cfg. -ENOMEM. */
int wb_grub_find(const struct wb_files *files, const char *config, struct wb_entries *ret,
	struct wb_error *err);
/* Path of the grub.cfg that GRUB reads here, to be freed; NULL when there is none. */
char *wb_grub_config(const struct wb_files *files);

/* Kernel release: from the x86 boot header, else from the file's name; NULL unknown. To be freed. */
char *wb_entry_release(const struct wb_files *files, const char *kernel);

/* Add the initrds that usually go with a bare kernel called `version`, if they exist. -ENOMEM. */
int wb_entry_guess_initrd(const struct wb_files *files, const char *version, struct wb_strv *ret);

/* Read a text file. As wb_files.read; a warning is recorded for all but -ENOENT. */
int wb_entry_read(const struct wb_files *files, const char *path, struct wb_entries *warn,
	struct wb_blob *ret);

/* Is an entry with this id in the list already? */
bool wb_entries_has(const struct wb_entries *all, const char *id);
