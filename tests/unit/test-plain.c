// SPDX-License-Identifier: LGPL-2.1-or-later
/* files/plain.c: ordinary files, into a store and out of it in the next kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake-store.h"
#include "files/plain.h"
#include "unit.h"

struct fixture {
	struct fake_store machine;
	char dir[64], one[96], two[96], missing[96];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_store_init(&f->machine);
	strcpy(f->dir, "/tmp/wb-plain-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->one, sizeof(f->one), "%s/one", f->dir);
	snprintf(f->two, sizeof(f->two), "%s/two", f->dir);
	snprintf(f->missing, sizeof(f->missing), "%s/missing", f->dir);
	write_file(f->one, "first");
	write_file(f->two, "");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->one);
	unlink(f->two);
	rmdir(f->dir);
	fake_store_deinit(&f->machine);
	test_free(f);
	return 0;
}

static void files_cross_a_jump(void **state)
{
	struct fixture *f = *state;
	const char *const paths[] = {f->one, f->two};
	WB_CLEAN_STORE next = NULL;
	WB_CLEAN_STORE after = NULL;
	WB_CLEAN_BLOB one = {}, two = {};
	struct wb_error err = {};

	assert_int_equal(wb_files_put(&f->machine.env, NULL, paths, 2, &err), 0);
	assert_int_equal(wb_store_open(&f->machine.env, &next, &err), 0);
	assert_true(wb_store_info(next).sealed);
	fake_store_jump(&f->machine, wb_store_load(next));
	assert_int_equal(wb_store_attach(&f->machine.env, &after, &err), 0);
	assert_int_equal(wb_store_info(after).objects, 2);
	assert_int_equal(wb_store_read(after, f->one, 100, &one, &err), 0);
	assert_string_equal((char *)one.data, "first");
	assert_int_equal(wb_store_read(after, f->two, 100, &two, &err), 0);
	assert_int_equal(two.size, 0);
}

static void failure_leaves_no_store(void **state)
{
	struct fixture *f = *state;
	const char *const missing[] = {f->one, f->missing}, *const twice[] = {f->one, f->one},
			  *const directory[] = {f->dir};
	WB_CLEAN_STORE next = NULL;
	struct wb_error err = {};

	assert_int_equal(wb_files_put(&f->machine.env, NULL, missing, 2, &err), -ENOENT);
	assert_non_null(strstr(err.text, f->missing));
	assert_int_equal(wb_files_put(&f->machine.env, NULL, directory, 1, &err), -EINVAL);
	/* The second file of that name is found only when the store is there. */
	assert_int_equal(wb_files_put(&f->machine.env, NULL, twice, 2, &err), -EEXIST);
	assert_int_equal(wb_store_open(&f->machine.env, &next, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_cross_a_jump, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failure_leaves_no_store, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
