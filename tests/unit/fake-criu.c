// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A program that behaves towards its caller as criu does, and touches no process: test-criu runs it
 * instead of criu. The test chooses its faults through a file "mode" in its work directory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "criu/hook.h"
#include "images/stream.h"

/* With the address sanitizer: a library that is loaded before it, as CRIU gets one, is no mistake here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}

static char mode[64];

static void die(const char *text)
{
	/* The log's name is in argv; its line has the form that criu gives it. */
	fprintf(stderr, "(00.000001) Error (criu/fake.c:1): %s\n", text);
	exit(1);
}

static const char *option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return NULL;
}

static int dial(const char *dir, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, name);
	if (connect(s, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("Can't connect to image streamer");
	return s;
}

static void send_pipe(int sock, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		die("no pipe could be sent");
}

static void request(int sock, const char *name)
{
	size_t n = strlen(name);
	char buf[64] = {(char)(n + 2), 0, 0, 0, 0x0a, (char)n};

	memcpy(buf + 6, name, n);
	if (write(sock, buf, n + 6) != (ssize_t)n + 6)
		die("no request could be sent");
}

static void put_image(int sock, const char *name, const void *data, size_t n)
{
	int p[2];

	request(sock, name);
	if (pipe(p) < 0)
		die("pipe");
	send_pipe(sock, p[0]);
	close(p[0]);
	if (write(p[1], data, n) != (ssize_t)n)
		die("Can't write an image");
	close(p[1]);
}

static ssize_t get_image(int sock, const char *name, char *buf, size_t size)
{
	unsigned char reply[6];
	ssize_t n = 0, got;
	int p[2];

	request(sock, name);
	if (recv(sock, reply, sizeof(reply), MSG_WAITALL) != sizeof(reply))
		die("the streamer is gone");
	if (!reply[5])
		return -1;
	if (pipe(p) < 0)
		die("pipe");
	send_pipe(sock, p[1]);
	close(p[1]);
	while ((got = read(p[0], buf + n, size - n)) > 0)
		n += got;
	close(p[0]);
	return n;
}

/* frozen_time 250000 us */
static const unsigned char stats[] = "\x40\x59\x10\x55\x06\x33\x09\x57\x08\x00\x00\x00"
				     "\x0a\x06\x08\x2a\x10\x90\xa1\x0f";
/* root_ids.user_ns_id 7, and a task's 9 */
static const unsigned char inventory[] = "\x16\x31\x31\x58\x08\x00\x00\x00"
					 "\x08\x01\x1a\x04\x08\x01\x50\x07";
static const unsigned char ids[] = "\x19\x43\x56\x54\x30\x20\x43\x54\x04\x00\x00\x00"
				   "\x08\x02\x50\x09";

static int run_script(const char *script, const char *action)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("CRTOOLS_SCRIPT_ACTION", action, 1);
		close_range(3, ~0U, 0);
		execl(script, script, (char *)NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static int dump(int argc, char **argv, const char *dir)
{
	const char *script = option(argc, argv, "--action-script");
	int sock, fd, code = 0;

	if (!strcmp(mode, "refuse")) {
		fprintf(stderr,
			"(00.000001) Error (criu/tun.c:85): tun: Unable to create tun: x\n");
		die("Can't dump half of stream unix connection.");
	}
	sock = dial(dir, WB_STREAM_CAPTURE_SOCKET);
	put_image(sock, "ids-1.img", ids, sizeof(ids) - 1);
	if (!strcmp(mode, "die"))
		die("a task changed its mind");
	put_image(sock, "inventory.img", inventory, sizeof(inventory) - 1);
	if (script)
		code = run_script(script, "post-dump");
	close(sock);
	if (code)
		return code;
	fd = open("stats-dump", O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (write(fd, stats, sizeof(stats) - 1) != sizeof(stats) - 1)
		return 97;
	return 0;
}

static void put_file(const char *dir, const char *name, const void *data, size_t n)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		die("Can't write an image file");
	close(fd);
}

/* A page of memory, and the second one later on. */
static const unsigned char map_before[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01"
					  "\x08\0\0\0\x08\x80\x80\x04\x10\x02\x20\x04";
static const unsigned char map_last[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01"
					"\x08\0\0\0\x08\x80\x80\x04\x10\x01\x20\x01"
					"\x08\0\0\0\x08\x80\xa0\x04\x10\x01\x20\x04";

static int predump(const char *dir)
{
	char pages[8192];

	memset(pages, 'b', sizeof(pages));
	put_file(dir, "pagemap-1.img", map_before, sizeof(map_before) - 1);
	put_file(dir, "pages-1.img", pages, sizeof(pages));
	if (!strcmp(mode, "refuse"))
		die("the kernel does not track memory");
	return 0;
}

static int dump_again(int argc, char **argv, const char *dir)
{
	const char *script = option(argc, argv, "--action-script");
	char path[256], pages[4096], list[64];
	struct stat st;
	int fd;

	/* The images of the pre-copy are there, and only their page list has contents. */
	snprintf(path, sizeof(path), "%s/../before/pages-1.img", dir);
	if (stat(path, &st) < 0 || st.st_size != 8192)
		die("the pages of before are not there");
	snprintf(path, sizeof(path), "%s/../before/pagemap-1.img", dir);
	fd = open(path, O_RDONLY);
	if (read(fd, list, sizeof(list)) != sizeof(map_before) - 1 ||
		memcmp(list, map_before, sizeof(map_before) - 1))
		die("the list of before is not there");
	memset(pages, 'l', sizeof(pages));
	put_file(dir, "pagemap-1.img", map_last, sizeof(map_last) - 1);
	put_file(dir, "pages-1.img", pages, sizeof(pages));
	return run_script(script, "post-dump");
}

static int restore(int argc, char **argv, const char *dir)
{
	int sock = dial(dir, WB_STREAM_SERVE_SOCKET);
	const char *inherit = option(argc, argv, "--inherit-fd");
	const char *script = option(argc, argv, "--action-script");
	char buf[256];
	int fd;

	if (get_image(sock, "no-such.img", buf, sizeof(buf)) != -1)
		die("an image that is not there was served");
	if (!strcmp(mode, "rights") &&
		(!getenv(WB_HOOK_NETLINK) || strcmp(getenv(WB_HOOK_NETLINK), "3000")))
		die("netlink sockets have other rights");
	if (!strcmp(mode, "merged")) {
		static char pages[3 * 4096];

		if (get_image(sock, "pagemap-1.img", buf, sizeof(buf)) <= 0 ||
			get_image(sock, "pages-1.img", pages, sizeof(pages)) != 8192 ||
			pages[0] != 'b' || pages[4095] != 'b' || pages[4096] != 'l' ||
			pages[8191] != 'l')
			die("the pages are not those of both");
		return 0;
	}
	/* Two segments of shared memory were dumped, and the second one alone is the unit's. */
	if (!strcmp(mode, "segments")) {
		if (get_image(sock, "ipcns-shm-9.img", buf, sizeof(buf)) != 8 + 12 ||
			buf[8 + 11] != 3)
			die("others' memory came back");
		return 0;
	}
	if (get_image(sock, "inventory.img", buf, sizeof(buf)) != sizeof(inventory) - 1 ||
		memcmp(buf, inventory, sizeof(inventory) - 1))
		die("the inventory came back changed");
	if (get_image(sock, "ids-1.img", buf, sizeof(buf)) != sizeof(ids) - 1)
		die("no ids");
	/* Write down the user namespace in the image. */
	fd = open("users", O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (dprintf(fd, "%d\n", buf[sizeof(ids) - 2]) < 0)
		die("users");
	/* Check that an inherited descriptor is open. */
	if (inherit && (sscanf(inherit, "fd[%d]", &fd) != 1 || fcntl(fd, F_GETFD) < 0))
		die("an inherited descriptor is missing");
	/* A connection that the program outside has closed: nothing to read, and nobody to write to. */
	if (inherit && strstr(inherit, "socket:[7777]") &&
		(recv(fd, buf, 1, MSG_DONTWAIT) != 0 || send(fd, buf, 1, MSG_NOSIGNAL) >= 0))
		die("the other end is open");
	if (inherit && strstr(inherit, "socket:[7777]")) {
		struct ucred peer = {};
		socklen_t n = sizeof(peer);

		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.uid == 0 ||
			peer.gid == 0)
			die("the peer is root");
	}
	if (!strcmp(mode, "refuse"))
		die("Can't fork for 4711: File exists");
	/* As criu does: a status of the script at this point is only logged. */
	if (script && strcmp(mode, "hasty"))
		run_script(script, "pre-resume");
	return 0;
}

int main(int argc, char **argv)
{
	const char *dir = option(argc, argv, "-D"), *work = option(argc, argv, "-W"),
		   *log = option(argc, argv, "-o");
	int fd;

	if (!dir || !work || !log || chdir(work) < 0)
		return 95;
	fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 2) < 0)
		return 94;
	fd = open("mode", O_RDONLY);
	if (fd >= 0 && read(fd, mode, sizeof(mode) - 1) < 0)
		return 93;
	if (!strcmp(mode, "stuck"))
		sleep(30);
	if (!strcmp(argv[1], "pre-dump"))
		return predump(dir);
	if (option(argc, argv, "--prev-images-dir"))
		return dump_again(argc, argv, dir);
	return !strcmp(argv[1], "dump") ? dump(argc, argv, dir) : restore(argc, argv, dir);
}
