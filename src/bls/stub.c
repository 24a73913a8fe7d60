// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rules of systemd-stub for a unified kernel image and the files beside it (systemd-stub(7);
 * systemd's src/boot/stub.c, settle_command_line() and load_all_addons()).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "bls/smbios.h"
#include "bls/stub.h"
#include "core/cmdline.h"

struct stub {
	const struct wb_files *files;
	const struct wb_uki *uki;
	struct wb_entry *e;
	bool secure;
};

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n >= k && strcasecmp(name + n - k, suffix) == 0;
}

static int append(struct wb_entry *e, const char *more)
{
	char *joined;
	int r = wb_cmdline_append(e->cmdline, more, &joined);

	if (r < 0)
		return r;
	free(e->cmdline);
	e->cmdline = joined;
	return 0;
}

static int take_addon(struct stub *s, const char *path)
{
	WB_CLEAN_PE pe = {};
	WB_CLEAN_UKI addon = {};
	struct wb_error err = {};
	bool has_files;
	int r = wb_pe_read(s->files, path, &pe, &err);

	if (r < 0 && r != -ENOMEM)
		return wb_entry_cannot(s->e, "its addon %s cannot be read: %s", path, err.text);
	if (r == 0)
		r = wb_uki_read(s->files, path, &pe, 0, &addon);
	/* The firmware accepts no other files, and the stub accepts no addon with a kernel. */
	if (r < 0 || (pe.kind != WB_PE_OTHER && pe.kind != WB_PE_UKI) || addon.has_linux)
		return r;
	if (addon.uname && s->uki->uname && strcmp(addon.uname, s->uki->uname) != 0)
		return 0;
	if (addon.broken)
		return wb_entry_cannot(s->e, "its addon %s cannot be used: %s", path, addon.broken);
	if (addon.has_devicetree)
		r = wb_entry_lacks(s->e, "the device tree of its addon %s is not passed on", path);
	has_files = addon.has_initrd || addon.has_ucode;
	/* Parameters of the running kernel have passed the firmware's check. */
	if (r == 0 && s->secure &&
		(has_files || (addon.cmdline && *addon.cmdline &&
				      !wb_words_in_force(s->files, addon.cmdline))))
		return wb_entry_cannot(s->e,
			"it is not known whether the firmware accepts its addon %s under Secure "
			"Boot",
			path);
	if (r == 0 && addon.cmdline && *addon.cmdline)
		r = append(s->e, addon.cmdline);
	return r == 0 && has_files ? wb_strv_add(&s->e->addons, path) : r;
}

/* Read the addons of a directory. The names are sorted as by the stub. */
static int take_addons(struct stub *s, const char *dir)
{
	WB_CLEAN_STRV names = {};
	struct wb_error err = {};
	int r = s->files->list(s->files->ctx, dir, &names, &err);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0 && r != -ENOMEM)
		return wb_entry_cannot(s->e, "%s cannot be read: %s", dir, strerror(-r));
	for (size_t i = 0; i < names.n && r == 0; i++) {
		WB_CLEAN_STR path = NULL;

		if (*names.items[i] == '.' || !ends(names.items[i], ".addon.efi"))
			continue;
		if (asprintf(&path, "%s/%s", dir, names.items[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = take_addon(s, path);
	}
	return r;
}

/* Find credentials and extension images, which the stub packs into an initrd. */
static int find_sidecars(struct stub *s, const char *dir, const char *suffix)
{
	WB_CLEAN_STRV names = {};
	struct wb_error err = {};
	int r = s->files->list(s->files->ctx, dir, &names, &err);

	for (size_t i = 0; i < names.n && r >= 0; i++)
		if (*names.items[i] != '.' && ends(names.items[i], suffix))
			r = wb_entry_lacks(s->e,
				"%s/%s reaches the new system through systemd-stub only, which a "
				"jump "
				"leaves out",
				dir, names.items[i]);
	return r == -ENOMEM ? r : 0;
}

/*
 * Check for a counted image's directory: whether its name has the counters depends on the version
 * of the stub.
 */
static int check_counted(struct stub *s)
{
	WB_CLEAN_STR stripped = NULL;
	const char *plus = strrchr(s->e->kernel, '+');

	if (!s->e->counted || !plus || strchr(plus, '/'))
		return 0;
	if (asprintf(&stripped, "%.*s.efi.extra.d", (int)(plus - s->e->kernel), s->e->kernel) < 0) {
		stripped = NULL;
		return -ENOMEM;
	}
	if (!s->files->exists(s->files->ctx, stripped))
		return 0;
	return wb_entry_cannot(s->e,
		"whether %s belongs to it while it has boot counters depends on the version of "
		"systemd-stub",
		stripped);
}

static int look_beside(struct stub *s, const char *mount)
{
	static const struct {
		const char *dir, *suffix;
	} global[] = {{"loader/credentials", ".cred"}, {"loader/extensions", ".raw"}};
	WB_CLEAN_STR addons = NULL;
	WB_CLEAN_STR own = NULL;
	int r;

	if (asprintf(&addons, "%s/loader/addons", mount) < 0)
		addons = NULL;
	if (asprintf(&own, "%s.extra.d", s->e->kernel) < 0)
		own = NULL;
	if (!addons || !own)
		return -ENOMEM;
	r = check_counted(s);
	if (r == 0)
		r = take_addons(s, addons);
	if (r == 0)
		r = take_addons(s, own);
	if (r == 0)
		r = find_sidecars(s, own, ".cred");
	if (r == 0)
		r = find_sidecars(s, own, ".raw");
	for (size_t i = 0; i < 2 && r == 0; i++) {
		WB_CLEAN_STR dir = NULL;

		if (asprintf(&dir, "%s/%s", mount, global[i].dir) < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		r = find_sidecars(s, dir, global[i].suffix);
	}
	return r;
}

/* Replace the stub by the files that it names. */
static int follow(struct stub *s, const struct wb_boot_dirs *dirs, const char *mount)
{
	const struct wb_uki *uki = s->uki;
	WB_CLEAN_STR kernel = wb_boot_path(s->files, dirs, mount, uki->thin_kernel);
	WB_CLEAN_STR initrd = wb_boot_path(s->files, dirs, mount, uki->thin_initrd);

	if (!kernel || !initrd)
		return -ENOMEM;
	if (wb_leads_out(uki->thin_kernel) || wb_leads_out(uki->thin_initrd))
		return wb_entry_cannot(s->e, "it names a file with \"..\" in its path");
	if (!s->files->exists(s->files->ctx, kernel) || !s->files->exists(s->files->ctx, initrd))
		return wb_entry_cannot(s->e, "it names %s, which does not exist",
			s->files->exists(s->files->ctx, kernel) ? initrd : kernel);
	if (wb_strv_add(&s->e->initrds, initrd) < 0)
		return -ENOMEM;
	s->e->kernel_sha256 = strdup(uki->kernel_sha256);
	s->e->initrd_sha256 = strdup(uki->initrd_sha256);
	free(s->e->kernel);
	s->e->kernel = kernel;
	kernel = NULL;
	return s->e->kernel_sha256 && s->e->initrd_sha256 ? 0 : -ENOMEM;
}

int wb_stub_fill(const struct wb_files *files, const struct wb_boot_dirs *dirs, const char *mount,
	const struct wb_uki *uki, const char *options, struct wb_entry *e)
{
	struct stub s = {files, uki, e, wb_secure_boot(files)};
	bool own = !options || !*options || (s.secure && uki->cmdline);
	int r = 0;

	if (uki->broken)
		r = wb_entry_cannot(e, "%s", uki->broken);
	/* With Secure Boot lanzaboote's stub accepts no other command line. It has no addons. */
	e->cmdline = strdup(!own ? options : uki->cmdline ? uki->cmdline : "");
	if (!e->cmdline)
		return -ENOMEM;
	if (r == 0 && uki->thin_kernel && !uki->broken)
		return follow(&s, dirs, mount);
	if (r == 0 && uki->has_devicetree)
		r = wb_entry_lacks(e, "its device tree is not passed on");
	if (r == 0)
		r = look_beside(&s, mount);
	return r == 0 ? wb_smbios_words(files, "io.systemd.stub.kernel-cmdline-extra=", e) : r;
}
