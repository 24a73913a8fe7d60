// SPDX-License-Identifier: LGPL-2.1-or-later
/* The network of a machine, and the commands that make it again. */
#include <stdio.h>
#include <stdlib.h>

#include "fake-files.h"
#include "fake-runner.h"
#include "net/net.h"
#include "unit.h"

/* As ip(8) of iproute2 6.15 prints it, without the keys that are not read. */
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
	/* Not the one by way of the bridge. */
	assert_int_equal(net.routes.n, 3);
	assert_int_equal(net.neighbours.n, 1);
	assert_true(wb_net_brings_back(&net, "10.0.0.2"));
	assert_true(wb_net_brings_back(&net, "127.0.0.1"));
	/* It is on a bridge, which the machine's own setup has to make. */
	assert_false(wb_net_brings_back(&net, "192.168.7.1"));
	assert_false(wb_net_brings_back(&net, "10.0.0.3"));
	/* A link that was down is not set up. */
	net.links.items[0].up = false;
	assert_false(wb_net_brings_back(&net, "10.0.0.2"));
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
		"link set dev eth1 name enp0s3\n"
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

#define ETHER(name, mac, more)                                                                  \
	"{\"ifname\":\"" name "\",\"flags\":[\"BROADCAST\",\"MULTICAST\",\"UP\",\"LOWER_UP\"]," \
	"\"mtu\":1500,\"link_type\":\"ether\",\"address\":\"" mac "\"," more "}"
#define SLAVE(permanent)                                                                \
	"\"master\":\"bond0\"," permanent "\"linkinfo\":{\"info_slave_kind\":\"bond\"," \
	"\"info_slave_data\":{\"state\":\"ACTIVE\"}},\"addr_info\":[]"
#define INET(address, more)                                                               \
	"\"addr_info\":[{\"family\":\"inet\",\"local\":\"" address "\",\"prefixlen\":24," \
	"\"scope\":\"global\"" more "}]"

static char *batch_of(const char *text, const struct wb_net_found *found, size_t n, char **trades)
{
	struct wb_error err = {};
	struct wb_net net = {};
	char *batch;

	if (wb_net_parse(bytes(text), bytes(""), bytes(""), bytes(""), &net, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(wb_net_trades(&net, found, n, trades), 0);
	assert_int_equal(wb_net_batch(&net, found, n, &batch), 0);
	wb_net_deinit(&net);
	return batch;
}

static void test_bond(void **state)
{
	/* Both go by the bond's address; so does the VLAN on it. */
	static const char text[] = "[" ETHER("eth0", "52:54:00:00:00:0a", SLAVE("")) "," ETHER(
		"eth1", "52:54:00:00:00:0a",
		SLAVE("\"permaddr\":\"52:54:00:00:00:0b\",")) "," ETHER("eth2", "52:54:00:00:00:0c",
		INET("10.0.2.2", "")) "," ETHER("bond0", "52:54:00:00:00:0a",
		"\"linkinfo\":{\"info_kind\":\"bond\"}," INET("10.0.0.2", "")) "," ETHER("bond0.7",
		"52:54:00:00:00:0a",
		"\"link\":\"bond0\",\"linkinfo\":{"
		"\"info_kind\":\"vlan\"}," INET("10.0.7.2", "")) "]";
	static const struct wb_net_found found[] = {{"eth0", "52:54:00:00:00:0a"},
		{"eth1", "52:54:00:00:00:0b"}, {"eth2", "52:54:00:00:00:0c"}};
	static const struct wb_net_found turned[] = {{"eth0", "52:54:00:00:00:0b"},
		{"eth1", "52:54:00:00:00:0a"}, {"eth2", "52:54:00:00:00:0c"}};
	static const char other[] = "address add 10.0.2.2/24 dev eth2 scope global\n"
				    "link set dev eth2 mtu 1500 up\n";
	struct wb_error err = {};
	struct wb_net net = {};

	assert_int_equal(wb_net_parse(bytes(text), bytes(""), bytes(""), bytes(""), &net, &err), 0);
	assert_string_equal(net.links.items[1].mac, "52:54:00:00:00:0b");
	assert_string_equal(net.links.items[1].given, "52:54:00:00:00:0a");
	assert_false(wb_net_brings_back(&net, "10.0.0.2"));
	assert_false(wb_net_brings_back(&net, "10.0.7.2"));
	assert_true(wb_net_brings_back(&net, "10.0.2.2"));
	wb_net_deinit(&net);
	for (int i = 0; i < 2; i++) {
		WB_CLEAN_STR trades = NULL;
		WB_CLEAN_STR batch = batch_of(text, i ? turned : found, 3, &trades);

		assert_string_equal(trades, "");
		assert_string_equal(batch, other);
	}
}

static void test_twins(void **state)
{
	/* A synthetic card and the virtual function below it, with one address. */
	static const char text[] =
		"[" ETHER("eth0", "00:0d:3a:00:00:01", INET("10.1.0.4", "")) "," ETHER(
			"enP1s1", "00:0d:3a:00:00:01", "\"master\":\"eth0\",\"addr_info\":[]") "]";
	static const char alone[] =
		"[" ETHER("eth0", "00:0d:3a:00:00:01", INET("10.1.0.4", "")) "]";
	static const struct wb_net_found found[] = {
		{"eth1", "00:0d:3a:00:00:01"}, {"eth0", "00:0d:3a:00:00:01"}};
	static const struct wb_net_found slave[] = {{"eth1", "00:0d:3a:00:00:01", true}};
	struct wb_error err = {};
	struct wb_net net = {};

	for (int i = 0; i < 4; i++) {
		WB_CLEAN_STR trades = NULL;
		WB_CLEAN_STR batch =
			i == 3 ? batch_of(alone, slave, 1, &trades)
			       : batch_of(i == 2 ? alone : text, found, 1 + !!i, &trades);

		assert_string_equal(trades, "");
		assert_string_equal(batch, "");
	}
	assert_int_equal(wb_net_parse(bytes(text), bytes(""), bytes(""), bytes(""), &net, &err), 0);
	assert_false(wb_net_brings_back(&net, "10.1.0.4"));
	wb_net_deinit(&net);
	assert_int_equal(
		wb_net_parse(bytes(alone), bytes(""), bytes(""), bytes(""), &net, &err), 0);
	assert_true(wb_net_brings_back(&net, "10.1.0.4"));
	wb_net_deinit(&net);
}

static void test_names(void **state)
{
	static const char text[] = "[" ETHER("a", "02:00:00:00:00:01",
		INET("10.0.0.1", "")) "," ETHER("b", "02:00:00:00:00:02", INET("10.0.0.2", "")) "]";
	static const struct {
		struct wb_net_found found[3];
		const char *trades, *batch;
	} rows[] = {
		/* They have changed places. */
		{{{"b", "02:00:00:00:00:01"}, {"a", "02:00:00:00:00:02"}, {"c", NULL}},
			"link set dev b name wbtmp0\n"
			"link set dev a name b\n"
			"link set dev wbtmp0 name a\n",
			""},
		/* One waits for the other's. */
		{{{"c", "02:00:00:00:00:02"}, {"b", "02:00:00:00:00:01"}, {"d", NULL}},
			"link set dev b name a\nlink set dev c name b\n",
			"link set dev b name a\n"
			"address add 10.0.0.1/24 dev a scope global\n"
			"link set dev a mtu 1500 up\n"},
		/* Another card has the name now, or a link that is no card. */
		{{{"c", "02:00:00:00:00:01"}, {"a", "02:00:00:00:00:03"},
			 {"b", "02:00:00:00:00:02"}},
			"",
			"address add 10.0.0.2/24 dev b scope global\n"
			"link set dev b mtu 1500 up\n"},
		{{{"c", "02:00:00:00:00:01"}, {"a", NULL}, {"d", NULL}}, "", ""},
		/* So a link that waits for a name which is not given up waits in vain. */
		{{{"b", "02:00:00:00:00:01"}, {"a", NULL}, {"c", "02:00:00:00:00:02"}}, "", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		WB_CLEAN_STR trades = NULL;
		WB_CLEAN_STR batch = batch_of(text, rows[i].found, 3, &trades);

		assert_string_equal(trades, rows[i].trades);
		assert_string_equal(batch, rows[i].batch);
	}
}

/* Nothing that a list can hold makes it go on for ever. */
static void test_names_end(void **state)
{
	static const char twice[] = "[" ETHER(
		"a", "02:00:00:00:00:01", "\"addr_info\":[]") "," ETHER("a", "02:00:00:00:00:02",
		"\"addr_info\":[]") "," ETHER("b", "02:00:00:00:00:03", "\"addr_info\":[]") "]";
	static const struct wb_net_found three[] = {
		{"c", "02:00:00:00:00:01"}, {"b", "02:00:00:00:00:02"}, {"a", "02:00:00:00:00:03"}};
	static const char own[] = "[" ETHER("wbtmp0", "02:00:00:00:00:01",
		"\"addr_info\":[]") "," ETHER("b", "02:00:00:00:00:02", "\"addr_info\":[]") "]";
	static const struct wb_net_found two[] = {
		{"wbtmp0", "02:00:00:00:00:02"}, {"b", "02:00:00:00:00:01"}};
	WB_CLEAN_STR trades = NULL;
	WB_CLEAN_STR others = NULL;

	free(batch_of(twice, three, 3, &trades));
	assert_string_equal(trades, "");
	free(batch_of(own, two, 2, &others));
	assert_non_null(strstr(others, "link set dev wbtmp0 name b\n"));
}

static void test_given_address(void **state)
{
	static const char text[] = "[" ETHER("a", "02:00:00:00:00:99",
		"\"permaddr\":\"52:54:00:00:00:01\"," INET("10.0.0.1", "")) "]";
	static const struct wb_net_found found[] = {{"a", "52:54:00:00:00:01"}};
	WB_CLEAN_STR trades = NULL;
	WB_CLEAN_STR batch = batch_of(text, found, 1, &trades);

	assert_string_equal(batch, "link set dev a address 02:00:00:00:00:99\n"
				   "address add 10.0.0.1/24 dev a scope global\n"
				   "link set dev a mtu 1500 up\n");
}

static void test_tunnel(void **state)
{
	/* Its "address" is an IPv4 one. */
	static const char text[] =
		"[{\"ifname\":\"sit0\",\"flags\":[\"NOARP\"],\"mtu\":1480,\"link_type\":\"sit\","
		"\"address\":\"0.0.0.0\",\"linkinfo\":{\"info_kind\":\"sit\"},\"addr_info\":[]}]";
	WB_CLEAN_STR trades = NULL;
	WB_CLEAN_STR batch = batch_of(text, NULL, 0, &trades);

	assert_string_equal(batch, "");
}

static void test_deprecated(void **state)
{
	static const char text[] = "[" ETHER(
		"a", "02:00:00:00:00:01", INET("10.0.0.1", ",\"deprecated\":true")) "," ETHER("b",
		"02:00:00:00:00:02", INET("10.0.0.2", ",\"deprecated\":true,\"dynamic\":true")) "]";
	static const struct wb_net_found found[] = {
		{"a", "02:00:00:00:00:01"}, {"b", "02:00:00:00:00:02"}};
	WB_CLEAN_STR trades = NULL;
	WB_CLEAN_STR batch = batch_of(text, found, 2, &trades);

	assert_non_null(strstr(batch, "dev a scope global valid_lft forever preferred_lft 0\n"));
	assert_non_null(strstr(batch, "dev b scope global valid_lft 600 preferred_lft 0\n"));
}

static void test_special_routes(void **state)
{
	/* Without these columns they would be routes for every packet. */
	static const char routes[] =
		"[{\"dst\":\"default\",\"from\":\"2001:db8:1::/48\",\"gateway\":\"fe80::1\","
		"\"dev\":\"enp0s3\",\"protocol\":\"static\",\"metric\":1024,\"flags\":[]},"
		"{\"dst\":\"10.3.0.0/16\",\"tos\":\"0x10\",\"gateway\":\"10.0.0.1\",\"dev\":"
		"\"enp0s3\",\"flags\":[]},"
		"{\"dst\":\"10.4.0.0/16\",\"encap\":\"mpls\",\"gateway\":\"10.0.0.1\",\"dev\":"
		"\"enp0s3\",\"flags\":[]},"
		"{\"dst\":\"10.5.0.0/16\",\"nexthops\":[],\"flags\":[]},"
		"{\"type\":\"blackhole\",\"dst\":\"10.6.0.0/16\",\"flags\":[]}]";
	struct wb_error err = {};
	struct wb_net net = {};

	assert_int_equal(
		wb_net_parse(bytes(addresses), bytes(routes), bytes(""), bytes(""), &net, &err), 0);
	assert_int_equal(net.routes.n, 1);
	assert_string_equal(net.routes.items[0].to, "10.6.0.0/16");
	wb_net_deinit(&net);
}

/* Thousands of containers are no reason to refuse. */
static void test_many_neighbours(void **state)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB text = {};
	struct wb_net net = {};

	for (int i = 0; i < WB_NET_MOST + 10; i++) {
		char row[160];
		int n = snprintf(row, sizeof(row),
			"%c{\"dst\":\"10.0.%d.%d\",\"dev\":\"enp0s3\",\"lladdr\":"
			"\"52:55:0a:00:00:01\",\"state\":[\"STALE\"]}",
			i ? ',' : '[', i / 256, i % 256);

		assert_int_equal(wb_blob_append(&text, row, (size_t)n), 0);
	}
	assert_int_equal(wb_blob_append(&text, "]", 1), 0);
	if (wb_net_parse(bytes(addresses), bytes(""), bytes(""), wb_blob_view(&text), &net, &err) <
		0)
		fail_msg("%s", err.text);
	assert_int_equal(net.neighbours.n, WB_NET_MOST);
	wb_net_deinit(&net);
}

/* The data that the fake runner was asked for, and the effect of a rename on the disk. */
struct machine {
	struct fake_runner fake;
	struct fake_file *disk;
	bool refuses;
	unsigned as_data;
};

static int run(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;
	int r = m->fake.runner.run(&m->fake, how, ret, err);
	bool trades = how->input.size && strstr((const char *)how->input.data, "wbtmp");

	m->as_data += how->data_limit >= 16 << 20;
	if (trades && m->refuses) {
		m->disk[0].path = "/sys/class/net/wbtmp0/address";
	} else if (trades) {
		m->disk[0].path = "/sys/class/net/b/address";
		m->disk[1].path = "/sys/class/net/a/address";
	} else if (!strcmp(how->argv[1], "link")) {
		m->disk[0].path = "/sys/class/net/a/address";
	}
	return trades && m->refuses ? 1 : r;
}

static int poke(void *ctx, const char *path, const char *text)
{
	struct machine *m = ctx;

	return m->fake.runner.poke(&m->fake, path, text);
}

static void test_swapped(void **state)
{
	static const char text[] = "[" ETHER("a", "02:00:00:00:00:01",
		INET("10.0.0.1", "")) "," ETHER("b", "02:00:00:00:00:02", INET("10.0.0.2", "")) "]";
	struct wb_error err = {};
	struct wb_net net = {};

	assert_int_equal(wb_net_parse(bytes(text), bytes(""), bytes(""), bytes(""), &net, &err), 0);
	for (int refuses = 0; refuses < 2; refuses++) {
		struct fake_file disk[] = {{"/sys/class/net/a/address", "02:00:00:00:00:02\n"},
			{"/sys/class/net/b/address", "02:00:00:00:00:01\n"}, {}};
		struct machine m = {.disk = disk, .refuses = refuses};
		const struct wb_runner runner = {&m, run, poke};
		struct wb_files files = fake_files(disk);
		const char *p;

		fake_runner_init(&m.fake, NULL);
		assert_int_equal(
			wb_net_restore(&files, &runner, &net, 0, &err), refuses ? -EIO : 0);
		p = strstr(m.fake.log, "ip -force -batch - <<link set dev a name wbtmp0\n"
				       "link set dev b name a\n"
				       "link set dev wbtmp0 name b\n");
		assert_non_null(p);
		if (!refuses) {
			assert_non_null(strstr(p, "<<address add 10.0.0.1/24 dev a "));
			assert_non_null(strstr(p, "address add 10.0.0.2/24 dev b "));
			continue;
		}
		/* No link is left with a temporary name, or with the address of another. */
		assert_non_null(strstr(p, "\nip link set dev wbtmp0 name a\n"));
		assert_null(strstr(p, "address add"));
	}
	wb_net_deinit(&net);
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
	const struct wb_runner runner = {&m, run, poke};
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
	assert_non_null(strstr(fake.log, "ip -force -batch - <<link set dev eth0 name enp0s3\n"));

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

/*
 * In the new boot: links that are virtual, that belong to another, or whose address is not their
 * own.
 */
static void test_restore_looks(void **state)
{
	static const char text[] = "[" ETHER(
		"a", "52:54:00:00:00:01", INET("10.0.0.1", "")) "," ETHER("b", "52:54:00:00:00:02",
		INET("10.0.0.2", "")) "," ETHER("c", "52:54:00:00:00:03", INET("10.0.0.3", "")) "]";
	static const struct fake_file disk[] = {
		{"/sys/class/net/br0", .link = "../../devices/virtual/net/br0"},
		{"/sys/devices/virtual/net/br0/address", "52:54:00:00:00:01\n"},
		{"/sys/class/net/a/address", "52:54:00:00:00:01\n"},
		{"/sys/class/net/b/address", "52:54:00:00:00:02\n"},
		{"/sys/class/net/b/master", .link = "../bond0"},
		{"/sys/class/net/bond0/address", "02:00:00:00:00:0b\n"},
		{"/sys/class/net/eth7/address", "02:00:00:00:00:77\n"},
		{"/sys/class/net/eth7/addr_assign_type", "3\n"},
		{},
	};
	static const struct fake_answer answers[] = {
		{"ip -j -d link show", 0,
			"[" ETHER("eth7", "02:00:00:00:00:77",
				"\"permaddr\":\"52:54:00:00:00:03\"") "]"},
		{}};
	struct wb_files files = fake_files(disk);
	struct wb_error err = {};
	struct fake_runner fake;
	struct wb_net net = {};

	assert_int_equal(wb_net_parse(bytes(text), bytes(""), bytes(""), bytes(""), &net, &err), 0);
	fake_runner_init(&fake, answers);
	assert_int_equal(wb_net_restore(&files, &fake.runner, &net, 0, &err), 0);
	assert_non_null(strstr(fake.log, "<<link set dev eth7 name c\n"
					 "address add 10.0.0.1/24 dev a scope global\n"
					 "address add 10.0.0.3/24 dev c scope global\n"
					 "link set dev a mtu 1500 up\n"
					 "link set dev c mtu 1500 up\n"));
	wb_net_deinit(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_bond),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_end),
		cmocka_unit_test(test_given_address),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_deprecated),
		cmocka_unit_test(test_special_routes),
		cmocka_unit_test(test_many_neighbours),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_restore_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
