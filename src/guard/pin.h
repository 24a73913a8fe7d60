/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pin: a one-shot setting of the boot loader that makes the next boot through the firmware start a
 * chosen entry. Before a guarded jump it names the kernel that runs, so that a hang, a panic or a bite
 * of the watchdog ends there. Each boot loader is a row of wb_pins_all[].
 */
#pragma once

#include "bls/entry.h"
#include "sys/sys.h"

/* A pin that can be set, or is set. Owned strings; all NULL: none. */
struct wb_pin {
	char *loader; /* name of its row */
	char *path;   /* an EFI variable, or a GRUB environment block */
	char *value;  /* what the boot loader reads there: the name of the entry */
};

void wb_pin_deinit(struct wb_pin *pin);
#define WB_CLEAN_PIN __attribute__((cleanup(wb_pin_deinit))) struct wb_pin

struct wb_pin_row {
	const char *loader; /* "grub", "systemd-boot" */
	/*
	 * Is this boot loader in charge, and can it be pinned to `e`? 0: *ret_path and *ret_value are to be
	 * freed. -EOPNOTSUPP with a sentence: it is in charge, and cannot. -ENOENT: it is not in charge.
	 * -ENOMEM.
	 */
	int (*find)(const struct wb_files *files, const struct wb_entry *e, char **ret_path,
		char **ret_value, struct wb_error *err);
	/* The contents that the file has with this value. -EBADMSG with a sentence; -ENOMEM. */
	int (*contents)(const struct wb_files *files, const char *path, const char *value,
		struct wb_blob *ret, struct wb_error *err);
	/* Has the file this value? 1 yes, 0 no, or it is not there. Negative errno with a sentence. */
	int (*has)(const struct wb_files *files, const char *path, const char *value,
		struct wb_error *err);
	/* Is another value there, by a person's wish? 1 yes, 0 no. Negative errno with a sentence. */
	int (*taken)(const struct wb_files *files, const char *path, struct wb_error *err);
	/* Replace the contents. 0 or negative errno, without a sentence. */
	int (*write)(const struct wb_sys *sys, const char *path, struct wb_bytes contents);
	/* Remove the value again. 0 or negative errno, without a sentence. */
	int (*clear)(const struct wb_sys *sys, const char *path);
};

/* NULL-terminated. */
extern const struct wb_pin_row *const wb_pins_all[];
extern const struct wb_pin_row wb_pin_systemd_boot, wb_pin_grub;

/*
 * How the boot loader in charge is pinned to `e`; nothing is changed. -EOPNOTSUPP with a sentence:
 * there is no way here; -ENOMEM.
 */
int wb_pin_find(const struct wb_files *files, const struct wb_entry *e, struct wb_pin *ret,
	struct wb_error *err);
/*
 * Set it. -EBUSY with a sentence: a one-shot setting of somebody else is there; or the errors of
 * reading and writing. On failure nothing has changed.
 */
int wb_pin_set(const struct wb_sys *sys, const struct wb_pin *pin, struct wb_error *err);
/*
 * Take it back. 1: it was there; 0: it is gone already, or another one has taken its place, which
 * stays. Negative errno with a sentence: it is still there.
 */
int wb_pin_clear(const struct wb_sys *sys, const struct wb_pin *pin, struct wb_error *err);
/* Is it set? 1 yes, 0 no. Negative errno: not known. */
int wb_pin_is_set(const struct wb_files *files, const struct wb_pin *pin);
/*
 * The contents that pin->path would have, so that a caller can look at the machine as if it were set.
 * Errors as above.
 */
int wb_pin_contents(const struct wb_files *files, const struct wb_pin *pin, struct wb_blob *ret,
	struct wb_error *err);
