// SPDX-License-Identifier: LGPL-2.1-or-later
/* jump/record.c: records of jumps, and the verdict on them. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "fake-files.h"
#include "jump/record.h"
#include "purgatory/handoff.h"

static const struct wb_record asked = {
	.from = "6.12",
	.to = "7.2",
	.method = "fast",
	.nonce = "0123",
	.boot_id = "boot-a",
	.time = 1000,
};

static void a_mark_tells_the_jump(void **state)
{
	const struct wb_traces handoff = {.boot_id = "boot-b",
		.handoff_nonce = "0123",
		.handoff_method = "segments",
		.handoff_from = "6.12",
		.handoff_to = "7.2"};
	const struct wb_traces word = {.boot_id = "boot-b", .word = "0123", .release = "7.2"};
	struct wb_verdict v = wb_judge(&asked, &handoff);

	assert_int_equal(v.outcome, WB_OUTCOME_JUMPED);
	assert_int_equal(v.when, 1000);
	assert_string_equal(v.method, "segments");
	v = wb_judge(&asked, &word);
	assert_int_equal(v.outcome, WB_OUTCOME_JUMPED);
	assert_string_equal(v.to, "7.2");
	/* systemctl kexec leaves no record, but the block is there. */
	v = wb_judge(NULL, &handoff);
	assert_int_equal(v.outcome, WB_OUTCOME_JUMPED);
	assert_string_equal(v.from, "6.12");
}

static void a_firmware_reboot_is_called_one(void **state)
{
	const struct wb_traces t = {.boot_id = "boot-b", .release = "7.2", .boot_time = 1060};
	struct wb_record foreign = asked;

	assert_int_equal(wb_judge(&asked, &t).outcome, WB_OUTCOME_FIRMWARE);
	foreign.nonce = NULL;
	assert_int_equal(wb_judge(&foreign, &t).outcome, WB_OUTCOME_FIRMWARE);
}

static void the_same_boot_means_it_did_not_happen(void **state)
{
	const struct wb_traces t = {.boot_id = "boot-a", .release = "6.12"};

	assert_int_equal(wb_judge(&asked, &t).outcome, WB_OUTCOME_NOT_HAPPENED);
	assert_int_equal(wb_judge(NULL, &t).outcome, WB_OUTCOME_NONE);
}

static void a_boot_that_was_a_jump_may_fail_to_make_the_next(void **state)
{
	const struct wb_traces handoff = {.boot_id = "boot-a", .handoff_nonce = "ff"};
	const struct wb_traces word = {.boot_id = "boot-a", .word = "ff"};

	assert_int_equal(wb_judge(&asked, &handoff).outcome, WB_OUTCOME_NOT_HAPPENED);
	assert_int_equal(wb_judge(&asked, &word).outcome, WB_OUTCOME_NOT_HAPPENED);
}

static void doubt_is_admitted(void **state)
{
	struct wb_traces t = {.boot_id = "boot-b", .by_kexec = true, .boot_time = 1060};
	struct wb_record foreign = asked;

	/* A kexec, but not this one: no mark where one must be. */
	assert_int_equal(wb_judge(&asked, &t).outcome, WB_OUTCOME_UNKNOWN);
	/* A kernel that others loaded bears none. */
	foreign.nonce = NULL;
	assert_int_equal(wb_judge(&foreign, &t).outcome, WB_OUTCOME_JUMPED);
	/* Long after: other boots may lie between. */
	t.by_kexec = false;
	t.boot_time = 100000;
	assert_int_equal(wb_judge(&asked, &t).outcome, WB_OUTCOME_UNKNOWN);
}

static void a_written_verdict_stands(void **state)
{
	const struct wb_traces t = {.boot_id = "boot-c", .boot_time = 100000};
	struct wb_record judged = asked;

	judged.judged_boot = "boot-b";
	judged.outcome = WB_OUTCOME_JUMPED;
	judged.judged_why = "it says so";
	assert_int_equal(wb_judge(&judged, &t).outcome, WB_OUTCOME_JUMPED);
	assert_string_equal(wb_judge(&judged, &t).why, "it says so");
}

static void a_copied_mark_is_no_jump_of_its_own(void **state)
{
	struct wb_traces t = {.boot_id = "boot-c", .word = "0123", .by_kexec = true};
	struct wb_record judged = asked;

	judged.judged_boot = "boot-b";
	judged.outcome = WB_OUTCOME_JUMPED;
	assert_string_equal(wb_judge(&judged, &t).why, "judged in the boot that followed");
	/* A mark that is on no record is one of a jump that left none, where kexec made the boot. */
	t.word = "4567";
	assert_string_equal(wb_judge(&judged, &t).method, "file");
	assert_int_equal(wb_judge(&judged, &t).outcome, WB_OUTCOME_JUMPED);
	/* A boot loader started it: the word is in its configuration, perhaps of another machine. */
	t.by_kexec = false;
	assert_string_equal(wb_judge(&judged, &t).why, "judged in the boot that followed");
	assert_int_equal(wb_judge(NULL, &t).outcome, WB_OUTCOME_NONE);
	assert_int_equal(wb_judge(&asked, &t).outcome, WB_OUTCOME_FIRMWARE);
}

static void a_number_needs_its_record(void **state)
{
	struct wb_traces word = {.boot_id = "boot-b", .word = "0123"};
	struct wb_traces block = {.boot_id = "boot-b", .handoff_nonce = "0123"};
	struct wb_record rec = asked;

	assert_string_equal(wb_jump_number(&rec, &word), "0123");
	assert_string_equal(wb_jump_number(&rec, &block), "0123");
	/* The block is made anew by each jump, and not by what lies on a disk. */
	assert_null(wb_jump_number(NULL, &word));
	assert_string_equal(wb_jump_number(NULL, &block), "0123");
	rec.nonce = "4567";
	assert_null(wb_jump_number(&rec, &word));
	assert_string_equal(wb_jump_number(&rec, &block), "0123");
	rec.nonce = NULL;
	assert_null(wb_jump_number(&rec, &word));
	/* Judged here it is still this boot's, judged elsewhere never again. */
	rec = asked;
	rec.judged_boot = "boot-b";
	assert_string_equal(wb_jump_number(&rec, &word), "0123");
	assert_string_equal(wb_jump_number(&rec, &block), "0123");
	rec.judged_boot = "boot-x";
	assert_null(wb_jump_number(&rec, &word));
	assert_null(wb_jump_number(&rec, &block));
	rec.outcome = WB_OUTCOME_FIRMWARE;
	assert_int_equal(wb_judge(&rec, &block).outcome, WB_OUTCOME_FIRMWARE);
	/* This very boot has asked for it: it has not happened. */
	rec = asked;
	rec.boot_id = "boot-b";
	assert_null(wb_jump_number(&rec, &word));
	assert_null(wb_jump_number(&rec, &(struct wb_traces){.boot_id = "boot-b"}));
}

static void another_jump_than_the_one_on_record(void **state)
{
	const struct wb_traces t = {.boot_id = "boot-c",
		.handoff_nonce = "ff",
		.handoff_from = "7.2",
		.handoff_to = "",
		.handoff_method = "fast",
		.release = "6.12"};
	struct wb_verdict v = wb_judge(&asked, &t);

	assert_int_equal(v.outcome, WB_OUTCOME_JUMPED);
	assert_string_equal(v.from, "7.2");
	assert_string_equal(v.to, "6.12");
}

/* One file of memory behind the ops that a record needs. */
struct memory_file {
	char path[64];
	char text[4096];
};

static int write_memory(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct memory_file *f = ctx;

	if (contents.size >= sizeof(f->text))
		return -ENOSPC;
	snprintf(f->path, sizeof(f->path), "%s", path);
	memcpy(f->text, contents.data, contents.size);
	f->text[contents.size] = '\0';
	return 0;
}

static void records_survive_a_round_trip(void **state)
{
	struct memory_file memory = {};
	const struct wb_sys sys = {.ctx = &memory, .write_file = write_memory};
	WB_CLEAN_RECORD back = {};
	struct fake_file disk[] = {{WB_RECORD_JUMP, memory.text}, {}};
	struct wb_files files = fake_files(disk);
	struct wb_record rec = asked;

	rec.kernel = "/boot/a \"quoted\" name";
	rec.outcome = WB_OUTCOME_FIRMWARE;
	rec.judged_boot = "boot-b";
	assert_int_equal(wb_record_write(&sys, WB_RECORD_JUMP, &rec, NULL), 0);
	assert_string_equal(memory.path, WB_RECORD_JUMP);
	assert_int_equal(wb_record_read(&files, WB_RECORD_JUMP, &back, NULL), 0);
	assert_string_equal(back.kernel, rec.kernel);
	assert_string_equal(back.nonce, "0123");
	assert_int_equal(back.time, 1000);
	assert_int_equal(back.outcome, WB_OUTCOME_FIRMWARE);
	assert_null(back.entry);
}

static int read_text(const char *text, size_t n, struct wb_record *ret, struct wb_error *err)
{
	const struct fake_file disk[] = {{WB_RECORD_JUMP, text, n}, {}};
	struct wb_files files = fake_files(disk);

	return wb_record_read(&files, WB_RECORD_JUMP, ret, err);
}

static void a_damaged_record_is_named(void **state)
{
	static const char whole[] = "{\"from\": \"6.1\", \"time\": 5}";
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{"{\"from\": ", WB_RECORD_JUMP ", line 1, is no JSON: remove the file"},
		{"[]", WB_RECORD_JUMP ": an object was expected: remove the file"},
		{"{\"from\": 6}", WB_RECORD_JUMP ": \"from\" is no string: remove the file"},
		{"{\"time\": \"6\"}", WB_RECORD_JUMP ": \"time\" is no integer: remove the file"},
	};
	static const struct fake_file nothing[] = {{}};
	struct wb_files none = fake_files(nothing);
	WB_CLEAN_RECORD rec = {};
	struct wb_error err = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(read_text(bad[i].text, strlen(bad[i].text), &rec, &err), -EBADMSG);
		assert_string_equal(err.text, bad[i].sentence);
	}
	for (size_t n = 1; n < strlen(whole); n++)
		assert_int_equal(read_text(whole, n, &rec, &err), -EBADMSG);
	assert_null(rec.from);
	assert_int_equal(read_text(whole, strlen(whole), &rec, &err), 0);
	assert_string_equal(rec.from, "6.1");
	assert_int_equal(wb_record_read(&none, WB_RECORD_JUMP, &rec, &err), -ENOENT);
}

static void what_a_later_version_says_is_read(void **state)
{
	static const char text[] =
		"{\"outcome\": \"teleported\", \"judged_boot\": \"b\", \"x\": 1}";
	WB_CLEAN_RECORD rec = {};

	assert_int_equal(read_text(text, strlen(text), &rec, NULL), 0);
	assert_int_equal(rec.outcome, WB_OUTCOME_UNKNOWN);
}

static void traces_are_read(void **state)
{
	struct wb_handoff h = {.magic = WB_HANDOFF_MAGIC,
		.version = WB_HANDOFF_VERSION,
		.nonce = {0xab, 0xcd},
		.wall_ns = 5000000000,
		.from_release = "6.12",
		.to_release = "7.2",
		.method = "fast"};
	const struct fake_file disk[] = {
		{"/proc/sys/kernel/random/boot_id", "boot-b\n"},
		{"/proc/sys/kernel/osrelease", "7.2\n"},
		{"/proc/sys/kernel/bootloader_type", "208\n"},
		{"/proc/cmdline", "root=/dev/vda1 warmboot.jump=77\n"},
		{"/proc/stat", "cpu 1 2\nbtime 1234\nprocesses 1\n"},
		{"/sys/kernel/boot_params/setup_data/0/data", "short"},
		{"/sys/kernel/boot_params/setup_data/1/data", (const char *)&h, sizeof(h)},
		{},
	};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_TRACES t = {};

	assert_int_equal(wb_traces_read(&files, &t), 0);
	assert_string_equal(t.boot_id, "boot-b");
	assert_string_equal(t.release, "7.2");
	assert_string_equal(t.word, "77");
	assert_true(t.by_kexec);
	assert_int_equal(t.boot_time, 1234);
	assert_string_equal(t.handoff_nonce, "abcd0000000000000000000000000000");
	assert_string_equal(t.handoff_method, "fast");
	assert_int_equal(t.handoff_time, 5);
}

static void a_bare_machine_leaves_no_traces(void **state)
{
	static const struct fake_file disk[] = {{}};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_TRACES t = {};

	assert_int_equal(wb_traces_read(&files, &t), 0);
	assert_null(t.boot_id);
	assert_null(t.handoff_nonce);
	assert_int_equal(wb_judge(NULL, &t).outcome, WB_OUTCOME_NONE);
	assert_int_equal(wb_judge(&asked, &t).outcome, WB_OUTCOME_FIRMWARE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_tells_the_jump),
		cmocka_unit_test(a_firmware_reboot_is_called_one),
		cmocka_unit_test(the_same_boot_means_it_did_not_happen),
		cmocka_unit_test(a_boot_that_was_a_jump_may_fail_to_make_the_next),
		cmocka_unit_test(doubt_is_admitted),
		cmocka_unit_test(a_written_verdict_stands),
		cmocka_unit_test(a_copied_mark_is_no_jump_of_its_own),
		cmocka_unit_test(a_number_needs_its_record),
		cmocka_unit_test(another_jump_than_the_one_on_record),
		cmocka_unit_test(records_survive_a_round_trip),
		cmocka_unit_test(a_damaged_record_is_named),
		cmocka_unit_test(what_a_later_version_says_is_read),
		cmocka_unit_test(traces_are_read),
		cmocka_unit_test(a_bare_machine_leaves_no_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
