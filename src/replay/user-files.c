// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files with the units of lingering users, one for each user; the record names them by size and
 * digest. The user controls the contents, so a file is checked like the user's answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "core/text.h"
#include "replay/replay.h"

#define ID_SIZE 16

char *wb_user_file_path(const struct wb_units *units, uint32_t uid)
{
	return wb_strf("%s/%u-%s.json", WB_USER_UNITS_DIR, uid, units->files_id);
}

int wb_user_files_begin(const struct wb_sys *sys, struct wb_units *units, struct wb_error *err)
{
	uint8_t id[ID_SIZE];
	char text[2 * ID_SIZE + 1];
	int r = sys->random(sys->ctx, id, sizeof(id));

	/*
	 * The jump's number would not do: a jump that was refused and is asked for again has the
	 * same.
	 */
	if (r < 0)
		return wb_fail(err, r, "cannot name users' files: %s", strerror(-r));
	wb_hex_write(id, sizeof(id), text);
	free(units->files_id);
	units->files_id = strdup(text);
	return units->files_id ? 0 : wb_oom(err);
}

int wb_user_files_add(const struct wb_sys *sys, struct wb_units *units,
	const struct wb_world *world, struct wb_error *err)
{
	struct wb_user_file user = {.uid = world->uid};
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR path = wb_user_file_path(units, user.uid);
	int r;

	if (!path || wb_world_print(world, &text) < 0)
		return wb_oom(err);
	user.size = strlen(text);
	if (user.size > WB_USER_LARGEST)
		return wb_fail(
			err, -EFBIG, "%s would have more than %u KiB", path, WB_USER_LARGEST >> 10);
	wb_sha256(text, user.size, user.sha256);
	r = sys->make_dir(sys->ctx, WB_USER_UNITS_DIR, 0700);
	if (r < 0)
		return wb_fail(err, r, "cannot make %s: %s", WB_USER_UNITS_DIR, strerror(-r));
	r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, user.size}, 0600);
	if (r < 0)
		wb_fail(err, r, "cannot write %s: %s", path, strerror(-r));
	else if (wb_units_add_user(units, &user) < 0)
		r = wb_oom(err);
	if (r < 0)
		sys->remove_file(sys->ctx, path);
	return r;
}

static int read_one(const struct wb_files *files, const struct wb_units *units,
	const struct wb_user_file *user, struct wb_world *ret, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_user_file_path(units, user->uid);
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_WORLD world = {};
	struct wb_error why = {};
	uint8_t sha256[32];
	int r = path ? files->read(files->ctx, path, WB_USER_LARGEST, &text, err) : wb_oom(err);

	if (r < 0)
		return r;
	wb_sha256(text.data, text.size, sha256);
	if (text.size != user->size || memcmp(sha256, user->sha256, sizeof(sha256)))
		return wb_fail(err, -EBADMSG,
			"%s is damaged, or was written for another jump: it is not the file that "
			"%s names",
			path, WB_UNITS_PATH);
	r = wb_world_parse(wb_blob_view(&text), path, &world, err);
	if (r < 0)
		return r;
	if (world.uid != user->uid)
		return wb_fail(err, -EBADMSG, "%s holds another user's units", path);
	if (wb_world_check(&world, &why) < 0)
		return wb_fail(err, -EBADMSG, "%s makes no sense: %s", path, why.text);
	*ret = world;
	world = (struct wb_world){};
	return 0;
}

int wb_user_files_read(const struct wb_files *files, struct wb_units *units, struct wb_error *err)
{
	for (size_t i = 0; i < units->n_users; i++) {
		struct wb_user_file *user = &units->users[i];
		WB_CLEAN_WORLD world = {};
		struct wb_error why = {};
		int r = read_one(files, units, user, &world, &why);

		if (r == 0)
			r = wb_units_add_world(units, &world);
		else if (r != -ENOMEM) {
			user->lost = strdup(why.text);
			r = user->lost ? 0 : -ENOMEM;
		}
		if (r < 0)
			return wb_oom(err);
	}
	return 0;
}

void wb_user_files_remove(const struct wb_sys *sys, const struct wb_units *units)
{
	for (size_t i = 0; i < units->n_users; i++) {
		WB_CLEAN_STR path = wb_user_file_path(units, units->users[i].uid);

		if (path)
			sys->remove_file(sys->ctx, path);
	}
}

/* The names of all files of a record. -ENOMEM. */
static int named(const struct wb_units *units, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && units && i < units->n_users; i++) {
		WB_CLEAN_STR path = wb_user_file_path(units, units->users[i].uid);

		r = path ? wb_strv_add(ret, path) : -ENOMEM;
	}
	return r;
}

void wb_user_files_sweep(const struct wb_sys *sys, const struct wb_units *units)
{
	WB_CLEAN_STRV names = {}, keep = {};

	/* Files that stay for lack of memory are removed the next time. */
	if (named(units, &keep) < 0 ||
		sys->files->list(sys->files->ctx, WB_USER_UNITS_DIR, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s", WB_USER_UNITS_DIR, names.items[i]);

		if (path && !wb_strv_has(&keep, path))
			sys->remove_file(sys->ctx, path);
	}
}
