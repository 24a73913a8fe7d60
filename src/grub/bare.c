// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * GRUB without a grub.cfg (openSUSE's grub2-bls): its built-in script reads loader/entries on the
 * ESP. The default is LoaderEntryOneShot or LoaderEntryDefault of the boot loader interface, which
 * GRUB reads since 2.14, or a variable in EFI/VENDOR/grubenv, as sdbootutil sets them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "grub/bare.h"

/* "GRUB 2.12" does not read the variables, "GRUB 2.14" does. */
static bool reads_variables(const char *info)
{
	const char *p = info + strcspn(info, "0123456789");
	unsigned long major, minor;

	if (!wb_grub_number(p, &major, &p) || *p != '.' || !wb_grub_number(p + 1, &minor, &p))
		return false;
	return major > 2 || (major == 2 && minor >= 13);
}

static int add_variable(struct wb_grub *g, const char *name, bool *ret_set)
{
	WB_CLEAN_STR value = NULL;
	size_t n;
	int r = *ret_set ? -ENOENT : wb_loader_variable(g->files, name, &value);

	if (r < 0 || !*value)
		return r == -ENOMEM ? r : 0;
	n = strlen(value);
	if (n > 5 && strcmp(value + n - 5, ".conf") == 0)
		value[n - 5] = 0;
	*ret_set = true;
	if (strcmp(name, "LoaderEntryOneShot") == 0) {
		g->once = wb_loader_path(name);
		if (!g->once)
			return -ENOMEM;
	}
	/* Only systemd-boot knows patterns and special words. */
	if (strpbrk(value, "*?[@"))
		return wb_grub_unsure(g, "%s is a pattern", name);
	return wb_grub_env_set(&g->env, "default", value);
}

/* Add the variables of EFI/VENDOR/grubenv. */
static int add_grubenv(struct wb_grub *g, const char *esp)
{
	WB_CLEAN_STRV names = {};
	WB_CLEAN_STR dir = NULL;
	struct wb_error ignored = {};
	struct wb_strv all = {};
	size_t n = 0;
	int r = 0;

	if (asprintf(&dir, "%s/EFI", esp) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	if (g->files->list(g->files->ctx, dir, &names, &ignored) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < names.n && r == 0; i++) {
		WB_CLEAN_STR path = NULL;
		WB_CLEAN_BLOB text = {};
		bool valid;

		if (asprintf(&path, "%s/%s/grubenv", dir, names.items[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (!g->files->exists(g->files->ctx, path))
			continue;
		if (n++)
			return wb_grub_unsure(g, "there is more than one grubenv below %s", dir);
		r = wb_read_text(g->files, path, g->warnings, &text);
		if (r == 0)
			r = wb_grub_env_parse(wb_blob_view(&text), &all, &g->env, &valid);
		else if (r != -ENOMEM)
			r = wb_grub_unsure(g, "%s cannot be read", path);
	}
	return r;
}

int wb_grub_add_default(struct wb_grub *g, const char *esp, const char *info)
{
	static const char *const variables[] = {"LoaderEntryOneShot", "LoaderEntryDefault"};
	static const char *const names[] = {"next_entry", "default", "saved_entry"};
	bool set = false;
	int r = add_grubenv(g, esp);

	for (size_t i = 0; i < 2 && r == 0 && reads_variables(info); i++)
		r = add_variable(g, variables[i], &set);
	for (size_t i = 0; i < 3 && r == 0 && !set; i++) {
		WB_CLEAN_STR value = strdup(wb_grub_get(g, names[i]));

		if (!value)
			return -ENOMEM;
		if (!*value)
			continue;
		set = true;
		if (strlen(value) > 5 && strcmp(value + strlen(value) - 5, ".conf") == 0)
			value[strlen(value) - 5] = 0;
		r = wb_grub_env_set(&g->env, "default", value);
	}
	return r;
}

int wb_grub_check_variables(struct wb_grub *g, const struct wb_grub_item *chosen)
{
	static const char *const variables[] = {"LoaderEntryOneShot", "LoaderEntryDefault"};
	WB_CLEAN_STR info = NULL;
	int r = chosen ? wb_loader_variable(g->files, "LoaderInfo", &info) : -ENOENT;

	if (r < 0 || strncasecmp(info, "GRUB", 4) != 0 || !reads_variables(info))
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_STR value = NULL;
		const char *id = chosen->id ? chosen->id : chosen->title;
		size_t n = strlen(id);

		r = wb_loader_variable(g->files, variables[i], &value);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || !*value)
			continue;
		if (strncasecmp(value, id, n) == 0 &&
			(!value[n] || strcasecmp(value + n, ".conf") == 0))
			return 0;
		return wb_grub_unsure(g,
			"%s names another entry, and versions of GRUB differ in whether they obey "
			"it",
			variables[i]);
	}
	return 0;
}

/* The ESP with the entries; NULL: none. */
const char *wb_grub_bare_esp(const struct wb_files *files)
{
	static const char *const mounts[] = {"/boot/efi", "/efi", "/boot"};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/loader/entries", mounts[i]);
		if (files->exists(files->ctx, path))
			return mounts[i];
	}
	return NULL;
}
