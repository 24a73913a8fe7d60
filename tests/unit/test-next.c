// SPDX-License-Identifier: LGPL-2.1-or-later
/* advice/next.c: what is left for the boot after the next jump, and what the generator makes of it. */
#include <stdio.h>
#include <stdlib.h>

#include "advice/next.h"
#include "fake-write.h"
#include "jump/record.h"
#include "unit.h"

#define EARLY "/run/systemd/generator.early"
#define NONCE "00112233445566778899aabbccddeeff"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const struct fake_file before[] = {{BOOT_ID, "old\n"}, {WB_NEXT_BOOT, "{}"}, {}};

static const struct wb_advice_list list = {
	.first = {"nginx.service", "../evil.service", "kept.service"}, .n_first = 3};

/* The text of the file that a jump from the boot `boot` leaves. */
static char *record_of(const char *boot)
{
	struct wb_record rec = {
		.nonce = (char *)NONCE, .boot_id = (char *)boot, .to = (char *)"7.2"};
	struct fake_write fake;
	struct wb_error err = {};

	fake_write_init(&fake, before);
	if (wb_record_write(&fake.sys, WB_RECORD_JUMP, &rec, &err) < 0)
		fail_msg("%s", err.text);
	return strdup(fake_written(&fake, WB_RECORD_JUMP));
}

static char *left(void)
{
	struct fake_write fake;
	struct wb_error err = {};

	fake_write_init(&fake, before);
	if (wb_next_boot_write(&fake.sys, &list, &err) < 0)
		fail_msg("%s", err.text);
	return strdup(fake_written(&fake, WB_NEXT_BOOT));
}

static void generate(const char *boot, const char *cmdline, const char *record, const char *next,
	struct fake_write *ret, int want)
{
	const struct fake_file disk[] = {{BOOT_ID, boot}, {"/proc/cmdline", cmdline},
		{WB_RECORD_JUMP, record}, {WB_NEXT_BOOT, next}, {EARLY "/kept.service", "[Unit]\n"},
		{}};
	struct wb_error err = {};

	fake_write_init(ret, disk);
	assert_int_equal(wb_next_boot_generate(&ret->sys, EARLY, &err), want);
	assert_int_equal(*err.text != 0, want < 0);
}

static void only_the_boot_after_the_jump_has_it(void **state)
{
	WB_CLEAN_STR next = left();
	WB_CLEAN_STR jump = record_of("old");
	WB_CLEAN_STR other = record_of("another");
	struct fake_write fake;

	generate("new\n", "quiet warmboot.jump=" NONCE "\n", jump, next, &fake, 0);
	assert_int_equal(fake.n, 1);
	assert_string_equal(fake.written[0].path, EARLY "/nginx.service.d/00-warmboot.conf");
	assert_string_equal(fake.written[0].text, "[Service]\nStartupCPUWeight=1000\n");
	/* The firmware started this boot; the boot before the jump; a jump from another boot; nothing was left. */
	generate("new\n", "quiet\n", jump, next, &fake, 0);
	assert_int_equal(fake.n, 0);
	generate("old\n", "quiet warmboot.jump=" NONCE "\n", jump, next, &fake, 0);
	assert_int_equal(fake.n, 0);
	generate("new\n", "quiet warmboot.jump=" NONCE "\n", other, next, &fake, 0);
	assert_int_equal(fake.n, 0);
}

static void a_damaged_file_is_told(void **state)
{
	WB_CLEAN_STR jump = record_of("old");
	struct fake_write fake;

	generate("new\n", "warmboot.jump=" NONCE "\n", jump, "{\"first\":1}", &fake, -EBADMSG);
	assert_int_equal(fake.n, 0);
}

static void it_can_be_taken_back(void **state)
{
	static const struct fake_file none[] = {{BOOT_ID, "old\n"}, {}};
	struct fake_write fake;

	fake_write_init(&fake, before);
	assert_int_equal(wb_next_boot_drop(&fake.sys, NULL), 1);
	fake_write_init(&fake, none);
	assert_int_equal(wb_next_boot_drop(&fake.sys, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_boot_after_the_jump_has_it),
		cmocka_unit_test(a_damaged_file_is_told),
		cmocka_unit_test(it_can_be_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
