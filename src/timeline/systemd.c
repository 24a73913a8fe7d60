// SPDX-License-Identifier: LGPL-2.1-or-later
/* What systemd and its journal know of when things happened. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-journal.h>

#include "timeline/gather.h"
#include "sys/connect.h"

#define NAME "org.freedesktop.systemd1"
#define MANAGER NAME ".Manager"
#define PATH "/org/freedesktop/systemd1"

/* systemd/sd-messages.h: a unit's job of stopping began, ended; one of starting ended. */
#define STOPPING "de5b426a63be47a7b6ac3eaac82e2f6f"
#define STOPPED "9d1aaa27d60140bd96365438aad20286"
#define STARTED "39f53479d3a045ac8e11786248231fbf"

/* A shutdown has some hundred; more than this, and it is the uptime before that is being read. */
#define MOST_EVENTS 4000

static int user_times(void *ctx, struct wb_user_times *ret)
{
	struct wb_user_times t = {};
	const struct {
		const char *name;
		uint64_t *to;
	} wanted[] = {
		{"FirmwareTimestampMonotonic", &t.firmware_us},
		{"LoaderTimestampMonotonic", &t.loader_us},
		{"InitRDTimestampMonotonic", &t.initrd_us},
		{"UserspaceTimestampMonotonic", &t.userspace_us},
		{"FinishTimestampMonotonic", &t.finish_us},
	};
	sd_bus *bus = NULL;
	int r = wb_manager_connect(WB_MANAGER_SYSTEM, &bus);

	for (size_t i = 0; r >= 0 && i < sizeof(wanted) / sizeof(*wanted); i++)
		r = sd_bus_get_property_trivial(
			bus, NAME, PATH, MANAGER, wanted[i].name, NULL, 't', wanted[i].to);
	sd_bus_flush_close_unref(bus);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}

static int active_since(void *ctx, const char *unit, uint64_t *ret_us)
{
	sd_bus_message *m = NULL;
	const char *path;
	char *state = NULL;
	sd_bus *bus = NULL;
	uint64_t us = 0;
	int r = wb_manager_connect(WB_MANAGER_SYSTEM, &bus);

	if (r >= 0)
		r = sd_bus_call_method(bus, NAME, PATH, MANAGER, "GetUnit", NULL, &m, "s", unit);
	if (r >= 0)
		r = sd_bus_message_read(m, "o", &path);
	if (r >= 0)
		r = sd_bus_get_property_string(
			bus, NAME, path, NAME ".Unit", "SubState", NULL, &state);
	/* A service, a target. One that has "exited" is active, and has nobody who could answer. */
	if (r >= 0 && (!strcmp(state, "running") || !strcmp(state, "active")))
		r = sd_bus_get_property_trivial(bus, NAME, path, NAME ".Unit",
			"ActiveEnterTimestampMonotonic", NULL, 't', &us);
	free(state);
	sd_bus_message_unref(m);
	sd_bus_flush_close_unref(bus);
	if (r < 0)
		return r;
	*ret_us = us;
	return 0;
}

/* Both spellings, with and without dashes. */
static int parse_boot(const char *boot, sd_id128_t *ret)
{
	return sd_id128_from_string(boot, ret);
}

static void boot_text(sd_id128_t id, char ret[40])
{
	char hex[SD_ID128_STRING_MAX];

	sd_id128_to_string(id, hex);
	snprintf(ret, 40, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static int previous_boot(void *ctx, const char *boot, char ret[40])
{
	sd_journal *j = NULL;
	sd_id128_t this, that;
	uint64_t us;
	int r = parse_boot(boot, &this);

	if (r >= 0)
		r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r >= 0)
		r = sd_journal_seek_monotonic_usec(j, this, 0);
	/* Lands on this boot's first entry: what is before it was another boot's last. */
	if (r >= 0)
		r = sd_journal_next(j);
	if (r > 0)
		r = sd_journal_previous(j);
	if (r > 0)
		r = sd_journal_get_monotonic_usec(j, &us, &that);
	else if (r == 0)
		r = -ENOENT;
	sd_journal_close(j);
	if (r < 0)
		return r;
	if (sd_id128_equal(this, that))
		return -ENOENT;
	boot_text(that, ret);
	return 0;
}

/* The value of "FIELD=value" in the current entry. */
static void entry_field(sd_journal *j, const char *field, char *ret, size_t size)
{
	size_t length, n = strlen(field);
	const void *data;

	ret[0] = '\0';
	if (sd_journal_get_data(j, field, &data, &length) < 0 || length <= n)
		return;
	snprintf(ret, size, "%.*s", (int)(length - n - 1), (const char *)data + n + 1);
}

static bool read_event(sd_journal *j, struct wb_event *ret)
{
	static const struct {
		const char *id;
		enum wb_event_kind kind;
	} kinds[] = {
		{STOPPING, WB_EVENT_STOPPING},
		{STOPPED, WB_EVENT_STOPPED},
		{STARTED, WB_EVENT_REACHED},
	};
	struct wb_event e = {};
	sd_id128_t boot;
	uint64_t mono, wall;
	char id[40];

	if (sd_journal_get_monotonic_usec(j, &mono, &boot) < 0 ||
		sd_journal_get_realtime_usec(j, &wall) < 0)
		return false;
	e.mono_us = (int64_t)mono;
	e.wall_us = (int64_t)wall;
	entry_field(j, "UNIT", e.unit, sizeof(e.unit));
	entry_field(j, "MESSAGE_ID", id, sizeof(id));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(id, kinds[i].id))
			e.kind = kinds[i].kind;
	if (!e.kind || !*e.unit)
		return false;
	*ret = e;
	return true;
}

static int match(sd_journal *j, const char *boot)
{
	static const char *const ids[] = {STOPPING, STOPPED, STARTED};
	char text[64];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(ids) / sizeof(*ids); i++) {
		snprintf(text, sizeof(text), "MESSAGE_ID=%s", ids[i]);
		r = sd_journal_add_match(j, text, 0);
	}
	if (r >= 0)
		r = sd_journal_add_match(j, "_PID=1", 0);
	snprintf(text, sizeof(text), "_BOOT_ID=%s", boot);
	return r < 0 ? r : sd_journal_add_match(j, text, 0);
}

/* From the end backwards, since only the end is wanted; then turned round. */
static int read_events(sd_journal *j, int64_t since_us, struct wb_events *ret)
{
	struct wb_events e = {.items = calloc(MOST_EVENTS, sizeof(*e.items))};
	int r;

	if (!e.items)
		return -ENOMEM;
	r = sd_journal_seek_tail(j);
	while (r >= 0 && e.n < MOST_EVENTS && (r = sd_journal_previous(j)) > 0) {
		if (!read_event(j, &e.items[e.n]))
			continue;
		if (e.items[e.n].mono_us < since_us)
			break;
		e.n++;
	}
	if (r < 0) {
		wb_events_deinit(&e);
		return r;
	}
	for (size_t i = 0; i < e.n / 2; i++) {
		struct wb_event swap = e.items[i];

		e.items[i] = e.items[e.n - 1 - i];
		e.items[e.n - 1 - i] = swap;
	}
	*ret = e;
	return 0;
}

static int events(void *ctx, const char *boot, int64_t since_us, struct wb_events *ret)
{
	char hex[SD_ID128_STRING_MAX];
	sd_journal *j = NULL;
	sd_id128_t id;
	int r = parse_boot(boot, &id);

	if (r >= 0)
		r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r >= 0)
		r = match(j, sd_id128_to_string(id, hex));
	if (r >= 0)
		r = read_events(j, since_us, ret);
	sd_journal_close(j);
	return r < 0 ? r : 0;
}

const struct wb_sources wb_sources_systemd = {
	.user_times = user_times,
	.active_since = active_since,
	.previous_boot = previous_boot,
	.events = events,
};
