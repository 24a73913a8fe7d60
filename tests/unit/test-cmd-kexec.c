// SPDX-License-Identifier: LGPL-2.1-or-later
/* cmd/kexec.c: the command line of kexec-tools. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "arch/arch.h"
#include "cmd/kexec.h"

#define N(array) (sizeof(array) / sizeof(*(array)))
#define CLEAN_KEXEC __attribute__((cleanup(kexec_request_deinit))) struct kexec_request

static int read_words(const char *const *words, struct kexec_request *ret, struct wb_error *err)
{
	struct cmd_args args = {};
	int argc = 0, r;

	while (words[argc])
		argc++;
	char **argv = calloc(argc + 1, sizeof(*argv));
	memcpy(argv, words, argc * sizeof(*argv));
	r = cmd_parse(&cmd_kexec, argc, argv, &args, err);
	if (r == 0)
		r = kexec_request_read(&args, ret, err);
	cmd_args_deinit(&args);
	free(argv);
	return r;
}

/* The actions, as letters in the order of their doing: u l s(hutdown) y(sync) x(net down) e. */
static void actions(const struct kexec_request *k, char ret[8])
{
	char *p = ret;

	if (k->unload)
		*p++ = 'u';
	if (k->load)
		*p++ = 'l';
	if (k->shutdown)
		*p++ = 's';
	if (k->exec && k->sync)
		*p++ = 'y';
	if (k->exec && k->net_down)
		*p++ = 'x';
	if (k->exec)
		*p++ = 'e';
	*p = '\0';
}

static void actions_are_those_of_kexec_tools(void **state)
{
	static const struct {
		const char *words[6];
		const char *want;
	} cases[] = {
		{{"kexec", "/k"}, "ls"},
		{{"kexec", "-l", "/k"}, "l"},
		{{"kexec", "-e"}, "yxe"},
		{{"kexec", "-e", "-x", "-y"}, "e"},
		{{"kexec", "-f", "/k"}, "lyxe"},
		{{"kexec", "-fx", "/k"}, "lye"},
		{{"kexec", "-u"}, "u"},
		{{"kexec", "-l", "-e"}, "yxe"},
		{{"kexec", "-e", "-l", "/k"}, "l"},
		{{"kexec", "--load", "/k", "--no-sync"}, "l"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		CLEAN_KEXEC k = {};
		struct wb_error err = {};
		char got[8];

		if (read_words(cases[i].words, &k, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		actions(&k, got);
		assert_string_equal(got, cases[i].want);
	}
}

static void systemctl_is_understood(void **state)
{
	CLEAN_KEXEC k = {};

	assert_int_equal(read_words((const char *[]){"/sbin/kexec", "--load", "/boot/k", "--append",
					    "root=/dev/a quiet", "--initrd", "/boot/i", NULL},
				 &k, NULL),
		0);
	assert_true(k.load && !k.shutdown && !k.exec);
	assert_string_equal(k.req.options.kernel, "/boot/k");
	assert_string_equal(k.req.cmdline, "root=/dev/a quiet");
	assert_null(k.req.options.append);
	assert_int_equal(k.req.options.n_initrds, 1);
	assert_string_equal(k.req.options.initrds[0], "/boot/i");
	/* -a is what kexec-tools does when nothing is said. */
	assert_int_equal(k.req.options.method, WB_METHOD_FILE);
	assert_true(k.req.options.legacy_fallback);
	assert_int_equal(k.req.options.initramfs, WB_INITRAMFS_OWN);
	assert_int_equal(k.req.options.verify, WB_VERIFY_SHA256);
	assert_false(k.req.leave_mark);
}

static void ways_to_load(void **state)
{
	static const struct {
		const char *words[7];
		enum wb_method method;
		bool fallback;
	} cases[] = {
		{{"kexec", "-l", "/k", "-s"}, WB_METHOD_FILE, false},
		{{"kexec", "-l", "/k", "-c"}, WB_METHOD_SEGMENTS, false},
		{{"kexec", "-l", "/k", "-a"}, WB_METHOD_FILE, true},
		{{"kexec", "-l", "/k", "-s", "-c"}, WB_METHOD_SEGMENTS, false},
		{{"kexec", "-l", "/k", "--kexec-file-syscall"}, WB_METHOD_FILE, false},
		/* If the file call cannot load it, the other call can. */
		{{"kexec", "-l", "/k", "--mem-min=0x1000000"}, WB_METHOD_SEGMENTS, false},
		{{"kexec", "-l", "/k", "--dtb", "/d"}, WB_METHOD_SEGMENTS, false},
		{{"kexec", "-l", "/k", "-s", "--dtb", "/d"}, WB_METHOD_FILE, false},
	};

	for (size_t i = 0; i < N(cases); i++) {
		CLEAN_KEXEC k = {};

		assert_int_equal(read_words(cases[i].words, &k, NULL), 0);
		assert_int_equal(k.req.options.method, cases[i].method);
		assert_int_equal(k.req.options.legacy_fallback, cases[i].fallback);
	}
}

static void command_lines_are_put_together(void **state)
{
	CLEAN_KEXEC reuse = {}, last = {}, noefi = {}, own = {};

	assert_int_equal(read_words((const char *[]){"kexec", "-l", "/k", "--reuse-cmdline",
					    "--append=extra", NULL},
				 &reuse, NULL),
		0);
	assert_true(reuse.req.reuse_cmdline);
	assert_null(reuse.req.cmdline);
	assert_string_equal(reuse.req.options.append, "extra");

	assert_int_equal(read_words((const char *[]){"kexec", "-l", "/k", "--append=a",
					    "--command-line=b", NULL},
				 &last, NULL),
		0);
	assert_string_equal(last.req.cmdline, "b");

	assert_int_equal(
		read_words((const char *[]){"kexec", "-l", "/k", "--append=a", "--noefi", NULL},
			&noefi, NULL),
		0);
	assert_string_equal(noefi.req.cmdline, "a");
	assert_string_equal(noefi.req.options.append, "noefi");

	/* Then a UKI's own one is used. */
	assert_int_equal(read_words((const char *[]){"kexec", "-l", "/k", NULL}, &own, NULL), 0);
	assert_null(own.req.cmdline);
	assert_null(own.req.options.append);
}

static void other_wishes_arrive(void **state)
{
	CLEAN_KEXEC k = {};

	assert_int_equal(read_words((const char *[]){"kexec", "-lid", "/k", "--mem-max=4096",
					    "--ramdisk=/i", "--console-serial", "--serial=ttyS0",
					    "--serial-baud=9600", "--reset-vga", NULL},
				 &k, NULL),
		0);
	assert_int_equal(k.req.options.mem_max, 4096);
	assert_int_equal(k.req.options.verify, WB_VERIFY_NONE);
	assert_string_equal(k.req.options.initrds[0], "/i");
	assert_true(k.debug);
}

static void types_are_those_of_the_machine(void **state)
{
	static const char *const foreign[] = {"nonsense", "", "bzImage6", "bzImage644",
		"multiboot-x86", "multiboot2-x86", "elf-x86", "beoboot-x86", "nbi-x86"};
	const char *const *types = wb_arch_native()->types;

	for (size_t i = 0; types[i]; i++) {
		CLEAN_KEXEC k = {};

		assert_int_equal(
			read_words((const char *[]){"kexec", "-l", "/k", "-t", types[i], NULL}, &k,
				NULL),
			0);
	}
	for (size_t i = 0; i < N(foreign); i++) {
		CLEAN_KEXEC k = {};
		struct wb_error err = {};

		assert_int_equal(
			read_words((const char *[]){"kexec", "-t", foreign[i], "-l", "/k", NULL},
				&k, &err),
			-EOPNOTSUPP);
		assert_non_null(strstr(err.text, foreign[i]));
		assert_non_null(strstr(err.text, types[0]));
	}
}

static void status_asks_for_the_crash_kernel_unless_told(void **state)
{
	CLEAN_KEXEC crash = {}, other = {};

	assert_int_equal(read_words((const char *[]){"kexec", "-S", NULL}, &crash, NULL), 0);
	assert_true(crash.status && crash.of_crash_kernel);
	assert_int_equal(read_words((const char *[]){"kexec", "-l", "-S", NULL}, &other, NULL), 0);
	assert_true(other.status && !other.of_crash_kernel);
}

/* With -p it is the crash kernel's, in any order and whatever else is there: k_status() of kexec-tools. */
static void a_question_is_answered_not_refused(void **state)
{
	static const struct {
		const char *words[7];
		bool of_crash_kernel;
	} cases[] = {
		{{"kexec", "-p", "-S"}, true},
		{{"kexec", "-S", "-p"}, true},
		{{"kexec", "-pS"}, true},
		{{"kexec", "--load-panic", "--status"}, true},
		{{"kexec", "-l", "-p", "-S"}, true},
		{{"kexec", "-S", "-p", "-s"}, true},
		{{"kexec", "-S", "--load-preserve-context", "-l"}, false},
		{{"kexec", "-S", "-t", "multiboot-x86"}, true},
	};
	CLEAN_KEXEC v = {}, size = {};

	for (size_t i = 0; i < N(cases); i++) {
		CLEAN_KEXEC k = {};
		struct wb_error err = {};

		if (read_words(cases[i].words, &k, &err) < 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_true(k.status);
		assert_int_equal(k.of_crash_kernel, cases[i].of_crash_kernel);
	}
	assert_int_equal(read_words((const char *[]){"kexec", "-v", "-p", NULL}, &v, NULL), 0);
	assert_true(v.version);
	assert_int_equal(
		read_words((const char *[]){"kexec", "-p", "--print-ckr-size", NULL}, &size, NULL),
		0);
	assert_true(size.crash_size);
}

static void every_option_of_kexec_tools_is_known(void **state)
{
	/* kexec/kexec.h, kexec/arch/i386/include/arch/options.h; one of ppc64 that scripts give anywhere */
	static const char *const names[] = {"version", "force", "no-checks", "no-ifdown", "no-sync",
		"load", "unload", "exec", "exec-live-update", "load-preserve-context",
		"load-jump-back-helper", "load-live-update", "entry=0", "type=bzImage",
		"load-panic", "mem-min=1", "mem-max=1", "reuseinitrd", "kexec-file-syscall",
		"kexec-syscall", "kexec-syscall-auto", "debug", "status", "print-ckr-size",
		"hotplug", "no-cma", "force-dtb", "reset-vga", "serial=ttyS0", "serial-baud=9600",
		"console-vga", "console-serial", "elf32-core-headers", "elf64-core-headers",
		"pass-memmap-cmdline", "noefi", "reuse-video-type", "command-line=x", "append=x",
		"reuse-cmdline", "initrd=x", "ramdisk=x", "args-elf", "args-linux", "args-none",
		"module=x", "real-mode", "entry-32bit", "dtb=x", "dt-no-old-root"};

	for (size_t i = 0; i < N(names); i++) {
		CLEAN_KEXEC k = {}, panic = {};
		struct wb_error err = {};
		char word[64];
		int r;

		snprintf(word, sizeof(word), "--%s", names[i]);
		r = read_words((const char *[]){"kexec", "-l", "/k", word, NULL}, &k, &err);
		if (r != 0 && (r != -EOPNOTSUPP || !*err.text))
			fail_msg("%s: %s", word, err.text);
		/* With -p: that crash kernels come later, or the answer to a question. */
		err = (struct wb_error){};
		r = read_words((const char *[]){"kexec", "-p", "/k", word, NULL}, &panic, &err);
		if (r != 0 && (r != -EOPNOTSUPP || !strstr(err.text, "crash kernels")))
			fail_msg("-p %s: %d %s", word, r, err.text);
		if (r == 0 && !panic.status && !panic.version && !panic.crash_size)
			fail_msg("-p %s was taken", word);
	}
}

static void the_last_initrd_wins(void **state)
{
	CLEAN_KEXEC k = {};

	assert_int_equal(read_words((const char *[]){"kexec", "-l", "/k", "--initrd=/a",
					    "--ramdisk=/b", "--initrd", "/c", NULL},
				 &k, NULL),
		0);
	assert_int_equal(k.req.options.n_initrds, 1);
	assert_string_equal(k.req.options.initrds[0], "/c");
}

static void a_question_mark_shows_the_usage(void **state)
{
	char *argv[] = {"kexec", "-l", "-?", "x", NULL};
	struct cmd_args args = {};
	struct wb_error err = {};

	assert_int_equal(cmd_parse(&cmd_kexec, 4, argv, &args, &err), 0);
	assert_true(args.question);
	cmd_args_deinit(&args);
	assert_int_equal(cmd_parse(&cmd_unload, 2, argv + 1, &args, &err), -EINVAL);
}

static void refusals_have_their_sentence(void **state)
{
	static const struct {
		const char *words[6];
		int code;
		const char *sentence;
	} cases[] = {
		{{"kexec", "-p", "/k"}, -EOPNOTSUPP, "later version"},
		{{"kexec", "-u", "-p"}, -EOPNOTSUPP, "later version"},
		{{"kexec", "-l", "/k", "--real-mode"}, -EOPNOTSUPP,
			"--real-mode: kernels are entered"},
		{{"kexec", "-l", "/k", "--entry-32bit"}, -EOPNOTSUPP, "64-bit mode only"},
		{{"kexec", "-l", "/k", "--module=m"}, -EOPNOTSUPP, "only Linux kernels"},
		{{"kexec", "-l", "/k", "-t", "multiboot-x"}, -EOPNOTSUPP, "only Linux kernels"},
		{{"kexec", "--load-preserve-context", "/k"}, -EOPNOTSUPP, "not supported"},
		{{"kexec", "-l"}, -EINVAL, "no kernel was named"},
		{{"kexec"}, -EINVAL, "no kernel was named"},
		{{"kexec", "-l", "/k", "--mem-min=low"}, -EINVAL, "\"low\" is no address"},
		{{"kexec", "-l", "/k", "--mem-max=-1"}, -EINVAL, "no address"},
		{{"kexec", "-l", "/k", "--initrd=a", "--reuseinitrd"}, -EINVAL, "not both"},
		{{"kexec", "-q"}, -EINVAL, "no option -q"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		CLEAN_KEXEC k = {};
		struct wb_error err = {};

		assert_int_equal(read_words(cases[i].words, &k, &err), cases[i].code);
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("case %zu says: %s", i, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions_are_those_of_kexec_tools),
		cmocka_unit_test(systemctl_is_understood),
		cmocka_unit_test(ways_to_load),
		cmocka_unit_test(command_lines_are_put_together),
		cmocka_unit_test(other_wishes_arrive),
		cmocka_unit_test(types_are_those_of_the_machine),
		cmocka_unit_test(status_asks_for_the_crash_kernel_unless_told),
		cmocka_unit_test(a_question_is_answered_not_refused),
		cmocka_unit_test(every_option_of_kexec_tools_is_known),
		cmocka_unit_test(the_last_initrd_wins),
		cmocka_unit_test(a_question_mark_shows_the_usage),
		cmocka_unit_test(refusals_have_their_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
