// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages to a service manager. The test is the manager and reads them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "systemd/notify.h"
#include "unit.h"

static int become_manager(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[64];

	/* An abstract name, which begins with "@" in the environment. */
	snprintf(name, sizeof(name), "@wb-notify-%d", (int)getpid());
	strcpy(a.sun_path, name);
	a.sun_path[0] = 0;
	assert_true(sock >= 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&a,
				 offsetof(struct sockaddr_un, sun_path) + strlen(name)),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	return sock;
}

/* Is a descriptor with it? */
static bool heard(int sock, char *ret, size_t size)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec io = {ret, size - 1};
	struct msghdr m = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool any = false;

	ret[n < 0 ? 0 : n] = 0;
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		any = true;
		close(*(int *)CMSG_DATA(c));
	}
	return any;
}

static void a_descriptor_is_kept_by_name(void **state)
{
	int sock = become_manager(), fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char said[256];

	assert_int_equal(wb_fd_store_push("warmboot-mnt", fd, NULL), 0);
	assert_true(heard(sock, said, sizeof(said)));
	assert_string_equal(said, "FDSTORE=1\nFDNAME=warmboot-mnt");
	wb_fd_store_forget("warmboot-mnt");
	assert_false(heard(sock, said, sizeof(said)));
	assert_string_equal(said, "FDSTOREREMOVE=1\nFDNAME=warmboot-mnt");
	close(fd);
	close(sock);
}

static void without_a_manager_nothing_is_kept(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct wb_error err = {};

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(wb_fd_store_push("warmboot-mnt", fd, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "systemd did not start this"));
	wb_fd_store_forget("warmboot-mnt");
	wb_notify_ready("nothing");
	close(fd);
}

static void readiness_is_told_once(void **state)
{
	int sock = become_manager();
	char said[256];

	wb_notify_ready("Holding memory");
	heard(sock, said, sizeof(said));
	assert_string_equal(said, "READY=1\nSTATUS=Holding memory");
	assert_null(getenv("NOTIFY_SOCKET"));
	close(sock);
}

static void what_was_kept_is_listed_once(void **state)
{
	WB_CLEAN_STRV names = {}, again = {};
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "warmboot-uts:warmboot-mnt", 1);
	if (dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), WB_FD_STORE_FIRST) < 0 ||
		dup2(WB_FD_STORE_FIRST, WB_FD_STORE_FIRST + 1) < 0)
		fail();
	assert_int_equal(wb_fd_store_list(&names), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.items[1], "warmboot-mnt");
	/* CRIU, which runs after this, must not take them for its own. */
	assert_null(getenv("LISTEN_FDS"));
	assert_int_equal(wb_fd_store_list(&again), 0);
	assert_int_equal(again.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_kept_by_name),
		cmocka_unit_test(without_a_manager_nothing_is_kept),
		cmocka_unit_test(readiness_is_told_once),
		cmocka_unit_test(what_was_kept_is_listed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
