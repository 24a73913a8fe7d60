// SPDX-License-Identifier: LGPL-2.1-or-later
/* The command lines that systemctl(1) gets, and how its output is read. */
#include "unit.h"

#include "fake-runner.h"
#include "systemd/systemctl.h"

static void orders_are_put_in_words(void **state)
{
	struct fake_runner fake;

	fake_runner_init(&fake, NULL);
	assert_int_equal(
		wb_systemctl(&fake.runner, &(struct wb_systemctl){"daemon-reload"}, NULL), 0);
	assert_int_equal(wb_systemctl(&fake.runner,
				 &(struct wb_systemctl){"start", "a.service", "--no-block"}, NULL),
		0);
	assert_string_equal(fake.log, "systemctl daemon-reload\n"
				      "systemctl --no-block start a.service\n");
}

static void a_refusal_is_told_in_its_last_line(void **state)
{
	static const struct fake_answer answers[] = {
		{"systemctl restart", 1, "see journalctl\nUnit x.service not found.\n"}, {}};
	struct fake_runner fake;
	struct wb_error err = {};

	fake_runner_init(&fake, answers);
	assert_int_equal(
		wb_systemctl(&fake.runner, &(struct wb_systemctl){"restart", "x.service"}, &err),
		-EIO);
	assert_non_null(strstr(err.text, "Unit x.service not found."));
}

static void a_moment_is_read(void **state)
{
	static const struct {
		const char *text, *active;
		bool job;
	} cases[] = {
		{"ActiveState=active\nJob=0\n", "active", false},
		{"ActiveState=active\n", "active", false},
		{"Job=1234\nActiveState=inactive\n", "inactive", true},
		{"ActiveState=activating\nJob=7", "activating", true},
		/* Another property that ends in the same word. */
		{"RestartJob=9\nActiveState=failed\n", "failed", false},
		{"ActiveState=a-word-that-is-longer-than-any-state\n",
			"a-word-that-is-longer-than-any-", false},
		{"", "", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_unit_moment m;

		wb_unit_moment_parse(cases[i].text, &m);
		assert_string_equal(m.active, cases[i].active);
		assert_int_equal(m.job, cases[i].job);
	}
}

static void a_moment_is_asked_for(void **state)
{
	static const struct fake_answer answers[] = {
		{"systemctl show --property=ActiveState,Job a.service", 0,
			"ActiveState=activating\nJob=3\n"},
		{"systemctl show --property=ActiveState,Job b.service", -ETIME}, {}};
	struct wb_unit_moment m = {.job = true};
	struct fake_runner fake;

	fake_runner_init(&fake, answers);
	assert_int_equal(wb_unit_moment_read(&fake.runner, "a.service", 0, &m), 0);
	assert_string_equal(m.active, "activating");
	assert_true(m.job);
	/* Nothing is known then, and nothing is claimed. */
	assert_int_equal(wb_unit_moment_read(&fake.runner, "b.service", 0, &m), -ETIME);
	assert_string_equal(m.active, "activating");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_are_put_in_words),
		cmocka_unit_test(a_refusal_is_told_in_its_last_line),
		cmocka_unit_test(a_moment_is_read),
		cmocka_unit_test(a_moment_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
