// SPDX-License-Identifier: LGPL-2.1-or-later
/* The table of kinds, and the names that users type. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choice/kind.h"
#include "core/text.h"
#include "core/valid.h"

#define SERVICE ".service"

const struct wb_keep_kind wb_keep_kinds[] = {
	{"vm", "a virtual machine"},
	{"container", "a container"},
	{NULL, "a service"},
};

const struct wb_keep_kind *wb_keep_kind_of(const char *name, const char **ret_bare)
{
	const struct wb_keep_kind *k = wb_keep_kinds;
	size_t n = 0;

	for (; k->word; k++) {
		n = strlen(k->word);
		if (!strncmp(name, k->word, n) && name[n] == ':' && !wb_text_ends(name, SERVICE))
			break;
	}
	if (ret_bare)
		*ret_bare = k->word ? name + n + 1 : name;
	return k;
}

static int name_of_service(const char *typed, char **ret, struct wb_error *err)
{
	/* A dot alone makes no other kind of unit: the service "redis@a.b" has one, too. Only these suffixes do. */
	static const char *const others[] = {".socket", ".timer", ".target", ".mount", ".path",
		".slice", ".scope", ".swap", ".automount", ".device"};
	char *s;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (wb_text_ends(typed, others[i]))
			return wb_fail(err, -EINVAL,
				"%s is no service, and only services can be kept", typed);
	if (wb_text_ends(typed, SERVICE))
		s = strdup(typed);
	else if (asprintf(&s, "%s" SERVICE, typed) < 0)
		s = NULL;
	if (!s)
		return wb_oom(err);
	if (!wb_valid_service_name(s)) {
		free(s);
		return wb_fail(err, -EINVAL, "\"%.128s\" is no name of a service", typed);
	}
	*ret = s;
	return 0;
}

int wb_keep_name(const char *typed, char **ret, struct wb_error *err)
{
	const char *bare;
	const struct wb_keep_kind *kind = wb_keep_kind_of(typed, &bare);

	if (!kind->word)
		return name_of_service(typed, ret, err);
	if (!wb_valid_guest_name(bare))
		return wb_fail(err, -EINVAL,
			"\"%.128s\" is no name of %s: letters, digits, \"_\", \".\", \"+\" and "
			"\"-\" after \"%s:\"",
			typed, kind->one, kind->word);
	*ret = strdup(typed);
	return *ret ? 0 : wb_oom(err);
}
