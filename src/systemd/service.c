// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading a service from PID 1, and what its state means. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "systemd/bus.h"
#include "systemd/properties.h"
#include "systemd/service.h"

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

/* `known`: its definition was read before; NULL: it was not. */
static int read_unit(sd_bus *bus, const char *name, const struct wb_service *known,
	struct wb_service *u, sd_bus_error *e)
{
	sd_bus_message *m = NULL;
	const char *path = NULL;
	int r;

	/* Use LoadUnit(), because GetUnit() knows only loaded units. */
	r = sd_bus_call_method(bus, WB_BUS_SYSTEMD, WB_BUS_MANAGER_PATH, WB_BUS_MANAGER, "LoadUnit",
		e, &m, "s", name);
	if (r >= 0)
		r = sd_bus_message_read(m, "o", &path);
	if (r >= 0 && known)
		r = wb_properties_copy(known, u);
	if (r >= 0)
		r = wb_properties_read(bus, path, known, u, e);
	if (r >= 0 && u->stored_fds)
		r = read_stored(bus, name, &u->stored);
	sd_bus_message_unref(m);
	return r;
}

static int read_over(sd_bus *bus, const char *name, const struct wb_service *known,
	struct wb_service *ret, struct wb_error *err)
{
	WB_CLEAN_BUS_ERROR e = SD_BUS_ERROR_NULL;
	WB_CLEAN_SERVICE u = {};
	int r = read_unit(bus, name, known, &u, &e);

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

	return r < 0 ? r : read_over(bus, name, NULL, ret, err);
}

/* A unit that was read before. */
struct known {
	char *name;
	struct wb_service unit;
};

/* One connection for many reads. */
struct link {
	pthread_mutex_t lock;
	sd_bus *bus; /* NULL: not open */
	WB_LIST(struct known) known;
};

static void forget(struct link *l)
{
	for (size_t i = 0; i < l->known.n; i++) {
		free(l->known.items[i].name);
		wb_service_deinit(&l->known.items[i].unit);
	}
	free(l->known.items);
	l->known.items = NULL;
	l->known.n = 0;
}

static const struct wb_service *find_known(const struct link *l, const char *name)
{
	for (size_t i = 0; i < l->known.n; i++)
		if (!strcmp(l->known.items[i].name, name))
			return &l->known.items[i].unit;
	return NULL;
}

/* Without memory, the unit is read as a whole again. */
static void remember(struct link *l, const char *name, const struct wb_service *u)
{
	struct known k = {.name = strdup(name)}, *slot = NULL;

	if (k.name && wb_properties_copy(u, &k.unit) == 0)
		slot = wb_list_add(&l->known, sizeof(*slot));
	if (slot) {
		*slot = k;
	} else {
		wb_service_deinit(&k.unit);
		free(k.name);
	}
}

static int read_known(
	struct link *l, const char *name, struct wb_service *ret, struct wb_error *err)
{
	const struct wb_service *known = find_known(l, name);
	int r = read_over(l->bus, name, known, ret, err);

	if (r == 0 && !known)
		remember(l, name, ret);
	return r;
}

/*
 * systemd may have closed the connection, when it was reloaded for example. So a new one is tried once; the definitions
 * may be others then.
 */
static int link_read(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	struct link *l = ctx;
	int r = -EIO;

	pthread_mutex_lock(&l->lock);
	if (l->bus)
		r = read_known(l, name, ret, err);
	if (r == -EIO) {
		wb_bus_close(&l->bus);
		forget(l);
		r = open_bus(name, &l->bus, err);
		if (r >= 0)
			r = read_known(l, name, ret, err);
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

static void link_close(void *ctx)
{
	struct link *l = ctx;

	wb_bus_close(&l->bus);
	forget(l);
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
