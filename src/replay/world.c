// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

const char *wb_unit_kind(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : "";
}

bool wb_unit_is_up(const struct wb_unit *unit)
{
	return unit->active &&
	       (!strcmp(unit->active, "active") || !strcmp(unit->active, "reloading") ||
		       !strcmp(unit->active, "refreshing"));
}

bool wb_unit_is_starting(const struct wb_unit *unit)
{
	return unit->active && !strcmp(unit->active, "activating");
}

/* Room for one more of `size` bytes, doubling; items stay where they are on failure. */
static int grow(void *items, size_t n, size_t size, size_t most)
{
	void **at = items, *p;

	if (n >= most)
		return -E2BIG;
	/* Full at each power of two, and at nothing. */
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

void wb_world_deinit(struct wb_world *world)
{
	if (!world)
		return;
	for (size_t i = 0; i < world->n_units; i++)
		unit_deinit(&world->units[i]);
	for (size_t i = 0; i < world->n_files; i++)
		file_deinit(&world->files[i]);
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

void wb_units_deinit(struct wb_units *units)
{
	if (!units)
		return;
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
