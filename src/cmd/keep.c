// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot keep: choose the services that are kept over a jump, list them, and rehearse it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "choice/kind.h"
#include "cmd/cmd.h"
#include "cmd/json.h"
#include "core/valid.h"
#include "jump/record.h"
#include "keep/named.h"
#include "keep/rehearse.h"
#include "keep/remedies.h"
#include "session/choice.h"

enum { OPT_HOW = OPT_OWN, OPT_FILES, OPT_PEERS, OPT_PROBE, OPT_PRIORITY };

static const struct cmd_option own_options[] = {
	{OPT_HOW, 0, "how", .value = wb_keep_asked_word,
		.help = "add: the best way of keeping it that is tried (default: auto)"},
	{OPT_FILES, 0, "files", "PATH",
		.help = "add: a file or directory on a tmpfs that travels, too; repeatable"},
	{OPT_PEERS, 0, "peers", .value = wb_keep_peers_word,
		.help = "add: with a connection by Unix socket to a program outside, it is "
			"restarted "
			"(default), or finds the connection closed after the jump (reset)"},
	{OPT_PROBE, 0, "probe", "PROBE",
		.help = "add: how to test that it answers: tcp:PORT, http://HOST/PATH or "
			"exec:COMMAND"},
	{OPT_PRIORITY, 0, "priority", "NUMBER",
		.help = "add: a higher one stands still for a shorter time than others "
			"(default: 0)"},
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

static void tell_choice(void *arg, const char *unit, const struct wb_keep_config *config)
{
	if (config)
		printf("%s will be kept (%s).\n", unit, wb_keep_how_name(config->how));
	else
		printf("%s will not be kept.\n", unit);
}

static int run_choice(const struct cmd_args *args, bool remove)
{
	struct wb_keep_choice choice = {.remove = remove,
		.peers = cmd_get(args, OPT_PEERS),
		.probe = cmd_get(args, OPT_PROBE),
		.done = tell_choice};
	const char *how = cmd_get(args, OPT_HOW), *priority = cmd_get(args, OPT_PRIORITY);
	struct wb_error err = {};
	int64_t number;
	const struct wb_keep_finding finding = {wb_sys_real(), &wb_runner_host};
	int r = geteuid() ? wb_fail(&err, -EPERM, "only root can choose what is kept; use sudo")
			  : 0;

	if (how)
		wb_keep_how_parse(how, &choice.how);
	if (r == 0 && priority) {
		r = wb_keep_priority_of(priority, &number, &err);
		choice.priority = &number;
	}
	if (r == 0)
		r = add_files(args, &choice.files, &err);
	if (r == 0)
		r = wb_keep_choose(&wb_services_systemd, &finding, &choice, args->words + 1,
			args->n_words - 1, &err);
	wb_strv_deinit(&choice.files);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
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

		json_array_append_new(
			list, json_pack("{s:s, s:s?, s:s, s:o, s:s, s:s?, s:I}", "name", c->name,
				      "unit", c->unit, "how", wb_keep_how_name(c->how), "files",
				      strings_json(&c->files), "peers",
				      wb_keep_peers_word(c->reset_peers), "probe", c->probe,
				      "priority", (json_int_t)c->priority));
	}
	cmd_print_json(list);
}

static void list_text(const struct wb_keep_configs *all)
{
	if (!all->n)
		puts("No unit is to be kept. See: warmboot keep add UNIT");
	for (size_t i = 0; i < all->n; i++) {
		const struct wb_keep_config *c = &all->items[i];

		printf("%-32s %s", c->name, wb_keep_how_name(c->how));
		for (size_t k = 0; k < c->files.n; k++)
			printf("%s%s", k ? " " : ", files ", c->files.items[k]);
		if (c->reset_peers)
			printf(", peers %s", wb_keep_peers_word(c->reset_peers));
		if (c->probe)
			printf(", probe %s", c->probe);
		if (c->priority)
			printf(", priority %lld", (long long)c->priority);
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

/* ---- test ---- */

static json_t *ports_json(const struct wb_keep_verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->ends.ports.n; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s?, s:I}", "protocol", v->ends.ports.items[i].protocol,
				"address", v->ends.ports.items[i].address, "port",
				(json_int_t)v->ends.ports.items[i].port));
	return list;
}

/* The remedy for the reason with this number. NULL: there is none, or none for another reason, so it would not help. */
static const char *remedy_at(const char *unit, const struct wb_keep_verdict *v, size_t i)
{
	for (size_t k = 0; k < v->reasons.n; k++)
		if (!wb_remedy_find(unit, v->reasons.items[k]))
			return NULL;
	return wb_remedy_find(unit, v->reasons.items[i]);
}

static json_t *remedies_json(const char *unit, const struct wb_keep_verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->reasons.n; i++)
		if (remedy_at(unit, v, i))
			json_array_append_new(list, json_string(remedy_at(unit, v, i)));
	return list;
}

static json_t *rehearsal_json(const char *name, const char *unit, const struct wb_keep_rehearsal *r)
{
	const struct wb_keep_verdict *v = &r->verdict;
	bool whole = r->tried && wb_keep_way(v->how)->checkpointed;

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:o}",
		"name", name, "unit", cmd_json_or_null(unit), "how",
		cmd_json_or_null(wb_keep_how_name(v->how)), "reasons", strings_json(&v->reasons),
		"warnings", strings_json(&v->warnings), "rehearsed", r->tried, "restarted",
		r->restarted, "frozen_s",
		whole ? json_real((double)r->frozen_us / 1e6) : json_null(), "image_bytes",
		whole ? json_integer((json_int_t)r->bytes) : json_null(), "memory_bytes",
		(json_int_t)v->bytes, "processes", (json_int_t)v->processes, "threads",
		(json_int_t)v->threads, "ports", ports_json(v), "connections",
		(json_int_t)v->ends.connections.n, "files", strings_json(&v->files), "remedies",
		unit ? remedies_json(unit, v) : json_array());
}

static void print_file(const char *path)
{
	WB_CLEAN_STR plain = strdup(path);

	if (plain)
		wb_make_plain(plain);
	printf("  travels: %s\n", plain ? plain : "?");
}

static void print_rehearsal(const char *name, const char *unit, const struct wb_keep_rehearsal *r)
{
	const struct wb_keep_verdict *v = &r->verdict;

	printf("%s: %s\n", name, wb_keep_how_name(v->how));
	printf("  %zu process%s, %zu thread%s, %.1f MiB of memory, %zu connection%s\n",
		v->processes, v->processes == 1 ? "" : "es", v->threads, v->threads == 1 ? "" : "s",
		(double)v->bytes / (1 << 20), v->ends.connections.n,
		v->ends.connections.n == 1 ? "" : "s");
	if (r->tried && wb_keep_way(v->how)->checkpointed)
		printf("  stood still for %.3f s; %.1f MiB in %zu images\n",
			(double)r->frozen_us / 1e6, (double)r->bytes / (1 << 20), r->images);
	for (size_t i = 0; i < v->reasons.n; i++)
		printf("  %s %s\n", i ? "and:    " : "because:", v->reasons.items[i]);
	for (size_t i = 0; i < v->reasons.n; i++)
		if (remedy_at(unit, v, i))
			printf("  remedy:  %s\n", remedy_at(unit, v, i));
	for (size_t i = 0; i < v->warnings.n; i++)
		printf("  note: %s\n", v->warnings.items[i]);
	for (size_t i = 0; wb_keep_way(v->how)->checkpointed && i < v->files.n; i++)
		print_file(v->files.items[i]);
}

/* The report on something that does not run. `unit` NULL: it is not known in which it would. */
static void tell_nothing(const char *name, const char *unit, const char *why, json_t *list)
{
	struct wb_keep_rehearsal none = {};
	json_t *o;

	if (!list) {
		printf("%s\n", why);
		return;
	}
	o = rehearsal_json(name, unit, &none);
	json_array_append_new(json_object_get(o, "reasons"), json_string(why));
	json_array_append_new(list, o);
}

static int test_unit(const struct wb_keep_rehearsing *with, const char *typed, json_t *list,
	struct wb_error *err)
{
	WB_CLEAN_KEEP_REHEARSAL r = {};
	WB_CLEAN_KEEP_CONFIG config = {};
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR unit = NULL;
	int e = wb_keep_real_name(&wb_services_systemd, typed, &name, err);

	if (e < 0)
		return e;
	e = wb_keep_config_read(with->sys->files, name, &config, err);
	if (e < 0 && e != -ENOENT)
		return e;
	e = wb_keep_find_unit(&(struct wb_keep_finding){with->sys, with->runner}, name, &unit, err);
	if (e == -ENOENT || e == -EOPNOTSUPP) {
		tell_nothing(name, NULL, err->text, list);
		return 0;
	}
	if (e < 0)
		return e;
	cmd_progress(NULL, name);
	e = wb_keep_rehearse(with, unit, &config, &r, err);
	cmd_progress_end();
	if (e < 0 && e != -ESRCH)
		return e;
	if (e == -ESRCH)
		tell_nothing(name, unit, err->text, list);
	else if (list)
		json_array_append_new(list, rehearsal_json(name, unit, &r));
	else
		print_rehearsal(name, unit, &r);
	fflush(stdout);
	return 0;
}

static int run_test(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	WB_CLEAN_STR version = wb_criu_version(&wb_runner_host, NULL);
	WB_CLEAN_RECORD staged = {};
	WB_CLEAN_STRV together = {};
	struct wb_keep_rehearsing with = {.sys = sys,
		.look = wb_keep_look_host(sys->files, version, NULL),
		.runner = &wb_runner_host,
		.together = &together};
	json_t *list = cmd_has(args, OPT_JSON) ? json_array() : NULL;
	int code = CMD_DONE;

	if (geteuid() != 0) {
		struct wb_error err = {};

		json_decref(list);
		wb_fail(&err, -EPERM, "only root can checkpoint a service; use sudo");
		return cmd_fail(args, &err);
	}
	/* The next kernel is the one that is staged. */
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 && staged.to &&
		*staged.to)
		with.look.release = staged.to;
	for (size_t i = 1; i < args->n_words; i++) {
		WB_CLEAN_STR name = NULL;

		if (wb_keep_real_name(&wb_services_systemd, args->words[i], &name, NULL) == 0)
			wb_strv_add(&together, name);
	}
	for (size_t i = 1; i < args->n_words; i++) {
		struct wb_error err = {};

		if (wb_keep_is_repeated(args->words + 1, i - 1))
			continue;
		if (test_unit(&with, args->words[i], list, &err) < 0)
			code = cmd_fail(args, &err);
	}
	if (list)
		cmd_print_json(list);
	return code;
}

/* Check the words by themselves. */
static int check_use(const struct cmd_args *args, const char *verb, struct wb_error *err)
{
	static const int for_add[] = {OPT_HOW, OPT_FILES, OPT_PEERS, OPT_PROBE, OPT_PRIORITY, 0},
			 json[] = {OPT_JSON, 0};
	const char *probe = cmd_get(args, OPT_PROBE), *priority = cmd_get(args, OPT_PRIORITY);
	int64_t number;
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
	if (r == 0 && priority)
		r = wb_keep_priority_of(priority, &number, err);
	if (r == 0)
		r = add_files(args, &files, err);
	for (size_t i = 1; r == 0 && i < args->n_words; i++) {
		WB_CLEAN_STR unit = NULL;

		r = wb_keep_name(args->words[i], &unit, err);
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
	return run_choice(args, !strcmp(verb, "remove"));
}

/* An unknown verb takes no lock, because it is refused with its own sentence. */
static enum cmd_lock lock(const struct cmd_args *args)
{
	static const char *const changing[] = {"add", "remove", "test"};

	for (size_t i = 0; i < sizeof(changing) / sizeof(*changing); i++)
		if (!strcmp(args->words[0], changing[i]))
			return CMD_LOCK_COMMAND;
	return CMD_LOCK_NONE;
}

const struct cmd_row cmd_keep = {
	.name = "keep",
	.args = "add|remove|list|test [UNIT...]",
	.max_args = 1024,
	.min_args = 1,
	.help = "choose the services to keep over a jump, and rehearse it",
	.notes = "add and remove change " WB_KEEP_DIR "; list shows them.\n"
		 "test checkpoints each unit and lets it go on at once. It shows how long the unit "
		 "stood still, how\n"
		 "large it is, and whether it can be kept with its memory and connections "
		 "(process) or has to be\n"
		 "restarted, and why. The exit code is 0 whatever the answer is, and 1 if there is "
		 "none.",
	.options = {own_options, cmd_json_option},
	.lock = lock,
	.run = run_keep,
};
