// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading texts and matching patterns as systemd-boot does (systemd's src/boot/efi-string.c). */
#include <string.h>

#include "bls/text.h"

bool wb_next_key(char **at, const char *sep, bool unquote, char **ret_key, char **ret_value)
{
	while (**at) {
		char *line = *at, *end = line + strcspn(line, "\r\n"), *value;

		*at = *end ? end + 1 : end;
		*end = 0;
		line += strspn(line, " \t");
		while (end > line && strchr(" \t", end[-1]))
			*--end = 0;
		value = line + strcspn(line, sep);
		if (*line == '#' || !*value)
			continue;
		*value++ = 0;
		value += strspn(value, sep);
		if (unquote && end > value && strchr("\"'", *value) && end[-1] == *value) {
			end[-1] = 0;
			value += end - 1 > value;
		}
		*ret_key = line;
		*ret_value = value;
		return true;
	}
	return false;
}

char *wb_small_letters(char *s)
{
	for (char *p = s; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return s;
}

/*
 * Is `c` in the set that begins at *p? Returns the place behind the set; NULL: it has no end. A ']'
 * that comes first is a member, and so is a '-' at either end or behind a range.
 */
static const char *match_set(const char *p, unsigned char c, bool *ret_found)
{
	bool found = false, may_range = false;
	unsigned char low = 0;

	for (bool first = true;; first = false) {
		bool escaped = *p == '\\';

		if (!escaped && *p == ']' && !first)
			break;
		if (!escaped && *p == '-' && may_range && p[1] != ']') {
			p += p[1] == '\\' ? 2 : 1;
			if (!*p)
				return NULL;
			found |= low <= c && c <= (unsigned char)*p++;
			may_range = false;
			continue;
		}
		p += escaped;
		if (!*p)
			return NULL;
		low = (unsigned char)*p++;
		found |= low == c;
		may_range = true;
	}
	*ret_found = found;
	return p + 1;
}

static bool match(const char *p, const char *t, unsigned int depth)
{
	bool found = false;

	/* systemd-boot recurses as deeply. */
	if (!depth)
		return false;
	for (; *p; t++) {
		if (*p == '*') {
			p += strspn(p, "*");
			for (; *t; t++)
				if (match(p, t, depth - 1))
					return true;
			return !*p;
		}
		if (!*t)
			return false;
		if (*p == '[') {
			p = match_set(p + 1, (unsigned char)*t, &found);
			if (!p || !found)
				return false;
			continue;
		}
		if (*p == '\\') {
			p++;
			if (!*p || *p != *t)
				return false;
		} else if (*p != '?' && *p != *t) {
			return false;
		}
		p++;
	}
	return !*t;
}

bool wb_efi_match(const char *pattern, const char *text)
{
	return match(pattern, text, 32);
}
