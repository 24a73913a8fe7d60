// SPDX-License-Identifier: LGPL-2.1-or-later
/* The network through ip(8): reading it, and making it again in the next boot. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "net/links.h"
#include "sys/clock.h"

/* Lifetime of leased addresses and routes, unless the client that leased them renews them. */
#define LEASE_S 600

/* ---- reading ---- */

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool has_flag(const json_t *object, const char *flag)
{
	const json_t *flags = json_object_get(object, "flags");

	for (size_t i = 0; i < json_array_size(flags); i++) {
		const char *s = json_string_value(json_array_get(flags, i));

		if (s && !strcmp(s, flag))
			return true;
	}
	return false;
}

/* Copy a string if it is there; false: out of memory. */
static bool copy(char **to, const char *s)
{
	if (s)
		*to = strdup(s);
	return !s || *to;
}

static bool add_address(struct wb_net *net, const char *link, const json_t *a)
{
	const char *scope = text_of(a, "scope"), *local = text_of(a, "local");
	const char *family = text_of(a, "family"), *peer = text_of(a, "address");
	struct wb_net_address *to;
	WB_CLEAN_STR with_prefix = NULL;
	long long prefix = json_integer_value(json_object_get(a, "prefixlen"));

	/* The kernel itself makes the link-local IPv6 address of each link. */
	if (!local || !family || (!strcmp(family, "inet6") && scope && !strcmp(scope, "link")))
		return true;
	/* Leave out addresses that are not ready, or not to be used any more. */
	if (json_is_true(json_object_get(a, "tentative")) ||
		json_is_true(json_object_get(a, "dadfailed")))
		return true;
	to = wb_list_add(&net->addresses, sizeof(*to));
	if (!to)
		return false;
	to->prefix = prefix;
	to->dynamic = json_is_true(json_object_get(a, "dynamic"));
	to->deprecated = json_is_true(json_object_get(a, "deprecated"));
	if (peer && asprintf(&with_prefix, "%s/%lld", peer, prefix) < 0) {
		with_prefix = NULL;
		return false;
	}
	return copy(&to->link, link) && copy(&to->address, local) && copy(&to->peer, with_prefix) &&
	       copy(&to->broadcast, text_of(a, "broadcast")) && copy(&to->scope, scope) &&
	       copy(&to->label, text_of(a, "label"));
}

/* The address of a tunnel is that of its local end, not of hardware. */
static const char *mac_of(const json_t *l, const char *key)
{
	const char *mac = text_of(l, key);

	return mac && wb_net_valid_mac(mac) ? mac : NULL;
}

static bool add_link(struct wb_net *net, const json_t *l)
{
	const json_t *info = json_object_get(l, "linkinfo");
	const json_t *addresses = json_object_get(l, "addr_info");
	const char *name = text_of(l, "ifname"), *type = text_of(l, "link_type");
	/* ip(8) prints the hardware's own address only if the link uses another. */
	const char *mac = mac_of(l, "address"), *own = mac_of(l, "permaddr");
	struct wb_net_link *to;

	if (!name || !type || !strcmp(type, "loopback"))
		return true;
	to = wb_list_add(&net->links, sizeof(*to));
	if (!to)
		return false;
	to->up = has_flag(l, "UP");
	to->slave = text_of(l, "master") || text_of(info, "info_slave_kind");
	to->mtu = json_integer_value(json_object_get(l, "mtu"));
	if (!copy(&to->name, name) || !copy(&to->mac, own ? own : mac) ||
		!copy(&to->given, own ? mac : NULL) || !copy(&to->kind, text_of(info, "info_kind")))
		return false;
	for (size_t i = 0; i < json_array_size(addresses); i++)
		if (!add_address(net, name, json_array_get(addresses, i)))
			return false;
	return true;
}

static bool is_any(const char *s, const char *const *list)
{
	for (; s && *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

static bool add_route(struct wb_net *net, int family, const json_t *r)
{
	static const char *const own_types[] = {"local", "broadcast", "anycast", "multicast", NULL};
	static const char *const own_tables[] = {"local", NULL};
	static const char *const own_protocols[] = {"kernel", "redirect", NULL};
	/*
	 * The machine's own network setup makes routes with several ways, and those for some
	 * packets only.
	 */
	static const char *const special[] = {"nexthops", "from", "tos", "encap", NULL};
	const json_t *via = json_object_get(r, "via");
	const char *to = text_of(r, "dst"), *link = text_of(r, "dev");
	struct wb_net_route *route;

	if (!to || is_any(text_of(r, "type"), own_types) ||
		is_any(text_of(r, "table"), own_tables) ||
		is_any(text_of(r, "protocol"), own_protocols) ||
		(link && !wb_net_is_ours(net, wb_net_link(net, link))))
		return true;
	for (const char *const *key = special; *key; key++)
		if (json_object_get(r, *key))
			return true;
	if (has_flag(r, "linkdown") || has_flag(r, "dead"))
		return true;
	route = wb_list_add(&net->routes, sizeof(*route));
	if (!route)
		return false;
	route->family = family;
	route->metric = json_integer_value(json_object_get(r, "metric"));
	route->onlink = has_flag(r, "onlink");
	return copy(&route->to, to) && copy(&route->type, text_of(r, "type")) &&
	       copy(&route->via, via ? text_of(via, "host") : text_of(r, "gateway")) &&
	       copy(&route->link, link) && copy(&route->source, text_of(r, "prefsrc")) &&
	       copy(&route->scope, text_of(r, "scope")) &&
	       copy(&route->protocol, text_of(r, "protocol")) &&
	       copy(&route->table, text_of(r, "table"));
}

static bool add_neighbour(struct wb_net *net, const json_t *n)
{
	static const char *const known[] = {"REACHABLE", "STALE", "DELAY", "PROBE", NULL};
	const char *state = json_string_value(json_array_get(json_object_get(n, "state"), 0));
	const char *to = text_of(n, "dst"), *mac = text_of(n, "lladdr"), *link = text_of(n, "dev");
	struct wb_net_neighbour *neighbour;

	if (!to || !mac || !is_any(state, known) || !wb_net_is_ours(net, wb_net_link(net, link)))
		return true;
	/* Neighbours that do not fit are asked for again, as after any boot. */
	if (net->neighbours.n >= WB_NET_MOST)
		return true;
	neighbour = wb_list_add(&net->neighbours, sizeof(*neighbour));
	return neighbour && copy(&neighbour->link, link) && copy(&neighbour->address, to) &&
	       copy(&neighbour->mac, mac);
}

enum part { ADDRESSES, ROUTES4, ROUTES6, NEIGHBOURS };

static int take(struct wb_net *net, enum part part, struct wb_bytes text, struct wb_error *err)
{
	static const char *const names[] = {"addresses", "routes", "IPv6 routes", "neighbours"};
	json_t *json = NULL;
	bool ok = true;

	if (!text.size)
		return 0;
	if (wb_json_load(text, &json, NULL) == -ENOMEM)
		return wb_oom(err);
	if (!json_is_array(json)) {
		json_decref(json);
		return wb_fail(err, -EBADMSG,
			"the output of ip about the machine's %s is no JSON list", names[part]);
	}
	for (size_t i = 0; ok && i < json_array_size(json); i++) {
		const json_t *item = json_array_get(json, i);

		if (part == ADDRESSES)
			ok = add_link(net, item);
		else if (part == NEIGHBOURS)
			ok = add_neighbour(net, item);
		else
			ok = add_route(net, part == ROUTES4 ? 4 : 6, item);
	}
	json_decref(json);
	return ok ? 0 : wb_oom(err);
}

/*
 * Convert the result by the manifest's table and back, so that what the next boot would refuse
 * fails now.
 */
static int checked(struct wb_net *net, struct wb_net *ret, struct wb_error *err)
{
	json_t *json = wb_json_write(wb_net_fields, net);
	struct wb_net again = {};
	int r;

	if (!json)
		return wb_oom(err);
	r = wb_json_read(json, wb_net_fields, "what ip says of the network", &again, err);
	json_decref(json);
	if (r == 0)
		*ret = again;
	return r;
}

int wb_net_parse(struct wb_bytes addresses, struct wb_bytes routes4, struct wb_bytes routes6,
	struct wb_bytes neighbours, struct wb_net *ret, struct wb_error *err)
{
	const struct wb_bytes texts[] = {addresses, routes4, routes6, neighbours};
	struct wb_net net = {}, good = {};
	int r = 0;

	for (int i = ADDRESSES; r == 0 && i <= NEIGHBOURS; i++)
		r = take(&net, i, texts[i], err);
	if (r == 0)
		r = checked(&net, &good, err);
	wb_net_deinit(&net);
	if (r == 0)
		*ret = good;
	return r;
}

/* The last component of a link's target, or NULL. */
static char *link_name(const struct wb_files *files, const char *path)
{
	WB_CLEAN_STR target = NULL;
	const char *slash;

	if (files->readlink(files->ctx, path, &target, NULL) < 0)
		return NULL;
	slash = strrchr(target, '/');
	return strdup(slash ? slash + 1 : target);
}

/* Read the modules of a device and of those below it: virtio_net's bus is virtio_pci's device. */
static int read_modules(const struct wb_files *files, struct wb_net_link *link)
{
	WB_CLEAN_STR dir = NULL;

	if (link->kind || asprintf(&dir, "/sys/class/net/%s/device", link->name) < 0) {
		dir = NULL;
		return link->kind ? 0 : -ENOMEM;
	}
	for (int depth = 0; depth < 4; depth++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_STR name = NULL;
		WB_CLEAN_STR all = NULL;
		WB_CLEAN_STR up = NULL;

		path = wb_strf("%s/driver/module", dir);
		up = wb_strf("%s/..", dir);
		if (!path || !up)
			return -ENOMEM;
		name = link_name(files, path);
		if (name)
			all = wb_strf("%s%s%s", link->modules ? link->modules : "",
				link->modules ? " " : "", name);
		if (name && !all)
			return -ENOMEM;
		if (all) {
			free(link->modules);
			link->modules = all;
			all = NULL;
		}
		free(dir);
		dir = up;
		up = NULL;
	}
	return 0;
}

int wb_net_read(const struct wb_files *files, const struct wb_runner *runner, struct wb_net *ret,
	struct wb_error *err)
{
	static const char *const commands[][9] = {
		{"ip", "-j", "-d", "address", "show", NULL},
		{"ip", "-j", "-4", "route", "show", "table", "all", NULL},
		{"ip", "-j", "-6", "route", "show", "table", "all", NULL},
		{"ip", "-j", "neighbour", "show", NULL},
	};
	struct wb_blob said[4] = {};
	struct wb_net net = {};
	int r = 0;

	for (int i = 0; r == 0 && i < 4; i++)
		r = wb_run_data(runner, commands[i], &said[i], err);
	if (r == 0)
		r = wb_net_parse(wb_blob_view(&said[0]), wb_blob_view(&said[1]),
			wb_blob_view(&said[2]), wb_blob_view(&said[3]), &net, err);
	for (int i = 0; i < 4; i++)
		wb_blob_deinit(&said[i]);
	for (size_t i = 0; r == 0 && i < net.links.n; i++)
		if (read_modules(files, &net.links.items[i]) < 0)
			r = wb_oom(err);
	if (r < 0)
		wb_net_deinit(&net);
	else
		*ret = net;
	return r;
}

/* ---- making it again ---- */

struct batch {
	FILE *out;
	const struct wb_net *net;
	const struct wb_net_found *found;
	size_t n;
};

/* Will there be a link of this name? */
static bool is_there(const struct batch *b, const char *name)
{
	const struct wb_net_link *l = wb_net_link(b->net, name);
	ssize_t k = wb_net_find(b->net, l, b->found, b->n);

	return k >= 0 && l->up &&
	       (!strcmp(b->found[k].name, name) || !wb_net_is_taken(b->found, b->n, name));
}

static void print_names(const struct batch *b)
{
	for (size_t i = 0; i < b->net->links.n; i++) {
		const struct wb_net_link *l = &b->net->links.items[i];
		ssize_t k = wb_net_find(b->net, l, b->found, b->n);

		/* If another link has the name, this one keeps its own. */
		if (k >= 0 && !wb_net_is_taken(b->found, b->n, l->name))
			fprintf(b->out, "link set dev %s name %s\n", b->found[k].name, l->name);
	}
	/*
	 * Set it while the link is down, because some drivers change no address of a link that is
	 * up.
	 */
	for (size_t i = 0; i < b->net->links.n; i++) {
		const struct wb_net_link *l = &b->net->links.items[i];

		if (l->given && is_there(b, l->name))
			fprintf(b->out, "link set dev %s address %s\n", l->name, l->given);
	}
}

static void print_addresses(const struct batch *b, bool v6)
{
	for (size_t i = 0; i < b->net->addresses.n; i++) {
		const struct wb_net_address *a = &b->net->addresses.items[i];

		if (!is_there(b, a->link) || !!strchr(a->address, ':') != v6)
			continue;
		if (a->peer)
			fprintf(b->out, "address add %s peer %s", a->address, a->peer);
		else
			fprintf(b->out, "address add %s/%lld", a->address, (long long)a->prefix);
		fprintf(b->out, " dev %s", a->link);
		if (a->broadcast)
			fprintf(b->out, " broadcast %s", a->broadcast);
		if (a->scope)
			fprintf(b->out, " scope %s", a->scope);
		if (a->label)
			fprintf(b->out, " label %s", a->label);
		if (a->dynamic)
			fprintf(b->out, " valid_lft %d preferred_lft %d", LEASE_S,
				a->deprecated ? 0 : LEASE_S);
		else if (a->deprecated)
			fputs(" valid_lft forever preferred_lft 0", b->out);
		/*
		 * The address was unique before the jump; duplicate address detection would cost a
		 * second.
		 */
		fputs(v6 ? " nodad\n" : "\n", b->out);
	}
}

static void print_up(const struct batch *b)
{
	for (size_t i = 0; i < b->net->links.n; i++) {
		const struct wb_net_link *l = &b->net->links.items[i];

		if (!is_there(b, l->name))
			continue;
		fprintf(b->out, "link set dev %s", l->name);
		if (l->mtu)
			fprintf(b->out, " mtu %lld", (long long)l->mtu);
		fputs(" up\n", b->out);
	}
}

static void print_route(FILE *out, const struct wb_net_route *r)
{
	bool v6 = r->family == 6;
	const char *to = r->to;

	/* Lines of the batch have no family, and "default" alone means IPv4's. */
	if (!strcmp(to, "default"))
		to = v6 ? "::/0" : "0.0.0.0/0";
	fprintf(out, "route replace %s%s%s", r->type ? r->type : "", r->type ? " " : "", to);
	if (r->via)
		fprintf(out, " via %s%s", !v6 && strchr(r->via, ':') ? "inet6 " : "", r->via);
	if (r->link)
		fprintf(out, " dev %s", r->link);
	if (r->source)
		fprintf(out, " src %s", r->source);
	if (r->metric)
		fprintf(out, " metric %lld", (long long)r->metric);
	if (r->table)
		fprintf(out, " table %s", r->table);
	if (r->protocol)
		fprintf(out, " proto %s", r->protocol);
	if (r->scope && !v6)
		fprintf(out, " scope %s", r->scope);
	if (v6 && r->protocol && !strcmp(r->protocol, "ra"))
		fprintf(out, " expires %d", LEASE_S);
	fputs(r->onlink ? " onlink\n" : "\n", out);
}

static void print_routes(const struct batch *b)
{
	/*
	 * First the routes without a gateway, because a gateway must be reachable for the others.
	 */
	for (int through = 0; through < 2; through++)
		for (size_t i = 0; i < b->net->routes.n; i++) {
			const struct wb_net_route *r = &b->net->routes.items[i];

			if (!!r->via == through && (!r->link || is_there(b, r->link)))
				print_route(b->out, r);
		}
	for (size_t i = 0; i < b->net->neighbours.n; i++) {
		const struct wb_net_neighbour *n = &b->net->neighbours.items[i];

		if (is_there(b, n->link))
			fprintf(b->out, "neighbour replace %s lladdr %s dev %s nud stale\n",
				n->address, n->mac, n->link);
	}
}

int wb_net_batch(const struct wb_net *net, const struct wb_net_found *found, size_t n, char **ret)
{
	struct batch b = {NULL, net, found, n};
	WB_CLEAN_STR text = NULL;
	size_t size;

	b.out = open_memstream(&text, &size);
	if (!b.out)
		return -ENOMEM;
	print_names(&b);
	/*
	 * Set IPv4 addresses before the link comes up, because it then announces them to its
	 * neighbours (arp_notify). IPv6 addresses can be set only after that.
	 */
	print_addresses(&b, false);
	print_up(&b);
	print_addresses(&b, true);
	print_routes(&b);
	if (fclose(b.out))
		return -ENOMEM;
	*ret = text;
	text = NULL;
	return 0;
}

bool wb_net_brings_back(const struct wb_net *net, const char *address)
{
	for (size_t i = 0; i < net->addresses.n; i++) {
		const struct wb_net_link *l = wb_net_link(net, net->addresses.items[i].link);

		if (!strcmp(net->addresses.items[i].address, address))
			return wb_net_is_ours(net, l) && l->up;
	}
	/* These are the loopback's, or no machine's own. */
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1") ||
	       !strcmp(address, "0.0.0.0") || !strcmp(address, "::");
}

static int add_once(struct wb_strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->items[i], s))
			return 0;
	return wb_strv_add(v, s);
}

int wb_net_modules(const struct wb_net *net, struct wb_strv *ret)
{
	for (size_t i = 0; i < net->links.n; i++) {
		const char *p = net->links.items[i].modules;

		for (size_t n; p && *p; p += n + !!p[n]) {
			WB_CLEAN_STR name = NULL;

			n = strcspn(p, " ");
			name = strndup(p, n);
			if (!name || (n && add_once(ret, name) < 0))
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- running it ---- */

typedef WB_LIST(struct wb_net_found) found_list;

static void found_deinit(found_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].name);
		free(l->items[i].mac);
	}
	free(l->items);
	*l = (found_list){};
}

/* The path of a file in /sys/class/net/NAME/; NULL: out of memory. */
static char *path_of(const char *name, const char *file)
{
	char *path;

	return asprintf(&path, "/sys/class/net/%s%s", name, file) < 0 ? NULL : path;
}

static bool is_virtual(const struct wb_files *files, const char *name)
{
	WB_CLEAN_STR path = path_of(name, "");
	WB_CLEAN_STR target = NULL;

	return path && files->readlink(files->ctx, path, &target, NULL) == 0 &&
	       strstr(target, "/virtual/net/");
}

/* NULL: the link has no address that identifies it. */
static int read_mac(const struct wb_files *files, const char *name, char **ret)
{
	WB_CLEAN_STR path = path_of(name, "/address");
	WB_CLEAN_BLOB mac = {};

	if (!path)
		return -ENOMEM;
	if (is_virtual(files, name) || files->read(files->ctx, path, 4096, &mac, NULL) < 0)
		return 0;
	*ret = strndup((const char *)mac.data, strcspn((const char *)mac.data, "\n"));
	return *ret ? 0 : -ENOMEM;
}

/* Has another program, such as the initramfs, given it an address other than its own? */
static bool has_given(const struct wb_files *files, const char *name)
{
	WB_CLEAN_STR path = path_of(name, "/addr_assign_type");

	/* NET_ADDR_SET */
	return path && wb_read_number(files, path) == 3;
}

/* Only ip(8) knows the link's own address in that case. If it fails, the entry stays as it is. */
static void read_own(const struct wb_runner *runner, found_list *found)
{
	static const char *const argv[] = {"ip", "-j", "-d", "link", "show", NULL};
	WB_CLEAN_BLOB said = {};
	json_t *json = NULL;

	if (wb_run_data(runner, argv, &said, NULL) == 0)
		wb_json_load(wb_blob_view(&said), &json, NULL);
	for (size_t i = 0; i < json_array_size(json); i++) {
		const json_t *l = json_array_get(json, i);
		const char *own = mac_of(l, "permaddr"), *name = text_of(l, "ifname");

		for (size_t k = 0; own && name && k < found->n; k++) {
			struct wb_net_found *f = &found->items[k];
			char *mac = f->mac && !strcmp(f->name, name) ? strdup(own) : NULL;

			if (!mac)
				continue;
			free(f->mac);
			f->mac = mac;
		}
	}
	json_decref(json);
}

static int find_links(const struct wb_files *files, const struct wb_runner *runner, found_list *ret)
{
	WB_CLEAN_STRV names = {};
	bool given = false;

	if (files->list(files->ctx, "/sys/class/net", &names, NULL) < 0)
		return 0;
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR master = path_of(names.items[i], "/master");
		struct wb_net_found *f;

		if (!wb_net_valid_name(names.items[i]))
			continue;
		f = wb_list_add(ret, sizeof(*f));
		if (!f || !master)
			return -ENOMEM;
		f->name = strdup(names.items[i]);
		if (!f->name || read_mac(files, f->name, &f->mac) < 0)
			return -ENOMEM;
		f->slave = files->exists(files->ctx, master);
		given |= f->mac && has_given(files, f->name);
	}
	if (given)
		read_own(runner, ret);
	return 0;
}

/* A link that was up and has not appeared yet, or NULL. */
static const struct wb_net_link *missing(const struct wb_net *net, const found_list *found)
{
	for (size_t i = 0; i < net->links.n; i++) {
		const struct wb_net_link *l = &net->links.items[i];

		if (l->up && wb_net_is_ours(net, l) &&
			wb_net_find(net, l, found->items, found->n) == -ENODEV)
			return l;
	}
	return NULL;
}

static int wait_for_links(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_net *net, unsigned seconds, found_list *ret)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	const int64_t end = wb_now_ms() + seconds * INT64_C(1000);

	for (;;) {
		int r = find_links(files, runner, ret);

		if (r < 0 || !missing(net, ret) || wb_now_ms() >= end)
			return r;
		found_deinit(ret);
		nanosleep(&pause, NULL);
	}
}

/*
 * Make links announce themselves when they come up, for neighbours that dropped this machine during
 * the jump.
 */
static void ask_for_notices(const struct wb_runner *runner)
{
	static const char *const paths[] = {"/proc/sys/net/ipv4/conf/all/arp_notify",
		"/proc/sys/net/ipv6/conf/all/ndisc_notify"};

	for (int i = 0; i < 2; i++)
		runner->poke(runner->ctx, paths[i], "1\n");
}

static int run_batch(const struct wb_runner *runner, const char *text, struct wb_error *err)
{
	static const char *const argv[] = {"ip", "-force", "-batch", "-", NULL};

	return wb_run(runner, argv, wb_text(text), NULL, err);
}

/* Give a link that stepped aside and did not get its name the old one again, if it is free. */
static void step_back(
	const struct wb_runner *runner, const found_list *before, const found_list *now)
{
	for (size_t k = 0; k < before->n; k++) {
		char aside[IFNAMSIZ];
		const char *const argv[] = {
			"ip", "link", "set", "dev", aside, "name", before->items[k].name, NULL};

		snprintf(aside, sizeof(aside), WB_NET_ASIDE "%zu", k);
		if (wb_net_is_taken(now->items, now->n, aside) &&
			!wb_net_is_taken(before->items, before->n, aside) &&
			!wb_net_is_taken(now->items, now->n, before->items[k].name))
			wb_run(runner, argv, (struct wb_bytes){}, NULL, NULL);
	}
}

/*
 * First rename links that take names from each other. Then look again which link has which name: if
 * a rename was refused, its addresses must not go to another link.
 */
static int trade_names(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_net *net, found_list *found, struct wb_error *err)
{
	WB_CLEAN_STR text = NULL;
	found_list now = {};
	int r = wb_net_trades(net, found->items, found->n, &text), failed;

	if (r < 0 || !*text)
		return r < 0 ? wb_fail(err, r, "out of memory") : 0;
	failed = run_batch(runner, text, err);
	r = find_links(files, runner, &now);
	if (r == 0 && failed < 0) {
		step_back(runner, found, &now);
		found_deinit(&now);
		r = find_links(files, runner, &now);
	}
	found_deinit(found);
	*found = now;
	return r < 0 ? wb_fail(err, r, "out of memory") : failed;
}

int wb_net_restore(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_net *net, unsigned seconds, struct wb_error *err)
{
	const struct wb_net_link *absent;
	WB_CLEAN_STR text = NULL;
	found_list found = {};
	int r = wait_for_links(files, runner, net, seconds, &found), traded = 0;

	absent = missing(net, &found);
	if (r == 0)
		traded = trade_names(files, runner, net, &found, err);
	if (r == 0)
		r = wb_net_batch(net, found.items, found.n, &text);
	found_deinit(&found);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	ask_for_notices(runner);
	r = run_batch(runner, text, err);
	if (r == 0 && absent)
		r = wb_fail(err, -ENODEV, "no link has the address %s that %s had before the jump",
			absent->mac, absent->name);
	return r < 0 ? r : traded;
}
