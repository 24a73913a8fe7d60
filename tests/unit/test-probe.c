// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/probe.c: parsing probes, and judging answers. */
#include <stdio.h>

#include "unit.h"
#include "fake-files.h"
#include "timeline/firmware.h"
#include "timeline/probe.h"

struct world {
	const char *answer;
	int result;
	char asked[1024];
};

static int tcp(void *ctx, const char *host, uint16_t port, const char *request, char *answer,
	unsigned int size, int deadline_ms)
{
	struct world *w = ctx;

	snprintf(w->asked, sizeof(w->asked), "%s|%u|%s", host, port, request ? request : "");
	if (answer)
		snprintf(answer, size, "%s", w->answer);
	return w->result;
}

static int run(void *ctx, const char *command, int deadline_ms)
{
	struct world *w = ctx;

	snprintf(w->asked, sizeof(w->asked), "%s", command);
	return w->result;
}

static int ask(struct world *w, const char *text)
{
	const struct wb_probe_io io = {w, tcp, run};
	struct wb_probe p;
	struct wb_error err = {};

	if (wb_probe_parse(text, &p, &err) < 0)
		fail_msg("%s", err.text);
	return wb_probe_ask(&io, &p, 100);
}

static void a_port_takes_a_connection(void **state)
{
	struct world w = {};

	assert_int_equal(ask(&w, "tcp:11211"), 0);
	assert_string_equal(w.asked, "|11211|");
	assert_int_equal(ask(&w, "tcp:db.example:5432"), 0);
	assert_string_equal(w.asked, "db.example|5432|");
	assert_int_equal(ask(&w, "tcp:[::1]:22"), 0);
	assert_string_equal(w.asked, "::1|22|");
	w.result = -ECONNREFUSED;
	assert_int_equal(ask(&w, "tcp:1"), -ECONNREFUSED);
}

static void a_page_is_good_below_400(void **state)
{
	struct world w = {.answer = "HTTP/1.1 200 OK\r\n"};

	assert_int_equal(ask(&w, "http://localhost:8080/health?x=1"), 0);
	assert_non_null(
		strstr(w.asked, "localhost|8080|GET /health?x=1 HTTP/1.0\r\nHost: localhost"));
	assert_int_equal(ask(&w, "http:http://[::1]/"), 0);
	assert_non_null(strstr(w.asked, "::1|80|GET / "));
	assert_int_equal(ask(&w, "http:8080/x"), 0);
	assert_non_null(strstr(w.asked, "|8080|GET /x "));
	w.answer = "HTTP/1.1 302 Found\r\n";
	assert_int_equal(ask(&w, "http://h"), 0);
	w.answer = "HTTP/1.1 503 Service Unavailable\r\n";
	assert_int_equal(ask(&w, "http://h"), -EAGAIN);
	w.answer = "220 smtp";
	assert_int_equal(ask(&w, "http://h"), -EPROTO);
	w.result = -ETIMEDOUT;
	assert_int_equal(ask(&w, "http://h"), -ETIMEDOUT);
}

static void a_command_is_run(void **state)
{
	struct world w = {};

	assert_int_equal(ask(&w, "exec:redis-cli ping | grep PONG"), 0);
	assert_string_equal(w.asked, "redis-cli ping | grep PONG");
}

static void what_is_no_probe_is_told(void **state)
{
	static const char *const wrong[] = {"", "tcp", "tcp:", "tcp:0", "tcp:65536", "tcp:80x",
		"tcp:host", "tcp:host:", "exec:", "udp:53", "http://h:99999/", "http://[::1/",
		"http://", "http:///x", "http://h/a b", "https://h/"};
	struct wb_probe p;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct wb_error err = {};

		if (wb_probe_parse(wrong[i], &p, &err) != -EINVAL)
			fail_msg("\"%s\" is taken", wrong[i]);
		assert_non_null(strstr(err.text, wrong[i]));
	}
}

#define EFI(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static void firmware_tells_by_variables(void **state)
{
	static const struct fake_file disk[] = {
		{EFI("LoaderTimeInitUSec"), "\6\0\0\0005\0000\0000\0\0\0", 12},
		{EFI("LoaderTimeExecUSec"), "\6\0\0\0009\0000\0000\0\0\0", 12},
		{"/sys/firmware/acpi/fpdt/boot/bootloader_launch_ns", "1000\n"},
		{"/sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns", "2000\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	struct wb_user_times t = {};

	wb_firmware_times(&files, &t);
	assert_int_equal(t.firmware_us, 900);
	assert_int_equal(t.loader_us, 400);
}

static void firmware_tells_by_a_table(void **state)
{
	static const struct fake_file good[] = {
		{"/sys/firmware/acpi/fpdt/boot/bootloader_launch_ns", "5855973785\n"},
		{"/sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns", "14325507185\n"},
		{},
	};
	static const struct fake_file bad[] = {
		{"/sys/firmware/acpi/fpdt/boot/bootloader_launch_ns", "5855973785\n"},
		{"/sys/firmware/acpi/fpdt/boot/exitbootservice_end_ns", "0\n"},
		{EFI("LoaderTimeInitUSec"), "\6\0\0\0x\0\0\0", 8},
		{},
	};
	struct wb_files files = fake_files(good);
	struct wb_user_times t = {}, none = {};

	wb_firmware_times(&files, &t);
	assert_int_equal(t.firmware_us, 14325507);
	assert_int_equal(t.loader_us, 14325507 - 5855973);
	files = fake_files(bad);
	wb_firmware_times(&files, &none);
	assert_int_equal(none.firmware_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_takes_a_connection),
		cmocka_unit_test(a_page_is_good_below_400),
		cmocka_unit_test(a_command_is_run),
		cmocka_unit_test(what_is_no_probe_is_told),
		cmocka_unit_test(firmware_tells_by_variables),
		cmocka_unit_test(firmware_tells_by_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
