// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/cmdline.c: words and quotes of kernel command lines. */
#include "unit.h"
#include "core/cmdline.h"
#include "core/strv.h"

static void assert_get(const char *cmdline, const char *name, const char *want)
{
	WB_CLEAN_STR got = NULL;

	assert_int_equal(wb_cmdline_get(cmdline, name, &got), want ? 0 : -ENOENT);
	assert_int_equal(wb_cmdline_has(cmdline, name), want != NULL);
	if (want)
		assert_string_equal(got, want);
}

static void get_reads_as_the_kernel_does(void **state)
{
	assert_get("root=/dev/vda1 ro quiet", "root", "/dev/vda1");
	assert_get("root=/dev/vda1 ro quiet", "ro", "");
	assert_get("root=/dev/vda1 ro quiet", "roo", NULL);
	assert_get("console=tty0 console=ttyS0", "console", "ttyS0");
	assert_get("root=UUID=a=b", "root", "UUID=a=b");
	assert_get("dyndbg=\"file a.c +p\" x", "dyndbg", "file a.c +p");
	assert_get("\"a=b c\" d", "a", "b c");
	assert_get("a=\"open to the end", "a", "open to the end");
	assert_get("acpi-x=1", "acpi_x", "1");
	assert_get("a -- root=1", "root", NULL);
	assert_get("\t root=1\n", "root", "1");
	assert_get("", "root", NULL);
	assert_get("root=", "root", "");
	assert_get("warmboot.jump=12", "warmboot.*", "12");
	assert_get("warmboot=12", "warmboot.*", NULL);
	assert_get("\"", "x", NULL);
}

static void assert_remove(const char *cmdline, const char *name, const char *want)
{
	WB_CLEAN_STR got = NULL;

	assert_int_equal(wb_cmdline_remove(cmdline, name, &got), 0);
	assert_string_equal(got, want);
}

static void remove_keeps_the_rest_as_it_was(void **state)
{
	assert_remove("a initrd=1 b initrd=\"2 3\" c", "initrd", "a b c");
	assert_remove("initrd=1", "initrd", "");
	assert_remove("a initrd=1", "initrd", "a");
	assert_remove("initrd=1 a", "initrd", "a");
	assert_remove("a  b=\"1 2\" ", "c", "a  b=\"1 2\" ");
	assert_remove("a -- initrd=1", "initrd", "a -- initrd=1");
	assert_remove("x -- y", "x", "-- y");
	assert_remove("warmboot.a warmboot.b=1 c", "warmboot.*", "c");
	assert_remove("x \"a\f", "x", "\"a\f"); /* the quote is open: not a separator */
}

static void append_joins(void **state)
{
	const char *const cases[][3] = {{"a", "b", "a b"}, {"", "b", "b"}, {"a", "", "a"}};

	for (size_t i = 0; i < 3; i++) {
		WB_CLEAN_STR got = NULL;

		assert_int_equal(wb_cmdline_append(cases[i][0], cases[i][1], &got), 0);
		assert_string_equal(got, cases[i][2]);
	}
}

static int count(const char *name, const char *value, void *arg)
{
	int *n = arg;

	(*n)++;
	return value && !strcmp(value, "stop") ? 7 : 0;
}

static void each_stops_when_told(void **state)
{
	int n = 0;

	assert_int_equal(wb_cmdline_each("a b c -- d", count, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(wb_cmdline_each("a b=stop c", count, &n), 7);
	assert_int_equal(n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_reads_as_the_kernel_does),
		cmocka_unit_test(remove_keeps_the_rest_as_it_was),
		cmocka_unit_test(append_joins),
		cmocka_unit_test(each_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
