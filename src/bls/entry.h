/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Boot entries as data: an entry of a boot loader's menu, and the list of them. The fields are those
 * of the Boot Loader Specification (UAPI.1), and GRUB's menu is put into them, too.
 */
#pragma once

#include <stdbool.h>

#include "core/files.h"

struct wb_entry {
	char *id; /* unique in a list: "grub:…", BLS file name without .conf, UKI file name, … */
	char *title;  /* for people */
	char *source; /* name of the source, plus the file: "grub /boot/grub/grub.cfg" */
	char *kernel; /* absolute path as seen from the running system; a UKI is its own kernel */
	struct wb_strv initrds;      /* absolute paths, in boot loader order */
	char *cmdline;               /* NULL: the image's own (UKI), or unknown (bare kernels) */
	char *release;               /* kernel release if known, else NULL */
	char *version;               /* sort key of the source ("version" of BLS), else NULL */
	char *sort_key, *machine_id; /* of BLS type 1 and 2, else NULL */
	bool counted;                /* the file name has boot counters ("+N-M") */
	unsigned int tries_left, tries_done; /* meaningful when counted; none left: bad entry */
	bool other_root; /* its root is not the running system's: a snapshot, another system */
	bool is_default; /* a plain reboot now would boot this one (one-shot settings included) */
	/*
	 * Only for a default that a one-shot setting chose: the file that holds the setting, an EFI
	 * variable or a GRUB environment block. The boot loader clears it when it boots, and so
	 * does wb_once_consume().
	 */
	char *once;
	unsigned int profile;  /* profile of a UKI (UAPI.5); 0: the first, or there are none */
	struct wb_strv addons; /* paths of a UKI's addons, for their .initrd and .ucode sections */
	/* SHA-256 in 64 hex digits; the boot loader refuses a file with another one. NULL: none. */
	char *kernel_sha256, *initrd_sha256; /* of the first initrd */
	/*
	 * Reason why staging lacks something that the boot loader would provide; such an entry is
	 * no default. NULL: none.
	 */
	char *lacks;
	/*
	 * For sorting the boot loader's menu: the ids that systemd-boot uses, in small letters,
	 * with the boot counters of the file's name and without.
	 */
	char *menu_ids[2];
	unsigned int since; /* first version of systemd-boot that has it in its menu; 0: all */
	/* in the menu, but cannot be staged for this reason: wb_entries_find() drops it */
	char *cannot;
};

struct wb_entries {
	struct wb_entry *items;
	size_t n;
	struct wb_strv warnings; /* one sentence for each skipped item, with the reason */
};

struct wb_entry_source {
	const char *name; /* "bls", "uki", "grub", "boot", "modules" */
	/*
	 * Append entries. A missing file is no error; a file that cannot be read or understood adds
	 * a warning and is skipped. Only -ENOMEM is returned. wb_entries_find() removes entries
	 * that an earlier source has found: those with the same kernel, initrds and command line,
	 * or of the same file; bare kernels with the same path or release. A source that is a boot
	 * loader's whole menu ("grub") marks the default; those that share a boot loader ("bls",
	 * "uki") leave that to wb_entries_find().
	 */
	int (*find)(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err);
};

/* Append a zeroed entry and return it, or NULL when out of memory. */
struct wb_entry *wb_entries_add(struct wb_entries *all);
/* Record a warning. -ENOMEM. */
int wb_entries_warn(struct wb_entries *all, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Has the list an entry with this id? */
bool wb_entries_has(const struct wb_entries *all, const char *id);
/* Are kernel, initrds and command line equal? */
bool wb_entry_boots_the_same(const struct wb_entry *a, const struct wb_entry *b);
/* Set e->cannot, or e->lacks, unless it is set. -ENOMEM. */
int wb_entry_cannot(struct wb_entry *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int wb_entry_lacks(struct wb_entry *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void wb_entry_deinit(struct wb_entry *e);
void wb_entries_deinit(struct wb_entries *all);

#define WB_CLEAN_ENTRIES __attribute__((cleanup(wb_entries_deinit))) struct wb_entries
