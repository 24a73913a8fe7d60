// SPDX-License-Identifier: LGPL-2.1-or-later
/* The metrics in Prometheus' text format 0.0.4, for node_exporter's textfile collector. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/timeline.h"

/* Print a label; backslash, quote and newline are escaped in its value. */
static void print_label(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', f);
		if (*value == '\n')
			fputs("\\n", f);
		else
			fputc(*value, f);
	}
	fputc('"', f);
}

static void print_family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_last(FILE *f, const struct wb_timeline *t)
{
	print_family(f, "warmboot_boot_info", "gauge",
		"The last boot on record: its kernels, and how it was made. Always 1.");
	fputs("warmboot_boot_info{", f);
	print_label(f, "kind", t->warm ? "warm" : "cold");
	fputc(',', f);
	print_label(f, "method", t->method);
	fputc(',', f);
	print_label(f, "from", t->from);
	fputc(',', f);
	print_label(f, "to", t->to);
	fputs("} 1\n", f);
	print_family(f, "warmboot_boot_start_timestamp_seconds", "gauge",
		"When the last boot on record was asked for, since the epoch.");
	fprintf(f, "warmboot_boot_start_timestamp_seconds %lld\n", (long long)t->when);
	print_family(f, "warmboot_boot_duration_seconds", "gauge",
		"From the request to the end of the last boot on record.");
	fprintf(f, "warmboot_boot_duration_seconds %.6f\n", t->total_s);
	print_family(f, "warmboot_boot_gap_seconds", "gauge",
		"The part of the last boot in which services were stopped.");
	fprintf(f, "warmboot_boot_gap_seconds %.6f\n", t->gap_s);
	print_family(f, "warmboot_boot_phase_seconds", "gauge",
		"Time of each phase of the last boot on record.");
	for (size_t i = 0; i < t->n_phases; i++) {
		fputs("warmboot_boot_phase_seconds{", f);
		print_label(f, "phase", t->phases[i].name);
		fprintf(f, "} %.6f\n", t->phases[i].duration_s);
	}
}

static void print_units(FILE *f, const struct wb_timeline *t, const char *name, const char *help,
	double (*value)(const struct wb_tl_unit *))
{
	bool begun = false;

	for (size_t i = 0; i < t->n_units; i++) {
		bool twice = false;

		/* Each series may appear only once. */
		for (size_t k = 0; k < i; k++)
			twice |= !strcmp(t->units[k].unit, t->units[i].unit);
		if (twice || value(&t->units[i]) < 0)
			continue;
		if (!begun)
			print_family(f, name, "gauge", help);
		begun = true;
		fprintf(f, "%s{", name);
		print_label(f, "unit", t->units[i].unit);
		fputc(',', f);
		print_label(f, "name", wb_tl_unit_name(&t->units[i]));
		fputc(',', f);
		print_label(f, "how", t->units[i].how);
		fprintf(f, "} %.6f\n", value(&t->units[i]));
	}
}

static double frozen(const struct wb_tl_unit *u)
{
	return u->frozen_s;
}

static double silent(const struct wb_tl_unit *u)
{
	return u->silent_s;
}

static void print_counts(FILE *f, const struct wb_timeline *const *boots, size_t n)
{
	size_t warm = 0, cold = 0;

	for (size_t i = 0; i < n; i++)
		*(boots[i]->warm ? &warm : &cold) += 1;
	print_family(f, "warmboot_history_boots", "gauge", "Boots on record, which are bounded.");
	fprintf(f,
		"warmboot_history_boots{kind=\"cold\"} %zu\n"
		"warmboot_history_boots{kind=\"warm\"} %zu\n",
		cold, warm);
}

int wb_timeline_prometheus(const struct wb_timeline *const *boots, size_t n, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	print_counts(f, boots, n);
	if (n) {
		const struct wb_timeline *last = boots[n - 1];

		print_last(f, last);
		print_units(f, last, "warmboot_unit_silent_seconds",
			"How long each unit did not answer over the last boot.", silent);
		print_units(f, last, "warmboot_unit_frozen_seconds",
			"How long each kept unit was frozen over the last boot.", frozen);
	}
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
