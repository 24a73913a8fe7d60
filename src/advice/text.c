// SPDX-License-Identifier: LGPL-2.1-or-later
/* The advice as text, as JSON, and as what --apply does. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice/advice.h"
#include "core/cmdline.h"

int wb_advice_words(const struct wb_advice_list *list, char **ret)
{
	char *all = strdup("");

	for (size_t i = 0; all && i < list->n; i++) {
		char *longer = NULL;

		if (!*list->items[i].words)
			continue;
		if (wb_cmdline_append(all, list->items[i].words, &longer) < 0)
			longer = NULL;
		free(all);
		all = longer;
	}
	if (!all)
		return -ENOMEM;
	*ret = all;
	return 0;
}

int wb_advice_text(const struct wb_advice_list *list, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "measured in the jump to %s, boot %.8s, total %.2f s\n", list->boot->to,
		list->boot->boot, list->boot->total_s);
	for (size_t i = 0; i < list->n; i++) {
		const struct wb_advice *w = &list->items[i];

		fprintf(f,
			"\n%zu. %s\n   costs     %.3f s (%s)\n   saves     %s%.3f s\n   "
			"setting   %s\n   risk      %s\n",
			i + 1, w->title, w->cost_s, w->measured, w->at_most ? "at most " : "",
			w->saving_s, w->setting, w->risk);
		if (*w->words)
			fprintf(f, "   --apply   adds \"%s\" for the next jump\n", w->words);
		if (w->first)
			fputs("   --apply   does this for the boot after the next jump\n", f);
	}
	if (!list->n)
		fputs("\nNothing that was measured is worth changing.\n", f);
	if (!list->traced)
		fputs("\nNot measured: self-tests of ciphers and hashes, and every other initcall. "
		      "The next\njump measures them with: warmboot reboot --trace\n",
			f);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

int wb_advice_json(const struct wb_advice_list *list, char **ret)
{
	json_t *items = json_array(), *json;
	char *text;

	for (size_t i = 0; i < list->n; i++) {
		const struct wb_advice *w = &list->items[i];

		json_array_append_new(items,
			json_pack("{s:s, s:f, s:f, s:b, s:s, s:s, s:s, s:s, s:b}", "title",
				w->title, "cost_s", round(w->cost_s * 1e6) / 1e6, "saving_s",
				round(w->saving_s * 1e6) / 1e6, "at_most", w->at_most, "measured",
				w->measured, "setting", w->setting, "risk", w->risk, "words",
				w->words, "applies", *w->words || w->first));
	}
	json = json_pack("{s:s, s:b, s:o}", "boot", list->boot->boot, "traced", list->traced,
		"advice", items);
	text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

int wb_advice_applied(const struct wb_advice_list *list, const char *indent, char **ret)
{
	WB_CLEAN_STR words = NULL;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (wb_advice_words(list, &words) < 0)
		return -ENOMEM;
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	if (*words)
		fprintf(f, "%sadd to the next jump's command line: %s\n", indent, words);
	if (list->n_first)
		fprintf(f,
			"%sgive these more of the CPU while the boot after the next jump starts:\n",
			indent);
	for (size_t i = 0; i < list->n_first; i++)
		fprintf(f, "%s  %.70s\n", indent, list->first[i]);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
