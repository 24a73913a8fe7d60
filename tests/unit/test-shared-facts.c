// SPDX-License-Identifier: LGPL-2.1-or-later
/* Several units share what is the machine's: it comes from other files than what is the unit's own. */
#include "unit.h"

#include "sample-service.h"

#define OTHER_TCP                                                                             \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n" \
	"   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 2534\n"

static const struct fake_file machine[] = {INIT, {"/proc/1/net/tcp", OTHER_TCP},
	{"/proc/452/net/tcp", OTHER_TCP}, {"/proc/sys/kernel/osrelease", "6.12.1\n"},
	{"/usr/lib/modules/6.12.1/modules.builtin", ""}, ALL_MODULES, {}};

static void look_with(const struct fake_file *disk, struct wb_keep_verdict *ret)
{
	struct wb_files files = fake_files(disk), others = fake_files(machine);
	struct wb_services services = {NULL, fake_read};
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_look look = {.files = &files,
		.machine = &others,
		.units = &services,
		.namespaces = &ns,
		.find_externals = all_are_the_machines,
		.criu = "4.1.1"};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, ret, &err), 0);
}

/* Only there are the modules, and its socket has another port. */
static void modules_and_tables_are_the_machines(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};

	look_with(disk, &v);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	assert_int_equal(v.ends.ports.n, 1);
	assert_int_equal(v.ends.ports.items[0].port, 0x50);
}

static void a_network_of_its_own_has_tables_of_its_own(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/452/ns/net", .link = "net:[7]"}, MEMCACHED, {"/proc/452/maps", MAPS}, {}};
	WB_CLEAN_KEEP_VERDICT v = {};

	/* Its ports are not the machine's. */
	look_with(disk, &v);
	assert_true(mentions(&v.reasons, "that PrivateNetwork= has not made"));
	assert_int_equal(v.ends.ports.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_and_tables_are_the_machines),
		cmocka_unit_test(a_network_of_its_own_has_tables_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
