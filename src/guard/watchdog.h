/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hardware watchdogs that purgatory can arm: one file and one row of wb_watchdogs_all[] for each kind. The
 * kernel's own drivers stop most of them just before a jump, so they are armed by their registers after
 * that. A watchdog is never locked (nowayout): a locked one bites a healthy system.
 */
#pragma once

#include <stdbool.h>

#include "core/files.h"
#include "purgatory/handoff.h"

struct wb_steps {
	struct wb_reg_step items[WB_REG_STEPS_MOST];
	uint32_t n;
};

struct wb_watchdog_kind;

/* A watchdog of this machine. */
struct wb_watchdog {
	const struct wb_watchdog_kind *kind;
	char device[32]; /* as /sys/bus/pci/devices names it, or "port 0x443" */
	/* Addresses of its registers, which only its row gives a meaning. */
	uint64_t config, base, extra;
	/* The names of its driver's module and device, of a kind that leaves these to the machine; else "". */
	char module[64], identity[64];
	unsigned int least_s, most_s; /* the seconds that it can be set to */
};

struct wb_watchdog_kind {
	const char *name; /* small letters and digits */
	/*
	 * Its driver does not stop it at a jump. PID 1 arms it for the shutdown, and the lists below are empty.
	 */
	bool runs_on;
	/* Its driver's modules in the order of loading, ended by NULL. */
	const char *const *modules;
	/* The driver's name of its device (struct watchdog_info); NULL: the kernel does not show one in sysfs. */
	const char *identity;
	/* The seconds that device and driver can be set to; 0: find() says it. */
	unsigned int least_s, most_s;
	/*
	 * Look for one, also if a driver has it. 1: *ret is it, without `kind`; 0: this machine has none. Negative
	 * errno with a sentence: it has one that cannot be used.
	 */
	int (*find)(const struct wb_files *files, struct wb_watchdog *ret, struct wb_error *err);
	/*
	 * The register writes that arm it for at least so many seconds. Returns the milliseconds after which it
	 * bites. Pure, like the next two.
	 */
	uint32_t (*arm)(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *ret);
	/* Those that let it begin anew with the same time. */
	void (*feed)(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *ret);
	/* Those that stop it. */
	void (*stop)(const struct wb_watchdog *w, struct wb_steps *ret);
};

/* NULL-terminated; the first kind that the machine has is used. */
extern const struct wb_watchdog_kind *const wb_watchdogs_all[];
extern const struct wb_watchdog_kind wb_watchdog_6300esb, wb_watchdog_tco, wb_watchdog_ib700,
	wb_watchdog_driver;

/* The ways of arming that the jump leaves open. */
struct wb_watchdog_ways {
	bool registers; /* in warmboot's own purgatory */
	bool shutdown;  /* by PID 1, in an orderly shutdown */
};

/*
 * Find a watchdog of this machine that can be armed in one of these ways. -ENOENT with a sentence: there is none of a known kind; -EACCES: only
 * root can tell; -EOPNOTSUPP, -EBUSY: there is one that cannot be used.
 */
int wb_watchdog_find(const struct wb_files *files, const struct wb_watchdog_ways *ways,
	struct wb_watchdog *ret, struct wb_error *err);
/* Does the watchdog take this time? -ERANGE with a sentence. */
int wb_watchdog_check_time(const struct wb_watchdog *w, unsigned int seconds, struct wb_error *err);

/* For the rows: append a step. width in bytes; keep 0: a plain write. */
void wb_steps_add(struct wb_steps *steps, enum wb_reg_space space, uint64_t address, uint8_t width,
	uint32_t keep, uint32_t set);
