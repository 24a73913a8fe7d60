// SPDX-License-Identifier: LGPL-2.1-or-later
/* The units and unit files of one manager, as a growing list, and checks of a user's list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/manager.h"

/* Room for one more of `size` bytes, doubling; items stay where they are on failure. */
static int grow(void *items, size_t n, size_t size, size_t most)
{
	void **at = items, *p;

	if (n >= most)
		return -E2BIG;
	/* The capacity is a power of two, or 0. */
	if (n & (n - 1))
		return 0;
	p = realloc(*at, (n ? 2 * n : 1) * size);
	if (!p)
		return -ENOMEM;
	*at = p;
	return 0;
}

static void unit_deinit(struct wb_unit *u)
{
	free(u->name);
	free(u->active);
	free(u->sub);
	free(u->state);
	free(u->fragment);
	free(u->cannot);
	wb_strv_deinit(&u->after);
	wb_strv_deinit(&u->triggered_by);
}

int wb_world_add_unit(struct wb_world *world, const char *name, struct wb_unit **ret)
{
	int r = grow(&world->units, world->n_units, sizeof(*world->units), WB_UNITS_MOST);
	struct wb_unit u = {};

	if (r < 0)
		return r;
	u.name = strdup(name);
	if (!u.name)
		return -ENOMEM;
	world->units[world->n_units] = u;
	*ret = &world->units[world->n_units++];
	return 0;
}

static void file_deinit(struct wb_unit_file *f)
{
	free(f->path);
	free(f->link);
	free(f->text);
}

int wb_world_add_file(
	struct wb_world *world, const char *path, const char *link, struct wb_bytes text)
{
	int r = grow(&world->files, world->n_files, sizeof(*world->files), WB_UNITS_MOST);
	struct wb_unit_file f = {.size = link ? 0 : text.size};

	if (r < 0)
		return r;
	f.path = strdup(path);
	if (link)
		f.link = strdup(link);
	else
		f.text = malloc(f.size + 1);
	if (!f.path || !(f.link || f.text)) {
		file_deinit(&f);
		return -ENOMEM;
	}
	if (f.size)
		memcpy(f.text, text.data, f.size);
	if (f.text)
		f.text[f.size] = 0;
	world->files[world->n_files++] = f;
	return 0;
}

void wb_world_shorten(struct wb_world *world, size_t units, size_t files)
{
	while (world->n_units > units)
		unit_deinit(&world->units[--world->n_units]);
	while (world->n_files > files)
		file_deinit(&world->files[--world->n_files]);
}

/*
 * Is this a valid name by systemd.unit(5): VALID_CHARS of src/basic/unit-name.h, a type, and at
 * most 255 characters?
 */
static bool is_unit_name(const char *name)
{
	static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";
	size_t n = strlen(name);

	return n && n <= 255 && strspn(name, valid) == n && *name != '.' && *wb_unit_kind(name);
}

static bool is_short(const char *text, size_t most)
{
	return !text || strlen(text) <= most;
}

int wb_world_check(const struct wb_world *world, struct wb_error *err)
{
	const char *rest;
	char dir[32];

	if (world->n_units > WB_USER_UNITS_MOST || world->n_files > WB_USER_UNITS_MOST)
		return wb_fail(err, -EBADMSG, "it has more than %d units or unit files",
			WB_USER_UNITS_MOST);
	for (size_t i = 0; i < world->n_units; i++) {
		const struct wb_unit *u = &world->units[i];

		if (!is_unit_name(u->name))
			return wb_fail(err, -EBADMSG, "it has a unit without a valid name");
		if (!is_short(u->active, 64) || !is_short(u->sub, 64) || !is_short(u->state, 64) ||
			!is_short(u->cannot, 400) || !is_short(u->fragment, 4095))
			return wb_fail(err, -EBADMSG, "it says more about %s than a manager would",
				u->name);
	}
	for (size_t i = 0; i < world->n_files; i++)
		if (!wb_runtime_file_split(world->files[i].path, world->uid, dir, &rest))
			return wb_fail(
				err, -EBADMSG, "it has a unit file outside of its own directories");
	return 0;
}

void wb_world_deinit(struct wb_world *world)
{
	if (!world)
		return;
	wb_world_shorten(world, 0, 0);
	free(world->units);
	free(world->files);
	*world = (struct wb_world){};
}

int wb_units_add_world(struct wb_units *units, struct wb_world *world)
{
	int r = grow(&units->worlds, units->n_worlds, sizeof(*units->worlds), WB_UNITS_MOST);

	if (r < 0)
		return r;
	units->worlds[units->n_worlds++] = *world;
	*world = (struct wb_world){};
	return 0;
}

int wb_units_add_user(struct wb_units *units, const struct wb_user_file *user)
{
	int r;

	for (size_t i = 0; i < units->n_users; i++)
		if (units->users[i].uid == user->uid)
			return -EEXIST;
	if (wb_units_world(units, user->uid))
		return -EEXIST;
	r = grow(&units->users, units->n_users, sizeof(*units->users), WB_USERS_MOST);
	if (r < 0)
		return r;
	units->users[units->n_users] = *user;
	units->users[units->n_users++].lost = NULL;
	return 0;
}

void wb_units_deinit(struct wb_units *units)
{
	if (!units)
		return;
	for (size_t i = 0; i < units->n_users; i++)
		free(units->users[i].lost);
	free(units->users);
	free(units->files_id);
	for (size_t i = 0; i < units->n_worlds; i++)
		wb_world_deinit(&units->worlds[i]);
	free(units->worlds);
	free(units->boot_id);
	free(units->nonce);
	free(units->replayed_boot);
	*units = (struct wb_units){};
}

const struct wb_world *wb_units_world(const struct wb_units *units, int64_t uid)
{
	for (size_t i = 0; i < units->n_worlds; i++)
		if (units->worlds[i].uid == uid)
			return &units->worlds[i];
	return NULL;
}
