// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading the properties of a service from PID 1. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "systemd/bus.h"
#include "systemd/service.h"

#define UNIT WB_BUS_UNIT
#define SERVICE WB_BUS_SERVICE
#define SOCKET WB_BUS_SOCKET

static const struct {
	const char *interface, *name;
	char type; /* 's', 'b', 'u', 't'; 'a': array of strings; 'p': of pairs; 'c': is there any command? */
	size_t offset;
} properties[] = {
	{UNIT, "Id", 's', offsetof(struct wb_service, id)},
	{UNIT, "LoadState", 's', offsetof(struct wb_service, load)},
	{UNIT, "ActiveState", 's', offsetof(struct wb_service, active)},
	{UNIT, "SubState", 's', offsetof(struct wb_service, sub)},
	{SERVICE, "Result", 's', offsetof(struct wb_service, result)},
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
	{UNIT, "Conflicts", 'a', offsetof(struct wb_service, conflicts)},
	{SERVICE, "Type", 's', offsetof(struct wb_service, type)},
	{SERVICE, "User", 's', offsetof(struct wb_service, user)},
	{SERVICE, "Group", 's', offsetof(struct wb_service, group)},
	{SERVICE, "UID", 'u', offsetof(struct wb_service, uid)},
	{SERVICE, "GID", 'u', offsetof(struct wb_service, gid)},
	{SERVICE, "MainPID", 'u', offsetof(struct wb_service, main_pid)},
	{SERVICE, "ControlGroup", 's', offsetof(struct wb_service, cgroup)},
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
	{SERVICE, "ExecStop", 'c', offsetof(struct wb_service, stops)},
	{SERVICE, "ExecStopPost", 'c', offsetof(struct wb_service, stops)},
	{SOCKET, "ExecStopPre", 'c', offsetof(struct wb_service, stops)},
	{SOCKET, "ExecStopPost", 'c', offsetof(struct wb_service, stops)},
	{SOCKET, "Accept", 'b', offsetof(struct wb_service, accepts)},
	{SOCKET, "Listen", 'p', offsetof(struct wb_service, listens)},
	{SERVICE, "NFileDescriptorStore", 'u', offsetof(struct wb_service, stored_fds)},
	{SERVICE, "WatchdogUSec", 't', offsetof(struct wb_service, watchdog_us)},
};
#define N_PROPERTIES (sizeof(properties) / sizeof(*properties))

void wb_service_deinit(struct wb_service *u)
{
	for (size_t i = 0; i < N_PROPERTIES; i++) {
		void *at = (char *)u + properties[i].offset;

		if (properties[i].type == 's')
			free(*(char **)at);
		else if (strchr("ap", properties[i].type))
			wb_strv_deinit(at);
	}
	for (size_t i = 0; i < u->stored.n; i++) {
		free(u->stored.items[i].name);
		free(u->stored.items[i].link);
	}
	free(u->stored.items);
	*u = (struct wb_service){};
}

static int get_strings(
	sd_bus *bus, const char *path, size_t i, sd_bus_error *e, struct wb_strv *ret)
{
	char **items = NULL;
	int r = sd_bus_get_property_strv(
		bus, WB_BUS_SYSTEMD, path, properties[i].interface, properties[i].name, e, &items);

	for (char **p = items; r >= 0 && p && *p; p++)
		r = wb_strv_add(ret, *p);
	for (char **p = items; p && *p; p++)
		free(*p);
	free(items);
	return r;
}

/* Each pair becomes "FIRST SECOND". */
static int get_pairs(sd_bus *bus, const char *path, size_t i, sd_bus_error *e, struct wb_strv *ret)
{
	const char *first, *second;
	sd_bus_message *m = NULL;
	int r = sd_bus_get_property(bus, WB_BUS_SYSTEMD, path, properties[i].interface,
		properties[i].name, e, &m, "a(ss)");

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "(ss)");
	while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &first, &second)) > 0)
		r = wb_strv_addf(ret, "%s %s", first, second);
	sd_bus_message_unref(m);
	return r;
}

/* Several properties with commands set the same field. */
static int get_commands(sd_bus *bus, const char *path, size_t i, sd_bus_error *e, bool *ret)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_get_property(bus, WB_BUS_SYSTEMD, path, properties[i].interface,
		properties[i].name, e, &m, "a(sasbttttuii)");

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
	if (r >= 0)
		r = sd_bus_message_at_end(m, false);
	if (r == 0)
		*ret = true;
	sd_bus_message_unref(m);
	return r;
}

static int get_property(sd_bus *bus, const char *path, size_t i, struct wb_service *u)
{
	const char *interface = properties[i].interface, *name = properties[i].name;
	void *at = (char *)u + properties[i].offset;
	sd_bus_error e = SD_BUS_ERROR_NULL;
	int r, truth = 0;

	switch (properties[i].type) {
	case 's':
		r = sd_bus_get_property_string(bus, WB_BUS_SYSTEMD, path, interface, name, &e, at);
		break;
	case 'a':
		r = get_strings(bus, path, i, &e, at);
		break;
	case 'p':
		r = get_pairs(bus, path, i, &e, at);
		break;
	case 'c':
		r = get_commands(bus, path, i, &e, at);
		break;
	case 'b':
		/* sd-bus returns an int for a boolean; struct wb_service has a bool. */
		r = sd_bus_get_property_trivial(
			bus, WB_BUS_SYSTEMD, path, interface, name, &e, 'b', &truth);
		if (r >= 0)
			*(bool *)at = truth;
		break;
	default:
		r = sd_bus_get_property_trivial(
			bus, WB_BUS_SYSTEMD, path, interface, name, &e, properties[i].type, at);
		break;
	}
	/*
	 * The property is newer than this systemd, or does not exist for this type of unit. That is
	 * no failure.
	 */
	if (sd_bus_error_has_name(&e, SD_BUS_ERROR_UNKNOWN_PROPERTY) ||
		sd_bus_error_has_name(&e, SD_BUS_ERROR_UNKNOWN_INTERFACE))
		r = 0;
	sd_bus_error_free(&e);
	return r;
}

static int add_stored(const char *name, const char *link, uint64_t inode, wb_service_stored *ret)
{
	struct wb_service_stored_fd *s = wb_list_add(ret, sizeof(*s));

	if (s)
		*s = (struct wb_service_stored_fd){strdup(name), strdup(link), (int64_t)inode};
	return s && s->name && s->link ? 0 : -ENOMEM;
}

/* Before systemd 254 there is no such method, and the list stays empty. */
static int read_stored(sd_bus *bus, const char *unit, wb_service_stored *ret)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	const char *name, *link;
	sd_bus_message *m = NULL;
	uint64_t inode;
	int r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER,
		"DumpUnitFileDescriptorStore", &e, &m, "s", unit);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = sd_bus_message_enter_container(m, 'a', "(suuutuusu)");
	/* Mode and device, then the device that a device file is of, and the flags, are of no use. */
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "suuutuusu")) > 0) {
		r = sd_bus_message_read(
			m, "suuutuusu", &name, NULL, NULL, NULL, &inode, NULL, NULL, &link, NULL);
		if (r >= 0)
			r = add_stored(name, link, inode, ret);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	sd_bus_message_unref(m);
	return r;
}

static int read_unit(sd_bus *bus, const char *name, struct wb_service *u, sd_bus_error *e)
{
	sd_bus_message *m = NULL;
	const char *path = NULL;
	int r;

	/* Use LoadUnit(), because GetUnit() knows only loaded units. */
	r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER, "LoadUnit",
		e, &m, "s", name);
	if (r >= 0)
		r = sd_bus_message_read(m, "o", &path);
	for (size_t i = 0; r >= 0 && i < N_PROPERTIES; i++)
		r = get_property(bus, path, i, u);
	if (r >= 0 && u->stored_fds)
		r = read_stored(bus, name, &u->stored);
	sd_bus_message_unref(m);
	return r;
}

static int read_over(sd_bus *bus, const char *name, struct wb_service *ret, struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	WB_CLEAN_SERVICE u = {};
	int r = read_unit(bus, name, &u, &e);

	if (r < 0)
		wb_fail(err, -EIO, "systemd does not tell of %s: %s", name,
			e.message ? e.message : strerror(-r));
	if (r < 0)
		return r == -ENOMEM || r == -EACCES || r == -EPERM ? r : -EIO;
	if (u.load && !strcmp(u.load, "not-found"))
		return wb_fail(err, -ENOENT, "systemd knows no unit %s", name);
	*ret = u;
	u = (struct wb_service){};
	return 0;
}

static int open_bus(const char *name, sd_bus **ret, struct wb_error *err)
{
	int r = wb_bus_open_manager(WB_MANAGER_SYSTEM, ret);

	if (r < 0)
		wb_fail(err, -EIO, "systemd does not tell of %s: %s", name, strerror(-r));
	return r >= 0 || r == -ENOMEM || r == -EACCES || r == -EPERM ? r : -EIO;
}

static int systemd_read(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	WB_CLEAN_BUS bus = NULL;
	int r = open_bus(name, &bus, err);

	return r < 0 ? r : read_over(bus, name, ret, err);
}

/* One connection for many reads. */
struct link {
	pthread_mutex_t lock;
	sd_bus *bus; /* NULL: not open */
};

/* systemd may have closed the connection, when it was reloaded for example. So a new one is tried once. */
static int link_read(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	struct link *l = ctx;
	int r = -EIO;

	pthread_mutex_lock(&l->lock);
	if (l->bus)
		r = read_over(l->bus, name, ret, err);
	if (r == -EIO) {
		wb_bus_close(&l->bus);
		r = open_bus(name, &l->bus, err);
		if (r >= 0)
			r = read_over(l->bus, name, ret, err);
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

static void link_close(void *ctx)
{
	struct link *l = ctx;

	wb_bus_close(&l->bus);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int link_open(struct wb_services *ret)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	*ret = (struct wb_services){.ctx = l, .read = link_read, .close = link_close};
	return 0;
}

void wb_services_open(const struct wb_services *services, struct wb_services *ret)
{
	if (!services->open || services->open(ret) < 0)
		*ret = (struct wb_services){.ctx = services->ctx, .read = services->read};
}

void wb_services_close(struct wb_services *services)
{
	if (services->close)
		services->close(services->ctx);
	*services = (struct wb_services){};
}

static bool is(const char *value, const char *what)
{
	return value && !strcmp(value, what);
}

bool wb_service_has_private_users(const struct wb_service *s)
{
	return s->private_users ? *s->private_users && !is(s->private_users, "no")
				: s->private_users_on;
}

bool wb_service_has_ended(const struct wb_services *services, const char *unit)
{
	WB_CLEAN_SERVICE s = {};
	int r = services->read(services->ctx, unit, &s, NULL);

	if (r < 0)
		return r == -ENOENT;
	return is(s.active, "inactive") && is(s.result, "success") &&
	       !is(s.file_state, "enabled") && !is(s.file_state, "enabled-runtime");
}

const struct wb_services wb_services_systemd = {.read = systemd_read, .open = link_open};
