/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A service of one file for a container image: counter PORT. It answers each line with the kernel's release, its pid, a
 * number that only its memory knows, and a count.
 */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MOST 64

static unsigned secret, count;

/* 0: the client has gone. */
static int answer(int fd)
{
	char text[512];
	struct utsname u;

	if (read(fd, text, sizeof(text)) <= 0)
		return 0;
	uname(&u);
	return write(fd, text,
		       (size_t)snprintf(text, sizeof(text), "%.100s %d %08x %u\n", u.release,
			       (int)getpid(), secret, ++count)) > 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
	struct pollfd p[MOST] = {{socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0}};
	int n = 1, one = 1;

	signal(SIGPIPE, SIG_IGN);
	setsockopt(p[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (getrandom(&secret, sizeof(secret), 0) < 0 ||
		bind(p[0].fd, (void *)&at, sizeof(at)) < 0 || listen(p[0].fd, MOST) < 0)
		return 1;
	puts("listening");
	fflush(stdout);
	for (;;) {
		poll(p, n, -1);
		for (int i = n - 1; i > 0; i--)
			if (p[i].revents && !answer(p[i].fd)) {
				close(p[i].fd);
				p[i] = p[--n];
			}
		if (p[0].revents && n < MOST) {
			p[n] = (struct pollfd){accept(p[0].fd, NULL, NULL), POLLIN, 0};
			n += p[n].fd >= 0;
		}
	}
}
