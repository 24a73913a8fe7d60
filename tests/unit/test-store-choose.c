// SPDX-License-Identifier: LGPL-2.1-or-later
/* The choice of a backend for a store, by the columns of the backends. */
#include "unit.h"

#include "fake-store.h"
#include "store/backend.h"
#include "store/region.h"

#define MIB ((uint64_t)1 << 20)

static const struct wb_policy open_machine = {.may_boot = true},
			      of_signatures = {.may_boot = true, .signature = true},
			      of_handover = {.may_boot = true, .kho = true};

static int set_up(void **state)
{
	struct fake_store *f = test_calloc(1, sizeof(*f));

	fake_store_init(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	fake_store_deinit(*state);
	test_free(*state);
	return 0;
}

static void set_region(struct fake_store *f, const char *cmdline)
{
	struct wb_store_region region = {8 * MIB, 32 * MIB};
	char word[WB_ARCH_WORD];

	assert_int_equal(wb_store_region_write(&f->sys, WB_REGION_STORE, &region, NULL), 0);
	wb_store_region_word(f->sys.files, &region, word);
	if (!cmdline)
		cmdline = word;
	fake_store_file(f, "/proc/cmdline", cmdline, strlen(cmdline));
}

static const char *chosen(struct fake_store *f, const char *asked, enum wb_method method,
	const struct wb_policy *policy)
{
	const struct wb_store_backend *b = NULL;
	struct wb_error err = {};

	if (wb_store_choose(&f->env, asked, method, policy, &b, &err) < 0)
		fail_msg("%s", err.text);
	return b->name;
}

static void refused(struct fake_store *f, const char *asked, enum wb_method method,
	const struct wb_policy *policy, int code, const char *sentence)
{
	const struct wb_store_backend *b = NULL;
	struct wb_error err = {};

	assert_int_equal(wb_store_choose(&f->env, asked, method, policy, &b, &err), code);
	assert_null(b);
	if (!strstr(err.text, sentence))
		fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
}

/* The columns agree with the objects, and with the words of the commands. */
static void rows_are_called_what_the_table_says(void **state)
{
	const char *rest = WB_STORE_NAMES;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		const char *name = wb_store_backends[i]->name;

		assert_int_equal(strncmp(rest, name, strlen(name)), 0);
		rest += strlen(name);
		assert_int_equal(*rest, wb_store_backends[i + 1] ? '|' : 0);
		rest += *rest == '|';
		assert_ptr_equal(wb_store_backend_find(name), wb_store_backends[i]);
	}
}

static void nobody_asks(void **state)
{
	struct fake_store *f = *state;

	assert_string_equal(chosen(f, NULL, WB_METHOD_AUTO, &open_machine), "carve");
	assert_string_equal(chosen(f, NULL, WB_METHOD_FAST, &open_machine), "carve");
	/* Where the running kernel places the next one, also without a region: making it says why not. */
	assert_string_equal(chosen(f, NULL, WB_METHOD_FILE, &open_machine), "pmem");
	assert_string_equal(chosen(f, NULL, WB_METHOD_AUTO, &of_signatures), "pmem");
	assert_string_equal(chosen(f, NULL, WB_METHOD_AUTO, &of_handover), "pmem");
}

static void what_is_asked_for_is_checked(void **state)
{
	struct fake_store *f = *state;

	assert_string_equal(chosen(f, "carve", WB_METHOD_SEGMENTS, &open_machine), "carve");
	refused(f, "carve", WB_METHOD_FILE, &open_machine, -EOPNOTSUPP,
		"--store=carve does not go with kexec_file_load(2), which loads the kernel here: "
		"it "
		"places kernels where it likes; use --store=pmem or --store=disk");
	refused(f, "carve", WB_METHOD_AUTO, &of_signatures, -EOPNOTSUPP, "--store=carve");
	refused(f, "pmem", WB_METHOD_AUTO, &open_machine, -EOPNOTSUPP,
		"--store=pmem: no region is set aside");
	set_region(f, "quiet\n");
	refused(f, "pmem", WB_METHOD_FILE, &open_machine, -EOPNOTSUPP,
		"--store=pmem: the region for the store is there after the next jump only");
	set_region(f, NULL);
	assert_string_equal(chosen(f, "pmem", WB_METHOD_FILE, &of_signatures), "pmem");
	assert_string_equal(chosen(f, "disk", WB_METHOD_FILE, &of_signatures), "disk");
	f->var_elsewhere = 1;
	refused(f, "disk", WB_METHOD_AUTO, &open_machine, -EOPNOTSUPP,
		"--store=disk needs /var/lib/warmboot on the root file system");
	refused(f, "tape", WB_METHOD_AUTO, &open_machine, -EINVAL, "\"tape\"");
}

static void room_is_asked_of_the_backend(void **state)
{
	struct fake_store *f = *state;
	const struct wb_store_backend *pmem = wb_store_backend_find("pmem");
	struct wb_error err = {};

	set_region(f, NULL);
	assert_int_equal(pmem->available(&f->env, 32 * MIB, &err), 0);
	assert_int_equal(pmem->available(&f->env, 33 * MIB, &err), -ENOSPC);
	/* This is for a unit that is lowered, where no option was typed. */
	assert_null(strstr(err.text, "--store"));
}

static void only_a_region_lies_idle(void **state)
{
	struct fake_store *f = *state;

	assert_null(wb_store_idle(&f->env));
	set_region(f, "quiet\n");
	assert_null(wb_store_idle(&f->env));
	set_region(f, NULL);
	assert_string_equal(wb_store_idle(&f->env)->name, "pmem");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_are_called_what_the_table_says),
		TEST(nobody_asks),
		TEST(what_is_asked_for_is_checked),
		TEST(room_is_asked_of_the_backend),
		TEST(only_a_region_lies_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
