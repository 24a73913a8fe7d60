// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "fake-runner.h"
#include "keep/net.h"
#include "unit.h"

/* As ip(8) of iproute2 6.15 says it, less the keys that nobody here reads. */
static const char addresses[] =
	"[{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[\"LOOPBACK\",\"UP\"],\"mtu\":65536,"
	"\"link_type\":\"loopback\",\"address\":\"00:00:00:00:00:00\",\"addr_info\":[{\"family\":"
	"\"inet\",\"local\":\"127.0.0.1\",\"prefixlen\":8,\"scope\":\"host\",\"label\":\"lo\"}]},"
	"{\"ifindex\":2,\"ifname\":\"enp0s3\",\"flags\":[\"BROADCAST\",\"MULTICAST\",\"UP\","
	"\"LOWER_UP\"],\"mtu\":1500,\"link_type\":\"ether\",\"address\":\"52:54:00:12:34:56\","
	"\"addr_info\":[{\"family\":\"inet\",\"local\":\"10.0.0.2\",\"prefixlen\":24,"
	"\"broadcast\":\"10.0.0.255\",\"scope\":\"global\",\"dynamic\":true,\"label\":\"enp0s3\","
	"\"valid_life_time\":3000},{\"family\":\"inet6\",\"local\":\"2001:db8::2\",\"prefixlen\":"
	"64,"
	"\"scope\":\"global\"},{\"family\":\"inet6\",\"local\":\"fe80::5054:ff:fe12:3456\","
	"\"prefixlen\":64,\"scope\":\"link\"}]},"
	"{\"ifindex\":3,\"ifname\":\"enp0s4\",\"flags\":[\"BROADCAST\"],\"mtu\":1500,"
	"\"link_type\":\"ether\",\"address\":\"52:54:00:00:00:04\",\"addr_info\":[]},"
	"{\"ifindex\":4,\"ifname\":\"br0\",\"flags\":[\"UP\"],\"mtu\":1500,\"link_type\":\"ether\","
	"\"address\":\"52:54:00:12:34:56\",\"linkinfo\":{\"info_kind\":\"bridge\"},\"addr_info\":"
	"[{\"family\":\"inet\",\"local\":\"192.168.7.1\",\"prefixlen\":24,\"scope\":\"global\"}]}]";
static const char routes4[] =
	"[{\"dst\":\"default\",\"gateway\":\"10.0.0.1\",\"dev\":\"enp0s3\",\"protocol\":\"dhcp\","
	"\"prefsrc\":\"10.0.0.2\",\"metric\":100,\"flags\":[]},"
	"{\"dst\":\"10.0.0.0/24\",\"dev\":\"enp0s3\",\"protocol\":\"kernel\",\"scope\":\"link\","
	"\"prefsrc\":\"10.0.0.2\",\"flags\":[]},"
	"{\"dst\":\"10.9.0.1\",\"dev\":\"enp0s3\",\"protocol\":\"static\",\"scope\":\"link\","
	"\"table\":\"77\",\"flags\":[\"onlink\"]},"
	"{\"type\":\"local\",\"dst\":\"10.0.0.2\",\"dev\":\"enp0s3\",\"table\":\"local\","
	"\"protocol\":\"kernel\"},"
	"{\"dst\":\"192.168.8.0/24\",\"gateway\":\"192.168.7.2\",\"dev\":\"br0\",\"flags\":[]}]";
static const char routes6[] =
	"[{\"dst\":\"default\",\"gateway\":\"fe80::1\",\"dev\":\"enp0s3\",\"protocol\":\"ra\","
	"\"metric\":1024,\"flags\":[],\"pref\":\"medium\"}]";
static const char neighbours[] =
	"[{\"dst\":\"10.0.0.1\",\"dev\":\"enp0s3\",\"lladdr\":\"52:55:0a:00:00:01\",\"state\":"
	"[\"REACHABLE\"]},{\"dst\":\"10.0.0.7\",\"dev\":\"enp0s3\",\"state\":[\"FAILED\"]}]";

static struct wb_bytes bytes(const char *s)
{
	return (struct wb_bytes){(const uint8_t *)s, strlen(s)};
}

static void parse(struct wb_net *net)
{
	struct wb_error err = {};

	if (wb_net_parse(bytes(addresses), bytes(routes4), bytes(routes6), bytes(neighbours), net,
		    &err) < 0)
		fail_msg("%s", err.text);
}

static void test_parse(void **state)
{
	struct wb_net net = {};

	parse(&net);
	assert_int_equal(net.links.n, 3);
	assert_string_equal(net.links.items[0].name, "enp0s3");
	assert_true(net.links.items[0].up);
	assert_false(net.links.items[1].up);
	assert_string_equal(net.links.items[2].kind, "bridge");
	assert_int_equal(net.addresses.n, 3);
	assert_true(net.addresses.items[0].dynamic);
	assert_int_equal(net.routes.n, 4);
	assert_int_equal(net.neighbours.n, 1);
	assert_true(wb_net_brings_back(&net, "10.0.0.2"));
	assert_true(wb_net_brings_back(&net, "127.0.0.1"));
	/* It lies on a bridge, which the machine's own setup has to make. */
	assert_false(wb_net_brings_back(&net, "192.168.7.1"));
	assert_false(wb_net_brings_back(&net, "10.0.0.3"));
	wb_net_deinit(&net);
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {"", "{}", "[",
		"[{\"ifname\":\"a b\",\"link_type\":\"ether\"}]",
		"[{\"ifname\":\"e\",\"link_type\":\"ether\",\"addr_info\":[{\"family\":\"inet\","
		"\"local\":\"1.2.3.4; x\"}]}]",
		NULL};
	struct wb_net net = {};
	struct wb_error err = {};

	/* Nothing said is nothing there. */
	assert_int_equal(wb_net_parse(bytes(""), bytes(""), bytes(""), bytes(""), &net, &err), 0);
	for (int i = 1; bad[i]; i++)
		assert_int_equal(
			wb_net_parse(bytes(bad[i]), bytes(""), bytes(""), bytes(""), &net, &err),
			-EBADMSG);
}

static void test_batch(void **state)
{
	static const struct wb_net_found found[] = {
		{"lo", "00:00:00:00:00:00"}, {"eth1", "52:54:00:12:34:56"}};
	struct wb_net net = {};
	WB_CLEAN_STR text = NULL;

	parse(&net);
	assert_int_equal(wb_net_batch(&net, found, 2, &text), 0);
	assert_string_equal(text,
		"link set dev eth1 name wbtmp1\n"
		"link set dev wbtmp1 name enp0s3\n"
		"address add 10.0.0.2/24 dev enp0s3 broadcast 10.0.0.255 scope global label enp0s3 "
		"valid_lft 600 preferred_lft 600\n"
		"link set dev enp0s3 mtu 1500 up\n"
		"address add 2001:db8::2/64 dev enp0s3 scope global nodad\n"
		"route replace 10.9.0.1 dev enp0s3 table 77 proto static scope link onlink\n"
		"route replace 0.0.0.0/0 via 10.0.0.1 dev enp0s3 src 10.0.0.2 metric 100 proto "
		"dhcp\n"
		"route replace ::/0 via fe80::1 dev enp0s3 metric 1024 proto ra expires 600\n"
		"neighbour replace 10.0.0.1 lladdr 52:55:0a:00:00:01 dev enp0s3 nud stale\n");
	wb_net_deinit(&net);
}

static void test_swapped(void **state)
{
	static struct wb_net_link links[] = {
		{"a", "02:00:00:00:00:01"}, {"b", "02:00:00:00:00:02"}};
	static const struct wb_net_found found[] = {
		{"b", "02:00:00:00:00:01"}, {"a", "02:00:00:00:00:02"}};
	const struct wb_net net = {.links = {links, 2}};
	WB_CLEAN_STR text = NULL;

	assert_int_equal(wb_net_batch(&net, found, 2, &text), 0);
	assert_string_equal(text, "link set dev b name wbtmp0\n"
				  "link set dev a name wbtmp1\n"
				  "link set dev wbtmp0 name a\n"
				  "link set dev wbtmp1 name b\n");
}

/* What the fake runner is asked for as data. */
struct machine {
	struct fake_runner fake;
	unsigned as_data;
};

static int run(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;

	m->as_data += how->data_limit >= 16 << 20;
	return m->fake.runner.run(&m->fake, how, ret, err);
}

static void test_read(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/class/net/enp0s3", .link = "../../devices/pci0/virtio0/net/enp0s3"},
		{"/sys/devices/pci0/virtio0/net/enp0s3/device", .link = "../.."},
		{"/sys/devices/pci0/virtio0/driver/module", .link = "/sys/module/virtio_net"},
		{"/sys/devices/pci0/driver/module", .link = "/sys/module/virtio_pci"},
		{},
	};
	static const struct fake_answer answers[] = {{"ip -j -d address show", 0, addresses},
		{"ip -j -4 route show table all", 0, routes4}, {"ip -j -6 route", 0, routes6},
		{"ip -j neigh", 0, neighbours}, {}};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_STRV modules = {};
	struct wb_error err = {};
	struct machine m = {};
	const struct wb_runner runner = {.ctx = &m, .run = run};
	struct wb_net net = {};

	fake_runner_init(&m.fake, answers);
	if (wb_net_read(&files, &runner, &net, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(m.as_data, 4);
	assert_string_equal(net.links.items[0].modules, "virtio_net virtio_pci");
	assert_null(net.links.items[1].modules);
	assert_int_equal(wb_net_modules(&net, &modules), 0);
	assert_int_equal(modules.n, 2);
	wb_net_deinit(&net);
}

static void test_restore(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/class/net/lo/address", "00:00:00:00:00:00\n"},
		{"/sys/class/net/eth0/address", "52:54:00:12:34:56\n"},
		{},
	};
	struct wb_files files = fake_files(disk);
	struct wb_error err = {};
	struct fake_runner fake;
	struct wb_net net = {};

	parse(&net);
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_net_restore(&files, &fake.runner, &net, 0, &err), 0);
	assert_non_null(strstr(fake.log, "arp_notify 1\n"));
	assert_non_null(strstr(fake.log, "ip -force -batch - <<link set dev eth0 name wbtmp0\n"));

	/* A card that is not there any more: the rest is done, and it is named. */
	free(net.links.items[1].mac);
	net.links.items[1].mac = strdup("52:54:00:99:99:99");
	net.links.items[1].up = true;
	fake_runner_init(&fake, NULL);
	assert_int_equal(wb_net_restore(&files, &fake.runner, &net, 0, &err), -ENODEV);
	assert_string_equal(err.text,
		"no link has the address 52:54:00:99:99:99 that enp0s4 had before the jump");
	assert_non_null(strstr(fake.log, "address add 10.0.0.2/24"));
	wb_net_deinit(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
