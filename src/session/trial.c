// SPDX-License-Identifier: LGPL-2.1-or-later
/* The plan of a guarded jump, and the begin of its trial. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/text.h"
#include "session/gate.h"
#include "session/pairs.h"
#include "session/trial.h"
#include "sys/machine.h"
#include "systemd/systemctl.h"

#define NO_NUMBER                                                                                  \
	"the jump is not guarded: the kernel that is staged has no number by which the next boot " \
	"would "                                                                                   \
	"know it; say what to stage (\"warmboot reboot ENTRY\")"
#define NO_GATE                                                                                   \
	"only under systemd a health gate judges the next kernel and takes a pin back, so there " \
	"is neither"

void wb_trial_plan_deinit(struct wb_trial_plan *plan)
{
	wb_pin_deinit(&plan->pin);
	free(plan->back);
	free(plan->no_pin);
	wb_blob_deinit(&plan->before);
	wb_blob_deinit(&plan->runs_before);
	*plan = (struct wb_trial_plan){};
}

/* ---- wishes ---- */

static int read_wish(const char *what, const struct wb_name *words, const char *wish, int *ret,
	struct wb_error *err)
{
	if (!wish || wb_name_read(words, wish, ret))
		return 0;
	return wb_fail(err, -EINVAL, "%s does not take \"%s\"", what, wish);
}

static int apply_wish(
	const struct wb_trial_wish *wish, struct wb_guard_config *c, struct wb_error *err)
{
	int guard = c->guard, fallback = c->fallback, manual = c->manual, r;

	/* A wish for a part of the guard is one for the guard. */
	if (!wish->guard && guard == WB_GUARD_OFF &&
		((wish->fallback && !strcmp(wish->fallback, "auto")) || wish->confirm ||
			wish->timed))
		guard = WB_GUARD_AUTO;
	r = read_wish("--guard", wb_guard_words, wish->guard, &guard, err);
	if (r == 0)
		r = read_wish("--fallback", wb_fallback_words, wish->fallback, &fallback, err);
	if (r == 0)
		r = read_wish("--confirm", wb_confirm_words, wish->confirm, &manual, err);
	if (r < 0)
		return r;
	c->guard = (enum wb_guarding)guard;
	c->fallback = fallback;
	c->manual = manual;
	return 0;
}

int wb_trial_check_wish(const struct wb_trial_wish *wish, struct wb_error *err)
{
	struct wb_guard_config any = {};

	return apply_wish(wish, &any, err);
}

/* ---- the pin ---- */

/* The machine's files, with other contents in one of them. */
struct as_if {
	const struct wb_files *under;
	const char *path;
	struct wb_bytes contents;
};

static int give(const struct as_if *a, uint64_t off, size_t n, struct wb_blob *ret)
{
	WB_CLEAN_BLOB b = {};

	off = off < a->contents.size ? off : a->contents.size;
	n = n < a->contents.size - off ? n : a->contents.size - off;
	/* A NUL follows the contents. */
	if (wb_blob_append(&b, a->contents.data + off, n) < 0 || wb_blob_append(&b, "", 1) < 0)
		return -ENOMEM;
	b.size--;
	*ret = wb_blob_take(&b);
	return 0;
}

static int as_if_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	const struct as_if *a = ctx;

	if (strcmp(path, a->path))
		return a->under->read(a->under->ctx, path, limit, ret, err);
	if (limit && a->contents.size > limit)
		return wb_fail(err, -EFBIG, "%s is too large", path);
	return give(a, 0, SIZE_MAX, ret) < 0 ? wb_oom(err) : 0;
}

static int as_if_read_at(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
	struct wb_error *err)
{
	const struct as_if *a = ctx;

	if (strcmp(path, a->path))
		return a->under->read_at(a->under->ctx, path, off, n, ret, err);
	return give(a, off, n, ret) < 0 ? wb_oom(err) : 0;
}

/* A variable that is not there yet is no name in its directory; no reader of boot entries looks for it so. */
static int as_if_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	const struct as_if *a = ctx;

	return a->under->list(a->under->ctx, path, ret, err);
}

static bool as_if_exists(void *ctx, const char *path)
{
	const struct as_if *a = ctx;

	return !strcmp(path, a->path) || a->under->exists(a->under->ctx, path);
}

static int as_if_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	const struct as_if *a = ctx;

	return a->under->readlink(a->under->ctx, path, ret, err);
}

/* Would the boot loader really start this entry? Its whole configuration is read as it would read it. */
static int verify_pin(const struct wb_files *files, const struct wb_pin *pin,
	const struct wb_entry *e, struct wb_error *err)
{
	WB_CLEAN_BLOB contents = {};
	WB_CLEAN_ENTRIES all = {};
	struct as_if a = {.under = files, .path = pin->path};
	const struct wb_files then = {.ctx = &a,
		.read = as_if_read,
		.read_at = as_if_read_at,
		.list = as_if_list,
		.exists = as_if_exists,
		.readlink = as_if_readlink,
		.arch = files->arch};
	int r = wb_pin_contents(files, pin, &contents, err);

	if (r < 0)
		return r;
	a.contents = wb_blob_view(&contents);
	r = wb_entries_find(&then, &all, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < all.n; i++)
		if (all.items[i].is_default && all.items[i].once &&
			wb_entry_boots_the_same(&all.items[i], e))
			return 0;
	return wb_fail(err, -EOPNOTSUPP,
		"%s would not make the boot loader start \"%s\" once, by its configuration",
		pin->path, e->id);
}

/*
 * A kernel that is on trial itself, or was found bad, is no place to fall back to: the pin of its trial leads to the one
 * that was proven before it. 1: it does, and stays. 0: there is no such pin. Negative errno with a sentence: it leads
 * nowhere any more.
 */
static int keep_pin(const struct wb_files *files, const struct wb_entries *all,
	struct wb_trial_plan *plan, struct wb_error *err)
{
	WB_CLEAN_TRIAL t = {};
	const struct wb_entry *back = NULL;
	struct wb_pin pin;
	int r = wb_trial_read(files, &t, NULL);

	if (r < 0)
		return r == -ENOMEM ? wb_oom(err) : 0;
	pin = wb_trial_pin(&t);
	if ((t.verdict != WB_TRIAL_OPEN && t.verdict != WB_TRIAL_BAD) || !pin.loader || !t.back ||
		!files->exists(files->ctx, WB_TRIAL_RUNS) || wb_pin_is_set(files, &pin) <= 0)
		return 0;
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->items[i].id, t.back))
			back = &all->items[i];
	if (!back || !files->exists(files->ctx, back->kernel))
		return wb_fail(err, -ENOENT,
			"the kernel from before the trial, to which the boot loader is pinned, is "
			"gone (%s)",
			t.back);
	r = verify_pin(files, &pin, back, err);
	if (r < 0)
		return r;
	plan->back = strdup(t.back);
	plan->pin = (struct wb_pin){strdup(pin.loader), strdup(pin.path), strdup(pin.value)};
	plan->pin_stays = true;
	return plan->back && plan->pin.loader && plan->pin.path && plan->pin.value ? 1
										   : wb_oom(err);
}

static int find_pin(const struct wb_files *files, struct wb_trial_plan *plan, struct wb_error *err)
{
	WB_CLEAN_ENTRIES all = {};
	WB_CLEAN_PIN pin = {};
	const struct wb_entry *e;
	int r = wb_entries_find(files, &all, err);

	if (r == 0)
		r = keep_pin(files, &all, plan, err);
	if (r > 0)
		return 0;
	if (r == 0)
		r = wb_trial_running_entry(files, &all, &e, err);
	if (r == 0)
		r = wb_pin_find(files, e, &pin, err);
	if (r == 0)
		r = verify_pin(files, &pin, e, err);
	if (r < 0)
		return r;
	plan->back = strdup(e->id);
	if (!plan->back)
		return wb_oom(err);
	plan->pin = pin;
	pin = (struct wb_pin){};
	return 0;
}

int wb_trial_plan(const struct wb_session_host *h, const struct wb_trial_wish *wish,
	struct wb_trial_plan *ret, struct wb_error *err)
{
	struct wb_trial_plan plan = {};
	struct wb_error why = {};
	int r = wb_guard_config_read(h->sys->files, &plan.config, err);

	if (r == 0)
		r = apply_wish(wish, &plan.config, err);
	if (r < 0)
		return r;
	plan.untried = plan.config.guard != WB_GUARD_OFF && !wb_systemd_here(h->sys->files);
	if (plan.untried && plan.config.guard == WB_GUARD_REQUIRE)
		return wb_fail(err, -EOPNOTSUPP, NO_GATE);
	if (plan.untried)
		wb_tell_warning(h, NO_GATE);
	if (plan.config.guard != WB_GUARD_OFF && plan.config.fallback && !plan.untried) {
		r = find_pin(h->sys->files, &plan, &why);
		if (r == -ENOMEM) {
			wb_trial_plan_deinit(&plan);
			return wb_oom(err);
		}
		if (r < 0 && plan.config.guard == WB_GUARD_REQUIRE)
			return wb_fail(err, r,
				"the jump must be guarded, and nothing would lead back to the "
				"running "
				"kernel: %s",
				why.text);
		if (r < 0) {
			plan.no_pin = wb_plain_copy(why.text);
			wb_tell_warning(h,
				"after a failure nothing leads back to the running kernel: %s",
				why.text);
		}
	}
	*ret = plan;
	return 0;
}

int wb_trial_add_words(struct wb_trial_plan *plan, struct wb_request *req, struct wb_error *err)
{
	const struct wb_load_options *o = &req->options;
	const char *cmdline = o->cmdline ? o->cmdline : o->default_cmdline;
	char *all = NULL;

	if (!plan->pin.loader)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		const char *words = i ? o->append : cmdline;

		/* Words after "--" are the init's. */
		if (words && (!strncmp(words, "-- ", 3) || strstr(words, " -- ")))
			return 0;
		if (words && (wb_cmdline_has(words, "panic") || wb_cmdline_has(words, "oops")))
			return 0;
	}
	if (wb_cmdline_append(o->append ? o->append : "", WB_TRIAL_WORDS, &all) < 0)
		return wb_oom(err);
	free(req->appended);
	req->appended = all;
	req->options.append = all;
	plan->panic = true;
	return 0;
}

/* ---- begin and undo ---- */

/* A jump of which one of these is not known is no pair of the ledger. */
static int fill_pair(const struct wb_sys *sys, const char *kernel, struct wb_trial *t)
{
	struct wb_machine_class class = {};
	int r = wb_running_kernel_id(sys->files, &t->from_id, &t->from_name, NULL);

	if (r >= 0 && kernel)
		r = wb_session_kernel_name(sys, kernel, &t->to_name);
	if (r != -ENOMEM)
		r = wb_machine_class_read(sys->files, &class, NULL);
	if (r == 0)
		wb_text_replace(&t->class, class.hash);
	wb_machine_class_deinit(&class);
	return r == -ENOMEM ? r : 0;
}

/* 0 also where the words of an earlier trial are in force. Negative numbers, as panic= takes them, count. */
static int64_t number_before(const struct wb_files *files, const char *path)
{
	WB_CLEAN_BLOB text = {};

	if (wb_read_number(files, "/proc/sys/kernel/panic") == WB_TRIAL_PANIC_S ||
		files->read(files->ctx, path, WB_SMALL_FILE, &text, NULL) < 0)
		return 0;
	return strtoll((const char *)text.data, NULL, 10);
}

static int fill(const struct wb_session_host *h, const struct wb_trial_plan *plan,
	const struct wb_strv *kept, const struct wb_strv *forced, struct wb_trial *t,
	struct wb_error *err)
{
	const struct wb_sys *sys = h->sys;
	WB_CLEAN_RECORD jump = {};
	WB_CLEAN_TRACES now = {};
	int r = wb_record_read(sys->files, WB_RECORD_JUMP, &jump, err);

	if (r < 0)
		return r;
	if (wb_traces_read(sys->files, &now) < 0 || wb_strv_copy(kept, &t->kept) < 0 ||
		wb_strv_copy(forced, &t->forced) < 0 ||
		wb_gate_records(sys->files, &t->records) < 0)
		return wb_oom(err);
	wb_text_replace(&t->nonce, jump.nonce);
	wb_text_replace(&t->boot_id, now.boot_id);
	wb_text_replace(&t->from, now.release);
	wb_text_replace(&t->to, jump.to);
	wb_text_replace(&t->method, jump.method);
	wb_text_replace(&t->entry, jump.entry);
	wb_text_replace(&t->back, plan->back);
	wb_text_replace(&t->pin_loader, plan->pin.loader);
	wb_text_replace(&t->pin_path, plan->pin.path);
	wb_text_replace(&t->pin_value, plan->pin.value);
	wb_text_replace(&t->no_pin, plan->no_pin);
	r = fill_pair(sys, jump.kernel, t);
	if (r < 0)
		return wb_oom(err);
	t->panic = plan->panic;
	t->panic_before = number_before(sys->files, "/proc/sys/kernel/panic");
	t->oops_before = number_before(sys->files, "/proc/sys/kernel/panic_on_oops");
	t->manual = plan->config.manual;
	t->action = plan->config.action;
	t->deadline_s = plan->config.deadline_s;
	t->confirm_s = plan->config.confirm_s;
	t->time = (int64_t)(sys->wall_ns(sys->ctx) / 1000000000);
	if (!t->boot_id)
		return wb_fail(err, -EIO, "this boot has no id");
	return wb_gate_failed_units(h->sys->files, h->runner, &t->failed, err);
}

static void put_back(const struct wb_sys *sys, const struct wb_trial_plan *plan)
{
	if (plan->had_trial)
		sys->write_file(sys->ctx, WB_TRIAL, wb_blob_view(&plan->before), 0600);
	else
		sys->remove_file(sys->ctx, WB_TRIAL);
	/* A trial that was open before goes on. */
	if (plan->had_runs)
		sys->write_file(sys->ctx, WB_TRIAL_RUNS, wb_blob_view(&plan->runs_before), 0600);
	else
		sys->remove_file(sys->ctx, WB_TRIAL_RUNS);
}

/* With Guard=auto the jump goes on without what cannot be done. */
static int do_without(const struct wb_session_host *h, struct wb_trial_plan *plan,
	struct wb_trial *t, struct wb_error *why, int r, struct wb_error *err)
{
	if (plan->config.guard == WB_GUARD_REQUIRE || r == -ENOMEM)
		return wb_fail(err, r, "%s", why->text);
	wb_tell_warning(
		h, "after a failure nothing leads back to the running kernel: %s", why->text);
	wb_pin_deinit(&plan->pin);
	free(t->pin_loader);
	free(t->pin_path);
	free(t->pin_value);
	t->pin_loader = t->pin_path = t->pin_value = NULL;
	wb_text_replace(&t->no_pin, why->text);
	return 0;
}

static int begin(const struct wb_session_host *h, struct wb_trial_plan *plan, struct wb_trial *t,
	struct wb_error *err)
{
	struct wb_error why = {};
	int r = wb_trial_write_runs(h->sys, t, err), pinned;

	if (r == 0 && plan->pin.loader) {
		pinned = wb_pin_set(h->sys, &plan->pin, &why);
		if (pinned < 0)
			r = do_without(h, plan, t, &why, pinned, err);
	}
	return r == 0 ? wb_trial_write(h->sys, t, err) : r;
}

int wb_trial_begin(const struct wb_session_host *h, struct wb_trial_plan *plan,
	const struct wb_strv *kept, const struct wb_strv *forced, struct wb_error *err)
{
	const struct wb_files *files = h->sys->files;
	WB_CLEAN_TRIAL t = {};
	int r = fill(h, plan, kept, forced, &t, err);

	if (r < 0)
		return r;
	/* Another program has staged the kernel. */
	if (!t.nonce && plan->config.guard == WB_GUARD_REQUIRE)
		return wb_fail(err, -EOPNOTSUPP, NO_NUMBER);
	if (!t.nonce) {
		wb_tell_warning(h, NO_NUMBER);
		return 1;
	}
	plan->had_trial = files->read(files->ctx, WB_TRIAL, 1 << 20, &plan->before, NULL) == 0;
	plan->had_runs =
		files->read(files->ctx, WB_TRIAL_RUNS, 1 << 20, &plan->runs_before, NULL) == 0;
	r = begin(h, plan, &t, err);
	if (r < 0)
		wb_trial_abandon(h, plan);
	return r;
}

void wb_trial_sweep(const struct wb_sys *sys)
{
	WB_CLEAN_TRIAL t = {};
	WB_CLEAN_TRACES now = {};
	struct wb_pin pin;

	if (wb_trial_read(sys->files, &t, NULL) < 0 || wb_traces_read(sys->files, &now) < 0 ||
		!now.boot_id || strcmp(now.boot_id, t.boot_id) || t.verdict != WB_TRIAL_OPEN)
		return;
	pin = wb_trial_pin(&t);
	if (pin.loader && wb_pin_clear(sys, &pin, NULL) < 0)
		return;
	sys->remove_file(sys->ctx, WB_TRIAL);
	sys->remove_file(sys->ctx, WB_TRIAL_RUNS);
}

void wb_trial_abandon(const struct wb_session_host *h, struct wb_trial_plan *plan)
{
	struct wb_error why = {};

	if (plan->pin.loader && !plan->pin_stays && wb_pin_clear(h->sys, &plan->pin, &why) < 0)
		wb_tell_warning(h, "%s", why.text);
	put_back(h->sys, plan);
}
