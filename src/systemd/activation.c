// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which socket units can hand their sockets to a restored service. */
#include <errno.h>
#include <string.h>

#include "systemd/activation.h"
#include "systemd/spare.h"
#include "systemd/unit.h"

static bool is(const char *s, const char *want)
{
	return s && !strcmp(s, want);
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

bool wb_is_socket_unit(const char *unit)
{
	return is(wb_unit_kind(unit), "socket");
}

/* Generators write theirs again, and warmboot's own are for the shutdown only. */
static bool is_lost(const char *path)
{
	return path && starts(path, "/run/") && !starts(path, "/run/systemd/generator") &&
	       !starts(path, "/run/systemd/system.control/") && !strstr(path, WB_SPARE_NAME);
}

static const char *lost_file(const struct wb_service *socket)
{
	if (is_lost(socket->fragment))
		return socket->fragment;
	for (size_t i = 0; i < socket->dropins.n; i++)
		if (is_lost(socket->dropins.items[i]))
			return socket->dropins.items[i];
	return NULL;
}

/* A socket by TCP, UDP or Unix, or a FIFO, which CRIU opens again by its path. */
static bool can_be_handed(const char *listen)
{
	static const char *const kinds[] = {"Stream ", "Datagram ", "SequentialPacket ", "FIFO "};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (starts(listen, kinds[i]))
			return !starts(listen + strlen(kinds[i]), "vsock:");
	return false;
}

int wb_activation_judge(const struct wb_service *s, struct wb_error *err)
{
	const char *lost = lost_file(s);

	if (is(s->active, "inactive") &&
		(is(s->file_state, "disabled") || is(s->file_state, "masked")))
		return 0;
	if (!is(s->active, "active"))
		return wb_fail(err, -EOPNOTSUPP,
			"%s, which activates it, is %s, and may listen in its place in the next "
			"boot",
			s->id, s->active ? s->active : "not known");
	if (s->accepts)
		return wb_fail(err, -EOPNOTSUPP,
			"%s starts an instance of it for each connection (Accept=yes)", s->id);
	if (lost)
		return wb_fail(err, -EOPNOTSUPP,
			"%s activates it, and the next boot does not have %s", s->id, lost);
	for (size_t i = 0; i < s->listens.n; i++)
		if (!can_be_handed(s->listens.items[i]))
			return wb_fail(err, -EOPNOTSUPP,
				"%s activates it, and what that listens on cannot be handed over "
				"again: %s",
				s->id, s->listens.items[i]);
	return 1;
}

void wb_activation_deinit(struct wb_activation *a)
{
	wb_strv_deinit(&a->sockets);
	wb_strv_deinit(&a->why);
}

int wb_activation_find(
	const struct wb_services *services, const struct wb_service *of, struct wb_activation *ret)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < of->triggered_by.n; i++) {
		const char *unit = of->triggered_by.items[i];
		WB_CLEAN_SERVICE socket = {};
		struct wb_error why = {};

		if (!wb_is_socket_unit(unit))
			continue;
		r = services->read(services->ctx, unit, &socket, &why);
		if (r == 0)
			r = wb_activation_judge(&socket, &why);
		if (r > 0)
			r = wb_strv_add(&ret->sockets, unit);
		else if (r < 0 && r != -ENOMEM)
			r = wb_strv_add(&ret->why, why.text);
	}
	return r < 0 ? r : 0;
}
