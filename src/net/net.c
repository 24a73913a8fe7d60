// SPDX-License-Identifier: LGPL-2.1-or-later
/* The network as data: its table for the manifest, and checks of addresses and names. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "net/net.h"

/* IFNAMSIZ - 1 */
#define LONGEST_NAME 15

bool wb_net_valid_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > LONGEST_NAME || !strcmp(s, ".") || !strcmp(s, "..") || *s == '-')
		return false;
	/*
	 * dev_valid_name() of the kernel allows more, but such names would need quoting and are not
	 * in use.
	 */
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-@+", *s))
			return false;
	return true;
}

bool wb_net_valid_mac(const char *s)
{
	size_t n = 0;

	for (; isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]); s += 3) {
		n++;
		if (!s[2])
			return n >= 6 && n <= 20;
		if (s[2] != ':')
			return false;
	}
	return false;
}

bool wb_net_valid_address(const char *s)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

/* A keyword of ip(8): a scope, a protocol, a table, a kind of link. */
static bool valid_word(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > 31 || *s == '-')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return true;
}

/* Names of modules, separated by blanks. */
static bool valid_words(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_- ", *s))
			return false;
	return true;
}

/* A label is the name of a link, a colon and a few characters. */
static bool valid_label(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > LONGEST_NAME || *s == '-')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-@+:", *s))
			return false;
	return true;
}

static bool valid_target(const char *s)
{
	char address[64];
	size_t n = strcspn(s, "/");
	const char *digits = s + n + 1;

	if (!strcmp(s, "default"))
		return true;
	if (n >= sizeof(address))
		return false;
	memcpy(address, s, n);
	address[n] = 0;
	if (!wb_net_valid_address(address))
		return false;
	if (!s[n])
		return true;
	n = strlen(digits);
	return n >= 1 && n <= 3 && strspn(digits, "0123456789") == n;
}

#define ROW(type, ...) WB_JSON_ROW(struct type, __VA_ARGS__)
#define STRING(type, name, check, ...) \
	ROW(type, name, WB_JSON_STRING, .valid = (check), ##__VA_ARGS__)

static const struct wb_json_field link_fields[] = {
	STRING(wb_net_link, name, wb_net_valid_name, .needed = true),
	STRING(wb_net_link, mac, wb_net_valid_mac),
	STRING(wb_net_link, given, wb_net_valid_mac),
	STRING(wb_net_link, modules, valid_words),
	STRING(wb_net_link, kind, valid_word),
	ROW(wb_net_link, up, WB_JSON_BOOL),
	ROW(wb_net_link, slave, WB_JSON_BOOL),
	ROW(wb_net_link, mtu, WB_JSON_INT, .min = 0, .max = 1 << 24),
	{},
};

static const struct wb_json_field address_fields[] = {
	STRING(wb_net_address, link, wb_net_valid_name, .needed = true),
	STRING(wb_net_address, address, wb_net_valid_address, .needed = true),
	ROW(wb_net_address, prefix, WB_JSON_INT, .needed = true, .max = 128),
	STRING(wb_net_address, peer, valid_target),
	STRING(wb_net_address, broadcast, wb_net_valid_address),
	STRING(wb_net_address, scope, valid_word),
	STRING(wb_net_address, label, valid_label),
	ROW(wb_net_address, dynamic, WB_JSON_BOOL),
	ROW(wb_net_address, deprecated, WB_JSON_BOOL),
	{},
};

static const struct wb_json_field route_fields[] = {
	ROW(wb_net_route, family, WB_JSON_INT, .needed = true, .min = 4, .max = 6),
	STRING(wb_net_route, to, valid_target, .needed = true),
	STRING(wb_net_route, type, valid_word),
	STRING(wb_net_route, via, wb_net_valid_address),
	STRING(wb_net_route, link, wb_net_valid_name),
	STRING(wb_net_route, source, wb_net_valid_address),
	STRING(wb_net_route, scope, valid_word),
	STRING(wb_net_route, protocol, valid_word),
	STRING(wb_net_route, table, valid_word),
	ROW(wb_net_route, metric, WB_JSON_INT, .min = 0, .max = UINT32_MAX),
	ROW(wb_net_route, onlink, WB_JSON_BOOL),
	{},
};

static const struct wb_json_field neighbour_fields[] = {
	STRING(wb_net_neighbour, link, wb_net_valid_name, .needed = true),
	STRING(wb_net_neighbour, address, wb_net_valid_address, .needed = true),
	STRING(wb_net_neighbour, mac, wb_net_valid_mac, .needed = true),
	{},
};

#define LIST(name, rows) WB_JSON_ROWS(struct wb_net, name, rows, WB_NET_MOST)

const struct wb_json_field wb_net_fields[] = {
	LIST(links, link_fields),
	LIST(addresses, address_fields),
	LIST(routes, route_fields),
	LIST(neighbours, neighbour_fields),
	{},
};

void wb_net_deinit(struct wb_net *net)
{
	if (net)
		wb_json_free(wb_net_fields, net);
}
