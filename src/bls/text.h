/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts and patterns as systemd-boot reads them. */
#pragma once

#include <stdbool.h>

/*
 * The next "KEY<sep>VALUE" line of *at, which is changed and advanced. Comments, empty lines and
 * keys without a value are skipped. False at the end. (line_get_key_value() of systemd's src/boot.)
 */
bool wb_next_key(char **at, const char *sep, bool unquote, char **ret_key, char **ret_value);

/*
 * Match an id as systemd-boot does, both in small letters (efi_fnmatch(): '*', '?', "[a-z]" and
 * backslash; there is no "[!a]").
 */
bool wb_efi_match(const char *pattern, const char *text);
/* Turn ASCII letters into small ones, in place. */
char *wb_small_letters(char *s);
