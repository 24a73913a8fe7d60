/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PE files: programs of EFI firmware, unified kernel images and their addons. */
#pragma once

#include <stdbool.h>

#include "core/files.h"

/* The kind of program that EFI firmware would find in a file, from its headers. */
enum wb_pe_kind {
	WB_PE_NONE = 0, /* no PE file */
	WB_PE_FOREIGN,  /* for another kind of machine */
	WB_PE_OTHER,
	WB_PE_KERNEL, /* Linux with an entry point for the firmware */
	WB_PE_UKI,    /* systemd-stub and a kernel, or a stub that names one */
};

struct wb_pe {
	enum wb_pe_kind kind;
	struct wb_blob head; /* DOS and PE headers and the section table */
};
/* Errors as wb_files.read_at. */
int wb_pe_read(
	const struct wb_files *files, const char *path, struct wb_pe *ret, struct wb_error *err);
void wb_pe_deinit(struct wb_pe *pe);
#define WB_CLEAN_PE __attribute__((cleanup(wb_pe_deinit))) struct wb_pe

/* The sections of one profile of a UKI, or of an addon. Strings are NULL where absent. */
struct wb_uki {
	char *osrel, *uname, *profile; /* texts unchanged */
	/* as systemd-stub corrects it: one line, no blanks around it */
	char *cmdline;
	bool has_linux, has_initrd, has_ucode, has_devicetree;
	/*
	 * For a stub without a kernel (lanzaboote): paths on the partition, and SHA-256 in 64 hex
	 * digits each.
	 */
	char *thin_kernel, *thin_initrd, *kernel_sha256, *initrd_sha256;
	const char *broken; /* reason why it cannot be used, or NULL */
};
/*
 * Read the sections of a profile; 0: the first, or the whole image if it has no profiles. -ENOENT:
 * no such profile; -ENOMEM. Unreadable sections are left out, except that `broken` reports some.
 */
int wb_uki_read(const struct wb_files *files, const char *path, const struct wb_pe *pe,
	unsigned int profile, struct wb_uki *ret);
void wb_uki_deinit(struct wb_uki *uki);
#define WB_CLEAN_UKI __attribute__((cleanup(wb_uki_deinit))) struct wb_uki
