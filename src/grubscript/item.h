/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Menu entries, and the kernel and initrds that the body of an entry loads. */
#pragma once

#include "grubscript/state.h"

struct wb_grub_item;

struct wb_grub_menu {
	struct wb_grub_item *items;
	size_t n;
};

/* The kernel and the initrds that the body of an entry loads. */
struct wb_grub_load {
	char *linux_path; /* as GRUB names it; NULL: no Linux */
	char *kernel;     /* as the running system names it; NULL: see why */
	/* set together with linux_path, except for a unified kernel image */
	char *cmdline;
	const char *why;        /* part of a sentence: why the kernel or an initrd is not known */
	struct wb_strv initrds; /* as the running system names them */
	bool is_uki;            /* chainloaded: the command line is the image's own */
	bool opens_menu;        /* it shows another menu instead */
	bool is_over;           /* it booted: later commands have no effect */
	bool is_unsure;         /* not all branches load the same */
};

struct wb_grub_item {
	char *title;
	char *id;                 /* NULL: GRUB uses the title */
	char *file;               /* its BLS file, else NULL */
	struct wb_strv args;      /* $1 and so on of the body; the title is the first */
	struct wb_grub_text body; /* into one of the texts of struct wb_grub */
	bool is_submenu;
	bool is_maybe;   /* not all branches define it */
	bool is_movable; /* its place in the menu is not known */
	struct wb_grub_load load;
	struct wb_grub_menu sub;
};

/*
 * Define a menuentry or submenu. `args` are its words. The body runs when GRUB starts the entry.
 * -ENOMEM.
 */
int wb_grub_define(struct wb_grub *g, const struct wb_strv *args, struct wb_grub_text body);
/* Move `item` to the end of the current menu; it becomes empty. */
int wb_grub_add(struct wb_grub *g, struct wb_grub_item *item);
/* Forget the kernel and initrds that the entry loaded. */
void wb_grub_load_clear(struct wb_grub *g);
bool wb_grub_same_load(const struct wb_grub_load *a, const struct wb_grub_load *b);
int wb_grub_load_copy(const struct wb_grub_load *from, struct wb_grub_load *ret);
void wb_grub_load_deinit(struct wb_grub_load *load);
/* Are title, id, arguments and body equal? */
bool wb_grub_same_item(const struct wb_grub_item *a, const struct wb_grub_item *b);
void wb_grub_item_deinit(struct wb_grub_item *item);
void wb_grub_menu_deinit(struct wb_grub_menu *menu);
