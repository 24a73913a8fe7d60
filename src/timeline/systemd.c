// SPDX-License-Identifier: LGPL-2.1-or-later
/* Asking systemd and its journal for the times of events. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "core/text.h"
#include "timeline/gather.h"
#include "systemd/times.h"

/* Message ids of systemd/sd-messages.h, for a unit: its stop began, its stop ended, its start ended. */
#define STOPPING "de5b426a63be47a7b6ac3eaac82e2f6f"
#define STOPPED "9d1aaa27d60140bd96365438aad20286"
#define STARTED "39f53479d3a045ac8e11786248231fbf"

/* A shutdown has some hundred events; more than this belong to the uptime before it. */
#define MOST_EVENTS 4000

static int user_times(void *ctx, struct wb_user_times *ret)
{
	struct wb_user_times t = {};
	const struct wb_manager_time wanted[] = {
		{"FirmwareTimestampMonotonic", &t.firmware_us},
		{"LoaderTimestampMonotonic", &t.loader_us},
		{"InitRDTimestampMonotonic", &t.initrd_us},
		{"UserspaceTimestampMonotonic", &t.userspace_us},
		{"FinishTimestampMonotonic", &t.finish_us},
		{"GeneratorsStartTimestampMonotonic", &t.generators_from_us},
		{"GeneratorsFinishTimestampMonotonic", &t.generators_to_us},
	};
	int r = wb_manager_times(wanted, sizeof(wanted) / sizeof(*wanted));

	if (r == 0)
		*ret = t;
	return r;
}

static int active_since(void *ctx, const char *unit, uint64_t *ret_us)
{
	return wb_unit_active_since(unit, ret_us);
}

static int add_start(void *arg, const char *unit, const struct wb_unit_start *at)
{
	struct wb_starts *starts = arg;
	struct wb_start *s;

	/* A longer name is not that of a unit which somebody wrote. */
	if (strlen(unit) >= sizeof(s->unit))
		return 0;
	s = reallocarray(starts->items, starts->n + 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	starts->items = s;
	s += starts->n++;
	snprintf(s->unit, sizeof(s->unit), "%s", unit);
	s->at = *at;
	return 0;
}

static int starts(void *ctx, struct wb_starts *ret)
{
	struct wb_starts s = {};
	int r = wb_unit_starts(add_start, &s);

	if (r < 0) {
		wb_starts_deinit(&s);
		return r;
	}
	*ret = s;
	return 0;
}

static int after(void *ctx, const char *unit, struct wb_strv *ret)
{
	return wb_unit_after(unit, ret);
}

static int start_took(void *ctx, const char *unit, uint64_t *ret_us)
{
	return wb_unit_start_took(unit, ret_us);
}

/* Parse an id with or without dashes. */
static int parse_boot(const char *boot, sd_id128_t *ret)
{
	return sd_id128_from_string(boot, ret);
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
	/* This finds this boot's first entry; the entry before it is another boot's last. */
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
	wb_uuid_write(that.bytes, ret);
	return 0;
}

/* The first entry has the time before network time corrected the clock. */
static int began(void *ctx, const char *boot, int64_t *ret_us)
{
	sd_journal *j = NULL;
	sd_id128_t this, that;
	uint64_t mono, wall;
	int r = parse_boot(boot, &this);

	if (r >= 0)
		r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
	if (r >= 0)
		r = sd_journal_seek_monotonic_usec(j, this, 0);
	if (r >= 0)
		r = sd_journal_next(j);
	if (r == 0)
		r = -ENOENT;
	if (r > 0)
		r = sd_journal_get_monotonic_usec(j, &mono, &that);
	if (r >= 0)
		r = sd_journal_get_realtime_usec(j, &wall);
	sd_journal_close(j);
	if (r < 0)
		return r;
	if (!sd_id128_equal(this, that))
		return -ENOENT;
	*ret_us = (int64_t)wall - (int64_t)mono;
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

/* Read from the end backwards, since only the end is needed, and reverse the list. */
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
	.start_took = start_took,
	.starts = starts,
	.after = after,
	.previous_boot = previous_boot,
	.began = began,
	.events = events,
};
