// SPDX-License-Identifier: LGPL-2.1-or-later
/* net/wake.c: the ICMP messages that make peers retransmit. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/wake.h"
#include "unit.h"

static void test_v4(void **state)
{
	const struct wb_net_connection c = {"10.0.0.2", "10.0.0.1", 80, 40000, 0x12345678};
	static const uint8_t want[] = {
		3,
		1,
		0x1d,
		0xdb,
		0,
		0,
		0,
		0, /* host unreachable */
		0x45,
		0,
		0,
		40,
		0,
		0,
		0x40,
		0,
		64,
		6, /* the peer's packet */
		0x26,
		0xce,
		10,
		0,
		0,
		1,
		10,
		0,
		0,
		2, /* from the peer to us */
		0x9c,
		0x40,
		0,
		80,
		0x12,
		0x34,
		0x56,
		0x78,
	};
	uint8_t got[WB_WAKE_MOST];
	uint32_t sum = 0;

	assert_int_equal(wb_wake_packet(&c, got), sizeof(want));
	assert_memory_equal(got + 4, want + 4, sizeof(want) - 4);
	/* A receiver adds it all up, checksum too, and gets ones. */
	for (size_t i = 0; i < sizeof(want); i += 2)
		sum += (uint32_t)(got[i] << 8 | got[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static void test_v6(void **state)
{
	const struct wb_net_connection c = {"2001:db8::2", "2001:db8::1", 80, 40000, 1};
	uint8_t got[WB_WAKE_MOST];

	assert_int_equal(wb_wake_packet(&c, got), 56);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[8], 0x60);
	assert_int_equal(got[8 + 6], IPPROTO_TCP);
	assert_int_equal(got[8 + 23], 1);
	assert_int_equal(got[8 + 39], 2);
	assert_int_equal(got[55], 1);
}

static void test_unknown(void **state)
{
	const struct wb_net_connection c = {"10.0.0.2", "10.0.0.1", 80, 40000, 0};
	uint8_t got[WB_WAKE_MOST];

	assert_int_equal(wb_wake_packet(&c, got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
