/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The indexes of the target kernel's modules and modprobe.d(5), for the files that find
 * the modules to pack: modules.c for the root, devices.c for all other devices.
 */
#pragma once

#include "core/text.h"
#include "warminit/parts.h"

struct index {
	const struct wb_files *files;
	struct wb_error *err;
	const char *release, *cmdline;
	char dir[300];
	struct wb_blob dep, alias, softdep, builtin, modinfo;
	struct wb_blob options; /* all of modprobe.d */
	struct wb_warm_modules *out;
	struct wb_strv seen;  /* modules that were added */
	struct wb_strv asked; /* aliases of devices that were looked at */
};

/* Fill in the blobs from `release`. -ENOENT: it has no modules.dep. -ENOMEM. */
int wb_index_read(struct index *ix);
void wb_index_deinit(struct index *ix);

/* Turn "-" into "_", since both are the same in the name of a module. */
void wb_index_tidy(char *s);
/* The kernel's MODULE_NAME_LEN is less than 64: a longer word names no module, and gives "". */
void wb_index_name(struct wb_span word, char ret[64]);
bool wb_index_known(const struct index *ix, const char *name);
/* Names of the loadable and built-in modules whose alias matches, in depmod's order. -ENOMEM. */
int wb_index_match(const struct index *ix, const char *alias, struct wb_strv *ret);
/* Add the modules of all aliases that match, as modprobe does. Errors as wb_index_need(). */
int wb_index_need_alias(struct index *ix, const char *alias, int depth, bool *ret_found);
/* Built-in modules keep their aliases as "NAME.alias=PATTERN", each with a NUL. */
bool wb_index_is_builtin(const struct index *ix, const char *alias);
/*
 * Does modprobe.d do more with the module than give it parameters, or forbid it? udev asks kmod, which
 * knows how.
 */
bool wb_index_is_special(const struct index *ix, const char *name);
/* Add `name` after everything that it depends on. -ENOENT, -ENOMEM. */
int wb_index_need(struct index *ix, const char *name, int depth);
/* The last component of the target of a link in a device's directory; "" when there is none. */
void wb_index_link(const struct index *ix, const char *dir, const char *link, char ret[64]);

/* Add the modules that drive the network cards, or all bound devices, now. -ENOMEM. */
int wb_index_need_network(struct index *ix);
int wb_index_need_devices(struct index *ix);
