// SPDX-License-Identifier: LGPL-2.1-or-later
/* The remedies: each is for a reason that a verdict really gives, in the very words. */
#define _GNU_SOURCE
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "fake-ns.h"
#include "keep/judge.h"
#include "keep/remedies.h"

#define STATUS(name) "Name:\t" name "\nThreads:\t1\n"
#define PROCESS(pid)                                                                 \
	{"/proc/" pid "/stat", pid " (foo) S 1 " pid " " pid " 0 -1 4194560"},       \
		{"/proc/" pid "/status", STATUS("foo")}, {"/proc/" pid "/maps", ""}, \
	{                                                                            \
		"/proc/" pid "/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n" \
	}

static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	*ret = (struct wb_service){
		.id = strdup("foo.service"),
		.load = strdup("loaded"),
		.active = strdup("active"),
		.type = strdup("simple"),
		.cgroup = strdup("/system.slice/foo.service"),
		.main_pid = 52,
		.dynamic_user = true,
	};
	return 0;
}

static int join_them(struct wb_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->items[i].peer = s->items[i].inode == 71 ? 72 : 71;
	return 0;
}

/* A service that has everything for which there is a remedy. */
static void judge(struct wb_keep_verdict *ret)
{
	static const struct fake_file disk[] = {
		{"/sys/fs/cgroup/system.slice/foo.service/cgroup.procs", "52\n"}, PROCESS("52"),
		PROCESS("1"), {"/proc/52/fd/5", .link = "anon_inode:[io_uring]"},
		{"/proc/52/fd/6", .link = "socket:[71]"},
		{"/proc/52/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n"
				      "0: 00000003 00000000 00000000 0001 03 71\n"
				      "0: 00000003 00000000 00000000 0001 03 72 /run/bus\n"},
		{"/proc/52/fdinfo/5", "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t7\n"},
		{"/proc/1/fd/0", .link = "/dev/null"}, {"/proc/sys/kernel/osrelease", "6.12.1\n"},
		{}};
	struct wb_files files = fake_files(disk);
	struct wb_services services = {NULL, read_service};
	struct fake_ns trusted = {.cgroup = "0::/system.slice/foo.service\n"};
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_look look = {.namespaces = &ns,
		.files = &files,
		.units = &services,
		.add_peers = join_them,
		.criu = "4.1.1"};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look(NULL, &look, "foo.service", NULL, ret, &err), 0);
}

static bool mentions(const struct wb_strv *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++)
		if (strstr(v->items[i], text))
			return true;
	return false;
}

static void each_reason_is_given(void **state)
{
	WB_CLEAN_KEEP_VERDICT v = {};

	judge(&v);
	for (const struct wb_remedy *r = wb_remedies; r->reason; r++) {
		if (!mentions(&v.reasons, r->reason))
			fail_msg("no verdict says \"%s\"", r->reason);
		assert_non_null(strstr(r->unit, ".service"));
		assert_int_not_equal(r->text[strlen(r->text) - 1], '.');
	}
}

static void a_remedy_is_for_the_service_that_it_was_tried_with(void **state)
{
	assert_non_null(strstr(wb_remedy_find("mariadb.service", "it has an io_uring"), "innodb"));
	assert_non_null(
		strstr(wb_remedy_find("mariadb@a.service", "it has an io_uring"), "innodb"));
	assert_non_null(strstr(wb_remedy_find("named.service", "it has an io_uring"), "ENOSYS"));
	assert_non_null(
		strstr(wb_remedy_find("other.service", "it has an io_uring"), "if its program"));
	assert_null(wb_remedy_find("mariadb.service", "it has System V shared memory"));
	assert_non_null(
		strstr(wb_remedy_find("any.service", "its process 7 (x) is connected to /run/x"),
			"reset"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_is_given),
		cmocka_unit_test(a_remedy_is_for_the_service_that_it_was_tried_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
