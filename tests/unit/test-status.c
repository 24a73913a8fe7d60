// SPDX-License-Identifier: LGPL-2.1-or-later
/* session/status.c: what is staged, what blocks a jump, and what is recorded of the last one. */
#include <stdlib.h>

#include "fake-runner.h"
#include "fake-store.h"
#include "session/status.h"
#include "unit.h"

#define OLD "fedcba98-7654-3210-fedc-ba9876543210"
#define NONCE "00112233445566778899aabbccddeeff"
#define JUMP                                                                        \
	"{\"entry\":\"e\",\"kernel\":\"/vmlinuz\",\"from\":\"6.1\",\"to\":\"6.2\"," \
	"\"method\":\"segments\",\"nonce\":\"" NONCE "\",\"boot_id\":\"" OLD "\","  \
	"\"time\":1000}"
#define RESULT                                               \
	"{\"version\":1,\"nonce\":\"" NONCE "\",\"units\":[" \
	"{\"unit\":\"a.service\",\"how\":\"process\"}]}"

static int may_boot(void *ctx)
{
	return 1;
}

static int may_not_boot(void *ctx)
{
	return 0;
}

static void put(struct fake_store *f, const char *path, const char *text)
{
	fake_store_file(f, path, text, strlen(text));
}

static void machine_init(struct fake_store *f)
{
	fake_store_init(f);
	f->sys.may_boot = may_boot;
	put(f, "/sys/kernel/kexec_loaded", "0\n");
	put(f, "/sys/kernel/kexec_crash_loaded", "1\n");
	put(f, "/sys/kernel/kexec_crash_size", "268435456\n");
	put(f, "/proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	put(f, "/proc/sys/kernel/osrelease", "6.2\n");
}

static void read_status(struct fake_store *f, struct wb_status *ret)
{
	struct wb_error err = {};

	if (wb_status_read(&f->sys, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static bool is_blocked(const struct wb_status *s, const char *why)
{
	for (size_t i = 0; i < s->blockers.n; i++)
		if (strstr(s->blockers.items[i], why))
			return true;
	return false;
}

static void each_gate_is_a_blocker(void **state)
{
	struct fake_store f;
	struct wb_status s;

	machine_init(&f);
	read_status(&f, &s);
	assert_false(s.loaded);
	assert_true(s.crash_loaded);
	assert_int_equal(s.crash_size, 268435456);
	assert_int_equal(s.blockers.n, 1);
	assert_true(is_blocked(&s, "no boot entry was found"));
	assert_int_equal(s.verdict.outcome, WB_OUTCOME_NONE);
	assert_null(wb_status_last_jump(&s));
	wb_status_deinit(&s);

	f.sys.may_boot = may_not_boot;
	put(&f, "/proc/sys/kernel/kexec_load_disabled", "1\n");
	read_status(&f, &s);
	assert_int_equal(s.blockers.n, 3);
	assert_true(is_blocked(&s, "CAP_SYS_BOOT"));
	assert_true(is_blocked(&s, "kexec_load_disabled"));
	wb_status_deinit(&s);
	fake_store_deinit(&f);
}

static void staged_kernel_needs_no_entry(void **state)
{
	struct fake_store f;
	struct wb_status s;

	machine_init(&f);
	put(&f, "/sys/kernel/kexec_loaded", "1\n");
	read_status(&f, &s);
	assert_true(s.loaded);
	assert_false(s.have_staged);
	assert_int_equal(s.blockers.n, 0);
	wb_status_deinit(&s);
	put(&f, WB_RECORD_STAGED, JUMP);
	read_status(&f, &s);
	assert_true(s.have_staged);
	assert_string_equal(s.staged.to, "6.2");
	wb_status_deinit(&s);
	fake_store_deinit(&f);
}

static void damaged_record_is_the_reason(void **state)
{
	struct fake_store f;
	struct wb_status s;

	machine_init(&f);
	put(&f, WB_RECORD_JUMP, "{");
	read_status(&f, &s);
	assert_int_equal(s.verdict.outcome, WB_OUTCOME_UNKNOWN);
	assert_non_null(strstr(s.verdict.why, WB_RECORD_JUMP));
	wb_status_deinit(&s);
	fake_store_deinit(&f);
}

static void verdict_and_results_are_recorded_once(void **state)
{
	WB_CLEAN_RECORD rec = {};
	WB_CLEAN_RESULT result = {};
	struct wb_error err = {};
	struct fake_store f;
	struct wb_status s;
	const char *before;

	machine_init(&f);
	put(&f, WB_RECORD_JUMP, JUMP);
	put(&f, WB_RESULT, RESULT);
	read_status(&f, &s);
	assert_string_equal(wb_status_last_jump(&s), NONCE);
	assert_int_equal(wb_status_record(&f.sys, &f.env, &s, &err), 0);
	assert_int_equal(wb_record_read(&f.files, WB_RECORD_JUMP, &rec, &err), 0);
	assert_int_equal(rec.outcome, s.verdict.outcome);
	assert_string_equal(rec.nonce, NONCE);
	assert_string_equal(rec.entry, "e");
	assert_non_null(rec.judged_boot);
	assert_int_equal(wb_result_read(&f.files, WB_RESULT_LAST, &result, &err), 0);
	wb_status_deinit(&s);
	/* The verdict of this boot stays. */
	read_status(&f, &s);
	before = strdup(fake_store_text(&f, WB_RECORD_JUMP));
	assert_int_equal(wb_status_record(&f.sys, &f.env, &s, &err), 0);
	assert_string_equal(fake_store_text(&f, WB_RECORD_JUMP), before);
	free((void *)before);
	wb_status_deinit(&s);
	fake_store_deinit(&f);
}

static void failure_of_a_part_is_told(void **state)
{
	struct wb_error err = {};
	struct fake_store f;
	struct wb_status s;

	machine_init(&f);
	put(&f, WB_RECORD_JUMP, JUMP);
	put(&f, WB_RESULT, RESULT);
	read_status(&f, &s);
	f.no_write = -EROFS;
	assert_int_equal(wb_status_record(&f.sys, &f.env, &s, &err), -EROFS);
	assert_non_null(strstr(err.text, WB_RECORD_JUMP));
	wb_status_deinit(&s);
	fake_store_deinit(&f);
}

static void outcome_is_asked_for_restarted_units_only(void **state)
{
	static const struct {
		enum wb_keep_how how;
		const char *says, *outcome;
	} cases[] = {
		{WB_KEEP_PROCESS, "ActiveState=failed\n", "kept"},
		{WB_KEEP_ENDED, "ActiveState=active\n", "ended"},
		{WB_KEEP_RESTART, "ActiveState=active\n", "restarted"},
		{WB_KEEP_RESTART, "ActiveState=activating\n", "starting"},
		{WB_KEEP_RESTART, "ActiveState=inactive\nJob=12\n", "starting"},
		{WB_KEEP_RESTART, "ActiveState=failed\n", "failed"},
	};
	static struct fake_runner fake;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct fake_answer answers[] = {{"systemctl show", 0, cases[i].says}, {}};
		const struct wb_unit_result u = {.unit = "a.service", .how = cases[i].how};

		fake_runner_init(&fake, answers);
		assert_string_equal(wb_status_outcome(&fake.runner, &u), cases[i].outcome);
	}
	/* systemd does not answer: nothing says that it failed. */
	fake_runner_init(&fake, (struct fake_answer[]){{"systemctl", -ETIMEDOUT, NULL}, {}});
	assert_string_equal(
		wb_status_outcome(&fake.runner,
			&(struct wb_unit_result){.unit = "a.service", .how = WB_KEEP_RESTART}),
		"restarted");
}

static void no_jump_means_no_differences(void **state)
{
	WB_CLEAN_DIFFERENCES d = {};
	struct wb_error why = {};
	struct fake_store f;
	struct wb_replay_host host;

	machine_init(&f);
	host = (struct wb_replay_host){.sys = &f.sys};
	assert_true(wb_status_differences(&host, &d, &why) < 0);
	assert_string_equal(why.text, "");
	assert_null(host.ended);
	fake_store_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gate_is_a_blocker),
		cmocka_unit_test(staged_kernel_needs_no_entry),
		cmocka_unit_test(damaged_record_is_the_reason),
		cmocka_unit_test(verdict_and_results_are_recorded_once),
		cmocka_unit_test(failure_of_a_part_is_told),
		cmocka_unit_test(outcome_is_asked_for_restarted_units_only),
		cmocka_unit_test(no_jump_means_no_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
