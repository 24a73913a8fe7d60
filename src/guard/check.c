// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running all checks, and which of them are silenced. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "guard/check.h"
#include "guard/checks.h"

const struct wb_check *const wb_checks_all[] = {
	&wb_check_kexec,
	&wb_check_entry,
	&wb_check_modules,
	&wb_check_initramfs,
	&wb_check_packages,
	&wb_check_taint,
	&wb_check_memory_errors,
	&wb_check_hypervisor,
	&wb_check_drivers,
	&wb_check_driver_shutdown,
	&wb_check_hibernation,
	&wb_check_crash_kernel,
	&wb_check_livepatch,
	&wb_check_firmware_update,
	&wb_check_shutdown,
	&wb_check_inhibitors,
	&wb_check_network_mounts,
	&wb_check_stop,
	&wb_check_kept,
	&wb_check_uptime,
	&wb_check_room,
	&wb_check_pair,
	NULL,
};

const char *wb_severity_name(enum wb_severity severity)
{
	static const char *const names[] = {[WB_SEVERITY_NOTE] = "note",
		[WB_SEVERITY_WARNING] = "warning",
		[WB_SEVERITY_SEVERE] = "severe"};

	return names[severity];
}

void wb_findings_deinit(struct wb_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		free(findings->items[i].what);
		free(findings->items[i].evidence);
		free(findings->items[i].remedy);
	}
	free(findings->items);
	*findings = (struct wb_findings){};
}

int wb_finding_add(struct wb_check_report *report, enum wb_severity severity, const char *evidence,
	const char *remedy, const char *fmt, ...)
{
	struct wb_finding *f = wb_list_add(&report->findings, sizeof(*f));
	va_list ap;

	if (!f)
		return -ENOMEM;
	f->id = report->id;
	f->severity = severity;
	f->evidence = wb_plain_copy(evidence);
	f->remedy = wb_plain_copy(remedy);
	va_start(ap, fmt);
	if (vasprintf(&f->what, fmt, ap) < 0)
		f->what = NULL;
	va_end(ap);
	if (!f->what || !f->evidence || !f->remedy)
		return -ENOMEM;
	wb_make_plain(f->what);
	return 0;
}

/* ---- silenced checks ---- */

static bool is_check(struct wb_span id)
{
	for (const struct wb_check *const *c = wb_checks_all; *c; c++)
		if (wb_span_is(id, (*c)->id))
			return true;
	return false;
}

int wb_check_ids(const char *const *ids, size_t n, struct wb_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!is_check((struct wb_span){ids[i], strlen(ids[i])}))
			return wb_fail(err, -EINVAL,
				"there is no check \"%s\"; \"warmboot check --json\" tells their "
				"ids",
				ids[i]);
	return 0;
}

static int read_ids(const char *path, const char *text, struct wb_strv *ids, struct wb_error *err)
{
	struct wb_span line, id, more;
	int r = 0;

	while (r == 0 && wb_take_line(&text, &line)) {
		const char *comment = memchr(line.s, '#', line.n);
		WB_CLEAN_STR word = NULL;

		if (comment)
			line.n = (size_t)(comment - line.s);
		if (!wb_take_word(&line, &id))
			continue;
		if (!is_check(id) || wb_take_word(&line, &more))
			return wb_fail(
				err, -EINVAL, "%s: \"%.*s\" is no check", path, (int)id.n, id.s);
		word = wb_span_copy(id);
		r = word ? wb_strv_add(ids, word) : -ENOMEM;
	}
	return r < 0 ? wb_oom(err) : 0;
}

static int find_silenced(const struct wb_files *files, struct wb_strv *ids, struct wb_error *err)
{
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, WB_CHECK_DIR, &names, err);

	if (r == -ENOENT) {
		if (err)
			*err = (struct wb_error){};
		return 0;
	}
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_STR path = wb_strf(WB_CHECK_DIR "/%s", names.items[i]);
		WB_CLEAN_BLOB text = {};

		if (*names.items[i] == '.' || !wb_text_ends(names.items[i], ".conf"))
			continue;
		r = path ? files->read(files->ctx, path, WB_TEXT_LIMIT, &text, err) : wb_oom(err);
		if (r == 0)
			r = read_ids(path, (const char *)text.data, ids, err);
	}
	return r;
}

/* ---- the run ---- */

static int run_one(
	const struct wb_check *check, const struct wb_check_facts *facts, struct wb_check_report *r)
{
	struct wb_error why = {};
	int e;

	r->id = check->id;
	e = check->look(facts, r, &why);
	if (e == -ENOMEM || e >= 0)
		return e < 0 ? e : 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, why.text,
		"run \"warmboot check\" as root, or look at it by hand",
		"it could not be checked: %s", check->about);
}

int wb_check_run(const struct wb_check_facts *facts, struct wb_findings *ret, struct wb_error *err)
{
	struct wb_check_report report = {};
	WB_CLEAN_STRV silenced = {};
	int r = find_silenced(facts->files, &silenced, err);

	if (r < 0)
		return r;
	for (const struct wb_check *const *c = wb_checks_all; r == 0 && *c; c++)
		r = run_one(*c, facts, &report);
	if (r < 0) {
		wb_findings_deinit(&report.findings);
		return wb_oom(err);
	}
	for (size_t i = 0; i < report.findings.n; i++)
		report.findings.items[i].silenced =
			wb_strv_has(&silenced, report.findings.items[i].id);
	*ret = report.findings;
	return 0;
}

bool wb_findings_worst(const struct wb_findings *findings, enum wb_severity *ret)
{
	bool any = false;

	for (size_t i = 0; i < findings->n; i++) {
		const struct wb_finding *f = &findings->items[i];

		if (f->silenced || (any && f->severity <= *ret))
			continue;
		*ret = f->severity;
		any = true;
	}
	return any;
}
