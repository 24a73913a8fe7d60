/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service as /proc and systemd tell of it, for the tests of what a preflight says. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "fake-files.h"
#include "fake-ns.h"
#include "keep/judge.h"

/* A sandboxed service with a client: what /proc says of memcached under Debian 13, shortened. */
#define STATUS                                                                      \
	"Name:\tmemcached\nTracerPid:\t0\nVmRSS:\t    2048 kB\nVmSwap:\t 1024 kB\n" \
	"Threads:\t10\nUid:\t107\t107\t107\t107\nCapInh:\t0000000000000000\n"       \
	"CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"                    \
	"CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"    \
	"Seccomp:\t2\nSeccomp_filters:\t16\n"
#define MOUNTS                                                         \
	"300 299 254:2 / / ro,relatime shared:1 - ext4 /dev/vda2 rw\n" \
	"301 300 0:40 / /dev ro,nosuid - tmpfs tmpfs rw\n"             \
	"302 300 0:23 / /run rw - tmpfs tmpfs rw\n"
#define MAPS                                                                            \
	"55d0-55d1 r-xp 00000000 fe:02 1234                       /usr/bin/memcached\n" \
	"7f00-7f01 rw-p 00000000 00:00 0 \n"                                            \
	"7f02-7f03 r--s 00000000 00:2f 77                         [heap]\n"
#define INFO(mnt, ino) "pos:\t0\nflags:\t02\nmnt_id:\t" mnt "\nino:\t" ino "\n"
#define TCP_HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
#define TCP                                                                                \
	TCP_HEAD                                                                           \
	"   0: 0100007F:2BCB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   "   \
	"100        0 2534 1 0000000000000000 100 0 0 10 0\n"                              \
	"   1: 0100007F:2BCB 0100007F:BBEC 01 00000000:00000000 00:00000000 00000000   "   \
	"100        0 2600 1 0000000000000000 20 4 30 10 -1\n"                             \
	"   2: 0100007F:BBEC 0100007F:2BCB 01 00000000:00000000 00:00000000 00000000     " \
	"0        0 2601 1 0000000000000000 20 4 30 10 -1\n"
#define UNIX_HEAD "Num       RefCount Protocol Flags    Type St Inode Path\n"
#define UNIX                                                         \
	UNIX_HEAD "0000: 00000003 00000000 00000000 0001 03  2503\n" \
		  "0000: 00000003 00000000 00000000 0001 03  2504 /run/systemd/journal/stdout\n"

#define NS(pid, mnt)                                                             \
	{"/proc/" pid "/ns/mnt", .link = "mnt:[" mnt "]"},                       \
		{"/proc/" pid "/ns/pid", .link = "pid:[4026531836]"},            \
		{"/proc/" pid "/ns/net", .link = "net:[4026531840]"},            \
		{"/proc/" pid "/ns/user", .link = "user:[4026531837]"},          \
		{"/proc/" pid "/uid_map", "         0          0 4294967295\n"}, \
	{                                                                        \
		"/proc/" pid "/gid_map", "         0          0 4294967295\n"    \
	}

#define INIT                                                                      \
	{"/proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 1 2"},                 \
		{"/proc/1/status", "Name:\tsystemd\nThreads:\t1\n"},              \
		{"/proc/1/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n"}, \
		{"/proc/1/maps", ""}, {"/proc/1/fd/0", .link = "/dev/null"}, NS("1", "4026531841")

#define MEMCACHED                                                                                 \
	{"/sys/fs/cgroup/system.slice/memcached.service/cgroup.procs", "452\n"},                  \
		{"/proc/452/stat", "452 (mem (x) cached) S 1 452 452 0 -1 4194560"},              \
		{"/proc/452/status", STATUS}, {"/proc/452/mountinfo", MOUNTS},                    \
		{"/proc/452/exe", .link = "/usr/bin/memcached"},                                  \
		{"/proc/452/fd/0", .link = "/dev/null"}, {"/proc/452/fdinfo/0", INFO("26", "4")}, \
		{"/proc/452/fd/1", .link = "socket:[2503]"},                                      \
		{"/proc/452/fdinfo/1", INFO("9", "2503")},                                        \
		{"/proc/452/fd/2", .link = "socket:[2503]"},                                      \
		{"/proc/452/fdinfo/2", INFO("9", "2503")},                                        \
		{"/proc/452/fd/3", .link = "anon_inode:[eventpoll]"},                             \
		{"/proc/452/fdinfo/3", INFO("15", "1058")},                                       \
		{"/proc/452/fd/26", .link = "socket:[2534]"},                                     \
		{"/proc/452/fd/27", .link = "socket:[2600]"},                                     \
		{"/proc/452/fd/28", .link = "/run/memcached/notes"},                              \
		{"/proc/452/fdinfo/28", INFO("302", "99")}, {"/proc/452/net/tcp", TCP},           \
		{"/proc/452/net/unix", UNIX}, NS("452", "4026532200"),                            \
		{"/proc/sys/kernel/osrelease", "6.12.1\n"},                                       \
		{"/usr/lib/modules/6.12.1/modules.builtin", ""}, INIT

#define MODULES                                                               \
	"kernel/net/netfilter/nf_tables.ko.xz: kernel/lib/libcrc32c.ko.xz\n"  \
	"kernel/net/ipv4/inet_diag.ko.xz:\nkernel/net/ipv4/tcp_diag.ko.xz:\n" \
	"kernel/net/ipv4/udp_diag.ko.xz:\nkernel/net/unix/unix_diag.ko:\n"    \
	"kernel/net/netlink/netlink_diag.ko:\nkernel/net/packet/af_packet_diag.ko.zst:\n"
#define ALL_MODULES                                            \
	{                                                      \
		"/usr/lib/modules/6.12.1/modules.dep", MODULES \
	}

static inline struct wb_service service_of(const char *cgroup, uint32_t pid)
{
	return (struct wb_service){
		.id = strdup("memcached.service"),
		.load = strdup("loaded"),
		.active = strdup("active"),
		.type = strdup("simple"),
		.cgroup = strdup(cgroup),
		.main_pid = pid,
	};
}

static inline int fake_read(
	void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	void (*change)(struct wb_service * s) = ctx;

	*ret = service_of("/system.slice/memcached.service", 452);
	if (strstr(name, ".socket")) {
		free(ret->id);
		ret->id = strdup(name);
	}
	if (change)
		change(ret);
	return 0;
}

/* Everybody is in the machine's namespaces. */
static struct fake_ns trusted = {.cgroup = "0::/system.slice/memcached.service\n"};

/* Mark all open files as the machine's own, not the sandbox's: their names then mean what they say. */
static inline void all_are_the_machines(struct wb_procs *procs,
	const struct wb_unit_texts *definition, const struct wb_ns_ops *machine)
{
	for (size_t i = 0; i < procs->n; i++)
		for (size_t k = 0; k < procs->items[i].fds.n; k++) {
			procs->items[i].fds.items[k].machines = true;
			procs->items[i].fds.items[k].identity.inode = 7;
		}
}

/* Look at the service as `disk` shows it and `change` has it. */
static inline int look_at(const struct fake_file *disk, void (*change)(struct wb_service *s),
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);
	struct wb_services services = {(void *)change, fake_read};
	const struct wb_ns_ops ns = fake_ns_ops(&trusted);
	const struct wb_keep_look look = {.files = &files,
		.units = &services,
		.namespaces = &ns,
		.find_externals = all_are_the_machines,
		.criu = "4.1.1"};

	return wb_keep_look(NULL, &look, "memcached.service", config, ret, err);
}

static inline bool mentions(const struct wb_strv *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++)
		if (strstr(v->items[i], text))
			return true;
	return false;
}
