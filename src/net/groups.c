// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The multicast groups that a socket has joined. /proc/net/igmp and igmp6 have the groups of each interface, whoever
 * joined them. The socket itself answers whether it is a member, if it is asked for one group on one interface
 * (net/ipv4/igmp.c, ip_mc_gsfget(), and net/ipv6/mcast.c, ip6_mc_msfget()).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/text.h"
#include "net/sockets.h"

/* Without a limit of the kernel's own, net.ipv4.igmp_max_msf and net.ipv6.mld_max_msf may be raised to more. */
#define MOST_SOURCES 1024
#define MOST_MEMBERS 4096
#define LARGEST (16u << 20)

void wb_net_joined_deinit(struct wb_net_joined *j)
{
	free(j->members.items);
	wb_strv_deinit(&j->hardware);
	*j = (struct wb_net_joined){};
}

static int add_member(
	struct wb_net_joined *j, int64_t index, bool six, const uint8_t *address, size_t n)
{
	struct wb_net_member *m = wb_list_add(&j->members, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->index = index;
	m->six = six;
	memcpy(m->address, address, n);
	return 0;
}

/*
 * igmp: a line "2	eth0 : 1 V3" for each interface, and below it "				FB0000E0 1 0:00000000 0"
 * for each group, as a number in the machine's byte order. igmp6: "2 eth0 ff02…01 1 0000000C 0" for each group.
 */
int wb_net_joined_parse(const char *text, bool six, struct wb_net_joined *j)
{
	enum { INDEX, DEVICE, GROUP };
	struct wb_span line, word[3];
	uint64_t index = 0;
	int r = 0;

	while (r == 0 && wb_take_line(&text, &line)) {
		const bool below = line.n && *line.s == '\t';
		uint8_t address[16];
		uint64_t v4;
		uint32_t bytes;

		if (six) {
			if (wb_take_words(&line, word, 3) &&
				wb_span_number(word[INDEX], 10, &index) && word[GROUP].n == 32 &&
				wb_hex_begins(word[GROUP].s, 16, address))
				r = add_member(j, (int64_t)index, true, address, 16);
		} else if (!below) {
			if (!wb_take_word(&line, word) || !wb_span_number(*word, 10, &index))
				index = 0;
		} else if (index && wb_take_word(&line, word) && wb_span_number(*word, 16, &v4)) {
			bytes = (uint32_t)v4;
			r = add_member(
				j, (int64_t)index, false, (const uint8_t *)&bytes, sizeof(bytes));
		}
	}
	return r;
}

/* "2 eth0 1 1 0180c200000e": the fourth number counts those that SIOCADDMULTI has added (net/core/net-procfs.c). */
static bool has_added(const char *text)
{
	struct wb_span line, word[4];
	uint64_t by_program;

	while (wb_take_line(&text, &line))
		if (wb_take_words(&line, word, 4) && wb_span_number(word[3], 10, &by_program) &&
			by_program)
			return true;
	return false;
}

/* A link that is no hardware has no device, and may come later than the unit in the next boot. */
static int find_hardware(const struct wb_files *files, struct wb_strv *ret)
{
	WB_CLEAN_STRV names = {};
	int r = wb_strv_add(ret, "lo");

	if (files->list(files->ctx, "/sys/class/net", &names, NULL) < 0)
		return r;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/class/net/%.64s/device", names.items[i]);
		if (files->exists(files->ctx, path))
			r = wb_strv_add(ret, names.items[i]);
	}
	return r;
}

/* Below /proc/net would be the tables of the process's main thread, which may be in another namespace (wb_inside()). */
int wb_net_joined_read(const struct wb_files *files, struct wb_net_joined *ret)
{
	static const char *const tables[] = {
		"/proc/thread-self/net/igmp", "/proc/thread-self/net/igmp6"};
	struct wb_net_joined j = {};
	WB_CLEAN_BLOB added = {};
	int r = find_hardware(files, &j.hardware);

	for (size_t i = 0; r == 0 && i < 2; i++) {
		WB_CLEAN_BLOB b = {};

		/* A protocol that the kernel lacks has no table. */
		r = files->read(files->ctx, tables[i], LARGEST, &b, NULL);
		if (r == 0)
			r = wb_net_joined_parse((const char *)b.data, i == 1, &j);
		else if (r != -ENOMEM)
			j.unknown |= r != -ENOENT, r = 0;
	}
	/* Any user can make the tables long, and each socket is asked for each group. */
	j.unknown |= j.members.n > MOST_MEMBERS;
	if (r == 0)
		r = files->read(
			files->ctx, "/proc/thread-self/net/dev_mcast", LARGEST, &added, NULL);
	if (r == 0)
		j.added = has_added((const char *)added.data);
	else if (r != -ENOMEM)
		j.added = r != -ENOENT, r = 0;
	if (r < 0)
		wb_net_joined_deinit(&j);
	else
		*ret = j;
	return r;
}

/* ---- one group ---- */

static void set_address(struct sockaddr_storage *a, bool six, const uint8_t *address)
{
	*a = (struct sockaddr_storage){.ss_family = six ? AF_INET6 : AF_INET};
	if (six)
		memcpy(&((struct sockaddr_in6 *)a)->sin6_addr, address, 16);
	else
		memcpy(&((struct sockaddr_in *)a)->sin_addr, address, 4);
}

static const void *address_in(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
					: (const void *)&((const struct sockaddr_in *)a)->sin_addr;
}

static char *text_of(const struct sockaddr_storage *a)
{
	char text[INET6_ADDRSTRLEN];

	return inet_ntop(a->ss_family, address_in(a), text, sizeof(text)) ? strdup(text) : NULL;
}

static int level_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

/* Is the socket a member? *ret: the filter, to be freed. 0: no. -ENOMEM; -E2BIG. */
static int ask(
	int fd, int64_t index, const struct sockaddr_storage *group, struct group_filter **ret)
{
	socklen_t n = GROUP_FILTER_SIZE(MOST_SOURCES);
	struct group_filter *f = calloc(1, n);
	int r = 0;

	if (!f)
		return -ENOMEM;
	f->gf_interface = (uint32_t)index;
	f->gf_group = *group;
	f->gf_numsrc = MOST_SOURCES;
	if (getsockopt(fd, level_of(group), MCAST_MSFILTER, f, &n) == 0)
		r = f->gf_numsrc > MOST_SOURCES ? -E2BIG : 1;
	if (r == 1)
		*ret = f;
	else
		free(f);
	return r;
}

static int add_group(struct wb_net_socket *s, const struct group_filter *f, const char *link,
	struct wb_error *err)
{
	struct wb_net_group *g = wb_list_add(&s->groups, sizeof(*g));
	int r = 0;

	if (!g)
		return wb_oom(err);
	g->group = text_of(&f->gf_group);
	g->link = strdup(link);
	g->include = f->gf_fmode == MCAST_INCLUDE;
	for (uint32_t i = 0; r == 0 && i < f->gf_numsrc; i++) {
		WB_CLEAN_STR source = text_of(&f->gf_slist[i]);

		r = source ? wb_strv_add(&g->sources, source) : -ENOMEM;
	}
	return r < 0 || !g->group || !g->link ? wb_oom(err) : 0;
}

int wb_net_groups_read(
	int fd, const struct wb_net_joined *joined, struct wb_net_socket *s, struct wb_error *err)
{
	int r = 0;

	if (joined->unknown)
		return wb_fail(err, -EOPNOTSUPP, "its multicast groups cannot be found out");
	for (size_t i = 0; r >= 0 && i < joined->members.n; i++) {
		const struct wb_net_member *m = &joined->members.items[i];
		struct group_filter *f = NULL;
		struct sockaddr_storage group;
		char link[IF_NAMESIZE] = "";

		/* An IPv6 socket may be in groups of both. */
		if (m->six ? s->domain != AF_INET6 : s->domain == AF_INET6 && s->type == SOCK_RAW)
			continue;
		set_address(&group, m->six, m->address);
		r = ask(fd, m->index, &group, &f);
		if (r <= 0)
			continue;
		if (!if_indextoname((unsigned)m->index, link) ||
			!wb_strv_has(&joined->hardware, link))
			r = wb_fail(err, -EOPNOTSUPP,
				"it has joined a multicast group on %s, which the next boot may "
				"make later than the service",
				*link ? link : "an interface that is gone");
		else
			r = add_group(s, f, link, err);
		free(f);
	}
	if (r == -E2BIG)
		return wb_fail(err, -EOPNOTSUPP,
			"it has joined a multicast group with more than %d sources", MOST_SOURCES);
	return r == -ENOMEM ? wb_oom(err) : r < 0 ? r : 0;
}

/* ---- back ---- */

static bool parse(const char *text, struct sockaddr_storage *ret)
{
	bool six = text && strchr(text, ':');
	uint8_t address[16];

	if (!text || inet_pton(six ? AF_INET6 : AF_INET, text, address) != 1)
		return false;
	set_address(ret, six, address);
	return true;
}

static bool is_as(const struct wb_net_group *g, const struct group_filter *f)
{
	if (g->include != (f->gf_fmode == MCAST_INCLUDE) || g->sources.n != f->gf_numsrc)
		return false;
	for (uint32_t i = 0; i < f->gf_numsrc; i++) {
		WB_CLEAN_STR source = text_of(&f->gf_slist[i]);

		if (!source || !wb_strv_has(&g->sources, source))
			return false;
	}
	return true;
}

/* Join with one call for each source, so that no router hears of other sources first. */
static int join(
	int fd, const struct wb_net_group *g, unsigned index, const struct sockaddr_storage *group)
{
	struct group_req any = {.gr_interface = index, .gr_group = *group};
	int level = level_of(group);

	if (!g->include && setsockopt(fd, level, MCAST_JOIN_GROUP, &any, sizeof(any)) < 0)
		return -errno;
	for (size_t i = 0; i < g->sources.n; i++) {
		struct group_source_req one = {.gsr_interface = index, .gsr_group = *group};

		if (!parse(g->sources.items[i], &one.gsr_source))
			return -EINVAL;
		if (setsockopt(fd, level, g->include ? MCAST_JOIN_SOURCE_GROUP : MCAST_BLOCK_SOURCE,
			    &one, sizeof(one)) < 0)
			return -errno;
	}
	return 0;
}

static int give(int fd, const struct wb_net_group *g, struct wb_error *err)
{
	struct group_filter *now = NULL;
	struct sockaddr_storage group;
	unsigned index = g->link ? if_nametoindex(g->link) : 0;
	int r = 0;
	bool same;

	if (!parse(g->group, &group))
		return wb_fail(err, -EPERM, "a multicast group is not as it was read");
	if (!index)
		return wb_fail(err, -ENODEV, "there is no interface %s for the multicast group %s",
			g->link ? g->link : "", g->group);
	r = ask(fd, index, &group, &now);
	if (r == 0)
		r = join(fd, g, index, &group);
	if (r == 0)
		r = ask(fd, index, &group, &now);
	same = r == 1 && is_as(g, now);
	free(now);
	if (r == -ENOMEM)
		return wb_oom(err);
	return same ? 0
		    : wb_fail(err, -EREMOTEIO, "it cannot join the multicast group %s on %s: %s",
			      g->group, g->link, r < 0 ? strerror(-r) : "it is not as it was");
}

int wb_net_groups_give(int fd, const struct wb_net_socket *s, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->groups.n; i++)
		r = give(fd, &s->groups.items[i], err);
	return r;
}
