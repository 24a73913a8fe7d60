// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The watchdog in the warm init: the driver's device file where there is one, else the registers. Once the
 * root is mounted a child feeds it. The child keeps the root of the initramfs and goes by "@", so that
 * systemd takes it for a part of the initramfs and does not end it in a shutdown (its document
 * ROOT_STORAGE_DAEMONS).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "purgatory/steps.h"
#include "warminit/dog.h"
#include "warminit/registers.h"

/* include/uapi/linux/watchdog.h; musl's compiler does not find the kernel's headers. */
#define WDIOC_SETOPTIONS _IOR('W', 4, int)
#define WDIOC_KEEPALIVE _IOR('W', 5, int)
#define WDIOC_SETTIMEOUT _IOWR('W', 6, int)
#define WDIOS_DISABLECARD 0x0001

#define DEVICES_MOST 32
#define FEED_MS 1000
/* The init feeds it no longer than this: a root that never appears (rootwait) is a hang, too. */
#define INIT_MS 300000
/* PID 1 gets so long to open the device before it is opened here again; less than its time in any case. */
#define OFFER_MS 10000

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* A message into the kernel's log, by the descriptor of /dev. */
static void tell(const struct wb_dog *dog, const char *sentence)
{
	int fd = openat(dog->dev, "kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "<5>warmboot: watchdog %s: %s\n", dog->plan.name, sentence);
	close(fd);
}

static void write_state(const struct wb_dog *dog, const char *word)
{
	int fd;

	mkdirat(dog->run, WB_DOG_STATE_DIR, 0755);
	fd = openat(dog->run, WB_DOG_STATE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		0644);
	if (fd < 0)
		return;
	dprintf(fd, "%s\n", word);
	close(fd);
}

/* Does the device of this number have the identity of the plan? */
static bool is_ours(const struct wb_dog *dog, int number)
{
	char path[96], text[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/watchdog/watchdog%d/identity", number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return false;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	for (char *c = text; *c; c++)
		*c = *c == ' ' ? '_' : *c;
	return strcmp(text, dog->plan.identity) == 0;
}

static bool find_node(struct wb_dog *dog)
{
	for (int i = 0; i < DEVICES_MOST; i++)
		if (is_ours(dog, i)) {
			snprintf(dog->node, sizeof(dog->node), "watchdog%d", i);
			return true;
		}
	return false;
}

static bool is_unstoppable(const char *node)
{
	char path[96], c = '0';
	int fd;

	snprintf(path, sizeof(path), "/sys/class/watchdog/%s/nowayout", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &c, 1) < 0)
		c = '0';
	if (fd >= 0)
		close(fd);
	return c == '1';
}

static int open_node(const struct wb_dog *dog)
{
	int fd = openat(dog->dev, dog->node, O_RDWR | O_CLOEXEC);
	int seconds = (int)dog->plan.seconds;

	/* If the driver does not take the time, its own one stays. Opening has fed it. */
	if (fd >= 0 && ioctl(fd, WDIOC_SETTIMEOUT, &seconds) == 0)
		ioctl(fd, WDIOC_KEEPALIVE, 0);
	return fd;
}

/* The modules are loaded. From a driver's probe to this open, some watchdogs do not count. */
static void take_over(struct wb_dog *dog)
{
	dog->is = true;
	dog->fd = -1;
	dog->run = -1;
	dog->dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (strcmp(dog->plan.identity, "-") && find_node(dog)) {
		dog->unstoppable = is_unstoppable(dog->node);
		dog->fd = open_node(dog);
		if (dog->fd < 0)
			tell(dog, strerror(errno));
	}
	wb_dog_feed(dog);
}

static void add_step(struct wb_reg_step *steps, uint32_t *n, const char *text)
{
	if (*n < WB_REG_STEPS_MOST && wb_dog_step_read(text, &steps[*n]))
		++*n;
}

bool wb_dog_line(struct wb_dog *dog, const char *key, const char *value)
{
	if (strcmp(key, "watchdog-feed") == 0)
		add_step(dog->feed, &dog->n_feed, value);
	else if (strcmp(key, "watchdog-stop") == 0)
		add_step(dog->stop, &dog->n_stop, value);
	else if (strcmp(key, "watchdog") == 0 && wb_dog_plan_read(value, &dog->plan))
		take_over(dog);
	else
		return strncmp(key, "watchdog", 8) == 0;
	return true;
}

static int run(const struct wb_reg_step *steps, uint32_t n)
{
	int r = 0;

	wb_steps_run(steps, n, wb_registers_read, wb_registers_write, &r);
	return r;
}

void wb_dog_feed(struct wb_dog *dog)
{
	long now;

	if (!dog->is)
		return;
	now = now_ms();
	if (!dog->begun_ms)
		dog->begun_ms = now;
	if (now - dog->begun_ms > INIT_MS || (dog->fed_ms && now - dog->fed_ms < FEED_MS))
		return;
	dog->fed_ms = now;
	if (dog->fd >= 0)
		ioctl(dog->fd, WDIOC_KEEPALIVE, 0);
	else
		run(dog->feed, dog->n_feed);
}

/* Stop it, whatever it takes: a healthy system must not be bitten. */
static void stop(struct wb_dog *dog)
{
	int off = WDIOS_DISABLECARD;

	if (dog->fd >= 0) {
		if (write(dog->fd, "V", 1) != 1)
			ioctl(dog->fd, WDIOC_SETOPTIONS, &off);
		close(dog->fd);
		dog->fd = -1;
		return;
	}
	if (run(dog->stop, dog->n_stop) < 0)
		tell(dog, "a register could not be reached; it may bite");
}

static bool has_passed(const struct wb_dog *dog)
{
	struct stat st;

	return fstatat(dog->run, WB_DOG_PASSED, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * PID 1 opens the device when it is time for its next sign of life. Opening it here feeds it, and a device
 * that is open already is PID 1's.
 */
static bool was_taken(struct wb_dog *dog, long ms)
{
	close(dog->fd);
	pause_ms(ms);
	dog->fd = open_node(dog);
	return dog->fd < 0 && errno == EBUSY;
}

static void feed_on(struct wb_dog *dog)
{
	struct wb_dog_moment now = {
		.trial = dog->plan.trial, .give = dog->plan.give, .unstoppable = dog->unstoppable};
	long begin = now_ms(), offer = dog->plan.seconds * 250L;
	bool left = false, held = false;

	if (offer > OFFER_MS)
		offer = OFFER_MS;
	write_state(dog, "fed");
	for (;;) {
		now.passed = has_passed(dog);
		now.past = (unsigned int)((now_ms() - begin) / 1000);
		switch (wb_dog_next(&now)) {
		case WB_DOG_FEED:
			ioctl(dog->fd, WDIOC_KEEPALIVE, 0);
			if (!held && (now.passed || !now.trial))
				write_state(dog, "held");
			held = now.passed || !now.trial;
			break;
		case WB_DOG_STOP:
			stop(dog);
			write_state(dog, "stopped");
			tell(dog, "stopped: the system is up");
			return;
		case WB_DOG_GIVE:
			now.tried += (unsigned int)(offer + 999) / 1000;
			if (!was_taken(dog, offer))
				continue;
			write_state(dog, "given");
			tell(dog, "PID 1 has it");
			return;
		case WB_DOG_LEAVE:
			if (!left) {
				write_state(dog, "left");
				tell(dog,
					"the system has not come up in time, so nothing feeds it");
			}
			left = true;
			break;
		}
		pause_ms(FEED_MS);
	}
}

/* The child's life. It must run whatever happens to the system around it. */
static void become_feeder(struct wb_dog *dog, char **argv, int ready)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "-1000", 5) < 0)
		tell(dog, "the feeder may be ended when memory is short");
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	setsid();
	argv[0][0] = '@';
	prctl(PR_SET_NAME, "warmboot-dog");
	setpriority(PRIO_PROCESS, 0, -20);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	/* From here on the child needs no path: the parent may move /dev, /proc and /run away. */
	close(ready);
	feed_on(dog);
	_exit(0);
}

/* Returns in the parent only, when the child needs no path any more: its id, or -1. */
static pid_t start_feeder(struct wb_dog *dog, char **argv)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		become_feeder(dog, argv, ready[1]);
	}
	close(ready[1]);
	while (pid > 0 && read(ready[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	return pid;
}

void wb_dog_leave(struct wb_dog *dog, char **argv, void (*note)(const char *sentence))
{
	pid_t pid = -1;

	if (!dog->is)
		return;
	dog->run = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dog->fd >= 0 && (dog->plan.trial || dog->unstoppable) && dog->run >= 0)
		pid = start_feeder(dog, argv);
	if (pid > 0) {
		close(dog->fd);
		dog->fd = -1;
		note("the watchdog is fed until the system is up");
	} else {
		stop(dog);
		write_state(dog, "stopped-by-init");
		note("the watchdog is stopped before the init starts");
	}
	close(dog->dev);
	close(dog->run);
	dog->is = false;
}
