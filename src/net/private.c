// SPDX-License-Identifier: LGPL-2.1-or-later
/* Compares a network namespace with a new one. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_addrlabel.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/xfrm.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/files.h"
#include "core/text.h"
#include "net/private.h"
#include "sys/inside.h"
#include "sys/sys.h"

/* More of any kind than a new namespace has is a difference already. */
#define MOST_FACTS 8192
#define DEEPEST 8
#define LARGEST (1u << 20)

/* The facts that are found inside, one line each: their kind, a tab, and the fact. */
struct state {
	struct wb_strv facts;
};

static int add(struct state *s, const char *what, const char *fact)
{
	return s->facts.n < MOST_FACTS ? wb_strv_addf(&s->facts, "%s\t%s", what, fact) : 0;
}

/* ---- questions by netlink(7) ---- */

/* A kind of thing that the kernel lists, and the attributes of it that count or tell the time. */
static const struct question {
	const char *what;
	int protocol; /* asked only if the kernel has it here */
	uint16_t type;
	size_t head;       /* size of what follows the netlink header */
	uint8_t family;    /* the first byte of that */
	uint16_t moves[6]; /* attributes that change by themselves; 0 ends the list */
} questions[] = {
	{"interfaces", NETLINK_ROUTE, RTM_GETLINK, sizeof(struct ifinfomsg), 0,
		{IFLA_STATS, IFLA_STATS64, IFLA_AF_SPEC, IFLA_MAP, IFLA_CARRIER_CHANGES,
			IFLA_CARRIER_UP_COUNT}},
	/* Some of these tell who has set it: systemd or the kernel. The first eight flags are in the head. */
	{"addresses", NETLINK_ROUTE, RTM_GETADDR, sizeof(struct ifaddrmsg), 0,
		{IFA_CACHEINFO, IFA_PROTO, IFA_FLAGS}},
	{"routes", NETLINK_ROUTE, RTM_GETROUTE, sizeof(struct rtmsg), 0, {RTA_CACHEINFO}},
	{"rules of routing", NETLINK_ROUTE, RTM_GETRULE, sizeof(struct fib_rule_hdr), 0, {}},
	{"neighbours", NETLINK_ROUTE, RTM_GETNEIGH, sizeof(struct ndmsg), 0,
		{NDA_CACHEINFO, NDA_PROBES}},
	{"queues", NETLINK_ROUTE, RTM_GETQDISC, sizeof(struct tcmsg), 0,
		{TCA_STATS, TCA_STATS2, TCA_XSTATS}},
	{"address labels", NETLINK_ROUTE, RTM_GETADDRLABEL, sizeof(struct ifaddrlblmsg), AF_INET6,
		{}},
	{"next hops", NETLINK_ROUTE, RTM_GETNEXTHOP, sizeof(struct nhmsg), 0, {}},
	{"tables of nftables", NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
		sizeof(struct nfgenmsg), 0, {}},
	{"policies of IPsec", NETLINK_XFRM, XFRM_MSG_GETPOLICY, sizeof(struct xfrm_userpolicy_id),
		0, {}},
	{"states of IPsec", NETLINK_XFRM, XFRM_MSG_GETSA, sizeof(struct xfrm_usersa_id), 0, {}},
};
#define N_QUESTIONS (sizeof(questions) / sizeof(*questions))

static bool moves(const struct question *q, uint16_t type)
{
	for (size_t i = 0; i < sizeof(q->moves) / sizeof(*q->moves) && q->moves[i]; i++)
		if (q->moves[i] == (type & NLA_TYPE_MASK))
			return true;
	return false;
}

/* The kernel notes a neighbour of the loopback for each address that is in use; only a lasting one was set. */
static bool is_passing(const struct question *q, const uint8_t *body)
{
	return q->type == RTM_GETNEIGH && !(((const struct ndmsg *)body)->ndm_flags & NTF_PROXY) &&
	       !(((const struct ndmsg *)body)->ndm_state & NUD_PERMANENT);
}

static void write_hex(FILE *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%02x", p[i]);
}

static int add_message(struct state *s, const struct question *q, const uint8_t *body, size_t n)
{
	WB_CLEAN_STR text = NULL;
	size_t size, at = NLMSG_ALIGN(q->head);
	FILE *out;

	if (n < q->head || is_passing(q, body))
		return 0;
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	write_hex(out, body, q->head);
	while (at + sizeof(struct nlattr) <= n) {
		const struct nlattr *a = (const void *)(body + at);

		if (a->nla_len < sizeof(*a) || a->nla_len > n - at)
			break;
		if (!moves(q, a->nla_type)) {
			fputc(' ', out);
			write_hex(out, body + at, a->nla_len);
		}
		at += NLA_ALIGN(a->nla_len);
	}
	if (fclose(out))
		return -ENOMEM;
	return add(s, q->what, text);
}

/* 1: that was all. 0: there is more. A kernel without this kind refuses the question, here and there. */
static int read_answer(struct state *s, const struct question *q, const uint8_t *p, size_t n)
{
	int r = 0;

	while (r == 0 && n >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)p;
		size_t step = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > n)
			return -EBADMSG;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		r = add_message(s, q, p + sizeof(*h), h->nlmsg_len - sizeof(*h));
		p += step < n ? step : n;
		n -= step < n ? step : n;
	}
	return r;
}

static int put(struct state *s, int fd, const struct question *q, uint8_t flags)
{
	struct {
		struct nlmsghdr head;
		uint8_t body[128];
	} m = {.head = {.nlmsg_len = (uint32_t)(sizeof(m.head) + q->head),
		       .nlmsg_type = q->type,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {q->family}};
	int r = 0;

	if (flags)
		((struct ndmsg *)m.body)->ndm_flags = flags;
	if (send(fd, &m, m.head.nlmsg_len, 0) < 0)
		return -errno;
	while (r == 0) {
		_Alignas(struct nlmsghdr) uint8_t buf[32768];
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : read_answer(s, q, buf, (size_t)n);
	}
	return r < 0 ? r : 0;
}

/* Does the kernel listen for this protocol here? Making a socket would load its module. "sk Eth Pid …": the kernel's is 0. */
static bool has_protocol(const char *table, int protocol)
{
	struct wb_span line, word[3];
	uint64_t number, port;

	while (table && wb_take_line(&table, &line))
		if (wb_take_words(&line, word, 3) && wb_span_number(word[1], 10, &number) &&
			wb_span_number(word[2], 10, &port) && (int)number == protocol && !port)
			return true;
	return false;
}

static int ask(struct state *s, const struct question *q)
{
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, q->protocol), r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	r = put(s, fd, q, 0);
	/* Those by which the machine answers for others are listed only if they are asked for. */
	if (r == 0 && q->type == RTM_GETNEIGH)
		r = put(s, fd, q, NTF_PROXY);
	close(fd);
	return r;
}

static int ask_all(struct state *s)
{
	WB_CLEAN_BLOB table = {};
	int r = wb_files_host.read(
		wb_files_host.ctx, "/proc/thread-self/net/netlink", LARGEST, &table, NULL);

	for (size_t i = 0; r == 0 && i < N_QUESTIONS; i++)
		if (has_protocol((const char *)table.data, questions[i].protocol))
			r = ask(s, &questions[i]);
	return r;
}

/* ---- tables in /proc, sysctls, programs ---- */

static int add_tables(struct state *s)
{
	static const struct {
		const char *file, *what;
	} tables[] = {
		{"ip_tables_names", "tables of iptables"},
		{"ip6_tables_names", "tables of ip6tables"},
		{"arp_tables_names", "tables of arptables"},
		{"ip_vs", "virtual servers"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(tables) / sizeof(*tables); i++) {
		WB_CLEAN_BLOB b = {};
		char path[64];

		snprintf(path, sizeof(path), "/proc/thread-self/net/%s", tables[i].file);
		if (wb_files_host.read(wb_files_host.ctx, path, LARGEST, &b, NULL) == 0 && b.size)
			r = add(s, tables[i].what, (const char *)b.data);
	}
	return r;
}

/* Counters, what the kernel draws by lot, and old names of which it complains when they are read. */
static bool varies(const char *name)
{
	static const char *const names[] = {"nf_conntrack_count", "tcp_fastopen_key",
		"stable_secret", "flush", "base_reachable_time", "retrans_time"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int add_sysctl(struct state *s, int dir, const char *path, const char *name)
{
	WB_CLEAN_STR what = wb_strf("%s/%s", path, name);
	int fd = varies(name) ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
	char value[512];
	ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);

	if (fd >= 0)
		close(fd);
	if (!what)
		return -ENOMEM;
	/* A setting that has no value yet cannot be read. */
	if (n <= 0)
		return 0;
	value[n - (value[n - 1] == '\n')] = 0;
	return add(s, what, value);
}

static int add_sysctls(struct state *s, int at, const char *name, const char *path, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (r == 0 && (d = readdir(dir))) {
		if (*d->d_name == '.')
			continue;
		if (d->d_type == DT_DIR && depth < DEEPEST) {
			WB_CLEAN_STR below = wb_strf("%s/%s", path, d->d_name);

			r = below ? add_sysctls(s, fd, d->d_name, below, depth + 1) : -ENOMEM;
		} else if (d->d_type == DT_REG) {
			r = add_sysctl(s, fd, path, d->d_name);
		}
	}
	closedir(dir);
	return r;
}

/* Programs that root has attached to the namespace itself. */
static int add_programs(struct state *s)
{
	static const int kinds[] = {BPF_FLOW_DISSECTOR, BPF_SK_LOOKUP};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;
	int own = sock < 0 ? -1 : ioctl(sock, SIOCGSKNS);

	for (size_t i = 0; r == 0 && own >= 0 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		union bpf_attr a = {
			.query = {.target_fd = (uint32_t)own, .attach_type = (uint32_t)kinds[i]}};

		if (syscall(SYS_bpf, BPF_PROG_QUERY, &a, sizeof(a)) == 0 && a.query.prog_cnt)
			r = add(s, "programs of BPF", "");
	}
	if (own >= 0)
		close(own);
	if (sock >= 0)
		close(sock);
	return r;
}

static int look_around(void *arg)
{
	struct state *s = arg;
	int r = ask_all(s);

	if (r == 0)
		r = add_tables(s);
	if (r == 0)
		r = add_programs(s);
	if (r == 0)
		r = add_sysctls(s, AT_FDCWD, "/proc/sys/net", "net", 0);
	wb_strv_sort(&s->facts);
	return r;
}

/* As systemd does it, for PrivateNetwork=. */
static int bring_up(void *arg)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -errno : 0;
	close(fd);
	return r < 0 ? r : look_around(arg);
}

/* ---- the comparison ---- */

/* Is the fact that ends here about the same thing as that which begins here? */
static bool is_about(const char *fact, const char *other)
{
	size_t n = strcspn(fact, "\t");

	return other && !strncmp(fact, other, n + 1);
}

/* A sysctl "net/core/x" is told with its dots, and both values. */
static int tell(const char *here, const char *fresh, struct wb_strv *ret)
{
	const char *what = here ? here : fresh;
	WB_CLEAN_STR name = strndup(what, strcspn(what, "\t"));
	WB_CLEAN_STR text = NULL;

	if (!name)
		return -ENOMEM;
	if (strncmp(name, "net/", 4)) {
		text = wb_strf("its network namespace has other %s than a new one has", name);
	} else {
		for (char *p = name; *p; p++)
			*p = *p == '/' ? '.' : *p;
		text = wb_strf("its network namespace has %s=%s, and a new one has %s", name,
			here ? strchr(here, '\t') + 1 : "no such setting",
			fresh ? strchr(fresh, '\t') + 1 : "none");
	}
	return text ? wb_strv_add_once(ret, text) : -ENOMEM;
}

/* Both lists are sorted. */
static int compare(const struct wb_strv *here, const struct wb_strv *fresh, struct wb_strv *ret)
{
	size_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < here->n || k < fresh->n)) {
		const char *a = i < here->n ? here->items[i] : NULL;
		const char *b = k < fresh->n ? fresh->items[k] : NULL;
		int c = !a ? 1 : !b ? -1 : strcmp(a, b);

		bool both = a && is_about(a, b);

		if (c)
			r = tell(both || c < 0 ? a : NULL, both || c > 0 ? b : NULL, ret);
		i += both || c <= 0;
		k += both || c >= 0;
	}
	return r;
}

int wb_net_private_differs(int net_ns, struct wb_strv *ret)
{
	struct state here = {}, fresh = {};
	int r = wb_inside(net_ns, look_around, &here);

	if (r == 0)
		r = wb_inside(WB_INSIDE_NEW, bring_up, &fresh);
	if (r == 0)
		r = compare(&here.facts, &fresh.facts, ret);
	wb_strv_deinit(&here.facts);
	wb_strv_deinit(&fresh.facts);
	return r;
}
