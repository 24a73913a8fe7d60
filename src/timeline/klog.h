/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Times of a kernel's start from its log: records of /dev/kmsg in, spans out. Pure. Stamps are
 * microseconds of the kernel's clock, which starts a while after the first line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wb_arch; /* arch/arch.h */

#define WB_KLOG_TOP 10
#define WB_KLOG_NONE INT64_MIN

enum wb_klog_part {
	WB_KLOG_SMP,
	WB_KLOG_PAGES,
	WB_KLOG_ACPI,
	WB_KLOG_PCI,
	WB_KLOG_CRYPTO,
	WB_KLOG_INITRD,
	/* Times that the warm initramfs reports of itself. */
	WB_KLOG_WARM_MODULES,
	WB_KLOG_WARM_DEVICE,
	WB_KLOG_WARM_MOUNT,
	WB_KLOG_PARTS,
};

struct wb_klog_span {
	int64_t begin_us;   /* WB_KLOG_NONE: not in the log */
	int64_t used_us;    /* time spent; for scattered lines less than end - begin */
	const char *source; /* names the lines used, a static string */
};

struct wb_klog_initcall {
	char name[64];
	int64_t us;
};

struct wb_klog {
	bool whole;          /* it begins with the kernel's first line: nothing was overwritten */
	int64_t run_init_us; /* "Run /init as init process"; WB_KLOG_NONE */
	struct wb_klog_span parts[WB_KLOG_PARTS];
	struct wb_klog_initcall top[WB_KLOG_TOP]; /* slowest first */
	size_t n_top, n_initcalls;
	int cpus;            /* 0 unknown */
	int64_t initrd_kib;  /* as unpacked memory was freed; 0 unknown */
	bool pages_deferred; /* struct pages of most memory were made by all CPUs, later */
	uint64_t tsc_khz;    /* the counter's rate, as the kernel printed it last; 0 unknown */
	/*
	 * Bytes that a console at the default level, and one at "quiet", had to print until init
	 * ran.
	 */
	int64_t console_bytes, quiet_bytes;
	/* The time of printing in nanoseconds a byte: a tenth of the lines took less. */
	int64_t byte_ns;
	/*
	 * The counter in the last line that wb_log_tie() wrote, and the stamp of that line. 0 none.
	 */
	uint64_t tie_tsc;
	int64_t tie_us;
};

/* Name for people and JSON: "SMP bring-up", … */
const char *wb_klog_part_name(enum wb_klog_part part);
/* The log of a kernel of that machine. Never fails: what is not understood is left out. */
void wb_klog_parse(const struct wb_arch *arch, const char *text, size_t size, struct wb_klog *ret);
