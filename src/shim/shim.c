// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A library that is loaded before CRIU's own, for a dump and for a restore. It replaces a few functions of libc where
 * CRIU 4.1.1 and a kernel disagree. Each of them makes the system call that libc would make, and changes only what its
 * comment names. shim.h has the parts that decide, for a unit test.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "criu/hook.h"
#include "shim/shim.h"

/* ---- options of sockets ---- */

/*
 * CRIU 4.1 and earlier ask every socket for SO_PASSCRED and SO_PASSSEC, and fail if a socket does not know them; since
 * Linux 6.16 only Unix and netlink sockets do (net/core/sock.c, sk_getsockopt()). CRIU 4.2 no longer asks. A socket
 * without the option counts as one where it is not set.
 */
int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	int r = (int)syscall(SYS_getsockopt, fd, level, name, value, size);

	if (r < 0 && errno == EOPNOTSUPP && level == SOL_SOCKET &&
		(name == SO_PASSCRED || name == SO_PASSSEC) && *size >= sizeof(int)) {
		*(int *)value = 0;
		return 0;
	}
	return r;
}

/*
 * The peer of a connection without window scaling takes each window as it is. connect() chooses a scale for the socket
 * (net/ipv4/tcp_output.c, tcp_connect_init()), also in repair mode, and only TCPOPT_WINDOW replaces it
 * (net/ipv4/tcp.c, tcp_repair_options_est()). CRIU sets that option only if both sides scale (soccr/soccr.c). Without
 * it, the peer sees windows that are a hundred times too small.
 */
size_t wb_shim_add_window(const struct tcp_repair_opt *given, size_t n, struct tcp_repair_opt *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (given[i].opt_code == TCPOPT_WINDOW)
			return 0;
		ret[i] = given[i];
	}
	ret[n] = (struct tcp_repair_opt){.opt_code = TCPOPT_WINDOW, .opt_val = 0};
	return n + 1;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct tcp_repair_opt more[WB_SHIM_OPTIONS + 1];
	size_t n = size / sizeof(*more);
	int r;

	if (level == IPPROTO_TCP && name == TCP_REPAIR_OPTIONS && size % sizeof(*more) == 0 &&
		n <= WB_SHIM_OPTIONS && (n = wb_shim_add_window(value, n, more))) {
		value = more;
		size = (socklen_t)(n * sizeof(*more));
	}
	r = (int)syscall(SYS_setsockopt, fd, level, name, value, size);
	/* Before, TCP and UDP sockets could be given these options, which had no effect on them. */
	if (r < 0 && errno == EOPNOTSUPP && level == SOL_SOCKET &&
		(name == SO_PASSCRED || name == SO_PASSSEC))
		return 0;
	return r;
}

/* ---- memory ---- */

/*
 * A program may reserve more addresses than the machine has memory, without access to them (PROT_NONE), and the kernel
 * then counts nothing. CRIU maps all private memory writable first (criu/mem.c, premap_private_vma()), and the kernel
 * refuses what is obviously too much (mm/util.c, __vm_enough_memory()), unless it is told not to count.
 */
void *mmap(void *at, size_t size, int rights, int flags, int fd, off_t from)
{
	const int private = MAP_PRIVATE | MAP_ANONYMOUS;
	long r = syscall(SYS_mmap, at, size, rights, flags, fd, from);

	if (r == -1 && errno == ENOMEM && (flags & private) == private && !(flags & MAP_NORESERVE))
		r = syscall(SYS_mmap, at, size, rights, flags | MAP_NORESERVE, fd, from);
	return (void *)r;
}

void *mmap64(void *at, size_t size, int rights, int flags, int fd, off_t from)
	__attribute__((alias("mmap")));

/* ---- UDP-Lite ---- */

/*
 * Linux 7.1 has no UDP-Lite any more, and sock_diag(7) answers a question about it with ENOENT. CRIU asks it of each
 * network namespace other than its own, and fails (criu/sockets.c, collect_sockets()). Where the kernel makes no such
 * socket there is none, which is the answer to a question about UDP sockets in no state.
 */
int wb_shim_ask_udp(const void *message, size_t size, struct wb_shim_question *ret)
{
	if (size < sizeof(*ret) || size > WB_SHIM_LONGEST)
		return 0;
	__builtin_memcpy(ret, message, sizeof(*ret));
	if (ret->head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		(ret->ask.sdiag_family != AF_INET && ret->ask.sdiag_family != AF_INET6) ||
		ret->ask.sdiag_protocol != IPPROTO_UDPLITE)
		return 0;
	ret->ask.sdiag_protocol = IPPROTO_UDP;
	ret->ask.idiag_states = 0;
	ret->head.nlmsg_len = sizeof(*ret);
	return 1;
}

static int has_udp_lite(int family)
{
	int before = errno, has;
	long fd;

	if (getenv(WB_HOOK_NO_UDP_LITE))
		return 0;
	fd = syscall(SYS_socket, family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);
	has = fd >= 0 || errno != EPROTONOSUPPORT;
	if (fd >= 0)
		syscall(SYS_close, fd);
	errno = before;
	return has;
}

static int is_netlink(int fd)
{
	int before = errno, domain = 0;
	socklen_t size = sizeof(domain);
	long r = syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);

	errno = before;
	return r == 0 && domain == AF_NETLINK;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct wb_shim_question question;
	struct iovec iov = {&question, sizeof(question)};
	struct msghdr changed;

	if (message->msg_iovlen == 1)
		wb_shim_asked(fd, message->msg_iov->iov_base, message->msg_iov->iov_len);
	if (message->msg_iovlen == 1 &&
		wb_shim_ask_udp(message->msg_iov->iov_base, message->msg_iov->iov_len, &question) &&
		is_netlink(fd) && !has_udp_lite(question.ask.sdiag_family)) {
		changed = *message;
		changed.msg_iov = &iov;
		message = &changed;
	}
	return syscall(SYS_sendmsg, fd, message, flags);
}

/* ---- a task whose first executable mapping is shared ---- */

/*
 * CRIU lets a task make system calls by putting instructions into its first executable mapping (criu/parasite-syscall.c,
 * get_exec_start()), and a name behind them (compel/src/lib/infect.c, parasite_memfd_exchange()). ptrace(2) may write
 * to a read-only mapping only if it is private (mm/gup.c, check_vma_flags()), so this fails with EIO if the first one
 * is shared, as the buffer of PHP's compiler is. Then these bytes go to the first private one, and so do the registers
 * that point to them. The task stands still all the time, and CRIU puts its bytes and registers back.
 */
struct moved {
	pid_t pid;
	unsigned long from, to;
	unsigned long words[WB_SHIM_WORDS]; /* its own registers */
};

static struct moved moved[WB_SHIM_TASKS];
static size_t n_moved;
/* The task that was looked at last, and needs none of this. */
static pid_t plain;

enum { START, END, RIGHTS, REST };

void wb_shim_read_maps(struct wb_shim_maps *m, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '\n') {
			m->part = START;
			m->start = m->n = 0;
		} else if (m->part == START && c != '-') {
			m->start =
				m->start * 16 + (unsigned long)(c <= '9' ? c - '0' : c - 'a' + 10);
		} else if (m->part == START || (m->part == END && c == ' ')) {
			m->part++;
		} else if (m->part == RIGHTS) {
			m->rights[m->n++] = c;
			if (m->n < sizeof(m->rights))
				continue;
			m->part = REST;
			if (m->rights[2] != 'x')
				continue;
			if (!m->first) {
				m->first = m->start;
				m->shared = m->rights[3] == 's';
			}
			if (!m->usable && m->rights[0] == 'r' && m->rights[3] == 'p')
				m->usable = m->start;
		}
	}
}

size_t wb_shim_point(unsigned long *words, const unsigned long *own, size_t n, unsigned long from,
	unsigned long to)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (words[i] - from < WB_SHIM_WINDOW && !(own && own[i] == words[i])) {
			words[i] += to - from;
			found++;
		}
	return found;
}

/* "/proc/PID/maps" */
static void maps_path(pid_t pid, char *ret)
{
	static const char before[] = "/proc/", after[] = "/maps";
	char digits[12];
	size_t n = 0;

	for (const char *p = before; *p; p++)
		*ret++ = *p;
	do {
		digits[n++] = (char)('0' + pid % 10);
	} while (pid /= 10);
	while (n)
		*ret++ = digits[--n];
	for (size_t i = 0; i < sizeof(after); i++)
		*ret++ = after[i];
}

static int read_maps(pid_t pid, struct wb_shim_maps *ret)
{
	char path[32], text[1024];
	long n, fd;

	maps_path(pid, path);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((n = syscall(SYS_read, fd, text, sizeof(text))) > 0 && !ret->usable)
		wb_shim_read_maps(ret, text, (size_t)n);
	syscall(SYS_close, fd);
	return n < 0 ? -1 : 0;
}

/*
 * A register that CRIU has not changed stays as it is, whatever it points to. So the task may be anywhere but in those
 * bytes themselves (PTRACE_GET_SYSCALL_INFO gives the place on every machine). Mappings of a 32-bit task, which has
 * shorter registers, are all below 4 GiB.
 */
static int can_move(struct moved *m)
{
	struct iovec iov = {m->words, sizeof(m->words)};
	struct __ptrace_syscall_info info;

	return m->from >> 32 &&
	       syscall(SYS_ptrace, PTRACE_GETREGSET, m->pid, NT_PRSTATUS, &iov) == 0 &&
	       syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, m->pid, sizeof(info), &info) >=
		       (long)offsetof(struct __ptrace_syscall_info, entry) &&
	       info.instruction_pointer - m->from >= WB_SHIM_WINDOW;
}

static const struct moved *known(pid_t pid)
{
	for (size_t i = 0; i < n_moved; i++)
		if (moved[i].pid == pid)
			return &moved[i];
	return NULL;
}

static const struct moved *look_at(pid_t pid)
{
	const struct moved *m = known(pid);
	struct wb_shim_maps maps = {};
	int before = errno;

	if (m || pid == plain)
		return m;
	plain = pid;
	if (n_moved < WB_SHIM_TASKS && read_maps(pid, &maps) == 0 && maps.shared && maps.usable) {
		moved[n_moved].pid = pid;
		moved[n_moved].from = maps.first;
		moved[n_moved].to = maps.usable;
		if (can_move(&moved[n_moved]))
			m = &moved[n_moved++];
	}
	errno = before;
	return m;
}

static long set_registers(pid_t pid, void *kind, const struct iovec *given)
{
	const struct moved *m = known(pid);
	unsigned long words[WB_SHIM_WORDS];
	struct iovec iov = {words, given->iov_len};

	if (!m || (unsigned long)kind != NT_PRSTATUS || iov.iov_len > sizeof(words))
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, kind, given);
	__builtin_memcpy(words, given->iov_base, iov.iov_len);
	wb_shim_point(words, m->words, iov.iov_len / sizeof(*words), m->from, m->to);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, kind, &iov);
}

long ptrace(enum __ptrace_request request, ...)
{
	unsigned long addr;
	const struct moved *m;
	va_list args;
	void *data;
	pid_t pid;
	long word, r;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, unsigned long);
	data = va_arg(args, void *);
	va_end(args);
	if (request == PTRACE_SETREGSET)
		return set_registers(pid, (void *)addr, data);
	if (request == PTRACE_PEEKDATA || request == PTRACE_POKEDATA) {
		m = look_at(pid);
		if (m)
			wb_shim_point(&addr, NULL, 1, m->from, m->to);
	}
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, addr, data);
	/* The system call writes the word to an address, and libc returns it. */
	r = syscall(SYS_ptrace, request, pid, addr, &word);
	if (r < 0)
		return r;
	errno = 0;
	return word;
}
