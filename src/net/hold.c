// SPDX-License-Identifier: LGPL-2.1-or-later
/* The packet hold as nftables rulesets: made as text, then put into force by nft(8). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/hold.h"

static const char *const tables[] = {
	[WB_HOLD_KEPT] = "warmboot",
	[WB_HOLD_RESTART] = "warmboot_restart",
	[WB_HOLD_NEWCOMERS] = "warmboot_newcomers",
};

static bool is_v6(const char *address)
{
	return strchr(address, ':');
}

void wb_held_deinit(struct wb_held *held)
{
	wb_ends_list_deinit(&held->kept);
	wb_ends_list_deinit(&held->restart);
}

/* A set of one type. `seen` counts its elements, because nft refuses an empty "elements". */
struct set {
	FILE *out;
	const char *name, *type;
	unsigned seconds;
	size_t seen;
};

static void set_element(struct set *s)
{
	if (s->seen++ == 0)
		fprintf(s->out,
			"\tset %s {\n\t\ttype %s\n\t\tflags timeout\n\t\ttimeout %us\n"
			"\t\telements = {",
			s->name, s->type, s->seconds);
	fputs(s->seen == 1 ? " " : ",\n\t\t\t", s->out);
}

static void set_end(const struct set *s)
{
	if (s->seen)
		fputs(" }\n\t}\n", s->out);
}

static const char *const connection_types[] = {
	"ipv4_addr . inet_service . ipv4_addr . inet_service",
	"ipv6_addr . inet_service . ipv6_addr . inet_service"};

/*
 * Print connections as an arriving packet shows them, the peer first, with addresses as the kernel
 * compares them.
 */
static size_t print_connections(
	FILE *out, const struct wb_ends_list *units, bool v6, unsigned seconds)
{
	struct set s = {out, v6 ? "peers6" : "peers4", connection_types[v6], seconds};

	for (size_t i = 0; i < units->n; i++) {
		const struct wb_net_ends *u = units->items[i];

		for (size_t k = 0; k < u->connections.n; k++) {
			const struct wb_net_connection *c = &u->connections.items[k];

			if (is_v6(c->local) != v6 || is_v6(c->remote) != v6)
				continue;
			set_element(&s);
			fprintf(out, "%s . %lld . %s . %lld", c->remote, (long long)c->remote_port,
				c->local, (long long)c->local_port);
		}
	}
	set_end(&s);
	/* A set for connections that go on while new ones to their port wait. */
	if (s.seen)
		fprintf(out,
			"\tset open%c {\n\t\ttype %s\n\t\tflags timeout\n\t\ttimeout %us\n\t}\n",
			v6 ? '6' : '4', s.type, seconds);
	return s.seen;
}

enum where { ANYWHERE, V4, V6 };

static enum where where(const struct wb_net_port *p)
{
	/* Both families' "any": a socket that is bound to :: takes IPv4, too. */
	if (!p->address || !strcmp(p->address, "0.0.0.0") || !strcmp(p->address, "::"))
		return ANYWHERE;
	return is_v6(p->address) ? V6 : V4;
}

static bool is_same_port(const struct wb_net_port *p, const struct wb_net_port *q)
{
	return where(p) == where(q) && p->port == q->port && !strcmp(p->protocol, q->protocol) &&
	       (where(p) == ANYWHERE || !strcmp(p->address, q->address));
}

/* Two processes may listen on one port (SO_REUSEPORT), but a set takes an element only once. */
static bool is_repeated(const struct wb_ends_list *units, size_t unit, size_t port)
{
	const struct wb_net_port *p = &units->items[unit]->ports.items[port];

	for (size_t i = 0; i <= unit; i++) {
		const struct wb_net_ends *u = units->items[i];

		for (size_t k = 0; k < (i == unit ? port : u->ports.n); k++)
			if (is_same_port(p, &u->ports.items[k]))
				return true;
	}
	return false;
}

static size_t print_ports(
	FILE *out, const struct wb_ends_list *units, enum where which, unsigned seconds)
{
	static const char *const names[] = {"ports", "ports4", "ports6"};
	static const char *const types[] = {"inet_proto . inet_service",
		"ipv4_addr . inet_proto . inet_service", "ipv6_addr . inet_proto . inet_service"};
	struct set s = {out, names[which], types[which], seconds};

	for (size_t i = 0; i < units->n; i++) {
		const struct wb_net_ends *u = units->items[i];

		for (size_t k = 0; k < u->ports.n; k++) {
			const struct wb_net_port *p = &u->ports.items[k];

			if (where(p) != which || is_repeated(units, i, k))
				continue;
			set_element(&s);
			if (which != ANYWHERE)
				fprintf(out, "%s . ", p->address);
			fprintf(out, "%s . %lld", p->protocol, (long long)p->port);
		}
	}
	set_end(&s);
	return s.seen;
}

/* Has this forwarded port an earlier place in the list, perhaps for another address? */
static bool is_published(const struct wb_ends_list *units, size_t unit, size_t port)
{
	const struct wb_net_port *p = &units->items[unit]->ports.items[port];

	for (size_t i = 0; i <= unit; i++) {
		const struct wb_net_ends *u = units->items[i];

		for (size_t k = 0; k < (i == unit ? port : u->ports.n); k++)
			if (u->ports.items[k].forwarded && u->ports.items[k].port == p->port &&
				!strcmp(u->ports.items[k].protocol, p->protocol))
				return true;
	}
	return false;
}

/*
 * Print the set and the chain for ports that are forwarded to a container. Its packets never reach the hook of input,
 * unless the container is gone with the rules that forward them. So they are dropped before those rules are asked, if
 * they are for this machine: it may be a router. The address is of no matter here.
 */
static void print_forwarded(
	FILE *out, const struct wb_ends_list *units, enum wb_hold_kind kind, unsigned seconds)
{
	struct set s = {out, "published", "inet_proto . inet_service", seconds};

	for (size_t i = 0; i < units->n; i++)
		for (size_t k = 0; k < units->items[i]->ports.n; k++) {
			const struct wb_net_port *p = &units->items[i]->ports.items[k];

			if (!p->forwarded || is_published(units, i, k))
				continue;
			set_element(&s);
			fprintf(out, "%s . %lld", p->protocol, (long long)p->port);
		}
	set_end(&s);
	if (!s.seen)
		return;
	fprintf(out,
		"\tchain forwarded {\n"
		"\t\ttype filter hook prerouting priority -400; policy accept;\n"
		"\t\t%sfib daddr type local meta l4proto . th dport @published drop\n"
		"\t}\n",
		kind == WB_HOLD_KEPT ? "" : "tcp flags & (fin | syn | rst | ack) == syn ");
}

static void print_port_rules(FILE *out, const size_t ports[3], const char *only)
{
	if (ports[ANYWHERE])
		fprintf(out, "\t\t%smeta l4proto . th dport @ports drop\n", only);
	if (ports[V4])
		fprintf(out, "\t\t%sip daddr . meta l4proto . th dport @ports4 drop\n", only);
	if (ports[V6])
		fprintf(out, "\t\t%sip6 daddr . meta l4proto . th dport @ports6 drop\n", only);
}

/*
 * Print the chain that drops packets to this machine's sockets, ahead of the machine's own rules. It
 * hooks input, where a packet has the addresses that its socket has. A rule about local addresses in
 * an earlier hook would need four more modules in each boot.
 */
static void print_arriving(
	FILE *out, enum wb_hold_kind kind, const size_t ports[3], const size_t peers[2])
{
	fputs("\tchain arriving {\n"
	      "\t\ttype filter hook input priority -400; policy accept;\n",
		out);
	if (peers[0])
		fputs("\t\tip saddr . tcp sport . ip daddr . tcp dport @open4 accept\n"
		      "\t\tip saddr . tcp sport . ip daddr . tcp dport @peers4 drop\n",
			out);
	if (peers[1])
		fputs("\t\tip6 saddr . tcp sport . ip6 daddr . tcp dport @open6 accept\n"
		      "\t\tip6 saddr . tcp sport . ip6 daddr . tcp dport @peers6 drop\n",
			out);
	if (kind == WB_HOLD_KEPT) {
		print_port_rules(out, ports, "");
	} else {
		/*
		 * Drop only packets that open a connection. Those of an old connection may be
		 * refused.
		 */
		print_port_rules(out, ports, "tcp flags & (fin | syn | rst | ack) == syn ");
	}
	if (kind == WB_HOLD_RESTART) {
		/*
		 * Do not drop datagrams of this machine's programs: with a quick error they can ask
		 * another server.
		 */
		print_port_rules(out, ports, "iifname != \"lo\" meta l4proto udp ");
	}
	fputs("\t}\n", out);
}

/*
 * Print the chain that drops leaving packets. No arriving packet can cause a reset now, but a dying
 * process can. It can cause one from a port, too: a connection in the accept queue is in no list
 * and dies with the listening socket.
 */
static void print_leaving(FILE *out, const size_t ports[3], const size_t peers[2])
{
	static const char only[] = "tcp flags & (fin | rst) != 0";

	fputs("\tchain leaving {\n"
	      "\t\ttype filter hook output priority -400; policy accept;\n",
		out);
	/* Connections that are released may end, while their port still waits. */
	if (peers[0])
		fprintf(out,
			"\t\tip daddr . tcp dport . ip saddr . tcp sport @open4 accept\n"
			"\t\t%s ip daddr . tcp dport . ip saddr . tcp sport @peers4 drop\n",
			only);
	if (peers[1])
		fprintf(out,
			"\t\tip6 daddr . tcp dport . ip6 saddr . tcp sport @open6 accept\n"
			"\t\t%s ip6 daddr . tcp dport . ip6 saddr . tcp sport @peers6 drop\n",
			only);
	if (ports[ANYWHERE])
		fprintf(out, "\t\t%s meta l4proto . th sport @ports drop\n", only);
	if (ports[V4])
		fprintf(out, "\t\t%s ip saddr . meta l4proto . th sport @ports4 drop\n", only);
	if (ports[V6])
		fprintf(out, "\t\t%s ip6 saddr . meta l4proto . th sport @ports6 drop\n", only);
	fputs("\t}\n", out);
}

int wb_hold_ruleset(
	const struct wb_ends_list *units, enum wb_hold_kind kind, unsigned seconds, char **ret)
{
	size_t n, ports[3], peers[2] = {}, all = 0;
	WB_CLEAN_STR text = NULL;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return -ENOMEM;
	fprintf(out, "%stable inet %s {\n", wb_hold_end_ruleset(kind), tables[kind]);
	for (int i = 0; kind == WB_HOLD_KEPT && i < 2; i++)
		all += peers[i] = print_connections(out, units, i, seconds);
	for (int i = ANYWHERE; i <= V6; i++)
		all += ports[i] = print_ports(out, units, i, seconds);
	if (kind != WB_HOLD_RESTART)
		print_forwarded(out, units, kind, seconds);
	print_arriving(out, kind, ports, peers);
	if (kind == WB_HOLD_KEPT)
		print_leaving(out, ports, peers);
	fputs("}\n", out);
	if (fclose(out))
		return -ENOMEM;
	*ret = NULL;
	/* For nft, 0 seconds would mean no limit. */
	if (all && seconds) {
		*ret = text;
		text = NULL;
	}
	return 0;
}

/* The first line makes the table if there is none, so that the second cannot fail. */
#define END_OF(table) "table inet " table "\ndelete table inet " table "\n"

const char *wb_hold_end_ruleset(enum wb_hold_kind kind)
{
	static const char *const texts[] = {
		[WB_HOLD_KEPT] = (END_OF("warmboot") END_OF("warmboot_newcomers")),
		[WB_HOLD_RESTART] = END_OF("warmboot_restart"),
		[WB_HOLD_NEWCOMERS] = END_OF("warmboot_newcomers"),
	};

	return texts[kind];
}

/* Does another of these units listen on this port? */
static bool is_shared(
	const struct wb_ends_list *units, const struct wb_net_ends *u, const struct wb_net_port *p)
{
	for (size_t i = 0; i < units->n; i++) {
		const struct wb_net_ends *v = units->items[i];

		for (size_t k = 0; v != u && k < v->ports.n; k++)
			if (is_same_port(p, &v->ports.items[k]))
				return true;
	}
	return false;
}

/* Is the port listed already, before the unit's k-th? */
static bool is_listed(const struct wb_net_ends *u, size_t k)
{
	for (size_t i = 0; i < k; i++)
		if (is_same_port(&u->ports.items[i], &u->ports.items[k]))
			return true;
	return false;
}

static bool is_listed_forwarded(const struct wb_net_ends *u, size_t k)
{
	const struct wb_ends_list alone = {&u, 1};

	return is_published(&alone, 0, k);
}

static void print_element(
	FILE *out, const char *verb, const char *set, const struct wb_net_connection *c)
{
	fprintf(out, "%s inet warmboot %s%c { %s . %lld . %s . %lld }\n", verb, set,
		is_v6(c->local) ? '6' : '4', c->remote, (long long)c->remote_port, c->local,
		(long long)c->local_port);
}

int wb_hold_release_ruleset(
	const struct wb_ends_list *kept, const struct wb_net_ends *u, bool ports, char **ret)
{
	static const char *const sets[] = {"ports", "ports4", "ports6"};
	WB_CLEAN_STR text = NULL;
	size_t n, all = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < u->connections.n; i++, all++) {
		const struct wb_net_connection *c = &u->connections.items[i];

		print_element(out, "delete element", "peers", c);
		if (!ports)
			print_element(out, "add element", "open", c);
	}
	/* A container's own rules decide about new connections, and these are in force. */
	for (size_t i = 0; i < u->ports.n; i++)
		if (u->ports.items[i].forwarded && !is_shared(kept, u, &u->ports.items[i]) &&
			!is_listed_forwarded(u, i)) {
			all++;
			fprintf(out, "delete element inet warmboot published { %s . %lld }\n",
				u->ports.items[i].protocol, (long long)u->ports.items[i].port);
		}
	for (size_t i = 0; ports && i < u->ports.n; i++) {
		const struct wb_net_port *p = &u->ports.items[i];

		if (is_shared(kept, u, p) || is_listed(u, i))
			continue;
		all++;
		fprintf(out, "delete element inet warmboot %s { ", sets[where(p)]);
		if (where(p) != ANYWHERE)
			fprintf(out, "%s . ", p->address);
		fprintf(out, "%s . %lld }\n", p->protocol, (long long)p->port);
	}
	if (fclose(out))
		return -ENOMEM;
	*ret = NULL;
	if (all) {
		*ret = text;
		text = NULL;
	}
	return 0;
}

static int run_nft(const struct wb_runner *runner, const char *ruleset, struct wb_error *err)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};

	return wb_run(runner, argv, wb_text(ruleset), NULL, err);
}

/* Make the ruleset of one kind: its end if its time is over; `none` if there is nothing to hold. */
static int one_kind(const struct wb_ends_list *units, enum wb_hold_kind kind, unsigned seconds,
	const char *none, char **ret, bool *ret_any)
{
	WB_CLEAN_STR text = NULL;
	int r = wb_hold_ruleset(units, kind, seconds ? seconds : 1, &text);

	if (r < 0)
		return r;
	*ret_any |= !!text;
	if (!text || !seconds) {
		const char *instead = text ? wb_hold_end_ruleset(kind) : none;

		free(text);
		text = strdup(instead);
	}
	*ret = text;
	text = NULL;
	return *ret ? 0 : -ENOMEM;
}

/*
 * Make the rulesets of both kinds for one transaction. `none` is used for a kind that has nothing
 * to hold. Returns 1 if either kind has something, else 0.
 */
static int both_kinds(const struct wb_held *held, struct wb_hold_left left, const char *no_kept,
	const char *no_restart, char **ret, struct wb_error *err)
{
	WB_CLEAN_STR kept = NULL;
	WB_CLEAN_STR restart = NULL;
	bool any = false;

	if (one_kind(&held->kept, WB_HOLD_KEPT, left.kept, no_kept, &kept, &any) < 0 ||
		one_kind(&held->restart, WB_HOLD_RESTART, left.restart, no_restart, &restart,
			&any) < 0 ||
		asprintf(ret, "%s%s", kept, restart) < 0) {
		*ret = NULL;
		return wb_oom(err);
	}
	return any;
}

int wb_hold_apply(const struct wb_runner *runner, const struct wb_held *held,
	struct wb_hold_left left, struct wb_error *err)
{
	WB_CLEAN_STR both = NULL;
	int r = both_kinds(held, left, "", "", &both, err);

	return r <= 0 ? r : run_nft(runner, both, err);
}

int wb_hold_newcomers(const struct wb_runner *runner, const struct wb_ends_list *kept,
	unsigned seconds, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;

	if (wb_hold_ruleset(kept, WB_HOLD_NEWCOMERS, seconds, &text) < 0)
		return wb_oom(err);
	return text ? run_nft(runner, text, err) : 0;
}

int wb_hold_renew(const struct wb_runner *runner, const struct wb_held *held,
	struct wb_hold_left left, char **in_force, struct wb_error *err)
{
	const char *no_kept = wb_hold_end_ruleset(WB_HOLD_KEPT);
	const char *no_restart = wb_hold_end_ruleset(WB_HOLD_RESTART);
	/*
	 * Compare the rulesets without the time that is left: that alone is no reason to renew the
	 * hold.
	 */
	const struct wb_hold_left any = {!!left.kept, !!left.restart};
	WB_CLEAN_STR both = NULL;
	WB_CLEAN_STR what = NULL;
	int r = both_kinds(held, any, no_kept, no_restart, &what, err);

	if (r < 0 || (*in_force ? !strcmp(*in_force, what) : r == 0))
		return r < 0 ? r : 0;
	r = both_kinds(held, left, no_kept, no_restart, &both, err);
	if (r >= 0)
		r = run_nft(runner, both, err);
	if (r < 0)
		return r;
	free(*in_force);
	*in_force = what;
	what = NULL;
	return 0;
}

int wb_hold_end(const struct wb_runner *runner, enum wb_hold_kind kind, struct wb_error *err)
{
	return run_nft(runner, wb_hold_end_ruleset(kind), err);
}

int wb_hold_release(const struct wb_runner *runner, const struct wb_ends_list *kept,
	const struct wb_net_ends *u, bool ports, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;

	if (wb_hold_release_ruleset(kept, u, ports, &text) < 0)
		return wb_oom(err);
	return text ? run_nft(runner, text, err) : 0;
}

bool wb_hold_has_firewall(const struct wb_files *files)
{
	static const char *const targets[] = {"sysinit.target", "basic.target", "multi-user.target",
		"network.target", "network-pre.target", "network-online.target"};
	static const char *const units[] = {"nftables", "ufw", "firewalld", "netfilter-persistent",
		"iptables", "ip6tables", "shorewall", "ferm"};
	char path[128];

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		for (size_t k = 0; k < sizeof(units) / sizeof(*units); k++) {
			snprintf(path, sizeof(path), "/etc/systemd/system/%s.wants/%s.service",
				targets[i], units[k]);
			if (files->exists(files->ctx, path))
				return true;
		}
	return false;
}
