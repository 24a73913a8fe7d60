/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libwarmboot: stage a kernel with every slow step done beforehand, and jump to it.
 *
 * Functions return 0 on success and a negative errno on failure, with one sentence for the user
 * in *err (which may be NULL). Nothing here prints, exits or keeps global state. ret_*
 * parameters are untouched on failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h" /* struct wb_error */

struct wb_sys;           /* system calls and file access; wb_sys_real() is the machine */
struct wb_stage;         /* a kernel prepared for the jump */
struct wb_handoff_range; /* purgatory/handoff.h */

const struct wb_sys *wb_sys_real(void);

enum wb_method {
	WB_METHOD_AUTO = 0,
	WB_METHOD_FAST,     /* pre-linked kernel through kexec_load(2) */
	WB_METHOD_SEGMENTS, /* the image's own entry through kexec_load(2) */
	WB_METHOD_FILE,     /* kexec_file_load(2) */
};

enum wb_verify {
	WB_VERIFY_SHA256 = 0, /* purgatory checks every segment before it enters the kernel */
	WB_VERIFY_NONE,       /* nor is a payload that only the next kernel unpacks tried before */
};

enum wb_initramfs {
	WB_INITRAMFS_AUTO =
		0, /* warm when everything that the root needs is understood, else own */
	WB_INITRAMFS_WARM,
	WB_INITRAMFS_OWN,
};

/* A store (`warmboot store`) that the next kernel is to find. */
struct wb_load_store {
	/*
	 * Its memory, in its own order: nothing is placed there, and the next kernel is told that it
	 * is persistent memory. NULL where it needs no telling: a file, or a region that the command
	 * line (memmap=) sets aside.
	 */
	const struct wb_handoff_range *ranges;
	size_t n_ranges;
	uint64_t header;   /* physical address of its header; 0: it is a file */
	uint64_t size;     /* bytes */
	uint8_t nonce[16]; /* what it and the jump are to have in common */
};

struct wb_load_options {
	size_t size;        /* sizeof(struct wb_load_options) of the caller */
	const char *entry;  /* id of the boot entry, for the record; NULL: files were given */
	const char *kernel; /* path */
	const char *const *initrds; /* n_initrds paths, in boot loader order */
	size_t n_initrds;
	const char *cmdline; /* the whole command line; NULL: the image's own (UKI), else empty */
	const char
		*release; /* the kernel's release if the caller knows it; NULL: the image tells */
	enum wb_method method;
	enum wb_verify verify;
	enum wb_initramfs initramfs;
	uint64_t mem_min;     /* place segments at or above this physical address */
	uint64_t mem_max;     /* and below or at this one; 0: no limit */
	const char *dtb;      /* device tree file handed on as setup_data, or NULL */
	bool legacy_fallback; /* kexec -a: try file, fall back to segments on ENOSYS and the like */
	const char *default_cmdline; /* when neither cmdline nor the image tells; NULL: empty */
	const char *append;          /* more words for the command line, whichever it is, or NULL */
	const char *file_append;     /* and these only when the method comes out as file, or NULL */
	/* Called as long work goes on; what is a static string. NULL: silent. */
	void (*progress)(void *arg, const char *what);
	void *progress_arg;
	const struct wb_load_store *store; /* NULL: none */
	/* With the warm initramfs: a program on the root that it starts beside the init; NULL: none. */
	const char *early;
	/* And modules to load meanwhile, those that the new kernel has; n_early_modules names. */
	const char *const *early_modules;
	size_t n_early_modules;
	/* One word that no command line may lack: it is added where it is not there. NULL: none. */
	const char *region_word;
};

/* What was decided, for people and records. All strings live as long as the stage. */
struct wb_stage_info {
	enum wb_method method;
	const char *method_why;
	enum wb_initramfs initramfs; /* WARM or OWN */
	const char *initramfs_why;
	enum wb_verify verify;
	const char *release; /* of the new kernel, "" unknown */
	const char *cmdline; /* as it will be passed */
	bool no_cmdline;     /* nobody gave one: it holds nothing but what was appended */
	uint64_t kernel_bytes, initrd_bytes; /* as they will lie in memory */
	uint8_t nonce[16];                   /* all zero for WB_METHOD_FILE */
};

struct wb_stage_segment {
	const char *name; /* "kernel", "initrd", "boot_params", "purgatory" */
	uint64_t start, memsz, bufsz;
};

/*
 * Do everything up to, but without, the system call that loads: read, decompress, link, plan.
 * Changes nothing on the machine. *ret to be freed with wb_stage_free().
 */
int wb_stage_prepare(const struct wb_sys *sys, const struct wb_load_options *options,
	struct wb_stage **ret, struct wb_error *err);
/* Hand the prepared kernel to the running one. A kernel loaded before stays on failure. */
int wb_stage_commit(const struct wb_sys *sys, struct wb_stage *stage, struct wb_error *err);
void wb_stage_free(struct wb_stage *stage);

struct wb_stage_info wb_stage_info(const struct wb_stage *stage);
/* The i-th planned segment; false past the last one (the file method has none of its own). */
bool wb_stage_segment(const struct wb_stage *stage, size_t i, struct wb_stage_segment *ret);
/* Physical address that the running kernel will jump to; 0 for the file method. */
uint64_t wb_stage_entry(const struct wb_stage *stage);

/* Drop whatever kernel is loaded for a jump. */
int wb_unload(const struct wb_sys *sys, struct wb_error *err);

const char *wb_method_name(enum wb_method method); /* "auto", "fast", … */
const char *wb_initramfs_name(enum wb_initramfs initramfs);
const char *wb_verify_name(enum wb_verify verify);
