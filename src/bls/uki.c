// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The source "uki": unified kernel images in EFI/Linux (Boot Loader Specification type 2).
 * src/image decides whether one can be loaded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/dirs.h"
#include "bls/file.h"
#include "bls/pe.h"
#include "bls/sdboot.h"
#include "bls/sources.h"
#include "bls/stub.h"
#include "bls/text.h"

/* The limit of systemd-boot and the stub. */
#define MAX_PROFILES 256
#define NO_UKI "it is no unified kernel image (no .linux section)"

/* The value of `key`, unquoted, copied; NULL none. The last line wins. -ENOMEM. */
static int get(const char *text, const char *key, char **ret)
{
	WB_CLEAN_STR copy = text ? strdup(text) : NULL;
	char *at = copy, *k, *v, *found = NULL;

	if (text && !copy)
		return -ENOMEM;
	while (at && wb_next_key(&at, "=", true, &k, &v))
		if (strcmp(k, key) == 0)
			found = v;
	if (!found || !*found)
		return 0;
	*ret = strdup(found);
	return *ret ? 0 : -ENOMEM;
}

/* The first of `keys` that has a value. */
static int get_first(const char *text, const char *const *keys, char **ret)
{
	int r = 0;

	for (; *keys && r == 0 && !*ret; keys++)
		r = get(text, *keys, ret);
	return r;
}

/* The fields for the title, in falling precedence (UAPI.1 type 2). */
static const char *const title_keys[] = {"PRETTY_NAME", "IMAGE_ID", "NAME", "ID", NULL};
static const char *const version_keys[] = {
	"IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID", NULL};
static const char *const sort_keys[] = {"IMAGE_ID", "ID", NULL};

/* Name a profile "NAME (PROFILE)"; ids of all but the first profile end in "@PROFILE". */
static int name_profile(const struct wb_uki *uki, struct wb_entry *e, char **ret_suffix)
{
	WB_CLEAN_STR id = NULL;
	WB_CLEAN_STR title = NULL;
	char *old;
	int r = get(uki->profile, "ID", &id);

	if (r == 0)
		r = get(uki->profile, "TITLE", &title);
	if (r < 0)
		return r;
	if (!e->profile && !title)
		return 0;
	old = e->title;
	if ((title       ? asprintf(&e->title, "%s (%s)", old, title)
		    : id ? asprintf(&e->title, "%s (%s)", old, id)
			 : asprintf(&e->title, "%s (Profile #%u)", old, e->profile + 1)) < 0)
		e->title = NULL;
	free(old);
	if (!e->title)
		return -ENOMEM;
	if (!e->profile)
		return 0;
	if ((id ? asprintf(ret_suffix, "@%s", id) : asprintf(ret_suffix, "@%u", e->profile)) < 0)
		*ret_suffix = NULL;
	return *ret_suffix ? 0 : -ENOMEM;
}

/* Fill in `e`, whose id, kernel, profile and counters are set. */
static int fill(const struct wb_files *files, const struct wb_boot_dirs *dirs, const char *mount,
	const struct wb_uki *uki, struct wb_entry *e)
{
	int r = get_first(uki->osrel, title_keys, &e->title);

	if (r == 0)
		r = get_first(uki->osrel, version_keys, &e->version);
	if (r == 0)
		r = get_first(uki->osrel, sort_keys, &e->sort_key);
	if (r < 0)
		return r;
	if (uki->uname) {
		size_t n = strcspn(uki->uname, " \r\n");

		e->release = n ? strndup(uki->uname, n) : NULL;
	}
	if (asprintf(&e->source, "uki %s", e->kernel) < 0)
		e->source = NULL;
	return e->source ? wb_stub_fill(files, dirs, mount, uki, NULL, e) : -ENOMEM;
}

struct file {
	const struct wb_boot_dirs *dirs;
	const char *mount, *name;
	char *path;
	const struct wb_pe *pe;
	const struct wb_entry *named; /* its id and counters */
};

/* Add one profile as an entry. 1: there is no such profile. */
static int add_profile(const struct wb_files *files, const struct file *f, unsigned int profile,
	struct wb_entries *ret)
{
	WB_CLEAN_UKI uki = {};
	WB_CLEAN_STR suffix = NULL;
	WB_CLEAN_STR menu_name = NULL;
	struct wb_entry e = {.counted = f->named->counted,
		.tries_left = f->named->tries_left,
		.tries_done = f->named->tries_done,
		.profile = profile,
		.since = profile ? 257 : 0};
	int r = wb_uki_read(files, f->path, f->pe, profile, &uki);

	if (r < 0)
		return r == -ENOENT ? 1 : r;
	e.kernel = strdup(f->path);
	r = e.kernel ? fill(files, f->dirs, f->mount, &uki, &e) : -ENOMEM;
	if (r == 0 && !e.title) {
		wb_entry_deinit(&e);
		if (profile)
			return 0;
		if (!uki.has_linux && !uki.thin_kernel)
			return wb_entries_warn(ret, "%s was skipped: " NO_UKI, f->path);
		return wb_entries_warn(ret,
			"%s was skipped: boot loaders show no image without a name in an .osrel "
			"section",
			f->path);
	}
	/*
	 * A program without a kernel, such as systemd-boot itself, is in the menu if it lies in
	 * this directory.
	 */
	if (r == 0 && !uki.has_linux && !uki.thin_kernel)
		r = wb_entry_cannot(&e, NO_UKI);
	if (r == 0)
		r = name_profile(&uki, &e, &suffix);
	if (r == 0 && asprintf(&e.id, "%s%s", f->named->id, suffix ? suffix : "") < 0)
		e.id = NULL;
	if (r == 0 && asprintf(&menu_name, "%s%s", f->name, suffix ? suffix : "") < 0)
		menu_name = NULL;
	if (r == 0)
		r = e.id && menu_name ? wb_menu_add(f->path, menu_name, "", &e, ret) : -ENOMEM;
	wb_entry_deinit(&e);
	return r;
}

static int add(const struct wb_files *files, const char *mount, const char *name,
	const struct wb_boot_dirs *dirs, struct wb_entries *ret)
{
	WB_CLEAN_PE pe = {};
	WB_CLEAN_STR path = NULL;
	struct wb_entry named = {};
	struct wb_error err = {};
	struct file f = {dirs, mount, name, NULL, &pe, &named};
	int r = 0;

	if (!wb_bls_name(name, ".efi", true, &named.id, &named) ||
		strncasecmp(name, "auto-", 5) == 0) {
		wb_entry_deinit(&named);
		return 0;
	}
	if (named.id && asprintf(&path, "%s/EFI/Linux/%s", mount, name) < 0)
		path = NULL;
	f.path = path;
	if (!named.id || !path)
		r = -ENOMEM;
	else if (dirs->by_id && wb_entries_has(ret, named.id))
		r = 1;
	else
		r = wb_pe_read(files, path, &pe, &err);
	if (r < 0 && r != -ENOMEM) {
		r = wb_entries_warn(ret, "%s was skipped: %s", path, err.text);
	} else if (r == 0 && pe.kind == WB_PE_FOREIGN) {
		r = wb_entries_warn(ret, "%s was skipped: it is for another kind of machine", path);
	} else if (r == 0 && pe.kind == WB_PE_NONE) {
		r = wb_entries_warn(ret, "%s was skipped: " NO_UKI, path);
	} else {
		for (unsigned int i = 0; r == 0 && i < MAX_PROFILES; i++)
			r = add_profile(files, &f, i, ret);
	}
	wb_entry_deinit(&named);
	return r == -ENOMEM ? r : 0;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	WB_CLEAN_BOOT_DIRS dirs = {};
	int r = wb_boot_dirs_find(files, NULL, &dirs);

	return r == -ENOMEM ? r : wb_boot_dirs_each(files, &dirs, "EFI/Linux", add, ret);
}

const struct wb_entry_source wb_source_uki = {"uki", find};
