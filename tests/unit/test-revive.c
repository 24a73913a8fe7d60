// SPDX-License-Identifier: LGPL-2.1-or-later
/* restore/revive.c: the end of the restore, and its results. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-runner.h"
#include "fake-write.h"
#include "restore/revive.h"
#include "sample-manifest.h"
#include "unit.h"

static void read_sample(struct wb_manifest *ret)
{
	struct wb_error err = {};

	if (wb_manifest_parse(
		    (struct wb_bytes){(const uint8_t *)sample_manifest, strlen(sample_manifest)},
		    NULL, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* The place of `what` after `from`; the test fails if it is not there. */
static const char *after(const char *from, const char *what)
{
	const char *found = strstr(from, what);

	if (!found)
		fail_msg("no \"%s\" in:\n%s", what, from);
	return found + strlen(what);
}

static void test_hold(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/sys/kernel/ns_last_pid", "300\n"},
		{"/sys/class/net/eth0/address", "52:54:00:12:34:56\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	static struct fake_runner fake;
	struct wb_error warning = {}, err = {};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_UNIT_LIST all = {};
	const char *p = fake.log;

	read_sample(&m);
	assert_int_equal(wb_unit_list_select(&m, NULL, &all), 0);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_revive_hold(&files, &fake.runner, &m, &all,
				 (struct wb_hold_left){70, 70}, 1, &warning, &err),
		0);
	assert_int_equal(warning.code, 0);
	p = after(p, "poke /proc/sys/kernel/ns_last_pid 812\n");
	/* No packet may arrive before there is silence. */
	p = after(p, "nft -f - <<table inet warmboot\n");
	p = after(p, "timeout 70s");
	p = after(p, "modprobe -a -q virtio_net virtio_pci\n");
	p = after(p, "ip -force -batch - <<link set dev eth0 name");
	p = after(p, "address add 10.0.0.2/24 dev enp0s3");
}

static void test_hold_fails(void **state)
{
	static const struct fake_file disk[] = {{"/proc/sys/kernel/ns_last_pid", "9000\n"}, {}};
	static const struct fake_answer answers[] = {{"nft", -ENOENT, NULL}, {}};
	struct wb_files files = fake_files(disk);
	static struct fake_runner fake;
	struct wb_error warning = {}, err = {};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_UNIT_LIST all = {};

	read_sample(&m);
	assert_int_equal(wb_unit_list_select(&m, NULL, &all), 0);
	fake_runner_init(&fake, answers);
	assert_int_equal(wb_revive_hold(&files, &fake.runner, &m, &all,
				 (struct wb_hold_left){70, 70}, 1, &warning, &err),
		-ENOENT);
	/* The number is high enough already, and the network must not come up unguarded. */
	assert_null(strstr(fake.log, "poke /proc/sys/kernel"));
	assert_null(strstr(fake.log, "ip -force"));
}

static void test_finish(void **state)
{
	static const struct fake_file disk[] = {
		{WB_RESULT_PARTS "/memcached.service.json",
			"{\"unit\": \"memcached.service\", \"asked\": \"auto\", \"how\": "
			"\"process\", \"frozen_s\": 2.5, \"thawed_ns\": 5}"},
		{"/proc/sys/kernel/osrelease", "7.2.1\n"},
		{},
	};
	static struct fake_write writes;
	static struct fake_runner fake;
	struct wb_error err = {};
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_RESULT result = {};
	const char *p = fake.log;

	read_sample(&m);
	fake_write_init(&writes, disk);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_revive_finish(&writes.sys, &fake.runner, &m, &err), 0);
	p = after(p, "nft -f - <<table inet warmboot\ndelete table inet warmboot\n");
	p = after(p, "systemctl daemon-reload\n");
	p = after(p, "systemctl reset-failed getty@tty1.service\n");
	p = after(p, "systemctl --no-block start getty@tty1.service\n");
	/* The unit is running; this starts its requirements. */
	after(fake.log, "systemctl --no-block start memcached.service\n");
	assert_null(strstr(fake.log, "reset-failed memcached"));
	/* The mark must be there before the reload that it is for. */
	assert_non_null(fake_written(&writes, WB_THAW_DONE));
	{
		const char *text = fake_written(&writes, WB_RESULT);
		const struct fake_file again[] = {{WB_RESULT, text}, {}};
		struct wb_files files = fake_files(again);

		assert_int_equal(wb_result_read(&files, WB_RESULT, &result, &err), 0);
	}
	assert_string_equal(result.to, "7.2.1");
	assert_int_equal(result.units.n, 2);
	assert_int_equal(result.units.items[0].how, WB_KEEP_PROCESS);
	assert_true(result.units.items[0].frozen_s == 2.5);
	assert_int_equal(result.units.items[1].how, WB_KEEP_RESTART);
	assert_string_equal(result.units.items[1].why, "it has a device open");
}

/* A finished job is not done twice, and its port is not held. */
static void test_finish_ended(void **state)
{
	static const struct fake_file disk[] = {{}};
	static struct fake_write writes;
	static struct fake_runner fake;
	struct wb_error err = {};
	WB_CLEAN_MANIFEST m = {};

	read_sample(&m);
	wb_manifest_end(&m.units.items[0]);
	fake_write_init(&writes, disk);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_revive_finish(&writes.sys, &fake.runner, &m, &err), 0);
	assert_null(strstr(fake.log, "memcached"));
	assert_null(strstr(fake.log, "11211"));
	after(fake.log, "systemctl --no-block start getty@tty1.service\n");
	after(fake_written(&writes, WB_RESULT), "\"how\": \"ended\"");
	after(fake_written(&writes, WB_RESULT), "it ended by itself");
}

static void test_finish_failed(void **state)
{
	static const struct fake_file disk[] = {{}};
	static struct fake_write writes;
	static struct fake_runner fake;
	struct wb_error err = {};
	WB_CLEAN_MANIFEST m = {};
	const char *p = fake.log;

	/* Transient: its definition was in /run. */
	read_sample(&m);
	free(m.units.items[0].definition.items[0].path);
	m.units.items[0].definition.items[0].path =
		strdup("/run/systemd/transient/memcached.service");
	assert_int_equal(wb_strv_add(&m.units.items[0].sockets, "memcached.socket"), 0);
	fake_write_init(&writes, disk);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_revive_finish(&writes.sys, &fake.runner, &m, &err), 0);
	/* Its port is held until the service listens again; its old connections are over. */
	p = after(p, "delete table inet warmboot\n");
	p = after(p, "table inet warmboot_restart {");
	p = after(p, "elements = { 127.0.0.1 . tcp . 11211 }");
	/* Its socket unit may have given up. */
	p = after(p, "systemctl reset-failed memcached.socket\n");
	p = after(p, "systemctl --no-block start memcached.socket\n");
	p = after(p, "systemctl --no-block start memcached.service\n");
	assert_non_null(fake_written(&writes, "/run/systemd/system/memcached.service"));
	after(fake_written(&writes, WB_RESULT), "its thaw did not begin");
}

static void test_frozen(void **state)
{
	struct wb_manifest m = {.tsc_hz = 1000};
	struct wb_manifest_unit u = {.frozen_tsc = 5000};

	assert_true(wb_result_frozen_s(&m, &u, 7500) == 2.5);
	/* The counter began again, or is far ahead. */
	assert_true(wb_result_frozen_s(&m, &u, 4000) == 0);
	assert_true(wb_result_frozen_s(&m, &u, 1ull << 62) == 0);
	m.tsc_hz = 0;
	assert_true(wb_result_frozen_s(&m, &u, 7500) == 0);
}

static void found(const struct fake_file *disk, const char *nonce, const char *why)
{
	struct wb_files files = fake_files(disk);
	WB_CLEAN_RESULT result = {};
	int r = wb_result_find(&files, nonce, &result, NULL);

	assert_int_equal(r, why ? 0 : -ENOENT);
	if (why)
		assert_string_equal(result.units.items[0].why, why);
}

/*
 * The outcome expected before the jump holds if nothing later is recorded, and for that jump only.
 */
static void test_result_without_a_boot(void **state)
{
#define RESULT(nonce, why)                                                                  \
	"{\"version\": 1, \"nonce\": \"" nonce "\", \"units\": [{\"unit\": \"a.service\", " \
	"\"how\": \"restart\", \"why\": \"" why "\"}]}"
	static const struct fake_file lost[] = {{WB_RESULT_LAST, RESULT("12", "lost")}, {}};
	static const struct fake_file told[] = {{WB_RESULT_LAST, RESULT("12", "lost")},
		{WB_RESULT, RESULT("12", "told")}, {WB_MANIFEST_COPY, "{}"}, {}};
	static const struct fake_file early[] = {
		{WB_RESULT_LAST, RESULT("12", "lost")}, {WB_MANIFEST_COPY, "{}"}, {}};

	found(lost, "12", "lost");
	found(lost, "13", NULL);
	found(lost, NULL, NULL);
	found(told, "12", "told");
	found(told, NULL, "told");
	found(early, "12", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result_without_a_boot),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_hold_fails),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_finish_ended),
		cmocka_unit_test(test_finish_failed),
		cmocka_unit_test(test_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
