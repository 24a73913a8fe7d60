// SPDX-License-Identifier: LGPL-2.1-or-later
/* cmd/load.c: requests, plans and records of a load. */
#include <stdlib.h>

#include "unit.h"
#include "fake-files.h"
#include "cmd/load.h"
#include "core/cmdline.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

/* Parse "load …" given as words, NULL-terminated; the request's strings are the caller's. */
static int read_words(const char *const *words, struct wb_request *ret, struct wb_error *err)
{
	struct cmd_args args = {};
	int argc = 0, r;

	while (words[argc])
		argc++;
	char **argv = calloc(argc + 1, sizeof(*argv));
	memcpy(argv, words, argc * sizeof(*argv));
	r = cmd_parse(&cmd_load, argc, argv, &args, err);
	if (r == 0)
		r = cmd_request_read(&args, ret, err);
	cmd_args_deinit(&args);
	free(argv);
	return r;
}

static int resolve(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err)
{
	const struct wb_store_env env = {sys, &wb_store_io_host};
	const struct wb_session_host h = {.sys = sys, .store = &env};

	return wb_request_resolve(&h, req, err);
}

static void nothing_asked_for_is_the_default_entry(void **state)
{
	WB_CLEAN_REQUEST req = {};

	assert_int_equal(read_words((const char *[]){"load", NULL}, &req, NULL), 0);
	assert_string_equal(req.entry, "default");
	assert_null(req.options.kernel);
	assert_null(req.options.cmdline);
	assert_int_equal(req.options.size, sizeof(req.options));
	assert_int_equal(req.options.method, WB_METHOD_AUTO);
	assert_int_equal(req.options.verify, WB_VERIFY_SHA256);
	assert_int_equal(req.options.initramfs, WB_INITRAMFS_AUTO);
	assert_true(req.leave_mark);
}

/* The options of a load are recorded, and stage the same again. */
static void words_come_back(void **state)
{
	WB_CLEAN_REQUEST req = {}, again = {}, odd = {};
	CMD_CLEAN_WORDS words = {};

	assert_int_equal(read_words((const char *[]){"load", "--append=x y", "--verify", "none",
					    "--trace", "--dry-run", "--json", "some entry", NULL},
				 &req, NULL),
		0);
	assert_string_equal(req.words, "--append=x y\n--verify=none\n--trace\nsome entry\n");
	assert_int_equal(cmd_words_parse(&cmd_load, req.words, &words, NULL), 0);
	assert_int_equal(cmd_request_read(&words.args, &again, NULL), 0);
	assert_string_equal(again.entry, "some entry");
	assert_string_equal(again.options.append, "x y");
	assert_int_equal(again.options.verify, WB_VERIFY_NONE);
	assert_true(again.trace);
	assert_string_equal(again.words, req.words);
	cmd_words_deinit(&words);
	assert_int_equal(cmd_words_parse(&cmd_load, "", &words, NULL), 0);
	assert_int_equal(words.args.n_words + words.args.n_options, 0);
	cmd_words_deinit(&words);
	assert_int_equal(
		cmd_words_parse(&cmd_load, "--of-another-version\n", &words, NULL), -EINVAL);
	assert_int_equal(
		read_words((const char *[]){"load", "--append=x\ny", NULL}, &odd, NULL), 0);
	assert_null(odd.words);
}

static void files_and_words_arrive(void **state)
{
	WB_CLEAN_REQUEST req = {};

	assert_int_equal(read_words((const char *[]){"load", "--kernel", "/k", "--initrd=/a",
					    "--initrd", "/b", "--append=x y", "--cmdline", "root=1",
					    "--verify=none", "--dry-run", NULL},
				 &req, NULL),
		0);
	assert_null(req.entry);
	assert_string_equal(req.options.kernel, "/k");
	assert_int_equal(req.options.n_initrds, 2);
	assert_string_equal(req.options.initrds[0], "/a");
	assert_string_equal(req.options.initrds[1], "/b");
	assert_string_equal(req.options.append, "x y");
	assert_string_equal(req.cmdline, "root=1");
	assert_int_equal(req.options.verify, WB_VERIFY_NONE);
	assert_int_equal(req.options.initramfs, WB_INITRAMFS_OWN);
}

/* The table's values must stand in the order of the enumerations. */
static void values_name_what_they_select(void **state)
{
	static const char *const methods[] = {"auto", "fast", "segments", "file"};
	static const char *const initramfs[] = {"auto", "warm", "own"};
	static const char *const verify[] = {"sha256", "none"};

	for (size_t i = 0; i < N(methods); i++) {
		WB_CLEAN_REQUEST req = {};

		assert_int_equal(read_words((const char *[]){"load", "--method", methods[i], NULL},
					 &req, NULL),
			0);
		assert_string_equal(wb_method_name(req.options.method), methods[i]);
	}
	for (size_t i = 0; i < N(initramfs); i++) {
		WB_CLEAN_REQUEST req = {};

		assert_int_equal(
			read_words((const char *[]){"load", "--initramfs", initramfs[i], NULL},
				&req, NULL),
			0);
		assert_string_equal(wb_initramfs_name(req.options.initramfs), initramfs[i]);
	}
	for (size_t i = 0; i < N(verify); i++) {
		WB_CLEAN_REQUEST req = {};

		assert_int_equal(read_words((const char *[]){"load", "--verify", verify[i], NULL},
					 &req, NULL),
			0);
		assert_string_equal(wb_verify_name(req.options.verify), verify[i]);
	}
}

static void wrong_usage_is_told(void **state)
{
	static const struct {
		const char *words[6];
		const char *sentence;
	} cases[] = {
		{{"load", "a", "b"}, "\"b\" is one argument too many"},
		{{"load", "a", "--kernel", "/k"}, "either a boot entry (\"a\") or --kernel"},
		{{"load", "--initrd", "/i"}, "--initrd goes with --kernel"},
		{{"load", "--cmdline=x", "--reuse-cmdline"}, "either --cmdline or --reuse-cmdline"},
		{{"load", "--method=quick"}, "takes one of auto|fast|segments|file, not \"quick\""},
		{{"load", "--kernel"}, "--kernel needs an argument"},
		{{"load", "--frob"}, "--frob"},
		{{"load", "--dry-run=1"}, "--dry-run=1"},
		{{"load", "-z"}, "no option -z"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		WB_CLEAN_REQUEST req = {};
		struct wb_error err = {};

		assert_int_equal(read_words(cases[i].words, &req, &err), -EINVAL);
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("case %zu says: %s", i, err.text);
	}
}

static void a_running_command_line_is_cleaned(void **state)
{
	WB_CLEAN_STR got = NULL;

	assert_int_equal(
		wb_reusable_cmdline("BOOT_IMAGE=/boot/k root=/dev/vda1 initrd=\\a initrd=\\b ro "
				    "warmboot.jump=12 quiet\n",
			&got),
		0);
	assert_string_equal(got, "root=/dev/vda1 ro quiet");
}

static void traces_are_for_one_boot(void **state)
{
	WB_CLEAN_STR got = NULL;
	WB_CLEAN_STR kept = NULL;

	assert_int_equal(wb_reusable_cmdline("root=1 " WB_TRACE_WORDS " quiet\n", &got), 0);
	assert_string_equal(got, "root=1 quiet");
	assert_int_equal(wb_reusable_cmdline("initcall_debug log_buf_len=1M\n", &kept), 0);
	assert_string_equal(kept, "initcall_debug log_buf_len=1M");
}

static int fake_random(void *ctx, void *ret, size_t n)
{
	memset(ret, 0x5a, n);
	return 0;
}

static void an_entry_fills_the_options(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/loader/entries/one.conf", "title One\nversion 7.2\nlinux /k\ninitrd "
						  "/i\ninitrd /j\noptions root=/dev/a quiet\n"},
		{"/boot/k", "x"},
		{"/boot/i", "x"},
		{"/boot/j", "x"},
		{"/proc/cmdline", "BOOT_IMAGE=/k root=/dev/b\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	const struct wb_sys sys = {.files = &files, .random = fake_random};
	WB_CLEAN_REQUEST req = {}, reuse = {};
	struct wb_error err = {};

	assert_int_equal(read_words((const char *[]){"load", "one", NULL}, &req, &err), 0);
	if (resolve(&sys, &req, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(req.options.kernel, "/boot/k");
	assert_int_equal(req.options.n_initrds, 2);
	assert_string_equal(req.options.cmdline, "root=/dev/a quiet");
	assert_string_equal(
		req.options.file_append, "warmboot.jump=5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
	assert_int_equal(
		read_words((const char *[]){"load", "one", "--reuse-cmdline", NULL}, &reuse, &err),
		0);
	assert_int_equal(resolve(&sys, &reuse, &err), 0);
	assert_string_equal(reuse.options.cmdline, "root=/dev/b");
}

static void words_for_the_next_jump_are_added(void **state)
{
	static const struct fake_file disk[] = {
		{"/k", "x"},
		{WB_NEXT_WORDS, "quiet cryptomgr.notests\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	const struct wb_sys sys = {.files = &files, .random = fake_random};
	WB_CLEAN_REQUEST req = {}, foreign = {};

	assert_int_equal(
		read_words((const char *[]){"load", "--kernel=/k", "--append=a b", "--trace", NULL},
			&req, NULL),
		0);
	assert_int_equal(resolve(&sys, &req, NULL), 0);
	assert_string_equal(req.options.append, "a b " WB_TRACE_WORDS " quiet cryptomgr.notests");
	/* kexec's command line says all that there is to say. */
	assert_int_equal(
		read_words((const char *[]){"load", "--kernel=/k", NULL}, &foreign, NULL), 0);
	foreign.leave_mark = false;
	assert_int_equal(resolve(&sys, &foreign, NULL), 0);
	assert_null(foreign.options.append);
}

static void a_missing_initrd_is_refused(void **state)
{
	static const struct fake_file disk[] = {{"/k", "x"}, {}};
	struct wb_files files = fake_files(disk);
	const struct wb_sys sys = {.files = &files, .random = fake_random};
	WB_CLEAN_REQUEST req = {};
	struct wb_error err = {};

	assert_int_equal(read_words((const char *[]){"load", "--kernel=/k", "--initrd=/nope", NULL},
				 &req, &err),
		0);
	assert_int_equal(resolve(&sys, &req, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nope"));
}

static void a_bare_kernel_takes_the_running_command_line(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/vmlinuz-7.2.1", "x"},
		{"/proc/cmdline", "BOOT_IMAGE=/k root=/dev/b\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	const struct wb_sys sys = {.files = &files, .random = fake_random};
	WB_CLEAN_REQUEST req = {};
	struct wb_error err = {};

	assert_int_equal(read_words((const char *[]){"load", "7.2.1", NULL}, &req, &err), 0);
	if (resolve(&sys, &req, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(req.options.cmdline);
	assert_string_equal(req.options.default_cmdline, "root=/dev/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_for_is_the_default_entry),
		cmocka_unit_test(words_come_back),
		cmocka_unit_test(files_and_words_arrive),
		cmocka_unit_test(values_name_what_they_select),
		cmocka_unit_test(wrong_usage_is_told),
		cmocka_unit_test(a_running_command_line_is_cleaned),
		cmocka_unit_test(traces_are_for_one_boot),
		cmocka_unit_test(an_entry_fills_the_options),
		cmocka_unit_test(words_for_the_next_jump_are_added),
		cmocka_unit_test(a_missing_initrd_is_refused),
		cmocka_unit_test(a_bare_kernel_takes_the_running_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
