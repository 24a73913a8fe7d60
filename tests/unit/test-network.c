// SPDX-License-Identifier: LGPL-2.1-or-later
/* A network namespace of a unit's own: what is compared with a new one, and when the unit is kept. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/private.h"
#include "sample-service.h"
#include "sys/inside.h"

/* ---- the decision ---- */

#define OWN_NET                                           \
	{"/proc/452/ns/net", .link = "net:[4026532300]"}, \
	{                                                 \
		"/proc/1/net/unix", UNIX                  \
	}
/* Its output is of the machine's namespace. */
#define INNER                                                                                     \
	{"/proc/452/net/unix", UNIX_HEAD},                                                        \
	{                                                                                         \
		"/proc/452/net/tcp",                                                              \
			TCP_HEAD "   0: 0100007F:2BCB 00000000:0000 0A 00000000:00000000 "        \
				 "00:00000000 00000000   100        0 2534 1 0000 100 0 0 10 0\n" \
	}

enum { NETWORK = 1, OF_ITS_USERS, USERS };

static const struct fake_ns_one ones[] = {
	{NETWORK, WB_NS_NET, .owner = FAKE_NS_MACHINE + WB_NS_USER},
	{USERS, WB_NS_USER, .owner = FAKE_NS_MACHINE + WB_NS_USER,
		.parent = FAKE_NS_MACHINE + WB_NS_USER, .uid = 65534},
	{OF_ITS_USERS, WB_NS_NET, .owner = USERS},
	{},
};

static int as_new(int net_ns, struct wb_strv *ret)
{
	return 0;
}

static int with_a_route(int net_ns, struct wb_strv *ret)
{
	return wb_strv_add(ret, "its network namespace has other routes than a new one has");
}

static int not_known(int net_ns, struct wb_strv *ret)
{
	return -ETIMEDOUT;
}

static void own(struct wb_service *s)
{
	s->private_network = true;
}

static void shared(struct wb_service *s)
{
	s->private_network = true;
	wb_strv_add(&s->joins, "other.service");
}

static void by_path(struct wb_service *s)
{
	s->private_network = true;
	s->network_namespace = strdup("/run/netns/x");
}

static int look(const struct fake_file *disk, void (*change)(struct wb_service *s), int ns,
	int (*compare)(int, struct wb_strv *), struct wb_keep_verdict *ret)
{
	const struct fake_ns_proc procs[] = {{452, .ns = {[WB_NS_NET] = ns}}, {}};
	struct fake_ns fake = {"0::/system.slice/memcached.service\n", procs, ones};
	struct wb_files files = fake_files(disk);
	struct wb_services services = {(void *)change, fake_read};
	const struct wb_ns_ops ops = fake_ns_ops(&fake);
	const struct wb_keep_look l = {.files = &files,
		.units = &services,
		.namespaces = &ops,
		.compare_network = compare,
		.find_externals = all_are_the_machines,
		.criu = "4.1.1"};
	struct wb_error err = {};
	int r = wb_keep_look(NULL, &l, "memcached.service", NULL, ret, &err);

	assert_int_equal(fake.fds, 0);
	return r;
}

static void it_is_kept_as_systemd_makes_it(void **state)
{
	static const struct fake_file disk[] = {
		OWN_NET, INNER, MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, {}};
	WB_CLEAN_KEEP_VERDICT v = {};

	assert_int_equal(look(disk, own, NETWORK, as_new, &v), 0);
	assert_int_equal(v.reasons.n, 0);
	assert_int_equal(v.how, WB_KEEP_PROCESS);
	assert_true(v.image.own_network);
	assert_false(v.plain);
	/* The machine's packets on the same ports are others'. */
	assert_int_equal(v.ends.ports.n, 0);
	assert_int_equal(v.ends.connections.n, 0);
	assert_string_equal(v.image.externals.items[0].id, "unix[2503]");
}

static void it_is_not_kept_otherwise(void **state)
{
#define SAME                                              \
	MEMCACHED, {"/proc/452/maps", MAPS}, ALL_MODULES, \
	{                                                 \
	}
	static const struct fake_file plain[] = {OWN_NET, INNER, SAME};
	/* Another unit's, with the same namespace. */
	static const struct fake_file guest[] = {
		OWN_NET, INNER, {"/proc/900/ns/net", .link = "net:[4026532300]"}, SAME};
	static const struct fake_file mighty[] = {OWN_NET, INNER,
		{"/proc/452/status",
			"Name:\tx\nUid:\t107\t107\t107\t107\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n"
			"CapBnd:\t1000\nCapAmb:\t0\nNoNewPrivs:\t0\n"},
		SAME};
	static const struct fake_file stranger[] = {OWN_NET, INNER,
		{"/proc/452/net/udp",
			TCP_HEAD "   1: 00000000:0035 00000000:0000 07 00000000:00000000 "
				 "00:00000000 00000000   100        0 2700 2 0000 0\n"},
		SAME};
	/* systemd has given it a socket that was bound in the machine's network. */
	static const struct fake_file outer[] = {
		{"/proc/1/net/unix", UNIX "0000: 00000002 00000000 00010000 0001 01 2900 /run/x\n"},
		OWN_NET, INNER, {"/proc/452/fd/50", .link = "socket:[2900]"}, SAME};
	static const struct {
		const struct fake_file *disk;
		void (*change)(struct wb_service *s);
		int ns;
		int (*compare)(int, struct wb_strv *);
		const char *want;
	} cases[] = {
		{plain, own, NETWORK, with_a_route, "has other routes than a new one has"},
		{plain, own, NETWORK, not_known, "cannot be looked at: "},
		{plain, own, OF_ITS_USERS, as_new, "has made a network namespace of its own"},
		{plain, NULL, NETWORK, as_new, "that PrivateNetwork= has not made"},
		{plain, shared, NETWORK, as_new,
			"shares its network with other.service (JoinsNamespaceOf=)"},
		{plain, by_path, NETWORK, as_new, "NetworkNamespacePath="},
		{guest, own, NETWORK, as_new,
			"process 900, which is not of it, is in its network namespace"},
		{mighty, own, NETWORK, as_new, "may change the network of PrivateNetwork="},
		{stranger, own, NETWORK, as_new,
			"a program outside of it has a socket of its network namespace open"},
		{outer, own, NETWORK, as_new, "made in another network namespace"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_KEEP_VERDICT one = {};

		assert_int_equal(
			look(cases[i].disk, cases[i].change, cases[i].ns, cases[i].compare, &one),
			0);
		assert_int_equal(one.how, WB_KEEP_RESTART);
		if (!mentions(&one.reasons, cases[i].want))
			fail_msg("%zu: %s", i, one.reasons.items[0]);
		assert_int_equal(one.ends.ports.n, 0);
	}
}

/* ---- the comparison ---- */

static int own_network_ns(void *arg)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int (*work)(int fd) = arg;
	int ns;

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	assert_int_equal(work ? work(fd) : 0, 0);
	ns = ioctl(fd, SIOCGSKNS);
	close(fd);
	return ns;
}

/* A namespace whose loopback is up, after `work` in it; -1: this process may make none. */
static int make(int (*work)(int fd))
{
	int r = wb_inside(WB_INSIDE_NEW, own_network_ns, (void *)work);

	return r == -EPERM ? -1 : r;
}

static int other_size(int fd)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_mtu = 1500};

	return ioctl(fd, SIOCSIFMTU, &lo);
}

static int another_address(int fd)
{
	struct ifreq lo = {.ifr_name = "lo:1"};
	struct sockaddr_in *a = (void *)&lo.ifr_addr;

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
	return ioctl(fd, SIOCSIFADDR, &lo);
}

static int a_sysctl(int fd)
{
	int f = open("/proc/sys/net/ipv4/ip_default_ttl", O_WRONLY | O_CLOEXEC);
	int r = f < 0 || write(f, "17", 2) != 2 ? -1 : 0;

	close(f);
	return r;
}

static void a_namespace_is_compared_with_a_new_one(void **state)
{
	static const struct {
		int (*work)(int fd);
		const char *want;
	} cases[] = {
		{NULL, NULL},
		{other_size, "its network namespace has other interfaces than a new one has"},
		{another_address, "its network namespace has other addresses than a new one has"},
		{a_sysctl, "its network namespace has net.ipv4.ip_default_ttl=17, and a new one "
			   "has 64"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_STRV found = {};
		int ns = make(cases[i].work);

		if (ns < 0)
			skip();
		assert_int_equal(wb_net_private_differs(ns, &found), 0);
		if (cases[i].want)
			assert_true(wb_strv_has(&found, cases[i].want));
		else
			assert_int_equal(found.n, 0);
		close(ns);
	}
}

static int in_place(void *arg)
{
	*(pid_t *)arg = gettid();
	return -EXFULL;
}

/* Nobody else is moved. */
static void work_elsewhere_is_done_by_another_thread(void **state)
{
	pid_t who = 0;

	assert_int_equal(wb_inside(-1, in_place, &who), -EXFULL);
	assert_int_equal(who, gettid());
	assert_int_equal(wb_inside(9999, in_place, &who), -EBADF);
	if (wb_inside(WB_INSIDE_NEW, in_place, &who) == -EPERM)
		skip();
	assert_int_not_equal(who, gettid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_kept_as_systemd_makes_it),
		cmocka_unit_test(it_is_not_kept_otherwise),
		cmocka_unit_test(a_namespace_is_compared_with_a_new_one),
		cmocka_unit_test(work_elsewhere_is_done_by_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
