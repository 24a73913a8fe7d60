// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The output of ip about addresses, routes and neighbours. The result must be one command a line,
 * whatever names and addresses it contains.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/net.h"
#include "net/sockets.h"

static const char seed_text[] =
	"[{\"ifname\":\"e0\",\"flags\":[\"UP\"],\"link_type\":\"ether\",\"mtu\":1500,"
	"\"address\":\"52:54:00:12:34:56\",\"addr_info\":[{\"family\":\"inet\",\"local\":\"10.0.0."
	"2\","
	"\"prefixlen\":24,\"scope\":\"global\",\"label\":\"e0:1\",\"dynamic\":true}],\"dst\":"
	"\"default\",\"gateway\":\"10.0.0.1\",\"dev\":\"e0\",\"protocol\":\"dhcp\",\"lladdr\":"
	"\"52:55:0a:00:00:01\",\"state\":[\"STALE\"]}]";

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seed;

	if (!seed.data)
		wb_blob_append(&seed, seed_text, strlen(seed_text));
	*ret_n = 1;
	return &seed;
}

static void parse_joined(struct wb_bytes in)
{
	struct wb_net_joined joined = {};
	WB_CLEAN_STR text = strndup((const char *)in.data, in.size);

	if (!text || wb_net_joined_parse(text, false, &joined) < 0 ||
		wb_net_joined_parse(text, true, &joined) < 0)
		abort();
	wb_net_joined_deinit(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const starts[] = {
		"link set dev ", "address add ", "route replace ", "neighbour replace "};
	const struct wb_net_found found[] = {
		{"eth0", "52:54:00:12:34:56"}, {"eth1", "52:54:00:12:34:57"}};
	const struct wb_bytes in = {data, size};
	struct wb_net net = {};
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR trades = NULL;

	parse_joined(in);
	if (wb_net_parse(in, in, in, in, &net, NULL) < 0)
		return 0;
	if (wb_net_batch(&net, found, 2, &text) < 0 || wb_net_trades(&net, found, 2, &trades) < 0)
		abort();
	for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
		int known = 0;

		for (int i = 0; i < 4; i++)
			known |= !strncmp(p, starts[i], strlen(starts[i]));
		if (!known || !strchr(p, '\n'))
			abort();
	}
	wb_net_deinit(&net);
	return 0;
}
