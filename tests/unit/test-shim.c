// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library that CRIU loads: its parts, and a task whose first executable mapping is shared, which is traced as CRIU
 * does it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criu/hook.h"
#include "shim/shim.h"

static size_t (*add_window)(const struct tcp_repair_opt *, size_t, struct tcp_repair_opt *);
static int (*ask_udp)(const void *, size_t, struct wb_shim_question *);
static void (*parse_maps)(struct wb_shim_maps *, const char *, size_t);
static size_t (*point)(
	unsigned long *, const unsigned long *, size_t, unsigned long, unsigned long);
static long (*trace)(int, ...);
static ssize_t (*send_message)(int, const struct msghdr *, int);
static int (*run_nft)(void *, const char *);
static int (*get_option)(int, int, int, void *, socklen_t *);
static int (*set_option)(int, int, int, const void *, socklen_t);
static int (*find_name)(const char *, const char *, size_t, struct wb_shim_name *);
static int (*bind_socket)(int, const struct sockaddr *, socklen_t);

static void *(*map_memory)(void *, size_t, int, int, int, off_t);

/* vm.overcommit_memory=2 */
static bool is_strict(void)
{
	FILE *f = fopen("/proc/sys/vm/overcommit_memory", "re");
	int mode = 0, n = f ? fscanf(f, "%d", &mode) : 0;

	if (f)
		fclose(f);
	return n == 1 && mode == 2;
}

static void find(void *lib, const char *name, void *ret)
{
	void *f = dlsym(lib, name);

	assert_non_null(f);
	memcpy(ret, &f, sizeof(f));
}

static int (*same_address)(const struct sockaddr *, socklen_t, const struct sockaddr *, socklen_t);
static int (*listen_on)(int, int);
static int (*remove_file)(int, const char *, int);
static int (*change_owner)(int, const char *, uid_t, gid_t, int);
static int (*change_mode)(int, const char *, mode_t, int);
static int (*look_at_file)(int, const char *, struct stat *, int);
static ssize_t (*receive)(int, struct msghdr *, int);
static int (*is_unix_question)(const void *, size_t);
static int (*find_end)(const void *, size_t, size_t *);
static int (*open_socket)(int, int, int);

static int load(void **state)
{
	void *lib = dlopen(SHIM, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		fail_msg("%s", dlerror());
	find(lib, "wb_shim_add_window", &add_window);
	find(lib, "wb_shim_ask_udp", &ask_udp);
	find(lib, "wb_shim_read_maps", &parse_maps);
	find(lib, "wb_shim_point", &point);
	find(lib, "ptrace", &trace);
	find(lib, "sendmsg", &send_message);
	find(lib, "nft_run_cmd_from_buffer", &run_nft);
	find(lib, "getsockopt", &get_option);
	find(lib, "setsockopt", &set_option);
	find(lib, "wb_shim_find_name", &find_name);
	find(lib, "bind", &bind_socket);
	find(lib, "mmap", &map_memory);
	find(lib, "wb_shim_same_address", &same_address);
	find(lib, "listen", &listen_on);
	find(lib, "unlinkat", &remove_file);
	find(lib, "wb_shim_is_unix_question", &is_unix_question);
	find(lib, "wb_shim_find_end", &find_end);
	find(lib, "fchownat", &change_owner);
	find(lib, "fchmodat", &change_mode);
	find(lib, "fstatat", &look_at_file);
	find(lib, "recvmsg", &receive);
	find(lib, "socket", &open_socket);
	return 0;
}

/* ---- sockets ---- */

static void second_names(void **state)
{
	static const char table[] = "0\n/run/a.1\n/run/a\n107\n/run/b.tmp\n/run/b\n";
	struct wb_shim_name found = {};

	assert_int_equal(find_name(table, "/run/b.tmp", 10, &found), 1);
	assert_int_equal(found.owner, 107);
	assert_int_equal(found.n, 6);
	assert_memory_equal(found.now, "/run/b", 6);
	/* sun_path may be longer than the name in it. */
	assert_int_equal(find_name(table, "/run/a.1\0x", 10, &found), 1);
	assert_int_equal(found.owner, 0);
	assert_int_equal(find_name(table, "/run/a.", 7, &found), 0);
	assert_int_equal(find_name(table, "/run/a", 6, &found), 0);
	assert_int_equal(find_name("0\n/run/a.1", "/run/a.1", 8, &found), 0);
	assert_int_equal(find_name("", "", 0, &found), 0);
}

static void bind_at(const char *path, const char *want_second)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat first, second;

	strcpy(a.sun_path, path);
	assert_int_equal(bind_socket(fd, (struct sockaddr *)&a, sizeof(a)), want_second ? 0 : -1);
	close(fd);
	if (!want_second)
		return;
	assert_int_equal(stat(path, &first), 0);
	assert_int_equal(stat(want_second, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
}

/* An older socket is replaced, if it is the same user's. Nothing else is. */
static void a_second_name_is_given(void **state)
{
	char dir[] = "/tmp/wb-test.XXXXXX", first[64], second[64], table[256];

	assert_non_null(mkdtemp(dir));
	snprintf(first, sizeof(first), "%s/a.1", dir);
	snprintf(second, sizeof(second), "%s/a", dir);
	snprintf(table, sizeof(table), "%u\n%s\n%s\n", getuid(), first, second);
	setenv(WB_HOOK_NAMES, table, 1);
	bind_at(first, second);
	unlink(first);
	bind_at(first, second);
	unlink(first);
	snprintf(table, sizeof(table), "%u\n%s\n%s\n", getuid() + 1, first, second);
	setenv(WB_HOOK_NAMES, table, 1);
	bind_at(first, NULL);
	unlink(first);
	unlink(second);
	snprintf(table, sizeof(table), "%u\n%s\n%s\n", getuid(), first, second);
	setenv(WB_HOOK_NAMES, table, 1);
	assert_int_equal(mkdir(second, 0700), 0);
	bind_at(first, NULL);
	unlink(first);
	assert_int_equal(rmdir(second), 0);
	unsetenv(WB_HOOK_NAMES);
	assert_int_equal(rmdir(dir), 0);
}

static void test_window(void **state)
{
	/* As libsoccr sets them: SACK, window, timestamps, MSS (soccr/soccr.c). */
	const struct tcp_repair_opt scaled[] = {
		{TCPOPT_SACK_PERMITTED, 0}, {TCPOPT_WINDOW, 7 | 7 << 16}, {TCPOPT_MAXSEG, 1460}};
	const struct tcp_repair_opt plain[] = {{TCPOPT_SACK_PERMITTED, 0}, {TCPOPT_MAXSEG, 1460}};
	struct tcp_repair_opt out[8];

	assert_int_equal(add_window(scaled, 3, out), 0);
	assert_int_equal(add_window(plain, 2, out), 3);
	assert_memory_equal(out, plain, sizeof(plain));
	assert_int_equal(out[2].opt_code, TCPOPT_WINDOW);
	assert_int_equal(out[2].opt_val, 0);
	assert_int_equal(add_window(NULL, 0, out), 1);
}

static struct wb_shim_question question(int family, int protocol)
{
	return (struct wb_shim_question){.head = {.nlmsg_len = 100,
						 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
						 .nlmsg_seq = 24680,
						 .nlmsg_flags = NLM_F_DUMP | NLM_F_REQUEST},
		.ask = {.sdiag_family = (uint8_t)family,
			.sdiag_protocol = (uint8_t)protocol,
			.idiag_states = UINT32_MAX}};
}

static void test_udp_lite(void **state)
{
	struct {
		struct wb_shim_question q;
		char rest[28];
	} m = {.q = question(AF_INET6, IPPROTO_UDPLITE)};
	struct wb_shim_question got;

	assert_int_equal(ask_udp(&m, sizeof(m), &got), 1);
	assert_int_equal(got.ask.sdiag_family, AF_INET6);
	assert_int_equal(got.ask.sdiag_protocol, IPPROTO_UDP);
	assert_int_equal(got.ask.idiag_states, 0);
	assert_int_equal(got.head.nlmsg_seq, 24680);
	assert_int_equal(got.head.nlmsg_flags, NLM_F_DUMP | NLM_F_REQUEST);
	assert_int_equal(got.head.nlmsg_len, sizeof(got));
	/* CRIU goes on with its own. */
	assert_int_equal(m.q.ask.sdiag_protocol, IPPROTO_UDPLITE);
	assert_int_equal(ask_udp(&m, sizeof(got) - 1, &got), 0);
	assert_int_equal(ask_udp(&m, 4096, &got), 0);
	m.q = question(AF_INET, IPPROTO_UDP);
	assert_int_equal(ask_udp(&m, sizeof(m), &got), 0);
	m.q = question(AF_UNIX, IPPROTO_UDPLITE);
	assert_int_equal(ask_udp(&m, sizeof(m), &got), 0);
	m.q = question(AF_INET, IPPROTO_UDPLITE);
	m.q.head.nlmsg_type++;
	assert_int_equal(ask_udp(&m, sizeof(m), &got), 0);
}

/* A message that only looks like such a question stays as it is. */
static void test_other_messages(void **state)
{
	struct wb_shim_question q = question(AF_INET, IPPROTO_UDPLITE), got;
	struct iovec iov = {&q, sizeof(q)};
	const struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(send_message(pair[0], &m, 0), sizeof(q));
	assert_int_equal(read(pair[1], &got, sizeof(got)), sizeof(got));
	assert_memory_equal(&got, &q, sizeof(q));
	close(pair[0]);
	close(pair[1]);
}

/* Without the packet hold the command goes to libnftables, which this program does not have. */
static void test_rules_of_criu(void **state)
{
	int status;
	pid_t pid;

	assert_int_equal(run_nft(NULL, "create table inet CRIU-451"), -1);
	assert_int_equal(setenv(WB_HOOK_HELD, "1", 1), 0);
	assert_int_equal(run_nft(NULL, "create table inet CRIU-451"), 0);
	pid = fork();
	if (pid == 0)
		_exit(run_nft(NULL, "create table inet CRIU") == -1 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unsetenv(WB_HOOK_HELD);
}

/* The kernel is not asked for such a socket then: it would run modprobe four times. */
static void test_known_without_udp_lite(void **state)
{
	struct wb_shim_question q = question(AF_INET, IPPROTO_UDPLITE), got = {};
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct iovec iov = {&q, sizeof(q)};
	const struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	int from = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	int at = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	socklen_t size = sizeof(to);

	assert_int_equal(bind(at, (void *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(at, (void *)&to, &size), 0);
	assert_int_equal(setenv(WB_HOOK_NO_UDP_LITE, "1", 1), 0);
	assert_int_equal(send_message(from, &m, 0), sizeof(q));
	unsetenv(WB_HOOK_NO_UDP_LITE);
	assert_int_equal(read(at, &got, sizeof(got)), sizeof(got));
	assert_int_equal(got.ask.sdiag_protocol, IPPROTO_UDP);
	assert_int_equal(got.ask.idiag_states, 0);
	close(from);
	close(at);
}

/*
 * Root asks for a change of the loopback that changes nothing, through a socket of another opener: the kernel's answer.
 * 1: there is none.
 */
static int ask_for_a_change(int fd)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} m = {.head = {.nlmsg_len = sizeof(m),
		       .nlmsg_type = RTM_NEWLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.link = {.ifi_index = (int)if_nametoindex("lo")}};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} answer = {};

	if (fd < 0 || send(fd, &m, sizeof(m), 0) != sizeof(m) ||
		recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.head) + 4)
		return 1;
	return answer.error.error;
}

/* A task that CRIU makes opens a netlink socket with the rights that it will have; CRIU keeps its own. */
static void test_rights_of_netlink(void **state)
{
	static const struct {
		const char *rights;
		int want;
	} cases[] = {{"0", -EPERM}, {"1000", 0}, {"ffffffffffffffff", 0}, {NULL, 0}};
	int fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), status;

	if (ask_for_a_change(fd))
		skip();
	close(fd);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pid_t child;

		unsetenv(WB_HOOK_NETLINK);
		if (cases[i].rights)
			setenv(WB_HOOK_NETLINK, cases[i].rights, 1);
		/* CRIU itself. */
		fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
		assert_int_equal(ask_for_a_change(fd), 0);
		close(fd);
		child = fork();
		if (child == 0) {
			fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
			/* Its own rights are what they were. */
			_exit(ask_for_a_change(fd) != cases[i].want ||
				ask_for_a_change((int)syscall(
					SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	unsetenv(WB_HOOK_NETLINK);
	fd = open_socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	close(fd);
}

static void test_options(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = -1, one = 1;
	socklen_t size = sizeof(value);

	assert_int_equal(get_option(fd, SOL_SOCKET, SO_PASSCRED, &value, &size), 0);
	assert_int_equal(value, 0);
	assert_int_equal(set_option(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)), 0);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
	assert_int_equal(value, 1);
	/* Whether the kernel lets it be set or not. */
	assert_int_equal(set_option(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	/* An error of the kernel stays one. */
	assert_int_equal(set_option(fd, SOL_SOCKET, 12345, &one, sizeof(one)), -1);
	assert_int_equal(errno, ENOPROTOOPT);
	close(fd);
}

/* ---- sockets that systemd has bound ---- */

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memcpy(a.sun_path, path, strlen(path));
	return a;
}

#define AS(a) (const struct sockaddr *)(a)

static void test_addresses(void **state)
{
	const struct sockaddr_in four = {AF_INET, htons(80), {htonl(INADDR_LOOPBACK)}, {}},
				 port = {AF_INET, htons(81), {htonl(INADDR_LOOPBACK)}, {}};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)}, link = six;
	const struct sockaddr_un path = named("/run/x"), longer = named("/run/xy");
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0ab"};
	const socklen_t head = offsetof(struct sockaddr_un, sun_path);

	assert_true(same_address(AS(&four), sizeof(four), AS(&four), sizeof(four)));
	assert_false(same_address(AS(&four), sizeof(four), AS(&port), sizeof(port)));
	assert_false(same_address(AS(&four), sizeof(four), AS(&four), 4));
	assert_false(same_address(AS(&four), sizeof(four), AS(&six), sizeof(six)));
	link.sin6_scope_id = 4;
	assert_true(same_address(AS(&six), sizeof(six), AS(&link), sizeof(link)));
	link.sin6_addr.s6_addr[15] = 1;
	assert_false(same_address(AS(&six), sizeof(six), AS(&link), sizeof(link)));
	/* With the zero byte or without. */
	assert_true(same_address(AS(&path), head + 6, AS(&path), head + 7));
	assert_false(same_address(AS(&path), head + 6, AS(&longer), head + 7));
	assert_true(same_address(AS(&name), head + 3, AS(&name), head + 3));
	assert_false(same_address(AS(&name), head + 3, AS(&name), head + 4));
	assert_false(same_address(AS(&name), head, AS(&name), head));
}

static ino_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* In a child, as CRIU's tasks are: hand over `fd`. False: the kernel or the sandbox has no pidfd_getfd(2). */
static bool hand_over(int fd)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0), copy;
	char list[64];

	copy = self < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, self, fd, 0);
	snprintf(list, sizeof(list), "%d:9999,%d", (int)getpid(), fd);
	setenv("WARMBOOT_SOCKETS", list, 1);
	close(self);
	close(copy);
	return copy >= 0;
}

static void test_handed_tcp(void **state)
{
	struct sockaddr_in a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
	int bound = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0),
	    datagrams = socket(AF_INET, SOCK_DGRAM, 0), value = 0;
	socklen_t n = sizeof(a), size = sizeof(value);

	assert_int_equal(bind(bound, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(bound, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(listen(bound, 7), 0);
	if (!hand_over(bound))
		skip();
	/* The same address, and another kind of socket. */
	assert_int_equal(bind_socket(datagrams, AS(&a), n), 0);
	assert_int_not_equal(inode_of(datagrams), inode_of(bound));
	fcntl(other, F_SETFD, FD_CLOEXEC);
	assert_int_equal(bind_socket(other, AS(&a), n), 0);
	assert_int_equal(inode_of(other), inode_of(bound));
	assert_int_equal(fcntl(other, F_GETFD), FD_CLOEXEC);
	/* CRIU takes them away where they were not set. */
	assert_int_equal(getsockopt(bound, SOL_SOCKET, SO_REUSEPORT, &value, &size), 0);
	assert_int_equal(value, 1);
	assert_int_equal(listen_on(other, 3), 0);
	unsetenv("WARMBOOT_SOCKETS");
	close(other);
	other = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind_socket(other, AS(&a), n), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(other);
	close(bound);
	close(datagrams);
}

/* Under a path that leads elsewhere by now: what is done, is done to the socket's own file. */
static void test_handed_unix(void **state)
{
	char dir[] = "/tmp/warmboot-shim-XXXXXX", path[64], moved[64];
	int bound = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(moved, sizeof(moved), "%s/moved", dir);
	a = named(path);
	assert_int_equal(bind(bound, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(bound, 7), 0);
	if (!hand_over(bound) || geteuid())
		skip();
	assert_int_equal(bind_socket(other, AS(&a), sizeof(a)), 0);
	assert_int_equal(inode_of(other), inode_of(bound));
	assert_int_equal(listen_on(other, 3), 0);
	assert_int_equal(remove_file(AT_FDCWD, path, 0), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(change_owner(AT_FDCWD, path, 7, 8, 0), 0);
	assert_int_equal(change_mode(AT_FDCWD, path, 0612, 0), 0);
	assert_int_equal(look_at_file(AT_FDCWD, path, &st, 0), 0);
	assert_true(st.st_uid == 7 && st.st_gid == 8 && st.st_mode == (S_IFSOCK | 0612));
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_true(st.st_uid == 0 && (st.st_mode & 0777) != 0612);
	/* Other files are as they are. */
	assert_int_equal(change_mode(AT_FDCWD, moved, 0600, 0), 0);
	assert_int_equal(look_at_file(AT_FDCWD, moved, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	unsetenv("WARMBOOT_SOCKETS");
	assert_int_equal(remove_file(AT_FDCWD, path, 0), 0);
	assert_int_equal(remove_file(AT_FDCWD, moved, 0), 0);
	rmdir(dir);
	close(other);
	close(bound);
}

/* CRIU changes owner and mode right after bind(2): it is the socket's file, whatever has its name by then. */
static void the_socket_that_was_bound_last(void **state)
{
	char dir[] = "/tmp/warmboot-shim-XXXXXX", path[64], moved[64];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a;
	struct stat st;

	if (geteuid())
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(moved, sizeof(moved), "%s/moved", dir);
	a = named(path);
	assert_int_equal(bind_socket(fd, AS(&a), sizeof(a)), 0);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(change_owner(AT_FDCWD, path, 7, 8, 0), 0);
	assert_int_equal(change_mode(AT_FDCWD, path, 0612, 0), 0);
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_true(st.st_uid == 0 && (st.st_mode & 0777) != 0612);
	assert_int_equal(stat(moved, &st), 0);
	assert_true(st.st_uid == 7 && st.st_gid == 8 && st.st_mode == (S_IFSOCK | 0612));
	assert_int_equal(remove_file(AT_FDCWD, path, 0), 0);
	assert_int_equal(remove_file(AT_FDCWD, moved, 0), 0);
	rmdir(dir);
	close(fd);
}

/* An address that the machine does not have yet. */
static void an_address_that_comes_later(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET}, is = {};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = -1;
	socklen_t n = sizeof(is), size = sizeof(on);

	a.sin_addr.s_addr = htonl(0xc0000207); /* 192.0.2.7, which nobody has */
	assert_int_equal(bind_socket(fd, AS(&a), sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&is, &n), 0);
	assert_int_equal(is.sin_addr.s_addr, a.sin_addr.s_addr);
	assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, &size), 0);
	assert_int_equal(on, 0);
	close(fd);
}

/* More than any machine has; the kernel counts writable memory unless it never says no. */
static void more_addresses_than_memory(void **state)
{
	const size_t size = 1ull << 45;
	void *p =
		map_memory(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED && is_strict())
		skip();
	assert_true(p != MAP_FAILED);
	munmap(p, size);
}

static void test_unread(void **state)
{
	int pair[2], other[2];
	char text[8], list[64];
	struct iovec iov = {text, sizeof(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, other), 0);
	assert_int_equal(write(pair[0], "abc", 3), 3);
	assert_int_equal(write(other[0], "abcd", 4), 4);
	snprintf(list, sizeof(list), "1,%llu", (unsigned long long)inode_of(pair[1]));
	setenv("WARMBOOT_UNREAD", list, 1);
	assert_int_equal(receive(pair[1], &m, MSG_PEEK | MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(receive(other[1], &m, MSG_PEEK | MSG_DONTWAIT), 4);
	/* CRIU's own messages are received. */
	assert_int_equal(receive(pair[1], &m, 0), 3);
	unsetenv("WARMBOOT_UNREAD");
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(other[i]);
	}
}

/* ---- mappings ---- */

static const char php[] = "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
			  "7f0012340000-7f0012350000 r-xs 00000000 00:01 5   /dev/zero (deleted)\n"
			  "7f0022340000-7f0022350000 --xp 00000000 00:00 0 \n"
			  "7f0032340000-7f0032350000 r-xp 00000000 fe:00 7  /usr/lib/x-y xp.so\n"
			  "7f0042340000-7f0042350000 r-xp 00000000 fe:00 8  /usr/lib/z.so\n";

static void test_maps(void **state)
{
	struct wb_shim_maps m;

	/* The kernel gives them in pieces that end anywhere. */
	for (size_t piece = 1; piece < sizeof(php); piece++) {
		m = (struct wb_shim_maps){};
		for (size_t i = 0; i < sizeof(php) - 1; i += piece)
			parse_maps(&m, php + i,
				sizeof(php) - 1 - i < piece ? sizeof(php) - 1 - i : piece);
		assert_int_equal(m.first, 0x7f0012340000);
		assert_true(m.shared);
		assert_int_equal(m.usable, 0x7f0032340000);
	}
	m = (struct wb_shim_maps){};
	parse_maps(&m, "400000-500000 r-xp 0 fe:00 7 /a\n7000-8000 r-xs 0 fe:00 7 /b\n", 60);
	assert_int_equal(m.first, 0x400000);
	assert_false(m.shared);
}

static void test_point(void **state)
{
	unsigned long w[] = {
		0, 0x7000, 0x7000 + WB_SHIM_WINDOW - 1, 0x7000 + WB_SHIM_WINDOW, 0x6fff, ~0ul};
	const unsigned long moved[] = {
		0, 0x3000, 0x3000 + WB_SHIM_WINDOW - 1, 0x7000 + WB_SHIM_WINDOW, 0x6fff, ~0ul};

	const unsigned long own[] = {0, 0x7001, 0x7000 + WB_SHIM_WINDOW - 1, 0, 0, 0};

	assert_int_equal(point(w, own, 6, 0x7000, 0x3000), 1);
	assert_int_equal(w[1], 0x3000);
	assert_int_equal(w[2], own[2]);
	assert_int_equal(point(w, NULL, 6, 0x7000, 0x3000), 1);
	assert_memory_equal(w, moved, sizeof(w));
}

/* ---- a traced task ---- */

/* Above 4 GiB, and below all that a program has mapped. */
#define LOW 0x110000000ul

static bool map_low(void)
{
	char *low = mmap((void *)LOW, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (low == MAP_FAILED)
		return false;
	memset(low, 0x55, 4096);
	mprotect(low, 4096, PROT_READ | PROT_EXEC);
	return true;
}

/* A child that has stopped, with a pointer to the mapping in several registers. */
static pid_t start(void)
{
	pid_t pid;

	/* Sanitizers have memory of their own there. */
	if (!map_low())
		skip();
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		syscall(SYS_kill, getpid(), SIGSTOP, LOW, LOW, LOW + 8, LOW + 8);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap((void *)LOW, 4096);
}

static size_t registers(pid_t pid, unsigned long *words)
{
	struct iovec iov = {words, WB_SHIM_WORDS * sizeof(*words)};

	assert_int_equal(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov), 0);
	return iov.iov_len / sizeof(*words);
}

static void set_registers(pid_t pid, unsigned long *words, size_t n)
{
	struct iovec iov = {words, n * sizeof(*words)};

	assert_int_equal(trace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov), 0);
}

/* The first mapping that CRIU's bytes may be moved to. */
static unsigned long usable_of(pid_t pid)
{
	struct wb_shim_maps m = {};
	char path[32], text[1 << 16];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "r");
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	parse_maps(&m, text, n);
	return m.usable;
}

static void test_shared_text(void **state)
{
	unsigned long before[WB_SHIM_WORDS], words[WB_SHIM_WORDS], usable, old, real;
	const unsigned long mine = 0x1122334455667788;
	size_t n, at = 0;
	pid_t pid = start();

	usable = usable_of(pid);
	assert_true(usable);
	/* The real call fails, which is the reason for all of this. */
	assert_int_equal(ptrace(PTRACE_POKEDATA, pid, LOW, mine), -1);
	assert_int_equal(errno, EIO);
	errno = 0;
	real = (unsigned long)ptrace(PTRACE_PEEKDATA, pid, usable + 8, NULL);
	old = (unsigned long)trace(PTRACE_PEEKDATA, pid, LOW + 8, NULL);
	assert_int_equal(errno, 0);
	assert_int_equal(old, real);
	assert_int_equal(trace(PTRACE_POKEDATA, pid, LOW + 8, mine), 0);
	assert_int_equal(ptrace(PTRACE_PEEKDATA, pid, usable + 8, NULL), mine);
	/* Beyond the window, and at other addresses, all is as always. */
	assert_int_equal(trace(PTRACE_PEEKDATA, pid, LOW + 512, NULL), 0x5555555555555555);
	assert_int_equal(trace(PTRACE_POKEDATA, pid, LOW + 8, old), 0);
	assert_int_equal(ptrace(PTRACE_PEEKDATA, pid, usable + 8, NULL), real);

	/* A register that is made to point there points to the other mapping; its own stay as they are. */
	n = registers(pid, before);
	memcpy(words, before, sizeof(words));
	assert_true(before[at] - LOW >= WB_SHIM_WINDOW);
	words[at] = LOW + 8;
	set_registers(pid, words, n);
	registers(pid, words);
	assert_int_equal(words[at], usable + 8);
	words[at] = before[at];
	assert_memory_equal(words, before, n * sizeof(*words));
	set_registers(pid, before, n);
	registers(pid, words);
	assert_memory_equal(words, before, n * sizeof(*words));
	end(pid);
}

/* A task that stands in these bytes could not be put back. */
static void test_stands_there(void **state)
{
	unsigned long words[WB_SHIM_WORDS];
	struct __ptrace_syscall_info info;
	size_t n, ip = 0;
	pid_t pid = start();

	n = registers(pid, words);
	assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
	while (ip < n && words[ip] != info.instruction_pointer)
		ip++;
	assert_true(ip < n);
	/* Some machines have it in the register of the return address, too. */
	for (size_t i = ip; i < n; i++)
		if (words[i] == info.instruction_pointer)
			words[i] = LOW + 16;
	set_registers(pid, words, n);
	assert_int_equal(trace(PTRACE_PEEKDATA, pid, LOW + 8, NULL), 0x5555555555555555);
	assert_int_equal(trace(PTRACE_POKEDATA, pid, LOW + 8, 1L), -1);
	assert_int_equal(errno, EIO);
	end(pid);
}

/* ---- sockets in two network namespaces ---- */

static void the_question_about_unix_sockets(void **state)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req ask;
	} m = {{sizeof(m), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNIX}};
	struct {
		struct nlmsghdr one, two, done;
		int error;
	} a = {{16, SOCK_DIAG_BY_FAMILY}, {16, SOCK_DIAG_BY_FAMILY}, {20, NLMSG_DONE}, 0};
	size_t before = 99;

	assert_true(is_unix_question(&m, sizeof(m)));
	assert_false(is_unix_question(&m, sizeof(m.head)));
	m.ask.sdiag_family = AF_INET;
	assert_false(is_unix_question(&m, sizeof(m)));
	m.ask.sdiag_family = AF_UNIX;
	m.head.nlmsg_flags = NLM_F_REQUEST;
	assert_false(is_unix_question(&m, sizeof(m)));

	assert_int_equal(find_end(&a, sizeof(a), &before), 1);
	assert_int_equal(before, 32);
	assert_int_equal(find_end(&a, 32, &before), 0);
	assert_int_equal(find_end(&a.done, 20, &before), 1);
	assert_int_equal(before, 0);
	a.error = -EINTR;
	assert_int_equal(find_end(&a, sizeof(a), &before), 0);
	a.error = 0;
	a.two.nlmsg_len = 0;
	assert_int_equal(find_end(&a, sizeof(a), &before), 0);
}

/* How many of these sockets does CRIU's question find? -1: it failed. */
static int count_found(int fd, const uint32_t *inodes, size_t n)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req ask;
	} q = {{sizeof(q), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 24680, 0},
		{.sdiag_family = AF_UNIX, .udiag_states = ~0u}};
	_Alignas(struct nlmsghdr) char buf[16384];
	struct iovec iov = {&q, sizeof(q)};
	const struct msghdr out = {.msg_iov = &iov, .msg_iovlen = 1};
	int found = 0;

	if (send_message(fd, &out, 0) != sizeof(q))
		return -1;
	for (;;) {
		struct msghdr in = {.msg_iov = &iov, .msg_iovlen = 1};
		const struct nlmsghdr *h = (void *)buf;
		ssize_t left;

		iov = (struct iovec){buf, sizeof(buf)};
		left = receive(fd, &in, 0);
		if (left <= 0)
			return -1;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			const struct unix_diag_msg *d = NLMSG_DATA(h);

			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				return h->nlmsg_type == NLMSG_DONE ? found : -1;
			for (size_t i = 0; i < n; i++)
				found += d->udiag_ino == inodes[i];
		}
	}
}

struct two {
	uint32_t inodes[2]; /* of a socket outside, and of one inside */
	int one, both, again;
};

static void *ask_inside(void *arg)
{
	struct two *t = arg;
	int fd, here;

	if (unshare(CLONE_NEWNET) < 0)
		return NULL;
	here = socket(AF_UNIX, SOCK_STREAM, 0);
	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	t->inodes[1] = (uint32_t)inode_of(here);
	t->one = count_found(fd, t->inodes + 1, 1);
	if (t->one == 1 && count_found(fd, t->inodes, 1) == 0) {
		setenv(WB_HOOK_OUTER, getenv("TEST_OUTER"), 1);
		t->both = count_found(fd, t->inodes, 2);
		t->again = count_found(fd, t->inodes, 2);
	}
	unsetenv(WB_HOOK_OUTER);
	close(fd);
	close(here);
	return NULL;
}

static void sockets_of_two_namespaces(void **state)
{
	int outer = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	int there = socket(AF_UNIX, SOCK_STREAM, 0);
	struct two t = {{(uint32_t)inode_of(there)}, -2};
	char number[16];
	pthread_t thread;

	snprintf(number, sizeof(number), "%d", outer);
	setenv("TEST_OUTER", number, 1);
	assert_int_equal(pthread_create(&thread, NULL, ask_inside, &t), 0);
	pthread_join(thread, NULL);
	close(outer);
	close(there);
	/* It may make no namespace, or the kernel does not tell of Unix sockets. */
	if (t.one < 0)
		skip();
	assert_int_equal(t.one, 1);
	assert_int_equal(t.both, 2);
	assert_int_equal(t.again, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_names),
		cmocka_unit_test(a_second_name_is_given),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_udp_lite),
		cmocka_unit_test(test_known_without_udp_lite),
		cmocka_unit_test(test_rules_of_criu),
		cmocka_unit_test(test_other_messages),
		cmocka_unit_test(test_rights_of_netlink),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_handed_tcp),
		cmocka_unit_test(test_handed_unix),
		cmocka_unit_test(the_socket_that_was_bound_last),
		cmocka_unit_test(an_address_that_comes_later),
		cmocka_unit_test(more_addresses_than_memory),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(the_question_about_unix_sockets),
		cmocka_unit_test(sockets_of_two_namespaces),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_point),
		cmocka_unit_test(test_shared_text),
		cmocka_unit_test(test_stands_there),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
