// SPDX-License-Identifier: LGPL-2.1-or-later
/* Checks of paths and names of units that came from outside. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "core/valid.h"

/* systemd.unit(5): "must not exceed 255 characters". */
#define LONGEST_UNIT 255
/* With its kind and a suffix it has to be the name of a file and part of a unit's name. */
#define LONGEST_GUEST 200

static bool valid_unit(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	if (n > LONGEST_UNIT || n <= m || strcmp(s + n - m, suffix))
		return false;
	if (*s == '.' || *s == '@')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(":_.\\-@", *s))
			return false;
	return true;
}

bool wb_valid_service_name(const char *s)
{
	return valid_unit(s, ".service");
}

bool wb_valid_socket_name(const char *s)
{
	return valid_unit(s, ".socket");
}

bool wb_valid_uuid(const char *s)
{
	static const char like[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i;

	for (i = 0; s[i] && like[i]; i++)
		if (like[i] == '-' ? s[i] != '-' : !strchr("0123456789abcdef", s[i]))
			return false;
	return !s[i] && !like[i];
}

bool wb_valid_guest_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > LONGEST_GUEST || !isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.+-", *s))
			return false;
	return true;
}

bool wb_valid_kept_name(const char *s)
{
	const char *colon = strchr(s, ':');

	if (wb_valid_service_name(s))
		return true;
	if (!colon || colon == s)
		return false;
	for (const char *p = s; p < colon; p++)
		if (!islower((unsigned char)*p))
			return false;
	return wb_valid_guest_name(colon + 1);
}

bool wb_valid_path(const char *s)
{
	if (*s != '/' || strlen(s) >= PATH_MAX)
		return false;
	for (size_t n; *s; s += n) {
		s += strspn(s, "/");
		n = strcspn(s, "/");
		if (n > NAME_MAX || (n == 1 && *s == '.') || (n == 2 && !strncmp(s, "..", 2)))
			return false;
	}
	return true;
}

bool wb_path_is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}
