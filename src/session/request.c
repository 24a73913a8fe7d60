// SPDX-License-Identifier: LGPL-2.1-or-later
/* Resolving, preparing, loading and recording the kernel of a session. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/request.h"
#include "guard/trial.h"
#include "session/watchdog.h"
#include "core/cmdline.h"
#include "core/text.h"
#include "sys/policy.h"
#include "store/state.h"

void wb_request_deinit(struct wb_request *req)
{
	free(req->initrds);
	free(req->reused);
	free(req->mark);
	free(req->appended);
	free(req->words);
	wb_store_close(req->store);
	wb_entries_deinit(&req->entries);
	*req = (struct wb_request){};
}

static void progress(void *arg, const char *what)
{
	wb_tell_progress(arg, what);
}

int wb_request_from(const struct wb_session_host *h, const struct wb_session_options *options,
	struct wb_request *ret, struct wb_error *err)
{
	struct wb_request req = {.options = options->load,
		.entry = options->entry,
		.cmdline = options->load.cmdline,
		.reuse_cmdline = options->reuse_cmdline,
		.trace = options->trace,
		.leave_mark = true};
	struct wb_load_options *o = &req.options;

	if (!req.entry && !o->kernel)
		req.entry = "default";
	/* An initrd that is named is used, not a warm one. */
	if (o->n_initrds && o->initramfs == WB_INITRAMFS_AUTO)
		o->initramfs = WB_INITRAMFS_OWN;
	o->size = sizeof(*o);
	o->progress = progress;
	o->progress_arg = (void *)h;
	req.words = options->words ? strdup(options->words) : NULL;
	if (options->words && !req.words)
		return wb_oom(err);
	*ret = req;
	return 0;
}

int wb_reusable_cmdline(const char *running, char **ret)
{
	/*
	 * Those with a mark were for one boot: they came from --trace, or from a guarded jump. Without the mark, the
	 * user wrote them.
	 */
	enum { ANY, TRACE, TRIAL };
	static const struct {
		const char *word;
		int mark;
	} names[] = {{"BOOT_IMAGE", ANY}, {"initrd", ANY}, {"warmboot.*", ANY},
		{"initcall_debug", TRACE}, {"log_buf_len", TRACE}, {"panic", TRIAL},
		{"oops", TRIAL}};
	char *s = strndup(running, strcspn(running, "\n"));
	bool trace = s && wb_cmdline_has(s, WB_TRACE_MARK);
	bool trial = s && wb_cmdline_has(s, WB_TRIAL_MARK);

	for (size_t i = 0; s && i < sizeof(names) / sizeof(*names); i++) {
		char *less = NULL;

		if ((names[i].mark == TRACE && !trace) || (names[i].mark == TRIAL && !trial))
			continue;
		if (wb_cmdline_remove(s, names[i].word, &less) < 0)
			less = NULL;
		free(s);
		s = less;
	}
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static int read_reusable(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err)
{
	WB_CLEAN_BLOB running = {};
	int r = sys->files->read(sys->files->ctx, "/proc/cmdline", 1 << 20, &running, err);

	if (r < 0)
		return r;
	if (wb_reusable_cmdline((const char *)running.data, &req->reused) < 0)
		return wb_oom(err);
	return 0;
}

/* Set the mark of the jump: with kexec_file_load it is the only trace in the next kernel. */
static int set_mark(struct wb_request *req, const uint8_t nonce[16], struct wb_error *err)
{
	wb_hex_write(nonce, 16, req->nonce);
	free(req->mark);
	if (asprintf(&req->mark, "%s=%s", WB_JUMP_WORD, req->nonce) < 0) {
		req->mark = NULL;
		return wb_oom(err);
	}
	req->options.file_append = req->mark;
	return 0;
}

static int make_mark(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err)
{
	uint8_t nonce[16];
	int r = sys->random(sys->ctx, nonce, sizeof(nonce));

	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	return set_mark(req, nonce, err);
}

/* Collect the words of --append, --trace and "warmboot timeline advise --apply". */
static int gather_words(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err)
{
	WB_CLEAN_BLOB advice = {};
	WB_CLEAN_STR mine = NULL;
	char *all = NULL;
	int r = 0;

	if (req->leave_mark &&
		sys->files->read(sys->files->ctx, WB_NEXT_WORDS, WB_SMALL_FILE, &advice, NULL) == 0)
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

static int resolve_entry(
	const struct wb_session_host *h, struct wb_request *req, struct wb_error *err)
{
	const struct wb_entry *e;
	int r = wb_entries_find(h->sys->files, &req->entries, err);

	if (r == 0)
		r = wb_entries_choose(&req->entries, req->entry, &e, err);
	if (r < 0)
		return r;
	if (e->lacks)
		wb_tell_warning(h, "boot entry %s: %s", e->id, e->lacks);
	req->options.entry = e->id;
	req->options.kernel = e->kernel;
	req->options.initrds = (const char *const *)e->initrds.items;
	req->options.n_initrds = e->initrds.n;
	req->options.cmdline = e->cmdline;
	req->options.release = e->release;
	req->options.uki_profile = e->profile;
	req->options.addons = (const char *const *)e->addons.items;
	req->options.n_addons = e->addons.n;
	req->options.kernel_sha256 = e->kernel_sha256;
	req->options.initrd_sha256 = e->initrd_sha256;
	return 0;
}

/*
 * Check that the initrds exist, also if a warm one replaces them, because a wrong name is a
 * mistake.
 */
static int check_initrds(
	const struct wb_sys *sys, const struct wb_load_options *o, struct wb_error *err)
{
	for (size_t i = 0; i < o->n_initrds; i++)
		if (!sys->files->exists(sys->files->ctx, o->initrds[i]))
			return wb_fail(err, -ENOENT, "initrd %s does not exist", o->initrds[i]);
	return 0;
}

/* Find the store for the jump, and the regions that every kernel must set aside. */
static int find_store(const struct wb_session_host *h, struct wb_request *req, struct wb_error *err)
{
	struct wb_error local = {};
	int r = wb_store_open(h->store, &req->store, &local);

	/*
	 * Without permission to see the store, a load is not permitted either, so this is a dry
	 * run.
	 */
	if (r < 0 && r != -ENOENT && r != -EACCES) {
		if (err)
			*err = local;
		return r;
	}
	return wb_request_find_regions(h->sys, req, err);
}

int wb_request_use_store(struct wb_request *req, const struct wb_store *store, struct wb_error *err)
{
	req->options.store = wb_store_load(store);
	/* The nonce of the store is the number of the jump. */
	return set_mark(req, req->options.store->nonce, err);
}

bool wb_is_store_staged(const struct wb_sys *sys)
{
	WB_CLEAN_STORE_STATE held = {};
	WB_CLEAN_RECORD staged = {};
	char nonce[33];

	if (!sys->files->exists(sys->files->ctx, WB_STORE_STATE) ||
		wb_store_state_read(sys->files, &held, NULL) < 0)
		return true;
	wb_hex_write(held.nonce, 16, nonce);
	return wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) == 0 && staged.nonce &&
	       !strcmp(staged.nonce, nonce);
}

int wb_request_resolve(
	const struct wb_session_host *h, struct wb_request *req, struct wb_error *err)
{
	const struct wb_sys *sys = h->sys;
	int r = 0;

	if (req->resolved)
		return 0;
	if (req->entry)
		r = resolve_entry(h, req, err);
	if (r == 0)
		r = check_initrds(sys, &req->options, err);
	if (r == 0 && req->cmdline)
		req->options.cmdline = req->cmdline;
	/*
	 * A bare kernel in /boot is an entry without a command line, so use that of the running
	 * kernel.
	 */
	if (r == 0 && (req->reuse_cmdline || (req->entry && !req->options.cmdline)))
		r = read_reusable(sys, req, err);
	if (r == 0 && req->reuse_cmdline)
		req->options.cmdline = req->reused;
	else if (r == 0 && req->entry)
		req->options.default_cmdline = req->reused;
	if (r == 0)
		r = find_store(h, req, err);
	if (r == 0 && req->store)
		r = wb_request_use_store(req, req->store, err);
	else if (r == 0 && req->leave_mark)
		r = make_mark(sys, req, err);
	if (r == 0)
		r = gather_words(sys, req, err);
	req->resolved = r == 0;
	return r;
}

int wb_check_gates(const struct wb_sys *sys, struct wb_error *err)
{
	struct wb_policy policy;

	wb_policy_read(sys, WB_TARGET_REBOOT, &policy);
	/* The choice of the method takes care of signatures. */
	return wb_policy_check(&policy, true, err);
}

bool wb_is_loaded(const struct wb_sys *sys)
{
	WB_CLEAN_BLOB b = {};

	return sys->files->read(
		       sys->files->ctx, "/sys/kernel/kexec_loaded", WB_SMALL_FILE, &b, NULL) == 0 &&
	       b.data[0] == '1';
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

/* The first line of a file without its newline; NULL: it cannot be read. */
static char *read_line(const struct wb_sys *sys, const char *path)
{
	WB_CLEAN_BLOB b = {};

	if (sys->files->read(sys->files->ctx, path, WB_SMALL_FILE, &b, NULL) < 0)
		return NULL;
	return strndup((const char *)b.data, strcspn((const char *)b.data, "\n"));
}

static int put_on_record(const struct wb_sys *sys, const struct wb_request *req,
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
		.since_ns = (int64_t)sys->boot_ns(sys->ctx),
	};
	char hex[33];

	if (info.method != WB_METHOD_FILE && memcmp(info.nonce, no_nonce, sizeof(no_nonce))) {
		wb_hex_write(info.nonce, 16, hex);
		rec.nonce = copy(hex);
	} else {
		rec.nonce = copy(req->nonce);
	}
	rec.words = copy(req->words);
	rec.guard = wb_watch_sentence_of(req->options.watchdog, &info, req->unguarded);
	if (asprintf(&rec.why, "%s: %s; initramfs %s: %s", rec.method, info.method_why,
		    info.initrd_bytes ? rec.initramfs : "none", info.initramfs_why) < 0)
		rec.why = NULL;
	return wb_record_write(sys, WB_RECORD_STAGED, &rec, err);
}

int wb_request_prepare(const struct wb_sys *sys, const struct wb_request *req,
	struct wb_stage **ret, struct wb_error *err)
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

int wb_no_room(const struct wb_error *why, struct wb_error *err)
{
	return wb_fail(err, why->code, "%s: make room there, or use --no-keep", why->text);
}

int wb_request_unrecorded(const struct wb_session_host *h, const struct wb_request *req,
	const struct wb_error *why, struct wb_error *err)
{
	h->sys->remove_file(h->sys->ctx, WB_RECORD_STAGED);
	if (req->must_record)
		return wb_no_room(why, err);
	wb_tell_warning(h,
		"the kernel is staged, but not on record, so that \"warmboot status\" will show "
		"less of it: %s",
		why->text);
	return 0;
}

int wb_request_stage(const struct wb_session_host *h, struct wb_request *req,
	struct wb_stage **ret_stage, struct wb_error *err)
{
	const struct wb_sys *sys = h->sys;
	struct wb_error unwritten = {};
	struct wb_stage *stage;
	int r = wb_check_gates(sys, err);

	if (r == 0)
		r = wb_request_resolve(h, req, err);
	if (!req->options.cache)
		req->options.cache = h->cache;
	if (r == 0)
		r = wb_request_settle_regions(h, req, err);
	if (r == 0)
		r = wb_request_prepare(sys, req, &stage, err);
	if (r < 0)
		return r;
	r = wb_stage_commit(sys, stage, err);
	wb_tell_progress(h, NULL);
	if (r == 0 && put_on_record(sys, req, stage, &unwritten) < 0) {
		r = wb_request_unrecorded(h, req, &unwritten, err);
		if (r < 0)
			wb_unload(sys, NULL);
	}
	if (r == 0 && ret_stage)
		*ret_stage = stage;
	else
		wb_stage_free(stage);
	return r;
}

int wb_next_words_write(const struct wb_sys *sys, const char *words, struct wb_error *err)
{
	int r = sys->write_file(sys->ctx, WB_NEXT_WORDS, wb_text(words), 0644);

	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", WB_NEXT_WORDS, strerror(-r)) : 0;
}
