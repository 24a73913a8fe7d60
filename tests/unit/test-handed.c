// SPDX-License-Identifier: LGPL-2.1-or-later
/* files/handed.h: sockets that a unit shares with systemd. This process is systemd, and a child of it is the unit. */
#define _GNU_SOURCE
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files/handed.h"

static int listen_on(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), n = 1;

	if (*name)
		n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "warmboot-%d-%s",
			    (int)getpid(), name) +
		    1;
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
		0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static int udp_port(struct sockaddr_in6 *a)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	socklen_t n = sizeof(*a);

	*a = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	if (bind(fd, (struct sockaddr *)a, n) < 0)
		return -1;
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &n), 0);
	return fd;
}

/* A child that has its own copies of fds[0] and fds[1] as 20 and 21, and nothing else of them. */
static pid_t child_with(const int *fds, int extra)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (int i = 0; i < 2; i++)
		if (dup2(fds[i], 20 + i) != 20 + i)
			_exit(1);
	if (extra >= 0)
		dup2(extra, 22);
	close_range(3, 19, 0);
	close_range(23, ~0u, 0);
	pause();
	_exit(0);
}

static bool can_look(pid_t pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), fd = -1;

	/* It closes others when it has these. */
	for (int i = 0; process >= 0 && fd < 0 && i < 200; i++) {
		usleep(10000);
		fd = (int)syscall(SYS_pidfd_getfd, process, 21, 0);
		if (fd < 0 && errno == EPERM)
			break;
	}
	usleep(50000);
	close(process);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void forget(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->handed.n; i++)
		free(u->handed.items[i].key);
	free(u->handed.items);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void keys_are_kinds_and_addresses(void **state)
{
	char key[WB_MANIFEST_KEY + 1], again[WB_MANIFEST_KEY + 1];
	int fd = listen_on("a"), six, none = socket(AF_INET, SOCK_STREAM, 0), file[2];
	struct sockaddr_in6 a;

	assert_int_equal(wb_handed_key(fd, key), 0);
	assert_memory_equal(key, "1 1 0 0100", 10);
	assert_int_equal(pipe(file), 0);
	assert_int_equal(wb_handed_key(file[0], key), -ENOTSOCK);
	assert_int_equal(wb_handed_key(none, key), 0);
	six = udp_port(&a);
	if (six >= 0) {
		assert_int_equal(wb_handed_key(six, key), 0);
		snprintf(again, sizeof(again), "a 2 11 0a00%04x00000000%031d100000000",
			ntohs(a.sin6_port), 0);
		assert_string_equal(key, again);
		close(six);
	}
	close(fd);
	close(none);
	close(file[0]);
	close(file[1]);
}

static void shared_sockets_are_noted_and_found(void **state)
{
	int ours[2] = {listen_on("a"), listen_on("b")}, next[3];
	struct wb_manifest_unit u = {.unit = (char *)"a.service"};
	wb_handed_fds found = {};
	struct wb_error err = {};
	int64_t pids[1];
	pid_t pid = child_with(ours, ours[0]);

	if (!can_look(pid)) {
		end(pid);
		skip();
	}
	/* The second socket is the unit's alone. */
	close(ours[1]);
	pids[0] = u.main_pid = pid;
	u.pids.items = pids;
	u.pids.n = 1;
	/* Twice, as the freeze may do it. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(wb_handed_note(&u, getpid(), &err), 0);
	assert_int_equal(u.handed.n, 2);
	assert_int_equal(u.handed.items[0].fd + u.handed.items[1].fd, 20 + 22);
	assert_int_equal(u.handed.items[0].pid, pid);
	/* The next boot: the old kernel's sockets are gone, and the new ones have the same addresses. */
	end(pid);
	close(ours[0]);
	assert_int_equal(wb_handed_match(&u, NULL, 0, &found, &err), -ENOENT);
	assert_non_null(strstr(err.text, "its socket unit does not run, or listens elsewhere"));
	next[0] = listen_on("c");
	next[1] = listen_on("b");
	assert_int_equal(wb_handed_match(&u, next, 2, &found, &err), -ENOENT);
	next[2] = listen_on("a");
	assert_int_equal(wb_handed_match(&u, next, 3, &found, &err), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.items[0], next[2]);
	free(found.items);
	for (int i = 0; i < 3; i++)
		close(next[i]);
	forget(&u);
}

/* The restored processes have the same sockets under the same numbers. */
static void restored_sockets_are_checked(void **state)
{
	int sockets[2] = {listen_on("a"), listen_on("b")};
	struct wb_manifest_unit u = {.unit = (char *)"a.service"};
	const wb_handed_fds both = {sockets, 2}, one = {sockets, 1};
	struct wb_error err = {};
	pid_t pid = child_with(sockets, -1);
	int64_t pids[] = {pid};

	if (!can_look(pid)) {
		end(pid);
		skip();
	}
	u.pids.items = pids;
	u.pids.n = 1;
	u.main_pid = pid;
	assert_int_equal(wb_handed_note(&u, getpid(), &err), 0);
	assert_int_equal(u.handed.n, 2);
	assert_int_equal(wb_handed_check(&u, &both, &err), 0);
	/* CRIU has made one itself. */
	assert_int_equal(wb_handed_check(&u, &one, &err), -EPERM);
	assert_non_null(strstr(err.text, "have not come back with the sockets"));
	u.handed.items[0].fd = 30;
	assert_int_equal(wb_handed_check(&u, &both, &err), -EPERM);
	u.handed.items[0].fd = 20;
	end(pid);
	assert_int_equal(wb_handed_check(&u, &both, &err), -ESRCH);
	/* Two of the same address could be confused. */
	forget(&u);
	close(sockets[0]);
	close(sockets[1]);
}

static void same_addresses_are_refused(void **state)
{
	int sockets[2], yes = 1;
	struct sockaddr_in a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
	socklen_t n = sizeof(a);
	struct wb_manifest_unit u = {.unit = (char *)"a.service"};
	struct wb_error err = {};
	int64_t pids[1];
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
		assert_int_equal(
			setsockopt(sockets[i], SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
		assert_int_equal(bind(sockets[i], (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(sockets[0], (struct sockaddr *)&a, &n), 0);
	}
	pid = child_with(sockets, -1);
	if (!can_look(pid)) {
		end(pid);
		skip();
	}
	pids[0] = u.main_pid = pid;
	u.pids.items = pids;
	u.pids.n = 1;
	assert_int_equal(wb_handed_note(&u, getpid(), &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "have the same address"));
	end(pid);
	assert_int_equal(wb_handed_note(&u, getpid(), &err), -ESRCH);
	forget(&u);
	close(sockets[0]);
	close(sockets[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_kinds_and_addresses),
		cmocka_unit_test(shared_sockets_are_noted_and_found),
		cmocka_unit_test(restored_sockets_are_checked),
		cmocka_unit_test(same_addresses_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
