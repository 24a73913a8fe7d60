// SPDX-License-Identifier: LGPL-2.1-or-later
/* The source "grub": GRUB's menu as boot entries, and the entry that GRUB would boot. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "grub/bare.h"
#include "grub/blscfg.h"
#include "grub/commands.h"
#include "grub/config.h"
#include "grub/grub.h"
#include "grub/list.h"
#include "grub/menu.h"
#include "grubscript/file.h"

/* The CPU name that GRUB has, which is that of the firmware. */
static const char *cpu_of(const struct wb_files *files, bool is_efi)
{
	uint64_t bits = wb_read_number(files, "/sys/firmware/efi/fw_platform_size");

	if (!*WB_GRUB_CPU || (is_efi && !bits))
		return WB_GRUB_UNKNOWN_TEXT;
	return is_efi && bits == 64 ? WB_GRUB_CPU_WIDE : WB_GRUB_CPU;
}

static int set_exported(struct wb_grub *g, const char *name, const char *value)
{
	int r = wb_grub_env_set(&g->env, name, value);

	return r == 0 ? wb_grub_env_export(&g->env, name) : r;
}

/*
 * Set the variables that GRUB's core sets before the script runs; the features are those of 2.12.
 */
static int preset(struct wb_grub *g, bool is_efi)
{
	static const char *const features[] = {"feature_chainloader_bpb", "feature_ntldr",
		"feature_platform_search_hint", "feature_default_font_path",
		"feature_all_video_module", "feature_menuentry_id", "feature_menuentry_options",
		"feature_200_final", "feature_nativedisk_cmd", "feature_timeout_style"};
	/* Only GRUB knows the values of these; other variables are unset. */
	static const char *const unknown[] = {"cmdpath", "fw_path", "biosnum", "lockdown",
		"shim_lock", "package_version", "pxe_default_server", "net_default_server",
		"net_default_interface", "net_default_ip", "net_default_mac"};
	const char *platform = is_efi ? "efi" : "pc";
	const char *slash = strrchr(g->config, '/');
	WB_CLEAN_STR dir = NULL;
	int r = 0;

	if (asprintf(&dir, "(" WB_GRUB_DEVICE_SYSTEM ")%.*s", (int)(slash - g->config), g->config) <
		0)
		dir = NULL;
	if (!dir)
		return -ENOMEM;
	{
		const struct {
			const char *name, *value;
		} set[] = {{"prefix", dir}, {"root", WB_GRUB_DEVICE_CONFIG},
			{"grub_platform", platform}, {"grub_cpu", cpu_of(g->files, is_efi)}};

		for (size_t i = 0; i < sizeof(set) / sizeof(*set) && r == 0; i++)
			r = set_exported(g, set[i].name, set[i].value);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown) && r == 0; i++)
		r = set_exported(g, unknown[i], WB_GRUB_UNKNOWN_TEXT);
	for (size_t i = 0; i < sizeof(features) / sizeof(*features) && r == 0; i++)
		r = set_exported(g, features[i], "y");
	return r;
}

/* The directory that is GRUB's root if nothing else says so: "/boot" of /boot/grub/grub.cfg. */
static char *base_of(const char *config)
{
	const char *end = strstr(config, "/grub/grub.cfg");

	if (!end)
		end = strstr(config, "/grub2/grub.cfg");
	return end && end > config ? strndup(config, (size_t)(end - config)) : strdup("/boot");
}

static int read_mounts(struct wb_grub *g)
{
	WB_CLEAN_BLOB text = {};
	struct wb_error ignored = {};
	int r = g->files->read(
		g->files->ctx, "/proc/self/mountinfo", WB_TEXT_LIMIT, &text, &ignored);

	if (r == 0)
		r = wb_mounts_parse((char *)text.data, &g->mounts);
	if (r == -ENOMEM || r == -ENOENT)
		return r == -ENOMEM ? r : 0;
	return r < 0 ? wb_grub_unsure(g, "/proc/self/mountinfo is not understood") : 0;
}

static int prepare(struct wb_grub *g, bool is_efi)
{
	int r = read_mounts(g);

	if (r < 0)
		return r;
	g->max_steps = WB_GRUB_MAX_STEPS;
	g->flavour = wb_grub_flavour(g->files, g->config);
	if (!g->base)
		g->base = base_of(g->config);
	return g->base ? preset(g, is_efi) : -ENOMEM;
}

/* Turn the menu and its default into entries. */
static int finish(
	struct wb_grub *g, struct wb_grub_menu *menu, bool has_config, struct wb_entries *ret)
{
	const struct wb_grub_item *chosen = NULL;
	int r = wb_grub_run_menu(g, menu, &chosen);
	const char *config = g->opened ? g->opened : g->config;

	if (r == 0 && has_config)
		r = wb_grub_check_variables(g, chosen);
	if (r == 0 && g->unsure)
		r = wb_entries_warn(ret, "%s: %s, so no entry is the default", config, g->unsure);
	return r < 0 ? r : wb_grub_list_menu(g, menu, g->unsure ? NULL : chosen, ret);
}

static int find_in(const struct wb_files *files, const char *config, bool is_efi,
	const char *unsure, struct wb_entries *ret, size_t *ret_n)
{
	struct wb_grub_menu menu = {};
	struct wb_grub g = {.files = files,
		.warnings = &ret->warnings,
		.commands = wb_grub_commands,
		.menu = &menu,
		.config = config};
	int r = prepare(&g, is_efi);

	if (r == 0 && unsure)
		r = wb_grub_unsure(&g, "%s", unsure);
	if (r == 0)
		r = wb_grub_run_file(&g, config);
	if (r == 0)
		r = finish(&g, &menu, true, ret);
	*ret_n = menu.n;
	wb_grub_menu_deinit(&menu);
	wb_grub_deinit(&g);
	return r;
}

/* Find entries if GRUB has no configuration but LoaderInfo says that it started this system. */
static int find_bare(const struct wb_files *files, struct wb_entries *ret)
{
	struct wb_grub_menu menu = {};
	const char *esp = wb_grub_bare_esp(files);
	WB_CLEAN_STR info = NULL;
	WB_CLEAN_STR config = NULL;
	WB_CLEAN_STR dir = NULL;
	struct wb_grub g = {.files = files,
		.warnings = &ret->warnings,
		.commands = wb_grub_commands,
		.menu = &menu};
	int r = esp ? wb_loader_variable(files, "LoaderInfo", &info) : -ENOENT;

	if (r == -ENOMEM)
		return r;
	if (r < 0 || strncasecmp(info, "GRUB", 4) != 0)
		return 0;
	if (asprintf(&config, "%s/EFI/opensuse/grub.cfg", esp) < 0)
		config = NULL;
	if (asprintf(&dir, "%s/loader/entries", esp) < 0)
		dir = NULL;
	if (!config || !dir)
		return -ENOMEM;
	g.config = config;
	g.base = strdup(esp);
	g.opened = strdup(dir);
	r = g.base && g.opened ? prepare(&g, true) : -ENOMEM;
	if (r == 0)
		r = wb_grub_add_default(&g, esp, info);
	if (r == 0)
		r = wb_grub_bls_dir(&g, dir, false);
	if (r == 0)
		r = finish(&g, &menu, false, ret);
	wb_grub_menu_deinit(&menu);
	wb_grub_deinit(&g);
	return r;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	struct wb_grub_start start = {};
	size_t n = 0;
	int r = wb_grub_start(files, &start);

	if (r == 0 && start.path)
		r = find_in(files, start.path, start.is_efi, start.unsure, ret, &n);
	if (r == 0 && !n && start.fallback)
		r = find_in(files, start.fallback, start.is_efi,
			"the configuration on the ESP shows no menu", ret, &n);
	if (r == 0 && !start.path)
		r = find_bare(files, ret);
	if (r == -ENOMEM)
		r = wb_fail(err, r, "out of memory while reading %s",
			start.path ? start.path : "GRUB's entries");
	free(start.path);
	free(start.fallback);
	return r;
}

const struct wb_entry_source wb_source_grub = {"grub", find};
