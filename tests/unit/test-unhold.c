// SPDX-License-Identifier: LGPL-2.1-or-later
/* restore/unhold.c: ending the packet hold of restarted units. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "restore/unhold.h"
#include "unit.h"

static struct wb_net_port ports[] = {{"tcp", NULL, 7001}, {"udp", NULL, 53}};
static struct wb_net_port other[] = {{"tcp", NULL, 80}};
static struct wb_net_port third[] = {{"tcp", NULL, 7003}};
static struct wb_net_port datagrams[] = {{"udp", NULL, 7004}};
static struct wb_manifest_unit units[] = {
	{.unit = "one.service", .how = WB_KEEP_PROCESS, .ends.ports = {ports, 2}},
	{.unit = "two.service", .how = WB_KEEP_PROCESS, .ends.ports = {other, 1}},
	{.unit = "three.service", .how = WB_KEEP_RESTART, .ends.ports = {third, 1}},
	{.unit = "four.service", .how = WB_KEEP_RESTART, .ends.ports = {datagrams, 1}},
};

/* The states of a unit until `ms`, and afterwards; it listens from `listens` on. */
struct life {
	const char *unit;
	const char *first, *then;
	unsigned ms, listens;
	unsigned port;
};

#define ACTIVE "ActiveState=active\nSubState=running\n"
#define STARTING "ActiveState=activating\nSubState=start\n"
#define QUEUED "ActiveState=inactive\nSubState=dead\nJob=812\n"
#define DEAD "ActiveState=inactive\nSubState=dead\n"
#define FAILED "ActiveState=failed\nSubState=failed\n"
#define NEVER 1000000000

/* Its log: "MS:" and the ends that are held then, "-" for none; "!unit": released. */
struct machine {
	const struct life *lives;
	unsigned ms, late_ms;
	size_t n;
	char log[1024];
};

static void note(struct machine *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	m->n += (size_t)vsnprintf(m->log + m->n, sizeof(m->log) - m->n, fmt, ap);
	va_end(ap);
	assert_true(m->n < sizeof(m->log));
}

static void note_held(struct machine *m, const char *ruleset)
{
	static const char *const elements[] = {
		"tcp . 7001", "udp . 53", "tcp . 80", "tcp . 7003", "udp . 7004"};
	bool any = false;

	assert_non_null(strstr(ruleset, "table inet warmboot_restart"));
	note(m, " %u:", m->ms);
	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		if (strstr(ruleset, elements[i])) {
			note(m, "%s%s", any ? "," : "", elements[i] + strlen("tcp . "));
			any = true;
		}
	if (!any)
		note(m, "-");
}

static int run(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;
	const char *said = NULL;

	if (!strcmp(how->argv[0], "nft")) {
		WB_CLEAN_STR text = strndup((const char *)how->input.data, how->input.size);

		note_held(m, text);
		return 0;
	}
	assert_string_equal(how->argv[1], "show");
	for (const struct life *l = m->lives; l->unit; l++)
		if (!strcmp(how->argv[3], l->unit))
			said = m->ms < l->ms ? l->first : l->then;
	assert_non_null(said);
	return wb_blob_append(ret, said, strlen(said));
}

static int read_tables(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;
	char text[1024];
	int n = sprintf(text, "  sl  local_address\n");

	if (strcmp(path, "/proc/1/net/tcp"))
		return -ENOENT;
	for (const struct life *l = m->lives; l->unit; l++)
		if (l->port && m->ms >= l->listens)
			n += sprintf(text + n,
				"   0: 00000000:%04X 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000     0        0 4711 1\n",
				l->port);
	return wb_blob_append(ret, text, (size_t)n);
}

/* Each pause is longer than was asked for, by as much as the test says. */
static void pause_ms(void *ctx, unsigned ms)
{
	struct machine *m = ctx;

	m->ms += ms + m->late_ms;
}

static uint64_t mono_ns(void *ctx)
{
	return (1000 + ((struct machine *)ctx)->ms) * UINT64_C(1000000);
}

static void released(void *ctx, const struct wb_manifest_unit *u)
{
	note(ctx, " !%s", u->unit);
}

static struct wb_unit_result parts[] = {{.unit = "one.service", .how = WB_KEEP_RESTART},
	{.unit = "two.service", .how = WB_KEEP_PROCESS},
	{.unit = "three.service", .how = WB_KEEP_RESTART},
	{.unit = "four.service", .how = WB_KEEP_RESTART}};
static const struct wb_result result = {.units = {parts, 4}};

static void expect(
	const struct life *lives, bool replay, struct wb_strv *left, bool over, const char *log)
{
	struct machine m = {.lives = lives};
	const struct wb_manifest all = {.units = {units, 4}};
	const struct wb_files files = {.ctx = &m, .read = read_tables};
	const struct wb_runner runner = {.ctx = &m, .run = run};
	const struct wb_unhold host = {
		&files, &runner, &m, pause_ms, mono_ns, 120, replay, released};

	assert_int_equal(wb_unhold_run(&host, &all, &result, left), over);
	assert_string_equal(m.log, log);
}

/* A slow unit keeps no other's clients waiting; a restored one is not examined again. */
static void each_in_its_time(void **state)
{
	WB_CLEAN_STRV left = {};
	static const struct life lives[] = {
		{"one.service", STARTING, ACTIVE, 100000, 100500, 7001},
		{"three.service", QUEUED, ACTIVE, 2000, 3000, 7003},
		{"four.service", STARTING, ACTIVE, 5000, NEVER, 0},
		{"warmboot-replay.service", QUEUED, QUEUED, 0, NEVER, 0},
		{},
	};

	expect(lives, true, &left, true, " 3000:7001,53,7004 6000:7001,53 100500:- !one.service");
}

static void who_never_listens_is_not_waited_for_long(void **state)
{
	WB_CLEAN_STRV left = {};
	static const struct life lives[] = {
		{"one.service", QUEUED, ACTIVE, 2000, NEVER, 7001},
		{"three.service", QUEUED, FAILED, 4000, NEVER, 7003},
		{"four.service", ACTIVE, ACTIVE, 0, NEVER, 0},
		{"warmboot-replay.service", DEAD, DEAD, 0, NEVER, 0},
		{},
	};
	static const struct life never[] = {
		{"one.service", STARTING, STARTING, 0, NEVER, 7001},
		{"three.service", ACTIVE, ACTIVE, 0, 0, 7003},
		{"four.service", ACTIVE, ACTIVE, 0, NEVER, 0},
		{"warmboot-replay.service", QUEUED, QUEUED, 0, NEVER, 0},
		{},
	};

	expect(lives, true, &left, true, " 0:7001,53,7003 47000:7003 !one.service 47000:-");
	expect(never, true, &left, true, " 0:7001,53 120000:- !one.service");
}

/* A busy machine's pauses are long; the silence is not, and begins before this looks. */
static void its_end_is_a_moment_and_no_count_of_pauses(void **state)
{
	static const struct life never[] = {
		{"one.service", STARTING, STARTING, 0, NEVER, 7001},
		{"three.service", STARTING, STARTING, 0, NEVER, 7003},
		{"four.service", STARTING, STARTING, 0, NEVER, 0},
		{},
	};
	struct machine m = {.lives = never, .late_ms = 400};
	const struct wb_manifest all = {.units = {units, 4}};
	const struct wb_files files = {.ctx = &m, .read = read_tables};
	const struct wb_runner runner = {.ctx = &m, .run = run};
	const struct wb_unhold host = {&files, &runner, &m, pause_ms, mono_ns, 20, false, released};
	WB_CLEAN_STRV left = {};

	assert_true(wb_unhold_run(&host, &all, &result, &left));
	assert_string_equal(m.log, " 20000:- !one.service");
}

/* A unit that was started by hand is started again by the replay, which comes last. */
static void who_waits_for_the_replay_stays_held(void **state)
{
	WB_CLEAN_STRV left = {};
	static const struct life before[] = {
		{"one.service", DEAD, DEAD, 0, NEVER, 7001},
		{"three.service", ACTIVE, ACTIVE, 0, 200, 7003},
		{"four.service", ACTIVE, ACTIVE, 0, NEVER, 0},
		{"warmboot-replay.service", QUEUED, QUEUED, 0, NEVER, 0},
		{},
	};
	static const struct life after[] = {
		{"one.service", ACTIVE, ACTIVE, 0, 300, 7001},
		{"three.service", ACTIVE, ACTIVE, 0, NEVER, 7003},
		{},
	};

	/* Nothing is on record that it could start. */
	expect(before, false, &left, true, " 0:7001,53,7003 200:7001,53 200:- !one.service");
	assert_int_equal(left.n, 0);
	expect(before, true, &left, false, " 0:7001,53,7003 200:7001,53");
	assert_int_equal(left.n, 1);
	assert_string_equal(left.items[0], "one.service");
	/* A released unit is not asked again, though it does not listen any more. */
	expect(after, false, &left, true, " 300:- !one.service");
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
	assert_false(wb_unhold_listens(&units[3], &(struct wb_sockets){all, 3}));
	assert_false(wb_unhold_listens(&units[1], &(struct wb_sockets){all, 3}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listens),
		cmocka_unit_test(each_in_its_time),
		cmocka_unit_test(who_never_listens_is_not_waited_for_long),
		cmocka_unit_test(its_end_is_a_moment_and_no_count_of_pauses),
		cmocka_unit_test(who_waits_for_the_replay_stays_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
