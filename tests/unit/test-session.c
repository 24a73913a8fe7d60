// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A session from end to end on a made-up machine. Whatever fails, in whichever row, the machine is as it was
 * before; and what goes well does so in the order of the rows.
 */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

#include <unistd.h>

#include "fake-machine.h"
#include "sys/lock.h"
#include "timeline/marks.h"

static const char *const kept[] = {"one.service", "two.service"};

struct fixture {
	struct fake_machine m;
	struct wb_session_options o;
	struct wb_session *s;
	struct wb_error err;
	char *before;
	/* the messages */
	char done[512], warned[1024];
	unsigned asked, break_off_at; /* 0: never */
};

static void done(void *arg, const char *name)
{
	struct fixture *f = arg;

	strcat(f->done, name);
	strcat(f->done, " ");
}

static void warn(void *arg, const char *sentence)
{
	struct fixture *f = arg;
	size_t n = strlen(f->warned);

	snprintf(f->warned + n, sizeof(f->warned) - n, "%s\n", sentence);
}

static int interrupted(void *arg, struct wb_error *err)
{
	struct fixture *f = arg;

	return ++f->asked == f->break_off_at ? wb_fail(err, -EINTR, "broken off") : 0;
}

enum mode { ORDERLY, NOW, INSISTING, GUARDED, N_MODES };

static void put(struct fixture *f, const char *path, const char *text)
{
	fake_store_file(&f->m.store, path, text, strlen(text));
}

/* A machine whose GRUB can be pinned to the kernel that runs. */
static void put_loader(struct fixture *f)
{
	char block[1024];

	memset(block, '#', sizeof(block));
	memcpy(block, "# GRUB Environment Block\n", 25);
	fake_store_file(&f->m.store, "/boot/grub/grubenv", block, sizeof(block));
	put(f, WB_GUARD_CONFIG, "Guard=require\n");
	put(f, "/boot/vmlinuz-6.1.0-test", "k");
	put(f, "/sys/dev/block/254:2", "");
	put(f, "/boot/grub/grub.cfg",
		"load_env\nif [ \"${next_entry}\" ]; then\n set default=\"${next_entry}\"\n"
		" set next_entry=\n save_env next_entry\nfi\n"
		"menuentry 'New' --id new {\n linux /boot/k root=/dev/vda1\n}\n"
		"menuentry 'Old' --id old {\n linux /boot/vmlinuz-6.1.0-test root=/dev/vda1\n}\n");
}

static void begin(struct fixture *f, enum mode mode)
{
	*f = (struct fixture){};
	fake_machine_init(&f->m);
	/* One of the units is to be kept as a process and in no other way. */
	if (mode == INSISTING)
		fake_store_file(&f->m.store, WB_KEEP_DIR "/one.service.conf", "How=process\n", 12);
	if (mode == GUARDED)
		put_loader(f);
	f->o = (struct wb_session_options){.size = sizeof(f->o),
		.load = {.kernel = "/boot/k",
			.cmdline = "root=/dev/vda1",
			.initramfs = WB_INITRAMFS_OWN},
		.keep = kept,
		.n_keep = 2,
		.now = mode == NOW,
		.tell = {f, NULL, warn, done, interrupted}};
	f->before = fake_machine_state(&f->m);
	if (wb_session_new_on(&f->m.host, &f->o, &f->s, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void end(struct fixture *f)
{
	wb_session_free(f->s);
	free(f->before);
	fake_machine_deinit(&f->m);
}

static void as_before(struct fixture *f, const char *when)
{
	char *now;

	wb_session_free(f->s);
	f->s = NULL;
	now = fake_machine_state(&f->m);
	for (size_t i = 0; now[i] || f->before[i]; i++)
		if (now[i] != f->before[i])
			fail_msg("%s: %s\nbefore: …%.500s\nand now: …%.500s", when, f->err.text,
				f->before + i, now + i);
	free(now);
}

/* ---- all goes well ---- */

static void steps_are_done_in_their_order(void **state)
{
	struct wb_session_unit u;
	struct fixture f;
	const char *text;
	char want[512] = "";

	begin(&f, ORDERLY);
	if (wb_session_run(f.s, &f.err) < 0)
		fail_msg("%s", f.err.text);
	for (size_t i = 0; wb_session_step(i); i++) {
		strcat(want, wb_session_step(i));
		strcat(want, " ");
	}
	assert_string_equal(f.done, want);
	assert_int_equal(f.m.shutdowns, 1);
	assert_string_equal(wb_session_init(f.s), "fake");
	assert_true(wb_session_unit(f.s, 0, &u));
	assert_string_equal(u.how, "process");
	assert_true(wb_session_unit(f.s, 1, &u));
	assert_string_equal(u.how, "restart");
	assert_string_equal(u.why, "it has a device open");
	assert_false(wb_session_unit(f.s, 2, &u));
	assert_non_null(wb_session_stage(f.s));
	/* The files that the shutdown needs are there. */
	assert_non_null(fake_store_text(&f.m.store, WB_FREEZE_DRAFT));
	assert_non_null(strstr(f.m.systemd, "one.service.d/"));
	/* The unit beside the kept one is exempt too, and keeps its other settings. */
	text = fake_store_text(
		&f.m.store, "/run/systemd/system/umbrella.service.d/zzzz-warmboot.conf");
	assert_non_null(text);
	assert_non_null(strstr(text, "DefaultDependencies=no"));
	assert_null(strstr(text, "[Service]"));
	assert_null(strstr(f.m.systemd, "others.target"));
	wb_session_free(f.s);
	f.s = NULL;
	assert_non_null(fake_store_text(&f.m.store, WB_FREEZE_DRAFT));
	end(&f);
}

static void marks_are_those_of_the_rows(void **state)
{
	static const char *const want[] = {WB_MARK_REQUEST, WB_MARK_STAGED, WB_MARK_ASKED};
	WB_CLEAN_MARKS marks = {};
	struct fixture f;

	begin(&f, ORDERLY);
	assert_int_equal(wb_session_run(f.s, &f.err), 0);
	assert_int_equal(wb_marks_read(f.m.host.sys->files, &marks, NULL), 0);
	assert_int_equal(marks.n, 3);
	for (size_t i = 0; i < marks.n; i++)
		assert_string_equal(marks.items[i].name, want[i]);
	end(&f);
}

static void a_preview_changes_nothing(void **state)
{
	for (enum mode mode = 0; mode < N_MODES; mode++) {
		struct wb_session_unit u;
		struct fixture f;

		begin(&f, mode);
		if (wb_session_preview(f.s, &f.err) < 0)
			fail_msg("%s", f.err.text);
		assert_true(wb_session_unit(f.s, 0, &u));
		assert_string_equal(u.how, "process");
		assert_string_equal(wb_stage_info(wb_session_stage(f.s)).cmdline,
			mode == GUARDED ? "root=/dev/vda1 " WB_TRIAL_WORDS : "root=/dev/vda1");
		assert_int_equal(wb_session_trial(f.s).guarded, mode == GUARDED);
		assert_string_equal(wb_session_load(f.s)->kernel, "/boot/k");
		assert_string_equal(f.done, "");
		assert_null(fake_store_text(&f.m.store, WB_MARKS));
		/* It was no beginning. */
		assert_int_equal(wb_session_run(f.s, &f.err), -EINVAL);
		as_before(&f, "preview");
		end(&f);
	}
}

static void what_is_prepared_can_be_undone(void **state)
{
	for (int by_free = 0; by_free < 2; by_free++) {
		struct fixture f;

		begin(&f, ORDERLY);
		if (wb_session_prepare(f.s, &f.err) < 0)
			fail_msg("%s", f.err.text);
		assert_string_equal(fake_store_text(&f.m.store, "/sys/kernel/kexec_loaded"), "1\n");
		if (!by_free) {
			wb_session_undo(f.s);
			assert_int_equal(wb_session_run(f.s, &f.err), -EINVAL);
		}
		as_before(&f, "undo");
		end(&f);
	}
}

static void what_is_prepared_can_be_gone_on_with(void **state)
{
	struct fixture f;

	begin(&f, ORDERLY);
	assert_int_equal(wb_session_prepare(f.s, &f.err), 0);
	assert_non_null(strstr(f.done, "rehearse "));
	assert_null(strstr(f.done, "arm "));
	assert_int_equal(wb_session_run(f.s, &f.err), 0);
	assert_int_equal(f.m.shutdowns, 1);
	end(&f);
}

/* ---- each row fails ---- */

static int refuse(struct wb_session *s, struct wb_error *err)
{
	return wb_fail(err, -EIO, "this row fails");
}

/* The table, with another act() in row i. */
static void copy_rows(struct wb_session_row *rows, size_t i,
	int (*act)(struct wb_session *s, struct wb_error *err))
{
	size_t n = 0;

	for (; wb_session_rows[n].name; n++)
		rows[n] = wb_session_rows[n];
	rows[n] = (struct wb_session_row){};
	rows[i].act = act;
}

static void each_row_that_fails_leaves_all_as_it_was(void **state)
{
	struct wb_session_row rows[WB_SESSION_ROWS_MOST];

	for (enum mode mode = 0; mode < N_MODES; mode++)
		for (size_t i = 0; wb_session_rows[i].name; i++) {
			struct fixture f;

			begin(&f, mode);
			copy_rows(rows, i, refuse);
			f.s->rows = rows;
			assert_int_equal(wb_session_run(f.s, &f.err), -EIO);
			assert_string_equal(f.err.text, "this row fails");
			as_before(&f, rows[i].name);
			end(&f);
		}
}

/* Every operation of a session fails once. */
static void each_operation_that_fails_leaves_all_as_it_was(void **state)
{
	bool failed[WB_SESSION_ROWS_MOST] = {};

	for (enum mode mode = 0; mode < N_MODES; mode++)
		for (unsigned at = 1;; at++) {
			struct fixture f;
			size_t row;
			int r;

			begin(&f, mode);
			f.m.fail_at = at;
			r = wb_session_run(f.s, &f.err);
			row = f.s->next;
			if (r == 0 || !*f.m.failed) {
				/* Some are no reason to stop. All were tried where none failed. */
				bool all = !*f.m.failed;

				if (all && mode == NOW)
					as_before(&f, "the jump");
				end(&f);
				if (all)
					break;
				continue;
			}
			assert_true(*f.err.text);
			failed[row] = true;
			f.m.fail_at = 0;
			as_before(&f, f.m.failed);
			end(&f);
		}
	for (size_t i = 0; wb_session_rows[i].name; i++) {
		/* The machine has no domain to save (test-libvirt.c) and no watchdog, and nobody checks it. */
		static const char *const cannot[] = {"lock", "guard", "watchdog",
			"watchdog-shutdown", "hand-over", "one-shot", "save", "check", "trial"};
		bool can = true;

		for (size_t k = 0; k < sizeof(cannot) / sizeof(*cannot); k++)
			can &= strcmp(cannot[k], wb_session_rows[i].name) != 0;
		if (can && !failed[i])
			fail_msg("nothing made the row %s fail", wb_session_rows[i].name);
	}
}

static void whoever_breaks_it_off_finds_all_as_it_was(void **state)
{
	for (unsigned at = 1;; at++) {
		struct fixture f;
		int r;

		begin(&f, ORDERLY);
		f.break_off_at = at;
		r = wb_session_run(f.s, &f.err);
		if (r == 0) {
			assert_true(at > 12);
			end(&f);
			break;
		}
		assert_int_equal(r, -EINTR);
		as_before(&f, "broken off");
		end(&f);
	}
}

/* A machine with no room for records, as the preflight sees it. */
static int changed_ns(void *ctx, const char *path, int64_t *ret)
{
	return -ENOENT;
}

static int no_room(void *ctx, const char *path, uint64_t *ret)
{
	*ret = 0;
	return 0;
}

static int nobody(void *ctx, const char *path)
{
	return 0;
}

static int no_inhibitors(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	return 0;
}

static int runs(void *ctx, const char *unit, struct wb_error *err)
{
	return 1;
}

static uint64_t an_hour(void *ctx)
{
	return UINT64_C(3600000000000);
}

static void what_is_severe_refuses_unless_it_is_forced(void **state)
{
	static const struct wb_check_ops full = {
		changed_ns, no_room, nobody, no_inhibitors, an_hour, runs, no_inhibitors};
	static const char *const force[] = {"room", "modules"};
	struct fixture f;

	begin(&f, ORDERLY);
	f.s->host.checks = &full;
	assert_int_equal(wb_session_run(f.s, &f.err), -EPERM);
	assert_non_null(strstr(f.err.text, "--force-check="));
	as_before(&f, "check");
	end(&f);
	begin(&f, ORDERLY);
	f.s->host.checks = &full;
	f.s->options.force_checks = force;
	f.s->options.n_force_checks = 2;
	if (wb_session_run(f.s, &f.err) < 0)
		fail_msg("%s", f.err.text);
	assert_non_null(strstr(f.warned, "room: "));
	assert_true(wb_strv_has(&f.s->forced, "room"));
	end(&f);
}

static void a_lock_that_is_taken_refuses(void **state)
{
	struct wb_lock how = {.command = "unload"};
	struct fixture f;
	int fd;

	begin(&f, ORDERLY);
	how.path = f.m.lock;
	fd = wb_lock_take(&how, NULL);
	assert_true(fd >= 0);
	assert_int_equal(wb_session_run(f.s, &f.err), -EBUSY);
	assert_non_null(strstr(f.err.text, "\"warmboot unload\" is at work"));
	close(fd);
	as_before(&f, "lock");
	end(&f);
}

/* The caller's own lock is handed over, and stays the caller's. */
static void a_lock_that_is_given_is_used(void **state)
{
	struct wb_lock how = {.command = "reboot"};
	struct fixture f;
	int fd;

	begin(&f, ORDERLY);
	how.path = f.m.lock;
	fd = wb_lock_take(&how, NULL);
	f.s->options.lock = &fd;
	f.m.kexec_result = -EACCES;
	assert_int_equal(wb_session_run(f.s, &f.err), -EACCES);
	wb_session_free(f.s);
	f.s = NULL;
	assert_int_equal(wb_lock_take(&how, &f.err), -EBUSY);
	close(fd);
	as_before(&f, "lock");
	end(&f);
}

static int stopped(struct wb_session *s, struct wb_error *err)
{
	return wb_fail(err, -ESHUTDOWN, "the kernel refused to jump");
}

/* After a shutdown, the next boot's information stays, and all that it would restore. */
static void after_a_shutdown_only_what_outlives_it_is_undone(void **state)
{
	struct wb_session_row rows[WB_SESSION_ROWS_MOST];
	struct fixture f;
	size_t last = 0;
	char *now;

	while (wb_session_rows[last + 1].name)
		last++;
	begin(&f, ORDERLY);
	copy_rows(rows, last, stopped);
	f.s->rows = rows;
	assert_int_equal(wb_session_run(f.s, &f.err), -ESHUTDOWN);
	wb_session_free(f.s);
	f.s = NULL;
	now = fake_machine_state(&f.m);
	assert_non_null(strstr(now, "lock free"));
	assert_non_null(strstr(now, WB_FREEZE_DRAFT));
	assert_non_null(strstr(now, "kexec_loaded: 1"));
	assert_null(strstr(now, "\"method\": \"fast\"}"));
	free(now);
	end(&f);
}

/* ---- a kernel that is staged already ---- */

static void without_a_wish_what_is_loaded_is_taken(void **state)
{
	struct fixture f;

	begin(&f, ORDERLY);
	f.s->options.keep_none = true;
	f.s->options.load.kernel = NULL;
	fake_store_file(&f.m.store, "/sys/kernel/kexec_loaded", "1\n", 2);
	free(f.before);
	f.before = fake_machine_state(&f.m);
	f.m.kexec_result = -EACCES;
	assert_int_equal(wb_session_run(f.s, &f.err), -EACCES);
	assert_null(wb_session_stage(f.s));
	as_before(&f, "a loaded kernel");
	end(&f);
}

/* It was staged with unknown words, and without a store. */
static void what_is_loaded_does_not_do_for_kept_services(void **state)
{
	struct fixture f;

	begin(&f, ORDERLY);
	f.s->options.load.kernel = NULL;
	fake_store_file(&f.m.store, "/sys/kernel/kexec_loaded", "1\n", 2);
	free(f.before);
	f.before = fake_machine_state(&f.m);
	assert_int_equal(wb_session_run(f.s, &f.err), -EBUSY);
	assert_non_null(strstr(f.err.text, "knows nothing of kept services"));
	as_before(&f, "a loaded kernel");
	end(&f);
}

static void an_inhibitor_refuses_before_any_work(void **state)
{
	struct fixture f;

	begin(&f, ORDERLY);
	f.m.inhibited = 1;
	assert_int_equal(wb_session_run(f.s, &f.err), -EBUSY);
	assert_string_equal(f.done, "lock guard ");
	as_before(&f, "inhibitor");
	f.m.inhibited = 1;
	f.o.ignore_inhibitors = true;
	assert_int_equal(wb_session_new_on(&f.m.host, &f.o, &f.s, &f.err), 0);
	assert_int_equal(wb_session_run(f.s, &f.err), 0);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_done_in_their_order),
		cmocka_unit_test(marks_are_those_of_the_rows),
		cmocka_unit_test(a_preview_changes_nothing),
		cmocka_unit_test(what_is_prepared_can_be_undone),
		cmocka_unit_test(what_is_prepared_can_be_gone_on_with),
		cmocka_unit_test(each_row_that_fails_leaves_all_as_it_was),
		cmocka_unit_test(each_operation_that_fails_leaves_all_as_it_was),
		cmocka_unit_test(whoever_breaks_it_off_finds_all_as_it_was),
		cmocka_unit_test(what_is_severe_refuses_unless_it_is_forced),
		cmocka_unit_test(a_lock_that_is_taken_refuses),
		cmocka_unit_test(a_lock_that_is_given_is_used),
		cmocka_unit_test(after_a_shutdown_only_what_outlives_it_is_undone),
		cmocka_unit_test(without_a_wish_what_is_loaded_is_taken),
		cmocka_unit_test(what_is_loaded_does_not_do_for_kept_services),
		cmocka_unit_test(an_inhibitor_refuses_before_any_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
