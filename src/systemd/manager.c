// SPDX-License-Identifier: LGPL-2.1-or-later
/* struct wb_manager over the private socket of a manager, which needs no bus daemon. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "systemd/bus.h"
#include "systemd/manager.h"
#include "systemd/runtime.h"

#define SERVICE WB_BUS_SYSTEMD
#define MANAGER_PATH WB_BUS_MANAGER_PATH
#define MANAGER WB_BUS_MANAGER
#define UNIT WB_BUS_UNIT
/* A reload runs every generator; systemctl(1) waits as long. */
#define RELOAD_USEC (180 * 1000000ull)

/* A job that ended before wait() asked for it. */
struct ended {
	char *job, *result;
	struct ended *next;
};

struct bus {
	sd_bus *bus;
	struct ended *ended;
};

static void ended_free(struct ended *e)
{
	free(e->job);
	free(e->result);
	free(e);
}

static void bus_close(void *ctx)
{
	struct bus *b = ctx;

	while (b->ended) {
		struct ended *e = b->ended;

		b->ended = e->next;
		ended_free(e);
	}
	sd_bus_flush_close_unref(b->bus);
	free(b);
}

static int on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *unused)
{
	struct bus *b = arg;
	const char *job, *unit, *result;
	struct ended *e, **at = &b->ended;
	uint32_t id;

	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0)
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->job = strdup(job);
	e->result = strdup(result);
	if (!e->job || !e->result) {
		ended_free(e);
		return -ENOMEM;
	}
	while (*at)
		at = &(*at)->next;
	*at = e;
	return 0;
}

/* Is the unit down, with a start queued? */
static bool is_queued(const char *active, const char *job_type)
{
	return (!strcmp(job_type, "start") || !strcmp(job_type, "restart")) &&
	       (!strcmp(active, "inactive") || !strcmp(active, "failed") ||
		       !strcmp(active, "deactivating"));
}

static int read_list(sd_bus_message *m, wb_unit_add *add, void *arg)
{
	const char *name, *description, *load, *active, *sub, *following, *path, *type, *job_path;
	uint32_t job;
	int r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");

	while (r >= 0) {
		struct wb_unit *u;

		r = sd_bus_message_read(m, "(ssssssouso)", &name, &description, &load, &active,
			&sub, &following, &path, &job, &type, &job_path);
		if (r <= 0)
			break;
		/* Skip an alias: a device has one unit for each of its names. */
		if (*following)
			continue;
		r = add(arg, name, &u);
		if (r < 0)
			break;
		if (is_queued(active, type)) {
			active = "activating";
			sub = "queued";
		}
		u->active = strdup(active);
		u->sub = strdup(sub);
		/* The unit file was in an initramfs, or was removed. */
		if (!strcmp(load, "not-found"))
			u->state = strdup(load);
		if (!u->active || !u->sub)
			r = -ENOMEM;
	}
	return r;
}

static int bus_list(void *ctx, wb_unit_add *add, void *arg, struct wb_error *err)
{
	struct bus *b = ctx;
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_call_method(
		b->bus, SERVICE, MANAGER_PATH, MANAGER, "ListUnits", &e, &m, NULL);

	if (r >= 0)
		r = read_list(m, add, arg);
	sd_bus_message_unref(m);
	if (r < 0)
		return wb_bus_fail(err, r, &e, "systemd does not list its units");
	return 0;
}

static int take_string(sd_bus_message *m, char **ret)
{
	const char *value;
	int r = sd_bus_message_read(m, "v", "s", &value);

	if (r < 0)
		return r;
	free(*ret);
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

static int take_bool(sd_bus_message *m, bool *ret)
{
	int value, r = sd_bus_message_read(m, "v", "b", &value);

	if (r >= 0)
		*ret = value;
	return r;
}

static int take_list(sd_bus_message *m, struct wb_strv *ret)
{
	const char *value;
	int r = sd_bus_message_enter_container(m, 'v', "as");

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0) {
		r = sd_bus_message_read(m, "s", &value);
		if (r <= 0)
			break;
		r = wb_strv_add(ret, value);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r;
}

/* The reverse dependencies of a unit that start it. */
static const char *const askers[] = {"WantedBy", "RequiredBy", "BoundBy", NULL};

static bool is_asker(const char *name)
{
	for (const char *const *at = askers; *at; at++)
		if (!strcmp(name, *at))
			return true;
	return false;
}

static int take_askers(sd_bus_message *m, bool *ret)
{
	WB_CLEAN_STRV list = {};
	int r = take_list(m, &list);

	*ret |= list.n > 0;
	return r;
}

static int take_type(sd_bus_message *m, bool *ret_oneshot)
{
	const char *value;
	int r = sd_bus_message_read(m, "v", "s", &value);

	if (r >= 0)
		*ret_oneshot = !strcmp(value, "oneshot");
	return r;
}

/* Is this a property of services only? */
static bool is_of_service(const char *name)
{
	return !strcmp(name, "BusName") || !strcmp(name, "Type");
}

static int take_property(
	sd_bus_message *m, const char *name, struct wb_unit *u, struct wb_unit_facts *facts)
{
	bool can_start;
	int r;

	if (!strcmp(name, "UnitFileState"))
		return take_string(m, &u->state);
	if (!strcmp(name, "FragmentPath"))
		return take_string(m, &u->fragment);
	if (!strcmp(name, "After"))
		return take_list(m, &u->after);
	if (!strcmp(name, "TriggeredBy"))
		return take_list(m, &u->triggered_by);
	if (!strcmp(name, "BusName"))
		return take_string(m, &facts->bus_name);
	if (!strcmp(name, "Type"))
		return take_type(m, &facts->oneshot);
	if (is_asker(name))
		return take_askers(m, &facts->asked);
	if (!strcmp(name, "CanIsolate"))
		return take_bool(m, &facts->can_isolate);
	if (!strcmp(name, "CanStart")) {
		r = take_bool(m, &can_start);
		if (r >= 0)
			u->no_start = !can_start;
		return r;
	}
	return sd_bus_message_skip(m, "v");
}

#define MOST_QUESTIONS 10

/* A property to ask for. */
struct question {
	const char *name;
	struct wb_unit *unit;
	struct wb_unit_facts *facts;
	sd_bus_slot *slot;
	int *left, *result;
};

static int on_property(sd_bus_message *m, void *arg, sd_bus_error *unused)
{
	struct question *q = arg;
	int r = sd_bus_message_is_method_error(m, NULL)
			? -sd_bus_message_get_errno(m)
			: take_property(m, q->name, q->unit, q->facts);

	if (r < 0 && *q->result >= 0)
		*q->result = r;
	--*q->left;
	return 0;
}

static int wait_for_answers(struct bus *b, const int *left)
{
	while (*left) {
		int r = sd_bus_process(b->bus, NULL);

		if (r == 0)
			r = sd_bus_wait(b->bus, UINT64_MAX);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

/*
 * Ask for all properties at once, and only for these. A manager takes many times as long to list
 * everything about a unit.
 */
static int ask_properties(
	struct bus *b, const char *path, struct wb_unit *u, struct wb_unit_facts *facts)
{
	bool service = !strcmp(wb_unit_kind(u->name), "service");
	bool target = !strcmp(wb_unit_kind(u->name), "target");
	bool exited = u->sub && !strcmp(u->sub, "exited"), starting = wb_unit_is_starting(u);
	const char *names[MOST_QUESTIONS] = {"UnitFileState", "FragmentPath", "After", "CanStart"};
	struct question questions[MOST_QUESTIONS] = {};
	size_t n = 4;
	int left = 0, result = 0, r = 0;

	if (service && strchr(u->name, '@'))
		names[n++] = "TriggeredBy";
	if (target)
		names[n++] = "CanIsolate";
	if (service)
		names[n++] = "BusName";
	if (service && starting)
		names[n++] = "Type";
	for (size_t i = 0; (exited || starting) && askers[i]; i++)
		names[n++] = askers[i];
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct question *q = &questions[i];

		*q = (struct question){names[i], u, facts, NULL, &left, &result};
		r = sd_bus_call_method_async(b->bus, &q->slot, SERVICE, path,
			"org.freedesktop.DBus.Properties", "Get", on_property, q, "ss",
			is_of_service(names[i]) ? SERVICE ".Service" : UNIT, names[i]);
		left += r >= 0;
	}
	if (r >= 0)
		r = wait_for_answers(b, &left);
	for (size_t i = 0; i < n; i++)
		sd_bus_slot_unref(questions[i].slot);
	return r < 0 ? r : result;
}

/* "org.freedesktop.systemd1.Mount" for a mount. To be freed. */
static char *kind_interface(const char *unit)
{
	char *text;

	if (asprintf(&text, SERVICE ".%s", wb_unit_kind(unit)) < 0)
		return NULL;
	text[strlen(SERVICE ".")] ^= 'a' ^ 'A';
	return text;
}

static char *get_string(struct bus *b, const char *path, const char *unit, const char *property)
{
	WB_CLEAN_STR interface = kind_interface(unit);
	char *value = NULL;

	if (!interface || sd_bus_get_property_string(
				  b->bus, SERVICE, path, interface, property, NULL, &value) < 0)
		return NULL;
	return value;
}

static char *unit_path(const char *unit)
{
	char *path = NULL;

	return sd_bus_path_encode(MANAGER_PATH "/unit", unit, &path) < 0 ? NULL : path;
}

static int bus_facts(
	void *ctx, struct wb_unit *u, struct wb_unit_facts *facts, struct wb_error *err)
{
	struct bus *b = ctx;
	WB_CLEAN_STR path = unit_path(u->name);
	int r = path ? ask_properties(b, path, u, facts) : -ENOMEM;

	if (r < 0)
		return wb_fail(err, r, "systemd does not describe %s: %s", u->name, strerror(-r));
	if (!strcmp(wb_unit_kind(u->name), "mount")) {
		facts->where = get_string(b, path, u->name, "Where");
	} else if (!strcmp(wb_unit_kind(u->name), "swap")) {
		facts->what = get_string(b, path, u->name, "What");
		sd_bus_get_property_trivial(b->bus, SERVICE, path, SERVICE ".Swap", "Priority",
			NULL, 'i', &facts->priority);
	}
	return 0;
}

/*
 * A slice that is ordered after the new units and so keeps them loaded. Its name has no dash, so it
 * has no parents.
 */
#define HOLDER "warmbootreplay.slice"

static int put_transient(sd_bus_message *m, const struct wb_strv *names)
{
	int r = sd_bus_message_append(m, "ss", HOLDER, "fail");

	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "After");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_append_strv(m, names->items);
	for (int i = 0; r >= 0 && i < 3; i++)
		r = sd_bus_message_close_container(m);
	/* These units are made together with the slice, but only the slice is started. */
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sa(sv))");
	for (size_t i = 0; r >= 0 && i < names->n; i++)
		r = sd_bus_message_append(m, "(sa(sv))", names->items[i], 0);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r;
}

static int bus_make_transient(void *ctx, const struct wb_strv *names, struct wb_error *err)
{
	struct bus *b = ctx;
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		b->bus, &m, SERVICE, MANAGER_PATH, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = put_transient(m, names);
	if (r >= 0)
		r = sd_bus_call(b->bus, m, 0, &e, NULL);
	sd_bus_message_unref(m);
	if (r < 0)
		return wb_bus_fail(err, r, &e, "systemd makes no transient units");
	return 0;
}

static void bus_release(void *ctx)
{
	struct bus *b = ctx;

	sd_bus_call_method(b->bus, SERVICE, MANAGER_PATH, MANAGER, "StopUnit", NULL, NULL, "ss",
		HOLDER, "replace");
}

static int bus_reload(void *ctx, struct wb_error *err)
{
	struct bus *b = ctx;
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		b->bus, &m, SERVICE, MANAGER_PATH, MANAGER, "Reload");

	if (r >= 0)
		r = sd_bus_call(b->bus, m, RELOAD_USEC, &e, NULL);
	sd_bus_message_unref(m);
	if (r < 0)
		return wb_bus_fail(err, r, &e, "systemd does not read its unit files again");
	return 0;
}

static int bus_start(void *ctx, const char *unit, char **ret_job, struct wb_error *err)
{
	struct bus *b = ctx;
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	const char *job;
	/* "fail": do not start a unit if that would undo a queued job. */
	int r = sd_bus_call_method(
		b->bus, SERVICE, MANAGER_PATH, MANAGER, "StartUnit", &e, &m, "ss", unit, "fail");

	if (r >= 0)
		r = sd_bus_message_read(m, "o", &job);
	if (r >= 0) {
		*ret_job = strdup(job);
		r = *ret_job ? 0 : -ENOMEM;
	}
	sd_bus_message_unref(m);
	if (r < 0)
		return wb_bus_fail(err, r, &e, "systemd refuses to start it");
	return 0;
}

static uint64_t bus_now(void *ctx)
{
	struct timespec ts = {};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int bus_wait(
	void *ctx, uint64_t until, char **ret_job, char **ret_result, struct wb_error *err)
{
	struct bus *b = ctx;
	struct ended *e;

	while (!b->ended) {
		uint64_t now = bus_now(ctx);
		int r = sd_bus_process(b->bus, NULL);

		if (r == 0 && !b->ended) {
			if (now >= until)
				return 0;
			r = sd_bus_wait(b->bus, until - now);
		}
		if (r < 0 && r != -EINTR)
			return wb_fail(
				err, r, "systemd does not answer any more: %s", strerror(-r));
	}
	e = b->ended;
	b->ended = e->next;
	*ret_job = e->job;
	*ret_result = e->result;
	e->job = e->result = NULL;
	ended_free(e);
	return 1;
}

static bool bus_is_waiting(void *ctx, const char *job)
{
	struct bus *b = ctx;
	WB_CLEAN_STR state = NULL;

	if (sd_bus_get_property_string(
		    b->bus, SERVICE, job, SERVICE ".Job", "State", NULL, &state) < 0)
		return false;
	return !strcmp(state, "waiting");
}

static void bus_cancel(void *ctx, const char *job)
{
	struct bus *b = ctx;

	sd_bus_call_method(b->bus, SERVICE, job, SERVICE ".Job", "Cancel", NULL, NULL, NULL);
}

static char *bus_result(void *ctx, const char *unit)
{
	WB_CLEAN_STR path = unit_path(unit);

	return path ? get_string(ctx, path, unit, "Result") : NULL;
}

int wb_manager_open(int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	WB_CLEAN_STR dir = wb_runtime_dir(uid);
	struct bus *b = calloc(1, sizeof(*b));
	int r = b && dir ? wb_bus_open_manager(dir, &b->bus) : -ENOMEM;

	/* On the private socket no subscription is needed: all signals arrive. */
	if (r >= 0)
		r = sd_bus_match_signal(
			b->bus, NULL, NULL, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, b);
	if (r < 0) {
		if (b)
			bus_close(b);
		return wb_fail(err, r, "cannot reach systemd at %s/private: %s",
			dir ? dir : "its socket", strerror(-r));
	}
	*ret = (struct wb_manager){
		.ctx = b,
		.list = bus_list,
		.facts = bus_facts,
		.make_transient = bus_make_transient,
		.release = bus_release,
		.reload = bus_reload,
		.start = bus_start,
		.wait = bus_wait,
		.is_waiting = bus_is_waiting,
		.cancel = bus_cancel,
		.result = bus_result,
		.now_usec = bus_now,
		.close = bus_close,
	};
	return 0;
}
