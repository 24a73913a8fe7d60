/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the interpreter of GRUB's script (grub-core/script/execute.c). The interpreter runs
 * the part of a script that decides on the entries, on the kernels they boot and on the default.
 * Nothing is booted.
 */
#pragma once

#include "core/files.h"
#include "core/mountinfo.h"
#include "grubscript/env.h"

/* The variant of GRUB. Distributions' patches change its behaviour; see docs/boot-entries.md. */
enum wb_grub_flavour {
	WB_GRUB_UPSTREAM,
	WB_GRUB_REDHAT,
	WB_GRUB_ANY, /* one of these: where they differ, the result is unknown */
};

/*
 * A status that stands for any error, whose number differs between versions. A failed test has
 * status 1.
 */
#define WB_GRUB_ERROR 0x10000

struct wb_grub;
struct wb_grub_load; /* item.h */
struct wb_grub_menu;

/* Script text that is still to be read. */
struct wb_grub_text {
	const char *p, *end;
};

struct wb_grub_function {
	char *name;
	struct wb_grub_text body; /* into one of `texts` */
};

struct wb_grub_command {
	const char *name; /* NULL ends a table */
	/* Run the command, whose name is the first of `args`, and set the status of the script. 0 or -ENOMEM. */
	int (*run)(struct wb_grub *g, const struct wb_strv *args);
};

#define WB_GRUB_MAX_FILES 32
/* the same as MAX_RECURSION_DEPTH of GRUB's script/execute.c */
#define WB_GRUB_MAX_DEPTH 64
#define WB_GRUB_MAX_STEPS 20000       /* of the configuration */
#define WB_GRUB_MAX_BODY_STEPS 400000 /* of all entries together */
#define WB_GRUB_MAX_READ (64u << 20)  /* bytes */
#define WB_GRUB_MAX_ITEMS 4096
#define WB_GRUB_MAX_VARIABLES 2048
#define WB_GRUB_MAX_EXPANDED (16u << 20)

struct wb_grub {
	const struct wb_files *files;
	struct wb_strv *warnings;
	/* Tables of the supported commands; NULL ends the list. */
	const struct wb_grub_command *const *commands;
	struct wb_mounts mounts;
	enum wb_grub_flavour flavour;
	const char *config; /* the configuration with which GRUB began */
	char *base;         /* directory of GRUB's root, if there is no mountinfo: "/boot" */
	char *opened;       /* the configuration whose menu replaces that of config, or NULL */
	struct wb_grub_env env;
	struct wb_grub_function *functions;
	size_t n_functions;
	char **texts; /* functions and bodies point into them */
	size_t n_texts, n_files;
	struct wb_grub_menu *menu;  /* menu that gets new entries; NULL: none */
	struct wb_grub_load *load;  /* of the entry whose body is running, or NULL */
	struct wb_strv *args;       /* $1 … of the running function or body, or NULL */
	int status, last_status;    /* $?, and its value before this command; negative: unknown */
	unsigned int in_functions;  /* depth of running functions */
	bool in_submenu;            /* a submenu's body is running */
	unsigned int loops, breaks; /* active_loops, active_breaks */
	bool is_continue, returning;
	/*
	 * A branch that may have run has left this function or loop, so the commands that follow
	 * may be skipped in GRUB.
	 */
	bool doubt_return, doubt_break;
	/* number of loops and branches around the current command that may not run in GRUB */
	unsigned int doubt;
	unsigned int forks; /* number of forks that are open */
	unsigned int depth, steps, max_steps, items;
	size_t read;         /* bytes of scripts */
	size_t expanded;     /* bytes of expanded variables and of copies of them */
	bool over;           /* GRUB left this configuration */
	const char *stopped; /* reason why reading ended early, or NULL */
	char *unsure;        /* part of a sentence: why no default is known, or NULL */
	char *once;          /* the file with a next_entry that the configuration clears, or NULL */
	char *claimed_device, *claimed_above; /* see wb_grub_claim() */
};

/* Functions that return int return 0 or -ENOMEM; an error in a script becomes a warning. */

/*
 * Set a variable for the script. The value is unknown if it is not known whether the command runs.
 */
int wb_grub_set(struct wb_grub *g, const char *name, const char *value);
const char *wb_grub_get(const struct wb_grub *g, const char *name);
/* Make all variables unknown. */
void wb_grub_forget(struct wb_grub *g);
/* Make all variables unknown except $root and $prefix, the places of GRUB's files. */
int wb_grub_forget_values(struct wb_grub *g);
/* Note why the default is not known; the first reason stays. `fmt` gives a part of a sentence. */
int wb_grub_unsure(struct wb_grub *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool wb_grub_in_doubt(const struct wb_grub *g);
/* Keep a text as long as g exists. Takes it over, also on failure. */
int wb_grub_keep_text(struct wb_grub *g, char *text, struct wb_grub_text *ret);
/* Free everything but the menu, which is the caller's. */
void wb_grub_deinit(struct wb_grub *g);
