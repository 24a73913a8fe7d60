// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ports and connections of services, and the addresses that they are on. */
#include <errno.h>
#include <string.h>

#include "net/ends.h"
#include "unit.h"

static struct wb_net_port ports[] = {{"tcp", NULL, 80}, {"udp", "127.0.0.1", 53}};
static struct wb_net_connection connections[] = {
	{"127.0.0.1", "10.0.0.1", 80, 40000, 77}, {"::1", "2001:db8::1", 443, 40001}};
static const struct wb_net_ends local = {.ports = {ports, 2}, .connections = {connections, 2}};

static void a_copy_owns_its_words(void **state)
{
	struct wb_net_ends copy = {};

	assert_int_equal(wb_net_ends_copy(&local, &copy), 0);
	assert_int_equal(copy.ports.n, 2);
	assert_null(copy.ports.items[0].address);
	assert_string_equal(copy.ports.items[1].address, "127.0.0.1");
	assert_ptr_not_equal(copy.ports.items[1].address, ports[1].address);
	assert_int_equal(copy.ports.items[1].port, 53);
	assert_int_equal(copy.connections.n, 2);
	assert_string_equal(copy.connections.items[1].remote, "2001:db8::1");
	assert_int_equal(copy.connections.items[1].remote_port, 40001);
	/* The sequence number is of one moment only. */
	assert_int_equal(copy.connections.items[0].expects, 0);
	wb_net_ends_deinit(&copy);
	assert_null(copy.ports.items);
	assert_int_equal(copy.connections.n, 0);
}

static void a_list_borrows(void **state)
{
	WB_CLEAN_ENDS_LIST list = {};

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(wb_ends_list_add(&list, &local), 0);
	assert_int_equal(list.n, 5);
	assert_ptr_equal(list.items[4], &local);
}

/* Not for that of a port, to which a socket is bound ahead. */
static void the_address_of_a_connection_is_waited_for(void **state)
{
	/* RFC 5737: no machine has it. A link-local address does not name its link. */
	struct wb_net_port foreign = {"tcp", "192.0.2.7", 80};
	struct wb_net_connection away = {"192.0.2.7", "192.0.2.8", 80, 81},
				 own = {"fe80::1", "fe80::2", 80, 81};
	struct wb_error err = {};

	assert_int_equal(wb_net_ends_wait(&local, "a.service", 0, &err), 0);
	assert_int_equal(wb_net_ends_wait(&(struct wb_net_ends){.ports = {&foreign, 1}},
				 "a.service", 0, &err),
		0);
	assert_int_equal(wb_net_ends_wait(&(struct wb_net_ends){.connections = {&own, 1}},
				 "a.service", 0, &err),
		0);
	assert_int_equal(wb_net_ends_wait(&(struct wb_net_ends){.connections = {&away, 1}},
				 "a.service", 0, &err),
		-EADDRNOTAVAIL);
	assert_string_equal(
		err.text, "the address 192.0.2.7, which a.service uses, did not come within 0 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_owns_its_words),
		cmocka_unit_test(a_list_borrows),
		cmocka_unit_test(the_address_of_a_connection_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
