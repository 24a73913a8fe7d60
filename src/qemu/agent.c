// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The guest agent (docs/interop/qemu-ga-ref.rst of QEMU). All that it says comes from the guest. It knows no numbers of
 * commands before QEMU 3.0, so they are spoken one after the other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "qemu/agent.h"
#include "sys/clock.h"

/* For all of the conversation. In the guest, hwclock(8) waits for the next full second. */
#define MOST_MS 5000

/* Has somebody in the guest opened the channel? */
static int is_open(struct wb_qmp *q, const char *chardev, struct wb_error *err)
{
	json_t *list = NULL, *item;
	bool open = false;
	size_t i;
	int r = wb_qmp_call(q, "query-chardev", NULL, &list, err);

	json_array_foreach(list, i, item)
	{
		const char *label = json_string_value(json_object_get(item, "label"));

		if (label && !strcmp(label, chardev))
			open = json_is_true(json_object_get(item, "frontend-open"));
	}
	json_decref(list);
	return r < 0 ? r : open;
}

/* The next object. Lines that are none were meant for another client. A guest may say something all the time. */
static int hear(struct wb_qmp *agent, int64_t end_ms, json_t **ret, struct wb_error *err)
{
	int r;

	do {
		if (wb_now_ms() >= end_ms)
			return wb_fail(err, -ETIMEDOUT,
				"the guest's agent does not answer within %d s", MOST_MS / 1000);
		r = wb_qmp_hear(agent, end_ms, ret, err);
	} while (r == -EPROTO);
	return r;
}

/* The agent answers with the number, after all that it still had to say. */
static int synchronise(struct wb_qmp *agent, int64_t end_ms, struct wb_error *err)
{
	json_int_t number = wb_now_ms() & INT32_MAX;
	char line[96];
	int r;

	snprintf(line, sizeof(line),
		"{\"execute\": \"guest-sync\", \"arguments\": {\"id\": %" JSON_INTEGER_FORMAT
		"}}\n",
		number);
	r = wb_qmp_say(agent, line, err);
	while (r == 0) {
		json_t *o = NULL, *value;
		bool found;

		r = hear(agent, end_ms, &o, err);
		value = json_object_get(o, "return");
		found = json_is_integer(value) && json_integer_value(value) == number;
		json_decref(o);
		if (found)
			return 0;
	}
	return r;
}

static int set_time(
	struct wb_qmp *agent, const struct wb_sys *sys, int64_t end_ms, struct wb_error *err)
{
	json_t *o = NULL;
	const char *why;
	char line[128];
	int r;

	snprintf(line, sizeof(line),
		"{\"execute\": \"guest-set-time\", \"arguments\": {\"time\": %" PRIu64 "}}\n",
		sys->wall_ns(sys->ctx));
	r = wb_qmp_say(agent, line, err);
	if (r == 0)
		r = hear(agent, end_ms, &o, err);
	why = json_string_value(json_object_get(json_object_get(o, "error"), "desc"));
	if (r == 0 && !json_object_get(o, "return"))
		r = wb_fail(err, -EREMOTEIO, "the guest's agent refuses to set the clock: %.200s",
			why ? why : "no reason given");
	json_decref(o);
	return r;
}

int wb_guest_set_time(struct wb_qmp *q, pid_t pid, const struct wb_qemu_args *args,
	const struct wb_sys *sys, struct wb_error *err)
{
	int64_t end_ms = wb_now_ms() + MOST_MS;
	WB_CLEAN_QMP agent = NULL;
	int r = args->agent ? is_open(q, args->agent_chardev, err) : 0;

	if (r <= 0)
		return r;
	r = wb_qmp_open_agent(pid, args->agent, MOST_MS, &agent, err);
	if (r == 0)
		r = synchronise(agent, end_ms, err);
	return r == 0 ? set_time(agent, sys, end_ms, err) : r;
}
