/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of lines, each with a checksum, that only ever grows until it is made smaller: what a
 * power cut or a bad block did to one line costs that line and no other.
 */
#pragma once

#include <stddef.h>

#include "core/error.h"
#include "core/strv.h"
#include "sys/sys.h"

/* Longest line that is believed; a record of one boot is a few KiB. */
#define WB_LINE_MAX 65536

/* `payload`, one line of JSON, with its checksum and a newline; *ret to be freed. -ENOMEM. */
int wb_line_format(const char *payload, char **ret);
/*
 * The payloads of all sound lines, in order. *ret_damaged: how many others there were; blank lines
 * are nothing. Pure. -ENOMEM.
 */
int wb_lines_parse(const char *text, size_t size, struct wb_strv *ret, size_t *ret_damaged);
/* The file's payloads; none when it does not exist. -ENOMEM, or why it cannot be read. */
int wb_lines_read(const struct wb_files *files, const char *path, struct wb_strv *ret,
	size_t *ret_damaged, struct wb_error *err);

struct wb_lines_limits {
	size_t lines;
	size_t bytes;
};

/*
 * Add one payload. The file is then written anew in one step, without damaged lines and without the
 * oldest ones beyond the limits. Negative errno with a sentence.
 */
int wb_lines_add(const struct wb_sys *sys, const char *path, const char *payload,
	const struct wb_lines_limits *limits, struct wb_error *err);
