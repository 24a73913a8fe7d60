// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot timeline: where the time of a boot went, as text, JSON, pictures, metrics or advice. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/load.h"
#include "advice/next.h"
#include "guard/trial.h"
#include "timeline/gather.h"
#include "timeline/history.h"

enum {
	OPT_RECORD = OPT_OWN,
	OPT_COMPARE,
	OPT_SVG,
	OPT_HTML,
	OPT_PROMETHEUS,
	OPT_APPLY,
	OPT_UNAPPLY,
};

static const struct cmd_option own_options[] = {
	{OPT_COMPARE, 0, "compare", "BOOT", .help = "compare with another boot, phase by phase"},
	{OPT_SVG, 0, "svg", "FILE", .help = "draw it as SVG"},
	{OPT_HTML, 0, "html", "FILE",
		.help = "draw it as a page that loads nothing from elsewhere"},
	{OPT_PROMETHEUS, 0, "prometheus",
		.help = "print metrics for node_exporter's textfile collector"},
	{OPT_APPLY, 0, "apply",
		.help = "apply the advice that touches nothing but the next jump and its boot"},
	{OPT_UNAPPLY, 0, "unapply", .help = "take back what --apply did"},
	{OPT_RECORD, 0, "record", .help = "record this boot once it is up, for the history"},
	{},
};

static int write_to(const struct wb_sys *sys, const char *path, int made, const char *text,
	struct wb_error *err)
{
	int r;

	if (made < 0)
		return wb_fail(err, made, "out of memory");
	r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0644);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

/* Draw the files; 1 if there was one. */
static int draw(const struct wb_sys *sys, const struct cmd_args *args, const struct wb_timeline *t,
	const struct wb_timeline *other, struct wb_error *err)
{
	const char *svg = cmd_get(args, OPT_SVG), *html = cmd_get(args, OPT_HTML);
	int r = 0;

	if (svg) {
		WB_CLEAN_STR text = NULL;
		int made = wb_timeline_svg(t, other, &text);

		r = write_to(sys, svg, made, text, err);
	}
	if (r == 0 && html) {
		WB_CLEAN_STR text = NULL;
		int made = wb_timeline_html(t, other, &text);

		r = write_to(sys, html, made, text, err);
	}
	return r < 0 ? r : svg || html;
}

static int print_verdict(struct wb_error *err)
{
	WB_CLEAN_TRIAL trial = {};
	WB_CLEAN_STR text = NULL;

	if (wb_trial_read(wb_sys_real()->files, &trial, NULL) < 0)
		return 0;
	text = wb_trial_metrics(&trial);
	if (!text)
		return wb_oom(err);
	fputs(text, stdout);
	return 0;
}

static int print_metrics(const struct wb_history *h, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	int r = wb_timeline_prometheus((const struct wb_timeline *const *)h->items, h->n, &text);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	fputs(text, stdout);
	return print_verdict(err);
}

static int apply(const struct wb_sys *sys, const struct wb_advice_list *list, struct wb_error *err)
{
	WB_CLEAN_STR words = NULL;
	WB_CLEAN_STR done = NULL;
	int r = wb_advice_words(list, &words);

	if (r == 0)
		r = wb_advice_applied(list, "  ", &done);
	if (r < 0)
		return wb_oom(err);
	if (!*done)
		return wb_fail(err, -ENOENT,
			"no advice can be applied to the next boot alone; warmboot timeline advise "
			"lists all of it");
	if (*words)
		r = wb_next_words_write(sys, words, err);
	if (r == 0 && list->n_first)
		r = wb_next_boot_write(sys, list, err);
	if (r == 0)
		printf("this is done for the next jump, and for no later one:\n%s"
		       "(warmboot timeline --unapply takes it back; a kernel that is staged "
		       "already keeps its command line)\n",
			done);
	return r;
}

static int unapply(const struct wb_sys *sys, struct wb_error *err)
{
	int had = wb_next_boot_drop(sys, err), r;

	if (had < 0)
		return had;
	had |= sys->files->exists(sys->files->ctx, WB_NEXT_WORDS);
	r = sys->remove_file(sys->ctx, WB_NEXT_WORDS);
	if (r < 0)
		return wb_fail(err, r, "cannot remove %s: %s", WB_NEXT_WORDS, strerror(-r));
	puts(had ? "the next jump and its boot are as they were before --apply; a kernel that is "
		   "staged already keeps its command line"
		 : "nothing was applied");
	return 0;
}

static int advise(const struct wb_sys *sys, const struct cmd_args *args,
	const struct wb_history *history, struct wb_error *err)
{
	struct wb_advice_list *list = calloc(1, sizeof(*list));
	WB_CLEAN_STR text = NULL;
	int r = list ? wb_advice_read(sys->files, &wb_sources_systemd, history, list, err)
		     : wb_oom(err);

	if (r == 0 && cmd_has(args, OPT_APPLY)) {
		r = apply(sys, list, err);
	} else if (r == 0) {
		r = cmd_has(args, OPT_JSON) ? wb_advice_json(list, &text)
					    : wb_advice_text(list, &text);
		if (r < 0)
			wb_fail(err, r, "out of memory");
		else
			printf("%s%s", text, cmd_has(args, OPT_JSON) ? "\n" : "");
	}
	free(list);
	return r;
}

/* Below the last jump's timeline: what --apply would do about it. */
static int tell_apply(const struct wb_sys *sys, const struct wb_history *history,
	const struct wb_timeline *t, struct wb_error *err)
{
	struct wb_advice_list *list = calloc(1, sizeof(*list));
	WB_CLEAN_STR text = NULL;
	int r = list ? wb_advice_read(sys->files, &wb_sources_systemd, history, list, NULL)
		     : wb_oom(err);

	if (r == 0 && list->boot == t && wb_advice_applied(list, "  ", &text) < 0)
		r = wb_oom(err);
	if (r == 0 && text && *text)
		printf("\nfor the next jump, \"warmboot timeline --apply\" would:\n%s", text);
	free(list);
	/* Without a jump on record there is no advice. */
	return r == -ENOMEM ? r : 0;
}

static int show(const struct cmd_args *args, const struct wb_timeline *t,
	const struct wb_timeline *other, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	int r = cmd_has(args, OPT_JSON) ? wb_timeline_json(t, 2, &text)
					: wb_timeline_text(t, other, &text);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	fputs(text, stdout);
	if (cmd_has(args, OPT_JSON))
		putchar('\n');
	return 0;
}

/* Right after a jump, the boot before would be taken for this one. */
static void tell_if_older(const struct wb_sys *sys, const struct wb_timeline *t)
{
	if (!wb_timeline_is_of_this_boot(sys->files, t))
		fputs("warmboot: this boot is not on record yet; this is the last one that is\n",
			stderr);
}

/* Options that print or draw different things exclude each other. */
static int check_use(const struct cmd_args *args, const char *word, struct wb_error *err)
{
	static const int one_of[][7] = {
		{OPT_RECORD, OPT_PROMETHEUS, OPT_APPLY, OPT_UNAPPLY, OPT_JSON, OPT_COMPARE},
		{OPT_RECORD, OPT_PROMETHEUS, OPT_APPLY, OPT_UNAPPLY, OPT_JSON, OPT_SVG},
		{OPT_RECORD, OPT_PROMETHEUS, OPT_APPLY, OPT_UNAPPLY, OPT_JSON, OPT_HTML}};
	static const int not_advice[] = {
		OPT_RECORD, OPT_PROMETHEUS, OPT_COMPARE, OPT_SVG, OPT_HTML, 0};
	bool advice = word && !strcmp(word, "advise");
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(one_of) / sizeof(*one_of); i++)
		r = cmd_one_of(args, one_of[i], err);
	if (r == 0 && advice)
		r = cmd_none_of(args, not_advice, word, err);
	if (r == 0 && word && cmd_has(args, OPT_PROMETHEUS))
		return wb_fail(err, -EINVAL,
			"--prometheus takes no \"%s\": it prints the last boot's metrics, for "
			"\"> FILE.prom\"",
			word);
	if (r == 0 && word && !advice && (cmd_has(args, OPT_APPLY) || cmd_has(args, OPT_UNAPPLY)))
		return wb_fail(err, -EINVAL,
			"--apply and --unapply take no \"%s\": they go by the last jump", word);
	return r;
}

static void pause_ms(unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

static int run(const struct cmd_args *args, struct wb_error *err)
{
	const struct wb_sys *sys = wb_sys_real();
	const char *word = args->n_words ? args->words[0] : NULL;
	const char *compare = cmd_get(args, OPT_COMPARE);
	const struct wb_timeline *t, *other = NULL;
	WB_CLEAN_HISTORY history = {};
	int r = check_use(args, word, err);

	if (r == 0 && cmd_has(args, OPT_RECORD))
		return wb_timeline_record(sys, &wb_sources_systemd, pause_ms, err);
	if (r == 0)
		r = wb_history_read(sys->files, &history, err);
	if (r == 0 && cmd_has(args, OPT_PROMETHEUS))
		return print_metrics(&history, err);
	if (r == 0 && cmd_has(args, OPT_UNAPPLY))
		return unapply(sys, err);
	if (r == 0 && (cmd_has(args, OPT_APPLY) || (word && !strcmp(word, "advise"))))
		return advise(sys, args, &history, err);
	if (r == 0)
		r = wb_history_find(&history, word, &t, err);
	if (r == 0 && !word)
		tell_if_older(sys, t);
	if (r == 0 && compare)
		r = wb_history_find(&history, compare, &other, err);
	if (r == 0)
		r = draw(sys, args, t, other, err);
	if (r != 0) /* drawn files replace the output */
		return r;
	r = show(args, t, other, err);
	return r == 0 && !other && !cmd_has(args, OPT_JSON) ? tell_apply(sys, &history, t, err) : r;
}

static int run_timeline(const struct cmd_args *args)
{
	struct wb_error err = {};

	int r = run(args, &err);

	if (r == -EINVAL)
		return cmd_misused(args, &err);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

/* --record takes none: it waits for the boot to end, and no other command writes its files. */
static enum cmd_lock lock(const struct cmd_args *args)
{
	return cmd_has(args, OPT_APPLY) || cmd_has(args, OPT_UNAPPLY) ? CMD_LOCK_COMMAND
								      : CMD_LOCK_NONE;
}

const struct cmd_row cmd_timeline = {
	.name = "timeline",
	.args = "[BOOT|advise]",
	.max_args = 1,
	.help = "show where the time of a boot went",
	.notes =
		"BOOT is the beginning of a boot's id from \"warmboot history\", or a number: 0 "
		"the last one on\n"
		"record (the default), 1 the one before. Each phase is shown with its sources and\n"
		"their possible error.\n\n"
		"advise: ways to shorten the next jump, each with its cost in the last one, the "
		"possible saving,\n"
		"the exact setting and its risk. Below a jump's timeline stands what --apply would "
		"do.",
	.options = {own_options, cmd_json_option},
	.lock = lock,
	.run = run_timeline,
};
