// SPDX-License-Identifier: LGPL-2.1-or-later
/* net/hold.c: nftables rulesets of the packet hold. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "fake-runner.h"
#include "manifest/manifest.h"
#include "manifest/unit-list.h"
#include "net/hold.h"
#include "unit.h"

static struct wb_net_port web_ports[] = {
	{"tcp", NULL, 80},
	{"tcp", "::", 80}, /* the same for us */
	{"tcp", "0.0.0.0", 443},
	{"udp", "10.0.0.2", 53},
	{"tcp", "fe80::1", 53},
};
static struct wb_net_connection web_connections[] = {
	{"10.0.0.2", "10.0.0.1", 80, 40000},
	{"2001:db8::2", "2001:db8::1", 80, 40001},
	{"10.0.0.2", "10.0.0.9", 80, 40002},
};
static struct wb_net_port db_ports[] = {{"tcp", "127.0.0.1", 5432}, {"tcp", NULL, 80}};

static struct wb_manifest_unit units[] = {
	{.unit = "web.service",
		.how = WB_KEEP_PROCESS,
		.ends.ports = {web_ports, 5},
		.ends.connections = {web_connections, 3}},
	{.unit = "db.service", .how = WB_KEEP_RESTART, .ends.ports = {db_ports, 2}},
};
static const struct wb_ends_list web = {(const struct wb_net_ends *[]){&units[0].ends}, 1};
static const struct wb_ends_list db = {(const struct wb_net_ends *[]){&units[1].ends}, 1};

/* Each unit is held in the kind of its way, whichever list it comes from. */
static void test_kinds(void **state)
{
	const struct wb_unit_list one = {(const struct wb_manifest_unit *[]){&units[0]}, 1};
	const struct wb_manifest m = {.units = {units, 2}};
	WB_CLEAN_HELD held = {};

	assert_int_equal(wb_held_of(&m, &held), 0);
	assert_int_equal(held.kept.n, 1);
	assert_ptr_equal(held.kept.items[0], &units[0].ends);
	assert_int_equal(held.restart.n, 1);
	assert_ptr_equal(held.restart.items[0], &units[1].ends);
	assert_int_equal(wb_held_add_all(&held, &one), 0);
	assert_int_equal(held.kept.n, 2);
	assert_int_equal(wb_held_add(&held, &units[1]), 0);
	assert_int_equal(held.restart.n, 2);
}

/* With the hold of all packets ends that of new connections, which came before it. */
#define END_OF_KEPT                       \
	"table inet warmboot\n"           \
	"delete table inet warmboot\n"    \
	"table inet warmboot_newcomers\n" \
	"delete table inet warmboot_newcomers\n"

static const char kept[] = END_OF_KEPT
	"table inet warmboot {\n"
	"\tset peers4 {\n"
	"\t\ttype ipv4_addr . inet_service . ipv4_addr . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { 10.0.0.1 . 40000 . 10.0.0.2 . 80,\n"
	"\t\t\t10.0.0.9 . 40002 . 10.0.0.2 . 80 }\n"
	"\t}\n"
	"\tset open4 {\n"
	"\t\ttype ipv4_addr . inet_service . ipv4_addr . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t}\n"
	"\tset peers6 {\n"
	"\t\ttype ipv6_addr . inet_service . ipv6_addr . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { 2001:db8::1 . 40001 . 2001:db8::2 . 80 }\n"
	"\t}\n"
	"\tset open6 {\n"
	"\t\ttype ipv6_addr . inet_service . ipv6_addr . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t}\n"
	"\tset ports {\n"
	"\t\ttype inet_proto . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { tcp . 80,\n"
	"\t\t\ttcp . 443 }\n"
	"\t}\n"
	"\tset ports4 {\n"
	"\t\ttype ipv4_addr . inet_proto . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { 10.0.0.2 . udp . 53 }\n"
	"\t}\n"
	"\tset ports6 {\n"
	"\t\ttype ipv6_addr . inet_proto . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { fe80::1 . tcp . 53 }\n"
	"\t}\n"
	"\tchain arriving {\n"
	"\t\ttype filter hook input priority -400; policy accept;\n"
	"\t\tip saddr . tcp sport . ip daddr . tcp dport @open4 accept\n"
	"\t\tip saddr . tcp sport . ip daddr . tcp dport @peers4 drop\n"
	"\t\tip6 saddr . tcp sport . ip6 daddr . tcp dport @open6 accept\n"
	"\t\tip6 saddr . tcp sport . ip6 daddr . tcp dport @peers6 drop\n"
	"\t\tmeta l4proto . th dport @ports drop\n"
	"\t\tip daddr . meta l4proto . th dport @ports4 drop\n"
	"\t\tip6 daddr . meta l4proto . th dport @ports6 drop\n"
	"\t}\n"
	"\tchain leaving {\n"
	"\t\ttype filter hook output priority -400; policy accept;\n"
	"\t\tip daddr . tcp dport . ip saddr . tcp sport @open4 accept\n"
	"\t\ttcp flags & (fin | rst) != 0 ip daddr . tcp dport . ip saddr . tcp sport @peers4 "
	"drop\n"
	"\t\tip6 daddr . tcp dport . ip6 saddr . tcp sport @open6 accept\n"
	"\t\ttcp flags & (fin | rst) != 0 ip6 daddr . tcp dport . ip6 saddr . tcp sport @peers6 "
	"drop\n"
	"\t\ttcp flags & (fin | rst) != 0 meta l4proto . th sport @ports drop\n"
	"\t\ttcp flags & (fin | rst) != 0 ip saddr . meta l4proto . th sport @ports4 drop\n"
	"\t\ttcp flags & (fin | rst) != 0 ip6 saddr . meta l4proto . th sport @ports6 drop\n"
	"\t}\n"
	"}\n";

static const char restart[] =
	"table inet warmboot_restart\n"
	"delete table inet warmboot_restart\n"
	"table inet warmboot_restart {\n"
	"\tset ports {\n"
	"\t\ttype inet_proto . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { tcp . 80 }\n"
	"\t}\n"
	"\tset ports4 {\n"
	"\t\ttype ipv4_addr . inet_proto . inet_service\n"
	"\t\tflags timeout\n"
	"\t\ttimeout 90s\n"
	"\t\telements = { 127.0.0.1 . tcp . 5432 }\n"
	"\t}\n"
	"\tchain arriving {\n"
	"\t\ttype filter hook input priority -400; policy accept;\n"
	"\t\ttcp flags & (fin | syn | rst | ack) == syn meta l4proto . th "
	"dport "
	"@ports drop\n"
	"\t\ttcp flags & (fin | syn | rst | ack) == syn ip daddr . meta l4proto . th dport @ports4 "
	"drop\n"
	"\t\tiifname != \"lo\" meta l4proto udp meta l4proto . th dport "
	"@ports "
	"drop\n"
	"\t\tiifname != \"lo\" meta l4proto udp ip daddr . meta l4proto . th dport @ports4 drop\n"
	"\t}\n"
	"}\n";

static void test_rulesets(void **state)
{
	WB_CLEAN_STR a = NULL;
	WB_CLEAN_STR b = NULL;

	assert_int_equal(wb_hold_ruleset(&web, WB_HOLD_KEPT, 90, &a), 0);
	assert_string_equal(a, kept);
	assert_int_equal(wb_hold_ruleset(&db, WB_HOLD_RESTART, 90, &b), 0);
	assert_string_equal(b, restart);
}

/* Kept units drain: only a new connection is dropped, by a table beside the one of units that stand still. */
static void test_newcomers(void **state)
{
	static const char only[] = "tcp flags & (fin | syn | rst | ack) == syn";
	struct fake_runner fake;
	struct wb_error err = {};
	const char *text = fake.log, *rule;
	int rules = 0;

	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_newcomers(&fake.runner, &web, 90, &err), 0);
	assert_non_null(strstr(text, "nft -f - <<table inet warmboot_newcomers\n"
				     "delete table inet warmboot_newcomers\n"
				     "table inet warmboot_newcomers {\n"));
	assert_null(strstr(text, "inet warmboot\n"));
	assert_non_null(strstr(text, "elements = { tcp . 80,\n\t\t\ttcp . 443 }"));
	assert_null(strstr(text, "peers"));
	assert_null(strstr(text, "leaving"));
	for (rule = text; (rule = strstr(rule, " drop\n")); rule++, rules++) {
		const char *line = rule;

		while (line[-1] != '\n')
			line--;
		assert_true(strstr(line, only) && strstr(line, only) < rule);
	}
	assert_int_equal(rules, 3);
}

static void test_release(void **state)
{
	static struct wb_net_port ports[] = {{"tcp", NULL, 443}, {"tcp", NULL, 25}};
	const struct wb_net_ends two[] = {units[0].ends, {.ports = {ports, 2}}};
	const struct wb_ends_list kept_ends = {(const struct wb_net_ends *[]){&two[0], &two[1]}, 2};
	WB_CLEAN_STR text = NULL;

	assert_int_equal(wb_hold_release_ruleset(&kept_ends, &two[0], true, &text), 0);
	/* Port 80 is in it once, and 443 is the other one's, too. */
	assert_string_equal(text,
		"delete element inet warmboot peers4 { 10.0.0.1 . 40000 . 10.0.0.2 . 80 }\n"
		"delete element inet warmboot peers6 { 2001:db8::1 . 40001 . 2001:db8::2 . 80 }\n"
		"delete element inet warmboot peers4 { 10.0.0.9 . 40002 . 10.0.0.2 . 80 }\n"
		"delete element inet warmboot ports { tcp . 80 }\n"
		"delete element inet warmboot ports4 { 10.0.0.2 . udp . 53 }\n"
		"delete element inet warmboot ports6 { fe80::1 . tcp . 53 }\n");
}

/* A firewall is still to come: open connections go on, new ones wait. */
static void test_release_connections(void **state)
{
	struct wb_net_connection c = {
		.local = "10.0.0.2", .local_port = 80, .remote = "10.0.0.1", .remote_port = 40000};
	struct wb_net_port port = {.protocol = "tcp", .port = 80};
	const struct wb_net_ends ends = {.ports = {&port, 1}, .connections = {&c, 1}};
	const struct wb_ends_list alone = {(const struct wb_net_ends *[]){&ends}, 1};
	WB_CLEAN_STR text = NULL;

	assert_int_equal(wb_hold_release_ruleset(&alone, &ends, false, &text), 0);
	assert_string_equal(text,
		"delete element inet warmboot peers4 { 10.0.0.1 . 40000 . 10.0.0.2 . 80 }\n"
		"add element inet warmboot open4 { 10.0.0.1 . 40000 . 10.0.0.2 . 80 }\n");
}

/*
 * A port that leads to a container: its packets are dropped before the rules that forward them, and only if they are for
 * this machine. Where those rules are gone, the hook of input sees them.
 */
static void test_forwarded(void **state)
{
	struct wb_net_port ports[] = {
		{"tcp", NULL, 7001, true}, {"tcp", "10.0.0.2", 7001, true}, {"udp", NULL, 53}};
	const struct wb_net_ends ends = {.ports = {ports, 3}};
	const struct wb_ends_list alone = {(const struct wb_net_ends *[]){&ends}, 1};
	WB_CLEAN_STR all = NULL;
	WB_CLEAN_STR newcomers = NULL;
	WB_CLEAN_STR restarted = NULL;
	WB_CLEAN_STR released = NULL;

	assert_int_equal(wb_hold_ruleset(&alone, WB_HOLD_KEPT, 90, &all), 0);
	assert_non_null(
		strstr(all, "\tset published {\n"
			    "\t\ttype inet_proto . inet_service\n"
			    "\t\tflags timeout\n"
			    "\t\ttimeout 90s\n"
			    "\t\telements = { tcp . 7001 }\n"
			    "\t}\n"
			    "\tchain forwarded {\n"
			    "\t\ttype filter hook prerouting priority -400; policy accept;\n"
			    "\t\tfib daddr type local meta l4proto . th dport @published drop\n"
			    "\t}\n"));
	assert_non_null(strstr(all, "elements = { tcp . 7001,\n\t\t\tudp . 53 }"));
	assert_int_equal(wb_hold_ruleset(&alone, WB_HOLD_NEWCOMERS, 90, &newcomers), 0);
	assert_non_null(strstr(
		newcomers, "\t\ttcp flags & (fin | syn | rst | ack) == syn fib daddr type local"));
	/* One that is restarted gets its rules with the container. */
	assert_int_equal(wb_hold_ruleset(&alone, WB_HOLD_RESTART, 90, &restarted), 0);
	assert_null(strstr(restarted, "published"));
	/* Also while a firewall is still to come: packets of its connections are not told from others. */
	assert_int_equal(wb_hold_release_ruleset(&alone, &ends, false, &released), 0);
	assert_string_equal(released, "delete element inet warmboot published { tcp . 7001 }\n");
}

static void test_firewall(void **state)
{
	static const struct fake_file with[] = {
		{"/etc/systemd/system/sysinit.target.wants/nftables.service", ""}, {}};
	static const struct fake_file without[] = {
		{"/etc/systemd/system/sysinit.target.wants/systemd-resolved.service", ""}, {}};
	struct wb_files files = fake_files(with);

	assert_true(wb_hold_has_firewall(&files));
	files = fake_files(without);
	assert_false(wb_hold_has_firewall(&files));
}

static void test_nothing(void **state)
{
	static const struct wb_net_ends quiet;
	const struct wb_ends_list alone = {(const struct wb_net_ends *[]){&quiet}, 1};
	struct fake_runner fake;
	struct wb_error err = {};
	WB_CLEAN_STR text = NULL;

	assert_int_equal(wb_hold_ruleset(&alone, WB_HOLD_KEPT, 90, &text), 0);
	assert_null(text);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_apply(&fake.runner, &(struct wb_held){.kept = alone},
				 (struct wb_hold_left){90, 90}, &err),
		0);
	assert_string_equal(fake.log, "");
}

static void test_apply(void **state)
{
	static const struct fake_answer fails[] = {
		{"nft", 1, "In file included\n/dev/stdin:3:1: Error: no such thing\n\n"}, {}};
	struct fake_runner fake;
	struct wb_error err = {};
	char want[8192];

	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_apply(&fake.runner, &(struct wb_held){web, db},
				 (struct wb_hold_left){90, 90}, &err),
		0);
	/* Together, so that either both are in force or none. */
	snprintf(want, sizeof(want), "nft -f - <<%s%s\n", kept, restart);
	assert_string_equal(fake.log, want);

	fake_runner_init(&fake, fails);
	assert_int_equal(wb_hold_apply(&fake.runner, &(struct wb_held){web, db},
				 (struct wb_hold_left){90, 90}, &err),
		-EIO);
	assert_string_equal(err.text, "nft failed: /dev/stdin:3:1: Error: no such thing");

	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_end(&fake.runner, WB_HOLD_KEPT, &err), 0);
	assert_string_equal(fake.log, "nft -f - <<" END_OF_KEPT "\n");
}

static void test_renew(void **state)
{
	static const struct fake_answer fails[] = {{"nft", 1, "no room\n"}, {}};
	static struct wb_net_port port = {"tcp", NULL, 80};
	static const char want[] = "nft -f - <<" END_OF_KEPT "table inet warmboot_restart\n";
	struct wb_net_ends a = {};
	const struct wb_ends_list alone = {(const struct wb_net_ends *[]){&a}, 1};
	struct wb_held now = {.kept = alone};
	struct wb_hold_left left = {90, 90};
	WB_CLEAN_STR held = NULL;
	WB_CLEAN_STR first = NULL;
	struct fake_runner fake;
	struct wb_error err = {};

	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), 0);
	assert_string_equal(fake.log, "");
	assert_null(held);
	a.connections.items = web_connections;
	a.connections.n = 1;
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), 0);
	assert_non_null(strstr(fake.log, "elements = { 10.0.0.1 . 40000 . 10.0.0.2 . 80 }"));
	first = strdup(held);
	/* An unchanged ruleset costs nothing, though less time is left. */
	left = (struct wb_hold_left){80, 80};
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), 0);
	assert_string_equal(fake.log, "");
	/*
	 * With one connection more the table is replaced in one step, and a failure leaves the old
	 * one.
	 */
	a.connections.n = 2;
	fake_runner_init(&fake, fails);
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), -EIO);
	assert_string_equal(held, first);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), 0);
	assert_non_null(strstr(fake.log, END_OF_KEPT "table inet warmboot {\n"));
	assert_non_null(strstr(fake.log, "2001:db8::1 . 40001 . 2001:db8::2 . 80"));
	/* Lowered: of its connections nothing is held any more. */
	now = (struct wb_held){.restart = alone};
	a.ports.items = &port;
	a.ports.n = 1;
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), 0);
	assert_ptr_equal(strstr(fake.log, want), fake.log);
	assert_non_null(strstr(fake.log, "elements = { tcp . 80 }"));
	assert_non_null(strstr(fake.log, "timeout 80s"));
	/*
	 * Its time is over: nothing is held, and nft never gets a time of 0, which means no limit.
	 */
	left.restart = 0;
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_hold_renew(&fake.runner, &now, left, &held, &err), 0);
	assert_non_null(strstr(fake.log, "delete table inet warmboot_restart"));
	assert_null(strstr(fake.log, "timeout"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_rulesets),
		cmocka_unit_test(test_newcomers),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_release_connections),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_firewall),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_renew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
