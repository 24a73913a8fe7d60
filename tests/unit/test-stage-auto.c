// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Staging by itself on a made-up machine: what is staged, what is refused, whose kernel is left alone, and what the
 * shutdown unloads.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fake-machine.h"
#include "keep/freeze.h"
#include "session/auto-keep.h"
#include "session/auto-switch.h"
#include "session/auto-target.h"
#include "session/auto-ways.h"
#include "session/record.h"
#include "systemd/delay.h"
#include "systemd/systemctl.h"
#include "unit.h"

#define LOADED "/sys/kernel/kexec_loaded"
#define MODULES "/lib/modules/1.2.3-sample"
#define GRUB "/boot/grub/grub.cfg"
#define BOOT_NEXT "/sys/firmware/efi/efivars/BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define INDICATIONS "/sys/firmware/efi/efivars/OsIndications-8be4df61-93ca-11d2-aa0d-00e098032b8c"

struct fixture {
	struct fake_machine m;
	struct wb_auto_host a;
	struct wb_auto_record rec;
	struct wb_error err;
	int locked_by;
	int loads;
	const char *spoils;  /* this file changes while the kernel is loaded */
	const char *refused; /* this file cannot be written */
	int (*load)(void *ctx, uint64_t entry, const struct wb_sys_segment *segments, size_t n,
		unsigned long flags);
	int (*write)(void *ctx, const char *path, struct wb_bytes contents, unsigned mode);
};

/* The operations of the machine get the machine, which is the first member. */
static struct fixture *of(void *ctx)
{
	return ctx;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	fake_store_file(&f->m.store, path, text, text ? strlen(text) : 0);
}

static int load(void *ctx, uint64_t entry, const struct wb_sys_segment *segments, size_t n,
	unsigned long flags)
{
	struct fixture *f = of(ctx);

	f->loads += n > 0;
	if (n && f->spoils)
		put(f, f->spoils, "hsqs another initramfs");
	return f->load(ctx, entry, segments, n, flags);
}

static int write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct fixture *f = of(ctx);

	return f->refused && !strcmp(path, f->refused) ? -ENOSPC
						       : f->write(ctx, path, contents, mode);
}

static int changed_ns(void *ctx, const char *path, int64_t *ret)
{
	*ret = 1;
	return 0;
}

static int room(void *ctx, const char *path, uint64_t *ret)
{
	*ret = 1u << 30;
	return 0;
}

static int locked_by(void *ctx, const char *path)
{
	return of(ctx)->locked_by;
}

static int inhibitors(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	return wb_strv_add(ret, "a backup asks for no shutdown now");
}

static uint64_t boot_ns(void *ctx)
{
	return 1;
}

static int no_link(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	return wb_fail(err, -ENOENT, "there is no %s", path);
}

static int runs(void *ctx, const char *unit, struct wb_error *err)
{
	return 1;
}

static int no_slow_stops(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	return 0;
}

static const struct wb_check_ops checks = {.changed_ns = changed_ns,
	.room = room,
	.locked_by = locked_by,
	.inhibitors = inhibitors,
	.boot_ns = boot_ns,
	.active = runs,
	.slow_stops = no_slow_stops};

static void begin(struct fixture *f)
{
	*f = (struct fixture){};
	fake_machine_init(&f->m);
	f->a = (struct wb_auto_host){&f->m.host, &checks, f};
	f->load = f->m.store.sys.kexec_load;
	f->write = f->m.store.sys.write_file;
	f->m.store.sys.kexec_load = load;
	f->m.store.sys.write_file = write_file;
	f->m.store.files.readlink = no_link;
	put(f, WB_AUTO_SWITCH, "");
	put(f, "/proc/sys/kernel/random/boot_id", "boot-1\n");
	put(f, WB_RECORD_JUMP, NULL);
	put(f, MODULES, "");
	put(f, MODULES "/modules.dep", "");
	put(f, "/boot/i", "hsqs an initramfs");
	put(f, GRUB, "menuentry 'A' --id a {\n linux /boot/k root=/dev/vda1\n initrd /boot/i\n}\n");
}

static void end(struct fixture *f)
{
	wb_auto_record_deinit(&f->rec);
	fake_machine_deinit(&f->m);
}

static bool is_loaded(struct fixture *f)
{
	return !strcmp(fake_store_text(&f->m.store, LOADED), "1\n");
}

/* One run, of which nothing fails. */
static enum wb_auto_state run(struct fixture *f)
{
	wb_auto_record_deinit(&f->rec);
	if (wb_auto_run(&f->a, &f->rec, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return f->rec.state;
}

static void stage(struct fixture *f)
{
	if (run(f) != WB_AUTO_STAGED)
		fail_msg("%s: %s", wb_auto_state_name(f->rec.state), f->rec.why);
}

/* ---- runs ---- */

static void the_default_entry_is_staged_once(void **state)
{
	WB_CLEAN_AUTO_RECORD read = {};
	struct fixture f;

	begin(&f);
	stage(&f);
	assert_true(is_loaded(&f));
	assert_int_equal(f.loads, 1);
	assert_string_equal(f.rec.kernel, "/boot/k");
	assert_true(f.rec.bytes > 0);
	assert_int_equal(wb_auto_record_read(f.m.host.sys->files, &read, NULL), 0);
	assert_string_equal(read.nonce, f.rec.nonce);
	assert_true(wb_auto_is_loaded(f.m.host.sys, &read));
	stage(&f);
	assert_int_equal(f.loads, 1);
	end(&f);
}

static void a_change_of_any_file_stages_anew(void **state)
{
	static const char *const changes[][2] = {{"/boot/i", "hsqs a newer initramfs"},
		{WB_NEXT_WORDS, "quiet\n"},
		{GRUB, "menuentry 'A' --id a {\n linux /boot/k root=/dev/vda1 quiet\n initrd "
		       "/boot/i\n}\n"}};
	struct fixture f;

	begin(&f);
	stage(&f);
	for (int i = 0; i < 3; i++) {
		put(&f, changes[i][0], changes[i][1]);
		stage(&f);
		assert_int_equal(f.loads, 2 + i);
	}
	end(&f);
}

/* A kernel that was staged before is unloaded, too. */
static void no_guess_is_staged(void **state)
{
	static const struct {
		const char *path, *text, *why;
	} faults[] = {{GRUB, NULL, "default"},
		{GRUB, "menuentry 'A' --id a {\n linux /boot/gone root=/dev/vda1\n}\n", ""},
		{"/boot/i", NULL, "/boot/i"}, {"/boot/k", "no kernel", ""},
		{MODULES "/modules.dep", NULL, "\"modules\""}};

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct fixture f;

		begin(&f);
		stage(&f);
		put(&f, faults[i].path, faults[i].text);
		/* Something else has changed as well, so that the load is not left as it is. */
		put(&f, WB_NEXT_WORDS, "quiet\n");
		if (run(&f) != WB_AUTO_REFUSED || !strstr(f.rec.why, faults[i].why))
			fail_msg("%s: %s, %s", faults[i].path, wb_auto_state_name(f.rec.state),
				f.rec.why);
		assert_false(is_loaded(&f));
		assert_null(f.rec.nonce);
		end(&f);
	}
}

static void nothing_can_be_unloaded_any_more(void **state)
{
	struct fixture f;

	begin(&f);
	stage(&f);
	put(&f, "/proc/sys/kernel/kexec_load_disabled", "1\n");
	put(&f, WB_NEXT_WORDS, "quiet\n");
	assert_int_equal(run(&f), WB_AUTO_REFUSED);
	assert_non_null(strstr(f.rec.why, "kexec_load_disabled"));
	assert_true(is_loaded(&f));
	/* It still is known whose kernel that is, and that it is out of date. */
	assert_int_equal(wb_auto_fits(f.m.host.sys, NULL), -ESTALE);
	assert_true(wb_auto_last_look(&f.m.host, true, &f.err) < 0);
	end(&f);
}

static void a_severe_finding_refuses_by_its_id(void **state)
{
	struct fixture f;

	begin(&f);
	/* The running kernel has died once. */
	put(&f, "/proc/sys/kernel/tainted", "128\n");
	assert_int_equal(run(&f), WB_AUTO_REFUSED);
	assert_non_null(strstr(f.rec.why, "\"taint\""));
	put(&f, "/etc/warmboot/check.d/own.conf", "taint\n");
	stage(&f);
	end(&f);
}

static void it_waits_for_package_managers(void **state)
{
	struct fixture f;

	begin(&f);
	stage(&f);
	f.locked_by = 4711;
	put(&f, "/boot/i", "half an initramfs");
	assert_int_equal(run(&f), WB_AUTO_BUSY);
	assert_non_null(strstr(f.rec.why, "4711"));
	assert_int_equal(f.loads, 1);
	assert_true(is_loaded(&f));
	put(&f, "/boot/i", "hsqs an initramfs");
	f.locked_by = 0;
	stage(&f);
	assert_int_equal(f.loads, 1);
	assert_null(f.rec.why);
	end(&f);
}

static void files_that_change_meanwhile_are_not_staged(void **state)
{
	struct fixture f;

	begin(&f);
	f.spoils = "/boot/i";
	assert_int_equal(run(&f), WB_AUTO_BUSY);
	assert_false(is_loaded(&f));
	f.spoils = NULL;
	stage(&f);
	assert_int_equal(f.loads, 2);
	end(&f);
}

static void a_load_without_a_record_is_taken_back(void **state)
{
	static const char *const files[] = {WB_AUTO_RECORD, WB_RECORD_STAGED};

	for (int i = 0; i < 2; i++) {
		WB_CLEAN_AUTO_RECORD rec = {};
		struct fixture f;

		begin(&f);
		f.refused = files[i];
		wb_auto_run(&f.a, &rec, &f.err);
		assert_int_not_equal(rec.state, WB_AUTO_STAGED);
		assert_int_equal(f.loads, 1);
		assert_false(is_loaded(&f));
		end(&f);
	}
}

static void the_kernel_of_others_stays(void **state)
{
	bool left = false;
	struct fixture f;

	begin(&f);
	put(&f, LOADED, "1\n");
	assert_int_equal(run(&f), WB_AUTO_FOREIGN);
	/* A person stages another one over that of an earlier run. */
	put(&f, LOADED, "0\n");
	stage(&f);
	put(&f, WB_RECORD_STAGED, "{\"nonce\": \"00000000000000000000000000000000\"}\n");
	put(&f, "/boot/i", "hsqs a newer initramfs");
	assert_int_equal(run(&f), WB_AUTO_FOREIGN);
	assert_int_equal(f.loads, 1);
	if (wb_auto_drop(&f.m.host, WB_AUTO_OFF, "it is off", &left, &f.err) < 0)
		fail_msg("%s", f.err.text);
	assert_true(left);
	assert_true(is_loaded(&f));
	assert_int_equal(wb_auto_fits(f.m.host.sys, NULL), 0);
	assert_int_equal(wb_auto_last_look(&f.m.host, true, &f.err), 0);
	assert_true(is_loaded(&f));
	end(&f);
}

/* ---- the switch ---- */

static void off_unloads_and_on_stages(void **state)
{
	bool left = true;
	struct fixture f;

	begin(&f);
	put(&f, "/etc/kernel/postinst.d", "");
	stage(&f);
	for (int once = 0; once < 2; once++) {
		if (wb_auto_switch_off(&f.m.host, once, &left, &f.err) < 0)
			fail_msg("%s", f.err.text);
		assert_false(left);
		assert_false(is_loaded(&f));
		assert_int_equal(run(&f), WB_AUTO_OFF);
		wb_auto_record_deinit(&f.rec);
		if (wb_auto_switch_on(&f.a, &f.rec, &f.err) < 0)
			fail_msg("%s", f.err.text);
		assert_int_equal(f.rec.state, WB_AUTO_STAGED);
		assert_true(is_loaded(&f));
		/* Only where something would call it. */
		assert_non_null(strstr(fake_store_text(&f.m.store, wb_auto_hooks[0].path),
			"lib/warmboot/kernel-hook"));
		assert_null(fake_store_text(&f.m.store, wb_auto_hooks[2].path));
	}
	if (wb_auto_switch_off(&f.m.host, false, &left, &f.err) < 0)
		fail_msg("%s", f.err.text);
	assert_null(fake_store_text(&f.m.store, wb_auto_hooks[0].path));
	assert_null(fake_store_text(&f.m.store, WB_AUTO_SWITCH));
	assert_null(fake_store_text(&f.m.store, WB_AUTO_OFF_ONCE));
	end(&f);
}

static void without_systemd_or_units_it_stays_off(void **state)
{
	struct fixture f;

	begin(&f);
	put(&f, WB_AUTO_SWITCH, NULL);
	/* The third operation starts the first unit; the first two write files. */
	f.m.fail_at = 2;
	assert_true(wb_auto_switch_on(&f.a, &f.rec, &f.err) < 0);
	assert_string_equal(f.m.failed, "systemctl");
	assert_null(fake_store_text(&f.m.store, WB_AUTO_SWITCH));
	put(&f, "/run/systemd/system", NULL);
	assert_int_equal(wb_auto_switch_on(&f.a, &f.rec, &f.err), -EOPNOTSUPP);
	assert_null(fake_store_text(&f.m.store, WB_AUTO_SWITCH));
	assert_int_equal(f.loads, 0);
	end(&f);
}

/* ---- the shutdown ---- */

static void what_fits_is_left_alone(void **state)
{
	struct fixture f;

	begin(&f);
	stage(&f);
	assert_int_equal(wb_auto_fits(f.m.host.sys, NULL), 1);
	assert_int_equal(wb_auto_last_look(&f.m.host, true, &f.err), 0);
	assert_true(is_loaded(&f));
	assert_null(fake_store_text(&f.m.store, WB_AUTO_NOTE));
	end(&f);
}

static void what_does_not_fit_is_unloaded(void **state)
{
	static const struct {
		const char *path, *text, *why;
	} rows[] = {{"/boot/i", "hsqs a newer initramfs", "its files were changed"},
		{"/boot/k", NULL, "not known what"}, {GRUB, NULL, "not known what"},
		{WB_AUTO_OFF_ONCE, "", "off"}, {BOOT_NEXT, "\a", "BootNext"},
		{INDICATIONS, "aaaa\1\1", "setup"}, {INDICATIONS, "aaaa\4\1", "update of the"},
		{"/run/systemd/reboot-to-firmware-setup", "", "setup"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int jumps = 0; jumps < 2; jumps++) {
			WB_CLEAN_AUTO_NOTE note = {};
			struct fixture f;

			begin(&f);
			stage(&f);
			put(&f, rows[i].path, rows[i].text);
			assert_int_equal(wb_auto_last_look(&f.m.host, jumps, &f.err), 1);
			assert_false(is_loaded(&f));
			assert_int_equal(
				wb_auto_note_read(f.m.host.sys->files, &note, NULL) == 0, jumps);
			if (jumps && !strstr(note.firmware, rows[i].why))
				fail_msg("%s: %s", rows[i].path, note.firmware);
			end(&f);
		}
}

/* A session has made that shutdown, and has looked itself. */
static void a_session_is_left_alone(void **state)
{
	struct fixture f;

	begin(&f);
	stage(&f);
	wb_jump_record_others(f.m.host.sys);
	put(&f, "/boot/i", "hsqs a newer initramfs");
	assert_int_equal(wb_auto_last_look(&f.m.host, true, &f.err), 0);
	assert_true(is_loaded(&f));
	end(&f);
}

static void notes_of_one_boot_add_up(void **state)
{
	WB_CLEAN_AUTO_NOTE note = {};
	struct fixture f;

	begin(&f);
	wb_auto_note_add(&f.m.host, "first", NULL);
	put(&f, "/proc/sys/kernel/random/boot_id", "boot-2\n");
	wb_auto_note_add(&f.m.host, NULL, "second");
	wb_auto_note_age(&f.m.host);
	wb_auto_note_add(&f.m.host, "third", NULL);
	assert_int_equal(wb_auto_note_read(f.m.host.sys->files, &note, NULL), 0);
	assert_string_equal(note.boot_id, "boot-2");
	assert_string_equal(note.keeping, "second");
	assert_string_equal(note.firmware, "third");
	put(&f, "/proc/sys/kernel/random/boot_id", "boot-3\n");
	wb_auto_note_age(&f.m.host);
	assert_null(fake_store_text(&f.m.store, WB_AUTO_NOTE));
	end(&f);
}

/* ---- sessions ---- */

static struct wb_session *begin_session(struct fixture *f, const struct wb_session_options *o)
{
	struct wb_session *s;

	if (wb_session_new_on(&f->m.host, o, &s, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return s;
}

static int reread(void *arg, const char *text, struct wb_session_options *ret)
{
	assert_string_equal(text, "default\n");
	ret->entry = "default";
	return 0;
}

static void a_reboot_stages_anew_what_is_out_of_date(void **state)
{
	const struct wb_session_options o = {
		.size = sizeof(o), .reread = reread, .keep_none = true};
	struct fixture f;

	for (int changed = 0; changed < 2; changed++) {
		struct wb_session *s;

		begin(&f);
		stage(&f);
		if (changed)
			put(&f, "/boot/i", "hsqs a newer initramfs");
		s = begin_session(&f, &o);
		if (wb_session_run(s, &f.err) < 0)
			fail_msg("%s", f.err.text);
		assert_int_equal(f.loads, 1 + changed);
		wb_session_free(s);
		end(&f);
	}
}

/* A kernel is staged by itself, and a service is to be kept. */
static struct wb_session *begin_kept(struct fixture *f)
{
	static const char *const kept[] = {"one.service"};
	const struct wb_session_options o = {
		.size = sizeof(o), .reread = reread, .keep = kept, .n_keep = 1};

	begin(f);
	stage(f);
	return begin_session(f, &o);
}

static void services_are_made_ready_for_a_shutdown_of_others(void **state)
{
	struct fixture f;
	struct wb_session *s = begin_kept(&f);

	if (wb_auto_prepare(s, UINT64_C(3600000000), &f.err) < 0)
		fail_msg("%s", f.err.text);
	assert_int_equal(f.m.shutdowns, 0);
	assert_non_null(fake_store_text(&f.m.store, WB_FREEZE_DRAFT));
	assert_true(wb_jump_is_recorded(f.m.host.sys));
	assert_int_equal(f.loads, 2);
	/* The shutdown is cancelled. */
	wb_session_undo(s);
	assert_null(fake_store_text(&f.m.store, WB_FREEZE_DRAFT));
	assert_false(wb_jump_is_recorded(f.m.host.sys));
	wb_session_free(s);
	end(&f);
}

/* logind does not wait longer, and then stops the services. */
static void without_time_nothing_is_armed(void **state)
{
	struct fixture f;
	struct wb_session *s = begin_kept(&f);

	assert_int_equal(wb_auto_prepare(s, 5000000, &f.err), -ETIME);
	assert_non_null(strstr(f.err.text, "InhibitDelayMaxSec"));
	assert_null(fake_store_text(&f.m.store, WB_FREEZE_DRAFT));
	wb_session_free(s);
	end(&f);
}

static void only_some_shutdowns_are_to_be_prepared(void **state)
{
	struct fixture f;

	begin(&f);
	stage(&f);
	assert_int_equal(wb_auto_is_to_prepare(f.m.host.sys, &f.err), 1);
	put(&f, BOOT_NEXT, "\a");
	assert_int_equal(wb_auto_is_to_prepare(f.m.host.sys, &f.err), -ESTALE);
	put(&f, BOOT_NEXT, NULL);
	put(&f, "/boot/i", "hsqs a newer initramfs");
	assert_int_equal(wb_auto_is_to_prepare(f.m.host.sys, &f.err), -ESTALE);
	/* A person's kernel is jumped to, whatever a plain reboot would boot. */
	put(&f, WB_AUTO_RECORD, NULL);
	assert_int_equal(wb_auto_is_to_prepare(f.m.host.sys, &f.err), 1);
	put(&f, LOADED, "0\n");
	assert_int_equal(wb_auto_is_to_prepare(f.m.host.sys, &f.err), 0);
	end(&f);
}

static void a_loss_of_services_is_noted(void **state)
{
	WB_CLEAN_AUTO_NOTE note = {};
	struct fixture f;

	begin(&f);
	wb_auto_note_unready(&f.m.host);
	assert_null(fake_store_text(&f.m.store, WB_AUTO_NOTE));
	put(&f, WB_KEEP_DIR "/one.service.conf", "How=auto\n");
	put(&f, WB_FREEZE_DRAFT, "{}");
	wb_auto_note_unready(&f.m.host);
	assert_null(fake_store_text(&f.m.store, WB_AUTO_NOTE));
	put(&f, WB_FREEZE_DRAFT, NULL);
	wb_auto_note_unready(&f.m.host);
	assert_int_equal(wb_auto_note_read(f.m.host.sys->files, &note, NULL), 0);
	assert_non_null(strstr(note.keeping, "systemd-logind"));
	/* A reason that is known already stays. */
	wb_auto_note_add(&f.m.host, NULL, "CRIU is missing");
	wb_auto_note_unready(&f.m.host);
	wb_auto_note_deinit(&note);
	assert_int_equal(wb_auto_note_read(f.m.host.sys->files, &note, NULL), 0);
	assert_string_equal(note.keeping, "CRIU is missing");
	end(&f);
}

static void logind_is_told_how_long_it_may_wait(void **state)
{
	struct fixture f;

	begin(&f);
	assert_int_equal(wb_auto_delay_settle(&f.m.host, true, &f.err), 0);
	assert_null(fake_store_text(&f.m.store, WB_AUTO_DELAY_FILE));
	put(&f, WB_KEEP_DIR "/one.service.conf", "How=auto\n");
	assert_int_equal(wb_auto_delay_settle(&f.m.host, true, &f.err), 0);
	assert_non_null(
		strstr(fake_store_text(&f.m.store, WB_AUTO_DELAY_FILE), "InhibitDelayMaxSec=180"));
	assert_int_equal(wb_auto_delay_settle(&f.m.host, false, &f.err), 0);
	assert_null(fake_store_text(&f.m.store, WB_AUTO_DELAY_FILE));
	end(&f);
}

/* ---- systemd ---- */

static void ways_depend_on_the_version(void **state)
{
	const struct wb_auto_way *way;
	size_t n[3] = {0};

	for (size_t i = 0; (way = wb_auto_way(i)); i++) {
		n[0] += wb_auto_way_jumps(way, 0);
		n[1] += wb_auto_way_jumps(way, 252);
		n[2] += wb_auto_way_jumps(way, 257);
		if (!strcmp(way->what, "systemctl reboot")) {
			assert_false(wb_auto_way_jumps(way, 254));
			assert_true(wb_auto_way_jumps(way, 255));
		}
	}
	assert_int_equal(n[0], n[1]);
	assert_true(n[2] > n[1]);
}

static void versions_are_read(void **state)
{
	assert_int_equal(wb_systemd_version_of("systemd 257 (257.13-1~deb13u1)\n+PAM\n"), 257);
	assert_int_equal(wb_systemd_version_of("systemd 262 (262)"), 262);
	assert_int_equal(wb_systemd_version_of("systemd v257\n"), 0);
	assert_int_equal(wb_systemd_version_of("systemd 99999999999999999999\n"), 0);
	assert_int_equal(wb_systemd_version_of("elogind 255\n"), 0);
	assert_int_equal(wb_systemd_version_of(""), 0);
}

static void kinds_of_shutdowns_are_told_apart(void **state)
{
	assert_int_equal(wb_delay_kind(true, "kexec"), WB_DELAY_KEXEC);
	assert_int_equal(wb_delay_kind(true, "reboot"), WB_DELAY_OTHER);
	assert_int_equal(wb_delay_kind(true, NULL), WB_DELAY_OTHER);
	assert_int_equal(wb_delay_kind(false, "kexec"), WB_DELAY_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_entry_is_staged_once),
		cmocka_unit_test(a_change_of_any_file_stages_anew),
		cmocka_unit_test(no_guess_is_staged),
		cmocka_unit_test(nothing_can_be_unloaded_any_more),
		cmocka_unit_test(a_severe_finding_refuses_by_its_id),
		cmocka_unit_test(it_waits_for_package_managers),
		cmocka_unit_test(files_that_change_meanwhile_are_not_staged),
		cmocka_unit_test(a_load_without_a_record_is_taken_back),
		cmocka_unit_test(the_kernel_of_others_stays),
		cmocka_unit_test(off_unloads_and_on_stages),
		cmocka_unit_test(without_systemd_or_units_it_stays_off),
		cmocka_unit_test(what_fits_is_left_alone),
		cmocka_unit_test(what_does_not_fit_is_unloaded),
		cmocka_unit_test(a_session_is_left_alone),
		cmocka_unit_test(notes_of_one_boot_add_up),
		cmocka_unit_test(a_reboot_stages_anew_what_is_out_of_date),
		cmocka_unit_test(services_are_made_ready_for_a_shutdown_of_others),
		cmocka_unit_test(without_time_nothing_is_armed),
		cmocka_unit_test(only_some_shutdowns_are_to_be_prepared),
		cmocka_unit_test(a_loss_of_services_is_noted),
		cmocka_unit_test(logind_is_told_how_long_it_may_wait),
		cmocka_unit_test(ways_depend_on_the_version),
		cmocka_unit_test(versions_are_read),
		cmocka_unit_test(kinds_of_shutdowns_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
