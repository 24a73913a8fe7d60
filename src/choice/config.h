/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The units that an administrator wants to keep: one file for each in WB_KEEP_DIR, NAME.conf, with lines of the
 * form KEY=VALUE, as in a unit file. NAME is that of a service, or one with a kind (choice/kind.h).
 *
 *	How=auto            the best way of keeping it that the preflight allows
 *	How=vm              as a virtual machine, or the jump is refused
 *	How=process         as a process, or the jump is refused
 *	How=restart         by an ordinary stop and start, even if more is possible
 *	Files=PATH          a file or directory on a tmpfs that travels with it; may be repeated
 *	Peers=reset         its connections by Unix socket to programs outside are closed for it by a jump
 *	Peers=restart       with such a connection it is restarted; this is the default
 *	Probe=tcp:PORT      or http:URL, or exec:COMMAND: a test whether the service answers
 *	Priority=NUMBER     a unit with a higher one is frozen later and restored earlier
 */
#pragma once

#include "core/files.h"
#include "core/strv.h"
#include "manifest/way.h"
#include "sys/sys.h"

#define WB_KEEP_DIR "/etc/warmboot/keep.d"

struct wb_keep_config {
	char *name; /* as its file: "nginx.service", or with a kind (choice/kind.h) */
	char *unit; /* the service; NULL: of another kind, and not looked for (keep/named.h) */
	enum wb_keep_how how; /* AUTO, PROCESS or RESTART */
	struct wb_strv files;
	bool reset_peers; /* Peers=reset */
	char *probe;      /* NULL: there is none */
	int64_t priority; /* within WB_KEEP_PRIORITY; 0: as most */
};

/* Priorities reach from minus this number to it. */
#define WB_KEEP_PRIORITY 1000

/* An empty one of this name. -ENOMEM. */
int wb_keep_config_init(struct wb_keep_config *config, const char *name);
void wb_keep_config_deinit(struct wb_keep_config *config);
#define WB_CLEAN_KEEP_CONFIG __attribute__((cleanup(wb_keep_config_deinit))) struct wb_keep_config

struct wb_keep_configs {
	struct wb_keep_config *items; /* sorted by the names of their files */
	size_t n;
};

void wb_keep_configs_deinit(struct wb_keep_configs *configs);
#define WB_CLEAN_KEEP_CONFIGS \
	__attribute__((cleanup(wb_keep_configs_deinit))) struct wb_keep_configs

/*
 * Parse the text of one file; `where` is its path, for messages, and `name` the name from that path.
 * -EBADMSG with a sentence that names the file, the line and the mistake; -ENOMEM.
 */
int wb_keep_config_parse(struct wb_bytes text, const char *where, const char *name,
	struct wb_keep_config *ret, struct wb_error *err);
/* Write the text of such a file. *ret to be freed with free(). -ENOMEM. */
int wb_keep_config_text(const struct wb_keep_config *config, char **ret);

/* A priority from its text. -EINVAL with a sentence. */
int wb_keep_priority_of(const char *text, int64_t *ret, struct wb_error *err);
/* "tcp:PORT", "http:URL", "exec:COMMAND"? -EINVAL with a sentence. */
int wb_keep_check_probe(const char *probe, struct wb_error *err);

/* The words of Peers=, by their number: "restart", "reset"; NULL: no further one. -EINVAL: `word` is none of them. */
const char *wb_keep_peers_word(size_t i);
int wb_keep_peers_find(const char *word, bool *ret_reset);

/* Read all files of WB_KEEP_DIR; none if the directory does not exist. A file with a mistake makes it fail. */
int wb_keep_configs_read(
	const struct wb_files *files, struct wb_keep_configs *ret, struct wb_error *err);
/* Read the file of one. -ENOENT: it is not configured to be kept. */
int wb_keep_config_read(const struct wb_files *files, const char *name, struct wb_keep_config *ret,
	struct wb_error *err);
int wb_keep_config_write(
	const struct wb_sys *sys, const struct wb_keep_config *config, struct wb_error *err);
/* Remove the file of one. -ENOENT with a sentence: there is none. */
int wb_keep_config_remove(const struct wb_sys *sys, const char *name, struct wb_error *err);
