// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Managers of users: their answers are checked, and one of them cannot use up the room of the
 * others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fake-sys.h"
#include "replay/manager.h"
#include "unit.h"

struct fake {
	int users; /* users with linger, from uid 1000 on */
	struct fake_sys sys;
	struct wb_replay_host host;
	uint64_t now_ns;
	/* The programs that ask the managers: how many run at a time, and their answers. */
	int asked, most_asked;
	const char *says; /* NULL: an answer to the question */
	uint64_t answer_takes_ns;
};

static int fake_list(void *ctx, wb_unit_add *add, void *arg, struct wb_error *err)
{
	struct fake *f = ctx;

	for (int i = 0; i < f->users; i++) {
		struct wb_unit *u;
		char name[32];

		snprintf(name, sizeof(name), "user@%d.service", 1000 + i);
		assert_int_equal(add(arg, name, &u), 0);
		u->active = strdup("active");
		u->sub = strdup("running");
		assert_true(u->active && u->sub);
	}
	return 0;
}

static int fake_facts(
	void *ctx, struct wb_unit *u, struct wb_unit_facts *facts, struct wb_error *err)
{
	return 0;
}

static int fake_start(void *ctx, const char *unit, char **ret_job, struct wb_error *err)
{
	*ret_job = strdup("/job");
	return *ret_job ? 0 : -ENOMEM;
}

static int fake_wait(
	void *ctx, uint64_t until, char **ret_job, char **ret_result, struct wb_error *err)
{
	*ret_job = strdup("/job");
	*ret_result = strdup("done");
	return 1;
}

static uint64_t fake_now(void *ctx)
{
	return ((struct fake *)ctx)->now_ns / 1000;
}

static int fake_open(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	*ret = (struct wb_manager){.ctx = ctx,
		.list = fake_list,
		.facts = fake_facts,
		.start = fake_start,
		.wait = fake_wait,
		.now_usec = fake_now};
	return 0;
}

static bool fake_lingers(void *ctx, uint32_t uid)
{
	return true;
}

static int fake_ask(void *ctx, uint32_t uid, unsigned seconds, const struct wb_user_task *task,
	struct wb_child *ret, struct wb_error *err)
{
	struct fake *f = ctx;

	f->asked++;
	f->most_asked = f->asked > f->most_asked ? f->asked : f->most_asked;
	*ret = (struct wb_child){.uid = uid, .pid = 1};
	return 0;
}

static int fake_finish(void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err)
{
	static const struct wb_user_task task = {.name = "observe"};
	struct fake *f = ctx;
	WB_CLEAN_BLOB answer = {};

	f->asked--;
	f->now_ns += f->answer_takes_ns;
	if (f->says)
		assert_int_equal(wb_blob_append(&answer, f->says, strlen(f->says)), 0);
	else
		assert_int_equal(
			wb_user_task_run(&f->host, (uint32_t)child->uid, &task, &answer, err), 0);
	*ret = wb_blob_take(&answer);
	return 0;
}

static struct wb_blob beside;

static int fake_begin(void *ctx, uint32_t uid, unsigned seconds, wb_beside_job job, void *arg,
	struct wb_child *ret, struct wb_error *err)
{
	*ret = (struct wb_child){.uid = uid, .pid = 2};
	return job(arg, &beside, err);
}

static int fake_finish_any(
	void *ctx, struct wb_child *child, struct wb_blob *ret, struct wb_error *err)
{
	if (child->pid == 1)
		return fake_finish(ctx, child, ret, err);
	*ret = wb_blob_take(&beside);
	return 0;
}

static uint64_t fake_mono(void *ctx)
{
	return ((struct fake *)ctx)->now_ns;
}

static int fake_write(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	return 0;
}

static void fake_init(struct fake *f, int users, const struct fake_file *disk)
{
	static const struct fake_file none[] = {{}};

	*f = (struct fake){.users = users};
	fake_sys_init(&f->sys, disk ? disk : none);
	f->sys.sys.ctx = f;
	f->sys.sys.write_file = fake_write;
	f->sys.sys.mono_ns = fake_mono;
	f->host = (struct wb_replay_host){.sys = &f->sys.sys,
		.ctx = f,
		.open = fake_open,
		.lingers = fake_lingers,
		.ask = fake_ask,
		.begin = fake_begin,
		.finish = fake_finish_any};
}

#define USERS 40

static int record_now(struct fake *f, struct wb_strv *warnings)
{
	const struct wb_record jump = {.boot_id = "A", .time = 5};
	struct wb_error err = {};

	return wb_replay_record(&f->host, &jump, warnings, &err);
}

static void users_are_asked_side_by_side(void **state)
{
	WB_CLEAN_STRV none = {}, late = {};
	struct fake f;

	fake_init(&f, USERS, NULL);
	assert_int_equal(record_now(&f, &none), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(f.most_asked, 8);
	/* A user whose answer comes too late is reported; the units of the others are recorded. */
	f.answer_takes_ns = 5000000000;
	assert_int_equal(record_now(&f, &late), 0);
	assert_in_range(USERS - late.n, 6, 20);
	assert_non_null(strstr(late.items[late.n - 1],
		"the units of user 1039 are not recorded: the other users' managers took all"));
	fake_sys_deinit(&f.sys);
}

static void what_a_user_says_is_checked(void **state)
{
	static const struct {
		const char *says, *want;
	} cases[] = {
		{"no JSON",
			"the answer of user 1000's manager, line 1, is no JSON; it is no record"},
		{"{\"uid\":-1,\"units\":[{\"name\":\"../x\"}],\"files\":[]}",
			"without a valid name"},
		{"{\"uid\":0,\"units\":[{\"name\":\"a\\nb.service\"}],\"files\":[]}",
			"without a valid name"},
		{"{\"uid\":0,\"units\":[{\"name\":\"service\"}]}", "without a valid name"},
		{"{\"uid\":0,\"units\":[{\"name\":\"a.service\",\"active\":"
		 "\"0123456789012345678901234567"
		 "8901234567890123456789012345678901234567890123456789\"}]}",
			"more about a.service than"},
		{"{\"uid\":0,\"units\":[],\"files\":[{\"path\":\"/run/systemd/system/x.service\","
		 "\"text\":\"\"}]}",
			"outside of its own"},
		{"{\"uid\":0,\"units\":[],\"files\":[],\"cut\":-7}", "is no record"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STRV warnings = {};
		struct fake f;

		fake_init(&f, 1, NULL);
		f.says = cases[i].says;
		assert_int_equal(record_now(&f, &warnings), 0);
		assert_int_equal(warnings.n, 1);
		if (!strstr(warnings.items[0], cases[i].want))
			fail_msg("%s", warnings.items[0]);
		fake_sys_deinit(&f.sys);
	}
}

/* Three thousand units of one user: those that have room, and a sentence. */
static void what_has_no_room_is_told(void **state)
{
	WB_CLEAN_STRV warnings = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};
	struct wb_child child;
	WB_CLEAN_WORLD many = {.uid = 1000}, got = {};
	struct wb_unit *u;
	struct fake f;
	char name[32];

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "u%d.service", i);
		assert_int_equal(wb_world_add_unit(&many, name, &u), 0);
	}
	/* An answer that is longer than the program itself would make it is refused. */
	assert_int_equal(wb_world_print(&many, &text), 0);
	fake_init(&f, 1, NULL);
	f.says = text;
	assert_int_equal(wb_user_ask(&f.host, 1000, false, &child, &err), 0);
	assert_int_equal(wb_user_answer(&f.host, &child, WB_USER_LARGEST, &got, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "more than 2000 units"));
	assert_int_equal(wb_world_fit(&many, WB_USER_LARGEST), 0);
	free(text);
	text = NULL;
	assert_int_equal(wb_world_print(&many, &text), 0);
	f.says = text;
	assert_int_equal(record_now(&f, &warnings), 0);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"1000 units and unit files of user 1000 are not recorded: more than the 1024 KiB "
		"that a user has room for");
	fake_sys_deinit(&f.sys);
}

/* Results of units that were not asked for, and with unknown words, are no results. */
static void what_a_user_says_of_a_replay_is_checked(void **state)
{
	static const char says[] =
		"{\"results\":[{\"uid\":-1,\"unit\":\"ssh.service\",\"result\":\"failed\","
		"\"why\":\"x\"},{\"uid\":-1,\"unit\":\"u.service\",\"result\":\"stolen\","
		"\"why\":\"x\"},{\"uid\":0,\"unit\":\"u.service\",\"result\":\"late\",\"why\":"
		"\"y\"},"
		"{\"uid\":0,\"unit\":\"u.service\",\"result\":\"started\",\"why\":\"z\"}],"
		"\"warnings\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\","
		"\"12\",\"13\",\"14\",\"15\",\"16\",\"17\",\"18\",\"19\",\"20\",\"21\",\"22\"]}";
	static const struct fake_file disk[] = {
		{WB_UNITS_PATH, "{\"boot_id\":\"A\",\"time\":5,\"worlds\":[{\"uid\":1000,\"units\":"
				"[{\"name\":"
				"\"u.service\",\"active\":\"active\"}],\"files\":[]}]}"},
		{WB_RECORD_JUMP, "{\"boot_id\":\"A\",\"time\":5}"},
		{"/proc/sys/kernel/random/boot_id", "B\n"},
		{"/proc/sys/kernel/bootloader_type", "208\n"},
		{},
	};
	WB_CLEAN_RESULTS results = {};
	struct fake f;

	fake_init(&f, 1, disk);
	f.says = says;
	assert_int_equal(wb_replay_start(&f.host, false, &results, NULL), 0);
	assert_null(wb_results_find(&results, -1, "ssh.service"));
	assert_null(wb_results_find(&results, 1000, "ssh.service"));
	assert_string_equal(wb_results_find(&results, 1000, "u.service")->result, "late");
	assert_int_equal(results.warnings.n, 21);
	assert_string_equal(results.warnings.items[0], "user 1000: 1");
	assert_string_equal(results.warnings.items[20], "user 1000: 2 more warnings are not shown");
	fake_sys_deinit(&f.sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_asked_side_by_side),
		cmocka_unit_test(what_a_user_says_is_checked),
		cmocka_unit_test(what_has_no_room_is_told),
		cmocka_unit_test(what_a_user_says_of_a_replay_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
