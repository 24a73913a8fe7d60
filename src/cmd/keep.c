// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/json.h"
#include "jump/record.h"
#include "keep/rehearse.h"

enum { OPT_HOW = OPT_OWN, OPT_FILES, OPT_PROBE };

static const struct cmd_option own_options[] = {
	{OPT_HOW, 0, "how", .values = "auto|process|restart",
		.help = "add: the highest way of keeping it that is tried (default: auto)"},
	{OPT_FILES, 0, "files", "PATH",
		.help = "add: a file or directory on a tmpfs that travels, too; repeatable"},
	{OPT_PROBE, 0, "probe", "PROBE",
		.help = "add: how to tell that it answers: tcp:PORT, http://HOST/PATH or "
			"exec:COMMAND"},
	{},
};

/* ---- add, remove ---- */

static int add_files(const struct cmd_args *args, struct wb_strv *files, struct wb_error *err)
{
	for (size_t i = 0; i < args->n_options; i++) {
		const char *path = args->options[i].value;

		if (args->options[i].option->id != OPT_FILES)
			continue;
		if (!wb_valid_path(path))
			return wb_fail(err, -EINVAL,
				"--files takes an absolute path without \"..\", not \"%s\"", path);
		if (wb_strv_add_once(files, path) < 0)
			return wb_oom(err);
	}
	return 0;
}

/* The unit's own name, where it was typed by an alias; systemd must know it. */
static int real_name(const char *typed, char **ret, struct wb_error *err)
{
	WB_CLEAN_SERVICE s = {};
	WB_CLEAN_STR name = NULL;
	int r = wb_keep_unit_name(typed, &name, err);

	if (r == 0)
		r = wb_services_systemd.read(NULL, name, &s, err);
	if (r < 0)
		return r;
	if (s.load && !strcmp(s.load, "masked"))
		return wb_fail(err, -EINVAL, "%s is masked", name);
	*ret = s.id && wb_valid_service_name(s.id) ? s.id : name;
	if (*ret == s.id)
		s.id = NULL;
	else
		name = NULL;
	return 0;
}

/* What was said before holds, but for what is said now. */
static int change_config(const struct cmd_args *args, const char *unit, struct wb_keep_config *c,
	struct wb_error *err)
{
	const struct wb_files *files = wb_sys_real()->files;
	const char *how = cmd_get(args, OPT_HOW), *probe = cmd_get(args, OPT_PROBE);
	int r = wb_keep_config_read(files, unit, c, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT)
		c->unit = strdup(unit);
	if (how)
		wb_keep_how_parse(how, &c->how);
	if (probe) {
		free(c->probe);
		c->probe = strdup(probe);
	}
	if (!c->unit || (probe && !c->probe))
		return wb_oom(err);
	return add_files(args, &c->files, err);
}

static int add_unit(const struct cmd_args *args, const char *typed, bool try, struct wb_error *err)
{
	WB_CLEAN_KEEP_CONFIG config = {};
	WB_CLEAN_STR unit = NULL;
	int r = real_name(typed, &unit, err);

	if (r == 0)
		r = change_config(args, unit, &config, err);
	if (try || r < 0)
		return r;
	r = wb_keep_config_write(wb_sys_real(), &config, err);
	if (r == 0)
		printf("%s will be kept (%s).\n", unit, wb_keep_how_name(config.how));
	return r;
}

/* One that cannot be read is there. */
static bool is_configured(const char *unit)
{
	WB_CLEAN_KEEP_CONFIG config = {};

	return wb_keep_config_read(wb_sys_real()->files, unit, &config, NULL) != -ENOENT;
}

/* As it was typed, and else by an alias, as when it was added. */
static int configured_name(const char *typed, char **ret, struct wb_error *err)
{
	WB_CLEAN_STR unit = NULL;
	WB_CLEAN_STR real = NULL;
	int r = wb_keep_unit_name(typed, &unit, err);

	if (r < 0)
		return r;
	if (!is_configured(unit) && (real_name(typed, &real, NULL) < 0 || !is_configured(real)))
		return wb_fail(
			err, -ENOENT, "%s is not kept; \"warmboot keep list\" shows what is", unit);
	*ret = strdup(real ? real : unit);
	return *ret ? 0 : wb_oom(err);
}

static int remove_unit(
	const struct cmd_args *args, const char *typed, bool try, struct wb_error *err)
{
	WB_CLEAN_STR unit = NULL;
	int r = configured_name(typed, &unit, err);

	/* It may have been removed just now, by another of its names. */
	if (try || r < 0)
		return !try && r == -ENOENT ? 0 : r;
	r = wb_keep_config_remove(wb_sys_real(), unit, err);
	if (r == 0)
		printf("%s will not be kept.\n", unit);
	return r;
}

/* ---- list ---- */

static json_t *strings_json(const struct wb_strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, json_string(v->items[i]));
	return list;
}

static void list_json(const struct wb_keep_configs *all)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->n; i++) {
		const struct wb_keep_config *c = &all->items[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s?}", "unit", c->unit,
						    "how", wb_keep_how_name(c->how), "files",
						    strings_json(&c->files), "probe", c->probe));
	}
	cmd_print_json(list);
}

static void list_text(const struct wb_keep_configs *all)
{
	if (!all->n)
		puts("No unit is to be kept. See: warmboot keep add UNIT");
	for (size_t i = 0; i < all->n; i++) {
		const struct wb_keep_config *c = &all->items[i];

		printf("%-32s %s", c->unit, wb_keep_how_name(c->how));
		for (size_t k = 0; k < c->files.n; k++)
			printf("%s%s", k ? " " : ", files ", c->files.items[k]);
		if (c->probe)
			printf(", probe %s", c->probe);
		putchar('\n');
	}
}

static int run_list(const struct cmd_args *args)
{
	WB_CLEAN_KEEP_CONFIGS all = {};
	struct wb_error err = {};

	if (wb_keep_configs_read(wb_sys_real()->files, &all, &err) < 0)
		return cmd_fail(args, &err);
	if (cmd_has(args, OPT_JSON))
		list_json(&all);
	else
		list_text(&all);
	return CMD_DONE;
}

/* ---- which of them ---- */

/* Was the same unit named before? */
static bool is_repeated(const struct cmd_args *args, size_t word)
{
	WB_CLEAN_STR name = NULL;
	bool repeated = false;

	if (wb_keep_unit_name(args->words[word], &name, NULL) < 0)
		return false;
	for (size_t i = 1; !repeated && i < word; i++) {
		WB_CLEAN_STR before = NULL;

		repeated = wb_keep_unit_name(args->words[i], &before, NULL) == 0 &&
			   !strcmp(before, name);
	}
	return repeated;
}

/* ---- test ---- */

static json_t *ports_json(const struct wb_keep_verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->ports.n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s?, s:I}", "protocol", v->ports.items[i].protocol,
				      "address", v->ports.items[i].address, "port",
				      (json_int_t)v->ports.items[i].port));
	return list;
}

static json_t *rehearsal_json(const char *unit, const struct wb_keep_rehearsal *r)
{
	const struct wb_keep_verdict *v = &r->verdict;
	bool whole = r->tried && v->how == WB_KEEP_PROCESS;

	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:b, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:o}",
		"unit", unit, "how", wb_keep_how_name(v->how), "reasons", strings_json(&v->reasons),
		"warnings", strings_json(&v->warnings), "rehearsed", r->tried, "restarted",
		r->restarted, "frozen_s",
		whole ? json_real((double)r->frozen_us / 1e6) : json_null(), "image_bytes",
		whole ? json_integer((json_int_t)r->bytes) : json_null(), "memory_bytes",
		(json_int_t)v->bytes, "processes", (json_int_t)v->processes, "threads",
		(json_int_t)v->threads, "ports", ports_json(v), "connections",
		(json_int_t)v->connections.n, "files", strings_json(&v->files));
}

static void print_rehearsal(const char *unit, const struct wb_keep_rehearsal *r)
{
	const struct wb_keep_verdict *v = &r->verdict;

	printf("%s: %s\n", unit, wb_keep_how_name(v->how));
	printf("  %zu process%s, %zu thread%s, %.1f MiB of memory, %zu connection%s\n",
		v->processes, v->processes == 1 ? "" : "es", v->threads, v->threads == 1 ? "" : "s",
		(double)v->bytes / (1 << 20), v->connections.n, v->connections.n == 1 ? "" : "s");
	if (r->tried && v->how == WB_KEEP_PROCESS)
		printf("  stood still for %.3f s; %.1f MiB in %zu images\n",
			(double)r->frozen_us / 1e6, (double)r->bytes / (1 << 20), r->images);
	for (size_t i = 0; i < v->reasons.n; i++)
		printf("  %s %s\n", i ? "and:    " : "because:", v->reasons.items[i]);
	for (size_t i = 0; i < v->warnings.n; i++)
		printf("  note: %s\n", v->warnings.items[i]);
	for (size_t i = 0; v->how == WB_KEEP_PROCESS && i < v->files.n; i++)
		printf("  travels: %s\n", v->files.items[i]);
}

/* As much of it as is known of a unit that is not active. */
static void tell_nothing(const char *unit, const char *why, json_t *list)
{
	struct wb_keep_rehearsal none = {};
	json_t *o;

	if (!list) {
		printf("%s\n", why);
		return;
	}
	o = rehearsal_json(unit, &none);
	json_object_set_new(o, "how", json_null());
	json_array_append_new(json_object_get(o, "reasons"), json_string(why));
	json_array_append_new(list, o);
}

static int test_unit(const struct wb_keep_rehearsing *with, const char *typed, json_t *list,
	struct wb_error *err)
{
	WB_CLEAN_KEEP_REHEARSAL r = {};
	WB_CLEAN_KEEP_CONFIG config = {};
	WB_CLEAN_STR unit = NULL;
	int e = real_name(typed, &unit, err);

	if (e < 0)
		return e;
	e = wb_keep_config_read(with->sys->files, unit, &config, err);
	if (e < 0 && e != -ENOENT)
		return e;
	cmd_progress(NULL, unit);
	e = wb_keep_rehearse(with, unit, &config, &r, err);
	cmd_progress_end();
	if (e < 0 && e != -ESRCH)
		return e;
	if (e == -ESRCH)
		tell_nothing(unit, err->text, list);
	else if (list)
		json_array_append_new(list, rehearsal_json(unit, &r));
	else
		print_rehearsal(unit, &r);
	fflush(stdout);
	return 0;
}

static int run_test(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	WB_CLEAN_STR version = wb_criu_version(&wb_runner_host, NULL);
	WB_CLEAN_RECORD staged = {};
	struct wb_keep_rehearsing with = {.sys = sys,
		.look = wb_keep_look_host(sys->files, version, NULL),
		.runner = &wb_runner_host};
	json_t *list = cmd_has(args, OPT_JSON) ? json_array() : NULL;
	int code = CMD_DONE;

	if (geteuid() != 0) {
		struct wb_error err = {};

		json_decref(list);
		wb_fail(&err, -EPERM, "only root can checkpoint a service; use sudo");
		return cmd_fail(args, &err);
	}
	/* The kernel that is staged is the one to come. */
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 && staged.to &&
		*staged.to)
		with.look.release = staged.to;
	for (size_t i = 1; i < args->n_words; i++) {
		struct wb_error err = {};

		if (is_repeated(args, i))
			continue;
		if (test_unit(&with, args->words[i], list, &err) < 0)
			code = cmd_fail(args, &err);
	}
	if (list)
		cmd_print_json(list);
	return code;
}

/* All of them, or none: each is tried before the first is changed. */
static int each(const struct cmd_args *args,
	int (*one)(const struct cmd_args *args, const char *unit, bool try, struct wb_error *err))
{
	if (geteuid() != 0) {
		struct wb_error err = {};

		wb_fail(&err, -EPERM, "only root can choose what is kept; use sudo");
		return cmd_fail(args, &err);
	}
	for (int try = 1; try >= 0; try--)
		for (size_t i = 1; i < args->n_words; i++) {
			struct wb_error err = {};

			if (is_repeated(args, i))
				continue;
			if (one(args, args->words[i], try, &err) < 0)
				return cmd_fail(args, &err);
		}
	return CMD_DONE;
}

/* What can be said of the words alone. */
static int check_use(const struct cmd_args *args, const char *verb, struct wb_error *err)
{
	static const int for_add[] = {OPT_HOW, OPT_FILES, OPT_PROBE, 0}, json[] = {OPT_JSON, 0};
	const char *probe = cmd_get(args, OPT_PROBE);
	bool add = !strcmp(verb, "add"), list = !strcmp(verb, "list");
	WB_CLEAN_STRV files = {};
	int r;

	if (!add && !list && strcmp(verb, "remove") && strcmp(verb, "test"))
		return wb_fail(
			err, -EINVAL, "keep knows add, remove, list and test, not \"%s\"", verb);
	if (list && args->n_words > 1)
		return wb_fail(err, -EINVAL, "\"%s\" is one argument too many", args->words[1]);
	if (!list && args->n_words < 2)
		return wb_fail(err, -EINVAL, "keep %s needs a unit", verb);
	r = add ? 0 : cmd_none_of(args, for_add, verb, err);
	if (r == 0 && (add || !strcmp(verb, "remove")))
		r = cmd_none_of(args, json, verb, err);
	if (r == 0 && probe)
		r = wb_keep_check_probe(probe, err);
	if (r == 0)
		r = add_files(args, &files, err);
	for (size_t i = 1; r == 0 && i < args->n_words; i++) {
		WB_CLEAN_STR unit = NULL;

		r = wb_keep_unit_name(args->words[i], &unit, err);
	}
	return r;
}

static int run_keep(const struct cmd_args *args)
{
	const char *verb = args->words[0];
	struct wb_error err = {};

	if (check_use(args, verb, &err) < 0)
		return cmd_misused(args, &err);
	if (!strcmp(verb, "list"))
		return run_list(args);
	if (!strcmp(verb, "test"))
		return run_test(args);
	return each(args, !strcmp(verb, "add") ? add_unit : remove_unit);
}

const struct cmd_row cmd_keep = {
	.name = "keep",
	.args = "add|remove|list|test [UNIT...]",
	.max_args = 1024,
	.min_args = 1,
	.help = "choose the services that live on over a jump, and rehearse it",
	.notes =
		"add and remove change " WB_KEEP_DIR "; list tells what is there.\n"
		"test checkpoints each unit and lets it go on at once. It tells how long the unit "
		"stood still, how\n"
		"large it is, and whether it can be kept with its memory and connections (process) "
		"or has to be\n"
		"restarted, and why. The exit code is 0 whatever the answer is, and 1 if there is "
		"none.",
	.options = {own_options, cmd_json_option},
	.run = run_keep,
};
