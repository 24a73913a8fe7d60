/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and editing a kernel command line by whole parameters. Quoting is that of the kernel's
 * next_arg() (lib/cmdline.c): spaces separate, double quotes protect spaces, and '-' and '_' are
 * the same in a parameter's name. A final '*' in an argument `name` stands for any rest
 * ("warmboot.*").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Value of the last parameter `name` (the kernel lets the last one win), copied without quotes
 * into *ret (free it); "" for a bare flag. Stops at " -- ", whose rest belongs to init.
 * 0 found, -ENOENT absent, -ENOMEM.
 */
int wb_cmdline_get(const char *cmdline, const char *name, char **ret);
bool wb_cmdline_has(const char *cmdline, const char *name);
/* A copy without any parameter called `name`. *ret to be freed. -ENOMEM. */
int wb_cmdline_remove(const char *cmdline, const char *name, char **ret);
/* `cmdline` and `more` with one space between (either may be empty). *ret to be freed. -ENOMEM. */
int wb_cmdline_append(const char *cmdline, const char *more, char **ret);

/*
 * Call fn for each word up to "--". name and value are NUL-terminated copies without quotes; value
 * is NULL for a bare flag. Stops when fn returns other than 0, and returns that. -ENOMEM.
 */
int wb_cmdline_each(
	const char *cmdline, int (*fn)(const char *name, const char *value, void *arg), void *arg);
