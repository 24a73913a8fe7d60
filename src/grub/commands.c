// SPDX-License-Identifier: LGPL-2.1-or-later
/* GRUB's commands: the table of the supported ones, and those that open files or end the script. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/loader.h"
#include "grub/blscfg.h"
#include "grub/commands.h"
#include "grub/envblock.h"
#include "grub/hwmatch.h"
#include "grub/load.h"
#include "grub/search.h"
#include "grubscript/builtin.h"
#include "grubscript/file.h"
#include "grubscript/item.h"
#include "grubscript/path.h"

static int cmd_quiet(struct wb_grub *g, const struct wb_strv *args)
{
	return 0;
}

/* A command without effect here, but whose success only GRUB knows. */
static int cmd_outcome(struct wb_grub *g, const struct wb_strv *args)
{
	g->status = -1;
	return 0;
}

/* As if no key is pressed: a machine that restarts by itself has nobody at the keyboard. */
static int cmd_no_key(struct wb_grub *g, const struct wb_strv *args)
{
	g->status = 1;
	return 0;
}

static int unreadable(struct wb_grub *g, const char *path, const char *why)
{
	WB_CLEAN_STR shown = NULL;

	wb_grub_forget(g);
	g->status = -1;
	shown = strdup(wb_grub_is_known(path) ? path
		       : strrchr(path, '/')   ? strrchr(path, '/')
					      : "");
	return shown ? wb_grub_unsure(g, "it reads another file (%s), and %s", shown, why)
		     : -ENOMEM;
}

static int cmd_source(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR path = NULL;
	const char *why;
	int r;

	if (args->n != 2) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	r = wb_grub_locate(g, args->items[1], &path, &why);
	if (r < 0)
		return r;
	if (r == WB_GRUB_FOUND)
		return wb_grub_run_file(g, path);
	if (r == WB_GRUB_ABSENT) {
		g->status = 0; /* grub_cmd_source() always succeeds */
		return 0;
	}
	return unreadable(g, args->items[1], why);
}

/*
 * Run another configuration with a menu and variables of its own: it sees only exported variables,
 * and this script does not see its variables. If its menu is not empty, only a key press returns
 * from it.
 */
static int other_menu(struct wb_grub *g, const char *path)
{
	struct wb_grub_menu menu = {}, *outer = g->menu;
	struct wb_grub_env env = {};
	int r = wb_grub_env_copy(&g->env, true, &env);

	if (r == 0) {
		struct wb_grub_env saved = g->env;

		g->env = env;
		g->menu = &menu;
		r = wb_grub_run_file(g, path);
		env = g->env;
		g->env = saved;
		g->menu = outer;
	}
	if (r < 0 || (!menu.n && !g->over)) {
		wb_grub_menu_deinit(&menu);
		wb_grub_env_deinit(&env);
		return r;
	}
	if (menu.n && !g->over) {
		free(g->opened);
		g->opened = strdup(path);
		r = g->opened ? 0 : -ENOMEM;
	}
	/* If that configuration opened another one in turn, `menu` is the menu of that one. */
	wb_grub_menu_deinit(outer);
	*outer = menu;
	wb_grub_env_deinit(&g->env);
	g->env = env;
	g->over = true;
	return r;
}

static int cmd_configfile(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR path = NULL;
	const char *why;
	int r;

	if (args->n != 2) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	if (g->load) {
		wb_grub_load_clear(g);
		g->load->opens_menu = true;
		g->load->is_over = !wb_grub_in_doubt(g);
		return 0;
	}
	r = wb_grub_locate(g, args->items[1], &path, &why);
	if (r < 0)
		return r;
	if (r == WB_GRUB_ABSENT)
		return 0;
	if (r != WB_GRUB_FOUND)
		return unreadable(g, args->items[1], why);
	if (g->depth > WB_GRUB_MAX_DEPTH / 2 || g->n_files >= WB_GRUB_MAX_FILES) {
		g->stopped = "too many configurations open each other";
		return 0;
	}
	/* In a submenu the other configuration's entries go into the same menu. */
	if (g->in_submenu || g->forks || wb_grub_in_doubt(g)) {
		r = g->in_submenu
			    ? 0
			    : wb_grub_unsure(g, "only GRUB can know whether it opens %s", path);
		return r < 0 ? r : wb_grub_run_file(g, path);
	}
	return other_menu(g, path);
}

/* Leave the configuration, or the entry. */
static int cmd_leave(struct wb_grub *g, const struct wb_strv *args)
{
	bool boots = strcmp(args->items[0], "boot") == 0;

	if (g->load) {
		g->load->is_unsure |= wb_grub_in_doubt(g);
		if (!boots)
			wb_grub_load_clear(g);
		g->load->is_over = !wb_grub_in_doubt(g);
		return 0;
	}
	if (wb_grub_in_doubt(g))
		g->doubt++; /* for the rest of the script */
	else
		g->over = true;
	return wb_grub_unsure(
		g, "it runs '%s' by itself, before any menu is shown", args->items[0]);
}

/* "--is-supported" only asks for a bit of OsIndicationsSupported (commands/efi/efifwsetup.c). */
static int cmd_fwsetup(struct wb_grub *g, const struct wb_strv *args)
{
	if (args->n < 2 || strcmp(args->items[1], "--is-supported") != 0)
		return cmd_leave(g, args);
	g->status = wb_firmware_menu_status(g->files);
	return 0;
}

/* The entry boots no Linux, or loads it with another command than "linux". */
static int cmd_other_system(struct wb_grub *g, const struct wb_strv *args)
{
	wb_grub_load_clear(g);
	g->status = -1;
	return 0;
}

/* A command that may set anything and add entries. */
static int cmd_anything(struct wb_grub *g, const struct wb_strv *args)
{
	wb_grub_forget(g);
	g->status = -1;
	return wb_grub_unsure(g, "only GRUB can know what '%s' sets", args->items[0]);
}

static const struct wb_grub_command commands[] = {
	{"source", cmd_source},
	{".", cmd_source},
	{"configfile", cmd_configfile},
	{"load_env", wb_grub_cmd_load_env},
	{"save_env", wb_grub_cmd_save_env},
	{"hwmatch", wb_grub_cmd_hwmatch},
	{"search", wb_grub_cmd_search},
	{"search.fs_uuid", wb_grub_cmd_search_dot},
	{"search.fs_label", wb_grub_cmd_search_dot},
	{"search.file", wb_grub_cmd_search_dot},
	{"blscfg", wb_grub_cmd_blscfg},
	{"bls_import", wb_grub_cmd_blscfg},
	{"uki", wb_grub_cmd_uki},
	{"blsuki", wb_grub_cmd_uki},
	{"linux", wb_grub_cmd_linux},
	{"linux16", wb_grub_cmd_linux},
	{"linuxefi", wb_grub_cmd_linux},
	{"initrd", wb_grub_cmd_initrd},
	{"initrd16", wb_grub_cmd_initrd},
	{"initrdefi", wb_grub_cmd_initrd},
	{"chainloader", wb_grub_cmd_chainloader},
	{"keystatus", cmd_no_key},
	{"sleep", cmd_quiet},
	{"boot", cmd_leave},
	{"exit", cmd_leave},
	{"normal_exit", cmd_leave},
	{"halt", cmd_leave},
	{"reboot", cmd_leave},
	{"fwsetup", cmd_fwsetup},
	{"normal", cmd_anything},
	{"lua", cmd_anything},
	{"efi-load-env", cmd_anything},
	{"legacy_source", cmd_anything},
	{"legacy_configfile", cmd_anything},
	{"syslinux_source", cmd_anything},
	{"syslinux_configfile", cmd_anything},
	{"extract_entries_source", cmd_anything},
	{"extract_entries_configfile", cmd_anything},
	{"extract_legacy_entries_source", cmd_anything},
	{"extract_legacy_entries_configfile", cmd_anything},
	{"extract_syslinux_entries_source", cmd_anything},
	{"extract_syslinux_entries_configfile", cmd_anything},
	{"multiboot", cmd_other_system},
	{"multiboot2", cmd_other_system},
	{"xen_hypervisor", cmd_other_system},
	{"legacy_kernel", cmd_other_system},
	{"appleloader", cmd_other_system},
	{"ntldr", cmd_other_system},
	{"freedos", cmd_other_system},
	{"kfreebsd", cmd_other_system},
	{"knetbsd", cmd_other_system},
	{"kopenbsd", cmd_other_system},
	{"plan9", cmd_other_system},
	{"truecrypt", cmd_other_system},
	{"xnu_kernel", cmd_other_system},
	{"xnu_kernel64", cmd_other_system},
	/* These set no variable and load nothing; docs/boot-entries.md lists them. */
	{"echo", cmd_quiet},
	{"insmod", cmd_quiet},
	{"rmmod", cmd_quiet},
	{"list_env", cmd_quiet},
	{"terminal_input", cmd_quiet},
	{"terminal_output", cmd_quiet},
	{"terminfo", cmd_quiet},
	{"serial", cmd_quiet},
	{"clear", cmd_quiet},
	{"play", cmd_quiet},
	{"password", cmd_quiet},
	{"password_pbkdf2", cmd_quiet},
	{"bli", cmd_quiet},
	{"help", cmd_quiet},
	{"ls", cmd_quiet},
	{"cat", cmd_quiet},
	{"lsmod", cmd_quiet},
	{"devicetree", cmd_quiet},
	{"module", cmd_quiet},
	{"module2", cmd_quiet},
	{"xen_module", cmd_quiet},
	{"loopback", cmd_quiet},
	{"btrfs-mount-subvol", cmd_quiet},
	{"background_color", cmd_quiet},
	{"drivemap", cmd_quiet},
	/* Only GRUB knows whether these succeed. */
	{"loadfont", cmd_outcome},
	{"background_image", cmd_outcome},
	{"cryptomount", cmd_outcome},
	{"cryptocheck", cmd_outcome},
	{"nativedisk", cmd_outcome},
	{"authenticate", cmd_outcome},
	{"acpi", cmd_outcome},
	{"date", cmd_outcome},
	{"keymap", cmd_outcome},
	{"cmp", cmd_outcome},
	{"trust", cmd_outcome},
	{"distrust", cmd_outcome},
	{"verify_detached", cmd_outcome},
	{"verify_appended", cmd_outcome},
	{"videoinfo", cmd_outcome},
	{"vbeinfo", cmd_outcome},
	{"wrmsr", cmd_outcome},
	{"gptsync", cmd_outcome},
	{"parttool", cmd_outcome},
	{"efitextmode", cmd_outcome},
	{"usb", cmd_outcome},
	{},
};

const struct wb_grub_command *const wb_grub_commands[] = {wb_grub_builtins, commands, NULL};
