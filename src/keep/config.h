/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an administrator asked to be kept: one file for each unit in WB_KEEP_DIR, UNIT.conf, with
 * lines of the form KEY=VALUE, as in a unit file.
 *
 *	How=auto            or process, or restart: the highest way of keeping it that is tried
 *	Files=PATH          a file or directory on a tmpfs that travels, too; as often as wanted
 *	Probe=tcp:PORT      or http:URL, or exec:COMMAND: how to tell that the service answers
 */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "sys/sys.h"

#define WB_KEEP_DIR "/etc/warmboot/keep.d"

enum wb_keep_how {
	WB_KEEP_AUTO = 0, /* the highest rung that a preflight allows */
	WB_KEEP_PROCESS,  /* memory, processes and connections, through CRIU */
	WB_KEEP_RESTART, /* an ordinary stop and start, with connections to it held off meanwhile */
};

const char *wb_keep_how_name(enum wb_keep_how how); /* "auto", "process", "restart" */
/* -EINVAL. */
int wb_keep_how_parse(const char *s, enum wb_keep_how *ret);

struct wb_keep_config {
	char *unit;
	enum wb_keep_how how;
	struct wb_strv files;
	char *probe; /* or NULL */
};

void wb_keep_config_deinit(struct wb_keep_config *config);
#define WB_CLEAN_KEEP_CONFIG __attribute__((cleanup(wb_keep_config_deinit))) struct wb_keep_config

struct wb_keep_configs {
	struct wb_keep_config *items; /* by name of the unit */
	size_t n;
};

void wb_keep_configs_deinit(struct wb_keep_configs *configs);
#define WB_CLEAN_KEEP_CONFIGS \
	__attribute__((cleanup(wb_keep_configs_deinit))) struct wb_keep_configs

/*
 * The text of one file; `where` is its path, for messages, and `unit` the name that the path gives.
 * -EBADMSG with a sentence that names file, line and what is wrong; -ENOMEM.
 */
int wb_keep_config_parse(struct wb_bytes text, const char *where, const char *unit,
	struct wb_keep_config *ret, struct wb_error *err);
/* *ret to be freed with free(). -ENOMEM. */
int wb_keep_config_text(const struct wb_keep_config *config, char **ret);

/*
 * A unit's name as a user types it: "memcached" is "memcached.service". -EINVAL with a sentence
 * when it is no service. *ret to be freed.
 */
int wb_keep_unit_name(const char *typed, char **ret, struct wb_error *err);
/* "tcp:PORT", "http:URL", "exec:COMMAND"? -EINVAL with a sentence. */
int wb_keep_check_probe(const char *probe, struct wb_error *err);

/* All of WB_KEEP_DIR; none when there is no such directory. One bad file is the failure of all. */
int wb_keep_configs_read(
	const struct wb_files *files, struct wb_keep_configs *ret, struct wb_error *err);
/* -ENOENT: the unit is not to be kept. */
int wb_keep_config_read(const struct wb_files *files, const char *unit, struct wb_keep_config *ret,
	struct wb_error *err);
int wb_keep_config_write(
	const struct wb_sys *sys, const struct wb_keep_config *config, struct wb_error *err);
/* -ENOENT with a sentence. */
int wb_keep_config_remove(const struct wb_sys *sys, const char *unit, struct wb_error *err);
