// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot stage-auto: staging by itself on, off, and how it stands. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd/json.h"
#include "cmd/load.h"
#include "cmd/stage-auto.h"
#include "session/auto-keep.h"
#include "session/auto-switch.h"
#include "session/auto-ways.h"
#include "systemd/delay.h"
#include "systemd/systemctl.h"

enum { OPT_ONCE = OPT_OWN };

static const struct cmd_option own_options[] = {
	{OPT_ONCE, 0, "once", .help = "off: only until the next boot"},
	{},
};

/* ---- on, off ---- */

static int run_on(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	const struct wb_auto_host a = {&host, &wb_check_ops_host, NULL};
	WB_CLEAN_AUTO_RECORD rec = {};
	struct wb_error err = {};

	if (wb_auto_switch_on(&a, &rec, &err) < 0)
		return cmd_fail(args, &err);
	puts("Staging by itself is on.");
	if (rec.state == WB_AUTO_STAGED)
		printf("%s (entry %s) is staged and takes %" PRId64
		       " MiB of memory; the next reboot jumps to it.\n",
			rec.release ? rec.release : "A kernel", rec.entry, rec.bytes >> 20);
	else
		printf("Nothing was staged now: %s.\n", rec.why ? rec.why : "?");
	return CMD_DONE;
}

static int run_off(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	bool once = cmd_has(args, OPT_ONCE), left = false;
	struct wb_error err = {};

	if (wb_auto_switch_off(&host, once, &left, &err) < 0)
		return cmd_fail(args, &err);
	puts(once ? "Staging by itself is off until the next boot." : "Staging by itself is off.");
	if (left)
		puts("A kernel that somebody else has staged stays loaded, and a reboot jumps to "
		     "it; \"warmboot unload\" drops it.");
	return CMD_DONE;
}

/* ---- status ---- */

struct stand {
	bool on, once; /* the switch is on; it is off until the next boot */
	bool known;    /* `rec` could be read, or */
	bool secret;   /* only root may read it */
	int fits;      /* wb_auto_fits() */
	unsigned systemd;
	bool keeps;
	struct wb_error why; /* it does not fit */
	struct wb_auto_record rec;
	struct wb_auto_note note;
};

static void stand_deinit(struct stand *s)
{
	wb_auto_record_deinit(&s->rec);
	wb_auto_note_deinit(&s->note);
}

static void read_stand(const struct wb_session_host *h, struct stand *ret)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_STR boot = NULL;
	int r;

	ret->on = files->exists(files->ctx, WB_AUTO_SWITCH);
	ret->once = files->exists(files->ctx, WB_AUTO_OFF_ONCE);
	r = wb_auto_record_read(files, &ret->rec, NULL);
	ret->known = r == 0;
	ret->secret = r == -EACCES;
	ret->fits = wb_auto_fits(h->sys, &ret->why);
	ret->systemd = wb_systemd_version(h->runner);
	ret->keeps = wb_auto_keeps(files);
	wb_auto_note_read(files, &ret->note, NULL);
	/* A shutdown that was only begun is not the last one yet. */
	if (ret->note.boot_id && wb_auto_boot_id(files, &boot) == 0 &&
		!strcmp(ret->note.boot_id, boot))
		wb_auto_note_deinit(&ret->note);
}

/* Why kept services are not made ready when a plain reboot jumps; NULL: they are. */
static const char *unready(const struct stand *s)
{
	if (!s->systemd)
		return "the version of systemd is not known";
	return s->systemd < WB_DELAY_SINCE
		       ? "this systemd does not announce beforehand that a shutdown leads to a jump"
		       : NULL;
}

static json_t *ways_json(unsigned version, bool jumps)
{
	json_t *list = json_array();
	const struct wb_auto_way *way;

	for (size_t i = 0; (way = wb_auto_way(i)); i++)
		if (wb_auto_way_jumps(way, version) == jumps)
			json_array_append_new(list, json_string(way->what));
	return list;
}

static void print_json(const struct stand *s)
{
	const struct wb_auto_record *rec = &s->rec;
	bool loaded = s->fits != 0;

	cmd_print_json(json_pack(
		"{s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:i, s:o, s:o, s:b, s:o, s:o}", "on",
		s->on, "off_once", s->once, "state",
		s->secret ? json_null() : json_string(wb_auto_state_name(rec->state)), "entry",
		cmd_json_or_null(loaded ? rec->entry : NULL), "kernel",
		cmd_json_or_null(loaded ? rec->kernel : NULL), "release",
		cmd_json_or_null(loaded ? rec->release : NULL), "bytes",
		(json_int_t)(loaded ? rec->bytes : 0), "why", cmd_json_or_null(rec->why),
		"outdated", cmd_json_or_null(s->fits < 0 ? s->why.text : NULL), "systemd",
		(int)s->systemd, "jumps", ways_json(s->systemd, true), "firmware",
		ways_json(s->systemd, false), "keeps", s->keeps && !unready(s), "keeps_not",
		cmd_json_or_null(unready(s)), "last_shutdown",
		s->note.boot_id
			? json_pack("{s:o, s:o}", "firmware", cmd_json_or_null(s->note.firmware),
				  "kept_not", cmd_json_or_null(s->note.keeping))
			: json_null()));
}

static void print_kernel(const struct stand *s)
{
	const struct wb_auto_record *rec = &s->rec;

	if (s->fits != 0)
		printf("staged:        %s, entry %s, %" PRId64 " MiB of memory\n",
			rec->release ? rec->release : rec->kernel, rec->entry, rec->bytes >> 20);
	else if (s->secret)
		puts("staged:        only root may read what");
	else if (s->known && rec->state == WB_AUTO_STAGED)
		puts("staged:        nothing: somebody has unloaded or replaced the kernel");
	else if (s->known && rec->state == WB_AUTO_FOREIGN)
		printf("staged:        by somebody else: %s\n", rec->why ? rec->why : "");
	else
		printf("staged:        nothing%s%s\n", s->known && rec->why ? ": " : "",
			s->known && rec->why ? rec->why : "");
	if (s->fits < 0)
		printf("out of date:   %s\n", s->why.text);
	if (s->fits != 0 && rec->why)
		printf("last run:      %s\n", rec->why);
}

static void print_ways(unsigned version, bool jumps)
{
	const char *head = jumps ? "jumps:         " : "firmware:      ";
	const struct wb_auto_way *way;

	for (size_t i = 0; (way = wb_auto_way(i)); i++)
		if (wb_auto_way_jumps(way, version) == jumps) {
			printf("%s%s\n", head, way->what);
			head = "               ";
		}
}

static void print_text(const struct stand *s)
{
	printf("stage-auto:    %s\n", !s->on ? "off" : s->once ? "off until the next boot" : "on");
	print_kernel(s);
	if (s->systemd)
		printf("systemd:       %u\n", s->systemd);
	print_ways(s->systemd, true);
	print_ways(s->systemd, false);
	if (s->keeps)
		printf("kept services: %s%s\n",
			unready(s) ? "restart with such a jump: " : "are kept by such a jump",
			unready(s) ? unready(s) : "");
	if (s->note.firmware)
		printf("last shutdown: through the firmware: %s\n", s->note.firmware);
	if (s->note.keeping)
		printf("last shutdown: services were restarted, not kept: %s\n", s->note.keeping);
}

static int run_status(const struct cmd_args *args)
{
	__attribute__((cleanup(stand_deinit))) struct stand s = {};
	const struct wb_session_host host = cmd_host();

	read_stand(&host, &s);
	if (cmd_has(args, OPT_JSON))
		print_json(&s);
	else
		print_text(&s);
	return CMD_DONE;
}

/* ---- the row ---- */

static const struct {
	const char *verb;
	enum cmd_lock lock;
	int (*run)(const struct cmd_args *args); /* as cmd_row.run */
} verbs[] = {
	{"on", CMD_LOCK_COMMAND, run_on},
	{"off", CMD_LOCK_COMMAND, run_off},
	{"status", CMD_LOCK_NONE, run_status},
	/* Only warmboot's units call these. */
	{"run", CMD_LOCK_UNIT, cmd_stage_auto_run},
	{"watch", CMD_LOCK_NONE, cmd_stage_auto_watch},
	{"look", CMD_LOCK_NONE, cmd_stage_auto_look},
};
#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

static size_t find_verb(const struct cmd_args *args)
{
	size_t i = 0;

	while (i < N_VERBS && strcmp(args->words[0], verbs[i].verb))
		i++;
	return i;
}

static int run_stage_auto(const struct cmd_args *args)
{
	static const int once[] = {OPT_ONCE, 0}, json[] = {OPT_JSON, 0};
	size_t i = find_verb(args);
	struct wb_error err = {};
	int r = 0;

	if (i == N_VERBS)
		r = wb_fail(&err, -EINVAL, "\"%.64s\" is not one of on, off and status",
			args->words[0]);
	if (r == 0 && strcmp(args->words[0], "off"))
		r = cmd_none_of(args, once, args->words[0], &err);
	if (r == 0 && strcmp(args->words[0], "status"))
		r = cmd_none_of(args, json, args->words[0], &err);
	return r < 0 ? cmd_misused(args, &err) : verbs[i].run(args);
}

static enum cmd_lock lock(const struct cmd_args *args)
{
	size_t i = args->n_words ? find_verb(args) : N_VERBS;

	return i < N_VERBS ? verbs[i].lock : CMD_LOCK_NONE;
}

const struct cmd_row cmd_stage_auto = {
	.name = "stage-auto",
	.args = "on|off|status",
	.min_args = 1,
	.max_args = 1,
	.help = "stage what a plain reboot would boot, always, so that every reboot is a jump",
	.notes = "While it is on, each change of a kernel, its initramfs or the boot configuration "
		 "stages anew, and\n"
		 "systemd makes a jump of a reboot. \"status\" lists the commands that it does so "
		 "for. What is not\n"
		 "understood is never staged, and what was changed since is unloaded at the "
		 "shutdown. Then, and\n"
		 "with \"off\", the machine reboots through its firmware as before.",
	.options = {own_options, cmd_json_option},
	.lock = lock,
	.run = run_stage_auto,
};
