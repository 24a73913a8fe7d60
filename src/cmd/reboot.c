// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/guard.h"
#include "cmd/json.h"
#include "cmd/keeping.h"
#include "cmd/load.h"
#include "cmd/reboot.h"
#include "cmd/replay.h"
#include "jump/jump.h"
#include "keep/config.h"
#include "stage/policy.h"
#include "store/region.h"
#include "timeline/marks.h"

enum { OPT_NOW = 60, OPT_IGNORE, OPT_KEEP, OPT_NO_KEEP, OPT_DRY, OPT_STORE };

static const struct cmd_option own_options[] = {
	{OPT_NOW, 0, "now",
		.help = "write everything out, freeze the file systems and jump at once"},
	{OPT_KEEP, 0, "keep", "UNIT",
		.help = "keep this service's processes over the jump (repeatable)"},
	{OPT_NO_KEEP, 0, "no-keep", .help = "keep none of those that \"warmboot keep\" knows"},
	{OPT_STORE, 0, "store", .values = "carve|pmem|disk",
		.help = "where kept services wait: memory, a region of it, or a file on the disk"},
	{OPT_DRY, 0, "dry-run", .help = "tell what would be staged and kept, change nothing"},
	{OPT_IGNORE, 0, "ignore-inhibitors", .help = "even if a program asks for no shutdown now"},
	{},
};

/*
 * What is about to happen, for the kernel that comes after. The load's own record says more than
 * can be known now; without one, somebody else loaded the kernel.
 */
static int record_jump(const struct wb_sys *sys, struct wb_error *err)
{
	WB_CLEAN_TRACES now = {};
	WB_CLEAN_RECORD rec = {};

	if (wb_traces_read(sys->files, &now) < 0)
		return wb_oom(err);
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &rec, NULL) < 0) {
		rec.boot_id = now.boot_id;
		rec.from = now.release;
		now.boot_id = now.release = NULL;
	}
	rec.time = sys->wall_ns(sys->ctx) / 1000000000;
	return wb_record_write(sys, WB_RECORD_JUMP, &rec, err);
}

/* Has `warmboot reboot` put this very shutdown on record, and not an earlier one that did not happen? */
static bool is_on_record(const struct wb_sys *sys)
{
	WB_CLEAN_TRACES now = {};
	WB_CLEAN_RECORD jump = {}, staged = {};

	if (wb_traces_read(sys->files, &now) < 0 || !now.boot_id ||
		wb_record_read(sys->files, WB_RECORD_JUMP, &jump, NULL) < 0 || jump.judged_boot ||
		!jump.boot_id || strcmp(jump.boot_id, now.boot_id) != 0)
		return false;
	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 &&
		staged.time > jump.time)
		return false;
	return sys->wall_ns(sys->ctx) / 1000000000 - jump.time < WB_LONGEST_REBOOT;
}

void cmd_record_jump_of_others(const struct wb_sys *sys)
{
	if (is_on_record(sys) || record_jump(sys, NULL) < 0)
		return;
	wb_mark(sys, WB_MARK_ASKED);
}

/* The jump was refused before anything was stopped: what was known before holds again. */
static void restore_record(const struct wb_sys *sys, const struct wb_record *before, bool had)
{
	if (had)
		wb_record_write(sys, WB_RECORD_JUMP, before, NULL);
	else
		sys->remove_file(sys->ctx, WB_RECORD_JUMP);
}

static int find_init(const struct wb_sys *sys, const struct wb_init **ret, struct wb_error *err)
{
	*ret = wb_init_find(sys->files);
	if (*ret)
		return 0;
	return wb_fail(err, -EOPNOTSUPP,
		"this machine's init is neither systemd, OpenRC nor sysvinit, and others reboot "
		"through "
		"the firmware; stop what matters and then use \"warmboot reboot --now\" instead");
}

/*
 * Whatever fails in the freeze lets every service go on; what fails after it has cost them their
 * processes.
 */
static int jump_now(const struct wb_sys *sys, const struct wb_quiesce *quiesce,
	struct cmd_keeping *keeping, struct wb_error *err)
{
	bool kept = keeping && keeping->store;
	int r = 0;

	if (kept) {
		WB_CLEAN_MANIFEST m = {};

		r = cmd_keeping_freeze(sys, true, &m, err);
	}
	if (r < 0)
		return r;
	r = wb_jump_now(sys, quiesce, err);
	if (kept)
		cmd_keeping_start_again(sys, keeping);
	return r;
}

int cmd_jump(const struct wb_sys *sys, const struct wb_quiesce *quiesce, bool now,
	bool ignore_inhibitors, struct cmd_keeping *keeping, struct wb_error *err)
{
	const struct wb_init *init = NULL;
	WB_CLEAN_RECORD before = {};
	WB_CLEAN_BLOB units_before = {};
	bool had;
	int r = now ? 0 : find_init(sys, &init, err);

	if (r == 0 && !now && !ignore_inhibitors)
		r = wb_jump_allowed(init, err);
	if (r < 0)
		return r;
	/* An init that finds nothing loaded would reboot through the firmware without a word. */
	if (!cmd_is_loaded(sys))
		return wb_fail(
			err, -ENOENT, "no kernel is loaded (/sys/kernel/kexec_loaded is not 1)");
	had = wb_record_read(sys->files, WB_RECORD_JUMP, &before, NULL) == 0;
	r = record_jump(sys, err);
	/* Where /var is read-only it is so on purpose; a full disk is a mishap, and refused. */
	if (r == -EROFS)
		fprintf(stderr, "warmboot: /var is read-only, so the jump is not on record and "
				"\"warmboot status\" will tell less of it\n");
	else if (r < 0)
		return r;
	r = cmd_record_units(sys, &units_before, err);
	if (r < 0) {
		restore_record(sys, &before, had);
		return r;
	}
	if (!now) {
		printf("Shutting down through %s, then jumping.\n", init->name);
		fflush(stdout);
	}
	wb_mark(sys, WB_MARK_ASKED);
	if (now)
		wb_mark(sys, WB_MARK_NOW);
	if (now)
		r = jump_now(sys, quiesce, keeping, err);
	else
		r = wb_jump_orderly(init, sys, quiesce, ignore_inhibitors, err);
	if (r < 0 && r != -ESHUTDOWN) {
		restore_record(sys, &before, had);
		cmd_take_back_units(sys, &units_before);
	}
	return r;
}

/* What would refuse the jump refuses before the work of staging, too. */
static int check_jump(
	const struct wb_sys *sys, const struct cmd_args *args, bool loaded, struct wb_error *err)
{
	const struct wb_init *init;
	int r = cmd_check_gates(sys, err);

	/* kexec_load_disabled does not keep a kernel that was loaded before from being entered. */
	if (r < 0 && (!loaded || cmd_asks_for_stage(args) || !sys->may_boot(sys->ctx)))
		return r;
	if (cmd_has(args, OPT_NOW))
		return 0;
	r = find_init(sys, &init, err);
	if (r < 0 || cmd_has(args, OPT_IGNORE))
		return r;
	return wb_jump_allowed(init, err);
}

static int read_wish(const struct cmd_args *args, struct cmd_keep_wish *wish, struct wb_error *err)
{
	static const int one_of[] = {OPT_KEEP, OPT_NO_KEEP, 0},
			 or_store[] = {OPT_STORE, OPT_NO_KEEP, 0};

	wish->none = cmd_has(args, OPT_NO_KEEP);
	wish->now = cmd_has(args, OPT_NOW);
	for (size_t i = 0; i < args->n_options; i++) {
		WB_CLEAN_STR unit = NULL;
		int r = 0;

		if (args->options[i].option->id != OPT_KEEP)
			continue;
		r = wb_keep_unit_name(args->options[i].value, &unit, err);
		if (r < 0)
			return r;
		if (wb_strv_add(&wish->units, unit) < 0)
			return wb_oom(err);
	}
	return cmd_one_of(args, one_of, err) < 0 ? -EINVAL : cmd_one_of(args, or_store, err);
}

/* Where it is not there yet, by what it will be made in. */
static bool is_on_root(const char *path)
{
	struct stat root, st;

	return stat("/", &root) == 0 && (stat(path, &st) == 0 || stat("/var/lib", &st) == 0) &&
	       st.st_dev == root.st_dev;
}

/*
 * What was asked for, NULL: any that will do. carve needs to tell the next kernel where its memory is,
 * which kexec_file_load(2) cannot.
 */
static int choose_backend(const struct wb_sys *sys, const struct cmd_args *args,
	const struct cmd_request *req, const char **ret, struct wb_error *err)
{
	const char *asked = cmd_get(args, OPT_STORE);
	struct wb_policy policy;
	bool file;

	wb_policy_read(sys, &policy);
	file = req->options.method == WB_METHOD_FILE || policy.signature || policy.kho;
	if (file && asked && !strcmp(asked, "carve"))
		return wb_fail(err, -EOPNOTSUPP,
			"--store=carve does not go with kexec_file_load(2), which loads the kernel "
			"here: it places kernels where it likes; use --store=pmem or --store=disk");
	/* It is written when other file systems are unmounted, and read before they are mounted again. */
	if (asked && !strcmp(asked, "disk") && !is_on_root("/var/lib/warmboot"))
		return wb_fail(err, -EOPNOTSUPP,
			"--store=disk needs /var/lib/warmboot on the root file system, and here it "
			"lies on another, which a shutdown unmounts before services freeze");
	if (asked && !strcmp(asked, "pmem")) {
		struct wb_store_region region;
		int r = wb_store_region_ready(sys->files, 0, &region, err);

		if (r < 0 && r != -EACCES)
			return wb_fail_in(err, r, "--store=pmem: ");
	}
	*ret = asked ? asked : file ? "pmem" : NULL;
	return 0;
}

/* What is staged was staged by these words; true: *req is of them. */
static bool read_staged(const struct wb_sys *sys, struct cmd_words *words, struct cmd_request *req)
{
	WB_CLEAN_RECORD rec = {};
	CMD_CLEAN_REQUEST staged = {};

	if (wb_record_read(sys->files, WB_RECORD_STAGED, &rec, NULL) < 0 || !rec.words ||
		cmd_words_parse(rec.words, words, NULL) < 0 ||
		cmd_request_read(&words->args, &staged, NULL) < 0 ||
		cmd_request_resolve(sys, &staged, NULL) < 0)
		return false;
	cmd_request_deinit(req);
	*req = staged;
	staged = (struct cmd_request){};
	return true;
}

/* Decide what is kept, and stage a kernel for it, or take the one that is staged. */
static int get_ready(const struct wb_sys *sys, const struct cmd_args *args,
	const struct cmd_keep_wish *wish, bool stage_anew, struct cmd_request *req,
	struct cmd_keeping *keeping, struct wb_error *err)
{
	CMD_CLEAN_WORDS words = {};
	json_t *json = NULL;
	const char *backend = NULL;
	struct wb_stage *stage;
	bool again = false;
	int r = 0;

	if (stage_anew)
		r = cmd_request_resolve(sys, req, err);
	else if (!wish->none)
		again = read_staged(sys, &words, req);
	if (r == 0)
		r = choose_backend(sys, args, req, &backend, err);
	if (r == 0)
		r = cmd_keeping_decide(sys, wish, req->options.release, keeping, err);
	if (r == 0 && cmd_has(args, OPT_DRY))
		r = cmd_keeping_foresee(sys, backend, keeping, err);
	else if (r == 0)
		r = cmd_keeping_reserve(sys, wb_store_env_real(), backend, keeping, err);
	if (r < 0)
		return r;
	/* What is staged knows nothing of this store. */
	if (!stage_anew && keeping->store && !again)
		return wb_fail(err, -EBUSY,
			"the kernel that is staged knows nothing of kept services: say what to "
			"stage (\"warmboot reboot ENTRY\"), or use --no-keep");
	if (stage_anew || keeping->store) {
		req->must_record = keeping->store;
		if (keeping->store)
			r = cmd_request_use_store(req, keeping->store, err);
		if (r == 0 && keeping->store)
			r = cmd_keeping_early(sys, keeping, &req->options, err);
		if (r == 0)
			r = cmd_has(args, OPT_DRY) ? cmd_prepare(sys, req, &stage, err)
						   : cmd_stage(sys, req, &stage, err);
		if (r < 0)
			return r;
		if (!cmd_has(args, OPT_DRY))
			wb_mark(sys, WB_MARK_STAGED);
		cmd_progress_end();
		if (cmd_has(args, OPT_JSON))
			json = cmd_stage_json(stage, req, false);
		else
			cmd_print_stage(stage, req);
		wb_stage_free(stage);
	}
	if (!cmd_has(args, OPT_DRY))
		r = cmd_keeping_rehearse(sys, keeping, err);
	if (r == 0 && cmd_has(args, OPT_JSON))
		cmd_print_json(json_pack("{s:o, s:o}", "stage", json ? json : json_null(), "units",
			cmd_keeping_json(keeping)));
	else if (r == 0)
		cmd_keeping_print(keeping);
	return r;
}

static void sweep(void *arg)
{
	const struct wb_sys *sys = wb_sys_real();
	const bool *was_loaded = arg;
	int any = cmd_keeping_sweep(sys);
	struct wb_error ignored;

	/* Leave none that was not there, and none that looks for a store which is gone. */
	if ((any > 0 || (any == 0 && !*was_loaded)) && cmd_is_loaded(sys) &&
		wb_unload(sys, &ignored) == 0)
		sys->remove_file(sys->ctx, WB_RECORD_STAGED);
}

static int run_reboot(const struct cmd_args *args)
{
	const struct wb_sys *sys = wb_sys_real();
	bool loaded = cmd_is_loaded(sys), now = cmd_has(args, OPT_NOW);
	/*
	 * Any word about what to stage stages it anew, and so does a store that it was not told of;
	 * else what is staged is taken.
	 */
	bool stage_anew = !loaded || cmd_asks_for_stage(args) || !cmd_store_is_staged(sys);
	CMD_CLEAN_REQUEST req = {};
	CMD_CLEAN_KEEPING keeping = {};
	WB_CLEAN_KEEP_WISH wish = {};
	struct wb_error err = {}, ignored;
	struct cmd_guard guard = {-1, -1};
	bool ours;
	int r;

	if (cmd_request_read(args, &req, &err) < 0 || read_wish(args, &wish, &err) < 0)
		return cmd_misused(args, &err);
	if (cmd_has(args, OPT_JSON) && !cmd_has(args, OPT_DRY)) {
		wb_fail(&err, -EINVAL,
			"--json goes with --dry-run: what is done ends in another kernel");
		return cmd_misused(args, &err);
	}
	if (!cmd_has(args, OPT_DRY)) {
		wb_mark(sys, WB_MARK_REQUEST);
		cmd_put_off_signals();
		guard = cmd_guard_begin(sweep, &loaded);
	}
	r = cmd_has(args, OPT_DRY) ? 0 : check_jump(sys, args, loaded, &err);
	if (r == 0)
		r = get_ready(sys, args, &wish, stage_anew, &req, &keeping, &err);
	if (r == 0 && cmd_has(args, OPT_DRY))
		return CMD_DONE;
	if (r == 0)
		r = cmd_interrupted(&err);
	if (r == 0)
		r = cmd_keeping_arm(sys, &keeping, now, &err);
	if (r == 0)
		r = cmd_interrupted(&err);
	if (r == 0)
		r = cmd_jump(sys, &wb_quiesce_host, now, cmd_has(args, OPT_IGNORE), &keeping, &err);
	if (r == 0) {
		cmd_guard_end(&guard);
		return CMD_DONE;
	}
	if (cmd_has(args, OPT_DRY))
		return cmd_fail(args, &err);
	/*
	 * Refused means that nothing changed: leave no kernel behind that was not there, and none that
	 * looks for a store which is gone.
	 */
	ours = !loaded || keeping.store;
	if (r != -ESHUTDOWN)
		cmd_keeping_undo(sys, &keeping);
	if (ours && r != -ESHUTDOWN && wb_unload(sys, &ignored) == 0)
		sys->remove_file(sys->ctx, WB_RECORD_STAGED);
	cmd_guard_end(&guard);
	return cmd_fail(args, &err);
}

const struct cmd_row cmd_reboot = {
	.name = "reboot",
	.args = "[ENTRY]",
	.max_args = 1,
	.help = "stage a kernel unless one is staged, stop everything in order and jump",
	.notes = "If staging fails, nothing has been stopped. Under systemd the shutdown goes "
		 "through "
		 "logind, and\n"
		 "programs that hold a shutdown inhibitor are heard. Under OpenRC and sysvinit the "
		 "shutdown scripts\n"
		 "are run, all but the one that reboots, and then the jump is made; other inits "
		 "need "
		 "--now.\n"
		 "\"warmboot status\" tells afterwards whether it was a jump or a reboot through "
		 "the "
		 "firmware.",
	.options = {cmd_load_options, own_options, cmd_json_option},
	.run = run_reboot,
};
