// SPDX-License-Identifier: LGPL-2.1-or-later
/* The history of boots: one timeline a line, with look-up by number or id. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/history.h"
#include "timeline/lines.h"

int wb_history_read(const struct wb_files *files, struct wb_history *ret, struct wb_error *err)
{
	WB_CLEAN_STRV lines = {};
	WB_CLEAN_HISTORY h = {};
	int r = wb_lines_read(files, WB_HISTORY, &lines, &h.damaged, err);

	if (r < 0)
		return r;
	h.items = calloc(lines.n + 1, sizeof(*h.items));
	if (!h.items)
		return wb_oom(err);
	for (size_t i = 0; i < lines.n; i++) {
		struct wb_timeline *t = calloc(1, sizeof(*t));

		if (!t)
			return wb_oom(err);
		r = wb_timeline_parse(lines.items[i], t, NULL);
		if (r == 0) {
			h.items[h.n++] = t;
			continue;
		}
		free(t);
		if (r == -ENOMEM)
			return wb_fail(err, r, "out of memory");
		h.damaged++;
	}
	*ret = h;
	h = (struct wb_history){};
	return 0;
}

void wb_history_deinit(struct wb_history *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->items[i]);
	free(h->items);
	*h = (struct wb_history){};
}

int wb_history_add(const struct wb_sys *sys, const struct wb_timeline *t, struct wb_error *err)
{
	const struct wb_lines_limits limits = {WB_HISTORY_BOOTS, WB_HISTORY_BYTES};
	WB_CLEAN_STR json = NULL;

	if (wb_timeline_json(t, 0, &json) < 0)
		return wb_oom(err);
	return wb_lines_add(sys, WB_HISTORY, json, &limits, err);
}

int wb_history_find(const struct wb_history *h, const char *word, const struct wb_timeline **ret,
	struct wb_error *err)
{
	const struct wb_timeline *last = NULL;
	size_t found = 0, back;
	char *end;

	if (!h->n)
		return wb_fail(err, -ENOENT,
			"no boot is on record yet in " WB_HISTORY
			"; warmboot-timeline.service records each one when it is up");
	if (!word) {
		*ret = h->items[h->n - 1];
		return 0;
	}
	/* The id of a boot may be all digits, but has eight of them before its first dash. */
	back = strtoul(*word == '-' ? word + 1 : word, &end, 10);
	if (*word && !*end && strlen(word) < 8) {
		if (back >= h->n)
			return wb_fail(err, -ENOENT,
				"only %zu boot%s on record: \"%s\" goes back too far", h->n,
				h->n == 1 ? " is" : "s are", word);
		*ret = h->items[h->n - 1 - back];
		return 0;
	}
	for (size_t i = 0; i < h->n; i++)
		if (!strncmp(h->items[i]->boot, word, strlen(word))) {
			last = h->items[i];
			found++;
		}
	if (found == 1 && *word) {
		*ret = last;
		return 0;
	}
	return wb_fail(err, -ENOENT,
		found ? "\"%s\" fits several boots; warmboot history lists them"
		      : "no boot on record has the id \"%s\"; warmboot history lists them",
		word);
}
