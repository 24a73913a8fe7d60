/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of lines, each with a checksum, which grows until it is shortened. A power cut or a bad
 * block affects only the lines that it damages.
 */
#pragma once

#include <stddef.h>

#include "core/error.h"
#include "core/strv.h"
#include "sys/sys.h"

/* The longest valid line; a record of one boot is a few KiB. */
#define WB_LINE_MAX 65536

/*
 * Make a line of `payload`, one line of JSON, with its checksum and a newline; *ret to be freed.
 * -ENOMEM.
 */
int wb_line_format(const char *payload, char **ret);
/*
 * The payloads of all intact lines, in order. *ret_damaged: the number of others, without blank
 * lines. Pure. -ENOMEM.
 */
int wb_lines_parse(const char *text, size_t size, struct wb_strv *ret, size_t *ret_damaged);
/* The payloads of a file; none when it does not exist. -ENOMEM, or an error of reading. */
int wb_lines_read(const struct wb_files *files, const char *path, struct wb_strv *ret,
	size_t *ret_damaged, struct wb_error *err);

struct wb_lines_limits {
	size_t lines;
	size_t bytes;
};

/*
 * Add one payload. The file is rewritten in one step, without damaged lines and without the oldest
 * ones beyond the limits. Negative errno with a sentence.
 */
int wb_lines_add(const struct wb_sys *sys, const char *path, const char *payload,
	const struct wb_lines_limits *limits, struct wb_error *err);
