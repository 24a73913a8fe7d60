// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real processes for users. */
#include <stdio.h>
#include <unistd.h>

#include "unit.h"
#include "replay/manager.h"

#define NOBODY 65534

static int say_who(void *arg, struct wb_blob *out, struct wb_error *err)
{
	char text[64];

	/* It holds nothing that would let it become root again. */
	snprintf(text, sizeof(text), "%u %d", geteuid(), setuid(0) == 0);
	return wb_blob_append(out, text, strlen(text));
}

static int say_no(void *arg, struct wb_blob *out, struct wb_error *err)
{
	return wb_fail(err, -ENOENT, "no manager");
}

static int say_nothing(void *arg, struct wb_blob *out, struct wb_error *err)
{
	for (;;)
		pause();
	return 0;
}

static void a_user_is_asked_with_that_users_rights(void **state)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real());
	WB_CLEAN_BLOB answer = {};
	struct wb_error err = {};

	if (geteuid() != 0)
		skip();
	assert_int_equal(host.as_user(NULL, NOBODY, 20, say_who, NULL, &answer, &err), 0);
	assert_int_equal(answer.size, strlen("65534 0"));
	assert_memory_equal(answer.data, "65534 0", answer.size);
	assert_int_equal(host.as_user(NULL, NOBODY, 20, say_no, NULL, &answer, &err), -EIO);
	assert_string_equal(err.text, "no manager");
	assert_int_equal(
		host.as_user(NULL, NOBODY, 1, say_nothing, NULL, &answer, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "user 65534"));
	assert_int_equal(host.as_user(NULL, 4000000000u, 20, say_who, NULL, &answer, &err), -EIO);
	assert_non_null(strstr(err.text, "rights"));
}

static int say_parent(void *arg, struct wb_blob *out, struct wb_error *err)
{
	char text[64];

	snprintf(text, sizeof(text), "%u", geteuid());
	return wb_blob_append(out, text, strlen(text));
}

static void processes_work_beside_each_other(void **state)
{
	struct wb_replay_host host = wb_replay_host_real(wb_sys_real());
	struct wb_child slow = {}, quick = {};
	WB_CLEAN_BLOB answer = {};
	struct wb_error err = {};
	char want[64];

	snprintf(want, sizeof(want), "%u", geteuid());
	assert_int_equal(host.begin(NULL, NOBODY, 1, say_nothing, NULL, &slow, &err), 0);
	assert_int_equal(host.begin(NULL, NOBODY, 20, say_parent, NULL, &quick, &err), 0);
	assert_int_equal(host.finish(NULL, &quick, &answer, &err), 0);
	/* As this process, not as the user. */
	assert_int_equal(answer.size, strlen(want));
	assert_memory_equal(answer.data, want, answer.size);
	assert_int_equal(host.finish(NULL, &slow, &answer, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "user 65534"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_asked_with_that_users_rights),
		cmocka_unit_test(processes_work_beside_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
