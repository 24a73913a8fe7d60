// SPDX-License-Identifier: LGPL-2.1-or-later
/* The commands load_env and save_env, which read GRUB's environment block. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grub/envblock.h"
#include "grubscript/path.h"

/* Parse a list of blocks, "512+1" in sectors (grub_fs_blocklist_open()). */
static bool parse_blocks(const char *s, unsigned long *ret_at, unsigned long *ret_n)
{
	return wb_grub_number(s, ret_at, &s) && *s == '+' && wb_grub_number(s + 1, ret_n, &s) &&
	       !*s && *ret_at < 1ul << 32 && *ret_n && *ret_n <= 128;
}

/*
 * Read an environment block outside of any file: GRUB 2.14 keeps one in the space that btrfs
 * reserves for boot loaders. Only the device under the file system that the script names is read.
 */
static int read_blocks(
	struct wb_grub *g, const char *path, struct wb_blob *ret, const char **ret_why)
{
	const char *list = strchr(path, ')');
	WB_CLEAN_STR node = NULL;
	struct wb_error ignored = {};
	unsigned long at, n;
	int r;

	*ret_why = "it is no supported list of blocks";
	if (!list || !parse_blocks(list + 1, &at, &n))
		return WB_GRUB_UNSURE;
	r = wb_grub_block_device(g, path, &node, ret_why);
	if (r != WB_GRUB_FOUND)
		return r;
	*ret_why = "its device cannot be read";
	r = g->files->read_at(g->files->ctx, node, (uint64_t)at * 512, n * 512, ret, &ignored);
	if (r == -ENOMEM)
		return r;
	return r >= 0 && ret->size == n * 512 ? WB_GRUB_FOUND : WB_GRUB_UNSURE;
}

/* Read an environment block from a file or a list of blocks. Returns as wb_grub_locate(). */
static int read_env(struct wb_grub *g, const char *path, struct wb_blob *ret, const char **ret_why)
{
	const char *name = *path == '(' ? strchr(path, ')') : path - 1;
	WB_CLEAN_STR real = NULL;
	struct wb_error ignored = {};
	int r;

	if (name && name[1] && name[1] != '/')
		return read_blocks(g, path, ret, ret_why);
	r = wb_grub_locate(g, path, &real, ret_why);
	if (r != WB_GRUB_FOUND)
		return r;
	*ret_why = "it cannot be read";
	r = g->files->read(g->files->ctx, real, WB_TEXT_LIMIT, ret, &ignored);
	if (r == -ENOMEM)
		return r;
	return r < 0 ? WB_GRUB_UNSURE : WB_GRUB_FOUND;
}

/*
 * Make the variables of an unreadable block unknown. Such a block does not hold the places of
 * GRUB's files.
 */
static int forget(struct wb_grub *g, const struct wb_strv *only)
{
	int r = only->n ? 0 : wb_grub_forget_values(g);

	g->status = -1;
	for (size_t i = 0; i < only->n && r == 0; i++)
		r = wb_grub_set(g, only->items[i], WB_GRUB_UNKNOWN_TEXT);
	return r;
}

static int load_env_options(const struct wb_strv *args, char **ret_file, struct wb_strv *ret_only)
{
	for (size_t i = 1; i < args->n; i++) {
		const char *a = args->items[i], *name = NULL;

		if ((strcmp(a, "-f") == 0 || strcmp(a, "--file") == 0) && i + 1 < args->n)
			name = args->items[++i];
		else if (strncmp(a, "--file=", 7) == 0)
			name = a + 7;
		else if (*a != '-' && wb_strv_add(ret_only, a) < 0)
			return -ENOMEM;
		if (!name)
			continue;
		free(*ret_file);
		*ret_file = strdup(name);
		if (!*ret_file)
			return -ENOMEM;
	}
	return 0;
}

int wb_grub_cmd_load_env(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR file = NULL;
	WB_CLEAN_STRV only = {};
	WB_CLEAN_BLOB blob = {};
	struct wb_grub_env env = {};
	const char *why = NULL, *shown;
	bool valid = false;
	int r = load_env_options(args, &file, &only);

	if (r == 0 && !file && asprintf(&file, "%s/grubenv", wb_grub_get(g, "prefix")) < 0) {
		file = NULL;
		r = -ENOMEM;
	}
	if (r == 0)
		r = read_env(g, file, &blob, &why);
	if (r < 0)
		return r;
	if (r == WB_GRUB_ABSENT) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	shown = strrchr(file, ')') ? strrchr(file, ')') + 1 : file;
	if (r != WB_GRUB_FOUND) {
		r = wb_strv_addf(g->warnings, "%s: the environment block %s cannot be read: %s",
			g->config, wb_grub_is_known(shown) ? shown : "that it names", why);
		return r < 0 ? r : forget(g, &only);
	}
	r = wb_grub_env_parse(wb_blob_view(&blob), &only, &env, &valid);
	for (size_t i = 0; i < env.n && r == 0; i++)
		r = wb_grub_set(g, env.items[i].name, env.items[i].value);
	wb_grub_env_deinit(&env);
	if (r == 0 && !valid) {
		g->status = WB_GRUB_ERROR;
		r = wb_strv_addf(g->warnings,
			"%s: %s was skipped: it does not begin as a GRUB environment block",
			g->config, shown);
	}
	return r;
}

/*
 * The configuration empties next_entry and saves it, since it was to start that entry once
 * (grub-reboot(8)). Nothing is saved here; the file is noted for the default entry.
 */
int wb_grub_cmd_save_env(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR file = NULL;
	WB_CLEAN_STR real = NULL;
	WB_CLEAN_STRV names = {};
	WB_CLEAN_BLOB blob = {};
	struct wb_grub_env env = {};
	struct wb_error ignored = {};
	const char *why;
	bool valid;
	int r = load_env_options(args, &file, &names);

	if (r == 0 && !file && asprintf(&file, "%s/grubenv", wb_grub_get(g, "prefix")) < 0) {
		file = NULL;
		r = -ENOMEM;
	}
	if (r < 0 || g->load || g->once || !wb_strv_has(&names, "next_entry") ||
		*wb_grub_get(g, "next_entry"))
		return r;
	r = wb_grub_locate(g, file, &real, &why);
	if (r == WB_GRUB_FOUND)
		r = g->files->read(g->files->ctx, real, WB_TEXT_LIMIT, &blob, &ignored);
	if (r)
		return r == -ENOMEM ? r : 0;
	r = wb_grub_env_parse(wb_blob_view(&blob), &names, &env, &valid);
	if (r == 0 && *wb_grub_env_get(&env, "next_entry")) {
		g->once = real;
		real = NULL;
	}
	wb_grub_env_deinit(&env);
	return r;
}
