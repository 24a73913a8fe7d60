// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands that load a kernel and its initrds, or start an image. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grub/load.h"
#include "grub/uki.h"
#include "grubscript/item.h"
#include "grubscript/path.h"

static bool is_hex_escape(const char *p)
{
	return p[0] == '\\' && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
	       isxdigit((unsigned char)p[3]);
}

/*
 * Quote an argument as GRUB writes it into the kernel's command line (grub-core/lib/cmdline.c). Red
 * Hat's keeps "\x20" unchanged.
 */
static char *quote(char *p, const char *arg, enum wb_grub_flavour flavour)
{
	bool spaces = strchr(arg, ' ') != NULL;

	if (spaces)
		*p++ = '"';
	for (; *arg; arg++) {
		bool hex = is_hex_escape(arg);

		if (hex && flavour == WB_GRUB_ANY)
			*p++ = WB_GRUB_UNKNOWN;
		if (strchr("\\'\"", *arg) && !(hex && flavour == WB_GRUB_REDHAT))
			*p++ = '\\';
		*p++ = *arg;
	}
	if (spaces)
		*p++ = '"';
	return p;
}

static char *join(struct wb_grub *g, char *const *args, size_t n)
{
	size_t size = 1;
	char *cmdline, *p;

	for (size_t i = 0; i < n; i++)
		size += strlen(args[i]) * 3 + 3;
	p = cmdline = malloc(size);
	if (!cmdline)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (i)
			*p++ = ' ';
		p = quote(p, args[i], g->flavour);
	}
	*p = 0;
	return cmdline;
}

/* Find the kernel; wb_grub_locate() gives the reason if it is not found. */
static int set_kernel(struct wb_grub *g, const char *path)
{
	struct wb_grub_load *load = g->load;
	int r;

	load->linux_path = strdup(path);
	if (!load->linux_path)
		return -ENOMEM;
	r = wb_grub_locate(g, path, &load->kernel, &load->why);
	if (r >= 0)
		r = wb_grub_claim(g, path, r, &load->kernel, &load->why);
	if (r < 0)
		return r;
	g->status = r == WB_GRUB_FOUND ? 0 : r == WB_GRUB_ABSENT ? WB_GRUB_ERROR : -1;
	return 0;
}

/* GRUB 2.12's "linux" accepts a unified kernel image, which has a command line of its own. */
static int note_uki(struct wb_grub *g, bool has_args)
{
	struct wb_grub_load *load = g->load;
	size_t n = load->kernel ? strlen(load->kernel) : 0;
	bool is = false;
	int r = 0;

	if (n > 4 && strcasecmp(load->kernel + n - 4, ".efi") == 0)
		r = wb_grub_uki(g->files, load->kernel, &is, NULL);
	if (r < 0 || !is)
		return r;
	load->is_uki = true;
	/*
	 * systemd-stub uses the given arguments instead of its own command line, but not with
	 * Secure Boot.
	 */
	if (has_args)
		load->why = "the image is given a command line that it may ignore";
	return 0;
}

int wb_grub_cmd_linux(struct wb_grub *g, const struct wb_strv *args)
{
	int r;

	if (!g->load || args->n < 2)
		return 0;
	wb_grub_load_clear(g);
	r = set_kernel(g, args->items[1]);
	if (r < 0)
		return r;
	g->load->cmdline = join(g, args->items + 2, args->n - 2);
	return g->load->cmdline ? note_uki(g, args->n > 2) : -ENOMEM;
}

int wb_grub_cmd_initrd(struct wb_grub *g, const struct wb_strv *args)
{
	struct wb_grub_load *load = g->load;
	int r = 0;

	if (!load)
		return 0;
	if (!load->linux_path || load->is_uki) {
		g->status = WB_GRUB_ERROR;
		return 0;
	}
	wb_strv_deinit(&load->initrds);
	load->is_unsure |= wb_grub_in_doubt(g);
	for (size_t i = 1; i < args->n && r == 0; i++) {
		const char *path = args->items[i], *why = NULL;
		WB_CLEAN_STR real = NULL;

		if (*path == '-')
			continue;
		/* GRUB makes an archive of such a file (grub_initrd_init()). */
		if (strncmp(path, "newc:", 5) == 0) {
			load->why = "GRUB would make its initrd by itself ('newc:')";
			continue;
		}
		r = wb_grub_locate(g, path, &real, &why);
		if (r < 0)
			return r;
		/*
		 * If the kernel was found, an absent initrd is left to the load, which reports it.
		 */
		if (r == WB_GRUB_FOREIGN || (r == WB_GRUB_UNSURE && !wb_grub_is_formed(path)))
			load->why = why;
		else if (r != WB_GRUB_FOUND && g->files->exists(g->files->ctx, path))
			load->why = "its initrd is not where GRUB looks for it";
		r = wb_strv_add(&load->initrds, real ? real : path);
	}
	return r;
}

int wb_grub_cmd_chainloader(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR real = NULL;
	const char *path = NULL, *why = NULL;
	size_t i = 1;
	bool uki = false;
	int r;

	if (!g->load)
		return 0;
	wb_grub_load_clear(g);
	while (i < args->n && args->items[i][0] == '-')
		i++;
	if (i < args->n)
		path = args->items[i];
	g->status = -1;
	if (!path || !strchr(path, '/'))
		return 0;
	r = wb_grub_locate(g, path, &real, &why);
	if (r >= 0)
		r = wb_grub_claim(g, path, r, &real, &why);
	if (r < 0)
		return r;
	r = real ? wb_grub_uki(g->files, real, &uki, NULL) : 0;
	if (r < 0 || !uki)
		return r;
	g->load->linux_path = strdup(path);
	g->load->kernel = real;
	real = NULL;
	return g->load->linux_path ? note_uki(g, i + 1 < args->n) : -ENOMEM;
}
