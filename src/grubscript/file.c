// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running a script that is a file, and telling it its own name. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/file.h"
#include "grubscript/script.h"

/* Warn that a file was not read to its end. */
static int end_file(struct wb_grub *g, const char *path)
{
	int r = 0;

	if (!g->stopped)
		return 0;
	r = wb_strv_addf(g->warnings, "%s was read only in part: %s", path, g->stopped);
	g->stopped = NULL;
	if (r == 0)
		r = wb_grub_forget_values(g);
	if (r == 0)
		r = wb_grub_unsure(g, "%s was read only in part", path);
	return r;
}

static int set_place(struct wb_grub *g, const char *file, const char *dir)
{
	int r = wb_grub_env_set(&g->env, "config_file", file);

	if (r == 0)
		r = wb_grub_env_set(&g->env, "config_directory", dir);
	if (r == 0)
		r = wb_grub_env_export(&g->env, "config_file");
	return r == 0 ? wb_grub_env_export(&g->env, "config_directory") : r;
}

/* Run a file with the variables that name it (read_config_file() of normal/main.c). */
static int run_text_of(struct wb_grub *g, const char *path, struct wb_grub_text text)
{
	WB_CLEAN_STR outer_file = strdup(wb_grub_get(g, "config_file"));
	WB_CLEAN_STR outer_dir = strdup(wb_grub_get(g, "config_directory"));
	WB_CLEAN_STR file = wb_strf("(" WB_GRUB_DEVICE_SYSTEM ")%s", path);
	WB_CLEAN_STR dir =
		wb_strf("(" WB_GRUB_DEVICE_SYSTEM ")%.*s", (int)(strrchr(path, '/') - path), path);
	int r = outer_file && outer_dir && file && dir ? set_place(g, file, dir) : -ENOMEM;

	if (r == 0)
		r = wb_grub_run(g, text);
	return r == 0 ? set_place(g, outer_file, outer_dir) : r;
}

int wb_grub_run_file(struct wb_grub *g, const char *path)
{
	WB_CLEAN_BLOB blob = {};
	struct wb_grub_text text;
	char *copy;
	int r;

	if (g->n_files >= WB_GRUB_MAX_FILES) {
		r = wb_strv_addf(
			g->warnings, "%s was not read: too many files include files", path);
		wb_grub_forget(g);
		return r < 0 ? r : wb_grub_unsure(g, "%s was not read", path);
	}
	r = wb_read_text(g->files, path, g->warnings, &blob);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		g->status = WB_GRUB_ERROR;
		wb_grub_forget(g);
		return wb_grub_unsure(g, "%s cannot be read", path);
	}
	g->n_files++;
	copy = strndup((char *)blob.data, blob.size);
	if (copy)
		wb_grub_clean(copy);
	r = wb_grub_keep_text(g, copy, &text);
	if (r == 0)
		r = run_text_of(g, path, text);
	return r < 0 ? r : end_file(g, path);
}
