// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot history: the boots on record, as a table or as JSON. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "guard/trial.h"
#include "manifest/way.h"
#include "sys/sys.h"
#include "timeline/history.h"

/* The verdict on the kernel of a boot, as far as it is on record: of the last guarded jump. */
static const char *verdict_of(const struct wb_trial *trial, const struct wb_timeline *t)
{
	return wb_trial_is_of(trial, t->boot) ? wb_trial_verdict_name(trial->verdict) : NULL;
}

static int print_json(
	const struct wb_history *h, const struct wb_trial *trial, struct wb_error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < h->n; i++) {
		WB_CLEAN_STR text = NULL;
		json_t *boot;

		if (wb_timeline_json(h->items[i], 0, &text) < 0) {
			json_decref(list);
			return wb_oom(err);
		}
		boot = json_loads(text, 0, NULL);
		if (verdict_of(trial, h->items[i]))
			json_object_set_new(
				boot, "verdict", json_string(verdict_of(trial, h->items[i])));
		json_array_append_new(list, boot);
	}
	json_dumpf(list, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
	json_decref(list);
	return 0;
}

static int count_kept(const struct wb_timeline *t)
{
	enum wb_keep_how how;
	int kept = 0;

	for (size_t i = 0; i < t->n_units; i++)
		kept += wb_keep_how_parse(t->units[i].how, &how) == 0 &&
			wb_keep_way(how)->checkpointed;
	return kept;
}

/* The length of a release without the distribution's suffix: "6.12.107". */
static int short_length(const char *release)
{
	size_t n = strcspn(release, "+-");

	return n < 10 ? (int)n : 10;
}

static void print_text(const struct wb_history *h, const struct wb_trial *trial)
{
	printf("%-8s %-11s %-18s %-8s %4s %8s  %s\n", "boot", "began (UTC)", "kernels", "method",
		"kept", "gap", "outcome");
	for (size_t i = 0; i < h->n; i++) {
		const struct wb_timeline *t = h->items[i];
		time_t at = t->when;
		const char *from = *t->from ? t->from : "?";
		/* A boot for which no jump was asked has no outcome. */
		bool quiet = !strcmp(t->outcome, "none");
		char when[32] = "", kernels[64];
		struct tm tm;

		if (gmtime_r(&at, &tm))
			strftime(when, sizeof(when), "%m-%d %H:%M", &tm);
		snprintf(kernels, sizeof(kernels), "%.*s->%.*s", short_length(from), from,
			short_length(t->to), t->to);
		printf("%-8.8s %-11s %-18.18s %-8.8s %4d %6.1f s%s%s%s%s\n", t->boot, when, kernels,
			t->method, count_kept(t), t->gap_s, quiet ? "" : "  ",
			quiet ? "" : t->outcome, verdict_of(trial, t) ? ", " : "",
			verdict_of(trial, t) ? verdict_of(trial, t) : "");
	}
	if (!h->n)
		puts("(none yet)");
	if (h->damaged)
		printf("%zu damaged record%s left out, and gone when the next boot is recorded.\n",
			h->damaged, h->damaged == 1 ? "" : "s");
}

static int run_history(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	WB_CLEAN_HISTORY h = {};
	WB_CLEAN_TRIAL trial = {};
	struct wb_error err = {};

	if (wb_history_read(sys->files, &h, &err) < 0)
		return cmd_fail(args, &err);
	/* Without one, no boot has a verdict. */
	if (wb_trial_read(sys->files, &trial, NULL) < 0)
		trial = (struct wb_trial){};
	if (!cmd_has(args, OPT_JSON))
		print_text(&h, &trial);
	else if (print_json(&h, &trial, &err) < 0)
		return cmd_fail(args, &err);
	return CMD_DONE;
}

const struct cmd_row cmd_history = {
	.name = "history",
	.args = "",
	.help = "list the boots on record, warm and cold",
	.notes = "The last 200 boots are kept, in at most 1 MiB, in /var/lib/warmboot/history.",
	.options = {cmd_json_option},
	.lock = cmd_lock_none,
	.run = run_history,
};
