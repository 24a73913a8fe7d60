// SPDX-License-Identifier: LGPL-2.1-or-later
/* The properties of a unit that PID 1 is asked for, and where they go in struct wb_service. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "systemd/properties.h"

#define UNIT WB_BUS_UNIT
#define SERVICE WB_BUS_SERVICE
#define SOCKET WB_BUS_SOCKET

static const struct {
	const char *interface, *name;
	char type; /* 's', 'b', 'u', 't'; 'a': array of strings; 'p': of pairs; 'c': is there any command?
		    'e': the words of the only one */
	size_t offset;
	bool changes; /* without a new definition of the unit */
} properties[] = {
	{UNIT, "Id", 's', offsetof(struct wb_service, id)},
	{UNIT, "LoadState", 's', offsetof(struct wb_service, load), true},
	{UNIT, "ActiveState", 's', offsetof(struct wb_service, active), true},
	{UNIT, "SubState", 's', offsetof(struct wb_service, sub), true},
	{SERVICE, "Result", 's', offsetof(struct wb_service, result), true},
	{UNIT, "UnitFileState", 's', offsetof(struct wb_service, file_state)},
	{UNIT, "FragmentPath", 's', offsetof(struct wb_service, fragment)},
	{UNIT, "DropInPaths", 'a', offsetof(struct wb_service, dropins)},
	{UNIT, "TriggeredBy", 'a', offsetof(struct wb_service, triggered_by)},
	{UNIT, "After", 'a', offsetof(struct wb_service, after)},
	{UNIT, "Requires", 'a', offsetof(struct wb_service, required)},
	{UNIT, "Requisite", 'a', offsetof(struct wb_service, requisite)},
	{UNIT, "BindsTo", 'a', offsetof(struct wb_service, bound)},
	{UNIT, "PartOf", 'a', offsetof(struct wb_service, part_of)},
	{UNIT, "StopPropagatedFrom", 'a', offsetof(struct wb_service, stop_propagated_from)},
	{UNIT, "JoinsNamespaceOf", 'a', offsetof(struct wb_service, joins)},
	{UNIT, "Conflicts", 'a', offsetof(struct wb_service, conflicts)},
	{SERVICE, "Type", 's', offsetof(struct wb_service, type)},
	{SERVICE, "User", 's', offsetof(struct wb_service, user)},
	{SERVICE, "Group", 's', offsetof(struct wb_service, group)},
	{SERVICE, "UID", 'u', offsetof(struct wb_service, uid), true},
	{SERVICE, "GID", 'u', offsetof(struct wb_service, gid), true},
	{SERVICE, "MainPID", 'u', offsetof(struct wb_service, main_pid), true},
	{SERVICE, "ControlGroup", 's', offsetof(struct wb_service, cgroup), true},
	{SERVICE, "PIDFile", 's', offsetof(struct wb_service, pid_file)},
	{SERVICE, "RootDirectory", 's', offsetof(struct wb_service, root_directory)},
	{SERVICE, "RootImage", 's', offsetof(struct wb_service, root_image)},
	{SERVICE, "ProcSubset", 's', offsetof(struct wb_service, proc_subset)},
	{SERVICE, "PrivateUsersEx", 's', offsetof(struct wb_service, private_users)},
	{SERVICE, "PrivatePIDs", 's', offsetof(struct wb_service, private_pids)},
	{SERVICE, "NetworkNamespacePath", 's', offsetof(struct wb_service, network_namespace)},
	{SERVICE, "TTYPath", 's', offsetof(struct wb_service, tty)},
	{SERVICE, "StandardInput", 's', offsetof(struct wb_service, standard_input)},
	{SERVICE, "RuntimeDirectory", 'a', offsetof(struct wb_service, runtime_directories)},
	{SERVICE, "PrivateUsers", 'b', offsetof(struct wb_service, private_users_on)},
	{SERVICE, "DynamicUser", 'b', offsetof(struct wb_service, dynamic_user)},
	{SERVICE, "Delegate", 'b', offsetof(struct wb_service, delegate)},
	{SERVICE, "ProtectHostname", 'b', offsetof(struct wb_service, protect_hostname)},
	{SERVICE, "PrivateIPC", 'b', offsetof(struct wb_service, private_ipc)},
	{SERVICE, "PrivateNetwork", 'b', offsetof(struct wb_service, private_network)},
	{SERVICE, "PrivateTmp", 'b', offsetof(struct wb_service, private_tmp)},
	{SERVICE, "PrivateMounts", 'b', offsetof(struct wb_service, private_mounts)},
	{SERVICE, "ExecStart", 'e', offsetof(struct wb_service, command)},
	{SERVICE, "ExecStop", 'c', offsetof(struct wb_service, stops)},
	{SERVICE, "ExecStopPost", 'c', offsetof(struct wb_service, stops)},
	{SOCKET, "ExecStopPre", 'c', offsetof(struct wb_service, stops)},
	{SOCKET, "ExecStopPost", 'c', offsetof(struct wb_service, stops)},
	{SOCKET, "Accept", 'b', offsetof(struct wb_service, accepts)},
	{SOCKET, "Listen", 'p', offsetof(struct wb_service, listens)},
	{SERVICE, "NFileDescriptorStore", 'u', offsetof(struct wb_service, stored_fds), true},
	{SERVICE, "WatchdogUSec", 't', offsetof(struct wb_service, watchdog_us)},
};
#define N_PROPERTIES (sizeof(properties) / sizeof(*properties))

static void deinit_stored(wb_service_stored *stored)
{
	for (size_t i = 0; i < stored->n; i++) {
		free(stored->items[i].name);
		free(stored->items[i].link);
	}
	free(stored->items);
	*stored = (wb_service_stored){};
}

void wb_service_deinit(struct wb_service *u)
{
	for (size_t i = 0; i < N_PROPERTIES; i++) {
		void *at = (char *)u + properties[i].offset;

		if (properties[i].type == 's')
			free(*(char **)at);
		else if (strchr("ape", properties[i].type))
			wb_strv_deinit(at);
	}
	deinit_stored(&u->stored);
	*u = (struct wb_service){};
}

/* Strings and lists of `u` that it shares with another become its own. -ENOMEM: the others are empty. */
static int make_own(struct wb_service *u)
{
	int r = 0;

	for (size_t i = 0; i < N_PROPERTIES; i++) {
		void *at = (char *)u + properties[i].offset;

		if (properties[i].type == 's' && *(char **)at) {
			*(char **)at = r == 0 ? strdup(*(char **)at) : NULL;
			if (!*(char **)at)
				r = -ENOMEM;
		} else if (strchr("ape", properties[i].type)) {
			struct wb_strv *list = at, from = *list;

			*list = (struct wb_strv){};
			for (size_t k = 0; r == 0 && k < from.n; k++)
				r = wb_strv_add(list, from.items[k]);
		}
	}
	return r;
}

int wb_properties_copy(const struct wb_service *from, struct wb_service *ret)
{
	WB_CLEAN_SERVICE u = *from;
	int r;

	u.stored = (wb_service_stored){};
	r = make_own(&u);
	if (r < 0)
		return r;
	*ret = u;
	u = (struct wb_service){};
	return 0;
}

static int read_strings(sd_bus_message *m, struct wb_strv *ret)
{
	const char *text;
	int r = sd_bus_message_enter_container(m, 'a', "s");

	while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0)
		r = wb_strv_add(ret, text);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Each pair becomes "FIRST SECOND". */
static int read_pairs(sd_bus_message *m, struct wb_strv *ret)
{
	const char *first, *second;
	int r = sd_bus_message_enter_container(m, 'a', "(ss)");

	while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &first, &second)) > 0)
		r = wb_strv_addf(ret, "%s %s", first, second);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Several properties with commands set the same field. */
static int read_commands(sd_bus_message *m, bool *ret)
{
	int r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");

	while (r >= 0 && (r = sd_bus_message_skip(m, "(sasbttttuii)")) > 0)
		*ret = true;
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Path, words, and much that is of no use here. Of several commands none is read. */
static int read_command(sd_bus_message *m, struct wb_strv *ret)
{
	const char *path;
	int n = 0, r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
		n++;
		r = sd_bus_message_read(m, "s", &path);
		if (r >= 0)
			r = wb_strv_add(ret, path);
		if (r >= 0)
			r = read_strings(m, ret);
		if (r >= 0)
			r = sd_bus_message_skip(m, "bttttuii");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (n > 1)
		wb_strv_deinit(ret);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_text(sd_bus_message *m, char **ret)
{
	const char *text;
	int r = sd_bus_message_read(m, "s", &text);

	if (r < 0)
		return r;
	free(*ret);
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* sd-bus returns an int for a boolean; struct wb_service has a bool. */
static int read_truth(sd_bus_message *m, bool *ret)
{
	int truth, r = sd_bus_message_read(m, "b", &truth);

	if (r >= 0)
		*ret = truth;
	return r;
}

static int read_value(sd_bus_message *m, char type, void *at)
{
	switch (type) {
	case 's':
		return read_text(m, at);
	case 'a':
		return read_strings(m, at);
	case 'p':
		return read_pairs(m, at);
	case 'c':
		return read_commands(m, at);
	case 'e':
		return read_command(m, at);
	case 'b':
		return read_truth(m, at);
	default:
		return sd_bus_message_read_basic(m, type, at);
	}
}

static const char *signature(const char *type)
{
	switch (*type) {
	case 'a':
		return "as";
	case 'p':
		return "a(ss)";
	case 'c':
	case 'e':
		return "a(sasbttttuii)";
	default:
		return type;
	}
}

/* Questions about all properties of a unit, of which `left` have no answer yet. */
struct asking {
	struct wb_service *unit;
	size_t left;
	int failed; /* the first negative errno */
	sd_bus_error *e;
};

struct question {
	struct asking *asking;
	size_t i; /* of properties[] */
};

/*
 * The property is newer than this systemd, or does not exist for this type of unit. That is no failure, and its field
 * stays empty.
 */
static bool is_unknown(const sd_bus_error *e)
{
	return sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_PROPERTY) ||
	       sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_INTERFACE);
}

static int read_answer(sd_bus_message *m, const struct question *q)
{
	const char type[] = {properties[q->i].type, '\0'};
	const sd_bus_error *e = sd_bus_message_get_error(m);
	int r;

	if (e && is_unknown(e))
		return 0;
	if (e)
		return sd_bus_error_copy(q->asking->e, e);
	r = sd_bus_message_enter_container(m, 'v', signature(type));
	return r < 0 ? r : read_value(m, *type, (char *)q->asking->unit + properties[q->i].offset);
}

static int take_answer(sd_bus_message *m, void *ctx, sd_bus_error *e)
{
	struct question *q = ctx;
	int r = read_answer(m, q);

	q->asking->left--;
	if (r < 0 && !q->asking->failed)
		q->asking->failed = r;
	return 0;
}

/* Wait for all answers. The connection ends if PID 1 is executed again, for example. */
static int take_answers(sd_bus *bus, struct asking *a)
{
	while (a->left) {
		int r = sd_bus_process(bus, NULL);

		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r < 0)
			return r;
	}
	return a->failed;
}

/*
 * All questions are on their way before the first answer is read. One after the other they took three times as long:
 * each waited for PID 1 anew.
 */
int wb_properties_read(
	sd_bus *bus, const char *path, bool again, struct wb_service *u, sd_bus_error *e)
{
	sd_bus_slot *slots[N_PROPERTIES] = {};
	struct question questions[N_PROPERTIES];
	struct asking a = {.unit = u, .e = e};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < N_PROPERTIES; i++) {
		if (again && !properties[i].changes)
			continue;
		questions[i] = (struct question){&a, i};
		r = sd_bus_call_method_async(bus, &slots[i], WB_BUS_SYSTEMD, path,
			"org.freedesktop.DBus.Properties", "Get", take_answer, &questions[i], "ss",
			properties[i].interface, properties[i].name);
		a.left += r >= 0;
	}
	if (r >= 0)
		r = take_answers(bus, &a);
	/* No answer finds these structures later. */
	for (size_t i = 0; i < N_PROPERTIES; i++)
		sd_bus_slot_unref(slots[i]);
	return r;
}
