// SPDX-License-Identifier: LGPL-2.1-or-later
/* proc/kinds.c and peers.c: the verdict on what sockets tell of themselves. */
#define _GNU_SOURCE
#include "unit.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sample-service.h"

static int no_peers(struct wb_sockets *s)
{
	return -ENOENT;
}

static int no_memory_for_peers(struct wb_sockets *s)
{
	return -ENOMEM;
}

/* The last look refuses such a unit, so the preflight does not promise it. */
static void without_peers_nothing_is_promised(void **state)
{
	static const struct fake_file disk[] = {
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	struct wb_files files = fake_files(disk);
	struct wb_services services = {NULL, fake_read};
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	struct wb_keep_look look = {.files = &files,
		.units = &services,
		.namespaces = &ns,
		.find_externals = all_are_the_machines,
		.add_peers = no_peers,
		.criu = "4.1.1"};
	WB_CLEAN_KEEP_VERDICT v = {}, none = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_int_equal(v.reasons.n, 1);
	assert_true(mentions(&v.reasons, "the names of its Unix sockets (unix_diag)"));
	look.add_peers = no_memory_for_peers;
	assert_int_equal(
		wb_keep_look(NULL, &look, "memcached.service", NULL, &none, &err), -ENOMEM);
}

static int kinds_of_two(const struct wb_procs *procs, struct wb_sockets *s)
{
	struct wb_socket *other;

	assert_int_equal(procs->n, 1);
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].inode == 2600)
			s->items[i].tls = true;
	other = wb_list_add(s, sizeof(*other));
	*other =
		(struct wb_socket){.kind = WB_SOCKET_OTHER, .inode = 2800, .path = strdup("MPTCP")};
	return 0;
}

static void sockets_that_criu_does_not_know(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/fd/50", .link = "socket:[2800]"}, {}};
	struct wb_files files = fake_files(disk);
	struct wb_services services = {NULL, fake_read};
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_look look = {.files = &files,
		.units = &services,
		.namespaces = &ns,
		.find_externals = all_are_the_machines,
		.add_kinds = kinds_of_two,
		.criu = "4.1.1"};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &v, &err), 0);
	assert_int_equal(v.how, WB_KEEP_RESTART);
	assert_true(mentions(&v.reasons, "cannot take along: MPTCP"));
	assert_true(mentions(&v.reasons, "kTLS"));
	assert_string_equal(wb_socket_other_name(AF_INET6, 262), "MPTCP");
	assert_string_equal(wb_socket_other_name(AF_VSOCK, 0), "vsock");
	assert_null(wb_socket_other_name(AF_INET, 6));
	assert_null(wb_socket_other_name(AF_UNIX, 0));
}

/* The socket was looked at: it comes back, or it does not, or not quite. */
static int kinds_of_netlink(const struct wb_procs *procs, struct wb_sockets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i].inode == 2700) {
			s->items[i].seen = s->items[i].follows = s->items[i].unread = true;
		} else if (s->items[i].inode == 2701) {
			s->items[i].unfit = strdup("it has a socket of some kind");
		}
	}
	return 0;
}

static void judges_sockets_that_were_looked_at(void **state)
{
	static const struct fake_file disk[] = {MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/fd/50", .link = "socket:[2700]"},
		{"/proc/452/net/netlink", "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n"
					  "0000 0 452 00000011 0 0 0 2 0 2700\n"
					  "0000 0 453 00000011 0 0 0 2 0 2701\n"},
		/* Only in the second round. */
		{"/proc/452/fd/51", .link = "socket:[2701]"}, {}};
	struct fake_file first[sizeof(disk) / sizeof(*disk)];

	memcpy(first, disk, sizeof(disk));
	first[sizeof(disk) / sizeof(*disk) - 2] = (struct fake_file){};
	for (int round = 0; round < 2; round++) {
		struct wb_files files = fake_files(round ? disk : first);
		struct wb_services services = {NULL, fake_read};
		const struct wb_ns_ops ns = fake_ns_ops(&trusted);
		const struct wb_keep_look look = {.files = &files,
			.units = &services,
			.namespaces = &ns,
			.find_externals = all_are_the_machines,
			.add_kinds = kinds_of_netlink,
			.criu = "4.1.1"};
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};

		assert_int_equal(wb_keep_look(NULL, &look, "memcached.service", NULL, &v, &err), 0);
		assert_int_equal(v.how, round ? WB_KEEP_RESTART : WB_KEEP_PROCESS);
		assert_int_equal(mentions(&v.reasons, "it has a socket of some kind"), round);
		assert_true(mentions(&v.warnings, "it does not hear what changes in the network"));
		assert_true(mentions(&v.warnings, "datagrams that it has not read"));
	}
}

/* Only one of them may configure the network, and the other would get that right. */
static void netlink_sockets_of_different_rights(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n453\n"},
		MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES,
		{"/proc/452/fd/50", .link = "socket:[2700]"},
		{"/proc/453/stat", "453 (worker) S 452 452 452 0 -1 4194560"},
		{"/proc/453/status", "Name:\tx\nThreads:\t1\nUid:\t0\t0\t0\t0\n"
				     "CapInh:\t0\nCapPrm:\t1000\nCapEff:\t0\nCapBnd:\t0\n"
				     "CapAmb:\t0\nNoNewPrivs:\t1\n"},
		{"/proc/453/mountinfo", MOUNTS}, {"/proc/453/maps", MAPS},
		{"/proc/453/fd/4", .link = "socket:[2701]"},
		{"/proc/452/net/netlink", "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n"
					  "0000 0 452 00000011 0 0 0 2 0 2700\n"
					  "0000 0 453 00000011 0 0 0 2 0 2701\n"},
		{}};
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};

	assert_int_equal(look_at(disk, NULL, NULL, &v, &err), 0);
	assert_true(mentions(&v.breaches, "have different capabilities"));
}

/* A socket in no table has a reason, too, and those of a process that stands still are left to the freeze. */
static void asks_a_socket_whether_it_comes_back(void **state)
{
	int corked = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	struct wb_proc_fd open_fd = {.fd = corked};
	struct wb_proc self = {.pid = getpid(), .fds = {&open_fd, 1}};
	struct wb_procs procs = {&self, 1};
	WB_CLEAN_SOCKETS sockets = {}, still = {.still = true};
	char path[64], link[64] = "";

	assert_int_equal(setsockopt(corked, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", corked);
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	open_fd.link = link;
	assert_int_equal(wb_sockets_add_kinds(&procs, &sockets), 0);
	assert_int_equal(wb_sockets_add_kinds(&procs, &still), 0);
	close(corked);
	if (!sockets.n)
		skip();
	assert_int_equal(sockets.items[0].kind, WB_SOCKET_OTHER);
	assert_string_equal(sockets.items[0].unfit, "it has a socket with UDP_CORK set");
	assert_int_equal(still.n, 0);
}

/* The real thing, on a socket of this process. */
static void asks_a_socket_what_it_is(void **state)
{
	static const struct {
		int domain, type, protocol;
	} kinds[] = {{AF_INET, SOCK_STREAM, 262}, {AF_VSOCK, SOCK_STREAM, 0},
		{AF_ALG, SOCK_SEQPACKET, 0}, {AF_PACKET, SOCK_RAW, 0}};
	int fd = -1;
	struct wb_proc_fd open_fd = {};
	struct wb_proc self = {.pid = getpid(), .fds = {&open_fd, 1}};
	struct wb_procs procs = {&self, 1};
	WB_CLEAN_SOCKETS sockets = {};
	char path[64], link[64] = "";

	/* Not every kernel has every one. */
	for (size_t i = 0; fd < 0 && i < sizeof(kinds) / sizeof(*kinds); i++)
		fd = socket(kinds[i].domain, kinds[i].type | SOCK_CLOEXEC, kinds[i].protocol);
	if (fd < 0)
		skip();
	open_fd.fd = fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	open_fd.link = link;
	assert_int_equal(wb_sockets_add_kinds(&procs, &sockets), 0);
	close(fd);
	/* Or the process may not look at itself in this way. */
	if (!sockets.n)
		skip();
	assert_int_equal(sockets.items[0].kind, WB_SOCKET_OTHER);
	assert_non_null(sockets.items[0].path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_peers_nothing_is_promised),
		cmocka_unit_test(sockets_that_criu_does_not_know),
		cmocka_unit_test(judges_sockets_that_were_looked_at),
		cmocka_unit_test(netlink_sockets_of_different_rights),
		cmocka_unit_test(asks_a_socket_whether_it_comes_back),
		cmocka_unit_test(asks_a_socket_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
