/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only program of a Linux guest: init ADDRESS PORT from the kernel's command line ("address=" and "port="). It loads the
 * modules in /modules, in the order of their names, sets up the first network card, and answers each line with the
 * kernel's release, a number that only its memory knows, a count, its monotonic clock in milliseconds, the longest time
 * between two looks at that clock, and its wall clock in seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MOST 16
#define EACH_MS 20

static unsigned secret, count;
static long long last_ms, longest_ms;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void look_at_clock(void)
{
	long long now = now_ms();

	if (now - last_ms > longest_ms)
		longest_ms = now - last_ms;
	last_ms = now;
}

static void load_modules(void)
{
	struct dirent **list;
	int n = scandir("/modules", &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300];
		int fd;

		if (*list[i]->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, "", 0) < 0)
			perror(path);
		close(fd);
	}
}

/* The value of "KEY=" on the command line; "" if there is none. */
static const char *word(const char *cmdline, const char *key, char ret[64])
{
	const char *at = strstr(cmdline, key);

	*ret = '\0';
	if (at)
		sscanf(at + strlen(key), "%63s", ret);
	return ret;
}

static int set_up(const char *address)
{
	struct ifreq r = {.ifr_name = "eth0"};
	struct sockaddr_in *in = (struct sockaddr_in *)&r.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), tries = 500;

	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	/* The card comes a moment after its driver. */
	while (ioctl(fd, SIOCSIFADDR, &r) < 0 && tries--)
		usleep(EACH_MS * 1000);
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	if (ioctl(fd, SIOCSIFNETMASK, &r) < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return -1;
	r.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &r);
}

/* 0: the client has gone. */
static int answer(int fd)
{
	char text[512];
	struct utsname u;

	if (read(fd, text, sizeof(text)) <= 0)
		return 0;
	uname(&u);
	return write(fd, text,
		       (size_t)snprintf(text, sizeof(text), "%.100s %08x %u %lld %lld %lld\n",
			       u.release, secret, ++count, now_ms(), longest_ms,
			       (long long)time(NULL))) > 0;
}

static void serve(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct pollfd p[MOST] = {{socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0}};
	int n = 1;

	if (bind(p[0].fd, (void *)&at, sizeof(at)) < 0 || listen(p[0].fd, MOST) < 0)
		return perror("listen");
	printf("listening, secret %08x\n", secret);
	last_ms = now_ms();
	for (;;) {
		poll(p, n, EACH_MS);
		look_at_clock();
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

int main(void)
{
	char cmdline[2048] = "", address[64], port[64];
	FILE *f;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	mount("proc", "/proc", "proc", 0, NULL);
	f = fopen("/proc/cmdline", "r");
	if (f && fgets(cmdline, sizeof(cmdline), f))
		load_modules();
	if (getrandom(&secret, sizeof(secret), 0) < 0 ||
		set_up(word(cmdline, "address=", address)) < 0)
		perror("no network");
	else
		serve(atoi(word(cmdline, "port=", port)));
	reboot(RB_POWER_OFF);
	return 1;
}
