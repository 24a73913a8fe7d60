/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The definition of a service in its unit file and drop-ins: a parser, and what its settings mean.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/strv.h"

/* The content of a unit file or drop-in; systemd.unit(5). */
struct wb_unit_text {
	char *path;
	char *text;
};

/* All files of one unit: the fragment first, then drop-ins in systemd's order. */
struct wb_unit_texts {
	struct wb_unit_text *items;
	size_t n;
};

/* "KEY=VALUE"; owned. */
struct wb_setting {
	char *key, *value;
};

void wb_setting_deinit(struct wb_setting *setting);
#define WB_CLEAN_SETTING __attribute__((cleanup(wb_setting_deinit))) struct wb_setting
/*
 * Is a boolean setting on? As in systemd, any value is on except an empty one and those that stand
 * for false.
 */
bool wb_setting_is_on(const char *value);

/* A walk through all settings of a unit, file by file. Starts as {texts}. */
struct wb_definition_walk {
	const struct wb_unit_texts *of;
	size_t next;      /* index of the next file */
	const char *p;    /* position in the current file */
	char section[32]; /* the section of the last setting: "Service" */
};

/* Get the next setting. 1; 0 after the last; -ENOMEM. */
int wb_definition_next(struct wb_definition_walk *walk, struct wb_setting *ret);

/*
 * A setting that makes systemd prepare something before the processes can be restored, beyond what
 * their namespaces show: make a directory in /run, mount, limit devices. NULL: there is none.
 */
const char *wb_definition_asks(const struct wb_unit_texts *of);
/* Does the definition limit or guarantee memory (MemoryMax= and the like)? Pure. */
bool wb_definition_limits_memory(const struct wb_unit_texts *of);
/* Does systemd give the service a /tmp and a /var/tmp of its own (PrivateTmp=)? Pure. */
bool wb_definition_own_tmp(const struct wb_unit_texts *of);
/*
 * Does systemd restart the service after it ended by itself (Restart=)? `failed`: it ended with a
 * failure. Pure.
 */
bool wb_definition_restarts(const struct wb_unit_texts *of, bool failed);

/*
 * The first unit of `after` (all units that this one is ordered after) that its own definition does
 * not name and systemd does not add by default. Such an order comes from another unit, which may
 * wait for anything. Those in `sockets` do not count: its replacement is ordered after them. *ret is
 * borrowed from `after`, NULL: there is none. -ENOMEM.
 */
int wb_definition_late(const struct wb_unit_texts *of, const struct wb_strv *after,
	const struct wb_strv *sockets, const char **ret);

/*
 * Names of the drop-in directories that systemd reads for a unit of this name, the most specific
 * first: "a-b@c.service.d", "a-b@.service.d", "a-@c.service.d", …, "service.d". -ENOMEM.
 */
int wb_definition_dropin_dirs(const char *unit, struct wb_strv *ret);
/*
 * Does StandardInput=, StandardOutput= or StandardError= open `path` ("file:", "append:",
 * "truncate:")? A specifier there matches any text. Pure.
 */
bool wb_definition_names_stream(const struct wb_unit_texts *of, const char *path);
