// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/load.h"
#include "core/bytes.h"
#include "sys/sys.h"
#include "timeline/advice.h"
#include "timeline/gather.h"
#include "timeline/history.h"

/* For a boot to end: the slowest unit's own timeout (DefaultTimeoutStartSec=) three times over. */
#define WAIT_S 300
/* There is one record a boot; the unit that makes it looks for this. */
#define RECORDED "/run/warmboot/timeline-recorded"

enum {
	OPT_RECORD = OPT_OWN,
	OPT_COMPARE,
	OPT_SVG,
	OPT_HTML,
	OPT_PROMETHEUS,
	OPT_APPLY,
};

static const struct cmd_option own_options[] = {
	{OPT_COMPARE, 0, "compare", "BOOT", .help = "beside another boot, phase by phase"},
	{OPT_SVG, 0, "svg", "FILE", .help = "draw it as SVG"},
	{OPT_HTML, 0, "html", "FILE", .help = "and as a page that needs nothing from outside"},
	{OPT_PROMETHEUS, 0, "prometheus",
		.help = "print metrics for node_exporter's textfile collector"},
	{OPT_APPLY, 0, "apply",
		.help = "with advise: add what is a matter of words to the next jump's command "
			"line"},
	{OPT_RECORD, 0, "record", .help = "write this boot's down once it is up, for the history"},
	{},
};

/* This boot, as it can be told now. */
static int measure(const struct wb_sys *sys, struct wb_timeline *ret, struct wb_error *err)
{
	struct wb_facts *facts = calloc(1, sizeof(*facts));
	int r = facts ? wb_facts_read(sys, &wb_sources_systemd, facts, err) : wb_oom(err);

	if (r == 0) {
		r = wb_timeline_make(facts, ret, err);
		wb_facts_deinit(facts);
	}
	free(facts);
	return r;
}

/* Until systemd has started everything and whoever has a probe has answered; a boot that never gets there is recorded as it is. */
static void wait_until_up(const struct wb_sys *sys)
{
	struct wb_user_times times = {};

	for (int i = 0; i < WAIT_S * 2; i++) {
		const struct timespec half = {0, 500000000};

		bool probing = sys->files->exists(sys->files->ctx, WB_PROBING);

		if (wb_sources_systemd.user_times(NULL, &times) < 0 ||
			(times.finish_us && !probing))
			return;
		nanosleep(&half, NULL);
	}
}

static int record(const struct wb_sys *sys, struct wb_error *err)
{
	struct wb_timeline *t = calloc(1, sizeof(*t));
	WB_CLEAN_HISTORY history = {};
	const struct wb_bytes nothing = {};
	int r;

	if (!t)
		return wb_oom(err);
	wait_until_up(sys);
	r = measure(sys, t, err);
	if (r == 0)
		r = wb_history_read(sys->files, &history, err);
	/* Who recorded the boot before knows its kernel. */
	if (r == 0 && !*t->from && history.n &&
		!strcmp(history.items[history.n - 1]->boot, t->previous))
		snprintf(t->from, sizeof(t->from), "%s", history.items[history.n - 1]->to);
	if (r == 0 && (!history.n || strcmp(history.items[history.n - 1]->boot, t->boot)))
		r = wb_history_add(sys, t, err);
	/* Marks of boots that are on record have been used. */
	if (r == 0)
		r = wb_marks_keep_only(sys, t->boot, err);
	if (r == 0)
		sys->write_file(sys->ctx, RECORDED, nothing, 0600);
	free(t);
	return r;
}

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

/* The files that were asked for; 1 when there was one. */
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

static int print_metrics(const struct wb_history *h, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	int r = wb_timeline_prometheus((const struct wb_timeline *const *)h->items, h->n, &text);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	fputs(text, stdout);
	return 0;
}

static int read_advice(const struct wb_sys *sys, const struct wb_history *h,
	struct wb_advice_list *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB cmdline = {};
	WB_CLEAN_BLOB mounts = {};
	WB_CLEAN_STRV net = {};
	struct wb_advice_facts facts = {.cmdline = "", .net_mounts = &net};

	if (sys->files->read(sys->files->ctx, "/proc/cmdline", 1 << 20, &cmdline, NULL) == 0) {
		cmdline.data[strcspn((char *)cmdline.data, "\n")] = '\0';
		facts.cmdline = (const char *)cmdline.data;
	}
	if (sys->files->read(sys->files->ctx, "/proc/self/mountinfo", 1 << 22, &mounts, NULL) ==
			0 &&
		wb_net_mounts((const char *)mounts.data, &net) < 0)
		return wb_oom(err);
	return wb_advice_make(h, &facts, ret, err);
}

/* Gone with /run when the jump has been made, or at any other reboot. */
static int apply(const struct wb_sys *sys, const struct wb_advice_list *list, struct wb_error *err)
{
	WB_CLEAN_STR words = NULL;
	int r = wb_advice_words(list, &words);

	if (r < 0)
		return wb_fail(err, r, "out of memory");
	if (!*words)
		return wb_fail(err, -ENOENT,
			"no advice is a matter of the next jump's command line alone; warmboot "
			"timeline advise lists it");
	r = sys->write_file(sys->ctx, WB_NEXT_WORDS,
		(struct wb_bytes){(const uint8_t *)words, strlen(words)}, 0644);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", WB_NEXT_WORDS, strerror(-r));
	printf("the next jump's command line will have: %s\n(remove %s to take it back; a kernel "
	       "that "
	       "is staged already stays as it is)\n",
		words, WB_NEXT_WORDS);
	return 0;
}

static int advise(const struct wb_sys *sys, const struct cmd_args *args,
	const struct wb_history *history, struct wb_error *err)
{
	struct wb_advice_list *list = calloc(1, sizeof(*list));
	WB_CLEAN_STR text = NULL;
	int r = list ? read_advice(sys, history, list, err) : wb_oom(err);

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

/* Who asks right after a jump would take the boot before for this one. */
static void tell_if_older(const struct wb_sys *sys, const struct wb_timeline *t)
{
	WB_CLEAN_BLOB id = {};

	if (sys->files->read(sys->files->ctx, "/proc/sys/kernel/random/boot_id", CMD_SMALL_FILE,
		    &id, NULL) == 0 &&
		strncmp(t->boot, (const char *)id.data, strlen(t->boot)))
		fputs("warmboot: this boot is not on record yet; this is the last one that is\n",
			stderr);
}

/* Each prints, or draws, something else. */
static int check_use(const struct cmd_args *args, const char *word, struct wb_error *err)
{
	static const int one_of[][6] = {
		{OPT_RECORD, OPT_PROMETHEUS, OPT_APPLY, OPT_JSON, OPT_COMPARE},
		{OPT_RECORD, OPT_PROMETHEUS, OPT_APPLY, OPT_JSON, OPT_SVG},
		{OPT_RECORD, OPT_PROMETHEUS, OPT_APPLY, OPT_JSON, OPT_HTML}};
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
	if (r == 0 && !advice && cmd_has(args, OPT_APPLY))
		return wb_fail(err, -EINVAL, "--apply goes with: warmboot timeline advise");
	return r;
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
		return record(sys, err);
	if (r == 0)
		r = wb_history_read(sys->files, &history, err);
	if (r == 0 && cmd_has(args, OPT_PROMETHEUS))
		return print_metrics(&history, err);
	if (r == 0 && word && !strcmp(word, "advise"))
		return advise(sys, args, &history, err);
	if (r == 0)
		r = wb_history_find(&history, word, &t, err);
	if (r == 0 && !word)
		tell_if_older(sys, t);
	if (r == 0 && compare)
		r = wb_history_find(&history, compare, &other, err);
	if (r == 0)
		r = draw(sys, args, t, other, err);
	/* Who asked for files asked for nothing on the terminal. */
	return r == 0 ? show(args, t, other, err) : r;
}

static int run_timeline(const struct cmd_args *args)
{
	struct wb_error err = {};

	int r = run(args, &err);

	if (r == -EINVAL)
		return cmd_misused(args, &err);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

const struct cmd_row cmd_timeline = {
	.name = "timeline",
	.args = "[BOOT|advise]",
	.max_args = 1,
	.help = "show where the time of a boot went",
	.notes = "BOOT is the beginning of a boot's id from \"warmboot history\", or a number: 0 "
		 "the last one on\n"
		 "record (the default), 1 the one before. Each phase is shown with what it was "
		 "read from and by\n"
		 "how much that may be off.\n\n"
		 "advise: what would shorten the next jump, each with what it cost in the last "
		 "one, what it would\n"
		 "save, the exact setting and its risk.",
	.options = {own_options, cmd_json_option},
	.run = run_timeline,
};
