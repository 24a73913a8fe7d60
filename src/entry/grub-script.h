/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An interpreter for as much of GRUB's script (GRUB manual, "Writing full configuration files
 * directly") as generated configurations use. Nothing is booted: menuentry bodies run as soon as
 * they are met, and linux and initrd only note their arguments.
 */
#pragma once

#include "entry/internal.h"

struct wb_grub_item;

struct wb_grub_menu {
	struct wb_grub_item *items;
	size_t n;
};

struct wb_grub_item {
	char *title;
	char *id;               /* NULL: GRUB takes the title */
	char *file;             /* the BLS file that it comes from, else NULL */
	char *linux_path;       /* as GRUB sees it; NULL: boots no Linux */
	char *cmdline;          /* set together with linux_path */
	struct wb_strv initrds; /* as GRUB sees them */
	bool is_submenu;
	struct wb_grub_menu sub;
};

struct wb_grub_var {
	char *name, *value;
};

struct wb_grub_env {
	struct wb_grub_var *items;
	size_t n;
};

/* Script text that is still to be read. */
struct wb_grub_text {
	const char *p, *end;
};

struct wb_grub_function {
	char *name;
	struct wb_grub_text body; /* into one of `texts` */
};

#define WB_GRUB_MAX_FILES 32
#define WB_GRUB_MAX_DEPTH 64
#define WB_GRUB_MAX_STEPS 20000
#define WB_GRUB_MAX_ITEMS 4096
#define WB_GRUB_MAX_EXPANDED (16u << 20)

struct wb_grub {
	const struct wb_files *files;
	struct wb_entries *warn; /* takes the warnings */
	struct wb_grub_env env;
	struct wb_grub_function *functions;
	size_t n_functions;
	struct wb_blob texts[WB_GRUB_MAX_FILES]; /* files read; functions point into them */
	size_t n_texts;
	struct wb_grub_menu *menu;  /* where entries go now */
	struct wb_grub_item *item;  /* whose body runs now, or NULL */
	const struct wb_strv *args; /* $1 … of the function that runs now, or NULL */
	int status;                 /* $? */
	unsigned int depth, steps, items;
	size_t expanded;     /* bytes that variables gave */
	const char *stopped; /* why reading ended early, or NULL */
};

/* Functions that return int: 0 or -ENOMEM; what is wrong in a script becomes a warning. */

int wb_grub_set(struct wb_grub_env *env, const char *name, const char *value);
/* "" when unset. */
const char *wb_grub_get(const struct wb_grub_env *env, const char *name);
/* Add the variables of an environment block; only those in `only` unless it is empty. */
int wb_grub_env_parse(
	struct wb_bytes in, const struct wb_strv *only, struct wb_grub_env *env, bool *ret_valid);
void wb_grub_env_deinit(struct wb_grub_env *env);

/* Run a script that outlives `g`. */
int wb_grub_run(struct wb_grub *g, struct wb_grub_text text);
/* Read a file (its path as the system sees it) and run it. */
int wb_grub_run_file(struct wb_grub *g, const char *path);
/* The words of a text with quotes removed and variables expanded, appended to ret. */
int wb_grub_words(struct wb_grub *g, const char *text, struct wb_strv *ret);
/* Run a builtin command (at least its name is in args); one that is not known does nothing. */
int wb_grub_builtin(struct wb_grub *g, const struct wb_strv *args);
/* Move `item` to the end of the current menu; it becomes empty. */
int wb_grub_add(struct wb_grub *g, struct wb_grub_item *item);
void wb_grub_item_deinit(struct wb_grub_item *item);
void wb_grub_menu_deinit(struct wb_grub_menu *menu);
/* Everything but the menu, which is the caller's. */
void wb_grub_deinit(struct wb_grub *g);

/*
 * The file that GRUB's path means in the running system, to be freed: GRUB's paths start at the
 * root of a partition (or at a btrfs or ZFS root above the subvolume), the system's at its own.
 * NULL: no such file (*ret_nomem false), or out of memory.
 */
char *wb_grub_path(const struct wb_files *files, const char *path, bool *ret_nomem);
