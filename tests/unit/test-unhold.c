// SPDX-License-Identifier: LGPL-2.1-or-later
#include "fake-files.h"
#include "keep/unhold.h"
#include "unit.h"

static struct wb_manifest_port ports[] = {{"tcp", NULL, 7001}, {"udp", NULL, 53}};
static struct wb_manifest_port other[] = {{"tcp", NULL, 80}};
static struct wb_manifest_unit units[] = {
	{.unit = "one.service", .how = "process", .ports = {ports, 2}},
	{.unit = "two.service", .how = "process", .ports = {other, 1}},
};
static const struct wb_manifest m = {.units = {units, 2}};

/* How often systemd was asked; 7001 is listened on from the third time on. */
struct machine {
	int asked;
	const char *state;
};

static int run(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *machine = ctx;

	assert_string_equal(how->argv[1], "show");
	assert_string_equal(how->argv[3], "one.service");
	machine->asked++;
	return wb_blob_append(ret, machine->state, strlen(machine->state));
}

static int read_tables(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	static const char head[] = "  sl  local_address\n";
	static const char line[] = "   0: 00000000:1B59 00000000:0000 0A 00000000:00000000 "
				   "00:00000000 00000000     0        0 4711 1\n";
	struct machine *machine = ctx;
	int r;

	if (strcmp(path, "/proc/1/net/tcp"))
		return -ENOENT;
	r = wb_blob_append(ret, head, strlen(head));
	if (r == 0 && machine->asked >= 3)
		r = wb_blob_append(ret, line, strlen(line));
	return r;
}

static void test_waits_for_who_was_started_anew(void **state)
{
	struct wb_unit_result parts[] = {{.unit = "one.service", .how = "restart"},
		{.unit = "two.service", .how = "process"}};
	const struct wb_result result = {.units = {parts, 2}};
	struct machine machine = {.state = "ActiveState=active\n"};
	const struct wb_files files = {.ctx = &machine, .read = read_tables};
	const struct wb_runner runner = {.ctx = &machine, .run = run};

	wb_unhold_wait(&files, &runner, &m, &result, 60);
	assert_int_equal(machine.asked, 3);

	/* Who has yet to be started is, too. */
	machine = (struct machine){.state = "ActiveState=inactive\nJob=812\n"};
	wb_unhold_wait(&files, &runner, &m, &result, 60);
	assert_int_equal(machine.asked, 3);

	/* Who failed is not waited for. */
	machine = (struct machine){.state = "ActiveState=failed\n"};
	wb_unhold_wait(&files, &runner, &m, &result, 60);
	assert_int_equal(machine.asked, 1);

	/* Nor whoever never listens, for long. */
	machine = (struct machine){.asked = -1000, .state = "ActiveState=active\n"};
	wb_unhold_wait(&files, &runner, &m, &result, 1);
	assert_int_equal(machine.asked, -990);
}

static void test_listens(void **state)
{
	struct wb_socket all[] = {
		{.kind = WB_SOCKET_UDP, .listening = true, .local_port = 7001},
		{.kind = WB_SOCKET_TCP, .connected = true, .local_port = 7001},
		{.kind = WB_SOCKET_TCP, .listening = true, .local_port = 7001},
	};

	assert_false(wb_unhold_listens(&units[0], &(struct wb_sockets){all, 0}));
	assert_false(wb_unhold_listens(&units[0], &(struct wb_sockets){all, 2}));
	assert_true(wb_unhold_listens(&units[0], &(struct wb_sockets){all, 3}));
	assert_false(wb_unhold_listens(&units[1], &(struct wb_sockets){all, 3}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listens),
		cmocka_unit_test(test_waits_for_who_was_started_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
