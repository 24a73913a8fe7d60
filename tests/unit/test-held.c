// SPDX-License-Identifier: LGPL-2.1-or-later
/* keep/held.c: whether the packet hold has every connection of a unit that stands still. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/sort.h"
#include "fake-files.h"
#include "keep/held.h"

#define HEAD                                                                                  \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  " \
	"timeout inode\n"
#define LINE(local, remote, state, inode)                               \
	"   0: " local " " remote " " state                             \
	" 00000000:00000000 00:00000000 00000000     0        0 " inode \
	" 1 0000000000000000 20 4 30 10 -1\n"
#define HERE "0200000A:0050" /* 10.0.0.2, port 80 */
#define PEER "0100000A:9C40" /* 10.0.0.1, port 40000 */
#define LATE "0100000A:9C41"

static struct wb_net_connection known[] = {{(char *)"10.0.0.2", (char *)"10.0.0.1", 80, 40000}};

static int has_all_of(
	const char *tcp, const char *late, struct wb_net_connection *known_ones, size_t n)
{
	const struct fake_file machine[] = {
		{"/sys/fs/cgroup/system.slice/web.service/cgroup.procs", "451\n452\n"},
		{"/proc/451/net/tcp", tcp},
		{"/proc/451/fd/0", .link = "/dev/null"},
		{"/proc/451/fd/4", .link = "socket:[70]"},
		{"/proc/452/fd/4", .link = "socket:[71]"},
		{"/proc/452/fd/5", .link = late},
		{},
	};
	struct wb_files files = fake_files(machine);
	struct wb_error err = {};
	struct wb_manifest_unit u = {.unit = (char *)"web.service",
		.cgroup = (char *)"/system.slice/web.service",
		.main_pid = 451,
		.ends.connections = {known_ones, n}};

	return wb_held_has_all(&files, &u, &err);
}

static int has_all(const char *tcp, const char *late, size_t n_known)
{
	return has_all_of(tcp, late, known, n_known);
}

static void those_of_the_last_look_are_held(void **state)
{
	/* A listening socket, one that was held, one of another program. */
	static const char tcp[] = HEAD LINE(HERE, "00000000:0000", "0A", "70")
		LINE(HERE, PEER, "01", "71") LINE(HERE, LATE, "01", "99");

	assert_int_equal(has_all(tcp, "/tmp/x", 1), 1);
}

/* Also one that its peer has closed, and one that is not open yet: CRIU saves these, too. */
static void one_that_began_later_is_not_held(void **state)
{
	static const char *const tables[] = {HEAD LINE(HERE, PEER, "01", "71")
						     LINE(HERE, LATE, "01", "72"),
		HEAD LINE(HERE, PEER, "01", "71") LINE(HERE, LATE, "08", "72"),
		HEAD LINE(HERE, PEER, "01", "71") LINE(HERE, LATE, "02", "72")};

	for (int i = 0; i < 3; i++)
		assert_int_equal(has_all(tables[i], "socket:[72]", 1), 0);
	assert_int_equal(has_all(HEAD LINE(HERE, PEER, "01", "71"), "/tmp/x", 0), 0);
}

/* They are in the order in which a look leaves them. */
static void each_of_many_is_found(void **state)
{
	struct wb_net_connection two[] = {{(char *)"10.0.0.2", (char *)"10.0.0.1", 80, 40001},
		{(char *)"10.0.0.2", (char *)"10.0.0.1", 80, 40000}};
	static const char tcp[] = HEAD LINE(HERE, PEER, "01", "71") LINE(HERE, LATE, "01", "72");

	wb_sort(two, 2, sizeof(*two), wb_net_compare_connections);
	assert_int_equal(two[0].remote_port, 40000);
	assert_int_equal(has_all_of(tcp, "socket:[72]", two, 2), 1);
}

static void a_unit_that_is_gone_is_no_answer(void **state)
{
	static const struct fake_file nothing[] = {{}};
	struct wb_files files = fake_files(nothing);
	struct wb_error err = {};
	const struct wb_manifest_unit u = {
		.cgroup = (char *)"/system.slice/web.service", .main_pid = 451};

	assert_true(wb_held_has_all(&files, &u, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_the_last_look_are_held),
		cmocka_unit_test(one_that_began_later_is_not_held),
		cmocka_unit_test(each_of_many_is_found),
		cmocka_unit_test(a_unit_that_is_gone_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
