/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The preflight of a machine: may it jump to that kernel now? Each check is a file and a row of
 * wb_checks_all[]. It reads what is there and changes nothing. docs/checks.md describes each row.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/files.h"
#include "core/list.h"
#include "sys/policy.h"

enum wb_severity {
	WB_SEVERITY_NOTE, /* worth knowing, and no reason to wait */
	WB_SEVERITY_WARNING, /* the jump works, but something of value may get lost or come back worse */
	WB_SEVERITY_SEVERE, /* the jump fails, or may damage data or leave a machine that hangs */
};

/* Its name in text and JSON: "note", "warning", "severe". */
const char *wb_severity_name(enum wb_severity severity);

struct wb_finding {
	const char *id; /* of the check's row */
	enum wb_severity severity;
	char *what;     /* a sentence without its full stop */
	char *evidence; /* the file that says so, and what it says */
	char *remedy;   /* what a person can do: a sentence without its full stop */
	bool silenced;  /* by a file in WB_CHECK_DIR */
};

struct wb_findings {
	struct wb_finding *items; /* in the order of the rows */
	size_t n;
};

void wb_findings_deinit(struct wb_findings *findings);
#define WB_CLEAN_FINDINGS __attribute__((cleanup(wb_findings_deinit))) struct wb_findings

/* Questions of the checks to the machine, besides the contents of files. */
struct wb_check_ops {
	/* When a file was last changed, ns since 1970. Negative errno. */
	int (*changed_ns)(void *ctx, const char *path, int64_t *ret);
	/* Bytes that root can still write in the file system of a path. Negative errno. */
	int (*room)(void *ctx, const char *path, uint64_t *ret);
	/* The process that has a lock (fcntl(2)) on the file. 0: none. Negative errno. */
	int (*locked_by)(void *ctx, const char *path);
	/* A sentence for each program that keeps the machine from shutting down (systemd-inhibit(1)). */
	int (*inhibitors)(void *ctx, struct wb_strv *ret, struct wb_error *err);
	/* CLOCK_BOOTTIME in nanoseconds. */
	uint64_t (*boot_ns)(void *ctx);
	/* Does this unit run, or starts? 1 yes, 0 no. Negative errno. */
	int (*active)(void *ctx, const char *unit, struct wb_error *err);
	/* A sentence for each running service that may take more than five minutes to stop. Negative errno. */
	int (*slow_stops)(void *ctx, struct wb_strv *ret, struct wb_error *err);
};

/* The real machine. */
extern const struct wb_check_ops wb_check_ops_host;

/*
 * The process of dpkg or rpm (or of apt, dnf and others that call them) that is at work, and the file that it has
 * locked. 0: none is. -EACCES: only root sees that.
 */
int wb_package_manager(const struct wb_check_ops *ops, void *ctx, const char **ret_lock);

/* The machine, and the kernel that it shall jump to. Strings may be NULL: not known. */
struct wb_check_facts {
	const struct wb_files *files;
	const struct wb_check_ops *ops;
	void *ctx; /* of ops */
	const struct wb_policy *policy;
	const char *entry; /* id of the next kernel's boot entry, */
	const char *lacks; /* and why staging lacks something that the boot loader would provide */
	const char *kernel, *release, *cmdline; /* of the next one; `cmdline` without added words */
	const char *const *initrds;
	size_t n_initrds;
	/* ids of the running and of the next kernel, and their names (core/kernel-id.h) */
	const char *from_id, *to_id, *from_name, *to_name;
	const char *method; /* of the load; NULL: it may be any */
};

/* Where a check puts its findings. */
struct wb_check_report {
	const char *id; /* of the check that looks now */
	struct wb_findings findings;
};

/*
 * Add a finding. evidence and remedy are copied; `fmt` makes the sentence. All are made plain, since
 * they may quote what others chose. Returns 0 or -ENOMEM.
 */
int wb_finding_add(struct wb_check_report *report, enum wb_severity severity, const char *evidence,
	const char *remedy, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

struct wb_check {
	const char *id;    /* small letters and "-"; a user silences and forces the check by it */
	const char *about; /* what it looks for, for docs/checks.md */
	/*
	 * Look, and add findings. A file that this machine does not have is no finding. A negative errno with
	 * a sentence: it could not look, which becomes a warning of its own.
	 */
	int (*look)(const struct wb_check_facts *facts, struct wb_check_report *report,
		struct wb_error *err);
};

/* NULL-terminated. */
extern const struct wb_check *const wb_checks_all[];
/* The one that looks for programs which inhibit a shutdown now. */
extern const struct wb_check wb_check_inhibitors;

/* Files "*.conf" in there have ids of checks that are silenced: one in a line, "#" begins a comment. */
#define WB_CHECK_DIR "/etc/warmboot/check.d"

/* Is each of these the id of a check? -EINVAL with a sentence. */
int wb_check_ids(const char *const *ids, size_t n, struct wb_error *err);
/*
 * Run all checks. Silenced findings are in the list, too. -EINVAL: a file in WB_CHECK_DIR names no
 * check, with a sentence; -ENOMEM.
 */
int wb_check_run(const struct wb_check_facts *facts, struct wb_findings *ret, struct wb_error *err);
/* The highest severity of what is not silenced. false: there is no such finding. */
bool wb_findings_worst(const struct wb_findings *findings, enum wb_severity *ret);
/* As a text for people. *ret to be freed. -ENOMEM. */
int wb_findings_text(const struct wb_findings *findings, char **ret);
/*
 * As JSON by docs/check.schema.json; entry, kernel and release are those of the next kernel. *ret to be
 * freed. -ENOMEM.
 */
int wb_findings_json(const struct wb_findings *findings, const char *entry, const char *kernel,
	const char *release, char **ret);
