/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Boot entries: what a boot loader would offer on this machine, found without it.
 * One file per source; sources reach files only through struct wb_files.
 */
#pragma once

#include <stdbool.h>

#include "core/files.h"

struct wb_entry {
	char *id; /* unique in a list: "grub:…", BLS file name without .conf, UKI file name, … */
	char *title;  /* for people */
	char *source; /* name of the source, plus the file: "grub /boot/grub/grub.cfg" */
	char *kernel; /* absolute path as seen from the running system; a UKI is its own kernel */
	struct wb_strv initrds; /* absolute paths, in boot loader order */
	char *cmdline; /* NULL: the image's own (UKI) or, for bare kernels, none is known */
	char *release; /* kernel release where it can be told, else NULL */
	char *version; /* sort key of the source ("version" of BLS), else NULL */
	char *sort_key, *machine_id;         /* of BLS type 1 and 2, else NULL */
	bool counted;                        /* the file name carries boot counters ("+N-M") */
	unsigned int tries_left, tries_done; /* meaningful when counted; none left: bad entry */
	bool is_default; /* a plain reboot now would boot this one (one-shot settings included) */
};

struct wb_entries {
	struct wb_entry *items;
	size_t n;
	struct wb_strv warnings; /* one sentence per thing that was skipped and why */
};

struct wb_entry_source {
	const char *name; /* "bls", "uki", "grub", "boot", "modules" */
	/*
	 * Append entries. A file that is not there is no error; a file that cannot be read or
	 * understood adds a warning and is skipped. Only -ENOMEM is returned. What an earlier
	 * source already gave (the same kernel, initrds and command line, or the same file; for a
	 * bare kernel its path or release) is left out by wb_entries_find(). A source that is a boot
	 * loader's whole menu ("grub") marks the default; those that share a boot loader ("bls",
	 * "uki") leave it to wb_entries_find().
	 */
	int (*find)(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err);
};

/* NULL-terminated. */
extern const struct wb_entry_source *const wb_entry_sources[];

extern const struct wb_entry_source wb_source_bls, wb_source_uki, wb_source_grub, wb_source_boot,
	wb_source_modules;

/*
 * All sources, those of the boot loader in charge first; only its default is marked. In charge is
 * the one that the EFI variable LoaderInfo names (systemd-boot and GRUB >= 2.12 set it); else GRUB
 * where it has a configuration; else whoever reads loader/entries. What the bare sources ("boot",
 * "modules") find has no default: nothing says what the firmware would start. -ENOMEM.
 */
int wb_entries_find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err);

/*
 * Choose by id (with or without "grub:", ".conf"), title, kernel release, path of the kernel,
 * "default" or "newest". Where several fit, the default wins, then the only one that is not a
 * recovery entry; entries that boot the very same thing are no doubt.
 * -ENOENT nothing fits; -ENOTUNIQ several do: the sentence lists the candidates.
 * *ret points into `all`.
 */
int wb_entries_choose(const struct wb_entries *all, const char *what, const struct wb_entry **ret,
	struct wb_error *err);

/* Version order of kernel releases as rpm and dpkg sort them (UAPI version format spec). */
int wb_version_compare(const char *a, const char *b);

/* Append a zeroed entry and return it, or NULL when out of memory. */
struct wb_entry *wb_entries_add(struct wb_entries *all);
/* Record a warning. -ENOMEM. */
int wb_entries_warn(struct wb_entries *all, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void wb_entry_deinit(struct wb_entry *e);
void wb_entries_deinit(struct wb_entries *all);

#define WB_CLEAN_ENTRIES __attribute__((cleanup(wb_entries_deinit))) struct wb_entries
