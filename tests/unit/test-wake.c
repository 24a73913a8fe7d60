// SPDX-License-Identifier: LGPL-2.1-or-later
/* net/wake.c: the ICMP messages that make peers retransmit. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/wake.h"
#include "sys/sys.h"
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

/* Both ends of a TCP connection on loopback. */
static void make_connection(int ret[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof(a);

	assert_int_equal(bind(listener, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	ret[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(ret[0], (struct sockaddr *)&a, n), 0);
	ret[1] = accept(listener, NULL, NULL);
	assert_true(ret[1] >= 0);
	close(listener);
}

/* The byte that the end with this port expects next, and the other one's. */
static void note(uint32_t ret[2], int local_port)
{
	const int64_t self = getpid();
	struct wb_net_ends ends = {};

	assert_int_equal(wb_wake_note_frozen(&wb_files_host, &self, 1, &ends), 0);
	assert_int_equal(ends.connections.n, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct wb_net_connection *c = &ends.connections.items[i];

		assert_string_equal(c->local, "127.0.0.1");
		assert_string_equal(c->remote, "127.0.0.1");
		ret[c->local_port == local_port ? 0 : 1] = (uint32_t)c->expects;
	}
	wb_net_ends_deinit(&ends);
}

static void asking_a_frozen_socket_changes_nothing(void **state)
{
	const int one = 1, off = -1;
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	uint32_t before[2], after[2];
	int c[2], reuse = 0;
	char text[4];

	make_connection(c);
	/* Needs CAP_NET_ADMIN. */
	if (setsockopt(c[0], IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)) < 0) {
		close(c[0]);
		close(c[1]);
		skip();
	}
	setsockopt(c[0], IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
	assert_int_equal(getsockname(c[0], (struct sockaddr *)&a, &n), 0);
	setsockopt(c[1], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	note(before, ntohs(a.sin_port));
	assert_int_equal(send(c[0], "abc", 3, 0), 3);
	assert_int_equal(recv(c[1], text, 3, MSG_WAITALL), 3);
	note(after, ntohs(a.sin_port));
	assert_int_equal(after[0], before[0]);
	assert_int_equal(after[1], before[1] + 3);
	assert_true(before[0] != 0 && before[1] != 0);
	n = sizeof(reuse);
	assert_int_equal(getsockopt(c[1], SOL_SOCKET, SO_REUSEADDR, &reuse, &n), 0);
	assert_int_equal(reuse, 1);
	assert_int_equal(send(c[1], "def", 3, 0), 3);
	assert_int_equal(recv(c[0], text, 3, MSG_WAITALL), 3);
	assert_memory_equal(text, "def", 3);
	close(c[0]);
	close(c[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(asking_a_frozen_socket_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
