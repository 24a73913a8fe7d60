// SPDX-License-Identifier: LGPL-2.1-or-later
/* The findings as text and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard/check.h"

int wb_findings_text(const struct wb_findings *findings, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < findings->n; i++) {
		const struct wb_finding *f = &findings->items[i];

		fprintf(out, "%-8s %s%s: %s\n         seen in  %s\n         to do    %s\n",
			wb_severity_name(f->severity), f->id, f->silenced ? " (silenced)" : "",
			f->what, f->evidence, f->remedy);
	}
	if (!findings->n)
		fputs("Nothing was found that speaks against the jump.\n", out);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

int wb_findings_json(const struct wb_findings *findings, const char *entry, const char *kernel,
	const char *release, char **ret)
{
	json_t *items = json_array(), *json;
	enum wb_severity worst;
	char *text;

	for (size_t i = 0; i < findings->n; i++) {
		const struct wb_finding *f = &findings->items[i];

		json_array_append_new(
			items, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", f->id, "severity",
				       wb_severity_name(f->severity), "what", f->what, "evidence",
				       f->evidence, "remedy", f->remedy, "silenced", f->silenced));
	}
	json = json_pack("{s:i, s:s, s:s, s:s?, s:s, s:o}", "version", 1, "entry", entry, "kernel",
		kernel, "release", *release ? release : NULL, "verdict",
		!wb_findings_worst(findings, &worst) ? "fine" : wb_severity_name(worst), "findings",
		items);
	text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
