// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/load.h"
#include "core/cmdline.h"
#include "stage/policy.h"
#include "store/region.h"
#include "store/state.h"

enum {
	OPT_KERNEL = OPT_OWN,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_REUSE,
	OPT_APPEND,
	OPT_METHOD,
	OPT_VERIFY,
	OPT_INITRAMFS,
	OPT_TRACE,
};

const struct cmd_option cmd_load_options[] = {
	{OPT_KERNEL, 0, "kernel", "FILE", .help = "this kernel instead of a boot entry's"},
	{OPT_INITRD, 0, "initrd", "FILE", .help = "with this initrd; may be repeated"},
	{OPT_CMDLINE, 0, "cmdline", "STRING", .help = "this command line"},
	{OPT_REUSE, 0, "reuse-cmdline", .help = "the running kernel's command line"},
	{OPT_APPEND, 0, "append", "STRING", .help = "add to the command line"},
	{OPT_METHOD, 0, "method", .values = "auto|fast|segments|file",
		.help = "how to load (default auto)"},
	{OPT_VERIFY, 0, "verify", .values = "sha256|none",
		.help = "check memory before the kernel is entered (default sha256)"},
	{OPT_INITRAMFS, 0, "initramfs", .values = "auto|warm|own",
		.help = "one made for this machine's root, or the entry's (default auto; own with "
			"--initrd)"},
	{OPT_TRACE, 0, "trace",
		.help = "have the next kernel note how long each of its initcalls takes"},
	{},
};

/* The place of `value` in "a|b|c", which the parser has made sure of. */
static int place(const struct cmd_value *v)
{
	const char *at = v->option->values;
	int i = 0;

	for (size_t n; (n = strcspn(at, "|")) != strlen(v->value) || strncmp(at, v->value, n); i++)
		at += n + 1;
	return i;
}

static void take_option(const struct cmd_value *v, struct cmd_request *ret)
{
	struct wb_load_options *o = &ret->options;

	switch (v->option->id) {
	case OPT_KERNEL:
		o->kernel = v->value;
		break;
	case OPT_INITRD:
		ret->initrds[o->n_initrds++] = v->value;
		break;
	case OPT_CMDLINE:
		ret->cmdline = v->value;
		break;
	case OPT_REUSE:
		ret->reuse_cmdline = true;
		break;
	case OPT_APPEND:
		o->append = v->value;
		break;
	case OPT_TRACE:
		ret->trace = true;
		break;
	/* The values stand in the order of their enumerations. */
	case OPT_METHOD:
		o->method = place(v);
		break;
	case OPT_VERIFY:
		o->verify = place(v);
		break;
	case OPT_INITRAMFS:
		o->initramfs = place(v);
		break;
	}
}

static int check_request(const struct cmd_request *req, struct wb_error *err)
{
	const struct wb_load_options *o = &req->options;

	if (o->kernel && !*o->kernel)
		return wb_fail(err, -EINVAL, "--kernel names no file");
	for (size_t i = 0; i < o->n_initrds; i++)
		if (!*req->initrds[i])
			return wb_fail(err, -EINVAL, "--initrd names no file");
	if (req->entry && !*req->entry)
		return wb_fail(err, -EINVAL, "\"\" names no boot entry");
	if (o->kernel && req->entry)
		return wb_fail(err, -EINVAL,
			"name either a boot entry (\"%s\") or --kernel, not both", req->entry);
	if (o->n_initrds && !o->kernel)
		return wb_fail(err, -EINVAL,
			"--initrd goes with --kernel; a boot entry brings its own initrds");
	if (req->cmdline && req->reuse_cmdline)
		return wb_fail(err, -EINVAL, "give either --cmdline or --reuse-cmdline, not both");
	return 0;
}

int cmd_request_read(const struct cmd_args *args, struct cmd_request *ret, struct wb_error *err)
{
	struct cmd_request req = {.options = {.size = sizeof(struct wb_load_options)}};
	int r;

	req.initrds = calloc(args->n_options + 1, sizeof(*req.initrds));
	if (!req.initrds)
		return wb_oom(err);
	req.options.initrds = req.initrds;
	req.options.progress = cmd_progress;
	req.leave_mark = true;
	for (size_t i = 0; i < args->n_options; i++)
		take_option(&args->options[i], &req);
	if (args->n_words)
		req.entry = args->words[0];
	r = check_request(&req, err);
	if (r < 0) {
		cmd_request_deinit(&req);
		return r;
	}
	if (!req.entry && !req.options.kernel)
		req.entry = "default";
	/* Whoever names an initrd wants that one. */
	if (req.options.n_initrds && req.options.initramfs == WB_INITRAMFS_AUTO)
		req.options.initramfs = WB_INITRAMFS_OWN;
	req.words = cmd_words_text(args);
	*ret = req;
	return 0;
}

bool cmd_asks_for_stage(const struct cmd_args *args)
{
	if (args->n_words)
		return true;
	for (const struct cmd_option *o = cmd_load_options; o->id; o++)
		if (cmd_has(args, o->id))
			return true;
	return false;
}

void cmd_request_deinit(struct cmd_request *req)
{
	free(req->initrds);
	free(req->reused);
	free(req->mark);
	free(req->appended);
	free(req->words);
	wb_store_close(req->store);
	wb_entries_deinit(&req->entries);
	*req = (struct cmd_request){};
}

int cmd_reusable_cmdline(const char *running, char **ret)
{
	/* What --trace added was for one boot; without its mark the words are somebody else's. */
	static const char *const names[] = {
		"BOOT_IMAGE", "initrd", "warmboot.*", "initcall_debug", "log_buf_len"};
	char *s = strndup(running, strcspn(running, "\n"));
	size_t n = s && wb_cmdline_has(s, WB_TRACE_MARK) ? 5 : 3;

	for (size_t i = 0; s && i < n; i++) {
		char *less = NULL;

		if (wb_cmdline_remove(s, names[i], &less) < 0)
			less = NULL;
		free(s);
		s = less;
	}
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static int read_reusable(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err)
{
	WB_CLEAN_BLOB running = {};
	int r = sys->files->read(sys->files->ctx, "/proc/cmdline", 1 << 20, &running, err);

	if (r < 0)
		return r;
	if (cmd_reusable_cmdline((const char *)running.data, &req->reused) < 0)
		return wb_oom(err);
	return 0;
}

/* kexec_file_load leaves no other trace of its own in the next kernel. */
static int set_mark(struct cmd_request *req, const uint8_t nonce[16], struct wb_error *err)
{
	wb_nonce_hex(nonce, req->nonce);
	free(req->mark);
	if (asprintf(&req->mark, "%s=%s", WB_JUMP_WORD, req->nonce) < 0) {
		req->mark = NULL;
		return wb_oom(err);
	}
	req->options.file_append = req->mark;
	return 0;
}

static int make_mark(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err)
{
	uint8_t nonce[16];
	int r = sys->random(sys->ctx, nonce, sizeof(nonce));

	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	return set_mark(req, nonce, err);
}

/* --append's words, --trace's, and those that "warmboot timeline advise --apply" left. */
static int gather_words(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err)
{
	WB_CLEAN_BLOB advice = {};
	WB_CLEAN_STR mine = NULL;
	char *all = NULL;
	int r = 0;

	if (req->leave_mark && sys->files->read(sys->files->ctx, WB_NEXT_WORDS, CMD_SMALL_FILE,
				       &advice, NULL) == 0)
		advice.data[strcspn((char *)advice.data, "\n")] = '\0';
	req->append = req->options.append;
	if (!req->trace && !advice.size)
		return 0;
	r = wb_cmdline_append(req->options.append ? req->options.append : "",
		req->trace ? WB_TRACE_WORDS : "", &mine);
	if (r == 0)
		r = wb_cmdline_append(mine, advice.size ? (char *)advice.data : "", &all);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	req->appended = all;
	req->options.append = all;
	return 0;
}

static int resolve_entry(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err)
{
	const struct wb_entry *e;
	int r = wb_entries_find(sys->files, &req->entries, err);

	if (r == 0)
		r = wb_entries_choose(&req->entries, req->entry, &e, err);
	if (r < 0)
		return r;
	req->options.entry = e->id;
	req->options.kernel = e->kernel;
	req->options.initrds = (const char *const *)e->initrds.items;
	req->options.n_initrds = e->initrds.n;
	req->options.cmdline = e->cmdline;
	req->options.release = e->release;
	return 0;
}

/* Even where a warm one will take their place: who names a file that is not there errs. */
static int check_initrds(
	const struct wb_sys *sys, const struct wb_load_options *o, struct wb_error *err)
{
	for (size_t i = 0; i < o->n_initrds; i++)
		if (!sys->files->exists(sys->files->ctx, o->initrds[i]))
			return wb_fail(err, -ENOENT, "initrd %s does not exist", o->initrds[i]);
	return 0;
}

/* What this boot holds for the jump, and the region that every kernel is to set aside. */
static int find_store(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err)
{
	const struct wb_store_env env = {sys, &wb_store_io_host};
	struct wb_store_region region;
	struct wb_error local = {};
	int r = wb_store_open(&env, &req->store, &local);

	/* Whoever may not see it may not load either; a dry run is a preview then. */
	if (r < 0 && r != -ENOENT && r != -EACCES) {
		if (err)
			*err = local;
		return r;
	}
	r = wb_store_region_read(sys->files, &region, err);
	if (r == 0) {
		wb_store_region_word(&region, req->region);
		req->options.region_word = req->region;
	}
	return r == -ENOENT || r == -EACCES ? 0 : r;
}

int cmd_request_use_store(
	struct cmd_request *req, const struct wb_store *store, struct wb_error *err)
{
	req->options.store = wb_store_load(store);
	/* A store is known by the number of its jump. */
	return set_mark(req, req->options.store->nonce, err);
}

bool cmd_store_is_staged(const struct wb_sys *sys)
{
	WB_CLEAN_STORE_STATE held = {};
	WB_CLEAN_RECORD staged = {};
	char nonce[33];

	if (!sys->files->exists(sys->files->ctx, WB_STORE_STATE) ||
		wb_store_state_read(sys->files, &held, NULL) < 0)
		return true;
	wb_nonce_hex(held.nonce, nonce);
	return wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 && staged.nonce &&
	       !strcmp(staged.nonce, nonce);
}

int cmd_request_resolve(const struct wb_sys *sys, struct cmd_request *req, struct wb_error *err)
{
	int r = 0;

	if (req->resolved)
		return 0;
	if (req->entry)
		r = resolve_entry(sys, req, err);
	if (r == 0)
		r = check_initrds(sys, &req->options, err);
	if (r == 0 && req->cmdline)
		req->options.cmdline = req->cmdline;
	/* A bare kernel in /boot is an entry without a command line: it stands for the running one. */
	if (r == 0 && (req->reuse_cmdline || (req->entry && !req->options.cmdline)))
		r = read_reusable(sys, req, err);
	if (r == 0 && req->reuse_cmdline)
		req->options.cmdline = req->reused;
	else if (r == 0 && req->entry)
		req->options.default_cmdline = req->reused;
	if (r == 0)
		r = find_store(sys, req, err);
	if (r == 0 && req->store)
		r = cmd_request_use_store(req, req->store, err);
	else if (r == 0 && req->leave_mark)
		r = make_mark(sys, req, err);
	if (r == 0)
		r = gather_words(sys, req, err);
	req->resolved = r == 0;
	return r;
}

int cmd_check_gates(const struct wb_sys *sys, struct wb_error *err)
{
	struct wb_policy policy;

	wb_policy_read(sys, &policy);
	/* Whether signatures are asked for is for the choice of the method. */
	return wb_policy_check(&policy, true, err);
}

bool cmd_is_loaded(const struct wb_sys *sys)
{
	WB_CLEAN_BLOB b = {};

	return sys->files->read(sys->files->ctx, "/sys/kernel/kexec_loaded", CMD_SMALL_FILE, &b,
		       NULL) == 0 &&
	       b.data[0] == '1';
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/* A file's text without its newline; NULL. */
static char *read_line(const struct wb_sys *sys, const char *path)
{
	WB_CLEAN_BLOB b = {};

	if (sys->files->read(sys->files->ctx, path, CMD_SMALL_FILE, &b, NULL) < 0)
		return NULL;
	return strndup((const char *)b.data, strcspn((const char *)b.data, "\n"));
}

static int put_on_record(const struct wb_sys *sys, const struct cmd_request *req,
	const struct wb_stage *stage, struct wb_error *err)
{
	static const uint8_t no_nonce[16];
	struct wb_stage_info info = wb_stage_info(stage);
	WB_CLEAN_RECORD rec = {
		.entry = copy(req->options.entry),
		.kernel = copy(req->options.kernel),
		.from = read_line(sys, "/proc/sys/kernel/osrelease"),
		.to = copy(info.release),
		.method = copy(wb_method_name(info.method)),
		.initramfs = copy(wb_initramfs_name(info.initramfs)),
		.boot_id = read_line(sys, "/proc/sys/kernel/random/boot_id"),
		.time = sys->wall_ns(sys->ctx) / 1000000000,
	};
	char hex[33];

	if (info.method != WB_METHOD_FILE && memcmp(info.nonce, no_nonce, sizeof(no_nonce))) {
		wb_nonce_hex(info.nonce, hex);
		rec.nonce = copy(hex);
	} else {
		rec.nonce = copy(req->nonce);
	}
	rec.words = copy(req->words);
	if (asprintf(&rec.why, "%s: %s; initramfs %s: %s", rec.method, info.method_why,
		    info.initrd_bytes ? rec.initramfs : "none", info.initramfs_why) < 0)
		rec.why = NULL;
	return wb_record_write(sys, WB_RECORD_STAGED, &rec, err);
}

int cmd_prepare(const struct wb_sys *sys, const struct cmd_request *req, struct wb_stage **ret,
	struct wb_error *err)
{
	int r = wb_stage_prepare(sys, &req->options, ret, err);

	if (r < 0 || !req->leave_mark || req->options.cmdline || req->append)
		return r;
	if (!wb_stage_info(*ret).no_cmdline)
		return 0;
	wb_stage_free(*ret);
	return wb_fail(err, -EINVAL,
		"%s carries no command line of its own, and without root= it would not boot; give "
		"--reuse-cmdline, --append or --cmdline",
		req->options.kernel);
}

int cmd_no_room(const struct wb_error *why, struct wb_error *err)
{
	return wb_fail(err, why->code, "%s: make room there, or use --no-keep", why->text);
}

int cmd_unrecorded(const struct wb_sys *sys, const struct cmd_request *req,
	const struct wb_error *why, struct wb_error *err)
{
	sys->remove_file(sys->ctx, WB_RECORD_STAGED);
	if (req->must_record)
		return cmd_no_room(why, err);
	fprintf(stderr,
		"warmboot: the kernel is staged, but not on record, so that \"warmboot status\" "
		"will "
		"tell less of it: %s\n",
		why->text);
	return 0;
}

int cmd_stage(const struct wb_sys *sys, struct cmd_request *req, struct wb_stage **ret_stage,
	struct wb_error *err)
{
	struct wb_error unwritten = {};
	struct wb_stage *stage;
	int r = cmd_check_gates(sys, err);

	if (r == 0)
		r = cmd_request_resolve(sys, req, err);
	if (r == 0)
		r = cmd_prepare(sys, req, &stage, err);
	if (r < 0)
		return r;
	r = wb_stage_commit(sys, stage, err);
	cmd_progress_end();
	if (r == 0 && put_on_record(sys, req, stage, &unwritten) < 0)
		r = cmd_unrecorded(sys, req, &unwritten, err);
	if (r == 0 && ret_stage)
		*ret_stage = stage;
	else
		wb_stage_free(stage);
	return r;
}
