/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GRUB's variables, their values, and the block of them that is stored in a file.
 *
 * A value that only GRUB can know (an answer of the firmware, the result of an unsupported command)
 * is *unknown*: it contains the byte WB_GRUB_UNKNOWN. The byte is copied into every value made of
 * it. So a title, path, command line or default that depends on it is recognised as unknown at the
 * end. For an unknown condition both branches run, and whatever differs after them is unknown.
 */
#pragma once

#include <stdbool.h>

#include "core/bytes.h"
#include "core/strv.h"

#define WB_GRUB_UNKNOWN '\x01'
#define WB_GRUB_UNKNOWN_TEXT "\x01"
/*
 * The name of a device that the script found: WB_GRUB_UNKNOWN, a letter, an id, WB_GRUB_DEVICE_END.
 * The script treats it as unknown; only wb_grub_locate() reads it.
 *	c      the file system with the configuration that GRUB begins with
 *	s      the running system, whose paths follow
 *	u, l   the file system with this UUID or label
 *	m      the mount at this point
 */
#define WB_GRUB_DEVICE_END '\x02'
#define WB_GRUB_DEVICE_CONFIG \
	"\x01"                \
	"c\x02"
#define WB_GRUB_DEVICE_SYSTEM \
	"\x01"                \
	"s\x02"

struct wb_grub_var {
	char *name, *value;
	bool exported; /* submenus and other configurations see it */
};

struct wb_grub_env {
	struct wb_grub_var *items;
	size_t n;
	bool rest_unknown; /* a variable that is not listed may have any value */
};

/* Functions that return int return 0 or -ENOMEM. */

int wb_grub_env_set(struct wb_grub_env *env, const char *name, const char *value);
bool wb_grub_env_has(const struct wb_grub_env *env, const char *name);
/* "" when unset. */
const char *wb_grub_env_get(const struct wb_grub_env *env, const char *name);
int wb_grub_env_export(struct wb_grub_env *env, const char *name);
int wb_grub_env_copy(const struct wb_grub_env *from, bool exported, struct wb_grub_env *ret);
/* Join two environments: a value that differs becomes unknown. */
int wb_grub_env_join(struct wb_grub_env *env, const struct wb_grub_env *other);
void wb_grub_env_forget(struct wb_grub_env *env);
/* Add the variables of an environment block; only those in `only` unless it is empty. */
int wb_grub_env_parse(
	struct wb_bytes in, const struct wb_strv *only, struct wb_grub_env *env, bool *ret_valid);
size_t wb_grub_env_size(const struct wb_grub_env *env);
void wb_grub_env_deinit(struct wb_grub_env *env);

bool wb_grub_is_known(const char *value);
/* Like wb_grub_is_known(), but names of devices count as known. */
bool wb_grub_is_formed(const char *value);
bool wb_grub_is_name(const char *s);
/*
 * A text from a file cannot name a found device: turn each WB_GRUB_DEVICE_END into WB_GRUB_UNKNOWN.
 */
void wb_grub_clean(char *text);
/*
 * Read a number as grub_strtoul() with base 0 does (kern/misc.c). false: no digit. *ret_end: past
 * it.
 */
bool wb_grub_number(const char *s, unsigned long *ret, const char **ret_end);
bool wb_grub_strv_same(const struct wb_strv *a, const struct wb_strv *b);
