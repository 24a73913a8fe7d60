// SPDX-License-Identifier: LGPL-2.1-or-later
/* The delay lock of logind, and its announcements of shutdowns. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "systemd/bus.h"
#include "systemd/delay.h"

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER LOGIND ".Manager"

struct wb_delay {
	sd_bus *bus;
	int lock; /* -1: none */
	enum wb_delay_event event;
};

enum wb_delay_event wb_delay_kind(bool active, const char *type)
{
	if (!active)
		return WB_DELAY_CANCELLED;
	return type && !strcmp(type, "kexec") ? WB_DELAY_KEXEC : WB_DELAY_OTHER;
}

/* The value of "type" in a dictionary of variants, borrowed from the message. */
static int read_type(sd_bus_message *m, const char **ret)
{
	const char *key;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r > 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r > 0)
			r = strcmp(key, "type") ? sd_bus_message_skip(m, "v")
						: sd_bus_message_read(m, "v", "s", ret);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int announced(sd_bus_message *m, void *arg, sd_bus_error *e)
{
	struct wb_delay *d = arg;
	const char *type = NULL;
	int active, r = sd_bus_message_read(m, "b", &active);

	if (r >= 0)
		r = read_type(m, &type);
	if (r >= 0)
		d->event = wb_delay_kind(active, type);
	return 0;
}

int wb_delay_new(struct wb_delay **ret, struct wb_error *err)
{
	struct wb_delay *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return wb_oom(err);
	d->lock = -1;
	r = sd_bus_open_system(&d->bus);
	if (r >= 0)
		r = sd_bus_match_signal(d->bus, NULL, LOGIND, LOGIND_PATH, LOGIND_MANAGER,
			"PrepareForShutdownWithMetadata", announced, d);
	if (r < 0) {
		wb_bus_fail(err, r, &SD_BUS_ERROR_NULL, "cannot listen to systemd-logind");
		wb_delay_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void wb_delay_free(struct wb_delay *d)
{
	if (!d)
		return;
	wb_delay_release(d);
	wb_bus_close(&d->bus);
	free(d);
}

int wb_delay_take(struct wb_delay *d, struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int fd, r;

	if (d->lock >= 0)
		return 0;
	r = sd_bus_call_method(d->bus, LOGIND, LOGIND_PATH, LOGIND_MANAGER, "Inhibit", &e, &reply,
		"ssss", "shutdown", "warmboot", "Kept services are made ready for a jump", "delay");
	if (r >= 0)
		r = sd_bus_message_read(reply, "h", &fd);
	/* The message owns its own descriptor. */
	if (r >= 0) {
		d->lock = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		r = d->lock < 0 ? -errno : 0;
	}
	sd_bus_message_unref(reply);
	return r < 0 ? wb_bus_fail(err, r, &e, "systemd-logind gives no delay lock") : 0;
}

void wb_delay_release(struct wb_delay *d)
{
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
}

int wb_delay_limit(struct wb_delay *d, uint64_t *ret_us, struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	int r = sd_bus_get_property_trivial(d->bus, LOGIND, LOGIND_PATH, LOGIND_MANAGER,
		"InhibitDelayMaxUSec", &e, 't', ret_us);

	return r < 0 ? wb_bus_fail(err, r, &e, "cannot ask systemd-logind how long it waits") : 0;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int wb_delay_wait(struct wb_delay *d, unsigned ms, enum wb_delay_event *ret, struct wb_error *err)
{
	uint64_t end = now_us() + (uint64_t)ms * 1000, now;
	int r = 0;

	while (r >= 0 && !d->event) {
		r = sd_bus_process(d->bus, NULL);
		if (r != 0)
			continue;
		now = now_us();
		if (now >= end)
			break;
		r = sd_bus_wait(d->bus, end - now);
		if (r == -EINTR)
			r = 0;
	}
	if (r < 0)
		return wb_bus_fail(err, r, &SD_BUS_ERROR_NULL,
			"systemd-logind cannot be listened to any more");
	*ret = d->event;
	d->event = WB_DELAY_NOTHING;
	return 0;
}
